/* test_arrays.c - arrays, spikes, maps and units: what is written reads back; what is broken gets a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <convis/io.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static convis_context *context;
static char folder[] = "/tmp/convis-arrays-XXXXXX";

/* ---- Help ---- */

static int files(void)
{
    int count = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d)); ) count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return count;
}

static int clean(void **state)
{
    (void)state;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d)); ) if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlink(e->d_name);
    closedir(d);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    return !mkdtemp(folder) || chdir(folder) || convis_open(&context, "cpu");
}

static int end(void **state)
{
    clean(state);
    convis_close(&context);
    return chdir("/") || rmdir(folder);
}

static void put(const char *file, const void *data, size_t size)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static size_t get(const char *file, char *data, size_t room)
{
    FILE *f = fopen(file, "rb");
    if (!f) return 0;
    size_t size = fread(data, 1, room, f);
    fclose(f);
    return size;
}

#define OK(call) do { if (call) fail_msg("%s: %s", #call, convis_message(context)); } while (0)
/* It fails, and says so in one line that begins with what is to blame. */
#define SAYS(call, start) do { convis_status s_ = (call); \
    if (!s_ || strncmp(convis_message(context), start, strlen(start)) || strchr(convis_message(context), '\n')) \
        fail_msg("%s: status %d, '%s'", #call, s_, convis_message(context)); } while (0)

/* A .npy file: header text and numbers as given. */
static void put_npy(const char *file, int version, const char *header, const void *data, size_t size)
{
    char bytes[4096] = "\x93NUMPY";
    size_t at = 6, length = strlen(header);
    bytes[at++] = (char)version;
    bytes[at++] = 0;
    bytes[at++] = (char)(length & 255);
    bytes[at++] = (char)(length >> 8);
    if (version > 1) at += 2;
    memcpy(bytes + at, header, length);
    memcpy(bytes + at + length, data, size);
    put(file, bytes, at + length + size);
}

/* ---- Number types and shapes ---- */

static void number_types(void **state)
{
    (void)state;
    static const struct { const char *type; unsigned char bytes[16]; double values[2]; } CASES[] = {
        { "|b1", { 0, 1 },                                   { 0, 1 } },
        { "|u1", { 7, 255 },                                 { 7, 255 } },
        { "|i1", { 7, 255 },                                 { 7, -1 } },
        { "<u2", { 1, 2, 255, 255 },                         { 513, 65535 } },
        { ">u2", { 2, 1, 255, 255 },                         { 513, 65535 } },
        { "<i2", { 1, 2, 254, 255 },                         { 513, -2 } },
        { ">i2", { 2, 1, 255, 254 },                         { 513, -2 } },
        { "<u4", { 1, 2, 0, 0, 0, 0, 0, 128 },               { 513, 2147483648.0 } },
        { ">i4", { 0, 0, 2, 1, 128, 0, 0, 0 },               { 513, -2147483648.0 } },
        { "<u8", { 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128 }, { 513, 9223372036854775808.0 } },
        { ">i8", { 0, 0, 0, 0, 0, 0, 2, 1, 255, 255, 255, 255, 255, 255, 255, 253 }, { 513, -3 } },
        { "<f2", { 0, 0x3c, 1, 0 },                          { 1, 0x1p-24 } },
        { ">f2", { 0xc0, 0, 0x7b, 0xff },                    { -2, 65504 } },
        { "<f4", { 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0 },        { 1, -2 } },
        { ">f4", { 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0 },        { 1, -2 } },
        { "<f8", { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0 }, { 1, -2 } },
        { ">f8", { 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0 }, { 1, -2 } } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++)
        for (int version = 1; version <= 3; version++) {
            char header[128];
            convis_array a;
            snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n", CASES[k].type);
            put_npy("a.npy", version, header, CASES[k].bytes, 2*(size_t)(CASES[k].type[2] - '0'));
            OK(convis_array_read(context, "a.npy", &a));
            assert_int_equal(a.dims, 1);
            assert_int_equal(a.dim[0], 2);
            assert_true(a.data[0] == CASES[k].values[0] && a.data[1] == CASES[k].values[1]);
            convis_array_free(&a);
            assert_null(a.data);
        }
}

static void fortran_order(void **state)
{
    (void)state;
    unsigned char raw[24];                               /* a[t,y,x] = 12 t + 4 y + x, time fastest in the file */
    for (int x = 0; x < 4; x++)
        for (int y = 0; y < 3; y++)
            for (int t = 0; t < 2; t++) raw[t + 2*(y + 3*x)] = (unsigned char)(12*t + 4*y + x);
    put_npy("a.npy", 1, "{\"shape\": (2L, 3, 4), \"fortran_order\": True, \"descr\": \"|u1\"}", raw, sizeof raw);
    convis_array a;
    OK(convis_array_read(context, "a.npy", &a));
    for (int i = 0; i < 24; i++) assert_true(a.data[i] == i);
    convis_array_free(&a);
}

static void movie_shapes(void **state)
{
    (void)state;
    static const struct { const char *shape; int64_t frames, height, width; } CASES[] = {
        { "(2, 3, 4)", 2, 3, 4 }, { "(1, 1, 2, 3, 4)", 2, 3, 4 }, { "(1, 1, 1, 6, 4)", 1, 6, 4 }, { "(24, 1, 1)", 24, 1, 1 },
        { "(6, 4)", 6, 1, 4 }, { "(24,)", 24, 1, 1 }, { "(1, 2, 3, 4)", 2, 3, 4 }, { "(1, 1, 1, 2, 3, 4)", 2, 3, 4 } };
    unsigned char raw[24];
    for (int i = 0; i < 24; i++) raw[i] = (unsigned char)i;
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        char header[128];
        convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
        convis_movie *m;
        convis_real frames[32];
        int64_t got;
        o.dt = 0.01;
        o.repeat = 1;
        snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': %s}", CASES[k].shape);
        put_npy("a.npy", 1, header, raw, sizeof raw);
        OK(convis_movie_open(context, "a.npy", &o, &m));
        convis_movie_info info;
        convis_movie_info_get(m, &info);
        assert_int_equal(info.width, CASES[k].width);
        assert_int_equal(info.height, CASES[k].height);
        OK(convis_movie_read(m, frames, 32/(CASES[k].width*CASES[k].height), &got));
        assert_int_equal(got, CASES[k].frames);
        for (int i = 0; i < 24; i++) assert_true(frames[i] == (convis_real)i);
        convis_movie_close(&m);
    }
}

