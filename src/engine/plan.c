/* plan.c - from one chunk's shape to everything a run needs: shapes, buffers, states, constants, segments. */
#include "base/text.h"
#include "run.h"
#include "initialisers.h"
#include <stdio.h>
#include <string.h>

/* A sub-chunk's frames should stay in the second-level cache from the layer that writes them to the one that reads
 * them; a tile of a pointwise run should stay in the first. */
enum { SUB_CHUNK_BYTES = 1 << 20, TILE_BYTES = 1 << 18, LONGEST_SUB_CHUNK = 64, WIDE_NUMBERS = 1 << 22, LEAST_WIDE = 16, WIDE_ITEMS = 32768 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b)  { return a > b ? a : b; }

/* An array of another length than its layer needs. Where its own shape is known, and only frames or channels differ, that is why. */
static convis_status wrong_length(const convis_model *m, const model_layer *l, int k, const char *path)
{
    const int64_t *e = l->pass.array_shape[k].dim, *g = l->given[k].dim, *in = l->in_shape[0].dim;
    const int known = l->inputs && g[0] && g[0] == e[0] && g[2] == e[2] && e[1] == in[CONVIS_C];
    const int whole = e[3] == in[CONVIS_Y] && e[4] == in[CONVIS_X], same_frames = g[3] == e[3] && g[4] == e[4];
    char why[200] = "";
    if (known && same_frames)
        snprintf(why, sizeof why, "; they are for %lld channel%s, its input has %lld", (long long)g[1], g[1] == 1 ? "" : "s",
                 (long long)e[1]);
    else if (known && whole && g[1] != e[1])
        snprintf(why, sizeof why, "; they are for %lld channel%s of %lldx%lld pixels, its input has %lld of %lldx%lld",
                 (long long)g[1], g[1] == 1 ? "" : "s", (long long)g[4], (long long)g[3], (long long)e[1], (long long)e[4],
                 (long long)e[3]);
    else if (known && whole)
        snprintf(why, sizeof why, "; they are for frames of %lldx%lld pixels, its input has %lldx%lld", (long long)g[4],
                 (long long)g[3], (long long)e[4], (long long)e[3]);
    else if (g[0])
        snprintf(why, sizeof why, "; they are %lld outputs, %lld inputs, %lld x %lld x %lld", (long long)g[0], (long long)g[1],
                 (long long)g[2], (long long)g[3], (long long)g[4]);
    return convis_fail(m->context, CONVIS_ESHAPE,
                       "%s: %lld values, expected %lld (%lld outputs, %lld inputs, %lld x %lld x %lld)%s", path,
                       (long long)l->param[k], (long long)convis_elements(l->pass.array_shape[k]), (long long)e[0],
                       (long long)e[1], (long long)e[2], (long long)e[3], (long long)e[4], why);
}

/* A pattern in space or time of which there is one number: probably nobody gave the kernel its size. */
static void warn_of_points(const convis_model *m, const model_layer *l, int k, const char *path)
{
    static const char *const PATTERNS[] = {
        "gaussian", "difference_of_gaussians", "gabor", "moving_gabor", "exponential", "cascade", "biphasic", "text"
    };
    const int64_t *s = l->pass.array_shape[k].dim, *in = l->in_shape[0].dim;
    const size_t length = strcspn(l->text[k], "?");
    char sentence[400];
    if (s[2]*s[3]*s[4] != 1 || !l->inputs || in[CONVIS_Y]*in[CONVIS_X] == 1) return;
    for (size_t j = 0; j < sizeof PATTERNS/sizeof *PATTERNS; j++) {
        if (strlen(PATTERNS[j]) != length || strncmp(PATTERNS[j], l->text[k], length)) continue;
        snprintf(sentence, sizeof sentence,
                 "%s: of the %s there is a single number, as the kernel is 1 x 1 x 1 (frames, height, width)", path, PATTERNS[j]);
        convis_log(m->context, sentence);
    }
}

