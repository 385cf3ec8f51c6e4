#!/bin/sh
# inputs.sh CONVIS - transcripts about what goes into a model: channels, colour, movies side by side, arrays of every shape.
. "$(dirname "$0")/tap.sh"

shape() { head -c 200 "$1" | tr -d '\000' | grep -aoE "'shape': \([^)]*\)"; }
has_shape() { [ "$(shape "$1")" = "'shape': ($2)" ]; }

# ---- A colour movie: 90 pictures of 4 x 3 pixels, every value at random ----

awk 'BEGIN { srand(7); for (f = 0; f < 90; f++) { file = sprintf("c%03d.ppm", f); print "P3\n4 3\n255" > file
             for (i = 0; i < 36; i++) print int(256*rand()) > file; close(file) } }'
yes 'colour in three channels'      convis convert 'c%03d.ppm' rgb.npy --channels rgb -q
is  'has them first'                has_shape rgb.npy '3, 90, 3, 4'
yes 'its luminance'                 convis convert 'c%03d.ppm' gray.npy -q
is  'is one'                        has_shape gray.npy '90, 3, 4'
yes 'luminance of an array'         convis convert rgb.npy again.npy --channels gray -q
is  'is the same'                   cmp gray.npy again.npy
yes 'one of its channels'           convis convert rgb.npy green.npy --channel green -q
yes 'as of pictures'                convis convert 'c%03d.ppm' again.npy --channel green -q
is  'is the same'                   cmp green.npy again.npy
yes 'a film in colour'              convis convert rgb.npy film.mp4 --fps 60 -q
yes 'read in colour'                convis convert film.mp4 film.npy --channels rgb --size 4x3 -q
is  'has three channels'            has_shape film.npy '3, 90, 3, 4'
yes 'colour pictures'               convis convert rgb.npy 'p%03d.png' -q
yes 'read in colour'                convis convert 'p%03d.png' again.npy --channels rgb -q
is  'has the frames'                has_shape again.npy '3, 90, 3, 4'
no  'no such channels' 2 "'pink', expected rgb, gray or grey"     convis convert rgb.npy x.npy --channels pink
no  'one and three'    2 'either --channel red'             convis convert rgb.npy x.npy --channels rgb --channel red

# ---- Colour through a model with three channels, fitted and run ----

cat > colour.yaml << 'END'
dt: 0.0166667
layers:
  - {name: filter, type: rf, frames: 2}
  - {name: rate, type: softplus, sharpness: 0.05}
END
# A cell that likes red here and now, and dislikes green elsewhere a frame before: weights (1, 3, 2, 3, 4).
awk 'BEGIN { printf "dt: 0.0166667\nlayers:\n  - {name: filter, type: rf, weights: {shape: [1, 3, 2, 3, 4], values: ["
             for (i = 0; i < 72; i++) { c = int(i/24); t = int(i/12) % 2; p = i % 12
               printf "%s%g", i ? ", " : "", c == 0 && t == 1 && p == 5 ? 0.5 : c == 1 && t == 0 && p == 6 ? -0.4 : c == 2 && t == 1 && p == 9 ? 0.1 : 0 }
             print "]}}\n  - {name: rate, type: softplus, sharpness: 0.05}" }' > cell.yaml
yes 'a model of colour'             convis run cell.yaml 'c%03d.ppm' --channels rgb -o rate.npy -q
is  'answers with a number a frame' has_shape rate.npy '90, 1, 1'
yes 'the same of an array'          convis run cell.yaml rgb.npy -o again.npy -q
is  'to the bit'                    cmp rate.npy again.npy
yes 'fitted to colour'              convis fit colour.yaml --stimulus 'c%03d.ppm' --channels rgb --response rate.npy -o fitted.h5 -q \
                                        --epochs 400 --patience 0 --set filter.weights=constant?value=0.001
