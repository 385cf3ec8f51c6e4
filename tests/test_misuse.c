/* test_misuse.c - every public function, called wrongly: each pointer NULL in turn, numbers out of range, what was made outliving its
 * context, in every order. Never a crash: a status and a sentence, or the value that the header gives. */
#include "misuse_calls.h"
#include "npy_out.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 6, PIXELS = SIDE*SIDE, FRAMES = 12, CELLS = 3 };

/* ---- Files ---- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[4][160];
    static int turn;
    turn = (turn + 1)%4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_text(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_true(f && fputs(text, f) >= 0);
    fclose(f);
}

/* ---- A world: something of everything ---- */

static int nulled;                                       /* the pointer that is NULL in this call, from 0; -1: none is */

typedef struct world {
    convis_context *c;
    convis_model   *new, *built, *fitted, *whole;        /* without layers; not planned; to be fitted; planned, and it has run */
    convis_recipe  *recipe, *retina;
    convis_movie   *movie;
    convis_recording *recording;
    convis_optimizer *adam, *lbfgs;
    convis_spike_writer *spike_writer;
    convis_map_writer   *map_writer;
    convis_reconstruction *reconstruction;
    convis_bptt    *bptt;
    convis_parameter_vector *vector;
    convis_tensor   frames, out;
    convis_array    array;
    convis_cell    *cells;
    convis_spike   *spikes;
    char           *text;
    convis_sta      sta;
    convis_gradcheck_report report;
} world;

static const char YAML[] = "dt: 0.01\nlayers:\n  - {name: low, type: lowpass, tau: 0.05}\n  - {name: again, type: lowpass}\n";
static const convis_edge EDGES[] = { { { 0 }, 0 }, { { 0 }, 0 } };
static const convis_from FROM[] = { { "low", 0 } };
static const convis_attachment ATTACHED[] = { { "note", 't', "a word", 0 } };
static const double LOW[] = { -9, -9 }, HIGH[] = { 9, 9 }, ONES[] = { 1, 1 };
static const convis_loss MSE = { .kind = "mse", .dt = 0.01 };
static const convis_score_options SCORE = { .dt = 0.01, .bootstrap = 4, .level = 0.9, .block = 10 };
static const convis_sta_options STA = { .lags = 2, .level = 0.95 };
static const convis_optimizer_options ADAM = { .kind = "adam" }, LBFGS = { .kind = "lbfgs" };
static const convis_minimize_options MINIMIZE = { .iterations = 2 };
static const convis_regularizer L2 = { .path = "x", .kind = "l2", .weight = 1 };
static const convis_fit_options FIT = { .output = "low", .epochs = 2, .starts = 1 };
static const convis_synthesize_options SYNTHESIZE = { .output = "low", .unit = -1, .high = 1, .iterations = 2 };
static const convis_gradcheck_options GRADCHECK = {
    .frame = { { 1, 1, 1, SIDE, SIDE } }, .frames = 4, .chunk = 4, .high = 1, .samples = 1
};
static const convis_movie_options MOVIE = { .dt = 0.01, .channel = -1 };
static const convis_provenance PROVENANCE = { .command = "none" };
static const convis_plot_options PLOT = { .kind = "raster" };
static const convis_reconstruction_options RECONSTRUCTION = CONVIS_RECONSTRUCTION_DEFAULTS;

static convis_status sink(void *user, const convis_real *frame, int64_t index)
{
    (void)user, (void)frame, (void)index;
    return CONVIS_OK;
}

static convis_status bowl(void *user, const double *x, double *value, double *gradient)
{
    (void)user;
    *value = x[0]*x[0] + x[1]*x[1];
    for (int k = 0; gradient && k < 2; k++) gradient[k] = 2*x[k];
    return CONVIS_OK;
}

static int never(void *user, const char *what, int64_t done, int64_t total)
{
    (void)user, (void)what, (void)done, (void)total;
    return 0;
}

static void note(void *user, const char *sentence) { (void)user, (void)sentence; }

static convis_status black(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user, (void)from;
    memset(to, 0, (size_t)(frames*PIXELS)*sizeof *to);
    return CONVIS_OK;
}

static const convis_bptt_options BPTT = { .read = black };
static const convis_recording_source SOURCE = { .dt = 0.01, .frames = 4, .channels = 1, .height = SIDE, .width = SIDE, .units = PIXELS,
                                                .trials = 1, .read_stimulus = black, .read_response = black };

/* What calls write to. */
static struct {
    int number;
    double real, reals[8];
    int64_t count;
    size_t size;
    const char *name;
    char letters[256], bytes[1 << 16];
    convis_real frame[FRAMES*PIXELS], more[64], ones[64], varied[64];
    convis_device_info device;
    convis_part optional;
    convis_node node;
    convis_item item;
    convis_shape shape;
    convis_tensor tensor;
    const convis_cell *cells;
    const convis_spike *spikes;
    convis_setting setting;
    convis_kind_info kind;
    convis_kind_param param;
    convis_recording_info recording_info;
    convis_recording_input_info input_info;
    convis_movie_info movie_info;
    convis_vector_part part;
    const convis_layer_type *type;
    convis_format_info format;
    convis_score scores[4*CONVIS_SCORES];
    convis_fit_report fit;
    convis_synthesize_report synthesis;
} some;

