/* test_recording.c - stimuli and responses, frame by frame: every format and shape gives the same numbers wherever one
 * begins, memory does not grow with the file, and what does not fit together gets a sentence. */
#include "sanitized.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <convis/fit.h>
#include <convis/io.h>
#include <hdf5.h>
#include <zip.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static convis_context *c;
static char folder[] = "/tmp/convis-recording-XXXXXX";

static int begin(void **state) { (void)state; return !mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu"); }
static int end(void **state)
{
    char command[128];
    (void)state;
    convis_close(&c);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

#define OK(call) do { if (call) fail_msg("%s: %s", #call, convis_message(c)); } while (0)
/* It fails with this status, and its sentence has both words. */
#define SAYS(status, first, second, call) do { convis_status s_ = (call); \
    if (s_ != (status) || !strstr(convis_message(c), first) || !strstr(convis_message(c), second)) \
        fail_msg("%s: status %d, '%s'", #call, s_, convis_message(c)); } while (0)

/* ---- Files ---- */

/* The numbers of every array: small and whole, so that every type holds them. */
static int number(int64_t k) { return (int)((k*7 + k/11*3) % 100); }

static int64_t product(int dims, const int64_t *dim)
{
    int64_t all = 1;
    for (int d = 0; d < dims; d++) all *= dim[d];
    return all;
}

/* number(k) as the type says, with value(s) of the first replaced by `special` where k is `at`. */
static char *numbers(const char *type, int64_t count, int64_t at, double special)
{
    const int size = type[2] - '0';
    char *bytes = calloc((size_t)count, (size_t)size);
    for (int64_t k = 0; k < count; k++) {
        const double v = k == at ? special : number(k);
        char *to = bytes + k*size;
        if (!strcmp(type, "|u1")) *(unsigned char *)to = (unsigned char)v;
        else if (!strcmp(type, "<f4")) memcpy(to, &(float){ (float)v }, 4);
        else if (!strcmp(type, "<f8")) memcpy(to, &v, 8);
        else if (!strcmp(type, ">i2")) { to[0] = (char)((int)v >> 8); to[1] = (char)(int)v; }
        else fail_msg("type %s", type);
    }
    return bytes;
}

static void put_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) fail_msg("%s", file);
}
static size_t npy_header(char head[256], const char *type, int fortran, int dims, const int64_t *dim)
{
    char shape[128] = "";
    for (int d = 0; d < dims; d++) snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,", (long long)dim[d]);
    int n = snprintf(head + 10, 240, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n", type, fortran ? "True" : "False",
                     shape);
    memcpy(head, "\x93NUMPY\x01", 7);
    head[7] = 0;
    head[8] = (char)n;
    head[9] = 0;
    return (size_t)n + 10;
}

static void put_npy(const char *file, const char *type, int dims, const int64_t *dim, int64_t at, double special)
{
    char head[256], *bytes = numbers(type, product(dims, dim), at, special);
    FILE *f = fopen(file, "wb");
    size_t n = npy_header(head, type, 0, dims, dim);
    assert_int_equal(fwrite(head, 1, n, f), n);
    n = (size_t)(product(dims, dim)*(type[2] - '0'));
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    free(bytes);
}

/* (T, Y, X) with time fastest in the file. */
static void put_fortran(const char *file, int64_t t, int64_t y, int64_t x)
{
    char head[256];
    FILE *f = fopen(file, "wb");
    size_t n = npy_header(head, "|u1", 1, 3, (int64_t[]){ t, y, x });
    assert_int_equal(fwrite(head, 1, n, f), n);
    for (int64_t i = 0; i < x; i++)
        for (int64_t j = 0; j < y; j++)
            for (int64_t k = 0; k < t; k++) putc(number((k*y + j)*x + i), f);
    fclose(f);
}

/* Members of a .npz from .npy files. */
static void put_npz(const char *file, int packed, int members, const char *const *name, const char *const *from)
{
    int code;
    remove(file);
    zip_t *archive = zip_open(file, ZIP_CREATE, &code);
    for (int k = 0; k < members; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s.npy", name[k]);
        zip_int64_t index = zip_file_add(archive, key, zip_source_file(archive, from[k], 0, -1), 0);
        assert_true(index >= 0);
        zip_set_file_compression(archive, (zip_uint64_t)index, packed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    assert_int_equal(zip_close(archive), 0);
}

static void put_h5(const char *file, const char *name, const char *type, int dims, const int64_t *dim, int packed)
{
    char *bytes = numbers(type, product(dims, dim), -1, 0);
    hsize_t size[8], chunk[8];
    for (int d = 0; d < dims; d++) { size[d] = (hsize_t)dim[d]; chunk[d] = size[d] > 3 ? 3 : size[d]; }
    hid_t f = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(dims, size, NULL);
    hid_t make = H5Pcreate(H5P_DATASET_CREATE);
    hid_t kind = *type == '|' ? H5T_STD_U8LE : *type == '>' ? H5T_STD_I16BE : type[2] == '4' ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
    if (packed) { H5Pset_chunk(make, dims, chunk); H5Pset_deflate(make, 1); }
    hid_t set = H5Dcreate2(f, name, kind, space, H5P_DEFAULT, make, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, kind, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    H5Dclose(set);  H5Pclose(make);  H5Sclose(space);  H5Fclose(f);
    free(bytes);
}

static convis_recording *opened(const char *stimulus, const char *response)
{
    convis_recording *r;
    convis_recording_options o = { .stimulus = stimulus, .response = response, .dt = 0.01 };
    OK(convis_recording_open(c, &o, &r));
    return r;
}

/* ---- Every format gives the same frames, from wherever ---- */

enum { T = 40, C = 3, Y = 4, X = 5, N = 6, TRIALS = 2 };

/* Frames in random order and number, against number(), whose index in (C, T, Y, X) is known. */
static void check_frames(convis_recording *r, int channels, int frames)
{
    convis_real got[T*C*Y*X];
    unsigned seed = 1;
    for (int trial = 0; trial < 60; trial++) {
        const int from = (int)((seed = seed*1103515245u + 12345u) >> 16) % frames;
        const int count = (int)((seed = seed*1103515245u + 12345u) >> 16) % (frames - from + 1);
        OK(convis_recording_stimulus(r, from, count, got));
        for (int t = 0; t < count; t++)
            for (int ch = 0; ch < channels; ch++)
                for (int i = 0; i < Y*X; i++)
                    if (got[(t*channels + ch)*Y*X + i] != (convis_real)number(((int64_t)ch*frames + from + t)*Y*X + i))
                        fail_msg("frame %d, channel %d, pixel %d: %g", from + t, ch, i, (double)got[(t*channels + ch)*Y*X + i]);
    }
}

static void every_format_has_the_same_frames(void **state)
{
    (void)state;
    static const char *const TYPES[] = { "|u1", ">i2", "<f4", "<f8" };
    const int64_t one[] = { T, Y, X }, three[] = { C, T, Y, X }, full[] = { 1, C, T, Y, X }, line[] = { T };
    put_npy("r.npy", "<f8", 1, line, -1, 0);
    for (size_t k = 0; k < 4; k++) {
        put_npy("s.npy", TYPES[k], 3, one, -1, 0);
        put_npy("t.npy", TYPES[k], 4, three, -1, 0);
        put_npy("u.npy", TYPES[k], 5, full, -1, 0);
        put_h5("s.h5", "s", TYPES[k], 3, one, 0);
        put_h5("t.h5", "t", TYPES[k], 4, three, 1);
        put_h5("u.h5", "u", TYPES[k], 5, full, 1);
        put_npz("s.npz", 0, 2, (const char *[]){ "r", "s" }, (const char *[]){ "r.npy", "s.npy" });
        put_npz("t.npz", 1, 2, (const char *[]){ "r", "t" }, (const char *[]){ "r.npy", "t.npy" });
        put_npz("u.npz", 0, 1, (const char *[]){ "u" }, (const char *[]){ "u.npy" });
        static const struct { const char *name; int channels; } CASES[] = {
            { "s.npy", 1 }, { "t.npy", C }, { "u.npy", C }, { "s.h5", 1 }, { "t.h5:t", C }, { "u.h5", C }, { "s.npz", 1 }, { "t.npz:t", C },
            { "u.npz", C } };
        for (size_t j = 0; j < sizeof CASES/sizeof *CASES; j++) {
            convis_recording *r = opened(CASES[j].name, "r.npy");
            convis_recording_info info;
            convis_recording_info_get(r, &info);
            assert_int_equal(info.frames, T);
            assert_int_equal(info.channels, CASES[j].channels);
            assert_int_equal(info.height, Y);
            assert_int_equal(info.width, X);
            assert_true(info.units == 1 && info.trials == 1 && info.dt == 0.01);
            check_frames(r, CASES[j].channels, T);
            convis_recording_close(&r);
            assert_null(r);
        }
    }
    put_fortran("f.npy", T, Y, X);
    convis_recording *r = opened("f.npy", "r.npy");
    check_frames(r, 1, T);
    convis_recording_close(&r);
}

static void other_movies_are_read_by_their_readers(void **state)
{
    (void)state;
    convis_recording *r;
    convis_recording_options o = {
        .stimulus = "stim:checkers?duration=0.4", .response = "r.npy", .dt = 0.01, .width = 7, .height = 6
    };
    OK(convis_recording_open(c, &o, &r));
    convis_recording_info info;
    convis_recording_info_get(r, &info);
    assert_true(info.frames == 40 && info.width == 7 && info.height == 6);
    convis_movie_options m = CONVIS_MOVIE_DEFAULTS;
    convis_movie *movie;
    convis_real all[40*42], some[9*42];
    int64_t got;
    m.dt = 0.01;  m.width = 7;  m.height = 6;
    OK(convis_movie_open(c, o.stimulus, &m, &movie));
    OK(convis_movie_read(movie, all, 40, &got));
    convis_movie_close(&movie);
    for (int from = 31; from >= 0; from -= 7) {
        OK(convis_recording_stimulus(r, from, 9, some));
        assert_memory_equal(some, all + from*42, sizeof some);
    }
    convis_recording_close(&r);
}

/* Frames at 40 Hz in steps of 10 ms: 0 0 0 1 1 2 2 2 3 3 ... as convis_movie_open shows them. */
static void frames_that_are_no_steps_are_held(void **state)
{
    (void)state;
    const int64_t dim[] = { T, Y, X }, line[] = { 100 };
    put_npy("s.npy", "<f4", 3, dim, -1, 0);
    put_npy("r100.npy", "<f4", 1, line, -1, 0);
    convis_recording *r;
    convis_recording_options o = { .stimulus = "s.npy", .response = "r100.npy", .dt = 0.01, .fps = 40 };
    OK(convis_recording_open(c, &o, &r));
    convis_movie_options m = CONVIS_MOVIE_DEFAULTS;
    convis_movie *movie;
    static convis_real all[100*Y*X], some[100*Y*X];
    int64_t got;
    m.dt = 0.01;  m.fps = 40;
    OK(convis_movie_open(c, "s.npy", &m, &movie));
    OK(convis_movie_read(movie, all, 100, &got));
    assert_int_equal(got, 100);
    convis_movie_close(&movie);
    for (int from = 0; from < 100; from += 9)
        for (int count = 0; count <= 100 - from; count += 13) {
            OK(convis_recording_stimulus(r, from, count, some));
            assert_memory_equal(some, all + from*Y*X, (size_t)(count*Y*X)*sizeof *some);
        }
    convis_recording_close(&r);
}

/* Colour last is turned round while it is streamed; what needs other channels is read by the movies' reader. */
static void channels_as_asked_for(void **state)
{
    (void)state;
    const int64_t last[] = { T, Y, X, 3 }, gray[] = { T, Y, X };
    convis_recording *r;
    convis_recording_info info;
    static convis_real got[T*3*Y*X];
    put_npy("last.npy", "|u1", 4, last, -1, 0);
    put_npy("gray.npy", "|u1", 3, gray, -1, 0);
    convis_recording_options o = { .stimulus = "last.npy", .response = "r.npy", .dt = 0.01, .channels = CONVIS_RGB };
    put_npy("r.npy", "<f4", 1, last, -1, 0);
    OK(convis_recording_open(c, &o, &r));
    convis_recording_info_get(r, &info);
    assert_true(info.channels == 3 && info.height == Y && info.width == X && info.frames == T);
    OK(convis_recording_stimulus(r, 3, 20, got));
    for (int t = 0; t < 20; t++) for (int ch = 0; ch < 3; ch++) for (int i = 0; i < Y*X; i++)
        assert_true(got[(t*3 + ch)*Y*X + i] == (convis_real)number(((int64_t)(3 + t)*Y*X + i)*3 + ch));
    convis_recording_close(&r);
    o.channels = CONVIS_GRAY;
    OK(convis_recording_open(c, &o, &r));
    convis_recording_info_get(r, &info);
    assert_int_equal(info.channels, 1);
    OK(convis_recording_stimulus(r, 5, 1, got));
    for (int i = 0; i < Y*X; i++) {
        const int64_t at = ((int64_t)5*Y*X + i)*3;
        assert_float_equal(got[i], .2126*number(at) + .7152*number(at + 1) + .0722*number(at + 2), 1e-4);
    }
    convis_recording_close(&r);
    o.stimulus = "gray.npy";
    o.channels = CONVIS_RGB;
    OK(convis_recording_open(c, &o, &r));
    OK(convis_recording_stimulus(r, 7, 2, got));
    for (int t = 0; t < 2; t++) for (int ch = 0; ch < 3; ch++) for (int i = 0; i < Y*X; i++)
        assert_true(got[(t*3 + ch)*Y*X + i] == (convis_real)number((int64_t)(7 + t)*Y*X + i));
    convis_recording_close(&r);
}

/* ---- Further inputs ---- */

static void inputs_go_along_with_the_stimulus(void **state)
{
    (void)state;
    const int64_t movie[] = { T, Y, X }, speed[] = { T }, pair[] = { T, 2 }, slow[] = { T/4 }, wide[] = { 2, T, 1, 3 };
    put_npy("s.npy", "|u1", 3, movie, -1, 0);
    put_npy("r.npy", "<f4", 1, speed, -1, 0);
    put_npy("speed.npy", "<f4", 1, speed, -1, 0);
    put_npy("pair.npy", "<f8", 2, pair, -1, 0);
    put_npy("slow.npy", "<f4", 1, slow, -1, 0);
    put_npy("wide.npy", "<f4", 4, wide, -1, 0);
    put_text("cells.csv", "unit,time,layer\n1,0.05,0\n1,0.051,0\n0,0.12,0\n");
    const convis_recording_input inputs[] = {
        { .name = "speed", .file = "speed.npy" }, { .name = "pair", .file = "pair.npy", .declared = 2 },
        { .name = "bars", .file = "pair.npy" }, { .name = "slow", .file = "slow.npy", .fps = 25 },
        { .name = "wide", .file = "wide.npy" }, { .name = "cells", .file = "cells.csv", .declared = 3 }
    };
    convis_recording_options o = {
        .stimulus = "s.npy", .response = "r.npy", .dt = 0.01, .from = 3, .inputs = inputs, .input_count = 6
    };
    convis_recording *r;
    convis_recording_info info;
    OK(convis_recording_open(c, &o, &r));
    convis_recording_info_get(r, &info);
    assert_int_equal(info.inputs, 6);
    static const int SHAPES[6][3] = { { 1, 1, 1 }, { 2, 1, 1 }, { 1, 1, 2 }, { 1, 1, 1 }, { 2, 1, 3 }, { 3, 1, 1 } };
    convis_recording_input_info one;
    for (int k = 0; k < 6; k++) {
        assert_true(convis_recording_input_list(r, k, &one));
        assert_string_equal(one.name, inputs[k].name);
        assert_true(one.channels == SHAPES[k][0] && one.height == SHAPES[k][1] && one.width == SHAPES[k][2]);
        assert_true(one.fps == (k == 3 ? 25 : 0));
    }
    assert_false(convis_recording_input_list(r, 6, &one));
    convis_real got[T*6];
    for (int from = 0; from < T - 3; from += 5) {
        const int n = T - 3 - from < 9 ? T - 3 - from : 9;
        OK(convis_recording_input_read(r, 0, from, n, got));
        for (int t = 0; t < n; t++) assert_true(got[t] == (convis_real)number(3 + from + t));
        for (int k = 1; k < 3; k++) {                        /* two channels or a bar of two pixels: the same numbers */
            OK(convis_recording_input_read(r, k, from, n, got));
            for (int i = 0; i < 2*n; i++) assert_true(got[i] == (convis_real)number(2*(3 + from) + i));
        }
        OK(convis_recording_input_read(r, 3, from, n, got));
        for (int t = 0; t < n; t++) assert_true(got[t] == (convis_real)number((3 + from + t)/4));
        OK(convis_recording_input_read(r, 4, from, n, got));
        for (int t = 0; t < n; t++) for (int i = 0; i < 6; i++)
            assert_true(got[6*t + i] == (convis_real)number((i/3*T + 3 + from + t)*3 + i%3));
        OK(convis_recording_input_read(r, 5, from, n, got));
        for (int t = 0; t < n; t++) {
            const int step = 3 + from + t;
            assert_true(got[3*t] == (step == 12) && got[3*t + 1] == (step == 5 ? 2 : 0) && got[3*t + 2] == 0);
        }
    }
    SAYS(CONVIS_EINVAL, "10 frames from frame 30 on", "from 0 to 36", convis_recording_input_read(r, 0, 30, 10, got));
    SAYS(CONVIS_EINVAL, "input 6", "0 to 5", convis_recording_input_read(r, 6, 0, 1, got));
    convis_recording_close(&r);
}

static void inputs_that_do_not_go_along(void **state)
{
    (void)state;
    const int64_t movie[] = { T, Y, X }, line[] = { T }, shorter[] = { T - 1 }, fewer[] = { T/4 - 2 }, none[] = { 0 };
    convis_recording *r;
    put_npy("s.npy", "|u1", 3, movie, -1, 0);
    put_npy("r.npy", "<f4", 1, line, -1, 0);
    put_npy("shorter.npy", "<f4", 1, shorter, -1, 0);
    put_npy("slow.npy", "<f4", 1, fewer, -1, 0);
    put_npy("none.npy", "<f4", 1, none, -1, 0);
    put_npy("nan.npy", "<f4", 1, line, 7, NAN);
#define INPUT(expected, first, second, ...) do { \
        const convis_recording_input in_[] = { { __VA_ARGS__ }, { .name = "other", .file = "r.npy" } }; \
        convis_recording_options o_ = { .stimulus = "s.npy", .response = "r.npy", .dt = 0.01, .inputs = in_, .input_count = 2 }; \
        SAYS(expected, first, second, convis_recording_open(c, &o_, &r)); assert_null(r); } while (0)
    INPUT(CONVIS_ESHAPE, "shorter.npy: the input 'speed' has 39 frames of 0.01 s (shape (39,))", "expected 40, as many as s.npy has", .name = "speed", .file = "shorter.npy");
    INPUT(CONVIS_ESHAPE, "slow.npy: the input 'speed' has 32 frames", "expected 40", .name = "speed", .file = "slow.npy", .fps = 25);
    INPUT(CONVIS_ESHAPE, "none.npy: shape (0,)", "none of them 0", .name = "speed", .file = "none.npy");
    INPUT(CONVIS_EINVAL, "the input 'other' is given twice", "", .name = "other", .file = "r.npy");
    INPUT(CONVIS_EINVAL, "an input without a name", "", .name = NULL, .file = "r.npy");
    INPUT(CONVIS_EINVAL, "an input without a file", "", .name = "speed", .file = "");
    INPUT(CONVIS_EINVAL, "r.npy: fps is -1", "0 or more", .name = "speed", .file = "r.npy", .fps = -1);
    INPUT(CONVIS_EIO, "nothing.npy", "", .name = "speed", .file = "nothing.npy");
    const convis_recording_input broken = { .name = "speed", .file = "nan.npy" };
    convis_recording_options o = { .stimulus = "s.npy", .response = "r.npy", .dt = 0.01, .inputs = &broken, .input_count = 1 };
    convis_real got[T];
    OK(convis_recording_open(c, &o, &r));
    OK(convis_recording_input_read(r, 0, 0, 7, got));
    SAYS(CONVIS_EFORMAT, "nan.npy: frame 7 has the value NaN", "finite", convis_recording_input_read(r, 0, 0, T, got));
    convis_recording_close(&r);
}

/* What comes after the end of the stimulus is not used, and counted. */
static void inputs_that_are_longer(void **state)
{
    (void)state;
    put_npy("s.npy", "|u1", 3, (const int64_t[]){ T, Y, X }, -1, 0);
    for (int k = 0; k < 2; k++) put_npy(k ? "slow.npy" : "longer.npy", "<f4", 1, (const int64_t[]){ k ? T/4 + 2 : T + 1 }, -1, 0);
    put_text("late.csv", "unit,time,layer\n1,0.05,0\n1,0.45,0\n1,0.451,0\n");
    convis_spike_writer *w;
    OK(convis_spike_writer_open(c, "late.h5", &(convis_cell){ 1, 0, 0, 0 }, 1, NULL, &w));
    OK(convis_spike_writer_write(w, &(convis_spike){ 0.45, 1, 0 }, 1));
    OK(convis_spike_writer_close(&w, 0.5, 1));
    const convis_recording_input in[] = { { "longer", "longer.npy", .fps = 0 }, { "slow", "slow.npy", .fps = 25 },
                                          { "late", "late.csv", .fps = 0 }, { "all", "late.h5", .fps = 0 } };
    static const int64_t AFTER[4][3] = { { 41, 1, 0 }, { 48, 8, 0 }, { 46, 0, 2 }, { 50, 10, 1 } };
    convis_recording *r;
    convis_recording_input_info one;
    convis_real got[T];
    OK(convis_recording_open(c, &(convis_recording_options){ "s.npy", "s.npy", .dt = 0.01, .inputs = in, .input_count = 4 }, &r));
    for (int k = 0; k < 4; k++) {
        assert_true(convis_recording_input_list(r, k, &one));
        assert_true(one.steps == AFTER[k][0] && one.after == AFTER[k][1] && one.spikes_after == AFTER[k][2]);
        OK(convis_recording_input_read(r, k, 0, T, got));
        for (int t = 0; t < T; t++) assert_true(got[t] == (convis_real)(k < 2 ? number(k ? t/4 : t) : k == 2 && t == 5));
    }
    convis_recording_close(&r);
}

/* ---- Responses ---- */

static void responses_of_every_shape(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X }, dim[] = { TRIALS, T, N };
    put_npy("s.npy", "|u1", 3, stimulus, -1, 0);
    for (int dims = 1; dims <= 3; dims++) {
        const int64_t *shape = dims == 3 ? dim : dim + 1;
        put_npy("x.npy", "<f8", dims, shape, -1, 0);
        put_h5("x.h5", "x", ">i2", dims, shape, 1);
        put_npz("x.npz", 1, 1, (const char *[]){ "x" }, (const char *[]){ "x.npy" });
        for (int k = 0; k < 3; k++) {
            convis_recording *r = opened("s.npy", ((const char *[]){ "x.npy", "x.h5", "x.npz" })[k]);
            convis_recording_info info;
            convis_recording_info_get(r, &info);
            const int units = dims > 1 ? N : 1, trials = dims > 2 ? TRIALS : 1;
            assert_int_equal(info.units, units);
            assert_int_equal(info.trials, trials);
            convis_real got[TRIALS*T*N], mask[TRIALS*T*N];
            for (int from = T - 1; from >= 0; from -= 3) {
                const int count = (T - from)/2;
                OK(convis_recording_response(r, from, count, got, mask));
                for (int j = 0; j < trials; j++)
                    for (int t = 0; t < count; t++)
                        for (int u = 0; u < units; u++) {
                            assert_true(got[(j*count + t)*units + u] == (convis_real)number(((int64_t)j*T + from + t)*units + u));
                            assert_true(mask[(j*count + t)*units + u] == 1);
                        }
                OK(convis_recording_response(r, from, count, got, NULL));
            }
            convis_recording_close(&r);
        }
    }
}

/* NaN, a mask of every shape, and skip, each on its own and together. */
/* What convis run writes of an output is a response, a unit a number of its frames. */
static void maps_are_responses(void **state)
{
    (void)state;
    const int64_t movie[] = { T, Y, X }, map[] = { T, 2, 3 }, maps[] = { 2, T, 1, 3 }, both[] = { T, T, 3 };
    convis_recording_info info;
    put_npy("s.npy", "|u1", 3, movie, -1, 0);
    put_npy("map.npy", "<f4", 3, map, -1, 0);
    put_npy("maps.npy", "<f4", 4, maps, 0, 0);
    put_npy("both.npy", "<f4", 3, both, -1, 0);
    for (int several = 0; several < 2; several++) {
        convis_recording_options o = { .stimulus = "s.npy", .response = several ? "maps.npy" : "map.npy", .dt = 0.01 };
        o.mask = o.response;
        convis_recording *r;
        convis_real got[T*6], mask[T*6];
        OK(convis_recording_open(c, &o, &r));
        convis_recording_info_get(r, &info);
        assert_true(info.trials == 1 && info.units == 6);
        for (int from = 0; from < T; from += 7) {
            const int n = T - from < 9 ? T - from : 9;
            OK(convis_recording_response(r, from, n, got, mask));
            for (int k = 0; k < 6*n; k++) {
                const int t = from + k/6, u = k%6, at = several ? (u/3*T + t)*3 + u%3 : 6*t + u, v = number(at);
                assert_true(mask[k] == (v != 0) && got[k] == (convis_real)v);
            }
        }
        convis_recording_close(&r);
    }
    convis_recording *r = opened("s.npy", "both.npy");       /* in doubt trials */
    convis_recording_info_get(r, &info);
    assert_true(info.trials == T && info.units == 3);
    convis_recording_close(&r);
}

static void what_does_not_count(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X }, dim[] = { TRIALS, T, N };
    put_npy("s.npy", "|u1", 3, stimulus, -1, 0);
    put_npy("x.npy", "<f4", 3, dim, (1*T + 20)*N + 2, NAN);
    for (int dims = 0; dims <= 3; dims++) {
        const int64_t *shape = dims == 3 ? dim : dim + 1;
        if (dims) put_npy("m.npy", "|u1", dims, shape, -1, 0);
        convis_recording *r;
        convis_recording_options o = { .stimulus = "s.npy", .response = "x.npy", .mask = dims ? "m.npy" : NULL, .dt = 0.01, .skip = 5,
                                       .from = 10, .frames = 25 };
        OK(convis_recording_open(c, &o, &r));
        convis_recording_info info;
        convis_recording_info_get(r, &info);
        assert_int_equal(info.frames, 25);
        convis_real got[TRIALS*25*N], mask[TRIALS*25*N];
        OK(convis_recording_response(r, 0, 25, got, mask));
        for (int j = 0; j < TRIALS; j++)
            for (int t = 0; t < 25; t++)
                for (int u = 0; u < N; u++) {
                    const int64_t row = t + 10, i = (j*25 + t)*N + u;
                    const int hole = j == 1 && row == 20 && u == 2;
                    const int counted = dims == 0 || number(dims == 1 ? row : dims == 2 ? row*N + u : (j*T + row)*N + u) != 0;
                    assert_true(mask[i] == (t >= 5 && counted && !hole));
                    assert_true(got[i] == (hole ? 0 : (convis_real)number((j*T + row)*N + u)));
                }
        OK(convis_recording_response(r, 10, 1, got, NULL));              /* without a mask there is no other way to say it */
        assert_true(isnan((double)got[N + 2]));
        convis_recording_close(&r);
    }
}

static void spikes_are_counted_in_bins(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X };
    put_npy("s.npy", "|u1", 3, stimulus, -1, 0);
    /* k dt is of step k even where k*dt/dt is not k; the end belongs to the last step. */
    static const convis_spike SPIKES[] = {
        { 0, 9, 0 }, { 0.01*3, 4, 1 }, { 0.01*7, 4, 0 }, { 0.07999, 4, 0 }, { 0.0751, 9, 0 }, { 0.29, 4, 1 }, { 0.4, 9, 0 } };
    static const struct { int bin, unit; } EXPECTED[] = { { 0, 1 }, { 3, 2 }, { 7, 0 }, { 7, 0 }, { 7, 1 }, { 29, 2 }, { 39, 1 } };
    const convis_cell cells[] = { { 4, 0, 0, 0 }, { 4, 1, 0, 0 }, { 7, 1, 0, 0 }, { 9, 0, 0, 0 } };
    static const char *const FILES[] = { "x.csv", "x.h5", "x.npz", "y.csv" };
    for (int k = 0; k < 4; k++) {
        convis_spike_writer *w;
        OK(convis_spike_writer_open(c, FILES[k], cells, 4, NULL, &w));
        OK(convis_spike_writer_write(w, SPIKES, 7));
        OK(convis_spike_writer_close(&w, 0.4, 1));
        convis_recording *r = opened("s.npy", FILES[k]);
        convis_recording_info info;
        convis_recording_info_get(r, &info);
        const int listed = k == 1 || k == 2;                             /* these know the silent cell, too */
        assert_int_equal(info.units, listed ? 4 : 3);
        assert_int_equal(info.trials, 1);
        convis_real got[T*4], expected[T*4] = { 0 };
        for (int s = 0; s < 7; s++) expected[EXPECTED[s].bin*info.units + EXPECTED[s].unit]++;
        for (int from = 0; from < T; from += 7)
            for (int count = 0; count <= T - from; count += 3) {
                OK(convis_recording_response(r, from, count, got, NULL));
                assert_memory_equal(got, expected + from*info.units, (size_t)(count*info.units)*sizeof *got);
            }
        convis_recording_close(&r);
    }
}

