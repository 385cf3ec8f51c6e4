#!/bin/sh
# pinned.sh FOLDER PROGRAM... - run a test in the same surroundings on every machine: no settings of the user's, the same locale, time
# zone and file mode, a home of its own (what is compiled for devices is kept there), the same filling of new memory.
home=$1; shift
for name in $(env | sed -n 's/^\([A-Z_]*\)=.*/\1/p'); do
    case $name in
        CONVIS_TEST_* | CONVIS_FUZZ_* | CONVIS_STAND_IN* | CONVIS_NVRTC | CONVIS_GRADIENTS | OMP_TOOL_LIBRARIES) ;;
        CONVIS_* | OMP_* | GOMP_* | KMP_* | LC_* | LANG | LANGUAGE | XDG_* | POCL_* | GNUPLOT_* | TMPDIR) unset "$name" ;;
    esac
done
mkdir -p "$home" || exit 1
export HOME="$home" LC_ALL=C TZ=UTC MALLOC_PERTURB_=165
umask 022
exec "$@"
