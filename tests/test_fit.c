/* test_fit.c - fits: gradients that pass chunk edges and reach earlier frames, parameters found again, states that pass from step to step,
 * and what is said where something is wrong. */
#include "cascade.h"
#include "learn/bptt.h"

/* ---- Gradients ---- */

static void gradient_at(const double *values, const char *response, convis_fit_options o, double *value, double *gradient)
{
    convis_model *m = cascade(values, 1);
    convis_recording *r = opened(response);
    must(c, convis_fit_objective(m, r, &o, value, gradient, PARAMETERS));
    convis_recording_close(&r);
    convis_model_free(&m);
}

static double distance(const double *a, const double *b)
{
    double sum = 0, size = 0;
    for (int k = 0; k < PARAMETERS; k++) { sum += (a[k] - b[k])*(a[k] - b[k])/(b[k]*b[k] + 1e-300); size++; }
    return sqrt(sum/size);
}

static void against_differences(void **state)
{
    static const char *const loss[] = { "mse", "poisson", "correlation", "spike_distance" };
    const convis_regularizer penalties[] = { { .path = "synapse.amplification", .kind = "l2", .weight = 0.01 },
                                              { .path = "high.weight", .kind = "l1", .weight = 0.3 } };
    (void)state;
    write_response("response.npy", TRUTH, 3, 2);
    for (int j = 0; j < 4; j++) {
        convis_fit_options o = DEFAULTS;
        double value, gradient[PARAMETERS], difference[PARAMETERS];
        o.loss = (convis_loss){ .kind = loss[j], .tau = 0.02, .counts = 0 };
        o.chunk = 9;
        o.validate = 0.2;
        o.regularizers = penalties;
        o.regularizer_count = 2;
        gradient_at(START, "response.npy", o, &value, gradient);
        for (int k = 0; k < PARAMETERS; k++) {
            double at[PARAMETERS], high, low, h = (SINGLE ? 1e-2 : 1e-5)*fmax(fabs(START[k]), 0.1*(k > 2));
            memcpy(at, START, sizeof at);
            at[k] = START[k] + h;
            gradient_at(at, "response.npy", o, &high, NULL);
            at[k] = START[k] - h;
            gradient_at(at, "response.npy", o, &low, NULL);
            difference[k] = (high - low)/(2*h);
        }
        if (distance(gradient, difference) > (SINGLE ? 2e-2 : 1e-6))
            fail_msg("%s: off by %g", loss[j], distance(gradient, difference));
    }
}

/* Chunks of any length, states stored or computed again: the same gradient. Cut at chunk edges it is another. */
static void chunks(void **state)
{
    static const int64_t length[] = { 1, 3, 16, 50, 159, 1000 };
    double value, whole, expected[PARAMETERS], gradient[PARAMETERS];
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    o.chunk = FRAMES;
    gradient_at(START, "response.npy", o, &whole, expected);
    for (size_t k = 0; k < sizeof length/sizeof *length; k++) {
        o.chunk = length[k];
        o.truncate = 0;
        gradient_at(START, "response.npy", o, &value, gradient);
        assert_true(value == whole);
        double off = distance(gradient, expected);
        if (off > (SINGLE ? 2e-5 : 1e-12)) fail_msg("chunk %d: off by %g", (int)length[k], off);
        o.truncate = 1;
        gradient_at(START, "response.npy", o, &value, gradient);
        assert_true(value == whole);
        assert_true(length[k] >= FRAMES ? distance(gradient, expected) == 0 : distance(gradient, expected) > 1e-4);
    }
}

static convis_status read_noise(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user;
    for (int64_t i = 0; i < frames*UNITS; i++) to[i] = (convis_real)chance(3, (uint64_t)(from*UNITS + i));
    return CONVIS_OK;
}