yes 'and run'                       convis run fitted.h5 rgb.npy -o seen.npy -q
yes 'is scored'                     convis eval fitted.h5 --stimulus rgb.npy --response rate.npy --bootstrap 0
is  'as the cell that it was'       awk '$1 == "0" && $4 > 0.999 { found = 1 } END { exit !found }' out
yes 'is seen by its average'        convis sta --stimulus rgb.npy --response rate.npy --dt 0.0166667 --lags 2 --shuffles 0 -o sta.npy
# A declared input stays: of a fitted model, of a result, of the layers as they are built.
sed 's/^layers:/inputs: {movie: {channels: 3}}\nlayers:/; s/type: rf,/type: rf, input: movie,/' colour.yaml > declared.yaml
sed 's/^layers:/inputs: {input: {channels: 3}}\nlayers:/' colour.yaml > unnamed.yaml
for file in declared unnamed; do
    yes "$file, fitted"             convis fit $file.yaml --stimulus rgb.npy --response rate.npy -o $file.h5 -q --epochs 3
    yes 'and run'                   convis run $file.h5 rgb.npy -o seen.npy -o result.h5 -q
    yes 'again'                     convis run result.h5 rgb.npy -o again.npy -q
    is  'is the same'               cmp seen.npy again.npy
    convis describe $file.h5 --yaml > a.yaml;  convis describe $file.h5 --yaml --size 4x3 > b.yaml
    for form in a b; do
        yes 'and as .yaml'          convis run $form.yaml rgb.npy -o again.npy -q
        is  'is the same'           cmp seen.npy again.npy
        no  'not in grey' 1 "of the model '$form.yaml' takes 3"    convis run $form.yaml gray.npy -o x.npy -q
    done
done
yes 'its speed'                     convis bench declared.yaml --size 4x3 --steps 10
# What is around a retina takes one channel, as a retina does.
for model in retina v1_on_retina; do
    no  "$model in colour" 1 "takes 1; --channels gray makes one of them"   convis run $model rgb.npy -o x.npy -q
    convis describe $model --yaml --size 4x3 > built.yaml
    no  'nor as built'     1 "takes 1; --channels gray makes one of them"   convis run built.yaml rgb.npy -o x.npy -q
done
yes 'v1_on_retina in grey'          convis run v1_on_retina rgb.npy --channels gray -o x.npy -q
printf 'layers: [{type: blur, sigma: 0.05}, {name: eye, model: retina}]\n' > behind.yaml
no  'nor behind a layer'   1 'its input has 3 channels, the model that it belongs to takes 1'    convis run behind.yaml rgb.npy -o x.csv -q
yes 'LN in colour'                  convis run LN rgb.npy -o x.npy -q
no  'of no colour'     1 'the movie has 1 channel (see --channels)'   convis run fitted.h5 gray.npy -o seen.npy -q

# ---- Movies side by side ----

# npy FILE SHAPE FIRST LAST: numbers of the file `values`, little-endian bytes, a sequence of its own
npy() {
    head="{'descr': '|u1', 'fortran_order': False, 'shape': ($2), }"
    printf '\223NUMPY\001\000v\000%-117s\n' "$head" > "$1"
    cat "$3" >> "$1"
}
bytes() { awk -v from="$1" -v count="$2" 'BEGIN { for (i = 0; i < count; i++) printf "\\%03o", (from + i*i*7 + i*3) % 251 + 1 }'; }
for k in 1 2 3 4 5 6; do printf "$(bytes $((k*31)) 360)" > part$k; done
cat part1 part2 > both;  cat part1 part2 part3 part4 part5 part6 > six;  cat part1 part2 part3 > three;  cat part4 part5 part6 > other
npy a.npy '30, 3, 4' part1;  npy b.npy '30, 3, 4' part2;  npy ab.npy '2, 1, 30, 3, 4' both
npy a3.npy '3, 30, 3, 4' three;  npy b3.npy '3, 30, 3, 4' other;  npy ab3.npy '2, 3, 30, 3, 4' six
floats() { head -c 10 "$1" > /dev/null; length=$(od -An -tu2 -j8 -N2 "$1" | tr -d ' '); tail -c +$((length + 11)) "$1"; }
for model in LN LNLN; do
    for c in '' 3; do
        yes "two movies, $model$c"  convis run $model ab$c.npy -o ab.out.npy -q
        convis run $model a$c.npy -o a.out.npy -q;  convis run $model b$c.npy -o b.out.npy -q
        { floats a.out.npy; floats b.out.npy; } > apart;  floats ab.out.npy > together
        is  'give what each gives'  cmp apart together
    done