/* Arrays whose shape the layer knows by now: those that are empty begin as their initialiser, or the layer, says. */
static convis_status shape_arrays(convis_model *m, model_layer *l)
{
    for (int k = 0; k < l->params; k++) {
        convis_shape s = l->pass.array_shape[k];
        const int64_t has = (int64_t)l->param[k];
        char path[2*NAME_SIZE];
        if (!(l->fields[k].flags & CONVIS_ARRAY) || (!s.dim[0] && !l->text[k])) continue;
        snprintf(path, sizeof path, "%s.%s", l->name, l->fields[k].name);
        if (!s.dim[0])
            return convis_fail(m->context, CONVIS_ENOTSUP, "%s: an array without a shape of its own, set it by values", path);
        if (!convis_is_shape(s)) return convis_fail(m->context, CONVIS_ESHAPE, "%s: would be empty or too large", path);
        const int64_t count = convis_elements(s);
        const int as_begun = l->filled[k] && has != count;      /* planned before, for another size */
        if (has && has != count && !as_begun) return wrong_length(m, l, k, path);
        if (has && !as_begun) continue;
        convis_release(m->context, l->array[k]);
        l->array[k] = convis_obtain(m->context, (size_t)(count + 1)*sizeof(double));
        if (!l->array[k]) return CONVIS_ENOMEM;
        l->param[k] = (double)count;
        l->filled[k] = 1;
        if (l->text[k]) {
            convis_status status = convis_initialiser_values(m->context, path, l->text[k], s, m->dt, l->array[k]);
            if (status) return status;
            warn_of_points(m, l, k, path);
        } else if (l->type->initial) l->type->initial(&l->pass, k, l->array[k]);
        else for (int64_t i = 0; i < count; i++) l->array[k][i] = l->fields[k].value;
    }
    return CONVIS_OK;
}

convis_status convis_plan_alike(convis_pass *p)
{
    for (int j = 1; j < p->inputs; j++) {
        const int64_t *a = p->in_shape[0].dim, *b = p->in_shape[j].dim;
        if (!memcmp(a, b, sizeof p->in_shape[0])) continue;
        if (a[CONVIS_B] != b[CONVIS_B])
            return convis_fail(p->context, CONVIS_ESHAPE, "%s: its inputs have %lld and %lld movies side by side", p->path,
                               (long long)a[CONVIS_B], (long long)b[CONVIS_B]);
        char channels[64] = "", pixels[96] = "";
        if (a[CONVIS_C] != b[CONVIS_C])
            snprintf(channels, sizeof channels, "have %lld and %lld channels", (long long)a[CONVIS_C], (long long)b[CONVIS_C]);
        if (a[CONVIS_Y] != b[CONVIS_Y] || a[CONVIS_X] != b[CONVIS_X])
            snprintf(pixels, sizeof pixels, "%s %lldx%lld and %lldx%lld pixels", *channels ? " of" : "are",
                     (long long)a[CONVIS_X], (long long)a[CONVIS_Y], (long long)b[CONVIS_X], (long long)b[CONVIS_Y]);
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: its inputs %s%s", p->path, channels, pixels);
    }
    return CONVIS_OK;
}

/* Channels that a recipe declares: of the movie, and of what a model within takes. */
static convis_status check_movie(const convis_model *m)
{
    const int64_t takes = m->inputs[0].channels, has = m->chunk.dim[CONVIS_C];
    if (!takes || has == takes) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_ESHAPE, "%s: %lld channel%s, the model takes %lld", m->inputs[0].name, (long long)has,
                       has == 1 ? "" : "s", (long long)takes);
}

static convis_status check_takes(const convis_model *m, const model_layer *l)
{
    for (int k = 0; k < l->inputs; k++) {
        const int64_t has = l->in_shape[k].dim[CONVIS_C], *size = l->in_shape[k].dim;
        if (l->width && l->in[k].from.id == l->sized.id && (size[CONVIS_X] != l->width || size[CONVIS_Y] != l->height))
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: its input has %lldx%lld pixels, the model that it belongs to was inserted for %lldx%lld",
                               l->name, (long long)size[CONVIS_X], (long long)size[CONVIS_Y], (long long)l->width,
                               (long long)l->height);
        if (!l->takes[k] || has == l->takes[k]) continue;
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: its input has %lld channel%s, the model that it belongs to takes %lld",
                           l->name, (long long)has, has == 1 ? "" : "s", (long long)l->takes[k]);
    }
    return CONVIS_OK;
}