/* ---- Broken and hostile arrays ---- */

static void hostile_headers(void **state)
{
    (void)state;
    static const char *const HEADERS[] = {
        "", "{", "{}", "garbage", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1099511627776, 1048576)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3}", "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}", "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f-4', 'fortran_order': False, 'shape': (1,)}", "{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "{'descr': 'f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f4 'fortran_order': False, 'shape': (1,)}", "{'descr: '<f4'", "{'descr'" };
    convis_array a;
    for (size_t k = 0; k < sizeof HEADERS/sizeof *HEADERS; k++) {
        put_npy("a.npy", 1, HEADERS[k], "abcdefgh", 8);
        SAYS(convis_array_read(context, "a.npy", &a), "a.npy: ");
    }
    put("a.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13);
    SAYS(convis_array_read(context, "a.npy", &a), "a.npy: a header of");
    put("a.npy", "\x93NUMPY\x07\x00\x10\x00", 10);
    SAYS(convis_array_read(context, "a.npy", &a), "a.npy: version 7");
    put("a.npy", "", 0);
    SAYS(convis_array_read(context, "a.npy", &a), "a.npy: empty");
    SAYS(convis_array_read(context, "none.npy", &a), "none.npy: No such file");
    SAYS(convis_array_read(context, "/", &a), "/: expected");
    SAYS(convis_array_read(context, "a.txt", &a), "a.txt: expected");
}

static void hostile_inr(void **state)
{
    (void)state;
    static const struct { const char *header, *says; } CASES[] = {
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nTYPE=float\nPIXSIZE=32 bits\nCPU=decm\n", NULL },
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nTYPE=float\nPIXSIZE=64 bits\nCPU=decm\n", "a.inr: 16 bytes of numbers" },
        { "#INRIMAGE-4#{\nXDIM=0\nYDIM=2\nTYPE=float\nPIXSIZE=32 bits\nCPU=decm\n", "a.inr: the header lacks" },
        { "#INRIMAGE-4#{\nXDIM=-2\nYDIM=2\nTYPE=float\nPIXSIZE=32 bits\nCPU=decm\n", "a.inr: the header has 'XDIM=-2'" },
        { "#INRIMAGE-4#{\nXDIM=99999999999\nYDIM=99999999999\nTYPE=float\nPIXSIZE=32 bits\n", "a.inr: the sizes multiply" },
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nTYPE=complex\nPIXSIZE=32 bits\n", "a.inr: the header has 'TYPE=complex'" },
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nTYPE=float\nPIXSIZE=16 bits\n", "a.inr: PIXSIZE of 16" },
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nVDIM=3\nTYPE=float\nPIXSIZE=32 bits\n", "a.inr: 3 values per pixel" },
        { "#INRIMAGE-4#{\nXDIM=2\nYDIM=2\nTYPE=float\nPIXSIZE=32 bits\nCPU=vax\n", "a.inr: the header has 'CPU=vax'" },
        { "#INRIMAGE-5#{\nXDIM=2\n", "a.inr: does not begin" } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        char bytes[256 + 16];
        convis_array a;
        memset(bytes, '\n', 256);
        memcpy(bytes, CASES[k].header, strlen(CASES[k].header));
        memcpy(bytes + 252, "##}\n", 4);
        memcpy(bytes + 256, (float[]){ 1, 2, 3, 4 }, 16);
        put("a.inr", bytes, sizeof bytes);
        if (CASES[k].says) { SAYS(convis_array_read(context, "a.inr", &a), CASES[k].says); continue; }
        OK(convis_array_read(context, "a.inr", &a));
        assert_true(a.dims == 3 && a.dim[0] == 1 && a.data[3] == 4);
        convis_array_free(&a);
        memset(bytes + 252, ' ', 4);
        put("a.inr", bytes, sizeof bytes);
        SAYS(convis_array_read(context, "a.inr", &a), "a.inr: the header has no end");
    }
}

/* ---- What is written reads back ---- */

enum { SPIKES = 20000, UNITS = 30 };
static convis_spike spikes[SPIKES];
static convis_cell units[UNITS];

static void make_spikes(void)
{
    for (int i = 0; i < UNITS; i++) units[i] = (convis_cell){ i, i/15, 0.1*i - 1, sqrt(i) };
    for (int i = 0; i < SPIKES; i++) spikes[i] = (convis_spike){ i/3*0.7 + 1e-5*sin(i/3), i/3*7%10*3 + i%3, i%2 };
}

static convis_status write_spikes(const char *file, int64_t count, int keep)
{
    static const convis_provenance WHO = { "convis run", "<retina/>", "in.npy", NULL,
                                           "cpu:baseline", 0.005, UINT64_MAX, "bipolar.substep 0.0005\n" };
    convis_spike_writer *w;
    make_spikes();
    convis_status status = convis_spike_writer_open(context, file, units, UNITS, &WHO, &w);
    if (status) return status;
    for (int64_t at = 0, some = 1; at < count && !status; at += some, some = some*3%4001 + 1) {
        if (some > count - at) some = count - at;
        status = convis_spike_writer_write(w, spikes + at, some);
    }
    convis_status closed = convis_spike_writer_close(&w, 12.5, keep);
    assert_null(w);
    return status ? status : closed;
}

static void spikes_read_back(void **state)
{
    (void)state;
    static const char *const FILES[] = { "s.spk", "s.csv", "s.npy", "s.npz", "s.h5" };
    for (int k = 0; k < 5; k++)
        for (int64_t count = 0; count <= SPIKES; count += SPIKES) {
            convis_spike *back;
            int64_t got;
            OK(write_spikes(FILES[k], count, 1));
            OK(convis_spikes_read(context, FILES[k], &back, &got));
            assert_int_equal(got, count);
            for (int64_t i = 0; i < count; i++) {
                assert_true(k ? back[i].time == spikes[i].time : fabs(back[i].time - spikes[i].time) < 1e-8);
                assert_int_equal(back[i].unit, spikes[i].unit);
                assert_int_equal(back[i].layer, k ? spikes[i].layer : 0);
            }
            convis_spikes_free(&back);
        }
    assert_int_equal(files(), 5);
}

static convis_status write_map(const char *file, const char *name, convis_shape shape, int keep)
{
    convis_map_writer *w;
    convis_shape frame = shape;
    frame.dim[CONVIS_T] = 1;
    convis_status status = convis_map_writer_open(context, file, name, frame, NULL, &w);
    if (status) return status;
    convis_real *data = malloc((size_t)convis_elements(shape)*sizeof *data);
    for (int64_t i = 0; i < convis_elements(shape); i++) data[i] = (convis_real)(i%1000) - 0.25f;
    convis_tensor all = convis_view(data, shape);
    for (int64_t at = 0, some = 1; at < shape.dim[CONVIS_T] && !status; at += some, some = 3) {
        if (some > shape.dim[CONVIS_T] - at) some = shape.dim[CONVIS_T] - at;
        status = convis_map_writer_write(w, convis_slice(all, CONVIS_T, at, at + some));
    }
    free(data);
    convis_status closed = convis_map_writer_close(&w, keep);
    return status ? status : closed;
}

static void maps_read_back(void **state)
{
    (void)state;
    static const char *const FILES[] = { "m.npy", "m.npz", "m.h5", "m.inr" };
    static const convis_shape SHAPES[] = {
        { { 1, 1, 40, 5, 7 } }, { { 2, 3, 40, 5, 7 } }, { { 1, 1, 10, 300, 301 } }, { { 1, 2, 1, 1, 1 } }
    };
    for (int k = 0; k < 4; k++)
        for (size_t s = 0; s < sizeof SHAPES/sizeof *SHAPES; s++) {
            const int one = SHAPES[s].dim[0]*SHAPES[s].dim[1] == 1;
            convis_array a;
            if (k == 3 && !one) { SAYS(write_map(FILES[k], "opl", SHAPES[s], 1), "m.inr: "); continue; }
            OK(write_map(FILES[k], "opl", SHAPES[s], 1));
            OK(convis_array_read(context, FILES[k], &a));
            assert_int_equal(a.dims, one ? 3 : SHAPES[s].dim[CONVIS_B] == 1 ? 4 : 5);
            for (int d = 0; d < a.dims; d++) assert_int_equal(a.dim[d], SHAPES[s].dim[d + 5 - a.dims]);
            for (int64_t i = 0; i < convis_elements(SHAPES[s]); i++) assert_true(a.data[i] == (double)(i%1000) - 0.25);
            convis_array_free(&a);
        }
    OK(write_map("m.csv", "opl", convis_movie_shape(2, 1, 2), 1));
    char text[200] = "";
    get("m.csv", text, sizeof text - 1);
    assert_string_equal(text, "frame,y,x,value\n0,0,0,-0.25\n0,0,1,0.75\n1,0,0,1.75\n1,0,1,2.75\n");
}

static void several_writers_share_a_file(void **state)
{
    static const char *const FILES[] = { "r.h5", "r.npz" };
    for (int k = 0; k < 2; k++)
        for (int keep = 0; keep < 2; keep++) {
            convis_map_writer *opl, *bipolar, *again;
            convis_spike_writer *s;
            convis_real frame[6] = { 1, 2, 3, 4, 5, 6 };
            clean(state);
            make_spikes();
            OK(convis_map_writer_open(context, FILES[k], "opl", convis_movie_shape(1, 2, 3), NULL, &opl));
            OK(convis_spike_writer_open(context, k ? "./r.npz" : "./r.h5", units, UNITS, NULL, &s));
            OK(convis_map_writer_open(context, FILES[k], "bipolar.adaptation", convis_movie_shape(1, 2, 3), NULL, &bipolar));
            OK(convis_map_writer_write(opl, convis_view(frame, convis_movie_shape(1, 2, 3))));
            OK(convis_map_writer_write(bipolar, convis_view(frame, convis_movie_shape(1, 2, 3))));
            OK(convis_spike_writer_write(s, spikes, 100));
            OK(convis_map_writer_close(&opl, keep));
            OK(convis_spike_writer_close(&s, 1, 1));
            assert_int_not_equal(access(FILES[k], F_OK), 0);
            OK(convis_map_writer_close(&bipolar, 1));
            assert_int_equal(files(), keep);
            if (!keep) continue;
            convis_array a;
            OK(convis_array_read(context, k ? "r.npz:bipolar.adaptation" : "r.h5:probes/bipolar.adaptation", &a));
            assert_true(a.dims == 3 && a.data[5] == 6);
            convis_array_free(&a);
            SAYS(convis_array_read(context, k ? "r.npz:no" : "r.h5:no", &a),
                 k ? "r.npz: no array 'no', it has opl" : "r.h5: no data set 'no', it has probes/");
            OK(convis_map_writer_open(context, FILES[k], "opl", convis_movie_shape(1, 2, 3), NULL, &opl));
            SAYS(convis_map_writer_open(context, FILES[k], "opl", convis_movie_shape(1, 2, 3), NULL, &again), FILES[k]);
            OK(convis_map_writer_close(&opl, 0));
            assert_int_equal(files(), 1);
        }
}

/* ---- Nothing half in place of something good ---- */

static void a_run_that_fails_leaves_the_old_file(void **state)
{
    (void)state;
    static const char *const FILES[] = { "s.spk", "s.csv", "s.npy", "s.npz", "s.h5" };
    static char old[1 << 20], now[1 << 20];
    for (int k = 0; k < 5; k++) {
        OK(write_spikes(FILES[k], 100, 1));
        size_t size = get(FILES[k], old, sizeof old);
        OK(write_spikes(FILES[k], SPIKES, 0));
        assert_int_equal(get(FILES[k], now, sizeof now), size);
        assert_memory_equal(old, now, size);
    }
    assert_int_equal(files(), 5);
}

static void full_disk(void **state)
{
    static const char *const SPIKE_FILES[] = { "s.spk", "s.csv", "s.npy", "s.npz", "s.h5" }, *const MAP_FILES[] = {
        "m.npy", "m.npz", "m.h5", "m.inr", "m.csv"
    };
    struct rlimit before, little = { 40000, 0 };
    for (int k = 0; k < 5; k++) {
        char full[16];
        snprintf(full, sizeof full, "full%s", strrchr(SPIKE_FILES[k], '.'));
        assert_int_equal(symlink("/dev/full", full), 0);
        SAYS(write_spikes(full, SPIKES, 1), full);
    }
    clean(state);
    getrlimit(RLIMIT_FSIZE, &before);
    little.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &little);
    for (int k = 0; k < 5; k++) {
        SAYS(write_spikes(SPIKE_FILES[k], SPIKES, 1), "");
        SAYS(write_map(MAP_FILES[k], "opl", convis_movie_shape(100, 30, 30), 1), "");
        if (k < 3) SAYS(write_map(MAP_FILES[k], "opl", (convis_shape){ { 1, 2, 100, 30, 30 } }, 1), "");
    }
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(files(), 0);
}

