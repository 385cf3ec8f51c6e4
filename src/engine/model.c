/* model.c - building a model: adding, connecting, naming, listing. */
#include "base/owned.h"
#include "base/text.h"
#include "run.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

convis_status convis_model_new(convis_context *c, double dt, convis_model **model)
{
    if (model) *model = NULL;
    CONVIS_NEEDS(c, model);
    if (!(dt > 0 && dt <= 1e6)) return convis_fail(c, CONVIS_EINVAL, "dt: %g s, expected a positive time step", dt);
    if (convis_context_check(c)) return CONVIS_ESTATE;
    convis_model *m = convis_obtain(c, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    convis_context_hold(m->context = c);
    m->device = c->device;
    m->dt = dt;
    m->inputs = convis_obtain(c, sizeof *m->inputs);
    m->input_count = m->inputs != NULL;
    if (!m->inputs) { convis_model_free(&m); return CONVIS_ENOMEM; }
    strcpy(m->inputs[0].name, "input");
    *model = m;
    return CONVIS_OK;
}

/* What is the layer's own goes. */
static void close_layer(convis_model *m, model_layer *l)
{
    l->pass = (convis_pass){ .context = m->context, .path = l->name, .dt = m->dt, .user = l->pass.user };
    if (l->opened && l->type->close) l->type->close(&l->pass);
}

void convis_model_free(convis_model **model)
{
    convis_model *m = model ? *model : NULL;
    if (!m) return;
    convis_context *c = m->context;
    convis_release_plan(m);
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        close_layer(m, l);
        for (int k = 0; k < CONVIS_MAX_PARAMS; k++) {
            convis_release(c, l->array[k]);
            convis_release(c, l->text[k]);
        }
        convis_release(c, l->own);
        convis_release(c, l->own_names);
    }
    if (m->maker.close) m->maker.close(m->maker.user);
    convis_release(c, m->inputs);
    convis_release(c, m->layers);
    convis_release(c, m->aliases);
    convis_release(c, m->given);
    convis_release(c, m);
    convis_context_let_go(c);
    *model = NULL;
}

double convis_dt(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    return m->dt;
}
convis_context *convis_model_context(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(NULL, m);
    return m->context;
}
convis_node convis_input(convis_model *m) { return (convis_node){ m ? 0 : -1 }; }

/* ---- Building: the first error stays ---- */

static convis_node stick(convis_model *m, convis_status status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    convis_vshorten(m->sentence, sizeof m->sentence, format, ap);
    va_end(ap);
    m->status = status;
    return (convis_node){ -1 };
}

/* A layer that there is, or an input. */
static int is_node(const convis_model *m, convis_node node)
{
    return node.id <= m->count && node.id != -1 && convis_input_of(node) < m->input_count;
}

static int rows(const convis_field *table) { int k = 0; while (table && table[k].name) k++; return k; }

/* What is the layer's own. */
static convis_status open_layer(convis_model *m, model_layer *l)
{
    const unsigned failures = m->context->failures;
    l->pass = (convis_pass){ .context = m->context, .path = l->name, .dt = m->dt, .user = l->type->user };
    const convis_status status = l->type->open ? l->type->open(&l->pass) : CONVIS_OK;
    l->opened = !status;
    if (!status) return status;
    if (m->context->failures == failures) convis_fail(m->context, status, "%s: %s", l->name, convis_strerror(status));
    return convis_stick(m, status);
}

/* ---- What a table says, and what its kernels take ---- */

/* A pointwise type's kernel by its name; NULL: none that is known before anything is compiled. */
static const convis_kernel *kernel_of(const convis_model *m, const convis_layer_type *type, const char *name)
{
    const convis_kernels *best = convis_best_of(m->context, (const void *const *)type->kernels);
    for (const convis_kernel *k = best && name ? best->list : NULL; k && k->name; k++) if (!strcmp(k->name, name)) return k;
    return NULL;
}

/* It gets what the table says, and nothing tells it how many that are: forward_buffers() in run.c, run_adjoint() in grad.c. */
static convis_status check_kernels(convis_model *m, const convis_layer_type *type, const char *name)
{
    const int in = type->inputs, more = rows(type->outputs), states = rows(type->states), tape = type->tape;
    const convis_kernel *forward = kernel_of(m, type, type->pointwise), *adjoint = kernel_of(m, type, type->adjoint);
    const convis_kernel *with = forward && forward->block ? forward : adjoint && adjoint->block ? adjoint : NULL;
    if (with)
        stick(m, CONVIS_EINVAL,
              "%s: the kernel %s takes a struct of numbers (CONVIS_KERNEL_OF), which the kernels of a pointwise layer "
              "do not get; forward() can launch it with one",
              name, with->name);
    else if (forward && forward->buffers != 2 + in + more + states + tape)
        stick(m, CONVIS_EINVAL,
              "%s: the kernel %s has %d arguments, expected %d by the table of %s: parameters, inputs (%d), output, "
                                "further outputs (%d), states (%d), tape (%d)",
              name, forward->name, forward->buffers, 2 + in + more + states + tape, type->name, in, more, states, tape);
    else if (adjoint && adjoint->buffers != 4 + 2*in + tape + states)
        stick(m, CONVIS_EINVAL,
              "%s: the kernel %s has %d arguments, expected %d by the table of %s: parameters, inputs (%d), output, "
                                "tape (%d), and gradients: d_out, d_states (%d), d_inputs (%d), d_map",
              name, adjoint->name, adjoint->buffers, 4 + 2*in + tape + states, type->name, in, tape, states, in);
    return m->status;
}