done
# Retinas: a cell a pixel, and cells at places of their own. Those of the second movie are numbered after those of the first.
cells() { grep -v '#' "$1" | cut -d' ' -f2; }
for model in retina primate; do
    yes "two movies, $model"        convis run $model ab.npy -o ab.csv --probe bipolar=ab.out.npy -q
    convis run $model a.npy -o a.csv --probe bipolar=a.out.npy -q;  convis run $model b.npy -o b.csv --probe bipolar=b.out.npy -q
    { floats a.out.npy; floats b.out.npy; } > apart;  floats ab.out.npy > together
    is  'give what each gives'      cmp apart together
    grep -vxFf ab.csv a.csv > missing
    is  'the first its spikes'      [ ! -s missing ]
    convis run $model ab.npy -o ab.h5 -q;  convis run $model a.npy -o a.h5 -q
    convis convert ab.h5 ab.txt;  convis convert a.h5 a.txt
    is  'of twice the cells'        [ "$(cells ab.txt | wc -l)" = $((2*$(cells a.txt | wc -l))) ]
    is  'each of a number'          [ "$(cells ab.txt | sort -u | wc -l)" = "$(cells ab.txt | wc -l)" ]
done
is  'in an array of both'           has_shape ab.out.npy '2, 1, 30, 3, 4'
yes 'as a data set'                 convis run LN ab.npy -o both.h5 -q
yes 'which is a movie again'        convis run LN both.h5 -o again.npy -q
is  'of both'                       has_shape again.npy '2, 1, 30, 3, 4'
no  'no film of two'   1 '2 channels, expected 1'   convis run LN ab.npy -o ab.mp4 -q
if command -v gnuplot > /dev/null; then
    yes 'a figure of both'          convis plot both.h5 -o both.svg
    yes 'their courses'             convis plot both.h5 --kind traces -o traces.svg
else skip 'a figure of both' 'no gnuplot'; skip 'their courses' 'no gnuplot'; fi

# ---- Arrays of every shape ----

head -c 60 part1 > sixty
npy t.npy '60,' sixty;  npy tn.npy '20, 3' sixty;  npy last.npy '5, 2, 2, 3' sixty;  npy flat.npy '10, 2, 1, 3' sixty;  npy none.npy '0, 3, 4' /dev/null
yes 'a course in time'              convis run LN t.npy -o out.npy -q
is  'is a movie of a pixel'         has_shape out.npy '60, 1, 1'
yes 'a table'                       convis run LN tn.npy -o out.npy -q
is  'is a movie of bars'            has_shape out.npy '20, 1, 3'
no  'colour last'      1 '--channels rgb'           convis run LN last.npy -o out.npy
yes 'where it is said'              convis convert last.npy out.npy --channels rgb -q
is  'comes first'                   has_shape out.npy '3, 5, 2, 2'
no  'nothing'          1 'none of them 0'           convis run LN none.npy -o out.npy
npy big.npy '1048576, 1048576, 1, 1048576, 1' /dev/null
no  'too much'         1 'big.npy: '                convis run LN big.npy -o out.npy
head -c 8 part1 > eight;  npy six.npy '2, 1, 2, 1, 2, 1' eight
no  'too many'         1 '(B, C, T, Y, X)'          convis run LN six.npy -o out.npy
no  'no such rate'     2 'expected NAME=F'          convis run LN t.npy -o out.npy --input speed=t.npy --input-fps speed=-3
no  'no such input'    1 "takes no input 'speed'"   convis run LN t.npy -o out.npy --input speed=t.npy
no  'a name alone'     2 'expected NAME=FILE'       convis run LN t.npy -o out.npy --input speed
no  'a rate alone'     2 "no --input is named"      convis run LN t.npy -o out.npy --input-fps speed=3
no  'twice'            2 'given twice'              convis run LN t.npy -o out.npy --input a=t.npy --input a=t.npy

# ---- What a model takes beside the movie ----

cat > hears.yaml << 'END'
dt: 0.01
inputs: {movie: {channels: 3}, spikes: {channels: 2}, speed: {}}
layers:
  - {name: sees, type: rf, input: movie, frames: 2, weights: 'constant?value=0.002'}
  - {name: hears, type: rf, input: spikes, frames: 3, weights: 'constant?value=0.7'}
  - {name: moves, type: rf, input: speed, weights: 'constant?value=-0.01'}
  - {name: drive, type: sum, inputs: [sees, hears, moves]}
  - {name: rate, type: softplus}
