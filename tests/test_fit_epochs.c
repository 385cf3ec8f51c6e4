/* test_fit_epochs.c - epochs of fits: exact continuation after a kill, early stopping, schedules, several starts. */
#include "cascade.h"
#include <sys/wait.h>

/* ---- Going on after a kill ---- */

static int64_t epochs_left;
static int die(void *user, const convis_fit_progress *p) { (void)user; (void)p; if (--epochs_left == 0) _exit(0); return 0; }

/* In a process of its own, which dies after so many epochs; 0: it does not. Parameters and report go to values.bin. */
static void fit_elsewhere(convis_fit_options o, int64_t die_after)
{
    pid_t child = fork();
    int how;
    if (!child) {
        double values[PARAMETERS];
        convis_fit_report report;
        convis_model *m = cascade(START, 1);
        convis_recording *r = opened("response.npy");
        epochs_left = die_after;
        o.progress = die_after ? die : NULL;
        if (convis_fit(m, r, &o, &report)) _exit(3);
        values_of(m, values);
        FILE *f = fopen("values.bin", "wb");
        fwrite(values, sizeof values, 1, f);
        fwrite(&report, sizeof report, 1, f);
        fclose(f);
        _exit(2);
    }
    assert_true(waitpid(child, &how, 0) == child && WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), die_after ? 0 : 2);
}

static void read_values(double *values, convis_fit_report *report)
{
    FILE *f = fopen("values.bin", "rb");
    assert_true(f && fread(values, sizeof *values, PARAMETERS, f) == PARAMETERS && fread(report, sizeof *report, 1, f) == 1);
    fclose(f);
}

static void killed(void **state)
{
    static const convis_optimizer_options how[] = {
        { .kind = "adam", .rate = 0.02 }, { .kind = "sgd", .rate = 1e-5, .momentum = 0.9 }, { .kind = "lbfgs" }, { .kind = "rprop" },
        { .kind = "quasi_newton" },
    };
    (void)state;
    write_response("response.npy", TRUTH, 10, 2);
    for (size_t k = 0; k < sizeof how/sizeof *how; k++)
        for (int held = 0; held < 2; held++) {
            convis_fit_options o = DEFAULTS;
            double whole[PARAMETERS], parts[PARAMETERS];
            convis_fit_report report, again;
            o.optimizer = how[k];
            o.epochs = 6;
            o.segment = 50;
            o.validate = held ? 0.25 : 0;
            o.schedule = k == 0 ? "plateau" : NULL;
            o.schedule_patience = 1;
            o.starts = 2;
            o.seed = 4;
            fit_elsewhere(o, 0);
            read_values(whole, &report);
            o.checkpoint = "fit.checkpoint";
            unlink(o.checkpoint);
            fit_elsewhere(o, 2);                         /* dies in the first start, ... */
            fit_elsewhere(o, 1);
            fit_elsewhere(o, 5);                         /* ... in the second (unless it has no second epoch) ... */
            fit_elsewhere(o, 0);
            read_values(parts, &again);
            if (memcmp(whole, parts, sizeof whole)) fail_msg("%s: off by %g", how[k].kind, worst_ratio(parts, whole));
            assert_true(again.epochs == report.epochs && again.best_start == report.best_start &&
                        again.best_epoch == report.best_epoch);
            assert_true(again.loss == report.loss && again.resumed == 8 && again.loss_before == report.loss_before);
            fit_elsewhere(o, 0);                         /* nothing is left to do */
            read_values(parts, &again);
            assert_memory_equal(whole, parts, sizeof whole);
            assert_true(again.resumed == report.epochs && again.epochs == report.epochs);
        }
}

