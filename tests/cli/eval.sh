#!/bin/sh
# eval.sh CONVIS - transcripts of convis eval: published correlations, made-up arrays, a model against its own spikes, bad input.
. "$(dirname "$0")/tap.sh"

yes 'eval --help'                   convis eval --help
is  'it is whole'                   sh -c 'grep -q ^Usage: out && grep -q ^Options: out && grep -q ^Examples: out'

# ---- Mouse dLGN: the published correlations (data/dlgn/README.md) ----

dlgn() {
    unit=$data/dlgn/$1.npz
    yes "unit $1"                   convis eval --prediction "$unit:yhat_test" --response "$unit:y_test" --dt 0.0166667
    is  "its correlation is $2"     grep -q "^  0 .* $2 \[" out
    is  'it says what was scored'   grep -q '17350 frames of 16.6667 ms (289.2 s), 1 trial' err
}
dlgn Ntsr1Cre_2019_0008_s03_e07_u25 0.4994
dlgn Ntsr1Cre_2019_0008_s05_e08_u19 0.3814
dlgn Ntsr1Cre_2019_0008_s06_e06_u35 0.3722
unit=$data/dlgn/Ntsr1Cre_2019_0008_s03_e07_u25.npz
score="convis eval --prediction $unit:yhat_test --response $unit:y_test"
yes 'a part of it'                  $score --block 60 --from 1000 --frames 8000 --skip 100 -q
is  'quiet says nothing'            test ! -s err
cp out part
$score --block 60 --from 1000 --frames 8000 --skip 100 -q > out 2> err
is  'a rerun gives the same'        cmp part out
yes 'no intervals'                  $score --bootstrap 0
is  'then dt is not needed'         grep -q '^  0 .* 0.4994 ' out
no  'else it is'         2 '--dt SECONDS is missing'    $score

# ---- Arrays made for the purpose ----

if command -v python3 > /dev/null; then

python3 - << 'END'
import struct, random
def npy(name, shape, numbers):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (tuple(shape),)
    header += ' '*(-(11 + len(header)) % 64) + '\n'
    with open(name, 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode() + struct.pack('<%df' % len(numbers), *numbers))
