#!/bin/sh
# check_docs.sh CONVIS ROOT - docs/layers.md, docs/retina.md and docs/kernels.md say what the tables in the source say; links lead somewhere.
fresh=$(mktemp -d) || exit 1
trap 'rm -rf "$fresh"' EXIT
bad=0
"$2/tools/docs.sh" "$1" "$fresh" || exit 1
for file in layers retina kernels; do
    diff -u "$2/docs/$file.md" "$fresh/$file.md" || { echo "docs/$file.md is not up to date: make docs"; bad=1; }
done
cd "$2" || exit 1
for file in *.md docs/*.md tests/*.md examples/data/*.md; do
    [ -f "$file" ] || continue
    for link in $(grep -oE '\]\([^)# ]+' "$file" | sed 's/^](//' | grep -v '^[a-z]*:'); do
        [ -e "$(dirname "$file")/$link" ] || { echo "$file: no $link"; bad=1; }
    done
done
exit $bad