/* With room for all states and with room for none: the same bits, of parameters and of the movie, and the state after. */
static void bounded_memory(void **state)
{
    double gradient[2][PARAMETERS];
    convis_real d_movie[2][FRAMES*UNITS];
    char *after[2];
    size_t size = 0;
    (void)state;
    for (int small = 0; small < 2; small++) {
        convis_model *m = cascade(START, 1);
        convis_bptt p;
        must(c, convis_require_gradient(m, "input"));
        must(c, convis_bptt_open(m, NULL, convis_movie_shape(1, HEIGHT, WIDTH), 7, FRAMES, "movie", &p));
        p.read = read_noise;
        p.budget = small ? 1 : 1 << 20;
        must(c, convis_bptt_forward(&p, 0, FRAMES, 1));
        assert_int_equal(p.chunks, (FRAMES + 6)/7);
        assert_int_equal(p.stride, small ? 5 : 1);
        for (int i = 0; i < FRAMES*UNITS; i++) p.gradient[i] = p.prediction[i] - 50;
        must(c, convis_bptt_back(&p, d_movie[small]));
        for (int k = 0; k < PARAMETERS; k++) must(c, convis_grad(m, PATHS[k], &gradient[small][k], 1));
        size = convis_state_size(m);
        after[small] = malloc(size);
        must(c, convis_state_get(m, after[small]));
        assert_int_equal(convis_frame(m), FRAMES);
        convis_bptt_close(&p);
        convis_model_free(&m);
    }
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
    assert_memory_equal(d_movie[0], d_movie[1], sizeof d_movie[0]);
    assert_memory_equal(after[0], after[1], size);
    free(after[0]);
    free(after[1]);
}

/* ---- Trials, masks, onset ---- */

static void trials(void **state)
{
    double all, one, mean = 0, gradient[PARAMETERS], part[PARAMETERS], sum[PARAMETERS] = { 0 };
    static double data[3*FRAMES*UNITS];
    convis_real rows[3*FRAMES*UNITS];
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("three.npy", TRUTH, 20, 3);
    convis_recording *r = opened("three.npy");
    must(c, convis_recording_response(r, 0, FRAMES, rows, NULL));
    convis_recording_close(&r);
    o.loss.kind = "correlation";                         /* not what the mean response would give */
    gradient_at(START, "three.npy", o, &all, gradient);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < FRAMES*UNITS; i++) data[i] = (double)rows[k*FRAMES*UNITS + i];
        write_npy("one.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
        gradient_at(START, "one.npy", o, &one, part);
        mean += one/3;
        for (int j = 0; j < PARAMETERS; j++) sum[j] += part[j]/3;
    }
    assert_true(fabs(all - mean) < (SINGLE ? 1e-6 : 1e-12));
    assert_true(distance(gradient, sum) < (SINGLE ? 1e-4 : 1e-9));
    /* Frames that were not measured do not count; nor does a trial of which nothing was. */
    for (int i = 0; i < FRAMES*UNITS; i++) {
        data[i] = (double)rows[i];
        data[FRAMES*UNITS + i] = i/UNITS < 40 ? NAN : (double)rows[FRAMES*UNITS + i];
        data[2*FRAMES*UNITS + i] = NAN;
    }
    write_npy("gaps.npy", 3, (int64_t[]){ 3, FRAMES, UNITS }, data);
    o.loss.kind = "mse";
    gradient_at(START, "gaps.npy", o, &all, gradient);
    double expected = 0, prediction[FRAMES*UNITS];
    int count = 0;
    predicted(START, prediction);
    for (int i = 0; i < 2*FRAMES*UNITS; i++) {
        if (isnan(data[i])) continue;
        expected += pow(prediction[i%(FRAMES*UNITS)] - data[i], 2);
        count++;
    }
    assert_true(fabs(all - expected/count) < (SINGLE ? 1e-5 : 1e-11)*all);
}