static void places_that_cannot_be_written(void **state)
{
    (void)state;
    convis_spike_writer *s, *again;
    SAYS(write_spikes("none/s.csv", 1, 1), "none/s.csv: the folder none");
    SAYS(write_spikes("s.exe", 1, 1), "s.exe: no format for spikes ends in '.exe', expected .spk");
    SAYS(write_map("m.exe", "opl", convis_movie_shape(1, 1, 1), 1), "m.exe: no format for maps ends in '.exe', expected .npy");
    SAYS(write_map("m.npz", "../opl", convis_movie_shape(1, 1, 1), 1), "m.npz: the data set '../opl'");
    OK(convis_spike_writer_open(context, "s.csv", NULL, 0, NULL, &s));
    SAYS(convis_spike_writer_open(context, "./s.csv", NULL, 0, NULL, &again), "./s.csv: two outputs");
    OK(convis_spike_writer_close(&s, 0, 1));
    assert_int_equal(files(), 1);
    assert_int_equal(symlink("target.csv", "link.csv"), 0);
    put("target.csv", "old", 3);
    OK(write_spikes("link.csv", 1, 1));                  /* the link stays, its target is replaced */
    char text[64] = "";
    assert_int_not_equal(readlink("link.csv", text, sizeof text), -1);
    memset(text, 0, sizeof text);
    get("target.csv", text, sizeof text - 1);
    assert_string_equal(text, "unit,time,layer\n0,0,0\n");
}

