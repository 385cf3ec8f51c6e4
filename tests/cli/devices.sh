#!/bin/sh
# devices.sh CONVIS CUDA_STAND_IN_FOLDER OPENCL_STAND_IN - graphics cards as a user meets them: lists, runs, fits and faults. The card is the
# stand-in driver of tests/cuda_stand_in, in that folder; what drivers do to a process is tried with it and that of
# tests/opencl_stand_in; where there is a driver for OpenCL, that too.
stand_in=$2 opencl_stand_in=$3
. "$(dirname "$0")/tap.sh"
unset CONVIS_DEVICE LD_LIBRARY_PATH
card()  { LD_LIBRARY_PATH=$stand_in CONVIS_NVRTC=$stand_in/libnvrtc.so "$convis" "$@"; }
fault() { CONVIS_STAND_IN=$1; export CONVIS_STAND_IN; shift; card "$@"; status=$?; unset CONVIS_STAND_IN; return $status; }
same()  { name=$1; shift; if cmp "$1" "$2" > out 2> err; then ok "$name"; else not_ok "$name"; fi; }
absent() { name=$1; if [ -e "$2" ]; then not_ok "$name"; else ok "$name"; fi; }
says()  { name=$1; if grep -q "$2" out; then ok "$name"; else not_ok "$name"; fi; }

cat > rates.yaml << 'END'
dt: 0.005
layers:
  - {type: lowpass, name: slow, tau: 0.02}
  - {type: relu, name: above, threshold: 100}
  - {type: sigmoid, name: rate}
END
cat > LN.yaml << 'END'
dt: 0.005
layers:
  - {type: conv, name: filter, frames: 4, height: 5, width: 5, padding: 1, weights: gabor}
  - {type: softplus, name: rate}
  - {type: readout, name: cell}
END
convis stim checkers -o noise.npy --size 8x6 --frames 120 --dt 0.005 > out 2> err
convis run rates.yaml noise.npy --device cpu -q -o cpu.npy > out 2> err

# ---- Lists and names ----

yes 'devices'                      convis devices
says 'the processor is in it'      'cpu:baseline'
says 'why there is no card'        'cuda .*no: '
no  'a name of no kind'          1 'expected auto, cpu, cpu:ISA, cuda:N or opencl:P.D' convis run rates.yaml noise.npy --device gpu -o a.npy
no  'no such card'               1 'there is none of this number' card run rates.yaml noise.npy --device cuda:7 -o a.npy
CONVIS_DEVICE=cpu:baseline; export CONVIS_DEVICE
yes 'the usual device'             convis devices --json
says 'is what auto takes'          '"auto": "cpu:baseline"'
unset CONVIS_DEVICE

if [ ! -e "$stand_in/libcuda.so.1" ] || ! card devices | grep -q 'cuda:0 .*taken by auto'; then
    skip 'a card' 'there is no stand-in driver'
else
    # ---- Runs ----

    yes  'a run on a card'             card run rates.yaml noise.npy --device cuda:0 -q -o cuda.npy
    same 'equals the processor'        cpu.npy cuda.npy
    yes  'by auto'                     card run rates.yaml noise.npy -q -o auto.npy --chunk 7
    same 'in any chunks'               cpu.npy auto.npy
    yes  'spikes on a card'            card run retina noise.npy --device cuda:0 --numerics virtualretina --frames 4 -q -o card.csv
    yes  'spikes here'                 convis run retina noise.npy --device cpu --numerics virtualretina --frames 4 -q -o here.csv
    same 'are the same'                card.csv here.csv
    { echo unit,time,layer; seq 1 40 | sed 's/.*/0,0.0&,0/' | sort -t, -k2,2n; } > spikes.csv
    yes  'a fit on a card'             card fit LN.yaml --stimulus noise.npy --response spikes.csv --epochs 2 --free cell -q -o fitted.h5
    yes  'its parameters, here'        convis eval fitted.h5 --stimulus noise.npy --response spikes.csv --device cpu

    # ---- Faults: a sentence, nothing half-written, and on from the last state ----

    no   'no card'                   1 'NO_DEVICE'        fault none run rates.yaml noise.npy --device cuda:0 -o bad.npy
    no   'an old driver'             1 'expected 11.0'    fault old run rates.yaml noise.npy --device cuda:0 -o bad.npy
    no   'kernels that do not compile' 1 'do not compile' env CONVIS_CACHE= CONVIS_STAND_IN=bad LD_LIBRARY_PATH="$stand_in" \
         CONVIS_NVRTC="$stand_in/libnvrtc.so" "$convis" run LN.yaml noise.npy --device cuda:0 -o bad.npy
    no   'too little memory'         1 'the model needs'  fault memory:20000 run rates.yaml noise.npy --device cuda:0 -o bad.npy
    yes  'little memory'               fault memory:200000 run rates.yaml noise.npy --device cuda:0 -q -o little.npy
    same 'cuts what is done at once'   cpu.npy little.npy
    no   'a card that is lost'       1 'lost'             fault lost:5 run rates.yaml noise.npy --device cuda:0 --chunk 10 -o bad.npy
    absent 'leaves no file'            bad.npy
    yes  'the first half'              card run rates.yaml noise.npy --device cuda:0 --frames 60 -q -o first.npy --save-state half.state
    yes  'goes on here'                convis run rates.yaml noise.npy --device cpu --from 60 --load-state half.state -q -o second.npy
