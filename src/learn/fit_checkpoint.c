/* fit_checkpoint.c - the file that lets a killed fit go on: a key of the fit, counters, scales, vectors, the optimiser's state. Written
 * as a new file and renamed (atomic), so that there is always a complete one. */
#include "fit_problem.h"
#include "io/sinks.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static const char MAGIC[16] = "convis-fit-1\n";
static const int64_t MOST_EPOCHS = INT64_C(1) << 48;     /* more than can be done, below where counters overflow */
typedef struct head { char magic[16]; uint64_t key; int64_t parameters, n, optimizer_bytes; convis_fit_progress_state progress; } head;
typedef struct scaled { double scale, logarithmic; } scaled;

/* FNV-1a over all that must be the same for the numbers to mean the same. */
static uint64_t mix(uint64_t h, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) h = (h ^ ((const unsigned char *)data)[i])*0x100000001b3u;
    return h;
}

static uint64_t mix_text(uint64_t h, const char *text) { return text ? mix(h, text, strlen(text) + 1) : mix(h, "", 1); }

static uint64_t key_of(const convis_fit_problem *f)
{
    const convis_fit_options *o = f->options;
    const int64_t whole[] = {
        (int64_t)sizeof(convis_real), f->training, f->held, f->segment, f->info.units, f->info.trials, o->truncate, o->starts,
        o->regularizer_count, f->loss.counts
    };
    const double real[] = { f->loss.dt, f->loss.tau, f->loss.shape,
                            o->spread, o->schedule_factor, (double)o->schedule_patience,
                           (double)o->seed };
    uint64_t h = mix(0xcbf29ce484222325u, whole, sizeof whole);
    h = mix(h, real, sizeof real);
    h = mix_text(mix_text(mix_text(h, f->loss.kind), o->schedule), f->bptt.output);
    for (int k = 0; k < f->vector.count; k++) {
        h = mix_text(h, f->vector.list[k].path);
        h = mix(h, &f->vector.list[k].count, sizeof f->vector.list[k].count);
    }
    for (int k = 0; k < o->regularizer_count; k++) {
        h = mix_text(mix_text(h, o->regularizers[k].path), o->regularizers[k].kind);
        h = mix(h, &o->regularizers[k].weight, sizeof o->regularizers[k].weight);
    }
    return h;
}

static head head_of(const convis_fit_problem *f, const convis_optimizer *o)
{
    head h = { .key = key_of(f), .parameters = f->vector.count, .n = f->vector.n,
              .optimizer_bytes = (int64_t)convis_optimizer_state_size(o) };
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    return h;
}

convis_status convis_fit_checkpoint_write(convis_fit_problem *f, const char *file, const convis_fit_progress_state *progress,
                                          const convis_fit_vectors *v, const convis_optimizer *optimizer)
{
    head h = head_of(f, optimizer);
    const double *const vector[] = { v->x, v->best, v->overall, v->origin };
    convis_out o;
    h.progress = *progress;
    char *state = convis_obtain(f->context, (size_t)h.optimizer_bytes);
    if (!state) return CONVIS_ENOMEM;
    convis_status status = convis_optimizer_state_get(optimizer, state);
    if (!status) status = convis_out_open(f->context, file, 0, &o);
    if (!status) {
        convis_out_write(&o, &h, sizeof h);
        for (int k = 0; k < f->vector.count; k++) {
            const scaled s = { f->vector.list[k].scale, f->vector.list[k].logarithmic };
            convis_out_write(&o, &s, sizeof s);
        }
        for (int k = 0; k < 4; k++) convis_out_write(&o, vector[k], (size_t)h.n*sizeof *vector[k]);
        convis_out_write(&o, state, (size_t)h.optimizer_bytes);
        status = convis_out_finish(&o, 1);
    }
    convis_release(f->context, state);
    return status;
}

