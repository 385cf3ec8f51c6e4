/* test_movie.c - movies in: every kind of source, their timing, channels, bad files. All inputs are made here. */
#include "movies.h"

/* ---- Timing ---- */

static void a_step_of_exactly_a_frame_neither_skips_nor_doubles(void **state)
{
    (void)state;
    const double steps_of[] = { 1001.0/30000, 1/29.97002997002997, 0.0333666667, 1001/30000.0*(1 + 1e-15),
                                1001/30000.0*(1 - 1e-15) };
    put_y4m("long.y4m", 3000, "30000:1001");
    for (size_t s = 0; s < sizeof steps_of/sizeof *steps_of; s++) {
        int64_t steps, *l = levels(in("long.y4m"), step(steps_of[s]), &steps);
        assert_int_equal(steps, 3000);
        for (int64_t k = 0; k < steps; k++) assert_int_equal(l[k], k % 251);
        free(l);
    }
}

static void frames_are_held_for_their_true_duration(void **state)
{
    (void)state;
    put_y4m("ntsc.y4m", 300, "30000:1001");
    int64_t steps, *l = levels(in("ntsc.y4m"), step(0.001), &steps);
    assert_int_equal(steps, 10010);                          /* 300 * 1001/30000 s = 10.01 s: no drift */
    for (int64_t k = 0; k < steps; k++) assert_int_equal(l[k], (k*30000/1001/1000) % 251);
    free(l);
    put_y4m("slow.y4m", 4, "10:1");                          /* dt longer than a frame: frames are left out, time is not */
    EXPECT_LEVELS(in("slow.y4m"), step(0.15), 0, 1, 3);
    EXPECT_LEVELS(in("slow.y4m"), step(0.1), 0, 1, 2, 3);
    EXPECT_LEVELS(in("slow.y4m"), step(0.05), 0, 0, 1, 1, 2, 2, 3, 3);
    EXPECT_LEVELS(in("slow.y4m"), step(5), 0);
}

static void a_varying_frame_rate_is_followed(void **state)
{
    (void)state;
    const int uneven[] = { 0, 30, 40, 100 }, ntsc[] = { 0, 33, 67, 100, 133, 167, 200 };
    put_mkv("uneven.mkv", uneven, 4, 120);
    EXPECT_LEVELS(in("uneven.mkv"), step(0.01), 0, 0, 0, 10, 20, 20, 20, 20, 20, 20, 30, 30);
    convis_movie_options o = step(0.01);
    o.from = 1;  o.frames = 2;                               /* times count from the first frame chosen */
    EXPECT_LEVELS(in("uneven.mkv"), o, 10, 20, 20, 20, 20, 20, 20);
    o = step(0.01);
    o.repeat = 2;
    EXPECT_LEVELS(in("uneven.mkv"), o, 0, 0, 10, 10, 20, 20, 30, 30);
    o = step(0.01);
    o.fps = 50;                                              /* asked for: instead of the time stamps */
    EXPECT_LEVELS(in("uneven.mkv"), o, 0, 0, 10, 10, 20, 20, 30, 30);
    put_mkv("ntsc.mkv", ntsc, 7, 234);                       /* stamps rounded to the container's milliseconds */
    EXPECT_LEVELS(in("ntsc.mkv"), step(1001/30000.), 0, 10, 20, 30, 40, 50, 60);
}

static void arrays_and_sequences_are_a_frame_a_step(void **state)
{
    (void)state;
    float v[12] = { 0, 0, 10, 10, 20, 20, 30, 30, 40, 40, 50.4f, 50 };
    put_npy("a.npy", "(6, 1, 2)", v, 12);
    EXPECT_LEVELS(in("a.npy"), step(0.001), 0, 10, 20, 30, 40, 50);
    convis_movie_options o = step(0.001);
    o.repeat = 2;  o.from = 1;  o.frames = 3;
    EXPECT_LEVELS(in("a.npy"), o, 10, 10, 20, 20, 30, 30);
    o = step(0.004);
    o.fps = 100;
    EXPECT_LEVELS(in("a.npy"), o, 0, 0, 0, 10, 10, 20, 20, 20, 30, 30, 40, 40, 40, 50, 50);
    o.fps = 500;
    EXPECT_LEVELS(in("a.npy"), o, 0, 20, 40);
    o = step(0.004);
    o.from = 6;
    expect_error(in("a.npy"), o, "has 6 frames, numbered from 0, so there is no frame 6");
}

