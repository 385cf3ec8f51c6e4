/* remote.c - memory and kernels of a model on a device. */
#include "remote.h"
#include <stdio.h>
#include <string.h>

extern const char *const convis_frames_source[];
enum { SUMS = 4096 };                                    /* partial sums of convis_remote_sum */

/* ---- Opening ---- */

static convis_status open_layer(convis_model *m, model_layer *l)
{
    convis_device *d = m->remote->device;
    if (!l->type->source)
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: a %s has no kernels for %s (its table has no source)", l->name, l->type->name,
                           d->name);
    struct convis_there *t = convis_obtain(m->context, sizeof *t);
    if (!t) return CONVIS_ENOMEM;
    l->pass.there = t;
    t->device = d;
    t->program = convis_device_program(d, l->type->name, l->type->source);
    if (!t->program) return d->status ? d->status : CONVIS_ENOMEM;
    const char *const names[] = { l->type->pointwise, l->out.active ? l->type->adjoint : NULL };
    for (int k = 0; k < 2; k++)
        if (names[k] && !convis_program_kernel(d, t->program, names[k]))
            return convis_fail(m->context, CONVIS_ENOTSUP, "%s: a %s has no kernel '%s' for %s", l->name, l->type->name, names[k], d->name);
    return CONVIS_OK;
}

convis_status convis_remote_open(convis_model *m)
{
    if (!m->context->there) return CONVIS_OK;
    m->remote = convis_obtain(m->context, sizeof *m->remote);
    if (!m->remote) return CONVIS_ENOMEM;
    m->remote->device = m->context->there;
    convis_status status = CONVIS_OK;
    for (int j = 0; j < m->count && !status; j++) status = open_layer(m, &m->layers[j]);
    return status;
}

static void close_layer(convis_model *m, model_layer *l)
{
    convis_device *d = m->remote->device;
    if (!l->pass.there) return;
    convis_remote_forget(l->pass.there);
    convis_device_release(d, l->pass.there->constants.there);
    convis_device_release(d, l->pass.there->numbers.there);
    convis_release(m->context, l->pass.there);
    l->pass.there = NULL;
}

void convis_remote_close(convis_model *m)
{
    struct convis_remote *r = m->remote;
    if (!r) return;
    for (int j = 0; j < m->count; j++) close_layer(m, &m->layers[j]);
    for (int k = 0; k < r->departure_count; k++) {
        for (int j = 0; j < 2; j++) convis_device_release(r->device, r->departures[k].rest[j]);
        if (r->departures[k].local) convis_release(m->context, r->departures[k].to);
    }
    convis_release(m->context, r->departures);
    for (int k = 0; k < 2; k++) convis_device_release(r->device, r->landing[k]);
    convis_device_release(r->device, r->spare);
    convis_release(m->context, r->gathered);
    convis_release(m->context, r);
    m->remote = NULL;
}

/* ---- Memory ---- */

void *convis_remote_obtain(convis_model *m, size_t bytes, convis_status *status)
{
    struct convis_remote *r = m->remote;
    if (*status) return NULL;
    if (r && r->counting) {
        r->bytes += (int64_t)bytes + 4096;               /* blocks are rounded up */
        if ((int64_t)bytes > r->largest) r->largest = (int64_t)bytes;
        return NULL;
    }
    void *memory = r ? convis_device_obtain(r->device, bytes) : convis_obtain(m->context, bytes);
    if (!memory) *status = r && r->device->status ? r->device->status : CONVIS_ENOMEM;
    return memory;
}

void convis_remote_release(convis_model *m, void *memory)
{
    if (m->remote) convis_device_release(m->remote->device, memory);
    else convis_release(m->context, memory);
}

static void set_mirror(convis_model *m, mirror *a, const void *host, size_t bytes, convis_status *status)
{
    if (!bytes) return;
    *a = (mirror){ host, convis_remote_obtain(m, bytes, status), bytes };
}

static convis_real *obtain_reals(convis_model *m, int64_t n, convis_status *status)
{
    return convis_remote_obtain(m, (size_t)n*sizeof(convis_real), status);
}

/* Two resting places for what leaves the device by itself. */
static void add_departure(convis_model *m, departure d, convis_status *status)
{
    struct convis_remote *r = m->remote;
    for (int k = 0; k < 2; k++) d.rest[k] = obtain_reals(m, m->batch*d.n, status);
    if (r->counting || *status) return;
    if (d.local && !(d.to = convis_obtain(m->context, (size_t)(m->batch*d.n)*sizeof *d.to))) *status = CONVIS_ENOMEM;
    r->departures[r->departure_count++] = d;
}

static void add_kept(convis_model *m, buffer *b, convis_status *status)
{
    if (!b->kept || b->whole) return;
    if (!m->remote->counting && !*status
        && !(b->host = convis_obtain(m->context, (size_t)(m->chunk.dim[CONVIS_T]*b->n)*sizeof *b->host))) *status = CONVIS_ENOMEM;
    add_departure(m, (departure){ .from = b, .to = b->host, .n = b->n }, status);
}