static convis_status plan_layer(convis_model *m, model_layer *l)
{
    if (!m->device->type->host_visible && !l->type->pointwise && !l->type->device_capable)
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: %s %s cannot run on %s, only on processors", l->name,
                           convis_article(l->type->name), l->type->name, m->device->name);
    convis_pass *p = &l->pass;
    p->context = m->context;
    p->path = l->name;
    p->dt = m->dt;
    p->param = l->param;
    p->array = (const double *const *)l->array;
    p->inputs = l->inputs;
    p->in_shape = l->in_shape;
    p->history = l->history;
    p->text = l->text;
    p->recording = m->recording;
    p->requires_gradient = l->requires_gradient;
    /* What is fed back is not known yet; it must have the shape of the first input that is. */
    int known = 0;
    while (known < p->inputs && convis_is_feedback(m, l, known)) known++;
    if (known == p->inputs && p->inputs)
        return convis_fail(m->context, CONVIS_EINVAL, "%s: all of its inputs are fed back, expected one from an earlier layer",
                           l->name);
    for (int j = 0; j < p->inputs; j++)
        l->in_shape[j] = convis_source(m, l->in[convis_is_feedback(m, l, j) ? known : j].from)->shape;
    if (check_takes(m, l)) return CONVIS_ESHAPE;
    p->out_shape = p->inputs ? p->in_shape[0] : m->inputs[0].frames.shape;
    convis_shape unset = { { 0 } };
    for (int k = 0; k < l->extras; k++) p->extra_shape[k] = unset;
    for (int k = 0; k < l->states; k++) p->state_shape[k] = unset;
    for (int k = 0; k < l->type->tape; k++) p->tape_shape[k] = unset;
    for (int k = 0; k < l->params; k++) p->array_shape[k] = unset;
    for (int k = 0; k < CONVIS_MAX_PARAMS; k++) p->sums[k] = 0;
    for (int j = 0; j < CONVIS_MAX_INPUTS; j++) l->history[j] = 0;
    p->preferred_frames = 0;
    p->work_items = m->device->type->tiled ? 1 : WIDE_ITEMS;
    p->threads = l->type->one_thread ? 1 : m->threads;
    if (l->type->pointwise && convis_plan_alike(p)) return CONVIS_ESHAPE;
    if (l->type->plan) {
        convis_status status = l->type->plan(p);
        if (status) return status;
    }
    if (!convis_is_shape(p->out_shape))
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: a frame of its output would be empty or too large", l->name);
    l->out.shape = p->out_shape;
    l->out.n = convis_elements(p->out_shape);
    for (int k = 0; k < l->extras; k++) {
        l->extra[k].shape = p->extra_shape[k].dim[0] ? p->extra_shape[k] : p->out_shape;
        l->extra[k].n = convis_elements(l->extra[k].shape);
    }
    for (int k = 0; k < l->states; k++)
        l->state_n[k] = convis_elements(p->state_shape[k].dim[0] ? p->state_shape[k] : p->out_shape);
    for (int k = 0; k < l->type->tape; k++)
        l->tape_n[k] = convis_elements(p->tape_shape[k].dim[0] ? p->tape_shape[k] : p->out_shape);
    l->recorded = m->record_spikes && convis_is_spiking(l);
    return shape_arrays(m, l);
}

static convis_status check_feedback(convis_model *m)
{
    for (int j = 0; j < m->count; j++)
        for (int k = 0; k < m->layers[j].inputs; k++)
            if (memcmp(&m->layers[j].pass.in_shape[k], &convis_source(m, m->layers[j].in[k].from)->shape, sizeof(convis_shape)))
                return convis_blame(m, &m->layers[j],
                                    convis_fail(m->context, CONVIS_ESHAPE,
                                                "%s: what is fed back to it is not of the shape of its other input",
                                                m->layers[j].name));
    return CONVIS_OK;
}

/* ---- Segments ---- */

/* Runs of pointwise layers of one size become segments that take a tile through all of them. A delayed input may come
 * from inside the run: it is the same pixel, only earlier. */
static convis_status cut_segments(convis_model *m)
{
    m->segments = convis_obtain(m->context, (size_t)(m->count + 1)*sizeof *m->segments);
    if (!m->segments) return CONVIS_ENOMEM;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        segment *last = m->segment_count ? &m->segments[m->segment_count - 1] : NULL;
        if (m->recording && !l->needed) continue;
        int joins = last && last->first + last->count == j && l->type->pointwise && m->layers[last->first].type->pointwise &&
                    last->n == l->out.n;
        if (joins && last->count < LONGEST_SEGMENT) last->count++;
        else m->segments[m->segment_count++] = (segment){ .first = j, .count = 1, .n = l->out.n };
    }
    return CONVIS_OK;
}

