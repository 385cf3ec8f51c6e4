# common.sh - what the parts of the check share; read by them. What could not be built and where the logs are goes to $CONVIS_CHECK.
cd "$(dirname "$0")/../.." || exit 1
jobs=${JOBS:+-j$JOBS}
: "${CONVIS_CHECK:=/dev/null}"
mkdir -p build

say() { printf '\n== %s\n' "$1"; }
broken() { echo "check: $1"; echo "broken $1" >> "$CONVIS_CHECK"; }

# configure FOLDER OPTION...: set it up, or again (a library may have come since).
configure() {
    folder=$1; shift
    again=
    [ -e "$folder/build.ninja" ] && again=--reconfigure
    meson setup $again "$folder" "$@" > "$folder.log" 2>&1 && return
    tail -n 20 "$folder.log"
    broken "$folder was not configured"
    return 1
}

# build FOLDER TARGET...: quiet unless it fails; warnings are shown.
build() {
    folder=$1; shift
    ninja $jobs --quiet -C "$folder" "$@" && return
    broken "$folder was not built"
    return 1
}

# tests FOLDER OPTION...: they are counted at the end.
tests() {
    folder=$1; shift
    log=testlog
    for word; do
        case $word in --setup=*) log=testlog-${word#--setup=} ;; esac
    done
    rm -f "$folder/meson-logs/$log.json"
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@"
    if [ -e "$folder/meson-logs/$log.json" ]; then echo "log $folder/meson-logs/$log.json" >> "$CONVIS_CHECK"
    else broken "$folder: no tests ran"; fi
}

# The build that sanitizers.sh and fuzz.sh share; without clang there are no fuzz targets in it.
sanitizer_build() {
    if command -v clang > /dev/null 2>&1; then compiler=clang fuzzers=true
    else compiler=${CC:-cc} fuzzers=false; echo 'fuzzing is left out: there is no clang'; fi
    level=0                          # compiling would take longer than running what the short check runs
    [ -n "$CONVIS_TEST_LONG$CONVIS_FUZZ_SECONDS" ] && level=1
    CC=$compiler configure build/asan -Dfuzz=$fuzzers -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=$level -Ddebug=true
}

# Options of the sanitizers and the fuzzers.
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export CONVIS=$PWD/build/convis CONVIS_FUZZ_KEEP=$PWD/build

# Tests of what docs/design.md promises of results: the ones to run on other processors.
promises='core every_layer gradients kernels models noise nonlinear numerics reference spiking conv formula history'