fi

# ---- Drivers that would take the process with them are tried in another, once ----

judged() { LD_LIBRARY_PATH=$more CONVIS_OPENCL=$opencl CONVIS_STAND_IN=$told CONVIS_STAND_IN_LOG=$work/log CONVIS_CACHE=$work/verdicts "$convis" "$@"; }
tries()  { name=$1; if [ "$(cat log 2> /dev/null | wc -l)" -eq "$2" ]; then ok "$name"; else not_ok "$name"; cat log; fi; }
anew()   { rm -rf log verdicts; told=$1; }
more= opencl=$opencl_stand_in
anew abort:1,gpu
yes  'auto passes a driver that aborts' judged run rates.yaml noise.npy --device cpu -q -o here.npy
yes  'and lists the reason'        judged devices
says 'with what it said'           'opencl .*crashes.* 6'
grep -q 'gives up' out && ok 'its last line' || not_ok 'its last line'
tries 'in one process'             1
yes  'JSON too'                    judged devices --json
says 'the next one is taken'       '"auto": "opencl:1.0"'
tries 'who asks for the list has it tried anew' 2
anew abort:1
yes  'auto goes on to the processor' judged run rates.yaml noise.npy -q -o judged.npy
same 'with its numbers'            here.npy judged.npy
tries 'found out once'             1
yes  'again'                       judged run rates.yaml noise.npy -q -o judged.npy
tries 'is remembered'              1
no   'by name there is a reason' 1 "its driver crashes" judged run rates.yaml noise.npy --device opencl:0 -q -o bad.npy
tries 'and it is tried again'      2
cp "$opencl_stand_in" driver.so
opencl=$work/driver.so
yes  'another driver'              judged run rates.yaml noise.npy -q -o judged.npy
tries 'is judged anew'             3
touch -d '2001-02-03' driver.so
yes  'a driver that was changed'   judged run rates.yaml noise.npy -q -o judged.npy
tries 'is judged anew, too'        4
opencl=$opencl_stand_in
anew exit:2
yes  'a driver that ends the process' judged devices
says 'is one that crashes'         'opencl:1 .*crashes'
anew build,gpu
yes  'a driver that aborts when it compiles' judged run rates.yaml noise.npy -q -o judged.npy
same 'is passed, too'              here.npy judged.npy
anew hang:1
CONVIS_DRIVER_SECONDS=4; export CONVIS_DRIVER_SECONDS
yes  'a driver that hangs'         judged run rates.yaml noise.npy -q -o judged.npy
same 'is passed, too'              here.npy judged.npy
yes  'with the reason'             judged devices
says 'in the list'                 'opencl .*hangs.*4 seconds'
unset CONVIS_DRIVER_SECONDS
if [ -e "$stand_in/libcuda.so.1" ]; then
    more=$stand_in; CONVIS_NVRTC=$stand_in/libnvrtc.so; export CONVIS_NVRTC
    anew dies,gpu
    yes  'CUDA that aborts'        judged devices --json
    says 'has a reason'            '"cuda".*crashes'
    says 'OpenCL is taken'         '"auto": "opencl:0.0"'
    anew abort:1
    yes  'OpenCL that aborts'      judged devices --json
    says 'CUDA is taken'           '"auto": "cuda:0"'
    anew hangs
    CONVIS_DRIVER_SECONDS=4; export CONVIS_DRIVER_SECONDS
    yes  'CUDA that hangs'         judged devices
    says 'has its reason, too'     'cuda .*hangs'
    unset CONVIS_DRIVER_SECONDS
    anew long
    yes  'a card with a long name' judged run rates.yaml noise.npy --device cuda:0 -q -o judged.npy
    same 'computes the same'       here.npy judged.npy
    unset CONVIS_NVRTC
fi
anew long
yes  'texts of any length'         judged devices
says 'make no driver too old'      'opencl:0.0  *stand-in 0'
no   'the log of a compiler is seen to be cut' 1 '...' judged run rates.yaml noise.npy --device opencl -q -o bad.npy

if convis devices | grep -q 'opencl:0.0  *[^n]'; then
    yes  'a run by OpenCL'             convis run rates.yaml noise.npy --device opencl -q -o opencl.npy
    same 'equals the processor, too'   cpu.npy opencl.npy
else
    skip 'OpenCL' 'there is no driver for it'
fi
echo "1..$count"