/* ---- Text ---- */

static void broken_text(void **state)
{
    (void)state;
    static const struct { const char *file, *text, *says; } CASES[] = {
        { "a.spk", "1 0.5\n2\n", "a.spk:2: the line ends" }, { "a.spk", "x 0.5\n", "a.spk:1: unit: 'x', expected a whole number" }, { "a.spk", "1 nan\n", "a.spk:1: time: 'nan', expected a number" },
        { "a.spk", "1 0.5 7\n", "a.spk:1: '7' after" }, { "a.spk", "99999999999 0.5\n", "a.spk:1: unit: '99999999999'" }, { "a.spk", "1.5 0.5", "a.spk:1: unit: '1.5'" },
        { "a.csv", "", "a.csv:1: the header" }, { "a.csv", "1,2,3\n", "a.csv:1: the header" }, { "a.csv", "unit,time,layer\n1,2\n", "a.csv:2: the line ends" },
        { "a.csv", "unit,time,layer\n1,,2\n", "a.csv:2: the line ends, expected time: a number" }, { "a.csv", "unit,time\n1;2\n", "a.csv:2: unit: '1;2'" } };
    convis_spike *s;
    int64_t count;
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        put(CASES[k].file, CASES[k].text, strlen(CASES[k].text));
        SAYS(convis_spikes_read(context, CASES[k].file, &s, &count), k == 9 ? "a.csv:2: " : CASES[k].says);
    }
    put("a.spk", "1 \0 2\n", 6);
    SAYS(convis_spikes_read(context, "a.spk", &s, &count), "a.spk:1: a zero byte");
    char line[5000];
    memset(line, ' ', sizeof line);
    put("a.spk", line, sizeof line);
    SAYS(convis_spikes_read(context, "a.spk", &s, &count), "a.spk:1: the line is longer");
    SAYS(convis_spikes_read(context, "a.jpg", &s, &count), "a.jpg: expected spikes");
    put("a.csv", "# by hand\r\nlayer, time ,unit\r\n1, 3e0 ,4\r\n\r\n0,2.5,9\r\n", 52);
    OK(convis_spikes_read(context, "a.csv", &s, &count));
    assert_int_equal(count, 2);                          /* put in order */
    assert_true(s[0].time == 2.5 && s[0].unit == 9 && s[0].layer == 0 && s[1].time == 3 && s[1].unit == 4 && s[1].layer == 1);
    convis_spikes_free(&s);
}