static int inside(const segment *g, convis_node from) { return from.id > g->first && from.id <= g->first + g->count; }

/* Tiles have their own distance between frames, hence no history, and no room for further outputs. */
static int can_be_tiled(const convis_model *m, const segment *g)
{
    for (int j = g->first; j < g->first + g->count; j++) {
        const model_layer *l = &m->layers[j];
        if (!l->type->pointwise) return 0;
        for (int k = 0; k < l->inputs; k++) if (l->pass.history[k] || (inside(g, l->in[k].from) && l->in[k].delay)) return 0;
        for (int k = 0; k < l->extras; k++) if (l->extra[k].probed) return 0;
    }
    return g->count > 1;
}

static int needed_outside(const convis_model *m, const segment *g, int layer)
{
    const model_layer *l = &m->layers[layer];
    if (l->out.probed || l->out.history || l->recorded) return 1;
    for (int j = 0; j < m->count; j++)
        for (int k = 0; k < m->layers[j].inputs; k++)
            if (m->layers[j].in[k].from.id == layer + 1 && (j < g->first || j >= g->first + g->count)) return 1;
    return 0;
}

/* The slot in which input k of layer j is found; the first to need something from outside copies it in. */
static void place_input(convis_model *m, segment *g, int j, int k)
{
    model_layer *l = &m->layers[j];
    convis_edge e = l->in[k];
    if (inside(g, e.from)) { l->in_slot[k] = m->layers[e.from.id - 1].out.slot; return; }
    for (int i = g->first; i <= j; i++)
        for (int q = 0; q < (i < j ? m->layers[i].inputs : k); q++)
            if (m->layers[i].copies_in[q] && m->layers[i].in[q].from.id == e.from.id && m->layers[i].in[q].delay == e.delay) {
                l->in_slot[k] = m->layers[i].in_slot[q];
                return;
            }
    l->copies_in[k] = 1;
    l->in_slot[k] = g->slots++;
}

static void size_tiles(convis_model *m, segment *g)
{
    int64_t maps = 0, tile, share = (g->n + m->threads - 1)/m->threads;
    g->tiled = !m->recording && m->device->type->tiled && can_be_tiled(m, g);
    for (int j = g->first; j < g->first + g->count; j++) {
        model_layer *l = &m->layers[j];
        if (g->tiled) {
            for (int k = 0; k < l->inputs; k++) place_input(m, g, j, k);
            l->out.slot = g->slots++;
            l->out.local = !needed_outside(m, g, j);
        }
        maps += l->states + (g->tiled ? 0 : m->sub_chunk*(1 + l->inputs));
    }
    maps += m->sub_chunk*g->slots + (m->recording ? m->sub_chunk : 0);
    tile = TILE_BYTES/(int64_t)sizeof(convis_real)/(maps ? maps : 1);
    if (tile > share) tile = share;
    g->tile = !m->device->type->tiled ? g->n : tile < 256 ? 256 : (tile + 63)/64*64;
}

static void allocate_buffer(convis_model *m, buffer *b, convis_status *status)
{
    /* Where memory is not the host's, what is only probed is downloaded after each sub-chunk; what the backward pass needs stays. */
    b->whole = b->probed && (m->recording || m->device->type->host_visible);
    b->base = convis_model_numbers(m, (b->history + (b->whole ? m->chunk.dim[CONVIS_T] : m->sub_chunk))*b->n, status);
    if (m->recording && b->probed && b->history) b->before = convis_model_numbers(m, b->history*b->n, status);
    if (b->active) b->d = convis_model_numbers(m, (b->history + m->sub_chunk)*b->n, status);
}

/* The gradient that is summed in d_array[k] is required. */
static int requires_array(const model_layer *l, int k)
{
    if (l->pass.sums[k] && l->type->gather) return l->requires_gradient != 0;
    return l->requires_gradient >> k & 1 && (l->pass.sums[k] || l->fields[k].flags & CONVIS_ARRAY);
}