static void fill_some(void)
{
    memset(&some, 0, sizeof some);
    for (int k = 0; k < 64; k++) {
        some.ones[k] = 1;
        some.varied[k] = (convis_real)(1 + chance(1, (uint64_t)k));
    }
}

static convis_model *model_of(convis_context *c, int layers)
{
    convis_model *m;
    convis_node at = { 0 };
    must(c, convis_model_new(c, 0.01, &m));
    if (layers > 0) at = convis_add(m, type_named("lowpass"), "low", at);
    if (layers > 1) {
        at = convis_add(m, type_named("conv"), "filter", at);
        must_set(m, "filter", "frames", 3);
        at = convis_add(m, type_named("expr"), "expr", at);
        convis_add(m, type_named("lif"), "cells", at);
    }
    return m;
}

static convis_model *planned(convis_context *c)
{
    convis_model *m = model_of(c, 2);
    must(c, convis_require_gradient(m, "low.tau"));
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "low"));
    must(c, convis_record_spikes(m, 1));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, SIDE, SIDE)));
    must(c, convis_seed(m, 3));
    return m;
}

static const convis_recording_options *options_with(const convis_recording_input *inputs)
{
    static convis_recording_options o;
    static char stimulus[160], response[160];
    snprintf(stimulus, sizeof stimulus, "%s", in_folder("stimulus.npy"));
    snprintf(response, sizeof response, "%s", in_folder("response.npy"));
    o = (convis_recording_options){
        .stimulus = stimulus, .response = response, .dt = 0.01, .inputs = inputs, .input_count = inputs != NULL
    };
    return &o;
}

static const convis_recording_options *recorded_options(void) { return options_with(NULL); }

static void begin_world(world *w, const convis_allocator *allocator)
{
    *w = (world){ .c = NULL };
    assert_int_equal(convis_open_with(&w->c, "cpu", allocator), CONVIS_OK);
    convis_context *c = w->c;
    w->new = model_of(c, 0);
    w->built = model_of(c, 2);
    w->fitted = model_of(c, 1);
    must(c, convis_require_gradient(w->fitted, "low.tau"));
    w->whole = planned(c);
    w->frames = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 5);
    must(c, convis_run(w->whole, w->frames));
    must(c, convis_output(w->whole, "low", &w->out));
    must(c, convis_recipe_read(c, "recipe", YAML, strlen(YAML), &w->recipe));
    must(c, convis_recipe_open(c, "primate", &w->retina));
    must(c, convis_movie_open(c, in_folder("stimulus.npy"), &MOVIE, &w->movie));
    must(c, convis_recording_open(c, recorded_options(), &w->recording));
    must(c, convis_optimizer_open(c, &ADAM, 2, &w->adam));
    must(c, convis_optimizer_open(c, &LBFGS, 2, &w->lbfgs));
    must(c, convis_array_read(c, in_folder("response.npy"), &w->array));
    must(c, convis_cells_read(c, in_folder("cells.txt"), &w->cells, &some.count));
    must(c, convis_spikes_read(c, in_folder("spikes.csv"), &w->spikes, &some.count));
    must(c, convis_spike_writer_open(c, in_folder("world.csv"), w->cells, CELLS, NULL, &w->spike_writer));
    must(c, convis_map_writer_open(c, in_folder("world.npy"), "low", convis_movie_shape(1, SIDE, SIDE), NULL, &w->map_writer));
    must(c, convis_reconstruction_open(c, w->cells, CELLS, &RECONSTRUCTION, sink, NULL, &w->reconstruction));
    must(c, convis_bptt_new(w->whole, &BPTT, &w->bptt));
    must(c, convis_parameter_vector_new(w->whole, &w->vector));
    must(c, convis_recipe_text(w->recipe, &w->text));
    must(c, convis_sta_of(c, w->recording, &STA, &w->sta));
    convis_model *m = model_of(c, 1);
    must(c, convis_gradcheck(m, &GRADCHECK, &w->report));
    convis_model_free(&m);
}

/* One thing after the other, from the first-th on; the context is the close_at-th. After the context is closed only pointers to what
 * lives are used. */
enum { THINGS = 21 };

static void end_thing(world *w, int k)
{
    switch (k) {
    case 0:  convis_model_free(&w->new); break;
    case 1:  convis_model_free(&w->built); break;
    case 2:  convis_model_free(&w->fitted); break;
    case 3:  convis_model_free(&w->whole); break;
    case 4:  convis_recipe_text_free(NULL, &w->text); break;
    case 5:  convis_recipe_free(&w->recipe); break;
    case 6:  convis_recipe_free(&w->retina); break;
    case 7:  convis_movie_close(&w->movie); break;
    case 8:  convis_recording_close(&w->recording); break;
    case 9:  convis_optimizer_close(&w->adam); break;
    case 10: convis_optimizer_close(&w->lbfgs); break;
    case 11: convis_spike_writer_close(&w->spike_writer, 1, 0); break;
    case 12: convis_map_writer_close(&w->map_writer, 0); break;
    case 13: convis_reconstruction_close(&w->reconstruction, 0.1); break;
    case 14: convis_array_free(&w->array); break;
    case 15: convis_cells_free(&w->cells); break;
    case 16: convis_spikes_free(&w->spikes); break;
    case 17: convis_sta_free(NULL, &w->sta); break;
    case 18: convis_gradcheck_free(NULL, &w->report); break;
    case 19: convis_bptt_free(&w->bptt); break;
    case 20: convis_parameter_vector_free(&w->vector); break;
    }
}