/* ---- Sentences ---- */

static void sentences(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X }, flat[] = { Y, X }, short_line[] = { T - 3 }, line[] = { T };
    const int64_t five[] = { 1, 2, T, 1, 3 }, four[] = { 2, TRIALS, T, N }, none[] = { T, 0 }, wide[] = { T + 1, 2 },
                  trials[] = { 2, T + 1, 2 };
    convis_recording *r;
    convis_recording_options o = { .stimulus = "s.npy", .response = "r.npy", .dt = 0.01 };
    convis_real got[T*Y*X];
    put_npy("s.npy", "<f4", 3, stimulus, 12*Y*X + 2*X + 3, NAN);
    put_npy("r.npy", "<f4", 1, line, 7, (double)INFINITY);
    put_npy("flat.npy", "<f4", 2, flat, -1, 0);
    put_npy("short.npy", "<f4", 1, short_line, -1, 0);
    put_npy("four.npy", "<f4", 4, four, -1, 0);
    put_npy("five.npy", "<f4", 5, five, -1, 0);
    put_npy("none.npy", "<f4", 2, none, -1, 0);
    put_npy("wide.npy", "<f4", 2, wide, -1, 0);
    put_npy("trials.npy", "<f4", 3, trials, -1, 0);
    put_npy("hole.npy", "<f4", 1, line, 3, NAN);

    OK(convis_recording_open(c, &o, &r));
    SAYS(CONVIS_EFORMAT, "s.npy: frame 12 has the value NaN at x = 3, y = 2", "finite", convis_recording_stimulus(r, 10, 5, got));
    OK(convis_recording_stimulus(r, 13, 5, got));
    SAYS(CONVIS_EFORMAT, "r.npy: frame 7 of unit 0", "infinity", convis_recording_response(r, 0, 10, got, NULL));
    SAYS(CONVIS_EINVAL, "6 frames from frame 35 on", "from 0 to 39", convis_recording_stimulus(r, 35, 6, got));
    SAYS(CONVIS_EINVAL, "2 frames from frame -1 on", "from 0 to 39", convis_recording_response(r, -1, 2, got, NULL));
    convis_recording_close(&r);
    convis_recording_close(&r);

