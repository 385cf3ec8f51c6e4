/* test_movie_writers.c - pictures and films out, read back; and movies in and out where memory is scarce. */
#include "movies.h"

/* ---- Pictures out ---- */

static void write_maps(const char *name, const char *what, const convis_real *frames, int64_t count, int64_t height,
                       int64_t width, double dt, int keep)
{
    const convis_provenance from = { .dt = dt };
    convis_map_writer *w;
    if (convis_map_writer_open(c, name, what, convis_movie_shape(1, height, width), &from, &w)) fail_msg("%s", convis_message(c));
    for (int64_t k = 0; k < count; k += 3) {
        const int64_t some = count - k < 3 ? count - k : 3;
        convis_tensor t = convis_view((convis_real *)frames + k*height*width, convis_movie_shape(some, height, width));
        if (convis_map_writer_write(w, t)) fail_msg("%s", convis_message(c));
    }
    if (convis_map_writer_close(&w, keep)) fail_msg("%s", convis_message(c));
}

static void pictures_read_back(void **state)
{
    (void)state;
    convis_real v[2*15];
    for (int k = 0; k < 30; k++) v[k] = (convis_real)(k < 15 ? 0 : k*8);
    write_maps(in("last.png"), "input", v, 2, 3, 5, 0.01, 1);            /* stimuli have 0..255 */
    EXPECT_PIXELS(in("last.png"), -1, 0, 120, 128, 136, 144, 152, 160, 168, 176, 184, 192, 200, 208, 216, 224, 232);
    for (int k = 0; k < 30; k++) v[k] = (convis_real)(k % 15 - 5);       /* both signs: zero is middle grey */
    write_maps(in("n.%02d.png"), "opl", v, 2, 3, 5, 0.01, 1);
    convis_movie_info info;
    int64_t steps;
    convis_real *all = read_all(in("n.%02d.png"), step(1), &steps, &info);
    assert_int_equal(steps, 2);
    assert_float_equal(all[5], 128, 0);
    assert_float_equal(all[14], 255, 0);
    assert_float_equal(all[0], 127.5*(1 - 5/9.), 1);
    free(all);
    for (int k = 0; k < 15; k++) v[k] = 3;
    write_maps(in("constant.png"), "opl", v, 1, 3, 5, 0.01, 1);
    EXPECT_PIXELS(in("constant.png"), -1, 0, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128);
    assert_int_equal(files_left(""), 4);
}

static void write_colour(const char *name, const convis_real *frames, int64_t count, int64_t height, int64_t width, double dt)
{
    const convis_provenance from = { .dt = dt };
    const convis_shape frame = { { 1, 3, 1, height, width } };
    convis_map_writer *w;
    if (convis_map_writer_open(c, name, "input", frame, &from, &w)) fail_msg("%s", convis_message(c));
    const convis_shape all = { { 1, 3, count, height, width } };
    const convis_tensor t = { (convis_real *)frames, all, { 0, height*width, 3*height*width, width, 1 } };
    if (convis_map_writer_write(w, t) || convis_map_writer_close(&w, 1)) fail_msg("%s", convis_message(c));
}

static void three_channels_are_colour(void **state)
{
    (void)state;
    enum { W = 4, H = 2, N = 3 };
    static const int COLOURS[N][3] = { { 200, 30, 60 }, { 10, 220, 90 }, { 128, 128, 128 } };
    convis_real v[N*3*W*H];
    for (int k = 0; k < N*3*W*H; k++) v[k] = (convis_real)COLOURS[k/(3*W*H)][k/(W*H)%3];
    write_colour(in("c.%d.png"), v, N, H, W, 1);
    write_colour(in("c.mp4"), v, N, H, W, 0.1);
    convis_movie_options o = step(0.1);
    convis_movie_info info;
    int64_t steps;
    o.channels = CONVIS_RGB;
    convis_real *all = read_all(in("c.%d.png"), o, &steps, &info);
    assert_int_equal(steps, N);
    for (int k = 0; k < N*3*W*H; k++) assert_true(all[k] == v[k]);
    free(all);
    all = read_all(in("c.mp4"), o, &steps, &info);
    const int64_t n = info.width*info.height;
    assert_int_equal(steps, N);
    for (int64_t k = 0; k < N*3*n; k++) assert_float_equal(all[k], COLOURS[k/(3*n)][k/n%3], 6);
    free(all);
    const convis_shape two = { { 1, 2, 1, H, W } };
    convis_map_writer *w;
    assert_int_equal(convis_map_writer_open(c, in("two.png"), "input", two, NULL, &w), CONVIS_ENOTSUP);
    assert_non_null(strstr(convis_message(c),
                           "two.png: 2 channels, expected 1 (.npy, .npz and .h5 take more, .png and .mp4 three as colour)"));
}