static void sequences_come_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    put_pgm("f1.pgm", 3, 2, 1);  put_pgm("f2.pgm", 3, 2, 2);  put_pgm("f10.pgm", 3, 2, 10);  put_pgm("f011.pgm", 6, 4, 11);
    put_pgm("fx.pgm", 3, 2, 99);
    EXPECT_LEVELS(in("f[0-9]*.pgm"), step(0.1), 1, 2, 10, 11);           /* the last is scaled to the first's size */
    EXPECT_LEVELS(in("f%d.pgm"), step(0.1), 1, 2, 10);
    EXPECT_LEVELS(in("f%03d.pgm"), step(0.1), 11);
    convis_movie_options o = step(0.1);
    o.from = 2;
    EXPECT_LEVELS(in("f[0-9]*.pgm"), o, 10, 11);
    o = step(0.05);
    o.fps = 10;
    EXPECT_LEVELS(in("f%d.pgm"), o, 1, 1, 2, 2, 10, 10);
    expect_error(in("g%d.pgm"), step(0.1), "no file fits");
    expect_error(in("g*.pgm"), step(0.1), "no file fits");
    put_text("f3.pgm", "P5\n3 2\n255\nab");
    expect_error(in("f%d.pgm"), step(0.1), "f3.pgm: frame 0 cannot be decoded");
    put_pgm("odd [1]_5.pgm", 2, 2, 5);
    EXPECT_LEVELS(in("odd [1]_%d.pgm"), step(0.1), 5);
    EXPECT_LEVELS(in("odd [1]_5.pgm"), step(0.5), 5, 5);                  /* a file of that name comes before a pattern */
}

static void photographs_last(void **state)
{
    (void)state;
    put_pgm("photo.pgm", 4, 4, 77);
    int64_t steps, *l = levels(in("photo.pgm"), step(0.004), &steps);
    assert_int_equal(steps, 250);
    assert_int_equal(l[249], 77);
    free(l);
    convis_movie_options o = step(0.004);
    o.still = 3;
    EXPECT_LEVELS(in("photo.pgm"), o, 77, 77, 77);
    o.still = 0;  o.repeat = 2;
    EXPECT_LEVELS(in("photo.pgm"), o, 77, 77);
    o.from = 1;
    expect_error(in("photo.pgm"), o, "a photograph has no frame 1");
}

static void pixels_are_0_to_255_whatever_their_depth(void **state)
{
    (void)state;
    put("deep.pgm", "P5\n3 1\n65535\n\0\0\x80\0\xff\xff", 20);
    EXPECT_PIXELS(in("deep.pgm"), -1, 1e-4, 0, 255*32768./65535, 255);
    put_text("ascii.pgm", "P2\n# a comment\n3 2\n255\n0 50 100\n25 75 255\n");
    EXPECT_PIXELS(in("ascii.pgm"), -1, 1e-6, 0, 50, 100, 25, 75, 255);
    put_text("ascii16.pgm", "P2\n3 1\n4095\n0 1000 4095\n");
    EXPECT_PIXELS(in("ascii16.pgm"), -1, .01, 0, 255*1000./4095, 255);
    put("rgb.ppm", "P6\n3 1\n255\n\xff\0\0\0\xff\0\x10\x20\x30", 20);
    EXPECT_PIXELS(in("rgb.ppm"), -1, 1e-4, 255*.2126, 255*.7152, 16*.2126 + 32*.7152 + 48*.0722);
    EXPECT_PIXELS(in("rgb.ppm"), 0, 0, 255, 0, 16);
    EXPECT_PIXELS(in("rgb.ppm"), 1, 0, 0, 255, 32);
    EXPECT_PIXELS(in("rgb.ppm"), 2, 0, 0, 0, 48);
    put("grey.ppm", "P6\n2 1\n255\n\x25\x25\x25\xfe\xfe\xfe", 17);
    EXPECT_PIXELS(in("grey.ppm"), -1, 0, 37, 254);                       /* exactly */
    put("rgb16.ppm", "P6\n1 1\n65535\n\x12\x34\x56\x78\x9a\xbc", 19);
    EXPECT_PIXELS(in("rgb16.ppm"), -1, 1e-3, (0x1234*.2126 + 0x5678*.7152 + 0x9abc*.0722)/257);
    float v[4] = { -1000, .5f, 1e6f, 0 };
    put_npy("wild.npy", "(1, 1, 4)", v, 4);
    EXPECT_PIXELS(in("wild.npy"), -1, 0, -1000, .5, 1e6, 0);             /* arrays are used as they are */
}

