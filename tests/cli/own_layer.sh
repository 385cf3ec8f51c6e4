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
