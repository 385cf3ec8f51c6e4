#!/bin/sh
# surroundings.sh CONVIS - the same command gives the same file whatever is around it: threads, locale, time zone, a home that is not
# there or cannot be written to,
# the mask of new files, the instruction set.
. "$(dirname "$0")/tap.sh"

device=cpu
model() {
    "$@" "$convis" run primate stim:grating --device $device --threads 3 --size 96x80 --frames 60 --seed 3 -q -o out.spk --probe bipolar=out.npy \
        > out 2> err
}
same() {
    name=$1; shift
    rm -f out.npy out.spk
    if model "$@" && cmp -s out.npy usual.npy && cmp -s out.spk usual.spk; then ok "$name"; else not_ok "$name"; fi
}

if model env; then ok 'as usual'; else not_ok 'as usual'; fi
mv out.npy usual.npy
mv out.spk usual.spk
same 'nothing in the environment'     env -i
same 'no home'                        env -u HOME -u XDG_CACHE_HOME
same 'a home that is not there'       env -u CONVIS_CACHE HOME=/nonexistent/home
mkdir locked && chmod 500 locked
same 'a home that is only read'       env -u CONVIS_CACHE HOME="$work/locked"
same 'decimal commas'                 env LOCPATH="$CONVIS_TEST_LOCALES" LC_ALL=comma ASAN_OPTIONS=detect_leaks=0
same 'another time zone'              env TZ=Asia/Kolkata
if command -v taskset > /dev/null; then
    first=$(taskset -cp $$ | sed 's/.*: *//; s/[^0-9].*//')
    same 'one processor'              taskset -c "$first"
fi
device=cpu:baseline
same 'another instruction set'        env
device=cpu
umask 077
same 'files for nobody else'          env
echo "1..$count"