static void limited_range_is_spread(void **state)
{
    (void)state;
    /* Y = 16 is black and 235 white; colour difference 128 is none. */
    put("yuv.y4m", "YUV4MPEG2 W2 H2 F1:1 C444\nFRAME\n\x10\xeb\x7e\x10\x80\x80\x80\x80\x80\x80\x80\x80", 32 + 12);
    EXPECT_PIXELS(in("yuv.y4m"), -1, 1.01, 0, 255, 110*255./219, 0);
}

static void frames_can_be_scaled(void **state)
{
    (void)state;
    float v[16];
    for (int k = 0; k < 16; k++) v[k] = (float)k;
    put_npy("ramp.npy", "(1, 4, 4)", v, 16);
    convis_movie_options o = step(1);
    convis_movie_info info;
    int64_t steps;
    o.width = 2;                                             /* the height follows */
    convis_real *small = read_all(in("ramp.npy"), o, &steps, &info);
    assert_int_equal(info.height, 2);
    const double means[] = { 2.5, 4.5, 10.5, 12.5 };
    for (int k = 0; k < 4; k++) assert_float_equal(small[k], means[k], 1e-5);
    free(small);
    o.width = 8;  o.height = 4;
    convis_real *large = read_all(in("ramp.npy"), o, &steps, &info);
    for (int i = 1; i < 7; i++) assert_float_equal(large[i], (i + .5)/2 - .5, 1e-5);      /* linear between centres */
    assert_float_equal(large[0], 0, 1e-5);
    assert_float_equal(large[31], 15, 1e-5);
    free(large);
}

static void resampling_keeps_constants_and_means(void **state)
{
    (void)state;
    const int64_t sizes[][4] = { { 7, 5, 3, 2 }, { 3, 2, 7, 5 }, { 1, 1, 9, 4 },
                                 { 100, 1, 33, 1 }, { 10, 10, 9, 11 }, { 64, 64, 1, 1 } };
    for (size_t s = 0; s < sizeof sizes/sizeof *sizes; s++) {
        const int64_t n = sizes[s][0]*sizes[s][1], m = sizes[s][2]*sizes[s][3];
        convis_resample *r;
        assert_int_equal(convis_resample_open(c, sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3], &r), CONVIS_OK);
        convis_real *from = malloc((size_t)n*sizeof *from), *to = malloc((size_t)m*sizeof *to);
        for (int64_t k = 0; k < n; k++) from[k] = 200;
        convis_resample_run(r, from, to);
        for (int64_t k = 0; k < m; k++) assert_float_equal(to[k], 200, 1e-3);
        if (sizes[s][2] <= sizes[s][0] && sizes[s][3] <= sizes[s][1]) {      /* area means preserve the mean */
            double before = 0, after = 0;
            for (int64_t k = 0; k < n; k++) before += (double)(from[k] = (convis_real)((k*7919) % 256))/(double)n;
            convis_resample_run(r, from, to);
            for (int64_t k = 0; k < m; k++) after += (double)to[k]/(double)m;
            assert_float_equal(after, before, 1e-3);
        }
        free(from);
        free(to);
        convis_resample_close(c, &r);
    }
}

/* ---- Standard input ---- */

static void raw_frames_come_as_soon_as_they_are_there(void **state)
{
    (void)state;
    int pipe_ends[2];
    const int saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipe_ends), 0);
    dup2(pipe_ends[0], STDIN_FILENO);
    convis_movie_options o = step(0.01);
    convis_movie *m;
    expect_error("-", o, "standard input: raw frames have no size of their own");
    o.width = 2;  o.height = 1;
    assert_int_equal(convis_movie_open(c, "-", &o, &m), CONVIS_OK);
    for (int k = 0; k < 3; k++) {                            /* would wait forever if it asked for more than a frame */
        const float frame[2] = { (float)k, (float)-k };
        convis_real got_frame[2];
        int64_t got;
        assert_int_equal(write(pipe_ends[1], frame, 8), 8);
        assert_int_equal(convis_movie_read(m, got_frame, 1, &got), CONVIS_OK);
        assert_int_equal(got, 1);
        assert_float_equal(got_frame[0], k, 0);
        assert_float_equal(got_frame[1], -k, 0);
    }
    convis_real got_frame[2];
    int64_t got;
    assert_int_equal(write(pipe_ends[1], "abcde", 5), 5);
    close(pipe_ends[1]);
    assert_int_equal(convis_movie_read(m, got_frame, 1, &got), CONVIS_EIO);
    assert_string_equal(convis_message(c), "standard input: frame 3 ends after 5 bytes, expected 8 (2 x 1 pixels of 4 bytes)");
    convis_movie_close(&m);
    close(pipe_ends[0]);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