static void end_world(world *w, int first, int close_at)
{
    for (int k = 0; k <= THINGS; k++) {
        if (k == close_at) convis_close(&w->c);
        if (k < THINGS) end_thing(w, (first + k)%THINGS);
    }
    free(w->frames.data);
}

/* ---- What a call makes ---- */

typedef struct fresh_things {
    convis_context *context;
    convis_model   *model;
    convis_recipe  *recipe;
    convis_movie   *movie;
    convis_recording *recording;
    convis_optimizer *optimizer;
    convis_spike_writer *spike_writer;
    convis_map_writer   *map_writer;
    convis_reconstruction *reconstruction;
    convis_bptt    *bptt;
    convis_parameter_vector *vector;
    convis_array    array;
    convis_cell    *cells;
    convis_spike   *spikes;
    char           *text;
    convis_sta      sta;
    convis_gradcheck_report report;
} fresh_things;
static fresh_things made;

static fresh_things *fresh(world *w) { (void)w; return &made; }

static void end_fresh(void)
{
    convis_model_free(&made.model);
    convis_recipe_free(&made.recipe);
    convis_movie_close(&made.movie);
    convis_recording_close(&made.recording);
    convis_optimizer_close(&made.optimizer);
    convis_spike_writer_close(&made.spike_writer, 1, 0);
    convis_map_writer_close(&made.map_writer, 0);
    convis_reconstruction_close(&made.reconstruction, 0);
    convis_array_free(&made.array);
    convis_cells_free(&made.cells);
    convis_spikes_free(&made.spikes);
    convis_recipe_text_free(NULL, &made.text);
    convis_sta_free(NULL, &made.sta);
    convis_gradcheck_free(NULL, &made.report);
    convis_bptt_free(&made.bptt);
    convis_parameter_vector_free(&made.vector);
    convis_close(&made.context);
}

static convis_model *fresh_model(world *w)
{
    convis_model_free(&made.model);
    return made.model = model_of(w->c, 0);
}

static convis_model *settled(world *w) { must(w->c, convis_reset(w->whole)); return w->whole; }
static convis_model *pushed(world *w)  { must(w->c, convis_push(w->whole)); return w->whole; }

/* Of two inputs. */
static convis_model *joined(world *w)
{
    convis_node more;
    convis_model *m = fresh_model(w);
    must(w->c, convis_add_input(m, "more", convis_movie_shape(1, 1, 1), &more));
    convis_add(m, type_named("lowpass"), "low", (convis_node){ 0 });
    must(w->c, convis_plan(m, convis_movie_shape(FRAMES, SIDE, SIDE)));
    return m;
}

static convis_recording *with_input(world *w)
{
    const convis_recording_input input = { .name = "more", .file = in_folder("stimulus.npy") };
    convis_recording_close(&made.recording);
    must(w->c, convis_recording_open(w->c, options_with(&input), &made.recording));
    return made.recording;
}

static convis_bptt *ran(world *w)
{
    if (nulled < 0) must(w->c, convis_bptt_run(w->bptt, 0, FRAMES));
    return w->bptt;
}

static const convis_memory *memory_of(convis_tensor t)
{
    static convis_memory m;
    m = (convis_memory){ .data = t.data, .type = sizeof(convis_real) == 8 ? CONVIS_FLOAT64 : CONVIS_FLOAT32, .shape = t.shape };
    memcpy(m.stride, t.stride, sizeof m.stride);
    return &m;
}

static convis_tensor one_pixel(void) { return convis_view(some.frame, convis_movie_shape(FRAMES, 1, 1)); }

static const void *adams_state(world *w)
{
    must(w->c, convis_optimizer_state_get(w->adam, some.bytes));
    return some.bytes;
}

static void *plain_obtain(void *user, size_t bytes) { (void)user; return malloc(bytes); }
static void plain_release(void *user, void *memory) { (void)user; free(memory); }
static const convis_allocator PLAIN = { plain_obtain, plain_release, NULL };

/* ---- Each pointer NULL in turn ---- */

#define P(k, value) (nulled == (k) ? NULL : (value))
#define MAY_FAIL (1u << 31)                              /* also when nothing lacks: for want of a program, say */

#define STATUS(name, may, pointers, ...) static convis_status status_##name(world *w) { (void)w; return __VA_ARGS__; }
#define VALUE(name, may, pointers, ...)  static int value_##name(world *w) { (void)w; return __VA_ARGS__; }
#define NOTHING(name, may, pointers, ...) static void nothing_##name(world *w) { (void)w; __VA_ARGS__; }
CALLS(STATUS, VALUE, NOTHING)

