#!/bin/sh
# own_layer.sh CONVIS DOCS - layers of a user's own from the shell: the guide's example, what is refused, and what is kept.
docs=$(cd "$2" && pwd)
. "$(dirname "$0")/tap.sh"
has() { is "$1" grep -qE -- "$2" "$3"; }

# The example of docs/guide.md is what is tested: the C code of its page.
awk '/^```c/ { code = 1; next } /^```/ { if (code && text ~ /fade\.c - /) { printf "%s", text; exit } code = 0; text = "" }
     code { text = text $0 "\n" }' "$docs/guide.md" > fade.c
cat > m.yaml <<END
dt: 0.01
layers:
  - {name: low, type: lowpass, tau: 0.02}
  - {name: adapted, type: ./fade.c, tau: 0.2}
END
cat > same.yaml <<END
dt: 0.01
layers:
  - {name: low, type: lowpass, tau: 0.02}
  - {name: adapted, type: highpass, tau: 0.2, hold: constant}
END
stim='stim:checkers?duration=0.3'

echo '# trust'
no  'not without being asked' 1 'fade.c: a layer that brings its own code, which would run with all your rights; if you trust it: --allow-code' \
    convis run m.yaml $stim --size 8x8 -q -o refused.npy
yes 'asked'                    convis run m.yaml $stim --size 8x8 -q -o own.npy --allow-code
yes 'the built-in twin'        convis run same.yaml $stim --size 8x8 -q -o same.npy
cat > close.py <<'END'
import sys
def read(name):
    import struct
    data = open(name, "rb").read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack("<%df" % ((len(data) - start)//4), data[start:])
a, b = read(sys.argv[1]), read(sys.argv[2])
worst, size = max(abs(x - y) for x, y in zip(a, b)), max(map(abs, b))
sys.exit(not (len(a) == len(b) and len(a) == 30*64 and 0 < size and worst < 1e-5*size))
END
is  'says what its twin says'  python3 close.py own.npy same.npy
yes 'any chunks'               convis run m.yaml $stim --size 8x8 -q -o chunks.npy --allow-code --chunk 7
is  'the same bits'            cmp own.npy chunks.npy
yes 'one thread'               convis run m.yaml $stim --size 8x8 -q -o one.npy --allow-code --threads 1 --device cpu:baseline
is  'the same bits'            cmp own.npy one.npy
yes 'from another folder'      sh -c 'mkdir -p below && cd below && "$0" run ../m.yaml '$stim' --size 8x8 -q -o ../below.npy --allow-code' "$convis"
is  'the same bits'            cmp own.npy below.npy
yes 'its gradient, in double'  convis gradcheck m.yaml --size 6x5 --allow-code
has 'every number'             'adapted.tau' out
no  'no gradient unasked'      1 'brings its own code' convis gradcheck m.yaml --size 6x5

echo '# what it is'
yes 'describe'                 convis describe ./fade.c --allow-code
has 'its parameters'           'tau *0.5 *s *1e-06..1000 *differentiable *time constant' out
yes 'JSON'                     convis describe ./fade.c --allow-code --json
has 'its equation'             'm.t. = m.t-1. [+] b' out
no  'describe, unasked'        1 'brings its own code' convis describe ./fade.c
yes 'of the model'             convis describe m.yaml --allow-code
has 'settings'                 'adapted.tau *0.2 *s' out

echo '# cached'
mkdir -p none
no  'no compiler, new text'    1 "a layer of one's own needs a C compiler of that name" \
    env PATH="$PWD/none" CONVIS_CACHE= "$convis" run m.yaml $stim --size 8x8 -q -o x.npy --allow-code
yes 'no compiler, known text'  env PATH="$PWD/none" "$convis" run m.yaml $stim --size 8x8 -q -o kept.npy --allow-code
is  'the same bits'            cmp own.npy kept.npy
mkdir -p temporary
yes 'nowhere to keep it'       env CONVIS_CACHE= TMPDIR="$PWD/temporary" "$convis" run m.yaml $stim --size 8x8 -q -o x.npy --allow-code
is  'nothing is left behind'   test -z "$(ls temporary)"

echo '# faults of the file'
variant() { mkdir -p "$1"; sed "$2" fade.c > "$1/fade.c"; sed 's/tau: 0.2/tau: 0.3/' m.yaml > "$1/m.yaml"; }
refuses() { no "$1" 1 "$2" convis run "$3/m.yaml" $stim --size 8x8 -q -o x.npy --allow-code; }
variant broken 's/m\[i\] += b/m[i] += nothing_of_that_name/'
refuses 'no C'                 'fade.c: the compiler refuses it:' broken
has 'the line'                 'fade.c:[0-9]*:[0-9]*: error: .*nothing_of_that_name' err
variant nameless 's/const convis_layer_type fade/const convis_layer_type other/'
refuses 'no table'             "fade.c: it defines no 'fade', expected the layer's table: const convis_layer_type fade" nameless
variant old 's/CONVIS_LAYER_ABI/4/'
refuses 'an old table'         'fade.c: its table has ABI 4, this library expects' old
variant missing 's/state\[0\] = x\[0\]/state[0] = x[0] + of_no_library(1)/; s/^static double baseline/double of_no_library(int); static double baseline/'
refuses 'a function of nowhere' 'fade.c: compiled, but it cannot be loaded: undefined symbol: of_no_library' missing
variant empty 's/.*//'
refuses 'an empty file'        "fade.c: " empty
variant kernelless 's/"fade_forward", .adj/"fade_other", .adj/'
refuses 'no such kernel'       "has no kernel 'fade_other'" kernelless
variant undeclared 's/= -convis_expm1(/= -expm2(/'
refuses 'a function of no header' 'fade.c: the compiler refuses it:' undeclared
has 'the line'                 'fade.c:[0-9]*:[0-9]*: error: implicit declaration of function .*expm2' err
variant pointer 's/state.0. = x.0.;/int *place = state; place[0] = x[0] > 0;/'
refuses 'an address of another type' 'fade.c: the compiler refuses it:' pointer
has 'the line'                 'fade.c:[0-9]*:[0-9]*: error: .*pointer' err
variant doubled 's/^#ifndef CONVIS_HOST/int of_all_halves(void);\nint of_all_halves(void) { return 1; }\n&/'
refuses 'what is there twice'  'fade.c: the compiler refuses it:' doubled
has 'says the linker'          'multiple definition of .of_all_halves|duplicate symbol.*of_all_halves' err
variant unexported '/^CONVIS_EXPORT/d'
refuses 'no CONVIS_EXPORT'     "fade.c: it exports no kernels of 'fade', expected CONVIS_EXPORT(fade, ...) at the end of its upper half" unexported
variant misexported 's/^CONVIS_EXPORT(fade/CONVIS_EXPORT(other/'
refuses 'another CONVIS_EXPORT' "fade.c: it exports no kernels of 'fade'" misexported
sed 's/fade.c/foo.c/; s/tau: 0.2/tau: 0.3/' m.yaml > foo.yaml
cp fade.c foo.c
no  'the name of another file' 1 "foo.c: its lower half speaks of 'fade', expected 'foo', as the file is called" \
    convis run foo.yaml $stim --size 8x8 -q -o x.npy --allow-code
sed -i 's/ .source = convis_fade_source,//' foo.c
no  'and without its text'     1 "foo.c: it defines no 'foo', expected the layer's table: const convis_layer_type foo, as the file is called" \
    convis run foo.yaml $stim --size 8x8 -q -o x.npy --allow-code

echo '# kernels and tables that differ'
forward='adapted: the kernel fade_forward has'
adjoint='adapted: the kernel fade_adjoint has'
variant tapeless 's/ .tape = 1,//'
refuses 'no tape in the table' "$forward 5 arguments, expected 4 by the table of fade: parameters, inputs (1), output, further outputs (0), states (1), tape (0)" tapeless
variant untaped 's/CONVIS_KERNEL5(fade_forward\(.*\), TAPE before/CONVIS_KERNEL4(fade_forward\1/; /if (before)/d'
refuses 'no tape in the kernel' "$forward 4 arguments, expected 5 by the table of fade: parameters, inputs (1), output, further outputs (0), states (1), tape (1)" untaped
variant fewer 's/CONVIS_KERNEL8(fade_adjoint\(.*\), OUT dmap/CONVIS_KERNEL7(fade_adjoint\1/; /dmap.i. +=/d'
refuses 'an adjoint of 7'      "$adjoint 7 arguments, expected 8 by the table of fade: parameters, inputs (1), output, tape (1), and gradients: d_out, d_states (1), d_inputs (1), d_map" fewer
variant inputless 's/ .inputs = 1,//'
refuses 'no inputs in the table' "$forward 5 arguments, expected 4 by the table of fade: parameters, inputs (0)" inputless
variant stateless 's/{ "m", "1", 0, 0, 0, 0, "the average" }, //'
refuses 'no state in the table' "$forward 5 arguments, expected 4 by the table of fade: parameters, inputs (1), output, further outputs (0), states (0), tape (1)" stateless
variant more 's/ .inputs = 1,/ .inputs = 2, .min_inputs = 1,/'
refuses 'more inputs than taken' "$forward 5 arguments, expected 6 by the table of fade: parameters, inputs (2)" more
variant minus 's/ .tape = 1,/ .tape = -1,/'
refuses 'a tape of -1'         'adapted: the table of fade has 1 inputs and a tape of -1, expected 0 or more' minus
variant block 's/CONVIS_KERNEL5(fade_forward/typedef struct own_numbers { int k; } own_numbers;\nCONVIS_KERNEL_OF(own_numbers, fade_forward/'
refuses 'numbers of its own'   'adapted: the kernel fade_forward takes a struct of numbers (CONVIS_KERNEL_OF), which' block
sed 's/fade.c/gone.c/' m.yaml > gone.yaml
no  'no such file'             1 'gone.c: cannot be opened' convis run gone.yaml $stim --size 8x8 -q -o x.npy --allow-code
sed 's/fade.c/my-fade.c/' m.yaml > odd.yaml
cp fade.c my-fade.c
no  'an odd name'              1 'my-fade.c: the file is called as its layer is in C' convis run odd.yaml $stim --size 8x8 -q -o x.npy --allow-code
printf 'dt: 0.01\nlayers:\n  - {name: low, type: lowpass, fingerprint: 3f}\n' > low.yaml
no  'a fingerprint of nothing' 1 'fingerprint: expected of a layer whose type is a file' convis describe low.yaml

echo '# models in files'
yes 'as YAML'                  convis describe m.yaml --allow-code --yaml
cp out written.yaml
has 'with its file'            "type: .*$PWD/fade.c" written.yaml
has 'and what is in it'        'fingerprint: "?[0-9a-f]{32}' written.yaml
yes 'reads back'               convis run written.yaml $stim --size 8x8 -q -o back.npy --allow-code
is  'the same bits'            cmp own.npy back.npy
yes 'a fit'                    convis fit m.yaml --stimulus own.npy --response same.npy --free adapted.tau -o fitted.h5 --epochs 2 -q --allow-code
no  'needs the file'           1 'brings its own code' convis run fitted.h5 $stim --size 8x8 -q -o x.npy
yes 'and has it'               convis run fitted.h5 $stim --size 8x8 -q -o x.npy --allow-code
mkdir -p moved && cp fitted.h5 moved && sed 's/slow average\./slow average!/' fade.c > moved/fade.c
mv fade.c away.c
yes 'beside the model'         convis run moved/fitted.h5 $stim --size 8x8 -q -o x.npy --allow-code
has 'which has changed'        'fade.c is not the file with which the model was written: fingerprint' err
no  'nowhere'                  1 'fade.c: cannot be opened' convis run fitted.h5 $stim --size 8x8 -q -o x.npy --allow-code
mv away.c fade.c
echo "1..$count"