/* ---- Shapes, channels and movies side by side ---- */

enum { MOST = 120 };

/* The value of each number says where it lies: 1000 b + 100 c + 10 t + 3 y + x of (B, C, T, Y, X), in an array of these dimensions. */
static void put_shaped(const char *name, const char *shape, const char *order, const int size[5])
{
    static const char LETTERS[] = "BCTYX";
    static const int WORTH[] = { 1000, 100, 10, 3, 1 };
    float v[MOST];
    int n = 1;
    for (int k = 0; k < 5; k++) n *= size[k];
    for (int i = 0; i < n; i++) {
        int left = i, value = 0;
        for (int d = (int)strlen(order) - 1; d >= 0; d--) {
            const int k = (int)(strchr(LETTERS, order[d]) - LETTERS);
            value += WORTH[k]*(left % size[k]);
            left /= size[k];
        }
        v[i] = (float)value;
    }
    put_npy(name, shape, v, (size_t)n);
}

static void expect_shape(const char *name, convis_movie_options o, const int size[5])
{
    convis_movie_info info;
    int64_t steps;
    convis_real *all = read_all(name, o, &steps, &info), *next = all;
    const int64_t got[] = { info.batch, info.channels, steps, info.height, info.width };
    for (int k = 0; k < 5; k++)
        if (got[k] != size[k]) fail_msg("%s: dimension %d is %d, expected %d", name, k, (int)got[k], size[k]);
    for (int t = 0; t < size[2]; t++)
        for (int b = 0; b < size[0]; b++)
            for (int k = 0; k < size[1]; k++)
                for (int y = 0; y < size[3]; y++)
                    for (int x = 0; x < size[4]; x++, next++)
                        if (*next != (convis_real)(1000*b + 100*k + 10*t + 3*y + x))
                            fail_msg("%s: %g at %d %d %d %d %d", name, (double)*next, b, k, t, y, x);
    free(all);
}

static void arrays_of_every_shape(void **state)
{
    (void)state;
    static const struct { const char *shape, *order; int size[5], channels, declared, picture; } CASES[] = {
        { "(6,)",            "T",     { 1, 1, 6, 1, 1 }, CONVIS_ALL_CHANNELS, 0, 0 },
        { "(6, 4)",          "TX",    { 1, 1, 6, 1, 4 }, CONVIS_ALL_CHANNELS, 0, 0 },       /* bars ... */
        { "(6, 4)",          "TX",    { 1, 1, 6, 1, 4 }, CONVIS_ALL_CHANNELS, 3, 0 },
        { "(6, 4)",          "TC",    { 1, 4, 6, 1, 1 }, CONVIS_ALL_CHANNELS, 4, 0 },       /* ... or channels that are declared */
        { "(6, 1)",          "TX",    { 1, 1, 6, 1, 1 }, CONVIS_ALL_CHANNELS, 1, 0 },
        { "(6, 4)",          "YX",    { 1, 1, 1, 6, 4 }, CONVIS_ALL_CHANNELS, 0, 1 },
        { "(5, 2, 3)",       "TYX",   { 1, 1, 5, 2, 3 }, CONVIS_ALL_CHANNELS, 0, 0 },
        { "(2, 5, 2, 3)",    "CTYX",  { 1, 2, 5, 2, 3 }, CONVIS_ALL_CHANNELS, 0, 0 },
        { "(2, 2, 5, 2, 3)", "BCTYX", { 2, 2, 5, 2, 3 }, CONVIS_ALL_CHANNELS, 0, 0 },
        { "(1, 2, 5, 2, 3)", "BCTYX", { 1, 2, 5, 2, 3 }, CONVIS_ALL_CHANNELS, 0, 0 },
        { "(2, 1, 5, 2, 3)", "BCTYX", { 2, 1, 5, 2, 3 }, CONVIS_ONE_CHANNEL,  0, 0 },
        { "(3, 5, 2, 3)",    "CTYX",  { 1, 3, 5, 2, 3 }, CONVIS_RGB,          0, 0 },       /* the first that can be colour is */
        { "(5, 2, 4, 3)",    "TYXC",  { 1, 3, 5, 2, 4 }, CONVIS_RGB,          0, 0 },       /* colour last */
        { "(2, 5, 1, 4, 3)", "BTYXC", { 2, 3, 5, 1, 4 }, CONVIS_RGB,          0, 0 },
        { "(4, 5, 3)",       "YXC",   { 1, 3, 1, 4, 5 }, CONVIS_RGB,          0, 0 },
        { "(8, 5, 1, 3)",    "CTYX",  { 1, 8, 5, 1, 3 }, CONVIS_ALL_CHANNELS, 8, 0 } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_movie_options o = step(0.01);
        o.channels = CASES[k].channels;
        o.batches = 1;
        o.declared = CASES[k].declared;
        o.picture = CASES[k].picture;
        put_shaped("shaped.npy", CASES[k].shape, CASES[k].order, CASES[k].size);
        expect_shape(in("shaped.npy"), o, CASES[k].size);
    }
}