static const struct misuse {
    const char *name;
    unsigned may;
    int pointers;
    convis_status (*status)(world *);
    int (*value)(world *);
    void (*nothing)(world *);
} MISUSES[] = {
#define STATUS_ROW(name, may, pointers, ...)  { #name, may, pointers, status_##name, NULL, NULL },
#define VALUE_ROW(name, may, pointers, ...)   { #name, may, pointers, NULL, value_##name, NULL },
#define NOTHING_ROW(name, may, pointers, ...) { #name, may, pointers, NULL, NULL, nothing_##name },
    CALLS(STATUS_ROW, VALUE_ROW, NOTHING_ROW) };
enum { MISUSE_COUNT = sizeof MISUSES/sizeof *MISUSES };

/* The sentence is on the context, or, where it is the object that lacks, nobody's. */
static void check_status(const world *w, const struct misuse *u, convis_status status)
{
    const int may_be = nulled < 0 || u->may >> nulled & 1;
    const char *sentence = convis_message(nulled ? w->c : NULL);
    if (may_be && status && !(u->may & MAY_FAIL) && nulled < 0)
        fail_msg("%s: %s (%s)", u->name, convis_message(w->c), convis_strerror(status));
    if (may_be) return;
    if (status != CONVIS_EINVAL) fail_msg("%s, pointer %d NULL: %s", u->name, nulled, convis_strerror(status));
    if ((!strstr(sentence, u->name) || !strstr(sentence, "NULL")) && strncmp(u->name, "convis_open", 11))
        fail_msg("%s, pointer %d NULL: '%s'", u->name, nulled, sentence);
}

static void call(world *w, const struct misuse *u)
{
    if (u->status) check_status(w, u, u->status(w));
    else if (u->nothing) u->nothing(w);
    else if (!u->value(w) == (nulled < 0 || u->may >> nulled & 1)) fail_msg("%s, pointer %d NULL: its value", u->name, nulled);
    end_fresh();
}

/* What is refused changes nothing: the same world serves until a call succeeds. */
static void nothing_is_there(void **state)
{
    world w;
    (void)state;
    begin_world(&w, NULL);
    for (int k = 0; k < MISUSE_COUNT; k++)
        for (nulled = MISUSES[k].pointers - 1; nulled >= -1; nulled--) {
            call(&w, &MISUSES[k]);
            if (nulled >= 0 && !(MISUSES[k].may >> nulled & 1)) continue;
            end_world(&w, 0, THINGS);
            fill_some();
            begin_world(&w, NULL);
        }
    end_world(&w, 0, THINGS);
}

/* A context that could not be opened is there for its message alone. */
static void not_opened(void **state)
{
    convis_context *c = NULL;
    convis_recipe *r;
    convis_model *m;
    (void)state;
    assert_int_not_equal(convis_open(&c, "cpu:abacus"), CONVIS_OK);
    assert_non_null(c);
    refused(c, CONVIS_ESTATE, "no device", convis_model_new(c, 0.01, &m));
    refused(c, CONVIS_ESTATE, "no device", convis_recipe_open(c, "LN", &r));
    refused(c, CONVIS_ESTATE, "no device", convis_recipe_new(c, 0.01, &r));
    refused(c, CONVIS_ESTATE, "no device", convis_recipe_read(c, "text", "x", 1, &r));
    assert_null(r);
    assert_string_equal(convis_device_name(c), "");
    convis_close(&c);
}

/* ---- Every order of closing ---- */

static void any_order_of_closing(void **state)
{
    (void)state;
    for (int first = 0; first < THINGS; first++)
        for (int close_at = 0; close_at <= THINGS; close_at += SANITIZED ? 6 : 3) {
            counter n = { .calls = 0 };
            const convis_allocator a = counting(&n);
            world w;
            begin_world(&w, &a);
            end_world(&w, first, close_at);
            assert_int_equal(n.live, 0);
        }
}

/* What lives goes on after its context was closed, and so does its message. */
static void a_context_lives_as_long_as_its_objects(void **state)
{
    world w;
    convis_model *m = NULL;
    (void)state;
    begin_world(&w, NULL);
    convis_context *c = w.c;
    convis_close(&w.c);
    assert_null(w.c);
    refused(c, CONVIS_ENAME, "nothing", convis_set(w.whole, "nothing", 1));
    must(c, convis_run(w.whole, w.frames));
    must(c, convis_recipe_build(w.recipe, SIDE, SIDE, &m));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, SIDE, SIDE)));
    must(c, convis_movie_read(w.movie, some.frame, 2, &some.count));
    must(c, convis_fit(w.fitted, w.recording, &FIT, NULL));
    must(c, convis_optimizer_step(w.adam, some.reals, some.reals, NULL, NULL, 1));
    must(c, convis_spike_writer_write(w.spike_writer, w.spikes, 1));
    must(c, convis_map_writer_write(w.map_writer, w.frames));
    must(c, convis_reconstruction_write(w.reconstruction, w.spikes, 1));
    assert_ptr_equal(convis_model_context(m), c);
    convis_recipe *r;
    must(c, convis_recipe_open(convis_model_context(m), "LN", &r));
    end_world(&w, 3, THINGS);
    refused(c, CONVIS_ESHAPE, "pixels", convis_recipe_build(r, 0, 0, &w.new));
    convis_recipe_free(&r);
    refused(c, CONVIS_ENAME, "nothing", convis_set(m, "nothing", 1));
    convis_model_free(&m);
}

