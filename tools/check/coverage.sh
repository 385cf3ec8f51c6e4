#!/bin/sh
# coverage.sh - which lines of the library and of the command the tests reach; those they do not go to build/coverage.txt.
. "$(dirname "$0")/common.sh"
unset CONVIS_TEST_LONG                           # slow enough
say 'coverage'
configure build/coverage -Ddouble=false -Db_coverage=true -Doptimization=0 &&
    build build/coverage all meson-test-prereq || exit 0
find build/coverage -name '*.gcda' -delete
tests build/coverage -t 4 --no-suite long --no-suite source
python3 tools/coverage.py build/coverage build/coverage.txt || broken 'coverage could not be read'
