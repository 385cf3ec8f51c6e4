#!/bin/sh
# threads.sh - what runs in several threads, under the thread sanitizer. With clang, whose OpenMP tells the sanitizer where threads
# begin, meet and end (libarcher); gcc's does not, and every parallel region would look like a race.
. "$(dirname "$0")/common.sh"
unset CONVIS_TEST_LONG                           # slow enough
say 'under the thread sanitizer'
export OMP_TOOL_LIBRARIES="${OMP_TOOL_LIBRARIES:-$(ls "$(clang -print-resource-dir)"/../../*/libarcher.so "$(clang -print-resource-dir)"/../../libarcher.so \
    2> /dev/null | head -n 1)}" TSAN_OPTIONS='ignore_noninstrumented_modules=1 halt_on_error=0 exitcode=66'
CC=clang configure build/tsan -Ddouble=false -Db_sanitize=thread -Db_lundef=false -Doptimization=1 -Ddebug=true &&
    build build/tsan meson-test-prereq &&
    tests build/tsan -t 8 core every_layer conv nonlinear sta gradients convis fit
