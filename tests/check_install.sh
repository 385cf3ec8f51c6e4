#!/bin/sh
# check_install.sh ROOT BUILD single|double CC... - what `make install` would install, into a folder that is thrown away: the command, the
# library, from which an example is built by pkg-config, manual pages, completions, documents.
root=$1 build=$2 precision=$3; shift 3
to=$(mktemp -d) || exit 1
trap 'rm -rf "$to"' EXIT
bad=0
wrong() { echo "$*"; bad=1; }
command -v meson > /dev/null || { echo 'there is no meson to install with'; exit 77; }
meson install -C "$build" --destdir "$to" --no-rebuild --quiet > "$to/log" 2>&1 || { cat "$to/log"; exit 1; }
one() { found=$(find "$to" -path "*/$1"); [ -n "$found" ] || wrong "$1 is not installed"; }

# ---- The command ----

one bin/convis; convis=$found
"$convis" --version > "$to/version" || wrong 'the installed convis does not start'
for name in $(ls "$(dirname "$convis")"); do [ "$name" = convis ] || wrong "bin/$name is installed, expected convis alone"; done
if [ "$precision" = double ]; then
    "$convis" gradcheck LN --size 5x4 --frames 3 --chunk 2 --samples 1 > "$to/out" 2>&1 || { cat "$to/out"; wrong 'the installed gradcheck does not find its other half'; }
fi

# ---- The library: every example is built and the first is run ----

one libconvis.so; folder=$(dirname "$found")
for header in convis io fit layer kernel; do one "include/convis/$header.h"; done
one convis.pc
grep -F "$build" "$found" && wrong "convis.pc names the folder of the build"
for file in "$convis" "$folder/libconvis.so"; do
    LC_ALL=C readelf -d "$file" 2> /dev/null | grep -E 'RUNPATH|RPATH' | grep -F "$build" && wrong "$file looks for libraries in the folder of the build"
done
export PKG_CONFIG_PATH="$(dirname "$found")" PKG_CONFIG_SYSROOT_DIR="$to"
if command -v pkg-config > /dev/null; then
    [ "$(pkg-config --modversion convis)" = "$(sed -n 's/^convis //p' "$to/version")" ] || wrong 'convis.pc has another version'
    for example in "$root"/examples/*.c; do
        name=$(basename "$example" .c)
        one "doc/convis/examples/$name.c"
        "$@" -Wall -Werror "$found" -o "$to/$name" $(pkg-config --cflags --libs convis) -lm || wrong "$name is not built against what is installed"
    done
    "$convis" stim impulse --size 6x5 --frames 4 -q -o "$to/one.npy"
    LD_LIBRARY_PATH=$folder "$to/frame_to_spikes" "$to/one.npy" > "$to/out" 2>&1 || { cat "$to/out"; wrong 'frame_to_spikes does not run'; }
fi

# ---- Manual pages: as many as commands, without a warning ----

one man1/convis.1; pages=$(dirname "$found")
for name in $("$convis" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | grep -v '^convis$'); do
    page=$pages/convis-$name.1
    [ -s "$page" ] || { wrong "$name has no manual page"; continue; }
    "$convis" "$name" --help > "$to/help"
    sed 's/\\-/-/g' "$page" > "$to/page"
    for option in $(sed -n 's/^  \(-.,\|   \) \(--[a-z-]*\).*/\2/p' "$to/help"); do
        grep -qF -- "$option\\fR" "$to/page" || wrong "$page: no $option"
    done
done
for page in "$pages"/*.1; do
    if command -v man > /dev/null; then
        LC_ALL=C MANPAGER=cat man --warnings=all -l "$page" > "$to/out" 2> "$to/err" || wrong "$page: man fails"
        [ -s "$to/err" ] && { cat "$to/err"; wrong "$page: man warns"; }
        grep -q '^NAME' "$to/out" || wrong "$page: man shows nothing of it"
    fi
    if command -v mandoc > /dev/null; then mandoc -T lint -W error "$page" || wrong "$page: mandoc finds errors"; fi
done

# ---- Completions ----

one bash-completion/completions/convis; completion=$found
# complete WORD...: what the last of them can become.
complete_bash() {
    bash -c 'source "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _convis 2> /dev/null; printf "%s\n" "${COMPREPLY[@]}"' "$completion" "$@"
}
offers() { what=$1; shift; complete_bash "$@" | grep -qxF -- "$what" || wrong "bash: '$*' is not completed to $what"; }
if command -v bash > /dev/null; then
    bash -c 'source "$0" && complete -p convis' "$completion" | grep -q 'convis$' || wrong 'bash: convis has no completion'
    offers synthesize convis syn
    offers --probe    convis run --pr
    offers retina     convis run ret
    offers lowpass    convis describe lowp
    # Bash takes words apart at "=".
    offers converged  convis run --numerics = con
    offers converged  convis run --numerics =
    offers converged  convis run --numerics con
    for words in '-p x =' '-p x = ret' '--input x =' '--input x = ret' '--input = x = ret' '-s x = ret'; do
        complete_bash convis run $words | grep -qx retina && wrong "bash: 'convis run $words' offers a model"
    done
    offers "$to/out"  convis run -p x = "$to/ou"
    offers "$to/out"  convis run --input x = "$to/ou"
fi
one site-functions/_convis
if command -v zsh > /dev/null; then zsh -n "$found" || wrong 'zsh: the completion is no script'; fi
one vendor_completions.d/convis.fish
if command -v fish > /dev/null; then fish --no-execute "$found" || wrong 'fish: the completion is no script'; fi

# ---- Documents ----

for file in README.md LICENSE docs/guide.md examples/data/README.md; do one "doc/convis/$file"; done
find "$to" -name meson.build | grep . && wrong 'files of the build are installed'
exit $bad
