#!/bin/sh
# models.sh CONVIS - transcripts about models in files: describe --yaml both ways, settings, options, results that run again, bad YAML.
. "$(dirname "$0")/tap.sh"

stim='stim:checkers?seed=3'
run() { convis run "$@" --size 28x24 --frames 30 -q; }

yes 'a stimulus'                    convis stim checkers --size 28x24 --frames 30 -q -o noise.npy

# ---- Built-in models of layers ----

for model in L LN LNLN LNFDLNF McIntosh GLM subunit simple_cell complex_cell motion_energy direction_selective \
             opl_recursive opl_half_recursive opl_separable opl_full; do
    yes "describe $model"           convis describe $model
    is  'which has settings'        grep -q '^  dt  *0.0*1 ' out
    convis describe $model --yaml > $model.yaml
    case $model in GLM) out=spikes.csv ;; *) out=map.npy ;; esac
    yes "run $model"                convis run $model noise.npy -q -o $out
    mv $out first
    yes "run $model.yaml"           convis run $model.yaml noise.npy -q -o $out
    is  'which says the same'       cmp $out first
done
no  'no layers in XML'   1 'only retinas'               convis describe LN --xml

# ---- Settings and options ----

yes 'a kernel by its name'          convis run LN noise.npy -q -o map.npy --set 'filter.weights=gabor?sigma=2&frequency=0.2' --set filter.width=9
yes 'dt and the past'               convis run LN noise.npy -q -o map.npy --dt 0.02 --initial 100
yes 'more stages'                   convis run LNLN noise.npy -q -o map.npy --set stages=3 --probe filter_3=third.npy
yes 'one receptive field'           convis run LN noise.npy -q -o rate.csv --set readout=rf --set nonlinearity=softplus
yes 'an option in a file'           convis describe LNLN --set stages=3 --yaml
is  'has its layers'                grep -q 'name: filter_3' out
no  'no such option'     1 "did you mean"               convis run LNLN noise.npy -q -o map.npy --set stage=3
no  'too many stages'    1 'whole number of 1 to 8'     convis run LNLN noise.npy -q -o map.npy --set stages=99
no  'no such kernel'     1 'gausian'                    convis run LN noise.npy -q -o map.npy --set 'filter.weights=gausian?sigma=2'
no  'no such numerics'   1 'numerics'                   convis run LN noise.npy -q -o map.npy --numerics converged
no  'a size alone'       2 '--size goes with --yaml'    convis describe retina --size 10x10
no  'a layer as a model' 2 "'lif' is a layer"           convis describe lif --yaml

# ---- Parameter files of Convis ----

files=$data/convis
yes 'its movie'                    convis convert $files/expected.npz:grey grey.npy -q
yes 'sizes from an .npz'            convis run LN grey.npy -q -o map.npy --initial 0.5 --params $files/ln.npz --save-params set.txt
is  'which are all there'           grep -q '^filter.weights.1199. ' set.txt
mv map.npy first
convis run LN grey.npy -q -o map.npy --save-state state.bin
yes 'the same kernel by its path'   convis run LN grey.npy -q -o map.npy --initial 0.5 --set filter.weights="file?path=$files/ln.npz:conv_weight" \
                                    --set filter.frames=12 --set filter.height=10 --set filter.width=10
is  'says the same'                 cmp map.npy first
yes 'settled on its first frame'    convis run LN grey.npy -q -o map.npy --params $files/ln.npz --settle 11
is  'which is what went before'     cmp map.npy first
no  'not afterwards'     1 'settles before the first'   convis run LN grey.npy -q -o map.npy --settle 1 --load-state state.bin
yes 'what comes after it'           convis run LN grey.npy -q -o map.npy --params $files/ln.npz --set filter.weights=gaussian
is  'is another'                    sh -c '! cmp -s map.npy first'
yes 'its OPL, exactly'              convis run opl_recursive grey.npy -q -o map.npy --params $files/opl_recursive.npz --set filters=convis
is  'without a word'                test ! -s err
yes 'and as the equations say'      convis run opl_recursive grey.npy -q -o map.npy --params $files/opl_recursive.npz
is  'with one'                      grep -q 'filters=convis computes them so' err