END
printf 'unit,time,layer\n0,0.1,0\n1,0.105,0\n1,0.4,0\n0,0.5051,0\n0,0.5052,0\n1,0.72,0\n' > cells.csv
printf "$(bytes 5 90)" > ninety;  npy speed.npy '90,' ninety
all="--input spikes=cells.csv --input speed=speed.npy"
yes 'a model with three inputs'     convis run hears.yaml rgb.npy $all -o heard.npy -q
is  'answers each frame'            has_shape heard.npy '90, 1, 1'
yes 'in chunks'                     convis run hears.yaml rgb.npy $all -o again.npy -q --chunk 7
is  'the same'                      cmp heard.npy again.npy
yes 'it sees'                       convis run hears.yaml rgb.npy $all -o again.npy -q --probe sees=sees.npy --probe moves=moves.npy --probe hears=hears.npy
printf 'unit,time,layer\n' > none.csv;  cat cells.csv | sed '$d' > fewer.csv
yes 'hears'                         convis run hears.yaml rgb.npy --input spikes=fewer.csv --input speed=speed.npy -o other.npy -q
is  'what it is told'               [ "$(cmp heard.npy other.npy > same; echo $?)" = 1 ]
is  'until then'                    cmp -n $((128 + 4*70)) heard.npy other.npy
no  'one is missing'   1 "also takes the input 'speed'; --input speed=FILE"  convis run hears.yaml rgb.npy --input spikes=cells.csv -o x.npy
no  'one too many'     1 "takes no input 'sped'"    convis run hears.yaml rgb.npy $all --input sped=speed.npy -o x.npy
no  'the movie itself' 1 "'movie' is the movie itself"  convis run hears.yaml rgb.npy $all --input movie=rgb.npy -o x.npy
no  'a gray movie'     1 "gray.npy has 1 channel, but the input 'movie' of the model 'hears.yaml' takes 3; --channels rgb" \
                                    convis run hears.yaml gray.npy $all -o x.npy
yes 'shown in three'                convis run hears.yaml gray.npy $all -o x.npy -q --channels rgb
no  'too many channels' 1 "takes 1" convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=tn.npy -o x.npy
no  'too short'        1 "has 60 steps of 0.01 s, but the movie has 90"   convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=t.npy -o x.npy
no  'another cell'     1 'spikes of 3 cells, but the input takes 2' sh -c 'sed "\$a 7,0.3,0" cells.csv > three.csv
                                    "$0" run hears.yaml rgb.npy --input spikes=three.csv --input speed=speed.npy -o x.npy' "$convis"
no  'nothing'          1 'nothing.npy'  convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=nothing.npy -o x.npy
no  'over an input'    2 'is read by this run'  convis run hears.yaml rgb.npy $all -o speed.npy
# At a rate of its own, 25 Hz in steps of 10 ms: each frame is held for 4 of these.
head -c 23 ninety > slow;  awk 'BEGIN { for (i = 0; i < 90; i++) print int(i/4) }' | while read -r k; do tail -c +$((k + 1)) slow | head -c 1; done > held
npy slow.npy '23,' slow;  npy held.npy '90,' held
yes 'at a rate of its own'          convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=slow.npy --input-fps speed=25 -o x.npy -q
yes 'held'                          convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=held.npy -o again.npy -q
is  'is the same'                   cmp x.npy again.npy

yes 'fitted to what it hears'       convis fit hears.yaml --stimulus rgb.npy $all --response heard.npy -o hears.h5 -q --epochs 300 --patience 0 \
                                        --set hears.weights=constant?value=0 --set moves.weights=constant?value=0 --free hears --free moves
yes 'is scored'                     convis eval hears.h5 --stimulus rgb.npy $all --response heard.npy --bootstrap 0
is  'as it was'                     awk '$1 == "0" && $4 > 0.999 { found = 1 } END { exit !found }' out
yes 'and run'                       convis run hears.h5 rgb.npy $all -o again.npy -q
no  'deaf'             1 "also takes the input 'spikes'"  convis eval hears.h5 --stimulus rgb.npy --response heard.npy
npy long.npy '100,' part1
yes 'a longer one'                  convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=long.npy -o x.npy -q
is  'is used as far as it goes'     grep -q "long.npy: the input 'speed' has 100 steps of 0.01 s, of which the movie takes 90" err
for command in "fit hears.yaml -o x.h5 -q --epochs 1" "eval hears.h5 --bootstrap 0"; do
    yes "in ${command%% *}, too"    convis $command --stimulus rgb.npy --input spikes=cells.csv --input speed=long.npy --response heard.npy
    is  'is used as far as it goes' grep -q "long.npy: the input 'speed' has 100 steps of 0.01 s, of which the movie takes 90" err