static void onset(void **state)
{
    static double data[FRAMES*UNITS];
    double expected = 0, prediction[FRAMES*UNITS], value;
    (void)state;
    predicted(TRUTH, data);
    predicted(START, prediction);
    for (int i = 0; i < FRAMES*UNITS; i++) {
        if (i < 30*UNITS) data[i] = 1e4;
        else expected += pow(prediction[i] - data[i], 2)/((FRAMES - 30)*UNITS);
    }
    write_npy("late.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    convis_recording *r;
    const convis_recording_options skipping = { .stimulus = "stimulus.npy", .response = "late.npy", .dt = DT, .skip = 30 };
    must(c, convis_recording_open(c, &skipping, &r));
    convis_model *m = cascade(START, 1);
    must(c, convis_fit_objective(m, r, &DEFAULTS, &value, NULL, 0));
    assert_true(fabs(value - expected) < (SINGLE ? 1e-5 : 1e-11)*expected);
    convis_model_free(&m);
    /* Segments of which nothing counts make no step, but are run. */
    m = cascade(START, 1);
    convis_fit_options o = DEFAULTS;
    convis_fit_report report;
    double values[PARAMETERS];
    o.optimizer = (convis_optimizer_options){ .kind = "adam", .rate = 0.02 };
    o.segment = 20;
    o.epochs = 200;
    must(c, convis_fit(m, r, &o, &report));
    values_of(m, values);
    assert_true(report.loss < report.loss_before/100 && fabs(report.loss_before - expected) < (SINGLE ? 1e-5 : 1e-11)*expected);
    convis_model_free(&m);
    convis_recording_close(&r);
}

/* ---- The truth ---- */

static void found_by(convis_fit_options o, double tolerance)
{
    double values[PARAMETERS];
    convis_fit_report report;
    convis_model *m = cascade(START, 1);
    convis_recording *r = opened("response.npy");
    must(c, convis_fit(m, r, &o, &report));
    values_of(m, values);
    assert_int_equal(report.parameters, PARAMETERS);
    if (worst_ratio(values, TRUTH) > tolerance)
        fail_msg("%s: off by %g after %d epochs, loss %g from %g", o.optimizer.kind, worst_ratio(values, TRUTH),
                 (int)report.epochs, report.loss, report.loss_before);
    /* What the report says is what the model now gives, and from its first frame. */
    double again;
    assert_int_equal(convis_frame(m), 0);
    must(c, convis_fit_objective(m, r, &o, &again, NULL, 0));
    assert_true(again == report.loss);
    convis_recording_close(&r);
    convis_model_free(&m);
}

static void truth(void **state)
{
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    o.optimizer.kind = "lbfgs";
    found_by(o, SINGLE ? 2e-3 : 1e-6);
    o.optimizer.kind = "quasi_newton";
    found_by(o, SINGLE ? 0.1 : 1e-4);
    o.optimizer.kind = "bobyqa";
    o.epochs = 2000;
    o.patience = 0;
    found_by(o, SINGLE ? 5e-2 : 1e-3);
    o.optimizer = (convis_optimizer_options){ .kind = "adam", .rate = 0.02 };
    o.segment = 40;
    o.epochs = 1500;
    o.schedule = "cosine";
    found_by(o, 2e-2);
    o.optimizer = (convis_optimizer_options){ .kind = "rprop" };
    o.segment = 0;
    o.schedule = NULL;
    o.epochs = 1000;
    found_by(o, 2e-2);
}

/* ---- State passes from step to step ---- */

static double first_loss;
static int note_loss(void *user, const convis_fit_progress *p) { (void)user; first_loss = p->loss; return 0; }

/* Steps too small to matter: the losses of the segments then are those of one run over everything. */
static void state_passes_on(void **state)
{
    convis_fit_options o = DEFAULTS;
    double whole;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    gradient_at(START, "response.npy", o, &whole, NULL);
    o.optimizer = (convis_optimizer_options){ .kind = "sgd", .rate = 1e-300 };
    o.epochs = 1;
    o.progress = note_loss;
    for (int segment = 1; segment < 100; segment += 13) {
        convis_model *m = cascade(START, 1);
        convis_recording *r = opened("response.npy");
        o.segment = segment;
        must(c, convis_fit(m, r, &o, NULL));
        if (fabs(first_loss - whole) > 1e-6*whole) fail_msg("segments of %d: %g, not %g", segment, first_loss, whole);
        convis_recording_close(&r);
        convis_model_free(&m);
    }
}

/* An epoch by hand: run a segment, go back through it, step; the next segment begins where this one ended. Weight decay makes
 * x linear in the parameters, so that the scale is all there is between the two. */
static void epoch_by_hand(void **state)
{
    enum { SEGMENT = 32 };
    static double answer[FRAMES*UNITS];
    convis_real frames[SEGMENT*UNITS], d[SEGMENT*UNITS];
    double values[PARAMETERS], expected[PARAMETERS], scale[PARAMETERS], x[PARAMETERS];
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    predicted(TRUTH, answer);
    convis_recording *r = opened("response.npy");
    convis_model *m = cascade(START, 1);
    o.optimizer = (convis_optimizer_options){ .kind = "sgd", .rate = 1e-4, .weight_decay = 1e-3 };
    o.segment = SEGMENT;
    o.chunk = 5;
    o.epochs = 1;
    must(c, convis_fit(m, r, &o, NULL));
    values_of(m, values);
    convis_model_free(&m);

    m = cascade(START, 1);
    must(c, convis_probe(m, "synapse"));
    must(c, convis_plan(m, convis_movie_shape(SEGMENT, HEIGHT, WIDTH)));
    static const double usual[] = { 0.01, 0.03, 1, 1, 70, 100 };         /* the defaults; 1 where that is 0 */
    for (int k = 0; k < PARAMETERS; k++) {
        scale[k] = fmax(START[k], usual[k]);
        x[k] = START[k]/scale[k];
    }
    for (int from = 0; from < FRAMES; from += SEGMENT) {
        convis_tensor out;
        must(c, convis_recording_stimulus(r, from, SEGMENT, frames));
        must(c, convis_grad_zero(m));
        must(c, convis_run(m, convis_view(frames, convis_movie_shape(SEGMENT, HEIGHT, WIDTH))));
        must(c, convis_output(m, "synapse", &out));
        for (int i = 0; i < SEGMENT*UNITS; i++)
            d[i] = (convis_real)(2*((double)out.data[i] - answer[from*UNITS + i])/(SEGMENT*UNITS));
        must(c, convis_vjp_from(m, "synapse", convis_view(d, convis_movie_shape(SEGMENT, HEIGHT, WIDTH))));
        must(c, convis_vjp(m, NULL));
        if (!from) must(c, convis_vjp_baseline(m));
        for (int k = 0; k < PARAMETERS; k++) {
            double g;
            must(c, convis_grad(m, PATHS[k], &g, 1));
            x[k] -= 1e-4*(scale[k]*g + 1e-3*x[k]);
            must(c, convis_set(m, PATHS[k], scale[k]*x[k]));
        }
    }
    values_of(m, expected);
    for (int k = 0; k < PARAMETERS; k++) {
        double moved = fabs(expected[k] - START[k]);
        assert_true(moved > 0 && fabs(values[k] - expected[k]) < (SINGLE ? 1e-3 : 1e-9)*moved);
    }
    convis_model_free(&m);
    convis_recording_close(&r);
}

/* ---- What goes wrong ---- */

/* y = a x, and for a > 2 NaN. */
static convis_status cliff_forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape)*p->frames;
    for (int64_t i = 0; i < n && !p->thread; i++)
        p->out[i] = p->param[0] > 2 ? (convis_real)NAN : (convis_real)p->param[0]*p->in[0][i];
    convis_barrier(p);
    return CONVIS_OK;
}

