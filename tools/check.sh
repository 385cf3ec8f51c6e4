#!/bin/sh
# check.sh [short|long|PART...] - the tests in tiers, and at the end one line that counts them: `make check`, `make check-long`.
#
# Each part is a script of tools/check with a build folder of its own; tools/check.sh PART... does some alone:
#
#   used         build/meson     everything, as it is used
#   sanitizers   build/asan      once more under the address, undefined behaviour and leak sanitizers; every parser fed with a few
#                                thousand arbitrary inputs
#   vectors      build/vectors   under the sanitizers of gcc, with every instruction set
#   fuzz         build/asan      arbitrary inputs for CONVIS_FUZZ_SECONDS a parser
#   threads      build/tsan      what runs in several threads, under the thread sanitizer (with clang)
#   clang        build/clang     the tests on another compiler
#   core         build/core      the library without any of its optional parts
#   ladders                      the promises on processors without AVX-512 and without AVX2 (by qemu)
#   arm64        build/arm64     the promises on another architecture (by qemu)
#   coverage     build/coverage  which lines the tests reach
#
# short: the first two, briefly. long: all, and the first three at length ($CONVIS_TEST_LONG: every trial of every test, not a part).
cd "$(dirname "$0")/.." || exit 1
export JOBS CONVIS_CHECK="$PWD/build/check"

parts=$*
case ${1:-short} in
    short) parts='used sanitizers' ;;
    long)  parts='used sanitizers vectors fuzz threads clang core ladders arm64 coverage'
           export CONVIS_TEST_LONG=1 CONVIS_FUZZ_SECONDS="${CONVIS_FUZZ_SECONDS:-60}" ;;
esac
for part in $parts; do
    [ -x "tools/check/$part.sh" ] || { echo "check: there is no part '$part'" >&2; exit 2; }
done

mkdir -p build
rm -f build/result
: > "$CONVIS_CHECK"
tools/setup.sh check || exit 1
for part in $parts; do
    tools/check/"$part".sh || echo "broken $part: tools/check/$part.sh" >> "$CONVIS_CHECK"
done

printf '\n== result\n'
python3 tools/tally.py "$CONVIS_CHECK" > build/result
status=$?
cat build/result
exit $status
