#!/bin/sh
# core.sh - the library without any of its optional parts; tests that need one are skipped, and say so.
. "$(dirname "$0")/common.sh"
say 'without optional parts'
configure build/core -Ddouble=false -Dauto_features=disabled && build build/core all meson-test-prereq &&
    tests build/core -t 2 --no-suite long --no-suite numeric
