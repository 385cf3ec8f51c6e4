#!/bin/sh
# pinned.sh FOLDER PROGRAM... - run a test in the same surroundings on every machine: no settings of the user's, the same locale, time
# zone and file mode, a home of its own (what is compiled for devices is kept there), the same filling of new memory.
home=$1; shift
for name in $(env | sed -n 's/^\([A-Z_]*\)=.*/\1/p'); do
    case $name in
        CONVIS_TEST_* | CONVIS_FUZZ_* | CONVIS_STAND_IN* | CONVIS_NVRTC | CONVIS_GRADIENTS) ;;
        CONVIS_* | LC_* | LANG | LANGUAGE | XDG_* | POCL_* | GNUPLOT_* | TMPDIR) unset "$name" ;;
    esac
done
mkdir -p "$home" || exit 1
if [ ! -d "$home/locale" ]; then                 # of one locale, `comma`: as C, but for its decimal comma (commas.h)
    from=$(dirname "$0")/locale
    made=$(mktemp -d "$home/XXXXXX") && localedef -c -f "$from/ascii" -i "$from/comma" --no-archive "$made/comma" > /dev/null 2>&1
    chmod 755 "$made"
    mv -T "$made" "$home/locale" 2> /dev/null || rm -rf "$made"                  # another test may have been faster
fi
export HOME="$home" CONVIS_TEST_LOCALES="$home/locale" LC_ALL=C TZ=UTC MALLOC_PERTURB_=165
umask 022
exec "$@"