/* Memory for an active layer's backward pass. */
static void allocate_gradients(convis_model *m, model_layer *l, convis_status *status)
{
    for (int k = 0; k < l->states; k++) l->pass.d_state[k] = convis_model_numbers(m, l->state_n[k], status);
    for (int k = 1; l->type->adjoint && k < l->inputs; k++)
        for (int q = 0, twin = 0; q < k; q++)
            if (l->in[q].from.id == l->in[k].from.id && !twin++)
                l->twin[k] = convis_model_numbers(m, convis_reach_back(m, l, k), status);
    l->pass.d_map = convis_model_numbers(m, l->params*l->out.n, status);
    for (int k = 0; k < l->params; k++)
        if (requires_array(l, k))
            l->pass.d_array[k] = convis_model_obtain(m, (size_t)convis_sums_of(l, k)*convis_sum_size(m->device) + 1, status);
}

/* Memory for kernels. */
static convis_status allocate_frames(convis_model *m)
{
    convis_status status = CONVIS_OK;
    int64_t reach = 0;
    for (int k = 0; k < m->input_count; k++) allocate_buffer(m, &m->inputs[k].frames, &status);
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        convis_pass *p = &l->pass;
        if (!l->out.local) allocate_buffer(m, &l->out, &status);
        for (int k = 0; k < l->extras; k++) if (l->extra[k].probed) allocate_buffer(m, &l->extra[k], &status);
        for (int k = 0; k < l->states; k++) p->state[k] = convis_model_numbers(m, l->state_n[k], &status);
        for (int k = 0; l->recorded && k < l->type->tape; k++)
            p->tape[k] = convis_model_numbers(m, l->tape_n[k]*(l->out.active ? m->chunk.dim[CONVIS_T] : m->sub_chunk), &status);
        if (l->out.active) allocate_gradients(m, l, &status);
        if (p->scratch_size) p->scratch = convis_model_obtain(m, p->scratch_size, &status);
        convis_place_mirrors(m, l, &status);
        for (int k = 0; k < l->inputs; k++)
            if (l->out.active && l->type->adjoint && !convis_source(m, l->in[k].from)->active &&
                convis_reach_back(m, l, k) > reach)
                reach = convis_reach_back(m, l, k);
    }
    if (reach) m->unwanted = convis_model_numbers(m, reach, &status);
    convis_staging_allocate(m, &status);
    return status;
}

/* The host's memory. */
static convis_status allocate_layer(convis_model *m, model_layer *l)
{
    int64_t longest = 0;
    l->pass.number = l->p = convis_obtain(m->context, CONVIS_MAX_PARAMS*sizeof *l->p);
    if (!l->p) return CONVIS_ENOMEM;
    if (l->pass.constants_size && !(l->pass.constants = convis_obtain(m->context, l->pass.constants_size))) return CONVIS_ENOMEM;
    for (int k = 0; l->out.active && k < l->params; k++) {
        if (requires_array(l, k) && convis_sums_of(l, k) > longest) longest = convis_sums_of(l, k);
        if (!(l->requires_gradient >> k & 1) || !(l->fields[k].flags & CONVIS_ARRAY)) continue;
        if (!(l->grad_array[k] = convis_obtain(m->context, (size_t)(l->param[k] + 1)*sizeof(double)))) return CONVIS_ENOMEM;
    }
    if (longest && !m->device->type->host_visible && !(l->sums = convis_obtain(m->context, (size_t)longest*sizeof *l->sums)))
        return CONVIS_ENOMEM;
    return CONVIS_OK;
}

static convis_status allocate(convis_model *m)
{
    convis_status status = CONVIS_OK;
    for (int j = 0; j < m->count && !status; j++) status = allocate_layer(m, &m->layers[j]);
    if (!status && m->device->type->room) status = convis_model_fit(m, allocate_frames);
    if (!status) status = convis_staging_open(m);
    if (!status) status = allocate_frames(m);
    for (int s = 0; s < m->segment_count && !status; s++) {
        segment *g = &m->segments[s];
        if (g->tiled && !(g->scratch = convis_obtain(m->context, (size_t)(m->threads*g->slots*m->sub_chunk*g->tile)*
                                                                     sizeof *g->scratch)))
            status = CONVIS_ENOMEM;
    }
    return status;
}

