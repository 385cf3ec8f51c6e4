#!/bin/sh
# cli.sh CONVIS - transcripts of the command: what is typed, what must come back. Prints TAP.
. "$(dirname "$0")/tap.sh"

# ---- Help and usage ----

yes 'version'                       convis --version
is  'version names the program'     grep -q '^convis [0-9]' out
yes 'help'                          convis --help
for command in run describe stim plot convert devices bench; do
    is  "help lists $command"       grep -q "^  $command " out
done
for command in run describe stim plot convert devices bench; do
    yes "$command --help"           convis $command --help
    is  "$command --help is whole"  sh -c 'grep -q ^Usage: out && grep -q ^Options: out && grep -q ^Examples: out'
done
yes 'help COMMAND'                  convis help run
no  'no command'         2 'Usage'  sh -c '"$0" 2> e; s=$?; sed "s/^Usage/convis: Usage/" e >&2; exit $s' "$convis"
no  'unknown command'    2 "did you mean run?"        convis rnu
no  'unknown option'     2 "did you mean --threads?"  convis run retina a.npy --threds 2
no  'missing argument'   2 'expected MODEL INPUT'       convis run retina
no  'one too many'       2 'one argument too many'      convis run retina a.npy b.npy
no  'missing value'      2 '--dt needs a value'         convis run retina a.npy --dt
no  'not a number'       2 "--dt: 'fast'"               convis run retina a.npy --dt fast
no  'not above 0'        2 'expected a number above 0'  convis run retina a.npy --dt=-1
no  'not a size'         2 'WIDTHxHEIGHT'               convis run retina - --size 12
no  'flag with a value'  2 'takes no value'             convis run retina a.npy --quiet=1
no  'unknown numerics'   2 'virtualretina or converged' convis run retina a.npy --numerics best
no  'unknown channel'    2 'luminance, red, green'      convis run retina a.npy --channel pink
no  'not PATH=FILE'      2 'expected PATH=FILE'         convis run retina a.npy --probe opl
no  'not PATH=VALUE'     2 'expected PATH=VALUE'        convis run retina stim:impulse --set dt
no  'unknown extension'  2 "'a.xyz', expected a name ending in .spk, .csv, .npy, .npz or .h5, of maps also .inr, .png or .mp4" convis run retina a.npy -o a.xyz
no  'same file twice'    2 'named twice'                convis run retina a.npy -o a.csv -o ./a.csv
no  'spikes and a map'   2 "'b.csv' cannot hold both what -o writes and 'opl'" convis run retina a.npy -o b.csv --probe opl=b.csv
no  'input as output'    2 'will not be replaced'       convis run retina a.npy -o a.npy
no  'raw without a size' 2 '--size'                     convis run retina -

# ---- Describe, devices ----

yes 'describe'                      convis describe
for model in retina primate cat-x linear; do
    is  "describe lists $model"     grep -q "^  $model " out
done
for model in retina primate cat-x linear; do
    yes "describe $model"           convis describe $model
    is  "$model can be set"         grep -q '^  opl.center.tau ' out
    is  "$model can be probed"      grep -q '^  opl ' out
    yes "describe $model --all"     convis describe $model --all
    is  'which is more'             grep -q '^  opl.center.gain ' out
    yes "describe $model --xml"     convis describe $model --xml
    cp out $model.xml
    yes "describe $model.xml"       convis describe $model.xml
done
no  'a layer has no XML' 2 "'lif' is a layer"           convis describe lif --xml
no  'describe nothing'   1 'did you mean retina?'       convis describe retnia
yes 'devices'                       convis devices
is  'baseline is usable'            grep -q 'cpu:baseline *this processor' out
layer=$(convis describe | sed -n '/^Layers/,/^$/s/^  \([a-z_]*\) .*/\1/p' | head -1)
yes "describe layer $layer"         convis describe "$layer"
if command -v python3 > /dev/null; then
    for words in describe 'describe retina' 'describe primate' "describe $layer" devices; do
        convis $words --json > out 2> err
        is "$words --json is JSON"  python3 -m json.tool out
    done
else
    skip 'JSON' 'no python3 to read it'
fi

# ---- Stimuli ----