static void hostile_checkpoints(void **state)
{
    convis_fit_options o = DEFAULTS;
    char bytes[4096];
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    o.epochs = 2;
    o.checkpoint = "hostile.checkpoint";
    unlink(o.checkpoint);
    fit_elsewhere(o, 0);
    FILE *f = fopen(o.checkpoint, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    convis_recording *r = opened("response.npy");
    const struct { size_t keep, change; const char *sentence; } fault[] = {
        { 8, 0, "not the checkpoint of a fit" }, { 400, 0, "truncated" }, { size - 1, 0, "truncated" },
        { size, 3, "not the checkpoint of a fit" },
        { size, 18, "the checkpoint of another fit" },
    };
    for (size_t k = 0; k < sizeof fault/sizeof *fault; k++) {
        convis_model *m = cascade(START, 1);
        f = fopen(o.checkpoint, "wb");
        char *changed = &bytes[fault[k].change], before = *changed;
        if (fault[k].change) *changed = (char)(before ^ 1);
        fwrite(bytes, 1, fault[k].keep, f);
        *changed = before;
        fclose(f);
        refused(c, CONVIS_EFORMAT, fault[k].keep < size || fault[k].change ? fault[k].sentence : "", convis_fit(m, r, &o, NULL));
        convis_model_free(&m);
    }
    f = fopen(o.checkpoint, "wb");
    fwrite(bytes, 1, size, f);
    fclose(f);
    convis_model *m = cascade(START, 1);
    o.loss.kind = "correlation";
    refused(c, CONVIS_EFORMAT, "other parameters, recording or options", convis_fit(m, r, &o, NULL));
    convis_model_free(&m);
    convis_recording_close(&r);
}

/* ---- Epochs ---- */

enum { MOST = 400 };
static convis_fit_progress seen[MOST];
static int seen_count, stop_at;
static int note(void *user, const convis_fit_progress *p)
{
    (void)user;
    if (seen_count < MOST) seen[seen_count] = *p;
    return ++seen_count == stop_at;
}

static convis_fit_report fitted(convis_fit_options o, double *values)
{
    convis_fit_report report;
    convis_model *m = cascade(START, 1);
    convis_recording *r = opened("response.npy");
    o.progress = note;
    seen_count = 0;
    must(c, convis_fit(m, r, &o, &report));
    values_of(m, values);
    convis_recording_close(&r);
    convis_model_free(&m);
    return report;
}

/* Held-out frames that contradict the others: the best is early, patience ends it, and the best is what is left. */
static void early_stopping(void **state)
{
    enum { HELD = 48 };
    static double data[FRAMES*UNITS];
    double elsewhere[PARAMETERS], values[PARAMETERS];
    (void)state;
    predicted(TRUTH, data);
    for (int k = 0; k < PARAMETERS; k++) elsewhere[k] = 0.8*START[k] + 0.2*TRUTH[k];
    double near_start[FRAMES*UNITS];
    predicted(elsewhere, near_start);
    memcpy(data + (FRAMES - HELD)*UNITS, near_start + (FRAMES - HELD)*UNITS, HELD*UNITS*sizeof *data);
    write_npy("response.npy", 2, (int64_t[]){ FRAMES, UNITS }, data);
    const char *const kind[] = { "adam", "lbfgs", "bobyqa" };
    for (int k = 0; k < 3; k++) {
        convis_fit_options o = DEFAULTS;
        o.optimizer = (convis_optimizer_options){ .kind = kind[k], .rate = 0.01 };
        o.segment = 56;
        o.validate = (double)HELD/FRAMES;
        o.patience = 7;
        o.epochs = 300;
        convis_fit_report report = fitted(o, values);
        assert_int_equal(report.ended, CONVIS_ENDED_PATIENCE);
        assert_int_equal(report.epochs, report.best_epoch + 7);
        assert_int_equal(seen_count, report.epochs);
        double best = report.held_out_before;
        for (int e = 0; e < seen_count; e++) {
            if (seen[e].held_out < best) best = seen[e].held_out;
            assert_true(seen[e].best == best && seen[e].epoch == e + 1 && seen[e].epochs == 300);
            assert_true(seen[e].seconds >= 0 && seen[e].seconds_left >= 0);
        }
        /* Steps see the held-out part from a state that other parameters left behind, so there the last digits differ. */
        assert_true(fabs(report.held_out - best) <= (k ? 0 : 1e-3)*best);
        assert_true(k ? report.held_out <= report.held_out_before : report.held_out < report.held_out_before/5);
    }
}

static void schedules(void **state)
{
    double values[PARAMETERS];
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    o.optimizer = (convis_optimizer_options){ .kind = "adam", .rate = 0.01 };
    o.epochs = 20;
    o.schedule = "exponential";
    o.schedule_factor = 0.9;
    fitted(o, values);
    for (int e = 0; e < 20; e++) assert_true(fabs(seen[e].rate_factor - pow(0.9, e + 1)) < 1e-12);
    o.schedule = "cosine";
    fitted(o, values);
    for (int e = 0; e < 20; e++) assert_true(fabs(seen[e].rate_factor - 0.5*(1 + cos(M_PI*(e + 1)/20))) < 1e-12);
    /* Steps that are too small to gain anything: every third epoch the plateau is called one. */
    o.schedule = "plateau";
    o.schedule_factor = 0.25;
    o.schedule_patience = 3;
    o.optimizer.rate = 1e-300;
    o.patience = 0;
    fitted(o, values);
    for (int e = 0; e < 20; e++) assert_true(seen[e].rate_factor == pow(0.25, (e + 1)/3));
    o.schedule = "linear";
    convis_model *m = cascade(START, 1);
    convis_recording *r = opened("response.npy");
    refused(c, CONVIS_ENAME, "schedule 'linear': expected one of constant", convis_fit(m, r, &o, NULL));
    convis_model_free(&m);
    convis_recording_close(&r);
}

/* The first start is the fit without others; each is another; the best is returned, and the same seed finds it again. */
static void starts(void **state)
{
    double one[PARAMETERS], several[PARAMETERS], again[PARAMETERS], least = INFINITY;
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    o.epochs = 4;
    convis_fit_report alone = fitted(o, one);
    double first = seen[seen_count - 1].best;
    o.starts = 5;
    o.seed = 2;
    convis_fit_report report = fitted(o, several);
    int last = 0;
    for (int e = 0; e < seen_count; e++) {
        if (seen[e].start == 0) assert_true(seen[e].best >= first);
        least = fmin(least, seen[e].best);
        last = seen[e].start;
    }
    assert_true(last == 4 && report.loss == least && report.loss <= alone.loss && report.epochs > 8);
    fitted(o, again);
    assert_memory_equal(several, again, sizeof again);
    o.seed = 3;
    fitted(o, again);
    assert_true(memcmp(several, again, sizeof again));
}

static void stopped(void **state)
{
    double values[PARAMETERS];
    convis_fit_options o = DEFAULTS;
    (void)state;
    write_response("response.npy", TRUTH, 0, 1);
    const char *const kind[] = { "adam", "lbfgs", "nelder_mead" };
    for (int k = 0; k < 3; k++) {
        o.optimizer = (convis_optimizer_options){ .kind = kind[k], .rate = 0.01 };
        o.starts = 3;
        o.patience = 0;
        stop_at = 9;
        convis_fit_report report = fitted(o, values);
        stop_at = 0;
        assert_true(report.ended == CONVIS_ENDED_STOPPED && report.epochs == 9 && seen_count == 9 &&
                    report.loss < report.loss_before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed), cmocka_unit_test(hostile_checkpoints),         /* first, while there are no threads to lose in a fork */
        cmocka_unit_test(early_stopping), cmocka_unit_test(schedules), cmocka_unit_test(starts), cmocka_unit_test(stopped),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