/* Room for the spikes of one chunk at a rate no real cell exceeds for long. */
static convis_status reserve_spikes(convis_model *m)
{
    double expected = 1024 + (double)m->unit_count*(double)m->chunk.dim[CONVIS_T]*m->dt*200;
    m->spike_room = expected < 1e8 ? (int64_t)expected : 100000000;
    m->spikes = convis_obtain(m->context, (size_t)m->spike_room*sizeof *m->spikes);
    m->spikes_spare = m->spikes ? convis_obtain(m->context, (size_t)m->spike_room*sizeof *m->spikes) : NULL;
    return m->spikes_spare ? CONVIS_OK : CONVIS_ENOMEM;
}

/* Layers on which a probed output depends. Because of feedback it is repeated until nothing is added. */
static void find_needed(convis_model *m)
{
    for (int changed = 1; changed;) {
        changed = 0;
        for (int j = m->count - 1; j >= 0; j--) {
            model_layer *l = &m->layers[j];
            int probed = l->out.probed || l->recorded;
            for (int k = 0; k < l->extras; k++) probed |= l->extra[k].probed;
            if (probed && !l->needed) l->needed = changed = 1;
            for (int k = 0; l->needed && k < l->inputs; k++)
                if (l->in[k].from.id > 0 && !m->layers[l->in[k].from.id - 1].needed)
                    m->layers[l->in[k].from.id - 1].needed = changed = 1;
        }
    }
}

/* Of those, the layers that depend on anything whose gradient is required. */
static convis_status activate(convis_model *m)
{
    find_needed(m);
    for (int changed = 1; changed;) {
        changed = 0;
        for (int j = 0; j < m->count; j++) {
            model_layer *l = &m->layers[j];
            int active = l->requires_gradient != 0;
            for (int k = 0; k < l->inputs; k++) active |= convis_source(m, l->in[k].from)->active;
            if (!active || !l->needed || l->out.active) continue;
            if (l->type->pointwise ? !l->type->adjoint : !l->type->vjp)
                return convis_blame(m, l, convis_fail(m->context, CONVIS_ENOTSUP, "%s: %s %s has no gradient", l->name,
                                                      convis_article(l->type->name), l->type->name));
            l->out.active = changed = 1;
        }
    }
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        if (!l->out.active) continue;
        l->out.probed = l->recorded = 1;
        for (int k = 0; k < l->inputs; k++) convis_source(m, l->in[k].from)->probed = 1;
    }
    return CONVIS_OK;
}

/* Sub-chunks that stay in cache, or, on a wide device, that are work for all of its processors at once; longer where a layer prefers it;
 * never longer than the shortest feedback. */
static void choose_sub_chunk(convis_model *m)
{
    const int64_t frames = m->chunk.dim[CONVIS_T];
    int64_t numbers = 0, largest = 0;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const int64_t n = convis_buffer_at(m, j)->n;
        numbers += n;
        if (n > largest) largest = n;
    }
    if (m->device->type->tiled) m->sub_chunk = least(SUB_CHUNK_BYTES/(numbers*(int64_t)sizeof(convis_real)), LONGEST_SUB_CHUNK);
    else m->sub_chunk = most(least(WIDE_NUMBERS/largest, frames), LEAST_WIDE);
    for (int j = 0; j < m->count; j++) m->sub_chunk = most(m->sub_chunk, m->layers[j].pass.preferred_frames);
    m->sub_chunk = least(m->sub_chunk, frames);
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        for (int k = 0; k < l->inputs; k++) if (convis_is_feedback(m, l, k)) m->sub_chunk = least(m->sub_chunk, l->in[k].delay);
    }
    m->sub_chunk = most(m->sub_chunk, 1);
}

/* Where sub-chunks are of one frame, and whoever takes earlier ones takes them one by one, they are not moved but written in a ring. */
static void choose_rings(convis_model *m)
{
    if (m->sub_chunk > 1 || !m->device->type->host_visible) return;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        buffer *b = convis_buffer_at(m, j);
        if (b->history && !b->probed) b->ring = b->history + 1;
    }
    for (int j = 0; j < m->count; j++)
        for (int k = 0; k < m->layers[j].inputs; k++)
            if (m->layers[j].pass.history[k]) convis_source(m, m->layers[j].in[k].from)->ring = 0;
}

static void begin_buffer(buffer *b)
{
    b->probed = b->asked;
    b->active = b->required;
}

