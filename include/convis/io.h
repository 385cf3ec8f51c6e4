/* io.h - movies and arrays in; spikes, maps and figures out.
 *
 * Every reader streams: memory does not depend on the length of the movie. Every writer writes a temporary file and
 * renames it when it is closed without error, so a good file is never replaced by half a one. */
#ifndef CONVIS_IO_H
#define CONVIS_IO_H
#include <convis/convis.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Movies in ---------------------------------------------------------------------------------------
 * name: any movie or image FFmpeg reads, a numbered sequence ("frame.%04d.pgm") or glob ("dir/f*.pgm", in order of
 * the numbers in the names), .npy, .npz ("file.npz", "file.npz:key"), .h5 ("file.h5:dataset"), .inr,
 * "stim:KIND?key=value&...", or "-": raw float32 frames on standard input (size obligatory); with `spikes` files of spikes, too.
 * Arrays are (T), (T, N), (T, Y, X), (C, T, Y, X) or (B, C, T, Y, X), of any number type. (T) is a movie of one pixel; (T, N) are N
 * channels of one pixel where the model's input declares N of them (`declared`), else a movie of bars, N pixels wide. Pixels of movies
 * and images are 0..255 whatever their depth; arrays are used as they are.
 * Colour becomes luminance (Rec. 709), unless `channel` picks one or `channels` asks for all three. Then a last dimension of 3 is
 * colour, too: (T, Y, X, 3), (B, T, Y, X, 3), and the picture (Y, X, 3). */
typedef struct convis_movie convis_movie;
enum {
    CONVIS_ONE_CHANNEL  = 0,         /* an array of more is an error */
    CONVIS_GRAY         = 1,         /* one: of an array of three it is their luminance, too */
    CONVIS_RGB          = 3,         /* red, green and blue; what has one channel has it three times */
    CONVIS_ALL_CHANNELS = -1         /* arrays have those they have, movies and images one */
};
typedef struct convis_movie_options {
    double  dt;              /* seconds per step of the model; obligatory */
    double  fps;             /* frames per second of arrays, sequences and raw frames; 0: frames are steps */
    double  ppd;             /* pixels per degree, for stim:; 0: 20 */
    int64_t repeat;          /* steps that each frame is held (--frame-repeat); 0: by its true duration */
    int64_t from, frames;    /* first frame of the source, and how many; frames 0: to the end */
    int64_t width, height;   /* of raw frames and stimuli; else the size to which frames are scaled; 0: as they are */
    int     channel;         /* -1: luminance; 0, 1, 2: red, green, blue */
    int64_t still;           /* steps that a photograph lasts; 0: one second */
    int     channels;        /* CONVIS_ONE_CHANNEL, CONVIS_GRAY, CONVIS_RGB or CONVIS_ALL_CHANNELS */
    int     batches;         /* 1: several movies side by side, (B, C, T, Y, X), are taken; 0: they are an error */
    int64_t declared;        /* channels of the model's input, for arrays (T, N) and lists of spikes; 0: it declares none */
    int     picture;         /* 1: an array (Y, X) is one picture */
    int     rated;           /* 1: frames of a .h5 that says how long they last (as convis writes it) last so long */
    int     spikes;          /* 1: of a file with spikes their number in each step, a channel a cell; 0: it is no movie */
} convis_movie_options;
#define CONVIS_MOVIE_DEFAULTS { 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0 }

typedef struct convis_movie_info {
    int64_t batch, channels, width, height;
    int64_t steps;           /* of dt; -1 when only the end will tell */
    double  fps;             /* of the source; 0 when frames are steps */
    char    format[32];      /* "npy", "h264", ...; "spikes" */
    int64_t frames;          /* of the source that are shown, fewer than asked for where it ends before; -1 when only the end will tell */
} convis_movie_info;

convis_status convis_movie_open (convis_context *, const char *name, const convis_movie_options *, convis_movie **);
void          convis_movie_info_get(const convis_movie *, convis_movie_info *);
/* The next steps (got < steps: the movie ended), (t, b, c, y, x) contiguous: convis_movie_view makes a tensor of them. A frame is held
 * from its own time stamp to the next one's; step k shows the frame visible at k dt: no drift. NaN in a frame is an error that
 * names the frame. */