yes 'stim'                          convis stim
yes 'stim KIND'                     convis stim grating
is  'lists its keys'                grep -q '^  contrast ' out
yes 'stim writes an array'          convis stim grating --size 48x40 --frames 60 --dt 0.001 -o grating.npy
no  'stim without a file'    2 '-o FILE is missing'     convis stim grating contrast=1
no  'stim with a bad word'   2 'expected KEY=VALUE'     convis stim grating fast -o a.npy
no  'unknown stimulus'       1 'gratin'                 convis stim gratin -o a.npy
no  'and without a file' 1 "did you mean grating?"      convis stim gratin
is  'and nothing was written'       test ! -e a.npy
convis stim grating --size 48x40 --frames 60 --dt 0.001 -o - > grating.raw 2> err
is  'stim - writes float32'         test "$(wc -c < grating.raw)" -eq $((48*40*60*4))

# ---- Run ----

run="convis run retina grating.npy --dt 0.001 -q"
yes 'run'                           convis run retina grating.npy --dt 0.001 -o a.csv
is  'the summary is one line'       test "$(grep -vc warning err)" -eq 1
is  'it says which numerics'        grep -q 'converged numerics' err
is  'csv has its header'            sh -c 'head -1 a.csv | grep -qx unit,time,layer'
is  'spikes are ordered by time'    sh -c 'tail -n +2 a.csv | sort -c -s -t, -k2,2g'
yes 'quiet'                         $run -o b.csv
is  'quiet says nothing'            test ! -s err
is  'a rerun is the same run'       cmp a.csv b.csv
for chunk in 1 7 1000; do
    $run --chunk $chunk -o b.csv --probe opl=b.npy 2> err
    is "chunks of $chunk"           cmp a.csv b.csv
    if [ $chunk -eq 1 ]; then cp b.npy one.npy; else is "its maps" cmp one.npy b.npy; fi
done
for threads in 1 2 3; do
    $run --threads $threads -o b.csv 2> err
    is "$threads threads"           cmp a.csv b.csv
done
$run --device cpu:baseline -o b.csv 2> err
is  'another instruction set'       cmp a.csv b.csv
$run --seed 1 -o b.csv 2> err
is  'another seed is another run'   sh -c '! cmp -s a.csv b.csv'
$run --numerics virtualretina -o b.csv 2> err
is  'other numerics, other spikes'  sh -c '! cmp -s a.csv b.csv'

yes 'every format of spikes'        $run -o c.spk -o c.csv -o c.npy -o c.npz -o c.h5
is  'csv is the same'               cmp a.csv c.csv
is  'spk has as many spikes'        test "$(wc -l < c.spk)" -eq $(($(wc -l < a.csv) - 1))
for from in csv npy npz h5; do
    for to in csv npy npz h5; do
        is "spikes, $from to $to"   sh -c '"$0" convert c.$1 x.$2 && "$0" convert x.$2 y.csv && cmp c.csv y.csv' "$convis" $from $to
    done
done
rm -f x.* y.csv
yes 'probes by alias and by path'   $run --probe opl=p.npy --probe ganglion_0=g.npy --probe bipolar=b.npy --probe adaptation=n.npy
is  'an alias is its layer'         cmp p.npy one.npy
yes 'spikes and maps in one h5'     $run -o all.h5 --probe opl=all.h5 --probe bipolar=all.h5
yes 'maps in one npz'               $run --probe opl=all.npz --probe bipolar=all.npz
$run -o - > piped.csv 2> err
is  '-o - prints the same spikes'   cmp a.csv piped.csv
yes 'a model from a result'         convis run c.h5 grating.npy -q -o d.csv
is  'gives the same spikes'         cmp a.csv d.csv
yes 'save-xml'                      $run --set opl.center.tau=0.02 --save-xml saved.xml -o e.csv
yes 'run from it'                   convis run saved.xml grating.npy -q -o f.csv
is  'gives the same spikes'         cmp e.csv f.csv
is  '--set changed them'            sh -c '! cmp -s a.csv e.csv'
yes 'nothing to write'              convis run retina stim:impulse --size 4x3 --frames 2 -q
is  'is said'                       grep -q 'nothing was written; -o OUT writes the spikes' err
yes 'of maps'                       convis run LN stim:impulse --size 4x3 --frames 2 -q
is  'too'                           grep -q "nothing was written; -o OUT writes the model's output" err
yes 'a stimulus without a file'     convis run retina 'stim:grating' --size 48x40 --frames 60 --dt 0.001 -q -o s.csv