#define OPENING(expected, first, second, ...) do { \
        convis_recording_options o_ = { .stimulus = "s.npy", .response = "r.npy", .dt = 0.01 }; \
        (void)(__VA_ARGS__); \
        SAYS(expected, first, second, convis_recording_open(c, &o_, &r)); assert_null(r); } while (0)
    OPENING(CONVIS_ESHAPE, "short.npy: a response of 37 frames", "expected 40, as many as s.npy has", o_.response = "short.npy");
    OPENING(CONVIS_ESHAPE, "wide.npy: a response of 41 frames (shape (41, 2))", "as s.npy", o_.response = "wide.npy");
    OPENING(CONVIS_ESHAPE, "trials.npy: a response of 41 frames", "as s.npy", o_.response = "trials.npy");
    OPENING(CONVIS_ESHAPE, "four.npy: a response of 2 frames (shape (2, 2, 40, 6))", "expected 40", o_.response = "four.npy");
    OPENING(CONVIS_ESHAPE, "five.npy: shape (1, 2, 40, 1, 3)", "(trials, T, N) or a map", o_.response = "five.npy");
    OPENING(CONVIS_ESHAPE, "none.npy: shape (40, 0)", "none of them 0", o_.response = "none.npy");
    OPENING(CONVIS_ESHAPE, "none.npy: shape (40, 0)", "(T, Y, X)", o_.stimulus = "none.npy");
    OPENING(CONVIS_ESHAPE, "r.npy: a response of 40 frames", "expected 4, as many as flat.npy has", o_.stimulus = "flat.npy");
    OPENING(CONVIS_ESHAPE, "short.npy: shape (37,)", "of the response r.npy: (1, 40, 1)", o_.mask = "short.npy");
    OPENING(CONVIS_ESHAPE, "s.npy: 5 x 4 pixels", "9 x 4", o_.width = 9);
    OPENING(CONVIS_EINVAL, "s.npy: dt is 0", "above 0", o_.dt = 0);
    OPENING(CONVIS_EINVAL, "skip is -1", "0 or more", o_.skip = -1);
    OPENING(CONVIS_EINVAL, "40 frames are skipped", "fewer than the 40", o_.skip = 40);
    OPENING(CONVIS_EINVAL, "s.npy: has 40 frames", "no frame 40", o_.from = 40);
    OPENING(CONVIS_EINVAL, "10 frames from frame 30 on", "at least 11", o_.from = 30, o_.frames = 11);
    OPENING(CONVIS_EIO, "nothing.npy", "", o_.stimulus = "nothing.npy");
    OPENING(CONVIS_EIO, "nothing.npy", "", o_.response = "nothing.npy");
    OPENING(CONVIS_ENOTSUP, "r.xyz: expected a response", ".npy", o_.response = "r.xyz");
    OPENING(CONVIS_EINVAL, "no name of a stimulus", "", o_.stimulus = NULL);
    OPENING(CONVIS_EINVAL, "no name of a response", "", o_.response = "");

    /* In a response NaN is a hole, in a mask it is nonsense. */
    convis_recording_options masked = { .stimulus = "s.npy", .response = "hole.npy", .mask = "hole.npy", .dt = 0.01 };
    OK(convis_recording_open(c, &masked, &r));
    convis_real mask[T];
    SAYS(CONVIS_EFORMAT, "hole.npy: frame 3 of unit 0 has the value NaN", "0 or 1",
         convis_recording_response(r, 0, T, got, mask));
    convis_recording_close(&r);

    put_text("late.csv", "unit,time,layer\n3,0.2,0\n3,0.43,0\n");
    OPENING(CONVIS_ESHAPE, "late.csv: a spike at 0.43 s", "40 frames of 0.01 s that s.npy has", o_.response = "late.csv");
    put_text("silent.csv", "unit,time,layer\n");
    OPENING(CONVIS_EFORMAT, "silent.csv: no spikes, and no list of the cells", "", o_.response = "silent.csv");
    convis_spike_writer *w;
    OK(convis_spike_writer_open(c, "long.h5", &(convis_cell){ 1, 0, 0, 0 }, 1, NULL, &w));
    OK(convis_spike_writer_close(&w, 0.5, 1));
    OPENING(CONVIS_ESHAPE, "long.h5: a recording of 0.5 s (50 frames of 0.01 s)", "40 frames, as many as s.npy has",
            o_.response = "long.h5");
    OK(convis_spike_writer_open(c, "long.h5", &(convis_cell){ 1, 0, 0, 0 }, 1, NULL, &w));
    OK(convis_spike_writer_close(&w, 0.4, 1));
    r = opened("s.npy", "long.h5");                      /* silence is a response */
    OK(convis_recording_response(r, 0, T, got, NULL));
    for (int t = 0; t < T; t++) assert_true(got[t] == 0);
    convis_recording_close(&r);
}

