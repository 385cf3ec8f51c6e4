#!/bin/sh
# check_structure.sh ROOT - the sentences of docs/design.md about what may know what, as searches. Prints what breaks them.
cd "$1" || exit 1
bad=0
wrong() { echo "$1"; bad=1; }

# Every #include of these files that is not among the allowed ones. includes_only 'PATTERN' WHO FILE...
includes_only() {
    allowed=$1 who=$2; shift 2
    for file; do
        [ -f "$file" ] || continue
        lines=$(grep -nE '^[[:space:]]*#[[:space:]]*include' "$file" | grep -vE "$allowed")
        [ -z "$lines" ] || wrong "$file includes what $who may not:
$lines"
    done
}
standard='<(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|tgmath|threads|time|uchar|wchar|wctype|unistd|fcntl|poll|sys/[a-z]+|omp)\.h>'
include_of() { printf '#[[:space:]]*include[[:space:]]+(%s)' "$1"; }

includes_only "$(include_of "$standard|<convis/[a-z]+\.h>|\"[a-z_]+\.h\"")" 'a command' cli/*.[ch]
for file in cli/*.[ch]; do
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file"); do
        [ -e "cli/$header" ] || wrong "$file includes $header, which is not in cli/"
    done
done
includes_only "$(include_of "$standard|<convis/[a-z]+\.h>")" 'an example' examples/*.c
includes_only "$(include_of "$standard|<convis/(layer|kernel)\.h>|\"(base|kernels)/[a-z_/]+\.h\"|\"[a-z_]+\.h\"")" 'a layer' src/layers/*.c src/layers/*.h
includes_only "$(include_of "$standard|<convis/(layer|kernel)\.h>|<fftw3\.h>|\"(base|kernels)/[a-z_/]+\.h\"|\"[a-z_]+\.h\"")" 'a kernel' src/kernels/*.h src/kernels/*/*.[ch]
ls src/*.c > /dev/null 2>&1 && wrong 'src/ itself has a .c: each belongs into a room'
for file in src/device/*.[ch] src/device/*/*.[ch]; do
    grep -nE 'include.*layers|convis_(lowpass|highpass|leaky_heat|gain_control|lif)\b' "$file" && wrong "$file knows layers"
done
grep -nE '\b(printf|puts|putchar|abort|exit|perror)[[:space:]]*\(|\b(stdout|stderr)\b' $(find src -name '*.c') \
    | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' |
    grep -vE 'dup2|fileno|posix_spawn' && wrong 'the library prints, aborts or exits'

# Every layer is in both lists.
for file in $(ls src/layers/*.c | grep -v /layers.c); do
    name=$(basename "$file" .c)
    grep -q "'$name'" src/meson.build || wrong "$file is not listed in src/meson.build"
    type=$(sed -n 's/^const convis_layer_type \(convis_[a-z_]*\).*/\1/p' "$file")
    [ -n "$type" ] || wrong "$file defines no layer type"
    for each in $type; do
        grep -q "X(${each#convis_})" src/layers/layers.h || wrong "$each of $file is not listed in src/layers/layers.h"
    done
done

# Every text for graphics cards is compiled by a test.
for text in $(sed -n "/^texts = {/,/}/p" src/meson.build | grep -oE "'[a-z_]+':" | tr -d "':"); do
    grep -q "X($text)" src/kernels/card_texts.h || wrong "src/kernels/$text.c is embedded, but not listed in src/kernels/card_texts.h"
done

# Form.
sources=$(git ls-files --cached --others --exclude-standard 2> /dev/null) ||
    sources=$(find . -type f -not -path './build*' -not -path './.git/*' | sed 's,^\./,,')
for file in $sources; do
    [ -f "$file" ] || continue
    case $file in
        *.c | *.h)
            lines=$(wc -l < "$file")
            [ "$lines" -le 800 ] || wrong "$file has $lines lines; 800 are the most" ;;
    esac
    case $file in
        Makefile) ;;
        *.c | *.h | *.build | *.sh | *.py | *.md | *.txt)
            grep -nP '\t' "$file" && wrong "$file has tabs" ;;
    esac
    case $file in
        *.c | *.h | *.build | *.sh | *.py | *.md | *.txt | Makefile | .ci/run)
            grep -nE '[[:blank:]]+$' "$file" && wrong "$file has blanks at the end of lines"
            grep -nE '/(root|work|home)/[a-z.]' "$file" && wrong "$file names a path of one machine"
            case $file in tests/check_structure.sh) ;; *)
                grep -nE 'FIX''ME|XX''X|TO''DO' "$file" | grep -v XXXXXX && wrong "$file has loose ends" ;; esac ;;
    esac
done
exit $bad