/* ---- Out of range ---- */

static const convis_shape HUGE_SHAPE = { { INT64_MAX/2, 2, 3, 4, 5 } }, NEGATIVE = { { 1, 1, -1, 2, 2 } };

static void shapes(void **state)
{
    convis_real x = 0;
    world w;
    (void)state;
    assert_int_equal(convis_elements(HUGE_SHAPE), -1);
    assert_int_equal(convis_elements(NEGATIVE), -1);
    assert_int_equal(convis_elements((convis_shape){ { 0, INT64_MAX, INT64_MAX, 1, 1 } }), 0);
    assert_null(convis_view(&x, HUGE_SHAPE).data);
    begin_world(&w, NULL);
    assert_null(convis_slice(w.frames, 9, 0, 1).data);
    assert_null(convis_slice(w.frames, -1, 0, 1).data);
    assert_null(convis_slice(w.frames, CONVIS_T, 0, FRAMES + 1).data);
    assert_null(convis_slice(w.frames, CONVIS_T, -1, 1).data);
    assert_null(convis_slice(w.frames, CONVIS_T, 3, 2).data);
    const convis_shape *bad[] = { &HUGE_SHAPE, &NEGATIVE };
    for (int k = 0; k < 2; k++) {
        convis_map_writer *maps;
        refused(w.c, CONVIS_ESHAPE, "", convis_plan(w.built, *bad[k]));
        refused(w.c, CONVIS_ESHAPE, "", convis_run(w.whole, (convis_tensor){ &x, *bad[k], { 0 } }));
        refused(w.c, CONVIS_ESHAPE, "", convis_map_writer_open(w.c, in_folder("out.npy"), "low", *bad[k], NULL, &maps));
        refused(w.c, CONVIS_ESHAPE, "", convis_map_writer_write(w.map_writer, (convis_tensor){ &x, *bad[k], { 0 } }));
        refused(w.c, CONVIS_ESHAPE, "", convis_synthesize(w.fitted, &SYNTHESIZE, *bad[k], some.frame, NULL));
        refused(w.c, CONVIS_ESHAPE, "", convis_regularizer_add(w.c, &L2, some.reals, *bad[k], &some.real, NULL));
        refused(w.c, CONVIS_ESHAPE, "", convis_vjp_from(w.whole, "low", (convis_tensor){ &x, *bad[k], { 0 } }));
        assert_true(convis_recipe_add_input(w.recipe, "huge", *bad[k]) != CONVIS_OK);
        convis_model *m = model_of(w.c, 0);
        assert_true(convis_add_input(m, "huge", *bad[k], &some.node) != CONVIS_OK);
        convis_model_free(&m);
    }
    refused(w.c, CONVIS_EINVAL, "without data", convis_run(w.whole, convis_view(NULL, convis_movie_shape(FRAMES, SIDE, SIDE))));
    refused(w.c, CONVIS_EINVAL, "without data",
            convis_map_writer_write(w.map_writer, convis_view(NULL, convis_movie_shape(2, SIDE, SIDE))));
    convis_tensor_copy((convis_tensor){ NULL, w.frames.shape, { 0 } }, w.frames);
    convis_tensor_copy(w.out, convis_view(&x, convis_movie_shape(1, 1, 1)));      /* of another shape: nothing is copied */
    end_world(&w, 0, THINGS);
}