static void the_view_is_a_tensor_of_the_frames(void **state)
{
    (void)state;
    const int size[] = { 2, 3, 4, 1, 5 };
    convis_movie_options o = step(0.01);
    convis_movie *m;
    convis_real frames[MOST];
    int64_t got;
    o.channels = CONVIS_ALL_CHANNELS;
    o.batches = 1;
    put_shaped("view.npy", "(2, 3, 4, 1, 5)", "BCTYX", size);
    assert_int_equal(convis_movie_open(c, in("view.npy"), &o, &m), CONVIS_OK);
    assert_int_equal(convis_movie_read(m, frames, 4, &got), CONVIS_OK);
    const convis_tensor t = convis_movie_view(m, frames, got);
    for (int k = 0; k < 5; k++) assert_int_equal(t.shape.dim[k], size[k]);
    for (int b = 0; b < 2; b++) for (int k = 0; k < 3; k++) for (int i = 0; i < 4; i++) for (int x = 0; x < 5; x++)
        assert_true(t.data[b*t.stride[0] + k*t.stride[1] + i*t.stride[2] + x*t.stride[4]] == (convis_real)(1000*b + 100*k + 10*i + x));
    convis_movie_close(&m);
}

/* Three planes of a frame and a tolerance. */
static void expect_rgb(const char *name, int64_t pixels, const double *expected)
{
    convis_movie_options o = step(1);
    convis_movie_info info;
    int64_t steps;
    o.channels = CONVIS_RGB;
    convis_real *all = read_all(name, o, &steps, &info);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.width*info.height, pixels);
    for (int64_t k = 0; k < 3*pixels; k++) assert_float_equal(all[k], expected[k], 1e-3);
    free(all);
}

static void colour_in_three_channels(void **state)
{
    (void)state;
    put("rgb.ppm", "P6\n3 1\n255\n\xff\0\0\0\xff\0\x10\x20\x30", 20);
    expect_rgb(in("rgb.ppm"), 3, (const double[]){ 255, 0, 16, 0, 255, 32, 0, 0, 48 });
    put("rgb16.ppm", "P6\n1 1\n65535\n\x12\x34\x56\x78\x9a\xbc", 19);
    expect_rgb(in("rgb16.ppm"), 1, (const double[]){ 0x1234/257., 0x5678/257., 0x9abc/257. });
    put_pgm("grey.pgm", 2, 1, 37);                           /* what has no colour is the same in all three */
    expect_rgb(in("grey.pgm"), 2, (const double[]){ 37, 37, 37, 37, 37, 37 });
    put("f1.ppm", "P6\n2 2\n255\n\1\2\3\1\2\3\1\2\3\1\2\3", 23);
    put("f2.ppm", "P6\n1 1\n255\n\7\x8\x9", 14);           /* of another size: each plane is scaled */
    convis_movie_options o = step(1);
    convis_movie_info info;
    int64_t steps;
    o.channels = CONVIS_RGB;
    convis_real *all = read_all(in("f*.ppm"), o, &steps, &info);
    assert_int_equal(steps, 2);
    for (int k = 0; k < 12; k++) { assert_float_equal(all[k], 1 + k/4, 0); assert_float_equal(all[12 + k], 7 + k/4, 1e-5); }
    free(all);
    o.width = 1;                                             /* and of a movie that is scaled as a whole */
    all = read_all(in("f*.ppm"), o, &steps, &info);
    for (int k = 0; k < 3; k++) { assert_float_equal(all[k], 1 + k, 1e-5); assert_float_equal(all[3 + k], 7 + k, 1e-5); }
    free(all);
    put_pgm("f3.pgm", 2, 2, 5);
    o.width = 0;
    all = read_all(in("f*.p?m"), o, &steps, &info);
    assert_int_equal(steps, 3);
    free(all);
    all = read_all("stim:grating?duration=3", o, &steps, &info);         /* a stimulus of grey is one of three equal channels */
    assert_int_equal(info.channels, 3);
    const int64_t n = info.width*info.height;
    for (int64_t i = 0; i < n; i++) assert_true(all[i] == all[n + i] && all[i] == all[2*n + i]);
    free(all);
}