convis_status convis_remote_allocate(convis_model *m)
{
    struct convis_remote *r = m->remote;
    convis_status status = CONVIS_OK;
    int64_t spare = 2*SUMS, per_layer = 1 + CONVIS_MAX_OUTPUTS + CONVIS_MAX_TAPE;
    if (!r->counting) {
        r->departures = convis_obtain(m->context, (size_t)(m->count*per_layer + 1)*sizeof *r->departures);
        r->gathered = convis_obtain(m->context, (size_t)(m->batch*m->input.n)*sizeof *r->gathered);
        if (!r->departures || !r->gathered) return CONVIS_ENOMEM;
    }
    for (int k = 0; k < 2; k++) r->landing[k] = obtain_reals(m, m->batch*m->input.n, &status);
    for (int j = 0; j <= m->count; j++) {
        const buffer *b = convis_source(m, (convis_node){ j });
        const int64_t frames = b->carry > m->batch ? b->carry : m->batch;
        if ((b->carry || b->active) && frames*b->n > spare) spare = frames*b->n;
    }
    r->spare = obtain_reals(m, spare, &status);
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        if (l->pass.there) {
            set_mirror(m, &l->pass.there->constants, l->pass.constants, l->pass.constants_size, &status);
            set_mirror(m, &l->pass.there->numbers, l->p, CONVIS_MAX_PARAMS*sizeof *l->p, &status);
        }
        add_kept(m, &l->out, &status);
        for (int k = 0; k < l->extras; k++) add_kept(m, &l->extra[k], &status);
        if (!m->record_spikes || !convis_is_spiking(l)) continue;
        add_departure(m, (departure){ .from = &l->out, .n = l->out.n, .local = 1 }, &status);
        for (int k = 0; k < l->type->tape; k++)
            add_departure(m, (departure){ .from = &l->out, .tape = &l->pass.tape[k], .n = l->tape_n[k], .local = 1 }, &status);
    }
    return status;
}

/* Kernels count elements of a sub-chunk in 32 bits. */
static int countable(const convis_model *m)
{
    for (int j = 0; j <= m->count; j++) {
        const buffer *b = convis_source(m, (convis_node){ j });
        if ((b->carry + m->batch)*b->n > INT32_MAX) return 0;
        for (int k = 0; j && k < m->layers[j - 1].type->tape; k++) if (m->batch*m->layers[j - 1].tape_n[k] > INT32_MAX) return 0;
    }
    return 1;
}

convis_status convis_remote_fit(convis_model *m, convis_status (*count)(convis_model *))
{
    struct convis_remote *r = m->remote;
    convis_status status = CONVIS_OK;
    r->counting = 1;
    for (;;) {
        r->bytes = r->largest = 0;
        status = count(m);
        const int64_t room = r->device->type->room(r->device);
        if (status || (r->bytes <= room && r->largest <= r->device->most && countable(m))) break;
        if (m->batch > 1) m->batch = (m->batch + 1)/2;
        else if (m->recording && m->chunk.dim[CONVIS_T] > 1) {
            m->chunk.dim[CONVIS_T] = (m->chunk.dim[CONVIS_T] + 1)/2;
            if (m->batch > m->chunk.dim[CONVIS_T]) m->batch = m->chunk.dim[CONVIS_T];
        } else {
            status = convis_fail(m->context, CONVIS_ENOMEM, "%s (%s): the model needs %.1f MB, %.1f MB in one block; free are %.1f MB, %.1f MB "
                                 "in one block", r->device->name, r->device->title, (double)r->bytes/1e6, (double)r->largest/1e6,
                                 (double)room/1e6, (double)r->device->most/1e6);
            break;
        }
    }
    r->counting = 0;
    return status;
}

static void upload(const convis_device *d, const mirror *a)
{
    if (a->bytes) convis_device_put((convis_device *)(uintptr_t)d, CONVIS_QUEUE_RUN, a->there, a->host, a->bytes);
}

void convis_remote_forget(struct convis_there *t)
{
    for (size_t k = 0; k < sizeof t->passes/sizeof *t->passes; k++) {
        convis_device_forget(t->device, t->passes[k].kept);
        t->passes[k] = (kept_pass){ .kept = NULL };
    }
}

/* Which kernels there are to launch, and by how many teams, may be another matter now. */
void convis_remote_prepared(const convis_model *m, const model_layer *l)
{
    if (!m->remote || !l->pass.there) return;
    convis_remote_forget(l->pass.there);
    upload(m->remote->device, &l->pass.there->constants);
    upload(m->remote->device, &l->pass.there->numbers);
}

/* ---- Kernels ---- */

