#!/bin/sh
# examples.sh CONVIS COMPLEX_CELL DIRECTION_SELECTIVE V1_ON_RETINA EMBEDDED - what the examples print of their cells' tuning, and that they draw it.
whole() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
complex=$(whole "$2") direction=$(whole "$3") v1=$(whole "$4") embedded=$(whole "$5")      # before tap.sh goes elsewhere
. "$(dirname "$0")/tap.sh"

# The row of one direction holds: row DEGREES CONDITION, an expression of awk in $1 (degrees), $2 ...
row() { awk -v at="$1" "\$1 == at { found = 1; good = ($2) } END { exit !(found && good) }" table; }
draws() { if command -v gnuplot > /dev/null; then yes "$@"; else "${2}" "${3}" > out 2> err; skip "$1" 'no gnuplot'; fi; }

draws 'complex_cell'                "$complex" c.png
cp out table
is  'both cells prefer 30 degrees'  row 30 '$2 > 200 && $4 > 50'
is  'and the opposite direction'    row 210 '$2 > 200 && $4 > 50'
is  'not what runs along'           row 120 '$2 < 0.01 && $4 < 0.01'
is  'the complex cell answers all the time' row 30 '$3 < 0.02'
# Half a cosine, squared: 16/(3 pi).
is  'the simple one with the stripes'       row 30 '$5 > 1.69 && $5 < 1.71'

draws 'direction_selective'         "$direction" d.png
cp out table
is  'the difference prefers rightwards'     row 0 '$2 > 0.07'
is  'and is suppressed by leftwards'        row 180 '$2 < -0.07'
is  'vertical motion is none to it'         row 90 '$2 < 0.0001 && $2 > -0.0001'
a=$(awk '$1 == 40 { print $3 }' table) b=$(awk '$1 == 220 { print $3 }' table)
is  'the sum cannot tell opposites apart'   test "$a" = "$b"

draws 'v1_on_retina'                "$v1" v.png
cp out table
is  'each cell prefers its orientation'     row 0 '$2 > 10 && $3 < 0.05*$2 && $4 < 0.01*$2'
is  'whichever it is'               row 135 '$5 > 10 && $2 < 0.05*$5 && $3 < 0.01*$5'
is  'and the opposite direction alike'      row 180 '$2 > 10'
is  'as sharply as V1'              awk '$1 == "width" { good = $2 > 10 && $2 < 30 && $3 > 10 && $3 < 30 } END { exit !good }' table

yes 'embedded, in five processes'   "$embedded" 3000
is  'which all say the same'        test "$(sed 's/^[a-z]*: //' out | sort -u | wc -l)" = 1
is  'five times'                    test "$(grep -c gradients out)" = 5

echo "1..$count"