static void colour_of_arrays(void **state)
{
    (void)state;
    float v[6] = { 10, 20, 30, 40, 50, 60 };                 /* two frames of one pixel */
    convis_movie_options o = step(1);
    convis_movie_info info;
    int64_t steps;
    put_npy("colour.npy", "(3, 2, 1, 1)", v, 6);
    expect_error(in("colour.npy"), o, "colour.npy: 3 channels, expected one (--channels gray makes it of three)");
    o.channels = CONVIS_GRAY;
    convis_real *all = read_all(in("colour.npy"), o, &steps, &info);
    assert_int_equal(steps, 2);
    for (int t = 0; t < 2; t++)
        assert_float_equal(all[t], .2126*(double)v[t] + .7152*(double)v[2 + t] + .0722*(double)v[4 + t], 1e-4);
    free(all);
    put_npy("last.npy", "(2, 1, 1, 3)", v, 6);
    all = read_all(in("last.npy"), o, &steps, &info);
    for (int t = 0; t < 2; t++)
        assert_float_equal(all[t], .2126*(double)v[3*t] + .7152*(double)v[3*t + 1] + .0722*(double)v[3*t + 2], 1e-4);
    free(all);
    o.channels = CONVIS_ONE_CHANNEL;
    o.channel = 1;
    EXPECT_LEVELS(in("colour.npy"), o, 30, 40);
}

static void shapes_that_do_not_fit(void **state)
{
    (void)state;
    float v[MOST] = { 0 };
    convis_movie_options o = step(0.01), all = o;
    all.channels = CONVIS_ALL_CHANNELS;
    all.batches = 1;
    put_npy("two.npy", "(2, 5, 1, 2)", v, 20);
    expect_error(in("two.npy"), o, "two.npy: 2 channels, expected one");
    o.channels = CONVIS_RGB;
    expect_error(in("two.npy"), o, "two.npy: 2 channels, but --channels rgb expects three, or one");
    o.channels = CONVIS_GRAY;
    expect_error(in("two.npy"), o, "two.npy: 2 channels, but --channels gray expects one, or the three");
    o.channels = 2;
    expect_error(in("two.npy"), o, "channels is 2");
    o.channels = CONVIS_ALL_CHANNELS;
    put_npy("side.npy", "(2, 1, 5, 1, 2)", v, 20);
    expect_error(in("side.npy"), o, "side.npy: 2 movies side by side, expected one");
    put_npy("last.npy", "(10, 2, 2, 3)", v, 120);            /* would be ten channels of two narrow frames */
    expect_error(in("last.npy"), all, "last.npy: shape (10, 2, 2, 3), as (C, T, Y, X) 10 channels");
    assert_non_null(strstr(convis_message(c), "--channels rgb"));
    put_npy("zero.npy", "(0, 2, 2)", v, 0);
    expect_error(in("zero.npy"), all, "zero.npy: shape (0, 2, 2), expected a movie");
    put_npy("none.npy", "(2, 3, 0, 2, 2)", v, 0);
    expect_error(in("none.npy"), all, "none of them 0");
    put_npy("point.npy", "()", v, 1);
    expect_error(in("point.npy"), all, "expected a movie");
    put_npy("six.npy", "(2, 1, 1, 2, 1, 2)", v, 8);
    expect_error(in("six.npy"), all, "six.npy: shape (2, 1, 1, 2, 1, 2), expected a movie: (T)");
    put_npy("huge.npy", "(1048576, 1048576, 1, 1048576, 1)", v, 0);
    expect_error(in("huge.npy"), all, "huge.npy: ");
    v[MOST - 1] = NAN;
    put_npy("nan.npy", "(2, 3, 5, 2, 2)", v, MOST);
    expect_error(in("nan.npy"), all,
                 "nan.npy: frame 4 has the value NaN at x = 1, y = 1 in movie 1 in channel 2, expected finite numbers");
    put("a1.ppm", "P6\n1 1\n255\n\7\x8\x9", 14);
    put_npy("a2.npy", "(2, 1, 1, 1)", v, 2);
    o.channels = CONVIS_ALL_CHANNELS;
    expect_error(in("a*.*"), o, "a2.npy: 2 channels, expected 1, as many as");
}

