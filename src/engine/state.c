/* state.c - reset, push and pop, get and put, save and load: one walk over the whole state serves them all.
 *
 * A model's state is the frame number, every layer's states, and the frames that delayed inputs still need. Noise needs
 * no more than the frame number. */
#include "memory.h"
#include "base/atomic_file.h"
#include <stdio.h>
#include <string.h>

/* ---- The baseline ---- */

static void fill(const convis_model *m, convis_real *data, int64_t n, double value)
{
    convis_rows_fill(m->device, data, (convis_rows){ 1, n, n }, value);
}

/* Feedback is 0 before the first frame, else the baseline of a loop would depend on itself. */
int convis_is_fed_back(const convis_model *m, int layer)
{
    for (int j = 0; j <= layer; j++)
        for (int k = 0; k < m->layers[j].inputs; k++)
            if (m->layers[j].in[k].from.id == layer + 1) return 1;
    return 0;
}

static void start_history(const convis_model *m, buffer *b, double value)
{
    b->phase = 0;
    if (b->base) fill(m, b->base, b->history*b->n, value);
}

static void start_input(const convis_model *m, model_input *i)
{
    buffer *b = &i->frames;
    b->baseline = i->baseline;
    start_history(m, b, b->baseline);
}

/* States and histories as before the first frame. */
static void start(convis_model *m)
{
    m->epoch++;
    m->taped = 0;
    for (int k = 0; k < m->input_count; k++) start_input(m, &m->inputs[k]);
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        double x[CONVIS_MAX_INPUTS], state[CONVIS_MAX_STATES];
        for (int k = 0; k < l->inputs; k++) x[k] = convis_edge_baseline(m, l, k);
        for (int k = 0; k < l->states; k++) state[k] = l->type->states[k].value;
        l->out.baseline = l->type->baseline ? l->type->baseline(&l->pass, x, state) : 0;
        for (int k = 0; k < l->states; k++) fill(m, l->pass.state[k], l->state_n[k], state[k]);
        start_history(m, &l->out, convis_is_fed_back(m, j) ? 0 : l->out.baseline);
    }
}

/* FNV-1a of the layer's path, so that adding a layer changes no other layer's noise; mixed with the seed by the
 * finaliser of MurmurHash3. */
static uint64_t noise_key(uint64_t seed, const char *path)
{
    uint64_t h = 14695981039346656037u;
    for (; *path; path++) h = (h ^ (unsigned char)*path)*1099511628211u;
    h ^= seed*0x9E3779B97F4A7C15u;
    h = (h ^ h >> 33)*0xff51afd7ed558ccdu;
    h = (h ^ h >> 33)*0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

convis_status convis_seed(convis_model *m, uint64_t seed)
{
    CONVIS_NEEDS(m);
    m->seed = seed;
    for (int j = 0; j < m->count; j++) m->layers[j].pass.key = noise_key(seed, m->layers[j].name);
    return CONVIS_OK;
}

uint64_t convis_seed_of(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    return m->seed;
}

convis_status convis_reset(convis_model *m)
{
    CONVIS_NEEDS(m);
    if (convis_refuse(m)) return m->status;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it is reset");
    convis_status status = convis_prepare(m);
    if (status) return status;
    m->frame = m->ran = 0;
    m->spike_count = 0;
    convis_seed(m, m->seed);
    start(m);
    return convis_device_sync(m->device);
}

/* ---- One walk ---- */

/* data: on the device, or the host's. */
typedef void visitor(const convis_model *, void *user, void *data, size_t bytes, int on_device);

static void walk_history(const convis_model *m, const buffer *b, visitor *visit, void *user)
{
    if (!b->base || !b->history) return;
    const int steps = b->ring ? b->history : 1;          /* the oldest frame first */
    for (int k = 0; k < steps; k++)
        visit(m, user, b->base + (b->ring ? (b->phase + k) % b->ring : 0)*b->n,
              (size_t)(b->history/steps*b->n)*sizeof(convis_real), 1);
}

static void walk(const convis_model *m, visitor *visit, void *user)
{
    visit(m, user, (void *)(uintptr_t)&m->frame, sizeof m->frame, 0);
    for (int k = 0; k < m->input_count; k++) walk_history(m, &m->inputs[k].frames, visit, user);
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        for (int k = 0; k < l->states; k++) visit(m, user, l->pass.state[k], (size_t)l->state_n[k]*sizeof(convis_real), 1);
        walk_history(m, &l->out, visit, user);
    }
}

static void measure(const convis_model *m, void *user, void *data, size_t bytes, int on_device)
{
    (void)m, (void)data, (void)on_device;
    *(size_t *)user += bytes;
}

static void copy_out(const convis_model *m, void *user, void *data, size_t bytes, int on_device)
{
    char **to = user;
    if (on_device) convis_device_get(m->device, CONVIS_QUEUE_RUN, *to, data, bytes);
    else memcpy(*to, data, bytes);
    *to += bytes;
}

static void copy_in(const convis_model *m, void *user, void *data, size_t bytes, int on_device)
{
    const char **from = user;
    if (on_device) convis_device_put(m->device, CONVIS_QUEUE_RUN, data, *from, bytes);
    else memcpy(data, *from, bytes);
    *from += bytes;
}