# ---- Retinas ----

convis describe primate --yaml > settings.yaml
convis describe primate --yaml --size 40x36 > layers.yaml
convis stim grating --size 40x36 --frames 60 -q -o grating.npy
yes 'a retina'                      convis run primate grating.npy -q -o a.csv --probe bipolar=a.npy
yes 'by its settings'               convis run settings.yaml grating.npy -q -o b.csv --probe bipolar=b.npy
is  'has the same spikes'           cmp a.csv b.csv
yes 'by its layers'                 convis run layers.yaml grating.npy -q -o c.csv --probe bipolar=c.npy
is  'has the same spikes'           cmp a.csv c.csv
is  'and the same currents'         cmp a.npy c.npy
convis stim grating --size 41x36 --frames 9 -q -o other.npy
no  'and no other size'    1 'input: 41x36 pixels; the model is for movies of 40x36 alone' convis run layers.yaml other.npy -o c.csv
printf 'layers:\n  - {name: eye, model: layers.yaml}\n  - {name: slow, type: lowpass, input: eye}\n' > within.yaml
yes 'within another'                convis run within.yaml grating.npy -q -o w.npy
no  'nor there'            1 'it takes 41x36 pixels; it is for movies of 40x36 alone' convis run within.yaml other.npy -o w.npy
yes 'it can be described'           convis describe layers.yaml
printf 'extends: primate\nset: {ganglions: 1, numerics: virtualretina}\n' > mine.yaml
yes 'another by what is different'  convis run mine.yaml grating.npy -o d.csv
is  'in its numerics'               grep -q 'virtualretina numerics' err

# ---- Layers without cells ----

# layers_are TEXT: the numbers of the spiking layers in e.csv
layers_are() { test "$(tail -n +2 e.csv | cut -d, -f3 | sort -un | tr '\n' ' ')" = "$1 "; }
convis stim grating --size 128x128 --frames 30 -q -o wide.npy
yes 'the first layer is empty'      convis run primate wide.npy -q -o e.csv --set ganglion_0.diameter=-1
is  'numbers stay'                  layers_are '1 2 3'
is  'without a warning'             test ! -s err
yes 'two are'                       convis run primate wide.npy -q -o e.csv --set ganglion_0.diameter=-1 --set ganglion_2.diameter=-1
is  'numbers stay'                  layers_are '1 3'
cut -d, -f1,2 e.csv > two
yes 'a square one, beside dense'    convis run retina wide.npy -q -o e.csv --set ganglion_0.cells=square --set ganglion_0.density=0
is  'its number stays'              layers_are 1
yes 'the last one'                  convis run retina wide.npy -q -o e.csv --set ganglion_1.cells=square --set ganglion_1.size_x=-1
is  'its number stays'              layers_are 0
yes 'all of them'                   convis run retina wide.npy -q --probe opl=e.npy --set ganglion_0.cells=square --set ganglion_0.density=0 --set ganglions=1
yes 'as layers'                     convis describe primate --set ganglion_0.diameter=-1 --set ganglion_2.diameter=-1 --yaml --size 128x128
cp out flat.yaml
yes 'they run'                      convis run flat.yaml wide.npy -q -o e.csv
is  'a file counts its own layers'  layers_are '0 1'
cut -d, -f1,2 e.csv > again
is  'the same spikes'               cmp two again
printf 'layers:\n  - {name: a, model: primate, set: {ganglion_0.diameter: -1, ganglion_3.diameter: -1}}\n  - {name: b, model: retina, input: input}\n' > pair.yaml
yes 'within another'                convis run pair.yaml wide.npy -q -o e.csv
is  'numbers stay'                  layers_are '1 2 4 5'
yes 'no room is told'               convis run retina wide.npy -q --probe opl=e.npy --size 40x40 --set ganglions=1 --set ganglion_0.cells=square --set ganglion_0.density=0.1
is  'as such'                       grep -q 'no cell fits into' err

# ---- Models within models ----

for size in 64x64 200x150; do
    yes "v1_on_retina at $size"     convis run v1_on_retina stim:grating --size $size --frames 3 -q -o v1.npy