static void units_read_back(void **state)
{
    (void)state;
    convis_cell *back;
    int64_t count;
    make_spikes();
    OK(convis_cells_write(context, "units.txt", units, UNITS));
    OK(convis_cells_read(context, "units.txt", &back, &count));
    assert_int_equal(count, UNITS);
    for (int i = 0; i < UNITS; i++)
        assert_true(back[i].id == units[i].id && back[i].layer == units[i].layer && back[i].x == units[i].x &&
                    back[i].y == units[i].y);
    convis_cells_free(&back);
    static const char *const RESULT[] = { "cells.h5", "cells.npz" };
    for (int k = 0; k < 2; k++) {
        OK(write_spikes(RESULT[k], 3, 1));
        OK(convis_cells_read(context, RESULT[k], &back, &count));
        assert_int_equal(count, UNITS);
        assert_memory_equal(back, units, sizeof units);
        convis_cells_free(&back);
    }
    SAYS(convis_cells_read(context, "none.npz", &back, &count), "none.npz: No such file");
    put("none.npz", "", 0);
    SAYS(convis_cells_read(context, "none.npz", &back, &count), "none.npz: empty");
    SAYS(convis_cells_read(context, CONVIS_TEST_DATA "/convis/expected.npz", &back, &count),
         CONVIS_TEST_DATA "/convis/expected.npz: holds no list of cells");
    put("units.txt", "# layer unit x_deg y_deg V\n0 5 -.5\t1e-1 0.25 50 # more\n", 54);
    OK(convis_cells_read(context, "units.txt", &back, &count));
    assert_true(count == 1 && back->id == 5 && back->x == -0.5 && back->y == 0.1);
    convis_cells_free(&back);
    put("units.txt", "# nothing\n", 10);
    SAYS(convis_cells_read(context, "units.txt", &back, &count), "units.txt: no units");
    put("units.txt", "0 1 inf 0\n", 10);
    SAYS(convis_cells_read(context, "units.txt", &back, &count), "units.txt:1: x in degrees: 'inf', expected a number");
    put("units.txt", "-1 1 0 0\n", 9);
    SAYS(convis_cells_read(context, "units.txt", &back, &count), "units.txt:1: layer -1");
}

