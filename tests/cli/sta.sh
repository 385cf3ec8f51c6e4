#!/bin/sh
# sta.sh CONVIS - transcripts of convis sta: a cell of the retina under checkers, its files and figures, bad input.
. "$(dirname "$0")/tap.sh"

yes 'sta --help'                    convis sta --help
is  'it is whole'                   sh -c 'grep -q ^Usage: out && grep -q ^Options: out && grep -q ^Examples: out'
of='convis sta --stimulus s.npy --response r.csv --dt 0.005'
no  'no stimulus'        2 '--stimulus FILE is missing'  convis sta --response r.csv --dt 0.005 -o a.npz
no  'no response'        2 '--response FILE is missing'  convis sta --stimulus s.npy --dt 0.005 -o a.npz
no  'no output'          2 '-o FILE is missing'          $of
no  'unknown extension'  2 "'a.txt', expected a .npy"    $of -o a.txt
no  'level above 1'      2 '--level: 1.5'                $of --level 1.5 -o a.npz
no  'one shuffle'        2 'expected 0 or at least 2'    $of --shuffles 1 -o a.npz
no  'no lags'            2 "--lags: '0'"                 $of --lags 0 -o a.npz
no  'twice the same file' 2 'name the same file'         $of -o a.npz --plot a.npz

# ---- An ON cell and an OFF cell of the retina, under checkers of a pixel ----

printf '0 0 0 0\n1 1 0 0\n' > units.txt
convis stim checkers size=0 rate=100 duration=20 --size 9x9 --ppd 10 --dt 0.005 -o s.npy 2> err &&
    convis run retina s.npy --dt 0.005 --set ppd=10 --units units.txt -q -o r.csv -o r.h5 2> err
yes 'sta'                           $of --lags 5 --stc 2 --shuffles 20 -o a.npz
is  'it says who'                   grep -q '^unit 0 of 2: a response of [0-9]* in 3996 frames of 5 ms' out
is  'where and when'                grep -q '^average: strongest at x = 4, y = 4, [51]0* ms back: [0-9]' out
is  'and what chance makes'         grep -q '^chance: -.* in 95 % of 20 shifts' out
cp out first
yes 'the OFF cell'                  $of --lags 12 --unit 1 --shuffles 20 -o b.npy
is  'is of the other sign'          grep -q '^average: strongest at x = 4, y = 4, [51]0* ms back: -[0-9]' out
is  'an array of twelve frames'     test "$(wc -c < b.npy)" -eq $((256 + 12*81*4))
yes 'spikes from a .h5'             convis sta --stimulus s.npy --response r.h5 --dt 0.005 --lags 5 --stc 2 --shuffles 20 -o c.npz
is  'are the same spikes'           cmp a.npz c.npz
for threads in 1 2 3; do
    $of --lags 5 --stc 2 --shuffles 20 --threads $threads -q -o c.npz > out 2> err
    is  "$threads threads"          cmp a.npz c.npz
done
is  'quiet says nothing'            test ! -s out
$of --lags 5 --stc 2 --shuffles 20 --seed 1 -q -o c.npz 2> err
is  'other shifts'                  sh -c '! cmp -s a.npz c.npz'
yes 'a result in .h5'               $of --lags 5 --stc 2 --shuffles 20 -o a.h5
is  'says the same'                 cmp first out
yes 'a part of it'                  $of --lags 12 --from 1000 --frames 2000 --skip 100 --shuffles 0 -o d.npy
is  'is a part'                     grep -q 'in 1989 frames' out
is  'without significance'          sh -c '! grep -q deviations out'
yes 'more than the average'         $of --lags 12 --stc 1 --shuffles 0 -o d.npy
is  'does not fit in .npy'          grep -q 'warning: d.npy keeps the average only' err

if command -v gnuplot > /dev/null; then
    yes 'a figure'                  $of --lags 12 --shuffles 0 -q -o d.npz --plot d.png --title 'ON'
    is  'is a PNG'                  sh -c 'head -c 8 d.png | tail -c 7 | head -c 3 | grep -q PNG'
    yes 'of an array'               $of --lags 12 --shuffles 0 -q -o d.npy --plot d.svg
    yes 'eigenvectors'              convis plot a.h5 --kind kernel --name eigenvector -o e.pdf
    yes 'and from .npz'             convis plot a.npz --kind kernel --name significance --dt 0.005 -o e.png
else
    skip 'figures' 'no gnuplot'
fi

# ---- Bad input: one sentence, status 1, and what was there stays ----

cp a.npz good.npz
convis stim checkers duration=1 --size 9x9 --ppd 10 --dt 0.005 -o short.npy 2> err
no  'a short stimulus'   1 '200 frames'                  convis sta --stimulus short.npy --response r.h5 --dt 0.005 -o good.npz
no  'a dt of 1 ms'       1 'r.h5: a recording of 20 s'   convis sta --stimulus s.npy --response r.h5 -o good.npz
no  'another dt'         1 'r.h5: a recording of 20 s'   convis sta --stimulus s.npy --response r.h5 --dt 0.004 -o good.npz
no  'no such unit'       1 'unit: 2, expected 0 to 1'    $of --unit 2 -o good.npz
no  'no such file'       1 'nothing.npy'                 convis sta --stimulus nothing.npy --response r.csv --dt 0.005 -o good.npz
no  'no such part'       1 'no frame 5000'               $of --from 5000 -o good.npz
no  'too short to shift' 1 'expected at least 799'       $of --from 3500 --lags 200 -o good.npz
no  'no such folder'     1 'nowhere/a.npz'               $of --lags 3 --shuffles 0 -o nowhere/a.npz
no  'no figure so called' 1 'figures are .png'           $of --lags 3 --shuffles 0 -o d.npz --plot d.jpg
head -c 2000 s.npy > cut.npy
no  'a truncated file'   1 'cut.npy'                     convis sta --stimulus cut.npy --response r.csv --dt 0.005 -o good.npz
is  'the good file is still there'  cmp a.npz good.npz

echo "1..$count"
