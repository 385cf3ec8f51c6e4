/* open.c - which format a name means: standard input, a stimulus, a data set in a container, a file, a pattern of files. */
#include "frames.h"
#include "hdf5.h"
#include "spikes.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

int convis_has_extension(const char *name, const char *extension)
{
    const size_t n = strlen(name), e = strlen(extension);
    return n > e && !strcasecmp(name + n - e, extension);
}

convis_status convis_frames_size_check(convis_context *c, const char *name, int64_t width, int64_t height)
{
    if (width > 0 && height > 0 && width <= CONVIS_MAX_PIXELS && height <= CONVIS_MAX_PIXELS/width) return CONVIS_OK;
    return convis_fail(c, CONVIS_ESHAPE, "%s: frames of %lld x %lld pixels, expected at least one and at most %lld pixels",
                       name, (long long)width, (long long)height, (long long)CONVIS_MAX_PIXELS);
}

convis_status convis_frames_planes_check(convis_context *c, const char *name, int64_t batch, int64_t channels, int64_t width,
                                         int64_t height)
{
    convis_status status = convis_frames_size_check(c, name, width, height);
    const int64_t most = status ? 0 : CONVIS_MAX_PIXELS/(width*height);
    if (status || (batch > 0 && channels > 0 && batch <= most && channels <= most/batch)) return status;
    return convis_fail(c, CONVIS_ESHAPE,
                       "%s: %lld movies of %lld channels of %lld x %lld pixels, expected at least one of each and at most "
                       "%lld pixels in all",
                       name, (long long)batch, (long long)channels, (long long)width, (long long)height,
                       (long long)CONVIS_MAX_PIXELS);
}

void convis_frames_close(convis_frames **frames)
{
    if (frames && *frames) (*frames)->close(*frames);
    if (frames) *frames = NULL;
}

/* "folder/file.npz:key": where the colon is, or NULL. The container's extension decides, so other colons do no harm. */
static const char *container_colon(const char *name, const char *extension)
{
    const size_t e = strlen(extension);
    for (const char *colon = strchr(name, ':'); colon; colon = strchr(colon + 1, ':'))
        if ((size_t)(colon - name) > e && !strncasecmp(colon - e, extension, e)) return colon;
    return NULL;
}

static int is_pattern(const char *name)
{
    convis_numbered n;
    return strpbrk(name, "*?[") || convis_numbered_parse(name, &n);
}

static int exists(const char *path) { struct stat s; return !stat(path, &s); }

int convis_frames_pattern(const char *name) { return !exists(name) && is_pattern(name); }

static int is_hdf5(const char *path) { return convis_has_extension(path, ".h5") || convis_has_extension(path, ".hdf5"); }

static convis_status open_file(convis_context *c, const char *path, const char *key, const convis_movie_options *o,
                               convis_frames **out)
{
    struct stat s;
    if (stat(path, &s))
        return convis_fail(c, CONVIS_EIO, "%s: cannot be opened (%s)", path, strerror(errno));
    if (S_ISDIR(s.st_mode))
        return convis_fail(c, CONVIS_EIO, "%s: is a folder, expected a file or a pattern of files such as %s/*.png", path, path);
    if (o->spikes && !key && convis_holds_spikes(c, path)) return convis_spikes_frames(c, path, o, out);     /* maybe of silence */
    if (S_ISREG(s.st_mode) && s.st_size == 0)
        return convis_fail(c, CONVIS_EFORMAT, "%s: is empty, expected a movie, an image or an array", path);
    if (convis_has_extension(path, ".npy")) return convis_npy_frames(c, path, o, out);
    if (convis_has_extension(path, ".npz")) return convis_npz_frames(c, path, key, o, out);
    if (is_hdf5(path)) return convis_hdf5_frames(c, path, key, o, out);
    if (convis_has_extension(path, ".inr")) return convis_inr_frames(c, path, o, out);
    return convis_ffmpeg_frames(c, path, o, out);
}

static convis_status open_name(convis_context *c, const char *name, const convis_movie_options *options, int nested,
                               convis_frames **out)
{
    static const char *const containers[] = { ".npz", ".h5", ".hdf5" };
    convis_movie_options o = *options;
    if (!nested && !strcmp(name, "-")) return convis_raw_frames(c, &o, out);
    if (!nested && !strncmp(name, "stim:", 5)) return c->hooks->stimulus(c, name + 5, &o, out);
    if (nested) o.picture = 1;
    if (!exists(name)) {
        for (size_t k = 0; k < sizeof containers/sizeof *containers; k++) {
            const char *colon = container_colon(name, containers[k]);
            if (!colon) continue;
            const size_t n = (size_t)(colon - name);
            char *path = convis_obtain(c, n + 1);
            if (!path) return CONVIS_ENOMEM;
            memcpy(path, name, n);
            const convis_status status = open_file(c, path, colon[1] ? colon + 1 : NULL, &o, out);
            convis_release(c, path);
            return status;
        }
        if (!nested && is_pattern(name)) return convis_sequence_frames(c, name, &o, out);
    }
    return open_file(c, name, NULL, &o, out);
}

convis_status convis_frames_open(convis_context *c, const char *name, const convis_movie_options *options, int nested,
                                 convis_frames **out)
{
    *out = NULL;
    if (!name || !*name)
        return convis_fail(c, CONVIS_EINVAL, "input: no name was given, expected a file, a pattern, stim:KIND or -");
    const convis_status status = open_name(c, name, options, nested, out);
    if (status) return status;
    if (!(*out)->batch) (*out)->batch = 1;
    if (!(*out)->channels) (*out)->channels = 1;
    const double dt = options->rated && !strcmp((*out)->format, "h5") ? convis_result_number(name, "dt") : 0;
    if (dt > 0) (*out)->fps = 1/dt;
    return CONVIS_OK;
}