/* Numbers of elements. */
static void counts(void **state)
{
    world w;
    convis_reconstruction *r;
    convis_spike_writer *s;
    (void)state;
    begin_world(&w, NULL);
    const int64_t bad[] = { -1, INT64_MIN };
    for (int k = 0; k < 2; k++) {
        assert_true(convis_set_array(w.built, "filter.weights", some.reals, bad[k]) != CONVIS_OK);
        assert_true(convis_get_array(w.whole, "filter.weights", some.reals, bad[k]) != CONVIS_OK);
        assert_true(convis_grad(w.whole, "low.tau", some.reals, bad[k]) != CONVIS_OK);
        assert_true(convis_recipe_cells(w.retina, w.cells, bad[k]) != CONVIS_OK);
        assert_true(convis_cells_write(w.c, in_folder("out"), w.cells, bad[k]) != CONVIS_OK);
        assert_true(convis_spike_writer_open(w.c, in_folder("out.csv"), w.cells, bad[k], NULL, &s) != CONVIS_OK);
        assert_true(convis_spike_writer_write(w.spike_writer, w.spikes, bad[k]) != CONVIS_OK);
        assert_true(convis_reconstruction_open(w.c, w.cells, bad[k], NULL, sink, NULL, &r) != CONVIS_OK);
        assert_true(convis_reconstruction_write(w.reconstruction, w.spikes, bad[k]) != CONVIS_OK);
        assert_true(convis_optimizer_open(w.c, &ADAM, bad[k], &made.optimizer) != CONVIS_OK);
        assert_true(convis_recording_stimulus(w.recording, bad[k], 1, some.frame) != CONVIS_OK);
        assert_true(convis_recording_stimulus(w.recording, 0, bad[k], some.frame) != CONVIS_OK);
        assert_true(convis_recording_response(w.recording, 0, bad[k], some.frame, NULL) != CONVIS_OK);
        assert_true(convis_recording_input_read(w.recording, 0, 0, bad[k], some.frame) != CONVIS_OK);
        assert_true(convis_movie_read(w.movie, some.frame, bad[k], &some.count) != CONVIS_OK);
        assert_true(convis_settle(settled(&w), w.frames, bad[k]) != CONVIS_OK);
        assert_true(convis_fit_objective(w.fitted, w.recording, &FIT, &some.real, some.reals, bad[k]) != CONVIS_OK);
        assert_true(convis_loss_evaluate(w.c, &MSE, some.frame, some.frame, NULL, bad[k], 1, &some.real, NULL) != CONVIS_OK);
        assert_true(convis_scores(w.c, &SCORE, some.varied, some.varied, NULL, 1, bad[k], some.scores) != CONVIS_OK);
        assert_true(convis_recipe_build(w.recipe, bad[k], 4, &made.model) != CONVIS_OK);
        assert_int_equal(convis_movie_view(w.movie, some.frame, bad[k]).shape.dim[CONVIS_T], 0);
    }
    const int64_t large[] = { INT64_MAX, INT64_MAX/2 };
    for (int k = 0; k < 2; k++) {
        assert_true(convis_optimizer_open(w.c, &ADAM, large[k], &made.optimizer) != CONVIS_OK);
        assert_true(convis_loss_evaluate(w.c, &MSE, some.frame, some.frame, NULL, large[k], 8, &some.real, NULL) != CONVIS_OK);
        assert_true(convis_scores(w.c, &SCORE, some.varied, some.varied, NULL, large[k], 8, some.scores) != CONVIS_OK);
        assert_true(convis_recipe_build(w.recipe, large[k], large[k], &made.model) != CONVIS_OK);
        assert_true(convis_recording_stimulus(w.recording, 1, large[k], some.frame) != CONVIS_OK);
    }
    end_world(&w, 0, THINGS);
}

/* Indices of lists: nothing, and what was found before stays as it is or becomes empty. */
static void indices(void **state)
{
    static const int BAD[] = { -1, 1 << 20, INT32_MAX, INT32_MIN };
    world w;
    (void)state;
    begin_world(&w, NULL);
    for (int k = 0; k < 4; k++) {
        const int i = BAD[k];
        assert_int_equal(convis_device_list(i, &some.device), 0);
        assert_null(convis_isa(i, &some.number));
        for (int kind = CONVIS_LAYER; kind <= CONVIS_INPUT; kind++)
            assert_int_equal(convis_list(w.whole, (convis_kind)kind, i, &some.item), 0);
        assert_int_equal(convis_list(w.whole, (convis_kind)(i == 0 ? 99 : i), 0, &some.item), 0);
        assert_null(convis_method(w.whole, i));
        assert_int_equal(convis_recipe_input(w.recipe, i, &some.name, &some.shape), 0);
        assert_null(convis_recipe_name(i, &some.name));
        assert_int_equal(convis_recipe_list(w.recipe, i, &some.setting), 0);
        assert_int_equal(convis_recipe_list(w.retina, i, &some.setting), 0);
        assert_null(convis_recipe_warning(w.recipe, i));
        assert_int_equal(convis_initialiser_list(i, &some.kind), 0);
        assert_int_equal(convis_initialiser_param_list("gaussian", i, &some.param), 0);
        assert_int_equal(convis_recording_input_list(w.recording, i, &some.input_info), 0);
        assert_true(convis_recording_input_read(w.recording, i, 0, 1, some.frame) != CONVIS_OK);
        assert_null(convis_loss_list(i, &some.name));
        assert_null(convis_optimizer_list(i, &some.name, &some.number));
        assert_null(convis_regularizer_list(i, &some.name));
        assert_int_equal(convis_stim_list(i, &some.kind), 0);
        assert_int_equal(convis_stim_param_list("grating", i, &some.param), 0);
        if (i != CONVIS_EINVAL) assert_string_equal(convis_strerror((convis_status)i), "unknown status");
        assert_true(convis_threads(w.c, i) != CONVIS_OK);
    }
    end_world(&w, 0, THINGS);
}