/* ---- Every file cut at every place; every allocation failing ---- */

static void truncated_files(void **state)
{
    (void)state;
    static const char *const FILES[] = { "m.npy", "m.inr", "m.npz", "m.h5" };
    static char whole[1 << 20];
    for (int k = 0; k < 4; k++) {
        OK(write_map(FILES[k], "opl", convis_movie_shape(3, 2, 2), 1));
        size_t size = get(FILES[k], whole, sizeof whole), step = size > 4000 ? size/997 : 1;
        for (size_t cut = 0; cut < size; cut += step) {
            convis_array a;
            put(FILES[k], whole, cut);
            SAYS(convis_array_read(context, FILES[k], &a), FILES[k]);
        }
    }
}

typedef struct failing { int64_t left, held; } failing;
static void *obtain(void *user, size_t bytes)
{
    failing *f = user;
    if (f->left-- <= 0) return NULL;
    f->held++;
    return malloc(bytes);
}
static void release(void *user, void *memory) { ((failing *)user)->held -= memory != NULL; free(memory); }

static convis_status everything(void)
{
    static const char *const SPIKE_FILES[] = { "s.spk", "s.csv", "s.npy", "s.npz", "s.h5" }, *const MAP_FILES[] = {
        "m.npy", "m.npz", "m.h5", "m.inr", "m.csv"
    };
    convis_status status = CONVIS_OK;
    for (int k = 0; k < 5 && !status; k++) {
        convis_spike *back;
        convis_array a;
        int64_t count;
        status = write_spikes(SPIKE_FILES[k], 700, 1);
        if (!status) status = convis_spikes_read(context, SPIKE_FILES[k], &back, &count);
        if (!status) convis_spikes_free(&back);
        if (!status) status = write_map(MAP_FILES[k], "opl", (convis_shape){ { 1, k < 3 ? 2 : 1, 3, 2, 2 } }, 1);
        if (!status && k < 4) status = convis_array_read(context, MAP_FILES[k], &a);
        if (!status && k < 4) convis_array_free(&a);
    }
    return status;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    convis_context *usual = context;
    convis_status status = CONVIS_ENOMEM;
    int64_t k = 1;
    for (; status && k < 5000; k++) {
        failing f = { k, 0 };
        if (convis_open_with(&context, "cpu", &(convis_allocator){ obtain, release, &f })) { convis_close(&context); continue; }
        status = everything();
        if (status && status != CONVIS_ENOMEM) fail_msg("allocation %lld: %s", (long long)k, convis_message(context));
        convis_close(&context);
        assert_int_equal(f.held, 0);
        if (status) clean(state);
    }
    context = usual;
    assert_int_equal(status, CONVIS_OK);
    assert_true(k > 100);
    assert_int_equal(files(), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(number_types, clean), cmocka_unit_test_teardown(fortran_order, clean),
        cmocka_unit_test_teardown(movie_shapes, clean), cmocka_unit_test_teardown(hostile_headers, clean),
        cmocka_unit_test_teardown(hostile_inr, clean), cmocka_unit_test_teardown(spikes_read_back, clean),
        cmocka_unit_test_teardown(maps_read_back, clean), cmocka_unit_test_teardown(several_writers_share_a_file, clean),
        cmocka_unit_test_teardown(a_run_that_fails_leaves_the_old_file, clean), cmocka_unit_test_teardown(full_disk, clean),
        cmocka_unit_test_teardown(places_that_cannot_be_written, clean), cmocka_unit_test_teardown(broken_text, clean),
        cmocka_unit_test_teardown(units_read_back, clean), cmocka_unit_test_teardown(truncated_files, clean),
        cmocka_unit_test_teardown(every_allocation_fails_once, clean) };
    return cmocka_run_group_tests_name("arrays", tests, begin, end);
}