done
is  'an orientation is a channel'   test "$(wc -c < v1.npy)" -gt $((8*200*150*3*4))
convis describe v1_on_retina --yaml > v1.yaml
yes 'by its file'                   convis run v1.yaml stim:grating --size 64x64 --frames 3 -q -o v1.npy
mv v1.npy first
yes 'the same as by its name'       convis run v1_on_retina stim:grating --size 64x64 --frames 3 -q -o v1.npy
is  'to the last bit'               cmp v1.npy first
printf 'layers:\n  - {name: eye, model: settings.yaml, set: {ganglions: 2}}\n  - {name: on, type: relu, input: eye.ganglion_0}\n' > within.yaml
yes 'a file within a file'          convis run within.yaml grating.npy -q -o w.csv --probe on=on.npy --probe eye.bipolar=e.npy
is  'has the same currents'         cmp e.npy a.npy
yes 'its settings'                  convis run within.yaml grating.npy -q -o w.csv --set eye.opl.center.tau=0.02
no  'has no other'       1 'did you mean eye.opl.center.tau?' convis run within.yaml grating.npy -q --set eye.opl.centre.tau=0.02
yes 'a result of it'                convis run within.yaml grating.npy -q -o w.h5 -o x.csv
yes 'runs again'                    convis run w.h5 grating.npy -q -o y.csv
is  'and says the same'             cmp x.csv y.csv
printf 'extends: primate\nlayers:\n  - {name: on, type: relu, input: ganglion_0}\noutput: on\n' > longer.yaml
yes 'a longer one'                  convis run longer.yaml grating.npy -q -o l.csv --probe output=l.npy
is  'without a word on it'          sh -c '! grep -q "the spikes" err'
yes 'whose spikes are asked for'    convis run longer.yaml grating.npy -q -o l.npy
is  'with a word on its output'     grep -qF "warning: -o l.npy: the model 'longer.yaml' spikes, so it holds the spikes; --probe on=FILE" err
yes 'as .spk'                       convis run longer.yaml grating.npy -q -o l.spk
is  'without one'                   sh -c '! grep -q "the spikes" err'
yes 'of a built-in model'           convis run GLM noise.npy -q -o l.npy
is  'nothing is said'               test ! -s err

# ---- The output that counts is what -o writes ----

two='layers: [{name: a, type: relu, slope: 2}, {name: b, type: square}]'
echo "$two" > two.yaml
convis run two.yaml noise.npy -q -o b.npy --probe a=a.npy
for output in 'output: a' 'aliases: {short: a}, output: short' 'aliases: {output: a}'; do
    echo "{$two, $output}" > chosen.yaml
    yes "$output"                   convis run chosen.yaml noise.npy -q -o x.npy -o x.npz -o x.h5 --probe output=y.npy
    is  'is what -o writes'         cmp x.npy a.npy
    is  'as --probe does'           cmp y.npy a.npy
    yes 'by its own name'           convis convert x.npz:a x.npy -q
    yes 'in both'                   convis convert x.h5:probes/a x.npy -q
done
printf "layers: [{name: in, model: two.yaml}, relu]\noutput: in.a\n" > chosen.yaml
yes "a model's within"              convis run chosen.yaml noise.npy -q -o x.npy
is  'is written'                    cmp x.npy a.npy
yes 'a cascade with feedback'       convis run LNFDLNF noise.npy -q -o x.npy --probe stage_2=y.npy
is  'writes its second stage'       cmp x.npy y.npy
yes 'fitted'                        convis fit LNFDLNF --stimulus noise.npy --response x.npy -o f.h5 --free filter_1.bias --epochs 1 --bootstrap 0
yes 'and run'                       convis run f.h5 noise.npy -q -o x.npy --probe stage_2=y.npy
is  'writes it too'                 cmp x.npy y.npy

# ---- Published models that were extended, and files that include themselves ----

printf 'extends: LN\nlayers: [relu, {name: late, type: relu, delay: 2}]\n' > x.yaml
convis run x.yaml noise.npy -q -o first.npy -o r.h5
convis describe x.yaml --yaml > q.yaml
for file in q.yaml r.h5; do
    yes "extended, by $file"        convis run $file noise.npy -q -o x.npy
    is  'says the same'             cmp x.npy first.npy