/* Values that no enumerator has, nodes that there are not, texts that are in no list. */
static void unknown(void **state)
{
    world w;
    (void)state;
    begin_world(&w, NULL);
    convis_context *c = w.c;
    static const convis_movie_options MOVIES[] = { { .dt = 0.01, .channel = 7 }, { .dt = 0.01, .channel = -1, .channels = 9 },
                                                   { .dt = NAN }, { .dt = 0.01, .channel = -1, .from = -1 } };
    for (size_t k = 0; k < sizeof MOVIES/sizeof *MOVIES; k++)
        refused(c, CONVIS_EINVAL, "", convis_movie_open(c, in_folder("stimulus.npy"), &MOVIES[k], &made.movie));
    convis_recording_options o = *recorded_options();
    o.channels = 9;
    refused(c, CONVIS_EINVAL, "channels", convis_recording_open(c, &o, &made.recording));
    convis_reconstruction_options r = RECONSTRUCTION;
    r.normalise = 9;
    refused(c, CONVIS_EINVAL, "normalise", convis_reconstruction_open(c, w.cells, CELLS, &r, sink, NULL, &made.reconstruction));
    static const convis_attachment WRONG[] = {
        { "a", 'x', "a", 1 }, { NULL, 't', "a", 0 }, { "a", 't', NULL, 0 }, { "a", 'd', NULL, 2 }
    };
    for (int k = 0; k < 4; k++)
        refused(c, CONVIS_EINVAL, "attachment", convis_model_save(w.recipe, w.fitted, in_folder("out.h5"), &WRONG[k], 1));
    refused(c, CONVIS_EINVAL, "type 'x'",
            convis_model_attached(c, in_folder("saved.h5"), "note", 'x', some.letters, 9, &some.size));
    const convis_from nobody = { NULL, 0 };
    refused(c, CONVIS_EINVAL, "NULL", convis_recipe_add_layer(w.recipe, "lowpass", "third", &nobody, 1));
    const convis_regularizer nameless = { .weight = 1 };
    refused(c, CONVIS_ENAME, "regularizer",
            convis_regularizer_add(c, &nameless, some.reals, convis_movie_shape(1, 1, 1), &some.real, NULL));
    const convis_loss loss = { .kind = NULL };
    assert_true(convis_loss_evaluate(c, &loss, some.frame, some.frame, NULL, 2, 2, &some.real, NULL) != CONVIS_OK);
    const convis_optimizer_options kind = { .kind = NULL };
    assert_true(convis_optimizer_open(c, &kind, 2, &made.optimizer) != CONVIS_OK);
    static const int NODES[] = { -1, 99, INT32_MAX, INT32_MIN, -7 };
    for (int k = 0; k < 5; k++) {
        convis_model *m = model_of(c, 1);
        assert_int_equal(convis_add(m, type_named("lowpass"), "next", (convis_node){ NODES[k] }).id, -1);
        refused(c, CONVIS_EINVAL, "", convis_plan(m, convis_movie_shape(1, SIDE, SIDE)));
        convis_model_free(&m);
        m = model_of(c, 1);
        convis_connect(m, (convis_node){ NODES[k] }, 0, (convis_edge){ { 0 }, 0 });
        refused(c, CONVIS_EINVAL, "", convis_plan(m, convis_movie_shape(1, SIDE, SIDE)));
        convis_model_free(&m);
        m = model_of(c, 1);
        convis_insert(m, w.recipe, "in", (convis_node){ NODES[k] }, SIDE, SIDE);
        assert_true(convis_plan(m, convis_movie_shape(1, SIDE, SIDE)) != CONVIS_OK);
        convis_model_free(&m);
    }
    static const convis_given NO_FRAMES = { "more", NULL, 1, 1, 1 }, NO_NAME = { NULL, some.frame, 1, 1, 1 };
    const convis_given *given[] = { &NO_FRAMES, &NO_NAME };
    for (int k = 0; k < 2; k++) {
        convis_gradcheck_options g = GRADCHECK;
        convis_synthesize_options s = SYNTHESIZE;
        g.given = s.given = given[k];
        g.given_count = s.given_count = 1;
        assert_true(convis_gradcheck(w.fitted, &g, &made.report) != CONVIS_OK);
        assert_true(convis_synthesize(w.built, &s, convis_movie_shape(4, SIDE, SIDE), some.frame, NULL) != CONVIS_OK);
    }
    const convis_recording_input inputs[] = { { .name = NULL, .file = "a.npy" }, { .name = "a", .file = NULL } };
    for (int k = 0; k < 2; k++) assert_true(convis_recording_open(c, options_with(&inputs[k]), &made.recording) != CONVIS_OK);
    end_world(&w, 0, THINGS);
}

/* ---- What is not finite ---- */