# A file of parameters: what is not in it stays; --set comes after it; a result keeps them; what .xml cannot keep is warned of.
yes 'save-params'                   $run --set opl.center.gain=0.02 --save-params p.txt -o g.csv
is  'is lines of path and value'    grep -qx 'opl.center.gain 0.02' p.txt
yes 'params'                        $run --params p.txt -o h.csv
is  'give the same spikes'          cmp g.csv h.csv
printf '# one\nopl.center.gain 0.02\n' > p.txt
yes 'one parameter'                 $run --params p.txt -o h.csv
is  'gives the same spikes'         cmp g.csv h.csv
yes 'params, then set'              $run --params p.txt --set opl.center.gain=0.0392156862745098 -o h.csv
is  'the default again'             cmp a.csv h.csv
yes 'a result with both'            $run --params p.txt --set bipolar.substep=0.0005 -o both.h5 -o both.csv
yes 'runs again as it did'          convis run both.h5 grating.npy -q -o again.csv
is  'with all its parameters'       cmp both.csv again.csv
is  'which changed something'       sh -c '! cmp -s a.csv both.csv'
yes 'an .xml'                       $run --set bipolar.substep=0.0005 --save-xml lacks.xml -o h.csv
is  'warns that it lacks them'      grep -q 'warning: lacks.xml does not keep' err
echo 'opl.center.gain much' > p.txt
no  'parameter no number' 1 "p.txt:1: opl.center.gain: 'much', expected a number" $run --params p.txt -o h.csv
echo 'opl.center.gane 1' > p.txt
no  'no such parameter'  1 'p.txt:1: '                  $run --params p.txt -o h.csv

# A model that does not spike.
yes 'linear'                        convis run linear grating.npy -q -o l.npy --probe opl=m.npy
is  '-o takes the last layer'       cmp l.npy m.npy
no  'it has no spikes'   1 'does not spike'             convis run linear grating.npy -q -o l.spk
is  'and nothing was written'       test ! -e l.spk

# Frames are held: 30 frames at 500 Hz are 60 steps of 1 ms, and so are 30 frames held twice.
yes 'fps'                           convis run linear grating.npy -q --frames 30 --fps 500 --probe opl=fps.npy
yes 'frame-repeat'                  convis run linear grating.npy -q --frames 30 --frame-repeat 2 --probe opl=held.npy
is  'hold the same frames'          cmp fps.npy held.npy
is  'as long as 60 steps'           test "$(wc -c < fps.npy)" -eq "$(wc -c < m.npy)"
printf '# layer unit x y\n0 7 0 0\n0 3 0.1 0.1\n1 9 -0.1 0\n' > units.txt
yes 'units'                         $run --units units.txt -o u.csv
is  'are the only ones'             sh -c 'tail -n +2 u.csv | grep -q . && ! tail -n +2 u.csv | grep -qvE "^([37],.*,0|9,.*,1)$"'

# The state of a run continues it.
$run --frames 25 --save-state state -o first.csv 2> err &&
    $run --from 25 --load-state state -o second.csv 2>> err
tail -n +2 second.csv >> first.csv
is  'a state continues a run'       cmp a.csv first.csv
no  'a state of another model'  1 'state'   convis run linear grating.npy --dt 0.001 -q --load-state state
printf 'no state' > bad
no  'no state at all'           1 'bad'     $run --load-state bad

# ---- Closed loops: every frame is answered before the next one is sent ----

$run --probe opl=- > opl.raw 2> err
convis run retina - --size 48x40 --dt 0.001 -q --probe opl=- < grating.raw > piped.raw 2> err
is  'raw frames in, the same maps out' cmp opl.raw piped.raw
frame=$((48*40*4)) answer=$(($(wc -c < opl.raw)/60))
mkfifo in back
timeout 20 "$convis" run retina - --size 48x40 --dt 0.001 -q --probe opl=- < in > back 2> err &
loop=$! answers=0
exec 3> in 4< back
for k in 0 1 2; do
    dd if=grating.raw bs=$frame count=1 skip=$k >&3 2> /dev/null
    timeout 10 dd bs=$answer count=1 iflag=fullblock <&4 > answer.$k 2> /dev/null
    [ "$(wc -c < answer.$k)" -eq "$answer" ] && answers=$((answers + 1))