done
printf 'extends: bad.yaml\n' > bad.yaml
no  'a file in itself' 1 'bad.yaml:1:10: the file includes itself: bad.yaml -> bad.yaml'  convis run bad.yaml noise.npy -q -o x.npy
printf 'extends: worse.yaml\n' > bad.yaml;  printf 'layers: [{name: a, model: bad.yaml}]\n' > worse.yaml
no  'by a detour' 1 'the file includes itself: bad.yaml -> worse.yaml -> bad.yaml'         convis run bad.yaml noise.npy -q -o x.npy

# ---- A fitted retina, as it is now ----

convis run linear grating.npy -q --probe opl=target.npy --set opl.surround.tau=0.012
yes 'a fit'                         convis fit linear --stimulus grating.npy --response target.npy --free opl.surround -o fitted.h5 \
                                    --epochs 3 --bootstrap 0
is  'prints what it fitted'         grep -Eq '^  opl.surround.tau  *0.01 ' out
is  'not what it did not'           sh -c '! grep -q opl.center.tau out'
convis describe fitted.h5 --xml > fitted.xml
convis describe fitted.h5 --yaml > fitted.yaml
yes 'it is described'               convis describe fitted.h5
is  'as it is now'                  sh -c '! grep -Eq "^  opl.surround.tau  *0.01 " out'
yes 'it runs'                       convis run fitted.h5 grating.npy -q --probe opl=f.npy
for form in xml yaml; do
    yes "as .$form"                 convis run fitted.$form grating.npy -q --probe opl=g.npy
    is  'to the last bit'           cmp f.npy g.npy
done
yes 'saved as .xml'                 convis run fitted.h5 grating.npy -q --save-xml again.xml --set bipolar=off
is  'it is the same file'           cmp again.xml fitted.xml
no  'no composite'     1 'has only retinas; a name that ends in .yaml takes any model' \
                                    convis run v1_on_retina grating.npy -q -o x.npy --save-xml x.xml
yes 'but as .yaml'                  convis run v1_on_retina grating.npy -q -o x.npy --save-xml x.yaml
yes 'it runs'                       convis run x.yaml grating.npy -q -o y.npy
is  'the same'                      cmp x.npy y.npy
no  'no such layer'    1 "the model 'linear' has no 'opl.surond'; did you mean opl.surround?" \
                                    convis fit linear --stimulus grating.npy --response target.npy --free opl.surond -o x.h5
no  'nor that'         1 "has no 'filtr'; did you mean filter?" \
                                    convis fit LN --stimulus grating.npy --response target.npy --free filtr -o x.h5

# ---- A fit remembers which output it compared ----

convis run retina grating.npy -q --probe bipolar=target.npy
yes 'a fit of bipolar cells'        convis fit retina --stimulus grating.npy --response target.npy --output bipolar --free opl.surround.tau \
                                    -o rf.h5 --epochs 1 --bootstrap 0
yes 'is scored'                     convis eval rf.h5 --stimulus grating.npy --response target.npy --bootstrap 0 --json
is  'by them'                       grep -q '"output": "bipolar"' out
is  'as it says'                    grep -q 'output bipolar of the model' err
yes 'is still a retina'             convis describe rf.h5 --xml
yes 'and all its settings'          convis describe rf.h5 --yaml
is  'and its output'                grep -qx 'output: bipolar' out
cp out rf.yaml
yes 'a result of it'                convis run rf.h5 grating.npy -q -o res.h5 --probe output=b.npy
yes 'has them'                      convis run res.h5 grating.npy -q --probe output=x.npy
is  'and says the same'             cmp x.npy b.npy
yes 'as a file'                     convis run rf.yaml grating.npy -q --probe output=x.npy --probe bipolar=y.npy
is  'too'                           cmp x.npy y.npy
yes 'fitted again'                  convis fit rf.h5 --stimulus grating.npy --response target.npy --free opl.surround.tau -o again.h5 \
                                    --epochs 1 --bootstrap 0
