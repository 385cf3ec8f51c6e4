#!/bin/sh
# check.sh [long|fuzz] - every test, and at the end one line that counts them: `make check`.
#
#   build/meson  everything, as it is used
#   build/asan   the tests once more under the address, undefined behaviour and leak sanitizers, in single precision; those of
#                suite `numeric` run what others run, only longer
#   build/fuzz   every parser fed with arbitrary bytes, a few seconds each (with clang)
#
# `fuzz` does only the last, for as long as CONVIS_FUZZ_SECONDS says.
cd "$(dirname "$0")/.." || exit 1
what=${1:-short}
jobs=${JOBS:+-j$JOBS}
logs=
failed=0

say() { printf '\n== %s\n' "$1"; }

# configure FOLDER OPTION...: set it up, or again (a library may have come since).
configure() {
    folder=$1; shift
    again=
    [ -e "$folder/build.ninja" ] && again=--reconfigure
    meson setup $again "$folder" "$@" > "$folder.log" 2>&1 && return
    tail -n 20 "$folder.log"
    failed=$((failed + 1))
    return 1
}

# build FOLDER TARGET...: quiet unless it fails; warnings are shown.
build() {
    folder=$1; shift
    if ! ninja $jobs --quiet -C "$folder" "$@"; then
        echo "check: $folder was not built"
        failed=$((failed + 1))
        return 1
    fi
}

# tests FOLDER OPTION...: they are counted at the end.
tests() {
    folder=$1; shift
    logs="$logs $folder/meson-logs/testlog.json"
    rm -f "$folder/meson-logs/testlog.json"
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" ||
        [ -e "$folder/meson-logs/testlog.json" ] || failed=$((failed + 1))
}

fuzz() {
    say 'fuzzing'
    if ! command -v clang > /dev/null 2>&1; then
        echo 'fuzzing is left out: there is no clang'
        return
    fi
    CC=clang configure build/fuzz -Dfuzz=true -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 &&
        build build/fuzz meson-test-prereq && tests build/fuzz "$@"
}

# What the sanitizers and the fuzzers hear.
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export CONVIS=$PWD/build/convis CONVIS_FUZZ_KEEP=$PWD/build

mkdir -p build
rm -f build/result
tools/setup.sh check || exit 1

if [ "$what" = fuzz ]; then
    export CONVIS_FUZZ_CORPUS=$PWD/build/corpus
    fuzz -t 0
else
    say 'the build as it is used'
    long='--no-suite long'
    [ "$what" = long ] && long=
    configure build/meson && build build/meson all meson-test-prereq && tests build/meson $long

    say 'under sanitizers'
    configure build/asan -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Ddebug=true &&
        build build/asan meson-test-prereq &&
        tests build/asan -t 4 --no-suite long --no-suite source --no-suite numeric

    [ "$what" = long ] && export CONVIS_FUZZ_SECONDS=60
    fuzz
fi

say 'result'
python3 tools/tally.py "$failed" $logs > build/result
status=$?
cat build/result
exit $status