static convis_status check_table(convis_model *m, const convis_layer_type *type, const char *name)
{
    if (type->inputs < 0 || type->tape < 0)
        stick(m, CONVIS_EINVAL, "%s: the table of %s has %d inputs and a tape of %d, expected 0 or more", name, type->name,
              type->inputs, type->tape);
    else if (rows(type->params) > CONVIS_MAX_PARAMS || rows(type->states) > CONVIS_MAX_STATES ||
             rows(type->outputs) > CONVIS_MAX_OUTPUTS || type->inputs > CONVIS_MAX_INPUTS || type->tape > CONVIS_MAX_TAPE ||
             (!type->pointwise && !type->forward) || (type->pointwise && type->one_thread))
        stick(m, CONVIS_EINVAL, "%s: the table of %s is too long, names no kernel, or wants one thread for a pointwise one", name,
              type->name);
    else if (type->pointwise && convis_device_lacks(m->device, type->kernels, type->pointwise))
        stick(m, CONVIS_ENOTSUP, "%s: %s %s has no kernel '%s' for %s", name, convis_article(type->name), type->name,
              type->pointwise, m->device->name);
    return m->status || !type->pointwise ? m->status : check_kernels(m, type, name);
}

convis_node convis_join(convis_model *m, const convis_layer_type *type, const char *name, const convis_edge *in, int count)
{
    CONVIS_NEEDS_ELSE((convis_node){ -1 }, m);
    if (!type || !name || (!in && count > 0)) {
        convis_stick_null(m, "convis_join", !type ? "type" : !name ? "name" : "in");
        return (convis_node){ -1 };
    }
    if (m->status) return (convis_node){ -1 };
    if (m->planned)
        return stick(m, CONVIS_ESTATE, "%s: a layer cannot be added while the model is planned (convis_unplan)", name);
    if (convis_is_foreign_type(type, m->context))
        return stick(m, CONVIS_EINVAL,
                     "%s: its type was opened in another context (convis_layer_type_open), whose models alone can have it", name);
    if (type->abi != CONVIS_LAYER_ABI)
        return stick(m, CONVIS_EINVAL, "%s: its table has ABI %u, this library expects %d", name, type->abi, CONVIS_LAYER_ABI);
    if (!*name || strlen(name) >= NAME_SIZE)
        return stick(m, CONVIS_EINVAL, "'%s': a layer's name has 1 to %d characters", name, NAME_SIZE - 1);
    const int min_inputs = type->min_inputs ? type->min_inputs : type->inputs, most = convis_most_inputs(type);
    if (count > most || count < min_inputs)
        return stick(m, CONVIS_ESHAPE, min_inputs < most ? "%s: %d inputs, %s expects %d to %d" : "%s: %d inputs, %s expects %d",
                     name, count, type->name, min_inputs, most);
    if (count > type->inputs) type = type->more;
    if (convis_has_layer(m, name)) return stick(m, CONVIS_ENAME, "%s: two layers have that name", name);
    for (int k = 0; k < m->input_count; k++)
        if (!strcmp(m->inputs[k].name, name) && strcmp(name, "input"))
            return stick(m, CONVIS_ENAME, "%s: an input has that name", name);
    for (int j = 0; j < count; j++)
        if (!is_node(m, in[j].from) || in[j].delay < 0 || in[j].delay > LONGEST_DELAY)
            return stick(m, CONVIS_EINVAL, "%s: input %d is no earlier layer, or its delay is not 0 to %d frames", name, j,
                         LONGEST_DELAY);
    if (check_table(m, type, name)) return (convis_node){ -1 };
    if (convis_grow(m->context, (void **)&m->layers, m->count, &m->room, sizeof *m->layers))
        return stick(m, CONVIS_ENOMEM, "%s: out of memory", name);

    model_layer *l = &m->layers[m->count];
    *l = (model_layer){ .type = type, .fields = type->params, .inputs = count, .params = rows(type->params), .states = rows(type->states),
                  .extras = rows(type->outputs), .dirty = 1 };
    snprintf(l->name, sizeof l->name, "%s", name);
    for (int j = 0; j < count; j++) l->in[j] = in[j];
    for (int k = 0; k < l->params; k++)
        l->param[k] = type->params[k].flags & (CONVIS_ARRAY | CONVIS_TEXT) ? 0 : type->params[k].value;
    m->count++;
    if (open_layer(m, l)) return (convis_node){ -1 };
    /* The default texts, for the rows that they add. */
    for (int k = 0; type->params && type->params[k].name; k++)
        if (type->params[k].flags & CONVIS_TEXT) {
            char path[2*NAME_SIZE];
            snprintf(path, sizeof path, "%s.%s", name, type->params[k].name);
            const convis_status status = convis_set_text(m, path, type->params[k].unit);
            if (status) { convis_stick(m, status); return (convis_node){ -1 }; }
        }
    return (convis_node){ m->count };
}