static convis_status plan(convis_model *m)
{
    buffer *movie = &m->inputs[0].frames;
    if (check_movie(m)) return CONVIS_ESHAPE;
    movie->shape = m->chunk;
    movie->shape.dim[CONVIS_T] = 1;
    movie->n = convis_elements(movie->shape);
    for (int j = 0; j < convis_buffer_count(m); j++) begin_buffer(convis_buffer_at(m, j));
    for (int j = 0; j < m->count; j++)
        for (int k = 0; k < m->layers[j].extras; k++) begin_buffer(&m->layers[j].extra[k]);
    for (int k = 1; k < m->input_count; k++) {           /* one for each of the movies side by side */
        buffer *b = &m->inputs[k].frames;
        if (b->shape.dim[CONVIS_B] == 1) b->shape.dim[CONVIS_B] = m->chunk.dim[CONVIS_B];
        b->n = convis_elements(b->shape);
    }
    for (int j = 0; j < m->count; j++) {
        convis_status status = plan_layer(m, &m->layers[j]);
        if (status) return convis_blame(m, &m->layers[j], status);
        for (int k = 0; k < m->layers[j].inputs; k++) {
            convis_edge e = m->layers[j].in[k];
            buffer *b = convis_source(m, e.from);
            int reach = e.delay + m->layers[j].pass.history[k];
            if (reach > b->history) b->history = reach;
        }
    }
    convis_status status = check_feedback(m);
    if (!status && m->recording) status = activate(m);
    if (!status) status = convis_place_layers(m);
    if (status) return status;
    choose_sub_chunk(m);
    choose_rings(m);
    status = cut_segments(m);
    for (int s = 0; !status && s < m->segment_count; s++) size_tiles(m, &m->segments[s]);
    if (!status) status = allocate(m);
    if (!status) status = convis_place_cells(m);
    if (!status && m->record_spikes) status = reserve_spikes(m);
    if (!status) status = convis_threads_reserve(m->context, m->threads);
    return status;
}

static convis_status plan_anew(convis_model *m, convis_shape chunk)
{
    convis_release_plan(m);
    convis_status status = convis_resize(m, chunk.dim[CONVIS_X], chunk.dim[CONVIS_Y]);
    if (status) return status;
    m->chunk = chunk;
    m->threads = m->device->type->tiled ? m->context->threads : 1;
    convis_seed(m, m->seed);                              /* arrays may begin at random */
    status = plan(m);
    if (!status) {
        m->planned = 1;
        status = convis_prepare(m);
    }
    if (!status) status = convis_reset(m);
    if (status) convis_release_plan(m);
    return status;
}

convis_status convis_plan(convis_model *m, convis_shape chunk)
{
    CONVIS_NEEDS(m);
    if (convis_refuse(m)) return m->status;
    if (!m->count) return convis_fail(m->context, CONVIS_ESTATE, "the model has no layers");
    if (!convis_is_shape(chunk)) return convis_fail(m->context, CONVIS_ESHAPE, "the chunk is empty or too large");
    convis_forget_bindings(m);
    return plan_anew(m, chunk);
}

/* With other probes, at the same frame, in the same state. */
static convis_status plan_on(convis_model *m)
{
    const convis_shape chunk = m->chunk;
    const size_t size = convis_state_size(m);
    snapshot *const stack = m->stack;
    void *state = convis_obtain(m->context, size + 1);
    convis_status status = state ? convis_state_get(m, state) : CONVIS_ENOMEM;
    if (status) { convis_release(m->context, state); return status; }
    m->stack = NULL;
    status = plan_anew(m, chunk);
    m->stack = stack;
    if (!status) status = convis_state_put(m, state, size);
    else convis_release_plan(m);
    convis_release(m->context, state);
    return status;
}

int64_t convis_chunk(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    return m->planned ? m->chunk.dim[CONVIS_T] : 0;
}
int64_t convis_device_bytes(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    return m->planned ? m->device_bytes : 0;
}

static convis_status ask(convis_model *m, const char *path, int asked)
{
    if (convis_refuse(m)) return m->status;
    buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (b->asked == asked) return CONVIS_OK;
    b->asked = asked;
    if (!asked) b->to.data = NULL;
    return m->planned ? plan_on(m) : CONVIS_OK;
}

convis_status convis_probe(convis_model *m, const char *path)
{
    CONVIS_NEEDS(m, path);
    return ask(m, path, 1);
}

convis_status convis_unprobe(convis_model *m, const char *path)
{
    CONVIS_NEEDS(m, path);
    return ask(m, path, 0);
}