yes 'it is scored'                  convis eval again.h5 --stimulus grating.npy --response target.npy --bootstrap 0
is  'by them'                       grep -q 'output bipolar of the model' err
yes 'a fit of the first stage'      convis fit two.yaml --stimulus noise.npy --response a.npy --output a --free a.slope -o two.h5 --epochs 1 --bootstrap 0
yes 'is run'                        convis run two.h5 noise.npy -q -o x.npy --probe a=y.npy
is  'as that'                       cmp x.npy y.npy
rm x.npy

# ---- A result is a model ----

yes 'a result'                      convis run LN.yaml noise.npy -q -o result.h5 --set filter.width=5 --set nonlinearity.slope=2
yes 'and the same as a map'         convis run LN.yaml noise.npy -q -o map.npy --set filter.width=5 --set nonlinearity.slope=2
mv map.npy first
yes 'runs again'                    convis run result.h5 noise.npy -q -o map.npy
is  'and says the same'             cmp map.npy first

# ---- Bad YAML: file, line and column ----

bad() { printf "$2" > bad.yaml; no "$1" 1 "bad.yaml:$3" convis run bad.yaml noise.npy -q -o x.npy; }
bad 'no YAML'            'layers: [relu\n'                          ''
bad 'no such type'       'layers:\n  - reelu\n'                     "2:5: 'reelu' is no type of layer; did you mean relu?"
bad 'a type misspelt'    'layers:\n  - {typ: relu}\n'               "2:6: a layer without type, but with 'typ'; did you mean type?"
bad 'an input misspelt'  'layers:\n  - {type: relu, inptu: a}\n'     "2:18: relu: a relu has no parameter 'inptu'; did you mean input?"
bad 'no such key'        'layers: [relu]\noutputt: relu\n'          "2:1: the model: 'outputt'"
bad 'no such parameter'  'layers:\n  - {type: relu, slop: 3}\n'     "2:18: relu: a relu has no parameter 'slop'; did you mean slope?"
bad 'a key twice'        'dt: 1\ndt: 1\n'                           "2:1: 'dt' for the second time"
bad 'a formula'          'layers:\n  - {type: expr, formula: x + a, b: 2}\n'    "2:34: expr: an expr has no parameter 'b', and its text uses none"
bad 'an alias in the way'  'layers:\n  - {name: b, type: relu}\n  - {name: c, type: scale}\naliases: {c: b}\n' "4:11: aliases: 'c' is the name of a layer"
bad 'feedback at once'   'layers:\n  - {name: a, type: relu, input: a}\n' '2:5: a: its input a is itself'
bad 'a bomb'             'a: &a [1]\nlayers: [*a, *a]\n'            '2:'
no  'no such file'       1 'nothing.yaml'               convis run nothing.yaml noise.npy -o x.npy
is  'nothing was written'           test ! -e x.npy

# ---- What shows only with the movie: the same, and the number of channels only where it is why (noise.npy has 28 x 24 pixels) ----

why() { bad "$1" "$2" "$3"; is 'not for its channels' sh -c '! grep -q "channels)" err'; }
why 'a pool too large'   'layers:\n  - relu\n  - {type: pool, size: 29}\n'      '3:5: pool.size: blocks of 29 pixels, its input is 28x24'
why 'an input too few'   'layers:\n  - {name: e, type: expr, formula: x + y}\n'  '2:5: e.formula: uses y, input 2 of a layer with 1'
why 'maps of two sizes'  'layers:\n  - {name: a, type: pool, size: 2}\n  - {name: s, type: sum, inputs: [a, input]}\n' \
    '3:5: s: its inputs are 14x12 and 28x24 pixels'
why 'in a formula'       'layers:\n  - {name: a, type: pool, size: 2}\n  - {name: s, type: expr, formula: x*y, inputs: [a, input]}\n' \
    '3:5: s: its inputs are 14x12 and 28x24 pixels'
why 'channels of two'    'layers:\n  - {name: a, type: conv, channels: 2}\n  - {name: s, type: sum, inputs: [a, input]}\n' \
    '3:5: s: its inputs have 2 and 1 channels'
is  'that differ alone'             sh -c '! grep -q movies err'
why 'both of two'        'layers:\n  - {name: a, type: conv, channels: 2}\n  - {name: b, type: pool, size: 2, input: a}
  - {name: s, type: sum, inputs: [b, input]}\n'         '4:5: s: its inputs have 2 and 1 channels of 14x12 and 28x24 pixels'
