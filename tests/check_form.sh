#!/bin/sh
# check_form.sh ROOT - how sources look, and what a list must not forget. Prints what breaks it. (structure.py says who may know whom.)
cd "$1" || exit 1
bad=0
wrong() { echo "$1"; bad=1; }

# Every layer is in both lists.
for file in src/layers/*.c; do
    name=$(basename "$file" .c)
    [ "$name" = layers ] && continue
    grep -q "'$name'" src/meson.build || wrong "$file is not listed in src/meson.build"
    type=$(sed -n 's/^const convis_layer_type \(convis_[a-z_]*\).*/\1/p' "$file")
    [ -n "$type" ] || wrong "$file defines no layer type"
    for each in $type; do
        grep -q "X(${each#convis_})" src/layers/layers.h || wrong "$each of $file is not listed in src/layers/layers.h"
    done
done

# Nothing is named after a card, or after where it runs.
find src tests -name '*_card.c' -o -name '*_there.c' | grep . && wrong 'a file is named after a card, or after where it runs'

# Every text for devices is compiled by a test.
texts=$(grep -oE "'[a-z_]+': *'(device|kernels)/" src/meson.build | cut -d "'" -f 2)
[ -n "$texts" ] || wrong 'src/meson.build embeds no text that is not a layer'
for text in $texts; do
    grep -q "X($text)" src/kernels/gpu_texts.h || wrong "$text is embedded, but not listed in src/kernels/gpu_texts.h"
done

# Form.
sources=$(git ls-files --cached --others --exclude-standard 2> /dev/null) ||
    sources=$(find . -type f -not -path './build*' -not -path './.git/*' | sed 's,^\./,,')
only() {                                         # only PATTERN...: the sources of these names
    for file in $sources; do
        [ -f "$file" ] || continue
        for pattern; do case $file in $pattern) echo "$file"; break ;; esac; done
    done
}
none() { [ -z "$2" ] || wrong "$1:
$2"; }                                           # none WHAT LINES
set -f
names='*.c *.h *.build *.sh *.py *.md *.txt'
most=$(only $names Makefile .ci/run .clang-format .editorconfig)
all() { printf '%s\n' "$most" | xargs grep -n "$@"; }
none 'longer than 800 lines' "$(only '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 800')"
none 'tabs' "$(only $names | xargs grep -nP '\t')"
none 'blanks at the end of lines' "$(all -E '[[:blank:]]+$')"
none 'a path of one machine' "$(all -E '/(root|work|home)/[a-z.]')"
none 'loose ends' "$(all -E 'FIX''ME|XX''X|TO''DO' | grep -vE 'XXXXXX|^tests/check_form.sh:')"
exit $bad