done
exec 3>&- 4<&-
wait $loop
is  'a loop is closed frame by frame'  test $answers -eq 3
timeout 20 "$convis" run retina - --size 48x40 -q -o - < in > back 2> err &
loop=$!
exec 3> in 4< back
read -r line <&4
exec 3>&- 4<&-
wait $loop
is  'the header comes before the first frame' test "$line" = unit,time,layer
head -c $((frame + 100)) grating.raw > short.raw
no  'half a frame'       1 'standard input'  sh -c '"$0" run retina - --size 48x40 -q < short.raw' "$convis"

# ---- Bad input: one sentence, status 1, and what was there stays ----

cp a.csv good.csv
no  'no such input'      1 'nothing.npy'                convis run retina nothing.npy -o good.csv
no  'no such model'      1 'did you mean retina?'       convis run retnia grating.npy -o good.csv
no  'no such setting'    1 "did you mean opl.center.tau?"  $run --set opl.centre.tau=1 -o good.csv
no  'setting too small'  1 'opl.center.tau'             $run --set opl.center.tau=-1 -o good.csv
no  'setting no number'  1 'opl.center.tau'             $run --set opl.center.tau=slow -o good.csv
no  'no such output'     1 "did you mean opl?"        $run --probe opll=x.npy -o good.csv
no  'no such device'     1 'cpu:quantum'                $run --device cpu:quantum -o good.csv
no  'no such folder'     1 'nowhere/x.csv'              $run -o nowhere/x.csv
no  'no folder for state' 1 'nowhere/x'                 $run --save-state nowhere/x -o good.csv
no  'spikes as a picture' 1 '--probe'                   $run -o x.png
no  'no such units'      1 'nothing.txt'                $run --units nothing.txt -o good.csv
head -c 1000 grating.npy > short.npy
no  'truncated array'    1 'short.npy'                  convis run retina short.npy -q -o good.csv
head -c 40 grating.npy > head.npy
no  'truncated header'   1 'head.npy'                   convis run retina head.npy -q -o good.csv
: > empty.npy
no  'empty file'         1 'empty.npy'                  convis run retina empty.npy -q -o good.csv
{ head -c 100000 grating.npy; printf '\000\000\300\177\000\000\300\177'; tail -c +100009 grating.npy; } > nan.npy
no  'NaN in a movie'     1 'NaN'                        convis run retina nan.npy -q -o good.csv --probe opl=x.npy
echo '<retina-description-file><retina></x>' > bad.xml
no  'broken XML'         1 'bad.xml'                    convis run bad.xml grating.npy -q -o good.csv
sed 's/temporal-step__sec/temporal-stop__sec/' retina.xml > odd.xml
yes 'an unknown attribute'          convis describe odd.xml
is  'is a warning'                  grep -q 'warning: .*temporal-stop__sec' err
is  'the good file is still there'  cmp a.csv good.csv
is  'and nothing else'              test -z "$(ls -A | grep -E '^x\.|tmp|~$')"

# ---- Interrupt, full disk, closed pipe ----