static void spikes_as_a_movie(void **state)
{
    (void)state;
    convis_movie_options o = step(0.01);
    convis_movie_info info;
    int64_t steps;
    put_text("s.csv", "unit,time,layer\n2,0.011,0\n0,0.02,0\n2,0.0201,0\n2,0.0202,0\n0,0.05,0\n");
    expect_error(in("s.csv"), o, "s.csv: ");                 /* only where spikes are asked for */
    o.spikes = 1;
    o.channels = CONVIS_ALL_CHANNELS;
    convis_real *all = read_all(in("s.csv"), o, &steps, &info);
    assert_int_equal(info.channels, 2);                      /* the cells that fired */
    assert_int_equal(info.steps, -1);                        /* who knows how long they were recorded */
    assert_int_equal(steps, 6);
    const int two[] = { 0, 0,  0, 1,  1, 2,  0, 0,  0, 0,  1, 0 };
    for (int k = 0; k < 12; k++) assert_int_equal((int)all[k], two[k]);
    free(all);
    o.declared = 4;                                          /* the input has four: cells are channels by their number */
    all = read_all(in("s.csv"), o, &steps, &info);
    assert_int_equal(info.channels, 4);
    for (int t = 0; t < 6; t++)
        for (int k = 0; k < 4; k++) assert_int_equal((int)all[4*t + k], k == 0 ? two[2*t] : k == 2 ? two[2*t + 1] : 0);
    free(all);
    o.declared = 1;
    expect_error(in("s.csv"), o, "s.csv: spikes of 2 cells, but the input takes 1 channel");
    put_text("early.csv", "unit,time,layer\n2,-0.5,0\n");
    o.declared = 0;
    expect_error(in("early.csv"), o, "early.csv: a spike at -0.5 s, expected times from 0 on");
    put_text("late.csv", "unit,time,layer\n2,1e300,0\n");
    expect_error(in("late.csv"), o, "more steps of 0.01 s than can be counted");
    put_text("silent.csv", "unit,time,layer\n");
    put_text("silent.spk", "");
    expect_error(in("silent.csv"), o, "silent.csv: no spikes, and no list of the cells that were silent");
    o.declared = 3;
    for (int spk = 0; spk < 2; spk++) {                  /* where their number is known it is a recording of them */
        all = read_all(in(spk ? "silent.spk" : "silent.csv"), o, &steps, &info);
        assert_int_equal(info.channels, 3);
        for (int k = 0; k < 3; k++) assert_true(all[k] == 0);
        free(all);
    }
    o.declared = 0;
    convis_spike_writer *w;
    assert_int_equal(
        convis_spike_writer_open(c, in("s.h5"), (const convis_cell[]){ { 5, 0, 0, 0 }, { 9, 0, 0, 0 } }, 2, NULL, &w), CONVIS_OK);
    assert_int_equal(convis_spike_writer_write(w, &(convis_spike){ 0.025, 9, 0 }, 1), CONVIS_OK);
    assert_int_equal(convis_spike_writer_close(&w, 0.08, 1), CONVIS_OK);
    all = read_all(in("s.h5"), o, &steps, &info);
    assert_int_equal(info.steps, 8);
    assert_int_equal(info.channels, 2);
    for (int k = 0; k < 16; k++) assert_int_equal((int)all[k], k == 5);
    free(all);
}

/* ---- Bad input ---- */

