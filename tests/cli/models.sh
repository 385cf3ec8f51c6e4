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
printf 'extends: primate\nset: {ganglions: 1, numerics: virtualretina}\n' > mine.yaml
yes 'another by what is different'  convis run mine.yaml grating.npy -o d.csv
is  'in its numerics'               grep -q 'virtualretina numerics' err

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
bad 'no such key'        'layers: [relu]\noutputt: relu\n'          "2:1: the model: 'outputt'"
bad 'no such parameter'  'layers:\n  - {type: relu, slop: 3}\n'     "2:18: relu: a relu has no parameter 'slop'; did you mean slope?"
bad 'a key twice'        'dt: 1\ndt: 1\n'                           "2:1: 'dt' for the second time"
bad 'feedback at once'   'layers:\n  - {name: a, type: relu, input: a}\n' '2:5: a: its input a is itself'
bad 'a bomb'             'a: &a [1]\nlayers: [*a, *a]\n'            '2:'
no  'no such file'       1 'nothing.yaml'               convis run nothing.yaml noise.npy -o x.npy
is  'nothing was written'           test ! -e x.npy

echo "1..$count"
