#!/bin/sh
# docs.sh CONVIS FOLDER - write FOLDER/layers.md, retina.md and initialisers.md from what the command says of itself.
exec python3 "$(dirname "$0")/docs.py" "$@"