why 'three weights'      'layers:\n  - {name: f, type: conv, height: 3, width: 3, weights: [1, 2, 3]}\n' \
    '2:5: f.weights: 3 values, expected 9 (1 outputs, 1 inputs, 1 x 3 x 3)'
bad 'weights for colour' 'layers:\n  - {name: f, type: conv, weights: {shape: [1, 3, 1, 1, 2], values: [1, 2, 3, 4, 5, 6]}}\n' \
    '2:5: f.weights: 6 values, expected 2 (1 outputs, 1 inputs, 1 x 1 x 2); they are for 3 channels, its input has 1; the movie has 1 channel (see --channels)'
printf 'layers:\n  - {name: p, type: pool, size: 30}\n' > inner.yaml
why 'in a model within'  'layers:\n  - relu\n  - {name: in, model: inner.yaml}\n'                  '3:5: in.p.size: blocks of 30'
printf 'extends: LN\nlayers:\n  - {name: p, type: pool, size: 30, input: filter}\n' > bad.yaml
no  'in what extends'    1 'bad.yaml:3:5: p.size: '     convis run bad.yaml noise.npy -q -o x.npy
no  'of no file'         1 'convis: filter: a kernel'   convis run LN noise.npy -q -o x.npy --set filter.height=99 --set filter.padding=3
convis stim checkers --size 28x24 --frames 40 --dt 0.001 -q -o s.npy
convis run LN s.npy --set readout=rf -o r.npy -q
convis fit LN --set readout=rf --stimulus s.npy --response r.npy --epochs 1 --bootstrap 0 -q -o fitted.h5 > out 2> err
convis stim checkers --size 30x24 --frames 30 --dt 0.001 -q -o other.npy
no  'frames of another size' 1 'they are for frames of 28x24 pixels, its input has 30x24'   convis run fitted.h5 other.npy -q -o x.npy
is  'not for its channels'          sh -c '! grep -q "channels)" err'
no  'and in colour'          1 'they are for 1 channel of 28x24 pixels, its input has 3 of 30x24' \
                                                        convis run fitted.h5 other.npy --channels rgb -q -o x.npy
no  'in colour alone'        1 'they are for 1 channel, its input has 3; the movie has 3 channels (see --channels)' \
                                                        convis run fitted.h5 noise.npy --channels rgb -q -o x.npy
convis run LN s.npy -o map.npy -q
no  'other responses'    1 'response: 672 units'        convis fit LN --set readout=rf --stimulus s.npy --response map.npy -o x.h5 -q
is  'not for its channels'          sh -c '! grep -q "channels)" err'
no  'of a fitted one'    1 'response: 672 units'        convis eval fitted.h5 --stimulus s.npy --response map.npy
is  'not for its channels'          sh -c '! grep -q "channels)" err'

# ---- A layer may take the name of an alias of the model that it extends; stimuli are as large as the retina within sees them ----

printf 'extends: primate\nlayers:\n  - {name: center, type: lowpass, tau: 0.05, input: ganglion_0}\noutput: center\n' > named.yaml
yes 'a layer named as an alias'     convis run named.yaml stim:impulse --size 24x24 --frames 20 -q --probe center=center.npy --probe output=output.npy
is  'is itself'                     cmp center.npy output.npy
printf 'layers:\n  - {name: r, model: retina}\n' > within.yaml
yes 'a stimulus of a retina'        convis run retina 'stim:pulse?x=1&y=-0.7&duration=0.02' --size 60x48 --set ppd=10 -q --probe opl=alone.npy
yes 'of one within'                 convis run within.yaml 'stim:pulse?x=1&y=-0.7&duration=0.02' --size 60x48 --set r.ppd=10 -q --probe r.opl=within.npy
is  'is the same'                   cmp alone.npy within.npy

yes 'a retina as built'             convis describe primate --yaml --size 40x30
is  'is for that size'              grep -q 'primate for movies of 40x30 pixels alone' err
yes 'one of any size'               convis describe primate --yaml
is  'says nothing'                  test ! -s err

echo "1..$count"