/* What is mirrored is found there. */
static void *translate(const struct convis_there *t, void *address)
{
    const mirror *const mirrors[] = { &t->constants, &t->numbers };
    for (int k = 0; k < 2; k++)
        if ((const char *)address >= mirrors[k]->host && (const char *)address < mirrors[k]->host + mirrors[k]->bytes)
            return mirrors[k]->there + ((const char *)address - mirrors[k]->host);
    return address;
}

static void launch(const convis_pass *p, convis_program *program, const char *name, void *const *buffers, const convis_span *span,
                   int64_t groups, int group_size)
{
    convis_device *d = p->there->device;
    const convis_device_kernel *k = program ? convis_program_kernel(d, program, name) : NULL;
    void *v[CONVIS_KERNEL_BUFFERS];
    if (!k) {
        if (!d->status) convis_device_fault(d, CONVIS_ENOTSUP, "%s: there is no kernel '%s' for this device", p->path, name);
        return;
    }
    for (int j = 0; j < k->buffers; j++) v[j] = translate(p->there, buffers[j]);
    convis_device_launch(d, k, v, span, groups, group_size);
}

void convis_remote_run_kernel(const convis_pass *p, const char *kernel, void *const *buffers, const convis_span *span)
{
    launch(p, p->there->program, kernel, buffers, span, 0, 0);
}

static convis_span span_of(const convis_pass *p, int64_t n, int frames)
{
    return (convis_span){ 0, n, n, n, frames, (convis_real)p->dt, (uint32_t)p->frame, (uint32_t)p->key, (uint32_t)(p->key >> 32) };
}

void convis_remote_launch(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers)
{
    const convis_span span = span_of(p, n, frames);
    convis_remote_run_kernel(p, kernel, buffers, &span);
}

void convis_launch_text(const convis_pass *p, const char *name, const char *const *source, const char *kernel, int64_t n, int frames,
                        void *const *buffers, int64_t groups, int group_size)
{
    const convis_span span = span_of(p, n, frames);
    launch(p, convis_device_program(p->there->device, name, source), kernel, buffers, &span, groups, group_size);
}

void convis_copy_there(const convis_pass *p, convis_real *to, const convis_real *from, int64_t n)
{
    convis_device_copy(p->there->device, to, from, (size_t)n*sizeof *to);
}

void convis_fetch(const convis_pass *p, void *to, const void *from, size_t bytes)
{
    if (p->there) convis_device_get(p->there->device, CONVIS_QUEUE_RUN, to, from, bytes);
    else memcpy(to, from, bytes);
}

void convis_give(const convis_pass *p, void *to, const void *from, size_t bytes)
{
    if (p->there) convis_device_put(p->there->device, CONVIS_QUEUE_RUN, to, from, bytes);
    else memcpy(to, from, bytes);
}

/* ---- Frames ---- */

static void run_frames(const convis_model *m, const char *kernel, void *const *buffers, const convis_span *span)
{
    convis_device *d = m->remote->device;
    convis_program *p = convis_device_program(d, "frames", convis_frames_source);
    const convis_device_kernel *k = p ? convis_program_kernel(d, p, kernel) : NULL;
    if (k) convis_device_launch(d, k, buffers, span, 0, 0);
}

void convis_remote_fill(const convis_model *m, convis_real *to, int64_t n, double value)
{
    const convis_span span = { .n = n, .nt = 1, .dt = (convis_real)value };
    if (n <= 0) return;
    if (value == 0) convis_device_zero(m->remote->device, to, (size_t)n*sizeof *to);
    else run_frames(m, "frames_fill", (void *[]){ to, NULL }, &span);
}

void convis_remote_add(const convis_model *m, convis_real *to, const convis_real *from, int64_t n)
{
    const convis_span span = { .n = n, .nt = 1 };
    if (n > 0) run_frames(m, "frames_add", (void *[]){ to, (void *)(uintptr_t)from }, &span);
}

double convis_remote_sum(const convis_model *m, const convis_real *from, int64_t n)
{
    convis_real part[2*SUMS];
    const int64_t parts = n < SUMS ? n : SUMS;
    const convis_span span = { .n = parts, .nt = 1, .frame = (uint32_t)n };
    double sum = 0;
    if (n <= 0) return 0;
    run_frames(m, "frames_sum", (void *[]){ (void *)(uintptr_t)from, m->remote->spare }, &span);
    convis_device_get(m->remote->device, CONVIS_QUEUE_RUN, part, m->remote->spare, (size_t)(2*parts)*sizeof *part);
    for (int64_t k = 0; k < 2*parts; k++) sum += (double)part[k];
    return sum;
}

void convis_remote_move(const convis_model *m, convis_real *to, const convis_real *from, int64_t n)
{
    convis_device *d = m->remote->device;
    const size_t bytes = (size_t)n*sizeof *to;
    if (n <= 0 || to == from) return;
    if (to + n <= from || from + n <= to) convis_device_copy(d, to, from, bytes);
    else {
        convis_device_copy(d, m->remote->spare, from, bytes);
        convis_device_copy(d, to, m->remote->spare, bytes);
    }
}