/* A model that a movie with one bad pixel leaves as it was; by frames one after the other and by others. */
static void nonfinite_frames(void **state)
{
    enum { BAD = 5*PIXELS + 2*SIDE + 3 };
    const convis_real values[] = { (convis_real)NAN, (convis_real)INFINITY, (convis_real)-INFINITY };
    world w;
    (void)state;
    begin_world(&w, NULL);
    must(w.c, convis_run(w.whole, w.frames));
    const int64_t before = convis_frame(w.whole);
    const size_t size = convis_state_size(w.whole);
    char *bytes = malloc(2*size);
    must(w.c, convis_state_get(w.whole, bytes));
    for (int k = 0; k < 3; k++) {
        w.frames.data[BAD] = values[k];
        char part[96];
        snprintf(part, sizeof part, "input: frame %lld has the value %s at x = 3, y = 2", (long long)before + 5,
                 k ? "infinity" : "NaN");
        refused(w.c, CONVIS_EINVAL, part, convis_run(w.whole, w.frames));
        convis_tensor turned = w.frames;                 /* x and y change places */
        turned.stride[CONVIS_X] = SIDE;
        turned.stride[CONVIS_Y] = 1;
        refused(w.c, CONVIS_EINVAL, "at x = 2, y = 3", convis_run(w.whole, turned));
    }
    must(w.c, convis_state_get(w.whole, bytes + size));
    assert_memory_equal(bytes, bytes + size, size);
    assert_int_equal(convis_frame(w.whole), before);
    must(w.c, convis_output(w.whole, "low", &w.out));
    assert_int_equal(w.out.shape.dim[CONVIS_T], FRAMES);
    free(bytes);
    refused(w.c, CONVIS_EINVAL, "more: frame 0 has the value NaN at x = 0, y = 0",
            convis_give(joined(&w), "more", convis_view((convis_real[]){ (convis_real)NAN }, convis_movie_shape(1, 1, 1))));
    must(w.c, convis_reset(w.whole));
    refused(w.c, CONVIS_EINVAL, "infinity", convis_settle(w.whole, convis_slice(w.frames, CONVIS_T, 5, 6), 3));
    end_world(&w, 0, THINGS);
    end_fresh();
}

/* Let through, they are in the output from then on, at the pixel where they were, and the cell there is stuck. */
static void nonfinite_results(void **state)
{
    world w;
    int64_t count;
    const char *path;
    (void)state;
    begin_world(&w, NULL);
    must(w.c, convis_nonfinite(w.whole, &count, &path));
    assert_int_equal(count, 0);
    assert_null(path);
    must(w.c, convis_allow_nonfinite(w.whole, 1));
    w.frames.data[5*PIXELS + 7] = (convis_real)NAN;
    must(w.c, convis_run(w.whole, w.frames));
    must(w.c, convis_nonfinite(w.whole, &count, &path));
    assert_string_equal(path, "low");
    assert_true(count > FRAMES - 5);                     /* and states of the cell */
    must(w.c, convis_nonfinite(w.whole, &count, NULL));
    convis_model_free(&w.built);
    w.built = model_of(w.c, 2);                          /* where no output is probed the cells' states show it */
    must(w.c, convis_plan(w.built, convis_movie_shape(FRAMES, SIDE, SIDE)));
    refused(w.c, CONVIS_ESTATE, "planned", convis_nonfinite(w.new, &count, &path));
    must(w.c, convis_allow_nonfinite(w.built, 1));
    must(w.c, convis_run(w.built, w.frames));
    must(w.c, convis_nonfinite(w.built, &count, &path));
    assert_true(count > 0);
    assert_string_equal(path, "cells.V");
    must(w.c, convis_allow_nonfinite(w.built, 0));
    refused(w.c, CONVIS_EINVAL, "NaN", convis_run(w.built, w.frames));
    end_world(&w, 0, THINGS);
}

/* ---- */

static int make_files(void **state)
{
    double numbers[FRAMES*PIXELS];
    world w;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/convis_misuse_XXXXXX");
    assert_non_null(mkdtemp(folder));
    fill_some();
    for (int k = 0; k < FRAMES*PIXELS; k++) numbers[k] = chance(2, (uint64_t)k);
    write_npy(in_folder("stimulus.npy"), 3, (int64_t[]){ FRAMES, SIDE, SIDE }, numbers);
    for (int k = 0; k < FRAMES*PIXELS; k++) numbers[k] = chance(3, (uint64_t)k);
    write_npy(in_folder("response.npy"), 2, (int64_t[]){ FRAMES, PIXELS }, numbers);
    write_text("cells.txt", "0 0 0 0\n0 1 0.1 0\n0 2 0 0.1\n");
    write_text("spikes.csv", "unit,time,layer\n0,0.01,0\n1,0.02,0\n");
    write_text("line", "low.tau 0.02\n");
    begin_world(&w, NULL);
    must(w.c, convis_parameters_save(w.built, in_folder("parameters")));
    must(w.c, convis_state_save(w.whole, in_folder("state")));
    must(w.c, convis_model_save(w.recipe, w.whole, in_folder("saved.h5"), ATTACHED, 1));
    end_world(&w, 0, THINGS);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const NAMES[] = { "stimulus.npy", "response.npy", "cells.txt", "spikes.csv", "line", "parameters", "state",
                                         "saved.h5", "out", "out.csv", "out.yaml", "out.h5", "out.npy", "out.png" };
    (void)state;
    for (size_t k = 0; k < sizeof NAMES/sizeof *NAMES; k++) unlink(in_folder(NAMES[k]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_there),
        cmocka_unit_test(not_opened),
        cmocka_unit_test(any_order_of_closing),
        cmocka_unit_test(a_context_lives_as_long_as_its_objects),
        cmocka_unit_test(shapes),
        cmocka_unit_test(counts),
        cmocka_unit_test(indices),
        cmocka_unit_test(unknown),
        cmocka_unit_test(nonfinite_frames),
        cmocka_unit_test(nonfinite_results),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