random.seed(1)
nan = float('nan')
T, N, K = 600, 3, 20
rate = [[100 + 75*((t//(10*(u + 1)))%2) for u in range(N)] for t in range(T)]
def count(mean):                                         # Poisson, by the time to the next
    n, time = 0, random.expovariate(1)
    while time < mean: n, time = n + 1, time + random.expovariate(1)
    return n
response = [count(.02*rate[t][u]) for k in range(K) for t in range(T) for u in range(N)]
npy('rate.npy', (T, N), [x for row in rate for x in row])
npy('counts.npy', (K, T, N), response)
npy('one.npy', (T,), [row[0] for row in rate])
npy('silent.npy', (T, N), [0 if i%N == 1 else response[i] for i in range(T*N)])
npy('flat.npy', (T, N), [7 if i%N == 1 else x for i, x in enumerate(y for row in rate for y in row)])
npy('holes.npy', (K, T, N), [nan if i%17 == 3 else x for i, x in enumerate(response)])
npy('mask.npy', (T,), [0 if t < 100 else 1 for t in range(T)])
npy('short.npy', (500, N), [1]*500*N)
npy('cube.npy', (2, 2, 2, 2), [1]*16)
bad = [x for row in rate for x in row]
bad[100*N + 2] = nan
npy('bad.npy', (T, N), bad)
END
counts="convis eval --prediction rate.npy --response counts.npy --dt 0.02 --counts"
yes 'counts, units, trials'         $counts
is  'a row a unit, and the mean'    sh -c 'cut -c 3-6 out | tr "\n" " " | grep -qx "unit 0    1    2    mean "'
is  'nothing is missing'            sh -c '! grep -q -- " - " out'
is  'what was scored'               grep -q 'counts.npy: 600 frames of 20 ms (12 s), 20 trials, counts; 95 % intervals by 1000 samples' err
$counts --json -q > json 2> err
is  '--json is JSON'                python3 -m json.tool json
# The prediction is the truth: nothing but noise is between it and the responses.
is  'the truth is found'            python3 -c '
import json
all = json.load(open("json"))
assert len(all["units"]) == 3 and all["trials"] == 20 and all["counts"] and all["dt"] == .02
for who in all["units"] + [all["mean"]]:
    assert abs(who["cc_norm"]["value"] - 1) < .05 and abs(who["feve"]["value"] - 1) < .1, who
    assert .7 < who["correlation"]["value"] < .99 and who["bits_per_spike"]["value"] > .03, who
    for score in ("log_likelihood", "bits_per_spike", "correlation", "cc_norm", "feve"):
        assert who[score]["low"] < who[score]["value"] < who[score]["high"], who
means = [sum(u[s]["value"] for u in all["units"])/3 - all["mean"][s]["value"] for s in all["mean"]]
assert max(map(abs, means)) < 1e-12'
yes 'some of the units'             $counts --units 0,2
is  'and only those'                sh -c 'cut -c 3-6 out | tr "\n" " " | grep -qx "unit 0    2    mean "'
yes 'holes in the recording'        convis eval --prediction rate.npy --response holes.npy --dt 0.02 --counts
is  'all scores are there'          sh -c '! grep -q -- " - " out'
yes 'a mask'                        $counts --mask mask.npy -q
cp out masked
$counts --skip 100 -q > out 2> err
is  'is as good as --skip'          cmp masked out
yes 'a constant prediction'         convis eval --prediction flat.npy --response counts.npy --dt 0.02 --counts
is  'has no correlation'            grep -q 'warning: unit 1 has no correlation' err

silent="convis eval --prediction rate.npy --response silent.npy --dt 0.02 --counts"
no  'a silent unit'      1 'unit 1: the response is 0 in all 600 frames'  $silent
yes 'can be left out'               $silent --units 0,2
against() { convis eval --prediction "$1" --response "$2" --dt 0.02; }
no  'NaN in a prediction' 1 'unit 2: the prediction at frame 100 is nan'  against bad.npy counts.npy
no  'different length'   1 'expected 600 frames of 3 units'               against short.npy counts.npy
no  'different units'    1 'one.npy: shape (600,)'                        against one.npy counts.npy
no  'no response'        1 'cube.npy: shape (2, 2, 2, 2), expected a response'    against one.npy cube.npy
no  'another mask'       1 'short.npy: shape (500, 3), expected that of'  $counts --mask short.npy
no  'no such unit'       1 'there is no unit 3'         $counts --units 0,3
no  'no list of units'   2 "--units: '0-'"              $counts --units 0-
no  'too late'           1 'there is no frame 600'      $counts --from 600
no  'too many frames'    1 'has 100 frames from frame 500 on, expected at least 101'  $counts --from 500 --frames 101
no  'nothing left'       1 'frames are skipped'         $counts --skip 600
no  'level'              2 '--level: 1'                 $counts --level 1

else
    skip 'made-up arrays' 'no python3 to write them'
fi

# ---- A model against its own spikes ----

convis stim checkers rate=20 size=1 duration=4 --size 6x5 --ppd 2 --dt 0.005 -o movie.npy > out 2> err
retina="--set ganglions=1 --dt 0.005"
convis run retina movie.npy $retina -o spikes.h5 -q 2> err
eval="convis eval retina $retina --stimulus movie.npy --response spikes.h5 -q"
yes 'a model'                       $eval --output ganglion_0 --counts --bootstrap 50
is  'a row a cell, and the mean'    test "$(wc -l < out)" -eq 32
is  'currents foretell spikes'      sh -c 'grep "^  mean" out | grep -qE " 0\.[3-9][0-9]* \["'
cp out whole
$eval --output ganglion_0 --counts --bootstrap 50 --chunk 7 > out 2> err
is  'chunks of 7'                   cmp whole out
# The same seed, the same spikes: the prediction is what was recorded.
yes 'a rerun of the model'          $eval --output ganglion_0.spikes --bootstrap 0
is  'is exact'                      test "$(grep -c ' 1\.000 ' out)" -eq 31
no  'other sizes'        1 'response: 30 units, but'                       convis eval retina $retina --response spikes.h5 \
    --stimulus 'stim:checkers?duration=4' --size 4x4
no  'an unknown output'  1 "has no output 'ganglion_9'; did you mean"     $eval --output ganglion_9
no  'an unknown setting' 1 "has no 'opl.centre.tau'; did you mean"        $eval --set opl.centre.tau=1
no  'an unknown model'   1 'did you mean retina?'       convis eval retnia --stimulus movie.npy --response spikes.h5
no  'a missing file'     1 'nothing.npy'                convis eval retina --stimulus nothing.npy --response spikes.h5

# ---- Usage ----

no  'nothing'            2 '--response FILE is missing' convis eval
no  'of nothing'         2 'Expected a MODEL, or --prediction FILE'       convis eval --response a.npy
no  'of both'            2 'either a MODEL or --prediction'               convis eval retina --prediction a.npy --response a.npy
no  'without a stimulus' 2 '--stimulus FILE is missing' convis eval retina --response a.npy
no  'no model to set'    2 '--set needs a MODEL'        convis eval --prediction a.npy --response a.npy --set a=1 --dt 1
no  'not PATH=VALUE'     2 'expected PATH=VALUE'        convis eval retina --stimulus a.npy --response a.npy --set dt
no  'counts without dt'  2 '--counts needs --dt'        convis eval --prediction a.npy --response a.npy --counts
no  'an unknown option'  2 "did you mean --response?" convis eval --respnse a.npy

echo "1..$count"
