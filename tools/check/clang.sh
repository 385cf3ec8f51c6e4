#!/bin/sh
# clang.sh - the tests on what another compiler makes of the sources; its warnings are shown.
. "$(dirname "$0")/common.sh"
say 'clang'
CC=clang configure build/clang -Ddouble=false && build build/clang all meson-test-prereq &&
    tests build/clang -t 2 --no-suite long --no-suite source --no-suite cli
