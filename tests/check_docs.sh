#!/bin/sh
# check_docs.sh CONVIS ROOT - docs/layers.md, retina.md and initialisers.md say what the tables in the source say; links lead to files and
# headings that exist; every page is linked from the README; commands and options that pages show exist.
fresh=$(mktemp -d) || exit 1
case $1 in /*) convis=$1 ;; *) convis=$PWD/$1 ;; esac
trap 'rm -rf "$fresh"' EXIT
bad=0
"$convis" --version | grep '^without .*libxml2' && exit 77                  # docs/retina.md lists what is read from XML
"$2/tools/docs.sh" "$1" "$fresh" || exit 1
for file in layers retina initialisers; do
    diff -u "$2/docs/$file.md" "$fresh/$file.md" || { echo "docs/$file.md is not up to date: make docs"; bad=1; }
done
cd "$2" || exit 1

# The anchors of a page's headings, as GitHub makes them; a line a heading, outside of code.
anchors() {
    awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ /, ""); print tolower($0) }' "$1" |
        sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
for file in *.md docs/*.md tests/*.md examples/data/*.md; do
    [ -f "$file" ] || continue
    for link in $(grep -oE '\]\([^) ]+' "$file" | sed 's/^](//' | grep -v '^[a-z]*:'); do
        page=${link%%#*} anchor=${link#"${link%%#*}"} to=$file
        if [ -n "$page" ]; then
            to=$(dirname "$file")/$page
            [ -e "$to" ] || { echo "$file: no $page"; bad=1; continue; }
        fi
        [ -z "$anchor" ] || anchors "$to" | grep -qxF -- "${anchor#\#}" || { echo "$file: $to has no heading for $anchor"; bad=1; }
    done
done

# "COMMAND --OPTION" of each command line in indented code; what follows a # or a pipe is another matter.
shown() {
    sed -n 's/^    //p' "$@" | sed 's/ #.*//; s/; /\n/g; s/ | /\n/g; s/\$(.*//' | sed -n "s/'[^']*'//g; s/^\(.* do \)\{0,1\} *convis \([a-z].*\)/\2/p" |
        awk '{ print $1; for (i = 2; i <= NF; i++) if ($i ~ /^--[a-z]/) { sub(/=.*/, "", $i); print $1, $i } }' | sort -u
}
shown README.md docs/*.md > "$fresh/shown"
while read -r command option; do
    [ -f "$fresh/$command.help" ] || "$convis" "$command" --help > "$fresh/$command.help" 2> "$fresh/err" ||
        { echo "the pages show 'convis $command', which is no command"; bad=1; continue; }
    [ -z "$option" ] || grep -qE -- "(^|[ ,])$option( |\$)" "$fresh/$command.help" || { echo "the pages show 'convis $command $option', which has no such option"; bad=1; }
done < "$fresh/shown"
for page in docs/*.md; do
    grep -q "($page)" README.md || { echo "README.md does not link $page"; bad=1; }
done
exit $bad
