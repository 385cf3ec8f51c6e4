#!/bin/sh
# libraries.sh PART FILE - the libraries that FILE was linked against, as C: what convis loads when it first needs the part. Those
# outside the folders where the system looks come with their path.
part=$1 file=$2
entries=$(LC_ALL=C readelf -d "$file") || { echo "libraries.sh: readelf (of binutils) cannot read $file" >&2; exit 1; }
named() { printf '%s\n' "$entries" | sed -n "s/.*($1).*\[\(.*\)\]/\1/p"; }
folders=$(named 'RUNPATH\|RPATH' | tr ':' '\n' | grep '^/')
names=$(named NEEDED | grep -vE '^(lib(c|m|dl|pthread|rt|gcc_s|[a-z]+san|clang_rt\..*)|ld-[a-z0-9-]+)\.so')
[ -n "$names" ] || { echo "libraries.sh: there is no shared library of $part to load; -D$part=disabled builds without it" >&2; exit 1; }
echo "extern const char *const convis_${part}_libraries[];"
echo "const char *const convis_${part}_libraries[] = {"
for name in $names; do
    path=$name
    for folder in $folders; do
        [ -e "$folder/$name" ] && { path=$folder/$name; break; }
    done
    echo "    \"$path\","
done
echo '    (const char *)0'
echo '};'
