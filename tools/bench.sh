#!/bin/sh
# bench.sh CONVIS BUILD - how fast it is here: `convis bench`, then every benchmark of bench/.
convis=$1 build=$2
export CONVIS_DEVICE=cpu                                 # devices have `make bench-gpu`
sed -n 's/^model name[^:]*: /machine: /p' /proc/cpuinfo 2> /dev/null | head -1
echo "cores: $(getconf _NPROCESSORS_ONLN), $(uname -sm), $("$convis" --version | head -1)"
echo
"$convis" bench || exit 1
echo
"$convis" bench --single || exit 1
list=$(meson introspect "$build" --benchmarks | python3 -c '
import json, shlex, sys
for b in json.load(sys.stdin): print(shlex.join(b["cmd"]))')
[ -z "$list" ] && exit 0
printf '%s\n' "$list" | while read -r line; do
    echo
    eval "$line" || exit 1
done
