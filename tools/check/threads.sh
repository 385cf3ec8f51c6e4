#!/bin/sh
# threads.sh - what runs in several threads, under the thread sanitizer. Children of a fork begin threads, which is tested and it would
# refuse, and leave without the parent's, which it would miss.
. "$(dirname "$0")/common.sh"
unset CONVIS_TEST_LONG                           # slow enough
say 'under the thread sanitizer'
export TSAN_OPTIONS='ignore_noninstrumented_modules=1 halt_on_error=0 exitcode=66 die_after_fork=0 report_thread_leaks=0'
CC=clang configure build/tsan -Ddouble=false -Db_sanitize=thread -Db_lundef=false -Doptimization=1 -Ddebug=true &&
    build build/tsan meson-test-prereq &&
    tests build/tsan -t 8 threads core every_layer conv nonlinear sta gradients convis fit