/* A file that loses its end after it was opened. */
static void a_file_that_shrinks(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X }, line[] = { T };
    put_npy("s.npy", "<f4", 3, stimulus, -1, 0);
    put_npy("r.npy", "<f4", 1, line, -1, 0);
    convis_recording *r = opened("s.npy", "r.npy");
    convis_real got[T*Y*X];
    assert_int_equal(truncate("s.npy", 1000), 0);
    SAYS(CONVIS_EFORMAT, "s.npy: ends after", "of 40 frames", convis_recording_stimulus(r, 30, 10, got));
    OK(convis_recording_stimulus(r, 2, 3, got));
    convis_recording_close(&r);
}

/* ---- Memory ---- */

typedef struct meter { size_t now, most; int64_t calls, fail_at; } meter;
static void *measured(void *user, size_t bytes)
{
    meter *m = user;
    if (++m->calls == m->fail_at) return NULL;
    char *p = malloc(bytes + 16);
    if (!p) return NULL;
    memcpy(p, &bytes, sizeof bytes);
    m->now += bytes;
    if (m->now > m->most) m->most = m->now;
    return p + 16;
}
static void forget(void *user, void *p)
{
    size_t bytes;
    if (!p) return;
    memcpy(&bytes, (char *)p - 16, sizeof bytes);
    ((meter *)user)->now -= bytes;
    free((char *)p - 16);
}