/* Counters that a fit can have had; a damaged file may have others. */
static int possible(const convis_fit_problem *f, const convis_fit_progress_state *k)
{
    const struct { int64_t value, most; } count[] = {
        { k->start, f->options->starts - 1 }, { k->overall_start, k->start }, { k->epochs, MOST_EPOCHS }, { k->epoch, k->epochs },
        { k->idle, k->epoch }, { k->best_epoch, k->epoch }, { k->overall_epoch, k->epochs }, { k->ended, CONVIS_ENDED_FAILED },
        { k->overall_ended, CONVIS_ENDED_FAILED },
    };
    for (size_t j = 0; j < sizeof count/sizeof *count; j++)
        if (count[j].value < 0 || count[j].value > count[j].most) return 0;
    return !isnan(k->best) && !isnan(k->overall) && k->factor >= 0 && isfinite(k->factor) && k->seconds >= 0 &&
           isfinite(k->seconds);
}

static int all_finite(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) if (!isfinite(x[i])) return 0;
    return 1;
}

static convis_status damaged(const convis_fit_problem *f, const char *name)
{
    return convis_fail(f->context, CONVIS_EFORMAT, "%s: truncated, or with impossible numbers", name);
}

static convis_status read_vectors(convis_fit_problem *f, const char *name, FILE *file, const convis_fit_vectors *v)
{
    double *const vector[] = { v->x, v->best, v->overall, v->origin };
    int good = 1;
    for (int k = 0; good && k < f->vector.count; k++) {
        scaled s;
        good = fread(&s, sizeof s, 1, file) == 1 && isfinite(s.scale) && s.scale > 0;
        if (good) convis_parameter_vector_scale(&f->vector, k, s.scale, s.logarithmic > 0);
    }
    for (int k = 0; good && k < 4; k++)
        good = fread(vector[k], sizeof(double), (size_t)f->vector.n, file) == (size_t)f->vector.n
            && all_finite(vector[k], f->vector.n);
    return good ? CONVIS_OK : damaged(f, name);
}

convis_status convis_fit_checkpoint_read(convis_fit_problem *f, const char *name, convis_fit_progress_state *progress,
                                         const convis_fit_vectors *v, convis_optimizer *optimizer, int *found)
{
    const head expected = head_of(f, optimizer);
    head h;
    char *state = NULL;
    *found = 0;
    FILE *file = fopen(name, "rbe");
    if (!file && errno == ENOENT) return CONVIS_OK;
    if (!file) return convis_fail(f->context, CONVIS_EIO, "%s: %s", name, strerror(errno));
    convis_status status = CONVIS_OK;
    if (fread(&h, sizeof h, 1, file) != 1 || memcmp(h.magic, MAGIC, sizeof MAGIC))
        status = convis_fail(f->context, CONVIS_EFORMAT, "%s: not the checkpoint of a fit", name);
    else if (h.key != expected.key || h.parameters != expected.parameters || h.n != expected.n ||
             h.optimizer_bytes != expected.optimizer_bytes)
        status = convis_fail(f->context, CONVIS_EFORMAT,
                             "%s: the checkpoint of another fit (other parameters, recording or options); "
                             "remove it to begin anew",
                             name);
    if (!status && !possible(f, &h.progress)) status = damaged(f, name);
    if (!status) status = read_vectors(f, name, file, v);
    if (!status && !(state = convis_obtain(f->context, (size_t)h.optimizer_bytes))) status = CONVIS_ENOMEM;
    if (!status && (fread(state, (size_t)h.optimizer_bytes, 1, file) != 1 || fgetc(file) != EOF))
        status = convis_fail(f->context, CONVIS_EFORMAT, "%s: truncated, or longer than it should be", name);
    if (!status) status = convis_optimizer_state_put(optimizer, state, (size_t)h.optimizer_bytes);
    if (!status) {
        *progress = h.progress;
        *found = 1;
    }
    fclose(file);
    convis_release(f->context, state);
    return status;
}