static void films_keep_real_time(void **state)
{
    (void)state;
    enum { N = 200, W = 5, H = 3 };
    convis_real *v = malloc(N*W*H*sizeof *v);
    for (int k = 0; k < N*W*H; k++) v[k] = (convis_real)(k/(W*H) < N/2 ? 0 : 200);
    write_maps(in("film.mp4"), "stimulus", v, N, H, W, 0.001, 1);
    assert_int_equal(files_left("film.mp4"), 0);
    convis_movie_info info;
    int64_t steps;
    convis_real *all = read_all(in("film.mp4"), step(0.001), &steps, &info);
    assert_in_range(steps, 200, 204);                        /* 12 frames of 17 ms */
    assert_int_equal(info.width, 320);                       /* 64 times, and even */
    assert_int_equal(info.height, 192);
    assert_float_equal(all[50*info.width*info.height], 0, 4);
    assert_float_equal(all[150*info.width*info.height], 200, 4);
    free(all);
    write_maps(in("gone.mp4"), "opl", v, N, H, W, 0.04, 0);
    write_maps(in("gone.png"), "opl", v, N, H, W, 0.04, 0);
    assert_int_equal(files_left("film.mp4"), 0);             /* not committed: nothing stays, of the temporary files neither */
    convis_map_writer *w;
    assert_int_equal(convis_map_writer_open(c, "/nowhere/x.mp4", "opl", convis_movie_shape(1, H, W), NULL, &w), CONVIS_EIO);
    assert_non_null(strstr(convis_message(c), "/nowhere"));
    assert_int_equal(convis_map_writer_open(c, "/nowhere/x.png", "opl", convis_movie_shape(1, H, W), NULL, &w), CONVIS_EIO);
    assert_int_equal(convis_map_writer_open(c, "/nowhere/x%d.png", "opl", convis_movie_shape(1, H, W), NULL, &w), CONVIS_EIO);
    assert_int_equal(convis_map_writer_open(c, in("empty.mp4"), "opl", convis_movie_shape(1, H, W), NULL, &w), CONVIS_OK);
    assert_int_equal(convis_map_writer_close(&w, 1), CONVIS_ESTATE);
    assert_int_equal(files_left("film.mp4"), 0);
    free(v);
}

/* ---- Memory ---- */

typedef struct ration { int64_t left, alive; } ration;
static void *ration_obtain(void *user, size_t bytes)
{
    ration *r = user;
    if (r->left == 0) return NULL;
    r->left--;
    r->alive++;
    return malloc(bytes);
}
static void ration_release(void *user, void *memory) { if (memory) ((ration *)user)->alive--; free(memory); }

/* How many a context takes for itself. */
static int64_t of_a_context(void)
{
    ration r = { 1000, 0 };
    const convis_allocator a = { ration_obtain, ration_release, &r };
    convis_context *own;
    assert_int_equal(convis_open_with(&own, "cpu", &a), CONVIS_OK);
    const int64_t taken = r.alive;
    convis_close(&own);
    return taken;
}

/* Every allocation fails once: a status comes back, and nothing stays allocated. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    const int ms[] = { 0, 30, 50 };
    put_mkv("m.mkv", ms, 3, 60);
    put_pgm("s1.pgm", 8, 8, 3);  put_pgm("s2.pgm", 5, 5, 3);
    char photo[300];
    snprintf(photo, sizeof photo, "stim:photo?file=%s&photo_ppd=40", in("s1.pgm"));
    const char *names[] = { strdup(in("m.mkv")), strdup(in("s%d.pgm")), "stim:grating", photo };
    for (size_t n = 0; n < sizeof names/sizeof *names; n++)
        for (int64_t limit = 0, done = 0; !done && limit < 200; limit++) {
            ration r = { limit + of_a_context(), 0 };
            const convis_allocator a = { ration_obtain, ration_release, &r };
            convis_context *poor;
            convis_movie *m = NULL;
            convis_movie_options o = step(0.01);
            convis_real frames[5*16*16];
            int64_t got;
            o.width = 16;
            assert_int_equal(convis_open_with(&poor, "cpu", &a), CONVIS_OK);
            convis_status status = convis_movie_open(poor, names[n], &o, &m);
            if (!status) status = convis_movie_read(m, frames, 5, &got);
            done = !status;
            if (status) assert_true(*convis_message(poor));
            convis_movie_close(&m);
            assert_int_equal(r.alive, of_a_context());
            convis_close(&poor);
            assert_int_equal(r.alive, 0);
            if (!done) assert_int_equal(r.left, 0);
        }
    free((char *)names[0]);
    free((char *)names[1]);
}

static void any_allocation_of_a_writer_may_fail(void **state)
{
    (void)state;
    const char *names[] = { "poor.png", "poor.%d.png", "poor.mp4" };
    for (size_t n = 0; n < sizeof names/sizeof *names; n++)
        for (int64_t limit = 0, done = 0; !done && limit < 200; limit++) {
            ration r = { limit + of_a_context(), 0 };
            const convis_allocator a = { ration_obtain, ration_release, &r };
            convis_context *poor;
            convis_map_writer *w = NULL;
            convis_real v[2*12] = { 1, -2, 3 };
            assert_int_equal(convis_open_with(&poor, "cpu", &a), CONVIS_OK);
            convis_status status = convis_map_writer_open(poor, in(names[n]), "opl", convis_movie_shape(1, 3, 4), NULL, &w);
            if (!status) status = convis_map_writer_write(w, convis_view(v, convis_movie_shape(2, 3, 4)));
            const convis_status closed = convis_map_writer_close(&w, !status);
            done = !status && !closed;
            if (!done) assert_true(*convis_message(poor));
            assert_int_equal(r.alive, of_a_context());
            convis_close(&poor);
            if (!done) assert_true(files_left("poor.0.png") == 0);
            clear_folder(NULL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pictures_read_back, clear_folder),
        cmocka_unit_test_teardown(three_channels_are_colour, clear_folder),
        cmocka_unit_test_teardown(films_keep_real_time, clear_folder),
        cmocka_unit_test_teardown(any_allocation_may_fail, clear_folder),
        cmocka_unit_test_teardown(any_allocation_of_a_writer_may_fail, clear_folder),
    };
    return cmocka_run_group_tests_name("movie_writers", tests, open_all, close_all);
}