void convis_connect(convis_model *m, convis_node layer, int input, convis_edge e)
{
    CONVIS_NEEDS_ELSE(, m);
    if (m->status) return;
    model_layer *l = layer.id > 0 && layer.id <= m->count ? &m->layers[layer.id - 1] : NULL;
    if (m->planned) stick(m, CONVIS_ESTATE, "a layer cannot be reconnected while the model is planned (convis_unplan)");
    else if (!l || input < 0 || input >= l->inputs) stick(m, CONVIS_EINVAL, "the model has no layer with such an input");
    else if (!is_node(m, e.from) || e.delay < (e.from.id >= layer.id) || e.delay > LONGEST_DELAY)
        stick(m, CONVIS_EINVAL, "%s: input %d comes from no layer, or after %d frames, expected %d to %d", l->name, input,
              e.delay, e.from.id >= layer.id, LONGEST_DELAY);
    else l->in[input] = e;
}

convis_node convis_add(convis_model *m, const convis_layer_type *type, const char *name, convis_node in)
{
    convis_edge edge = { in, 0 };
    return convis_join(m, type, name, &edge, 1);
}

void convis_alias(convis_model *m, const char *name, const char *path)
{
    CONVIS_NEEDS_ELSE(, m);
    if (!name || !path) convis_stick_null(m, "convis_alias", name ? "path" : "alias");
    if (m->status) return;
    if (strlen(name) >= NAME_SIZE || strlen(path) >= NAME_SIZE) {
        stick(m, CONVIS_EINVAL, "alias '%s' of '%s': a name has up to %d characters", CONVIS_QUOTED(name), CONVIS_QUOTED(path),
              NAME_SIZE - 1);
        return;
    }
    if (convis_grow(m->context, (void **)&m->aliases, m->alias_count, &m->alias_room, sizeof *m->aliases)) {
        stick(m, CONVIS_ENOMEM, "%s: out of memory", name);
        return;
    }
    model_alias *a = &m->aliases[m->alias_count++];
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->path, sizeof a->path, "%s", path);
}

/* ---- Listing ---- */

static int list_input(const convis_model *m, int index, convis_item *item)
{
    if (index >= m->input_count) return 0;
    const model_input *i = &m->inputs[index];
    snprintf(item->path, sizeof item->path, "%s", i->name);
    item->unit = item->doc = "";
    item->value = i->baseline;
    item->requires_gradient = i->frames.required;
    item->shape = i->frames.shape;
    item->count = i->frames.n;
    return 1;
}

int convis_list(const convis_model *m, convis_kind kind, int index, convis_item *item)
{
    CONVIS_NEEDS_ELSE(0, m, item);
    *item = (convis_item){ 0 };
    if (index < 0 || (unsigned)kind > CONVIS_INPUT) return 0;
    if (kind == CONVIS_ALIAS) {
        if (index >= m->alias_count) return 0;
        snprintf(item->path, sizeof item->path, "%s", m->aliases[index].name);
        item->target = m->aliases[index].path;
        return 1;
    }
    if (kind == CONVIS_INPUT) return list_input(m, index, item);
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        int here = kind == CONVIS_LAYER ? 1 : kind == CONVIS_PARAMETER ? l->params : kind == CONVIS_STATE ? l->states : 1 + l->extras;
        if (index >= here) { index -= here; continue; }
        const convis_field *table = kind == CONVIS_PARAMETER ? l->fields : kind == CONVIS_STATE ? l->type->states
                                  : kind == CONVIS_OUTPUT && index ? l->type->outputs - 1 : NULL;
        const convis_field *f = table ? &table[index] : NULL;
        item->unit   = f ? f->unit : "";
        item->doc    = f ? f->doc : l->type->doc;
        item->target = l->type->name;
        item->inputs = kind == CONVIS_LAYER ? l->inputs : 0;
        for (int k = 0; k < item->inputs; k++) item->input[k] = l->in[k];
        if (f) snprintf(item->path, sizeof item->path, "%.95s.%.31s", l->name, f->name);
        else   snprintf(item->path, sizeof item->path, "%s", l->name);
        if (kind == CONVIS_PARAMETER) {
            convis_describe_row(f, item);
            item->value = l->param[index];
            item->requires_gradient = (l->requires_gradient >> index & 1) != 0;
            item->count = item->array ? (int64_t)l->param[index] : 1;
            item->shape = l->pass.array_shape[index];
        } else if (kind == CONVIS_STATE) {
            item->initial = f->value;
            item->count = m->planned ? l->state_n[index] : 0;
            item->data = m->device->type->host_visible ? l->pass.state[index] : NULL;
        } else if (kind == CONVIS_OUTPUT) {
            const buffer *b = index ? &l->extra[index - 1] : &l->out;
            item->shape = b->shape;
            item->count = b->n;
        }
        return 1;
    }
    return 0;
}