static convis_status cliff_vjp(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    for (int64_t i = 0; i < n*p->frames && !p->thread; i++) p->d_map[i%n] += p->d_out[i]*p->in[0][i];
    convis_barrier(p);
    return CONVIS_OK;
}

static const convis_field cliff_params[] = { { "a", "1", 1, -1e3, 1e3, 0, "factor" }, { 0 } }, cliff_states[] = { { 0 } };
static const convis_layer_type cliff = {
    .abi = CONVIS_LAYER_ABI, .name = "cliff", .doc = "a factor that must not exceed 2", .params = cliff_params, .states = cliff_states,
    .inputs = 1, .forward = cliff_forward, .vjp = cliff_vjp,
};

static convis_model *on_the_cliff(double a)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_add(m, &cliff, "cliff", convis_input(m));
    must(c, convis_set(m, "cliff.a", a));
    must(c, convis_require_gradient(m, "cliff"));
    return m;
}

static void no_numbers(void **state)
{
    static double data[FRAMES*UNITS];
    convis_fit_options o = DEFAULTS;
    convis_fit_report report;
    double a;
    (void)state;
    for (int i = 0; i < FRAMES*UNITS; i++) data[i] = 1.9*chance(5, (uint64_t)(i/UNITS/3*UNITS + i%UNITS));
    write_npy("response.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    convis_recording *r = opened("response.npy");
    /* Searches step back ... */
    const char *const kind[] = { "lbfgs", "quasi_newton", "tnewton", "bobyqa" };
    for (int k = 0; k < 4; k++) {
        convis_model *m = on_the_cliff(0.1);
        o.optimizer = (convis_optimizer_options){ .kind = kind[k] };
        o.patience = 0;
        must(c, convis_fit(m, r, &o, &report));
        must(c, convis_get(m, "cliff.a", &a));
        if (fabs(a - 1.9) > 1e-3) fail_msg("%s: %g", kind[k], a);
        convis_model_free(&m);
    }
    /* ... steps end, and leave the last good parameters: those after the epoch with the least loss. */
    convis_model *m = on_the_cliff(0.1);
    o.optimizer = (convis_optimizer_options){ .kind = "sgd", .rate = 300 };              /* 0.03 times that by its scale squared */
    refused(c, CONVIS_EINVAL, "fit: epoch ", convis_fit(m, r, &o, &report));
    assert_true(strstr(convis_message(c), "frames 0 to 159: loss") && report.ended == CONVIS_ENDED_FAILED);
    must(c, convis_get(m, "cliff.a", &a));
    assert_true(a >= 0.1 && a <= 2 && report.loss <= report.loss_before && report.epochs >= 0);
    convis_model_free(&m);
    /* The start itself. */
    for (int k = 0; k < 2; k++) {
        m = on_the_cliff(3);
        o.optimizer = (convis_optimizer_options){ .kind = k ? "adam" : "lbfgs" };
        refused(c, CONVIS_EINVAL, "the prediction at frame 0 is ", convis_fit(m, r, &o, &report));
        must(c, convis_get(m, "cliff.a", &a));
        assert_true(a == 3);
        convis_model_free(&m);
    }
    /* Perturbed starts may fall off; the others count. */
    m = on_the_cliff(1);
    o.optimizer = (convis_optimizer_options){ .kind = "lbfgs" };
    o.starts = 8;
    o.spread = 3;
    must(c, convis_fit(m, r, &o, &report));
    must(c, convis_get(m, "cliff.a", &a));
    assert_true(fabs(a - 1.9) < 1e-3);
    convis_model_free(&m);
    convis_recording_close(&r);
}

static void diverging(void **state)
{
    double values[PARAMETERS];
    convis_fit_options o = DEFAULTS;
    convis_fit_report report;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    convis_model *m = cascade(START, 1);
    convis_recording *r = opened("response.npy");
    o.optimizer = (convis_optimizer_options){ .kind = "sgd", .rate = 1e9 };
    o.segment = 40;
    refused(c, CONVIS_EINVAL, "fit: epoch 1", convis_fit(m, r, &o, &report));
    values_of(m, values);
    assert_memory_equal(values, START, sizeof values);
    assert_true(report.ended == CONVIS_ENDED_FAILED && report.loss == report.loss_before);
    convis_model_free(&m);
    convis_recording_close(&r);
}

#define REFUSE(status, sentence, change) do {                                                     \
        convis_fit_options o = DEFAULTS;                                                          \
        convis_model *m = cascade(START, 1);                                                      \
        convis_recording *r = opened("response.npy");                                             \
        change;                                                                                   \
        refused(c, status, sentence, convis_fit(m, r, &o, NULL));                                 \
        convis_recording_close(&r);                                                               \
        convis_model_free(&m); } while (0)