convis_status convis_movie_read (convis_movie *, convis_real *frames, int64_t steps, int64_t *got);
convis_tensor convis_movie_view (const convis_movie *, convis_real *frames, int64_t steps);      /* (B, C, steps, Y, X) */
void          convis_movie_close(convis_movie **);

/* Arrays whole, for stimuli of known size, responses and positions. free with convis_array_free. */
convis_status convis_array_read(convis_context *, const char *name, convis_array *);   /* .npy .npz .h5 .inr */
void          convis_array_free(convis_array *);

/* In the file's order: lines "layer unit x_deg y_deg" ('#' comments), or those in a .h5 or .npz. Free with convis_cells_free. */
convis_status convis_cells_read(convis_context *, const char *file, convis_cell **, int64_t *count);
convis_status convis_cells_write(convis_context *, const char *file, const convis_cell *, int64_t count);
void          convis_cells_free(convis_cell **);
/* .spk (VirtualRetina "unit time"), .csv ("unit,time,layer"), .npy, .npz, .h5 as convis writes them, in order of time; free with
 * convis_spikes_free. */
convis_status convis_spikes_read(convis_context *, const char *file, convis_spike **, int64_t *count);
void          convis_spikes_free(convis_spike **);
/* The length of the recording in seconds, of a .h5 or .npz; 0: it is not in the file. */
double        convis_spikes_seconds(convis_context *, const char *file);

/* ---- Results out -------------------------------------------------------------------------------------
 * Spikes: .spk .csv .npy .npz .h5. Maps: .npy .npz .h5 .inr .csv .png .mp4. The extension decides. */
typedef struct convis_provenance {   /* what a .h5 records so that a result can be rerun */
    const char *command, *model, *input, *numerics, *device;   /* model: the recipe's text; NULLs are left out */
    double      dt;
    uint64_t    seed;
    const char *parameters;          /* lines of convis_recipe_parameters */
} convis_provenance;

typedef struct convis_spike_writer convis_spike_writer;
convis_status convis_spike_writer_open (convis_context *, const char *file, const convis_cell *, int64_t units,
                                        const convis_provenance *, convis_spike_writer **);
convis_status convis_spike_writer_write(convis_spike_writer *, const convis_spike *, int64_t count);
/* seconds: the recording's length. Renames into place; on an earlier failure, or with keep 0, leaves no file. */
convis_status convis_spike_writer_close(convis_spike_writer **, double seconds, int keep);

typedef struct convis_map_writer convis_map_writer;
/* name: the probe's path, the data set's name in .h5 and .npz; frame: (B, C, 1, Y, X). Arrays are written as (T, Y, X) where B and C are
 * 1, else as (C, T, Y, X) where B is 1, else as (B, C, T, Y, X); the other formats hold one channel, .png and .mp4 also three of colour.
 * Several writers may name one .h5 file: they share it, and it appears when the last is closed. */
convis_status convis_map_writer_open (convis_context *, const char *file, const char *name, convis_shape frame,
                                      const convis_provenance *, convis_map_writer **);
convis_status convis_map_writer_write(convis_map_writer *, convis_tensor frames);
convis_status convis_map_writer_close(convis_map_writer **, int keep);

/* Formats by their extension: what of "movie|array|spikes|cells|parameters|model" is read, and what of "maps|spikes|cells|figure|model" is
 * written; NULL: nothing. Movies that FFmpeg reads have many more. 0 past the last. */
typedef struct convis_format_info { const char *extension, *reads, *writes, *doc; } convis_format_info;
int convis_format_list(int index, convis_format_info *);

/* ---- Figures -----------------------------------------------------------------------------------------
 * By gnuplot; with keep_script the script and its data stay beside the figure. Four kinds draw arrays: "kernel" one of
 * (maps, T, Y, X), whose last frame is the present: frames by lag, course and profile of its strongest pixel; "tuning" rows
 * of a direction in degrees (0 rightwards, 90 downwards) and one response or more; "prediction" and "nonlinearity" what a fit reports
 * (convis fit --report): (T, 3, N), of each frame and unit the input of its static layer, the model's output, and what was recorded. */
