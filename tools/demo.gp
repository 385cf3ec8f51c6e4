# demo.gp - the picture of the README. tools/demo.sh sets data, bipolar and figure.
set encoding utf8
set terminal pngcairo size 1280,1400 font 'sans,13' linewidth 1
set output figure
set multiplot

left = .115; cell_w = .172; cell_h = cell_w*1280/1400; step_x = cell_w + .0055; step_y = cell_h + .006; top = .968
moment(k) = .72 + .28*k                                    # of the columns, in seconds
colour(l) = word('#d55e00 #0072b2 #009e73 #cc79a7', l + 1)
unset key
unset xtics
unset ytics
unset colorbox
set border linecolor rgb '#ffffff' linewidth .1
set xrange [11.5:115.5]
set yrange [115.5:11.5]

# A map's frame: .npy of float32, which begins behind 256 bytes.
skip_to(w, h, k) = 256 + 4*w*h*k
place(row, k) = sprintf('set lmargin at screen %g; set rmargin at screen %g; set tmargin at screen %g; set bmargin at screen %g', \
    left + step_x*k, left + step_x*k + cell_w, top - step_y*row, top - step_y*row - cell_h)
title(row, text) = sprintf('set label 1 "%s" at screen %g, %g right font "sans,13"', text, left - .012, top - step_y*row - cell_h/2 + .008)

set palette defined (0 '#000000', 1 '#ffffff')
set cbrange [20:230]
do for [k = 0:4] {
    eval(place(0, k))
    unset label
    set label 2 sprintf('%.2f s', moment(k)) at screen left + step_x*k + cell_w/2, top + .012 center font 'sans,13'
    if (k == 0) { eval(title(0, 'movie')) }
    plot data.'/movie.npy' binary skip=skip_to(160, 128, int(moment(k)*25 + .5)) array=(160,128) origin=(-16,0) format='%float32' with image
}
unset label
set palette defined (0 '#053061', 1 '#2166ac', 2 '#4393c3', 3 '#92c5de', 4 '#d1e5f0', 5 '#f7f7f7', 6 '#fddbc7', 7 '#f4a582', 8 '#d6604d', 9 '#b2182b', 10 '#67001f')
do for [row = 1:3] {
    file  = row == 1 ? bipolar : row == 2 ? data.'/parvo.npy' : data.'/magno.npy'
    bound = row == 1 ? 2.2 : row == 2 ? 45 : 60
    set cbrange [-bound:bound]
    do for [k = 0:4] {
        eval(place(row, k))
        frame = row == 1 ? int(moment(k)*1000 + 30.5) : int(moment(k)*50 + 1.5)
        unset label
        if (k == 0) { eval(title(row, row == 1 ? "bipolar\ncells" : row == 2 ? "parvo\nON − OFF\nspikes" : "magno\nON − OFF\nspikes")) }
        if (row == 1) {
            plot file binary skip=skip_to(128, 128, frame) array=(128,128) format='%float32' with image
        } else {
            plot file binary skip=skip_to(256, 256, frame) array=(256,256) dx=.5 origin=(-.25,-.25) format='%float32' with image
        }
    }
}
unset label

# The raster: layers from top to bottom, in each the fovea above.
set lmargin at screen left
set rmargin at screen left + 4*step_x + cell_w
set tmargin at screen top - 4*step_y - .012
set bmargin at screen .145
set border 0
set xrange [0:2.24]
set yrange [10620:0]
do for [k = 0:4] { set arrow from moment(k), graph 0 to moment(k), graph 1 nohead back linecolor rgb '#999999' dashtype 3 }
place_of(l) = l < 2 ? 3435*l + 1717 : 6870 + 1875*(l - 2) + 937
do for [l = 0:3] {
    set label l + 1 word('parvo-ON parvo-OFF magno-ON magno-OFF', l + 1) at graph -.012, first place_of(l) right textcolor rgb colour(l)
}
plot for [l = 0:3] data.'/raster' using ($3 == l ? $1 : NaN):2 with points pointtype 7 pointsize .16 linecolor rgb colour(l)
unset label

set tmargin at screen .135
set bmargin at screen .045
set border 3 linecolor rgb '#444444' linewidth 1
set yrange [0:130]
set xtics out nomirror .5 format '%g s'
set ytics out nomirror 50
set label 1 "spikes/s\nper cell" at screen left - .04, .1 right
plot for [l = 0:3] data.'/rates' using 1:(column(l + 2)) smooth mcsplines linewidth 1.8 linecolor rgb colour(l)
unset multiplot
