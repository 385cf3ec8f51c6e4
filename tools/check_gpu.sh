#!/bin/sh
# check_gpu.sh CONVIS BUILD DEVICE - the harness of every layer, and whole models, on a graphics card: `make check-gpu`.
convis=$1 build=$2 device=$3
if [ "$device" = auto ]; then
    device=$("$convis" devices --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["auto"])') || exit 1
fi
case $device in
cpu*)
    echo 'check-gpu: there is no usable graphics card here:' >&2
    "$convis" devices >&2
    exit 1 ;;
esac
echo "check-gpu: on $device"
CONVIS_TEST_DEVICE=$device meson test -C "$build" --no-rebuild --print-errorlogs -t 4 devices device_models conv_card
