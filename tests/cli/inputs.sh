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
no  'no such channels' 2 "'pink', expected rgb or gray"     convis convert rgb.npy x.npy --channels pink
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
for model in retina primate; do
    yes "two movies, $model"        convis run $model ab.npy -o ab.csv --probe bipolar=ab.out.npy -q
    convis run $model a.npy -o a.csv --probe bipolar=a.out.npy -q;  convis run $model b.npy -o b.csv --probe bipolar=b.out.npy -q
    { floats a.out.npy; floats b.out.npy; } > apart;  floats ab.out.npy > together
    is  'give what each gives'      cmp apart together
    grep -vxFf ab.csv a.csv > missing
    is  'the first its spikes'      [ ! -s missing ]
    convis run $model ab.npy -o ab.h5 -q;  convis run $model a.npy -o a.h5 -q
    convis convert ab.h5 ab.txt;  convis convert a.h5 a.txt
    is  'of twice the cells'        [ "$(grep -vc '#' ab.txt)" = $((2*$(grep -vc '#' a.txt))) ]
    is  'each of a number'          [ "$(grep -v '#' ab.txt | cut -d' ' -f2 | sort -u | wc -l)" = "$(grep -vc '#' ab.txt)" ]
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

echo "1..$count"
