#!/bin/sh
# used.sh - everything, in the build as it is used.
. "$(dirname "$0")/common.sh"
say 'the build as it is used'
except='--no-suite long'
[ -n "$CONVIS_TEST_LONG" ] && except=
configure build/meson && build build/meson all meson-test-prereq && tests build/meson $except