typedef struct convis_plot_options {
    const char *kind;        /* "raster", "maps", "traces", "mosaic", "kernel", "tuning" ...; NULL: what suits the file */
    double      from, to;    /* seconds; to = 0: the end */
    const char *title;       /* NULL: none */
    const char *pixels;      /* traces: "x,y x,y ..."; NULL: the centre and the most active */
    const char *name;        /* data set in .h5 or .npz; NULL: the first that fits */
    double      dt;          /* seconds per frame where the file does not say */
    int         width, height, keep_script;
    const char *labels;      /* "a,b": names of a tuning's curves; of spikes and cells, the names of layers 0, 1 ...; NULL: none */
    const char *rows;        /* what one row of a raster is: "trial"; NULL: "cell" */
} convis_plot_options;
#define CONVIS_PLOT_DEFAULTS { NULL, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL }
/* file: spikes, maps, cells or arrays as above; figure: the file to write, whose extension decides its format. */
convis_status convis_plot(convis_context *, const char *file, const char *figure, const convis_plot_options *);

/* ---- Reconstruction ----------------------------------------------------------------------------------
 * The image that spikes show: each draws a spot at its cell's place, which lasts as long as a kernel in time.
 * Frames are in spikes per second of the cells that cover a pixel, each cell times its layer's weight: 1 and -1 for
 * ON and OFF let ON spikes brighten and OFF spikes darken; 0 leaves a layer out. */
typedef struct convis_reconstruction convis_reconstruction;
typedef struct convis_reconstruction_options {
    int64_t width, height;   /* of the image in pixels, its centre at 0, 0 degrees; 0: all cells are in it */
    double  ppd;             /* pixels per degree; 0: all cells are in width x height; else one a cell of a grid, or 128 in all */
    double  fps;             /* frames per second */
    double  from, to;        /* seconds; to = 0: the end */
    double  tau;             /* seconds that a spike lasts (box) or in which it fades (exponential) */
    double  spot;            /* radius in pixels, in the fovea; 0: what covers the gaps between neighbouring cells. (side: virtualretina) */
    double  fovea, scaling;  /* log-polar: spots grow with 1 + scaling (r - fovea), degrees; scaling 0: uniform */
    double  density;         /* cells per degree in the fovea, for normalise 1; 0: from the distance to neighbours */
    int     box, square;     /* box: not exponential in time. square: spots are squares, not discs */
    int     normalise;       /* 0: a spike's spot sums to 1; 1: to the area of its cell; 2: divided by the cells at each pixel */
    /* As ReconstructRetina: frame k holds spikes up to k/fps, to the last bit; a cell's pixel is the next one; square spots have a
     * side of `spot` pixels to the right of and below it, and 1/spot^2 each; cells that are not within the image are left out. */
    int     virtualretina;
    const double *weights;   /* of layer 0, 1 ...; NULL: 1 */
    int     layers;          /* how many weights there are; layers beyond weigh 1 */
    /* virtualretina: the array's extent in degrees, the image's centre being in its middle, and the image as many whole pixels as hold it;
     * 0: a whole number of pixels. */
    double  extent_x, extent_y;
} convis_reconstruction_options;
#define CONVIS_RECONSTRUCTION_DEFAULTS { 0, 0, 0, 60, 0, 0, 0.02, 0, 0, 0, 0, 0, 0, 2, 0, NULL, 0, 0, 0 }
/* Gets frame 0, 1, ... (y, x), in order; what it returns other than CONVIS_OK ends the reconstruction. */
typedef convis_status (*convis_frame_sink)(void *user, const convis_real *frame, int64_t index);

convis_status convis_reconstruction_open (convis_context *, const convis_cell *, int64_t units,
                                          const convis_reconstruction_options *, convis_frame_sink, void *user,
                                          convis_reconstruction **);
void          convis_reconstruction_size (const convis_reconstruction *, int64_t *width, int64_t *height);
/* Spikes in order of time, in chunks of any size. Frames go to the sink as soon as no later spike can change them. */
convis_status convis_reconstruction_write(convis_reconstruction *, const convis_spike *, int64_t count);
/* seconds: the recording's length; the remaining frames go to the sink. Accepts NULL; leaves NULL. */
convis_status convis_reconstruction_close(convis_reconstruction **, double seconds);

/* ---- Stimuli -----------------------------------------------------------------------------------------
 * "stim:KIND?key=value&key=value": its kinds, and the keys of each. */
int convis_stim_list(int index, convis_kind_info *);                                /* 0 past the last */
int convis_stim_param_list(const char *kind, int index, convis_kind_param *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