done
printf '0,0.91,0\n1,1.3,0\n' | cat cells.csv - > after.csv
yes 'spikes after the end'          convis run hears.yaml rgb.npy --input spikes=after.csv --input speed=speed.npy -o x.npy -q
is  'are counted'                   grep -q "after.csv: 2 spikes of the input 'spikes' come after the end of the movie, and are not used" err
is  'and change nothing'            cmp x.npy heard.npy
yes 'in a fit, too'                 convis fit hears.yaml --stimulus rgb.npy --input spikes=after.csv --input speed=speed.npy --response heard.npy \
                                        -o x.h5 -q --epochs 1
is  'are counted'                   grep -q "after.csv: 2 spikes of the input 'spikes' come after the end of the movie, and are not used" err
yes 'of a part none is missed'      convis run hears.yaml rgb.npy --frames 20 $all -o x.npy -q
is  'and none named'                sh -c '! grep -q "come after" err'
yes 'silence'                       convis run hears.yaml rgb.npy --input spikes=none.csv --input speed=speed.npy -o x.npy -q --probe hears=silent.npy
is  'is heard as such'              [ "$(floats silent.npy | tr -d '\000' | wc -c)" = 0 ]
: > none.spk
yes 'an empty list'                 convis run hears.yaml rgb.npy --input spikes=none.spk --input speed=speed.npy -o again.npy -q
is  'is silence'                    cmp x.npy again.npy
yes 'in a fit, too'                 convis fit hears.yaml --stimulus rgb.npy --input spikes=none.csv --input speed=speed.npy --response heard.npy \
                                        -o x.h5 -q --epochs 1
no  'of how many?'     1 'none.csv: no spikes, and no list of the cells'   convis sta --stimulus rgb.npy --response none.csv --dt 0.01 -o sta.npy
printf 'unit,time,layer\n0,-0.1,0\n0,0.2,0\n' > early.csv
no  'before the start' 1 'early.csv: a spike at -0.1 s, expected times from 0 on'   convis run hears.yaml rgb.npy --input spikes=early.csv --input speed=speed.npy -o x.npy
head -c 60 part1 > sixty;  npy nt.npy '2, 30' sixty
takes="but the input 'spikes' of the model 'hears.yaml' takes 2; an array (T, 2) has them"
no  'across'           1 "nt.npy has 1 channel (shape (2, 30), taken as 2 frames of 30x1 pixels), $takes" \
                                    convis run hears.yaml rgb.npy -o x.npy --input spikes=nt.npy --input speed=speed.npy
no  'across, in a fit' 1 "nt.npy: the input 'spikes' has 2 frames of 0.01 s (shape (2, 30)), expected 90" \
    convis fit hears.yaml --stimulus rgb.npy --response heard.npy -o x.h5 --input spikes=nt.npy --input speed=speed.npy
head -c 270 part1 > wide;  npy wide.npy '90, 3' wide
for command in "run hears.yaml rgb.npy -o x.npy" "fit hears.yaml --stimulus rgb.npy --response heard.npy -o x.h5"; do
    no  "too wide, in ${command%% *}" 1 "wide.npy has 1 channel (shape (90, 3), taken as 90 frames of 3x1 pixels), $takes" \
                                    convis $command --input spikes=wide.npy --input speed=speed.npy
done
no  'out of step'      1 "the input 'speed' has 60 frames"   convis fit hears.yaml --stimulus rgb.npy --input spikes=cells.csv --input speed=t.npy \
                                    --response heard.npy -o x.h5
yes 'a movie found for it'          convis synthesize hears.yaml $all --size 4x3 --frames 40 --high 255 --iterations 5 -o found.npy -q
is  'in colour'                     has_shape found.npy '3, 40, 3, 4'
if [ -x "${convis}-double" ]; then
    yes 'its gradients'             convis gradcheck hears.yaml --size 4x3
    is  'of what it hears, too'     grep -q '^ *spikes ' out
    yes 'of what it is given'       convis gradcheck hears.yaml --size 4x3 $all
