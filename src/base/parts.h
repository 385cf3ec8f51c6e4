/* parts.h - what a build may lack and a machine may lack: libraries and programs of others that only some files or commands need.
 *
 * A part is an option of meson_options.txt. In the build, its libraries are loaded when something first needs them; the table
 * of its functions is in parts/NAME_calls.[ch]. Not in the build, files called without_NAME.c stand in for those that use it. Either way whoever
 * begins to use a part asks for it first, and the sentence for all that can be missing comes from here. */
#ifndef CONVIS_PARTS_H
#define CONVIS_PARTS_H
#include <convis/layer.h>

/* ID, its table of functions, name, what it serves, what to do without it. */
#define CONVIS_PARTS(X)                                                                                                           \
    X(FFMPEG,  ffmpeg,  "FFmpeg",  "movies and photographs in; .png and .mp4 out", "arrays (.npy, .inr) need nothing else")       \
    X(HDF5,    hdf5,    "HDF5",    ".h5: arrays, results, fitted models",          "arrays can be .npy, spikes .csv or .spk, models .yaml")   \
    X(LIBXML2, libxml2, "libxml2", ".xml: VirtualRetina's files in",               "a model can be a .yaml file")                 \
    X(LIBZIP,  libzip,  "libzip",  ".npz: arrays, spikes, parameters of Convis",   "arrays can be .npy, spikes .csv or .spk")     \
    X(ZLIB,    zlib,    "zlib",    "packed arrays in .yaml models",                "arrays of models can be lists, or .npy files beside them") \
    X(NLOPT,   nlopt,   "NLopt",   "optimisers: tnewton, mma, ccsa, slsqp, nelder_mead, bobyqa, cobyla, crs", "lbfgs and quasi_newton need nothing else") \
    X(GNUPLOT, gnuplot, "gnuplot", "figures",                                      "'convis convert' writes tables and arrays for other programs")
#define CONVIS_PART_ID(ID, table, name, serves, instead) CONVIS_PART_##ID,
typedef enum convis_part_id { CONVIS_PARTS(CONVIS_PART_ID) CONVIS_PART_COUNT } convis_part_id;

/* From now on the functions of the part can be called; or ENOTSUP: "this build has no HDF5: 'x.h5' cannot be read; ...". `name` may be
 * of the user's. Any thread, at any time; what is loaded stays. */
convis_status convis_part_need(convis_context *, convis_part_id, const char *name, const char *cannot);
int           convis_part_ready(convis_part_id);         /* the same without a sentence */
int           convis_part_built(convis_part_id);         /* is it in the build? */
#endif