# (An asynchronous command of a shell without job control ignores SIGINT; SIGTERM goes the same way.)
"$convis" run retina 'stim:grating?duration=100000' --size 48x40 -q -o good.csv > out 2> err &
sleep 1
kill -TERM $!
wait $!
is  'interrupted: status 143'       test $? -eq 143
is  'it says so'                    grep -qx 'convis: interrupted' err
is  'the good file is still there'  cmp a.csv good.csv
# signalled NAME COMMAND...: its status, after that signal; ./err has its sentences.
signalled() {
    number=$1; shift
    python3 - "$number" "$@" > out 2> err << 'END'
import signal, subprocess, sys, time
for name in "SIGINT", "SIGTERM", "SIGHUP":
    signal.signal(getattr(signal, name), signal.SIG_DFL)
p = subprocess.Popen(sys.argv[2:])
time.sleep(1)
p.send_signal(getattr(signal, sys.argv[1]))
sys.exit(128 - p.wait() if p.wait() < 0 else p.wait())
END
}
echo kept > p.txt; cp p.txt p.yaml
for signal in SIGINT:130 SIGTERM:143 SIGHUP:129; do
    signalled ${signal%:*} "$convis" run retina 'stim:grating?duration=100000' --size 48x40 -q -o good.csv --save-params p.txt --save-xml p.yaml
    is  "run, ${signal%:*}"         test $? -eq ${signal#*:}
    is  'it says so'                grep -qx 'convis: interrupted' err
    signalled ${signal%:*} "$convis" stim 'grating?duration=100000' --size 200x200 -q -o x.npy
    is  "stim, ${signal%:*}"        test $? -eq ${signal#*:}
    signalled ${signal%:*} "$convis" convert 'stim:grating?duration=100000' --size 200x200 -q x.npy
    is  "convert, ${signal%:*}"     test $? -eq ${signal#*:}
done
is  'no file is left'               test -z "$(ls -A | grep -E '^x\.|convis-')"
is  'the good file is still there'  cmp a.csv good.csv
is  'parameters are as before'      grep -qx kept p.txt
is  'and the model'                 grep -qx kept p.yaml
signalled SIGHUP nohup "$convis" run retina 'stim:grating?duration=1' --size 480x400 -q -o hup.csv
is  'nohup: it is ignored'          test $? -eq 0
convis stim checkers --size 8x8 --frames 400 -q -o seen.npy
convis run LN seen.npy -q -o told.npy --set 'filter.weights=gaussian?sigma=2'
signalled SIGHUP "$convis" fit LN --stimulus seen.npy --response told.npy --optimizer adam --rate 1e-9 --epochs 1000000000 -q -o best.h5
is  'fit, SIGHUP'                   test $? -eq 129
is  'it keeps the best so far'      sh -c 'grep -q "this build has no" err || { grep -q "interrupted; best.h5 has the best so far" err && test -s best.h5; }'

# ---- A run that fails leaves parameters and models as they were ----

no  'a run that fails'   1 'NaN'                        convis run retina nan.npy -q -o x.csv --probe opl=x.npy --save-params p.txt --save-xml p.yaml
is  'parameters are as before'      grep -qx kept p.txt
is  'and the model'                 grep -qx kept p.yaml
no  'no such format'     1 'q.txt: expected a name'     convis run retina grating.npy -q --save-xml q.txt
no  'no retina as XML'   1 'only retinas'               convis run L grating.npy -q --save-xml q.xml
no  'no such folder'     1 'none/p.txt'                 convis run retina grating.npy -q --save-params none/p.txt
yes 'one that does not'                                 convis run retina grating.npy -q --save-params p.txt --save-xml p.yaml
is  'writes them'                   sh -c 'grep -q "^opl.center.tau " p.txt && grep -q opl.center.tau p.yaml'

# ---- What is no model ----

no  'exchanged'          1 'grating.npy: no model but an array of NumPy; expected a built-in model, a .yaml, .xml or .h5 file; MODEL comes before INPUT' convis run grating.npy retina -o x.csv
no  'exchanged, a file'  1 'MODEL comes before INPUT'   convis run a.csv retina.xml -o x.csv
no  'a stimulus'         1 'MODEL comes before INPUT'   convis run stim:grating retina -o x.csv
cp grating.npy array; printf '\0\0\0\030ftypmp42' > film.xml
no  'without extension'  1 'array: no model but an array of NumPy' convis describe array
no  'of another name'    1 'film.xml: no model but a movie'        convis describe film.xml
no  'a list of spikes'   1 'a.csv: no model but lines of numbers'  convis describe a.csv
cp retina.xml retina.txt
yes 'XML of another name'                               convis describe retina.txt
no  'a file too large'   1 'full.npy'  sh -c 'ulimit -f 8; exec "$0" run retina grating.npy --dt 0.001 -q --probe opl=full.npy' "$convis"
is  'leaves nothing'                test -z "$(ls -A | grep full)"
if [ -c /dev/full ]; then
    no  'full disk'      1 'standard output' sh -c '"$0" describe > /dev/full' "$convis"
    no  'full disk'      1 'standard output' sh -c '"$0" run retina grating.npy --dt 0.001 -q -o - > /dev/full' "$convis"
else
    skip 'full disk' 'no /dev/full'
fi
no  'closed pipe'        1 'standard output' sh -c '{ "$0" run retina stim:grating --frames 10000 -q --probe opl=- 2>&3; echo $? > s; } 3>&2 | head -c 1 > /dev/null; exit $(cat s)' "$convis"
is  'nothing is left behind'        test -z "$(ls -A | grep -E '^x\.|tmp|~$')"

echo "1..$count"