static void bad_input_gets_a_sentence(void **state)
{
    (void)state;
    convis_movie_options o = step(0.01);
    expect_error(in("none.mp4"), o, "none.mp4: cannot be opened (No such file or directory)");
    expect_error(in("none.npz:key"), o, "none.npz: cannot be opened");
    expect_error(folder, o, "is a folder");
    expect_error("", o, "no name was given");
    put_text("empty.mp4", "");
    expect_error(in("empty.mp4"), o, "empty.mp4: is empty");
    put_text("noise.mp4", "this is no movie at all, whatever its name may say; it only goes on for some bytes");
    expect_error(in("noise.mp4"), o, "noise.mp4: is no movie or image");
    put_text("text.txt", "hello\n");
    expect_error(in("text.txt"), o, "text.txt: is no movie or image");
    put_text("huge.pgm", "P5\n1000000 1000000\n255\nabc");
    expect_error(in("huge.pgm"), o, "huge.pgm: ");
    put_text("cut.pgm", "P5\n10 10\n255\nabc");
    expect_error(in("cut.pgm"), o, "cut.pgm: frame 0 cannot be decoded");
    put_text("http:x.m3u8", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n");            /* no playlist reaches the network */
    expect_error(in("http:x.m3u8"), o, "x.m3u8: ");
    put_pgm("ok.pgm", 4, 4, 7);
    convis_movie_options bad = o;
    bad.dt = 0;
    expect_error(in("ok.pgm"), bad, "dt is 0, expected seconds per step above 0");
    bad.dt = NAN;
    expect_error(in("ok.pgm"), bad, "dt is nan");
    bad = o;  bad.fps = -1;
    expect_error(in("ok.pgm"), bad, "fps is -1, expected 0 or more");
    bad = o;  bad.channel = 3;
    expect_error(in("ok.pgm"), bad, "channel is 3");
    bad = o;  bad.width = (int64_t)1 << 40;
    expect_error(in("ok.pgm"), bad, "pixels");
}

static void not_a_number_names_its_frame(void **state)
{
    (void)state;
    float v[12] = { 0 };
    v[7] = NAN;
    put_npy("nan.npy", "(3, 2, 2)", v, 12);
    expect_error(in("nan.npy"), step(0.01), "nan.npy: frame 1 has the value NaN at x = 1, y = 1, expected finite numbers");
    v[7] = 0;  v[0] = -INFINITY;
    put_npy("inf.npy", "(3, 2, 2)", v, 12);
    expect_error(in("inf.npy"), step(0.01), "frame 0 has the value infinity at x = 0, y = 0");
    convis_movie_options o = step(0.01);
    o.from = 1;
    EXPECT_LEVELS(in("inf.npy"), o, 0, 0);                   /* frames that are not shown do not matter */
}

static void files_cut_short_are_noticed(void **state)
{
    (void)state;
    int ms[50];
    for (int k = 0; k < 50; k++) ms[k] = 40*k;
    put_mkv("whole.mkv", ms, 25, 1000);
    FILE *f = fopen(in("whole.mkv"), "rb");
    char bytes[65536];
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    put("half.mkv", bytes, n*3/4);
    expect_error(in("half.mkv"), step(0.01), "half.mkv: ends after");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_step_of_exactly_a_frame_neither_skips_nor_doubles, clear_folder),
        cmocka_unit_test_teardown(frames_are_held_for_their_true_duration, clear_folder),
        cmocka_unit_test_teardown(a_varying_frame_rate_is_followed, clear_folder),
        cmocka_unit_test_teardown(arrays_and_sequences_are_a_frame_a_step, clear_folder),
        cmocka_unit_test_teardown(sequences_come_in_the_order_of_their_numbers, clear_folder),
        cmocka_unit_test_teardown(photographs_last, clear_folder),
        cmocka_unit_test_teardown(pixels_are_0_to_255_whatever_their_depth, clear_folder),
        cmocka_unit_test_teardown(limited_range_is_spread, clear_folder),
        cmocka_unit_test_teardown(frames_can_be_scaled, clear_folder),
        cmocka_unit_test_teardown(resampling_keeps_constants_and_means, clear_folder),
        cmocka_unit_test_teardown(raw_frames_come_as_soon_as_they_are_there, clear_folder),
        cmocka_unit_test_teardown(arrays_of_every_shape, clear_folder),
        cmocka_unit_test_teardown(the_view_is_a_tensor_of_the_frames, clear_folder),
        cmocka_unit_test_teardown(colour_in_three_channels, clear_folder),
        cmocka_unit_test_teardown(colour_of_arrays, clear_folder),
        cmocka_unit_test_teardown(shapes_that_do_not_fit, clear_folder),
        cmocka_unit_test_teardown(spikes_as_a_movie, clear_folder),
        cmocka_unit_test_teardown(bad_input_gets_a_sentence, clear_folder),
        cmocka_unit_test_teardown(not_a_number_names_its_frame, clear_folder),
        cmocka_unit_test_teardown(files_cut_short_are_noticed, clear_folder),
    };
    return cmocka_run_group_tests_name("movie", tests, open_all, close_all);
}
