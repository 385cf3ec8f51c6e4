/* loss.c - what convis_loss_evaluate does whatever the loss: find it, check what it is given, loop over elements, check the
 * result. The losses themselves are in src/learn/losses. */
#include "base/context.h"
#include "learn/losses/losses.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

static const convis_loss_type *const types[] = {
    &convis_loss_mse, &convis_loss_poisson, &convis_loss_bernoulli, &convis_loss_negative_binomial,
    &convis_loss_spike_distance, &convis_loss_correlation
};
enum { TYPES = sizeof types/sizeof *types };

const char *convis_loss_list(int index, const char **doc)
{
    if (index < 0 || index >= TYPES) return NULL;
    if (doc) *doc = types[index]->doc;
    return types[index]->name;
}

/* ---- Checks ---- */

static convis_status find(convis_context *c, const convis_loss *loss, const convis_loss_type **type)
{
    *type = NULL;
    if (!loss->kind)
        return loss->function ? CONVIS_OK
             : convis_fail(c, CONVIS_EINVAL, "loss: it has neither a kind nor a function, expected one of them");
    for (int k = 0; k < TYPES; k++)
        if (!strcmp(types[k]->name, loss->kind)) { *type = types[k]; return CONVIS_OK; }
    return convis_no_such_name(c, "loss", loss->kind, convis_loss_list);
}

static convis_status check_setting(convis_context *c, const char *loss, const char *setting, double value, const char *unit)
{
    return value > 0 && isfinite(value) ? CONVIS_OK
         : convis_fail(c, CONVIS_EINVAL, "loss %s: %s is %g%s, expected more than 0", loss, setting, value, unit);
}

static convis_status check_settings(convis_context *c, const convis_loss *loss, const convis_loss_type *type)
{
    convis_status status = CONVIS_OK;
    if (type->needs_dt || loss->counts) status = check_setting(c, type->name, "dt", loss->dt, " s");
    if (!status && type->needs_tau)     status = check_setting(c, type->name, "tau", loss->tau, " s");
    if (!status && type->needs_shape)   status = check_setting(c, type->name, "shape", loss->shape, "");
    return status;
}

static convis_status fail_at(const convis_loss_task *t, int64_t i, const char *what, double found, const char *expected)
{
    const char *kind = t->loss->kind;
    return convis_fail(t->context, CONVIS_EINVAL, "loss%s%s: unit %lld: the %s at frame %lld is %g, expected %s", kind ? " " : "",
                       kind ? kind : "", (long long)(i%t->units), what, (long long)(i/t->units), found, expected);
}

/* Sums the mask, and looks at every number that counts. type NULL: responses are not checked (the user's function may). */
static convis_status check_numbers(convis_loss_task *t, const convis_loss_type *type)
{
    t->weight = 0;
    for (int64_t i = 0; i < t->frames*t->units; i++) {
        const double weight = convis_loss_weight(t, i), p = (double)t->prediction[i], r = (double)t->response[i];
        if (!(weight >= 0) || !isfinite(weight)) return fail_at(t, i, "mask", weight, "0 (it does not count) or more");
        t->weight += weight;
        if (weight <= 0) continue;
        if (!isfinite(p)) return fail_at(t, i, "prediction", p, "a number");
        if (type && (!isfinite(r) || r < type->least || r > type->most)) return fail_at(t, i, "response", r, type->expected);
    }
    return t->weight > 0 ? CONVIS_OK
         : convis_fail(t->context, CONVIS_EINVAL, "loss: nothing counts in %lld frames of %lld units, expected something",
                       (long long)t->frames, (long long)t->units);
}

/* ---- Elements ---- */

static double mean_of_elements(const convis_loss_task *t, const convis_loss_type *type)
{
    double sum = 0;
    for (int64_t i = 0; i < t->frames*t->units; i++) {
        const double weight = convis_loss_weight(t, i);
        double derivative = 0;
        if (weight > 0) sum += weight*type->element(t->loss, (double)t->prediction[i], (double)t->response[i], &derivative);
        if (t->gradient) t->gradient[i] = (convis_real)(weight*derivative/t->weight);
    }
    return sum/t->weight;
}

/* ---- The loss ---- */

static convis_status check_result(const convis_loss_task *t, double value)
{
    const char *kind = t->loss->kind ? t->loss->kind : "";
    if (!isfinite(value))
        return convis_fail(t->context, CONVIS_EINVAL, "loss%s%s: its value is %g, expected a finite number", *kind ? " " : "",
                           kind, value);
    for (int64_t i = 0; t->gradient && i < t->frames*t->units; i++)
        if (!isfinite(t->gradient[i])) return fail_at(t, i, "gradient", (double)t->gradient[i], "a finite number");
    return CONVIS_OK;
}

convis_status convis_loss_evaluate(convis_context *c, const convis_loss *loss, const convis_real *prediction,
                                   const convis_real *response, const convis_real *mask, int64_t frames, int64_t units,
                                   double *value, convis_real *gradient)
{
    CONVIS_NEEDS(c, loss, prediction, response, value);
    const convis_loss_type *type;
    convis_loss with_counts = *loss;
    convis_loss_task t = { c, &with_counts, prediction, response, mask, frames, units, 0, gradient };
    *value = NAN;
    if (frames < 1 || units < 1 || convis_elements((convis_shape){ { 1, 1, frames, 1, units } }) < 0)
        return convis_fail(c, CONVIS_ESHAPE, "loss: %lld frames of %lld units, expected 1 or more of each", (long long)frames,
                           (long long)units);
    convis_status status = find(c, loss, &type);
    if (!status && type) {
        with_counts.counts |= type->counts;
        status = check_settings(c, &with_counts, type);
    }
    if (!status) status = check_numbers(&t, type);
    if (status) return status;
    if (!type) *value = loss->function(loss->user, prediction, response, mask, frames, units, gradient);
    else if (type->element) *value = mean_of_elements(&t, type);
    else status = type->whole(&t, value);
    return status ? status : check_result(&t, *value);
}