enum { LONG = 1000, SIDE = 200 };                        /* 160 MB as float32 */

/* Files with holes: they take no room on the disk. */
static void put_long(void)
{
    char head[256];
    const int64_t dim[] = { LONG, SIDE, SIDE }, line[] = { LONG };
    size_t n = npy_header(head, "<f4", 0, 3, dim);
    FILE *f = fopen("long.npy", "wb");
    assert_int_equal(fwrite(head, 1, n, f), n);
    fclose(f);
    assert_int_equal(truncate("long.npy", (off_t)n + (off_t)LONG*SIDE*SIDE*4), 0);
    put_npy("longr.npy", "<f4", 1, line, -1, 0);
    const hsize_t size[] = { LONG, SIDE, SIDE }, chunk[] = { 10, SIDE, SIDE };
    hid_t h = H5Fcreate("long.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(3, size, NULL);
    hid_t make = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(make, 3, chunk);
    H5Pset_deflate(make, 1);
    H5Pset_alloc_time(make, H5D_ALLOC_TIME_EARLY);
    hid_t set = H5Dcreate2(h, "long", H5T_IEEE_F32LE, space, H5P_DEFAULT, make, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);  H5Pclose(make);  H5Sclose(space);  H5Fclose(h);
    put_npz("long.npz", 0, 1, (const char *[]){ "long" }, (const char *[]){ "long.npy" });
}

/* In a process of its own: what it takes to read all of it, forwards and in jumps, by our count and by the system's. */
static int reads_in_little_memory(const char *name)
{
    enum { SOME = 7 };
    meter m = { 0 };
    convis_allocator a = { measured, forget, &m };
    convis_context *own = NULL;
    convis_recording *r;
    convis_recording_options o = { .stimulus = name, .response = "longr.npy", .dt = 0.01 };
    static convis_real got[SOME*SIDE*SIDE];
    struct rusage before, after;
    if (convis_open_with(&own, "cpu", &a)) return 1;
    getrusage(RUSAGE_SELF, &before);
    if (convis_recording_open(own, &o, &r)) return 2;
    for (int64_t t = 0; t + SOME <= LONG; t += SOME) if (convis_recording_stimulus(r, t, SOME, got)) return 3;
    for (int64_t k = 0; k < 50; k++) if (convis_recording_stimulus(r, k*977%(LONG - SOME), SOME, got)) return 4;
    getrusage(RUSAGE_SELF, &after);
    convis_recording_close(&r);
    convis_close(&own);
    if (m.now) return 5;
    if (m.most > 4 << 20) return 6;
    /* A sanitizer holds what was freed back for a while: there only our own count tells. */
    return !SANITIZED && after.ru_maxrss - before.ru_maxrss > 32*1024 ? 7 : 0;         /* kilobytes */
}

static void memory_does_not_grow_with_the_file(void **state)
{
    (void)state;
    put_long();
    static const char *const NAMES[] = { "long.npy", "long.h5", "long.npz" };
    for (int k = 0; k < 3; k++) {
        int status;
        pid_t child = fork();
        if (!child) _exit(reads_in_little_memory(NAMES[k]));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status)) fail_msg("%s: %d", NAMES[k], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    remove("long.npz");
}

/* The k-th request for memory fails, for every k until all succeed. */
static void without_memory(void **state)
{
    (void)state;
    const int64_t stimulus[] = { T, Y, X }, three[] = { C, T, Y, X }, dim[] = { TRIALS, T, N };
    put_npy("s.npy", "|u1", 3, stimulus, -1, 0);
    put_npy("t.npy", "|u1", 4, three, -1, 0);
    put_npy("x.npy", "<f4", 3, dim, -1, 0);
    put_npy("line.npy", "<f4", 1, stimulus, -1, 0);
    put_npz("t.npz", 1, 1, (const char *[]){ "t" }, (const char *[]){ "t.npy" });
    put_h5("s.h5", "s", "<f4", 3, stimulus, 1);
    put_text("x.csv", "unit,time,layer\n3,0.2,0\n1,0.3,0\n");
    static const char *const CASES[][3] = { { "s.npy", "x.npy", NULL }, { "t.npz", "x.npy", "x.npy" }, { "s.h5", "x.csv", NULL },
                                            { "stim:grating?duration=0.4", "x.csv", NULL } };
    for (size_t k = 0; k < 4; k++)
        for (int64_t fail = 1, failed = 1; failed; fail++) {
            meter m = { .fail_at = fail };
            convis_allocator a = { measured, forget, &m };
            convis_context *own = NULL;
            convis_recording *r = NULL;
            const convis_recording_input inputs[] = { { .name = "a", .file = "line.npy" }, { .name = "b", .file = "x.csv", .declared = 4 } };
            convis_recording_options o = { .stimulus = CASES[k][0], .response = CASES[k][1], .mask = CASES[k][2], .dt = 0.01,
                                           .width = k == 3 ? 9 : 0, .inputs = inputs, .input_count = 2 };
            static convis_real got[T*C*Y*X*4], mask[TRIALS*T*N];
            convis_status status = convis_open_with(&own, "cpu", &a);
            if (!status) status = convis_recording_open(own, &o, &r);
            if (!status) status = convis_recording_stimulus(r, 0, T, got);
            if (!status) status = convis_recording_response(r, 0, T, got, mask);
            for (int i = 0; i < 2 && !status; i++) status = convis_recording_input_read(r, i, 0, T, got);
            convis_recording_close(&r);
            failed = m.calls >= fail;
            if (status != (failed ? CONVIS_ENOMEM : CONVIS_OK))
                fail_msg("%s: request %d: %s (%s)", CASES[k][0], (int)fail, convis_strerror(status), convis_message(own));
            convis_close(&own);
            assert_int_equal(m.now, 0);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_the_same_frames),
        cmocka_unit_test(other_movies_are_read_by_their_readers),
        cmocka_unit_test(frames_that_are_no_steps_are_held),
        cmocka_unit_test(channels_as_asked_for),
        cmocka_unit_test(inputs_go_along_with_the_stimulus),
        cmocka_unit_test(inputs_that_do_not_go_along), cmocka_unit_test(inputs_that_are_longer),
        cmocka_unit_test(responses_of_every_shape),
        cmocka_unit_test(maps_are_responses),
        cmocka_unit_test(what_does_not_count),
        cmocka_unit_test(spikes_are_counted_in_bins),
        cmocka_unit_test(sentences),
        cmocka_unit_test(a_file_that_shrinks),
        cmocka_unit_test(memory_does_not_grow_with_the_file),
        cmocka_unit_test(without_memory),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("recording", tests, begin, end);
}
