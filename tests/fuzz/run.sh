#!/bin/sh
# run.sh PROGRAM NAME FOLDER - fuzz one parser, beginning with the files of its format in tests/data: for CONVIS_FUZZ_SECONDS, or,
# where nothing is said, with the same few thousand inputs on every machine.
#
# fuzz_xml begins with *.xml and uses the words of xml.dict. An input that breaks it is kept in CONVIS_FUZZ_KEEP (or the present
# folder); in the corpus that CONVIS_FUZZ_CORPUS names, long runs go on where they stopped.
program=$1 name=$2 folder=$3
format=${name#fuzz_}
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
for seed in "$folder/../data"/*."$format" "$folder/../data"/*_"$format".txt; do
    [ -f "$seed" ] && cp "$seed" "$own"
done
case $format in                          # a small good file, if $CONVIS is the command that makes one
    npy | npz | inr) [ -n "$CONVIS" ] && "$CONVIS" stim grating --size 5x4 --frames 3 -q -o "$own/small.$format" 2> /dev/null ;;
esac
corpus=$own
if [ -n "$CONVIS_FUZZ_CORPUS" ]; then
    corpus=$CONVIS_FUZZ_CORPUS/$format
    mkdir -p "$corpus"
fi
if [ -n "$CONVIS_FUZZ_SECONDS" ]; then set -- -max_total_time="$CONVIS_FUZZ_SECONDS"
else set -- -runs="${CONVIS_FUZZ_RUNS:-5000}" -seed=1; fi
set -- "$@" -rss_limit_mb=2048 -timeout=20 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="${CONVIS_FUZZ_KEEP:-.}/$name-"
[ -f "$folder/$format.dict" ] && set -- "$@" -dict="$folder/$format.dict"
[ "$corpus" = "$own" ] || set -- "$@" "$corpus"
"$program" "$@" "$own" 2>&1
