#!/bin/sh
# ladders.sh - the promises on processors that have less than this one: without AVX-512, and without AVX2 (tests/meson.build). What
# qemu shows to a program as the processor is what the library chooses its kernels by.
. "$(dirname "$0")/common.sh"
unset CONVIS_TEST_LONG                           # slow enough
say 'instruction sets of other processors'
if [ "$(uname -m)" != x86_64 ]; then echo 'left out: this is no x86-64'; exit 0; fi
tools/setup.sh qemu || exit 1
configure build/meson && build build/meson meson-test-prereq || exit 0
for processor in avx2 baseline; do
    tests build/meson --setup=$processor $promises
done
