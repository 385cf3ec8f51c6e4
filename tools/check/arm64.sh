#!/bin/sh
# arm64.sh - the promises on another architecture: Debian's cross compiler, Debian's libraries for arm64 unpacked into build/arm64-root
# (nothing of the system is changed), and qemu, which runs the tests.
. "$(dirname "$0")/common.sh"
unset CONVIS_TEST_LONG                           # slow enough
say 'arm64'
tools/setup.sh arm64 || exit 1
root=$PWD/build/arm64-root
packages='libc6-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libhdf5-dev libxml2-dev libfyaml-dev libzip-dev
    zlib1g-dev libnlopt-dev libfftw3-dev libcmocka-dev'

# unpack: apt with folders of its own, so that it needs no root and knows no packages of this system.
unpack() {
    apt=$root/apt
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" && : > "$apt/state/status" || return 1
    cat > "$apt/apt.conf" << END
APT::Architecture "arm64"; APT::Architectures { "arm64"; }; APT::Install-Recommends "false"; APT::Sandbox::User "$(id -un)";
Dir::State "$apt/state"; Dir::State::status "$apt/state/status"; Dir::Cache "$apt/cache"; Debug::NoLocking "true";
Acquire::Languages "none";
END
    export APT_CONFIG="$apt/apt.conf"
    apt-get update && apt-get install -y --download-only $packages || return 1
    for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root" || return 1; done
    rm -rf "$apt/cache"
    # What packages link when they are installed.
    for library in lapack blas; do
        [ -e "$root/usr/lib/aarch64-linux-gnu/lib$library.so.3" ] ||
            ln -s "$library/lib$library.so.3" "$root/usr/lib/aarch64-linux-gnu/lib$library.so.3"
    done
    touch "$root/done"
}

if [ ! -e "$root/done" ] && ! (unpack) > build/arm64-root.log 2>&1; then
    tail -n 5 build/arm64-root.log
    broken 'arm64: Debian'"'"'s libraries could not be fetched'
    exit 0
fi
cat > build/arm64.cross << END
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
nm = 'aarch64-linux-gnu-nm'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '$root']
[built-in options]
c_args = ['--sysroot=$root']
c_link_args = ['--sysroot=$root', '-Wl,--unresolved-symbols=ignore-in-shared-libs']
[properties]
sys_root = '$root'
pkg_config_libdir = '$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
configure build/arm64 --cross-file build/arm64.cross -Ddouble=false && build build/arm64 meson-test-prereq && tests build/arm64 -t 30 $promises
