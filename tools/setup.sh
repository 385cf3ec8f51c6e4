#!/bin/sh
# setup.sh build|check|format|qemu|arm64 - see to it that everything needed to build (to test, to lay out sources, to test for
# other processors) is there.
#
# What is looked for are the programs and libraries themselves, so that a machine that has them, from wherever, is left
# alone. What is missing is installed as Debian packages by apt-get, with sudo unless root.

what=${1:-build}
missing=

need_program() { command -v "$1" > /dev/null 2>&1 || missing="$missing $2"; }
need_library() { pkg-config --exists "$1" 2> /dev/null || missing="$missing $2"; }

need_program cc gcc
need_program meson meson
need_program ninja ninja-build
need_program python3 python3
need_program pkg-config pkg-config
need_program gnuplot gnuplot-nox
need_program readelf binutils
if ! echo '#include <stdio.h>' | cc -E - > /dev/null 2>&1; then missing="$missing libc6-dev"; fi
need_library libavformat libavformat-dev
need_library libavcodec libavcodec-dev
need_library libavutil libavutil-dev
need_library libswscale libswscale-dev
need_library hdf5 libhdf5-dev
need_library libxml-2.0 libxml2-dev
need_library libfyaml libfyaml-dev
need_library libzip libzip-dev
need_library zlib zlib1g-dev
need_library nlopt libnlopt-dev
need_library fftw3f libfftw3-dev
need_library fftw3 libfftw3-dev
if [ "$what" = check ]; then
    need_library cmocka libcmocka-dev
    need_program c++ g++
    # Any OpenCL driver will do for the tests of devices; PoCL needs no card.
    if ! ls /etc/OpenCL/vendors/*.icd > /dev/null 2>&1; then missing="$missing pocl-opencl-icd"; fi
    if ! { /sbin/ldconfig -p || ldconfig -p; } 2> /dev/null | grep -q 'libOpenCL\.so\.1'; then missing="$missing ocl-icd-libopencl1"; fi
    need_program clang clang
    # libFuzzer and clang's sanitizers are a package of their own.
    if ! echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, long n); int LLVMFuzzerTestOneInput(const unsigned char *d, long n) { (void)d; return n < 0; }' |
        clang -x c -fsanitize=fuzzer,address,undefined - -o /dev/null 2> /dev/null; then
        version=$(clang -dumpversion 2> /dev/null | cut -d. -f1)
        if [ -n "$version" ]; then missing="$missing libclang-rt-$version-dev"; else missing="$missing libclang-rt-dev"; fi
    fi
fi
if [ "$what" = arm64 ]; then
    missing=
    need_program qemu-aarch64 qemu-user
    need_program aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
fi
[ "$what" = qemu ] && missing= && need_program qemu-x86_64 qemu-user
[ "$what" = format ] && missing= && need_program clang-format-14 clang-format-14
[ -z "$missing" ] && exit 0

if ! command -v apt-get > /dev/null 2>&1; then
    echo "setup: this system has no apt-get; please install what Debian calls:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null 2>&1; then
        echo "setup: neither root nor sudo; please run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "setup: installing$missing"
log=$(mktemp)
install() { DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing > "$log" 2>&1; }
{ $as_root apt-get update > "$log" 2>&1 || true; } && install
status=$?
if [ $status -ne 0 ]; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get could not install$missing" >&2
fi
rm -f "$log"
exit $status