size_t convis_state_size(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    size_t bytes = 0;
    if (m->planned) walk(m, measure, &bytes);
    return bytes;
}

convis_status convis_state_get(const convis_model *m, void *bytes)
{
    CONVIS_NEEDS(m, bytes);
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it has a state");
    char *to = bytes;
    walk(m, copy_out, &to);
    return convis_device_sync(m->device);
}

convis_status convis_state_put(convis_model *m, const void *bytes, size_t size)
{
    CONVIS_NEEDS(m, bytes);
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it has a state");
    size_t expected = convis_state_size(m);
    if (size != expected) return convis_fail(m->context, CONVIS_ESHAPE, "state: %zu bytes, this model's has %zu", size, expected);
    int64_t frame;
    memcpy(&frame, bytes, sizeof frame);                  /* the walk begins with it */
    if (frame < 0 || frame > INT64_MAX/2)
        return convis_fail(m->context, CONVIS_EINVAL, "state: of frame %lld, expected 0 or more", (long long)frame);
    const char *from = bytes;
    walk(m, copy_in, &from);
    m->epoch++;
    m->ran = m->taped = 0;
    m->spike_count = 0;
    return convis_device_sync(m->device);
}

/* ---- Stack ---- */

convis_status convis_push(convis_model *m)
{
    CONVIS_NEEDS(m);
    size_t bytes = convis_state_size(m);
    if (!bytes) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before its state is pushed");
    snapshot *s = convis_obtain(m->context, sizeof *s + bytes);
    if (!s) return CONVIS_ENOMEM;
    s->below = m->stack;
    m->stack = s;
    return convis_state_get(m, s + 1);
}

convis_status convis_pop(convis_model *m)
{
    CONVIS_NEEDS(m);
    snapshot *s = m->stack;
    if (!s) return convis_fail(m->context, CONVIS_ESTATE, "no state was pushed");
    convis_status status = convis_state_put(m, s + 1, convis_state_size(m));
    m->stack = s->below;
    convis_release(m->context, s);
    return status;
}

/* ---- Files: a line that says what it is, a layout code, the size, the bytes ---- */

static const char MAGIC[16] = "convis-state-1\n";

/* Differs between models whose states do not mean the same: names and sizes of all states, and the number type. */
uint64_t convis_state_layout(const convis_model *m)
{
    uint64_t h = sizeof(convis_real);
    for (int k = 1; k < m->input_count; k++)
        h = noise_key(h ^ (uint64_t)(m->inputs[k].frames.history*m->inputs[k].frames.n), m->inputs[k].name);
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        h = noise_key(h, l->name);
        for (int k = 0; k < l->states; k++) h = noise_key(h ^ (uint64_t)l->state_n[k], l->type->states[k].name);
        h ^= (uint64_t)(l->out.history*l->out.n);
    }
    return h;
}

convis_status convis_state_save(const convis_model *m, const char *file)
{
    CONVIS_NEEDS(m, file);
    struct { char magic[16]; uint64_t layout, seed, bytes; } head = { .layout = convis_state_layout(m), .seed = m->seed,
                                                                      .bytes = convis_state_size(m) };
    convis_out out;
    if (!head.bytes) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before its state is saved");
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    char *bytes = convis_obtain(m->context, (size_t)head.bytes);
    if (!bytes) return CONVIS_ENOMEM;
    convis_status status = convis_state_get(m, bytes);
    if (!status) status = convis_out_open(m->context, file, 0, &out);
    if (!status) {
        convis_out_write(&out, &head, sizeof head);
        convis_out_write(&out, bytes, (size_t)head.bytes);
        status = convis_out_finish(&out, 1);
    }
    convis_release(m->context, bytes);
    return status;
}

convis_status convis_state_load(convis_model *m, const char *file)
{
    CONVIS_NEEDS(m, file);
    struct { char magic[16]; uint64_t layout, seed, bytes; } head = { .bytes = 0 };
    FILE *f;
    int64_t size;
    char *bytes = NULL;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before a state is loaded");
    convis_status status = convis_file_open(m->context, file, "a saved state", 0, &f, &size);
    if (status) return status;
    if (fread(&head, sizeof head, 1, f) != 1 || memcmp(head.magic, MAGIC, sizeof MAGIC))
        status = convis_fail(m->context, CONVIS_EFORMAT, "%s: not a saved state", file);
    else if (head.layout != convis_state_layout(m) || head.bytes != convis_state_size(m))
        status = convis_fail(m->context, CONVIS_ESHAPE, "%s: the state of another model, or of another size", file);
    else if (!(bytes = convis_obtain(m->context, (size_t)head.bytes))) status = CONVIS_ENOMEM;
    else if (fread(bytes, (size_t)head.bytes, 1, f) != 1 || fgetc(f) != EOF)
        status = convis_fail(m->context, CONVIS_EFORMAT, "%s: truncated, or longer than its %llu bytes", file,
                             (unsigned long long)head.bytes);
    if (!status) status = convis_state_put(m, bytes, (size_t)head.bytes);
    if (!status) status = convis_seed(m, head.seed);
    fclose(f);
    convis_release(m->context, bytes);
    return status;
}