static void sentences(void **state)
{
    static double data[FRAMES*UNITS];
    const convis_regularizer unknown = { .path = "low.gain", .kind = "l2", .weight = 1 },
                             layer = { .path = "low", .kind = "l2", .weight = 1 },
                             kind = { .path = "low.tau", .kind = "l3", .weight = 1 };
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    REFUSE(CONVIS_ENAME, "optimiser 'lbfsg'", o.optimizer.kind = "lbfsg");
    REFUSE(CONVIS_ENAME, "loss 'mes'", o.loss.kind = "mes");
    REFUSE(CONVIS_ENAME, "sinapse", o.output = "sinapse");
    REFUSE(CONVIS_EINVAL, "0 epochs", o.epochs = 0);
    REFUSE(CONVIS_EINVAL, "0 starts", o.starts = 0);
    REFUSE(CONVIS_EINVAL, "validate is 0.95", o.validate = 0.95);
    REFUSE(CONVIS_EINVAL, "tolerance is -1", o.tolerance = -1);
    REFUSE(CONVIS_EINVAL, "segment is -5", o.segment = -5);
    REFUSE(CONVIS_ENAME, "'low.gain' is no parameter that is fitted", (o.regularizers = &unknown, o.regularizer_count = 1));
    REFUSE(CONVIS_ENAME, "'low' is no parameter", (o.regularizers = &layer, o.regularizer_count = 1));
    REFUSE(CONVIS_ENAME, "regularizer 'l3'", (o.regularizers = &kind, o.regularizer_count = 1));
    REFUSE(CONVIS_ESTATE, "no parameter requires gradient", (convis_model_free(&m), m = cascade(START, 0)));
    REFUSE(CONVIS_EIO, "no/such/folder", (o.epochs = 2, o.checkpoint = "no/such/folder/file"));
    REFUSE(CONVIS_ESHAPE, "the model is planned for (1, 4, 4)", must(c, convis_plan(m, convis_movie_shape(8, 4, 4))));
    const convis_shape small = convis_movie_shape(8, HEIGHT, WIDTH);
    REFUSE(CONVIS_ESTATE, "was not probed", (convis_model_free(&m), m = cascade(START, 0), convis_plan(m, small)));
    write_npy("response.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    REFUSE(CONVIS_EINVAL, "all units are constant, the first 0 in all 160 frames", (void)0);
    for (int i = 0; i < FRAMES*UNITS; i++) data[i] = 7;
    write_npy("response.npy", 1, (int64_t[]){ FRAMES }, data);
    REFUSE(CONVIS_ESHAPE, "response: 1 unit, but 'synapse' has (C, Y, X) = (1, 2, 3) numbers a frame", (void)0);
    for (int i = 0; i < FRAMES*UNITS; i++) data[i] = i < (FRAMES - 32)*UNITS ? NAN : i;
    write_npy("response.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    REFUSE(CONVIS_EINVAL, "nothing counts in the 128 frames of the training part", (o.validate = 0.2, o.chunk = 10));
    for (int i = 0; i < FRAMES*UNITS; i++) data[i] = i >= (FRAMES - 40)*UNITS ? NAN : i;
    write_npy("response.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    REFUSE(CONVIS_EINVAL, "nothing counts in the 32 frames held out", o.validate = 0.2);
    convis_recording *r;
    const convis_recording_options slower = { .stimulus = "stimulus.npy", .response = "response.npy", .dt = 2*DT };
    must(c, convis_recording_open(c, &slower, &r));
    convis_model *m = cascade(START, 1);
    refused(c, CONVIS_EINVAL, "frames of 0.01 s, but those of the model are 0.005 s", convis_fit(m, r, &DEFAULTS, NULL));
    convis_model_free(&m);
    convis_recording_close(&r);
}

/* The k-th request for memory fails: a sentence, nothing lost, and parameters that are some the fit has had. */
static void scarce_memory(void **state)
{
    convis_context *usual = c;
    int k = 1, done = 0;
    (void)state;
    write_response("response.npy", TRUTH, 1, 2);
    for (; !done && k < 1000; k++) {
        counter count = { .fail_at = 0 };
        const convis_allocator allocator = counting(&count);
        convis_fit_options o = DEFAULTS;
        assert_int_equal(convis_open_with(&c, "cpu", &allocator), CONVIS_OK);
        convis_model *m = cascade(START, 1);
        convis_recording *r = opened("response.npy");
        o.epochs = 2;
        o.starts = 2;
        o.validate = 0.2;
        o.checkpoint = k%2 ? "scarce.checkpoint" : NULL;
        unlink("scarce.checkpoint");
        count.fail_at = count.calls + k;
        convis_status status = convis_fit(m, r, &o, NULL);
        count.fail_at = 0;
        if (status != CONVIS_OK && status != CONVIS_ENOMEM) fail_msg("request %d: %s", k, convis_message(c));
        done = !status;
        convis_recording_close(&r);
        convis_model_free(&m);
        convis_close(&c);
        assert_int_equal(count.live, 0);
    }
    c = usual;
    assert_true(done && k > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_differences), cmocka_unit_test(chunks), cmocka_unit_test(bounded_memory), cmocka_unit_test(trials),
        cmocka_unit_test(onset), cmocka_unit_test(truth), cmocka_unit_test(state_passes_on), cmocka_unit_test(epoch_by_hand),
        cmocka_unit_test(no_numbers), cmocka_unit_test(diverging), cmocka_unit_test(sentences), cmocka_unit_test(scarce_memory),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
