#!/bin/sh
# demo.sh CONVIS FOLDER - a real movie, seen by a primate's retina: what to type, and what comes of it. `make demo`.
convis=$1 out=$2
movie='examples/data/walking_finland/*.pgm'
mkdir -p "$out" || exit 1

# say COMMAND...: show it, then do it.
say() {
    printf '\n$ convis'
    for word; do
        case $word in *[*\ ]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    echo
    "$convis" "$@" || exit 1
}

echo 'Two walkers on a winter road, 56 frames at 25 a second, seen by the fovea and near periphery of a primate:'
echo 'parvo- and magnocellular ON and OFF cells, behind contrast gain control.'
say run primate "$movie" --fps 25 -o "$out/demo.h5" -o "$out/demo.spk" --probe bipolar="$out/bipolar.npy"
say plot "$out/demo.h5" -o "$out/raster.png" --size 1280x1200 --title 'Spikes of a primate retina that watches a walk'
say plot "$out/demo.h5" --kind mosaic --from 1.48 --to 1.56 -o "$out/mosaic.png"
say plot "$out/bipolar.npy" --kind maps --dt 0.001 -o "$out/maps.png"
say convert "$out/demo.h5" "$out/seen.mp4" --weights 0,0,1,-1 --size 256x256 --fps 25

# The picture of the README: the stages above each other, by gnuplot from the same results.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
quiet() { "$convis" "$@" || exit 1; }
quiet convert "$movie" "$work/movie.npy" -q
quiet convert "$out/demo.h5" "$work/units.txt" -q
quiet convert "$out/demo.h5" "$work/parvo.npy" --reconstruct --weights 1,-1,0,0 --tau 0.04 --fps 50 --size 256x256 --ppd 40 -q
quiet convert "$out/demo.h5" "$work/magno.npy" --reconstruct --weights 0,0,1,-1 --tau 0.04 --fps 50 --size 256x256 --ppd 40 -q
# The unit's place among all, its time and its layer, of one cell in 40; then each layer's rate in bins of 10 ms.
awk 'FNR == NR { if ($1 ~ /^[0-9]/) { layer[n] = $1; n++; cells[$1]++ } next }
     $1 % 40 == 0 { print $2, $1, layer[$1] > raster }
     { count[int($2/.01), layer[$1]]++; if ($2 > last) last = $2 }
     END { for (k = 0; k < int(last/.01); k++) {
               printf "%g", .01*k + .005 > rates
               for (l = 0; l < 4; l++) printf " %g", count[k, l]/cells[l]/.01 > rates
               printf "\n" > rates } }' raster="$work/raster" rates="$work/rates" "$work/units.txt" "$out/demo.spk" || exit 1
gnuplot -e "data='$work'; bipolar='$out/bipolar.npy'; figure='$out/demo.png'" tools/demo.gp || exit 1
rm -f "$out/bipolar.npy"

cat <<END

Done; in $out/:
  demo.h5      the spikes and cells, with all that is needed to run it again
  demo.spk     the spikes as text: cell, seconds
  demo.png     the movie, the bipolar cells, what the spikes show, and the spikes
  raster.png   spikes of some of the cells, and the rate of each layer
  mosaic.png   the cells, by what they fired in 80 ms
  maps.png     the current in the bipolar cells over time
  seen.mp4     the movie as the magnocellular spikes show it
END