else for k in 1 2 3; do skip 'gradients of inputs' 'no convis-double'; done; fi
if [ -x "${convis}-double" ]; then
    no  'gray is one channel' 1 "the movie has 1 channel, but the input 'movie'" convis gradcheck hears.yaml --size 4x3 --channels gray
else skip 'gray is one channel' 'no convis-double'; fi
yes 'two movies, one speed'         convis run hears.yaml ab3.npy --input spikes=cells.csv --input speed=t.npy -o ab.out.npy -q
for k in a b; do convis run hears.yaml ${k}3.npy --input spikes=cells.csv --input speed=t.npy -o $k.out.npy -q 2> /dev/null; done
{ floats a.out.npy; floats b.out.npy; } > apart;  floats ab.out.npy > together
is  'give what each gives'          cmp apart together
yes 'from a later frame on'         convis run hears.yaml rgb.npy $all --from 10 -o x.npy -q --probe moves=later.npy
floats moves.npy | tail -c 320 > tail;  floats later.npy > later
is  'inputs begin there, too'       cmp tail later
yes 'a film beside a movie'         convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=stim:pulse?duration=2 -o x.npy -q
no  'of another size'  1 "takes 1x1"    convis run hears.yaml rgb.npy --input spikes=cells.csv --input speed=a.npy -o x.npy
no  'NaN'              1 'has the value NaN'  sh -c 'printf "\223NUMPY\001\000v\000%-117s\n" "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (90,)}" > nan.npy
                                    awk "BEGIN { for (i = 0; i < 90; i++) printf \"\\\\000\\\\000\\\\300\\\\177\" }" > text; printf "$(cat text)" >> nan.npy
                                    "$0" run hears.yaml rgb.npy --input spikes=cells.csv --input speed=nan.npy -o x.npy' "$convis"

# ---- Spikes as the movie, and its end ----

printf 'dt: 0.01\nlayers: [{name: same, type: scale}]\n' > same.yaml
printf 'dt: 0.01\ninputs: {movie: {channels: 2}}\nlayers: [{name: same, type: scale}]\n' > two.yaml
yes 'spikes are a movie'            convis run same.yaml cells.csv -o x.npy -q
is  'a channel a cell'              has_shape x.npy '2, 73, 1, 1'
is  'to the last spike'             grep -q 'cells.csv: it does not say how long was recorded, so it ends with its last spike, at 0.72 s' err
convis run retina stim:impulse --size 3x2 --frames 100 --dt 0.01 -o fired.h5 -q 2> err
yes 'of so many cells'              convis run same.yaml fired.h5 -o x.npy -q
is  'as were recorded'              has_shape x.npy '12, 100, 1, 1'
is  'for so long'                   [ ! -s err ]
convis run primate stim:impulse --size 40x40 --frames 3 -o fired.h5 --probe opl=fired.h5 -q
yes 'a result with a map'           convis run same.yaml fired.h5 -o x.npy -q
is  'is that map'                   has_shape x.npy '3, 40, 40'
convis run retina stim:impulse --size 3x2 --frames 13 --dt 0.001 -o fired.h5 -q
yes 'no whole number of steps'      convis run same.yaml fired.h5 -o x.npy -q
is  'are as many as begin'          has_shape x.npy '12, 2, 1, 1'
no  'silence of what length' 1 'none.csv: no spikes, and it does not say how long was recorded'   convis run two.yaml none.csv -o x.npy
yes 'fewer frames than asked for'   convis run same.yaml t.npy --from 40 --frames 30 -o x.npy -q
is  'is said'                       grep -q 't.npy: 30 frames from frame 40 on were asked for, and it has 20' err
yes 'of a film'                     convis run same.yaml film.mp4 --from 60 --frames 40 -o x.npy -q
is  'is said'                       grep -q 'film.mp4: 40 frames from frame 60 on were asked for, and it has 30' err
yes 'converted'                     convis convert t.npy x.npy --from 40 --frames 30 -q
is  'is said'                       grep -q 't.npy: 30 frames from frame 40 on were asked for, and it has 20' err
yes 'as many as there are'          convis run same.yaml t.npy --from 40 --frames 20 -o x.npy -q
is  'is no word'                    [ ! -s err ]

echo "1..$count"
