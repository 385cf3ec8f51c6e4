/* checkers.c - random checkers, for reverse correlation:
 *
 *      checkers:   L (1 + C b),  b = -1 or 1 with equal chance        (dense binary noise)
 *      sparse:     L (1 + C b),  b = 0 but for a share `density` of the checks, which are -1 or 1 with equal chance
 *
 * b is drawn anew for each check `rate` times a second. Draws are keyed by seed, refresh and check (Philox), so frame
 * k does not depend on where one begins. Checks are counted from the middle of the field: one with more pixels on both
 * sides only adds checks. A pixel is of the check that its own middle is in. */
#include "stimuli.h"
#include "base/philox.h"

#define CHECKER_FIELDS                                                                              \
    { "size", "degrees", .5, 0, 10000, 0, "of a check; at least a pixel. 0: one pixel" },           \
    { "rate", "Hz", 0, 0, 1e6, 0, "at which checks are drawn anew; 0: in every frame" },            \
    { "seed", "", 0, 0, 4294967295.0, CONVIS_WHOLE, "of the noise" }

static const convis_field dense[] = { CHECKER_FIELDS, { .name = NULL } };
static const convis_field sparse[] = {
    CHECKER_FIELDS,
    { "density", "", .05, 0, 1, 0, "share of the checks that are not grey at a time" },
    { .name = NULL }
};

static convis_status checkers_open(convis_stim *s)
{
    const double size = convis_stim_value(s, "size");
    if (size > 0 && size*s->ppd < 1 - 1e-9)
        return convis_fail(s->frames.context, CONVIS_EINVAL, "stim:%s: size is %g degrees, expected at least a pixel "
                           "(%g degrees) or 0",
                           s->kind->name, size, 1/s->ppd);
    return CONVIS_OK;
}

static int64_t check_of(double pixels, double size) { return (int64_t)floor(pixels/size + 1e-9); }

/* One draw of 128 bits serves 128 dense checks in a row of them, or 4 sparse ones. */
typedef struct noise { uint64_t key, refresh; int64_t group, row; philox bits; int per_draw; uint32_t below; } noise;

static double pattern(noise *n, int64_t cx, int64_t cy)
{
    const int64_t group = cx >= 0 ? cx/n->per_draw : -1 - (-1 - cx)/n->per_draw, at = cx - group*n->per_draw;
    if (group != n->group || cy != n->row) {
        n->group = group;  n->row = cy;
        n->bits = philox_draw(n->key, n->refresh, (uint64_t)(uint32_t)group | (uint64_t)(uint32_t)cy << 32);
    }
    if (n->per_draw == 128) return n->bits.word[at >> 5] >> (at & 31) & 1 ? 1 : -1;
    const uint32_t word = n->bits.word[at];                  /* its lowest bit is the sign, the others say whether at all */
    return word >> 1 < n->below ? word & 1 ? 1 : -1 : 0;
}

static void draw(const convis_stim *s, int64_t frame, double density, convis_real *out)
{
    const double degrees = convis_stim_value(s, "size"), size = degrees > 0 ? degrees*s->ppd : 1;
    const int is_dense = density < 0;
    noise n = { .refresh = (uint64_t)convis_stim_refresh(s, frame, convis_stim_value(s, "rate")), .group = INT64_MIN,
                .per_draw = is_dense ? 128 : 4, .below = is_dense ? 0 : (uint32_t)(density*2147483648.0) };
    /* The upper half separates this noise from other noise of the same seed. */
    n.key = (uint64_t)convis_stim_value(s, "seed") | (uint64_t)(is_dense ? 0x63686563 : 0x73706172) << 32;
    const int64_t width = s->frames.width;
    int64_t row = INT64_MIN;
    for (int64_t j = 0; j < s->frames.height; j++, out += width) {
        const int64_t cy = check_of((double)j - s->y, size);
        if (cy == row) {                                     /* the same checks as in the row above */
            for (int64_t i = 0; i < width; i++) out[i] = out[i - width];
            continue;
        }
        row = cy;
        for (int64_t i = 0; i < width; i++)
            out[i] = (convis_real)(s->luminance*(1 + s->contrast*pattern(&n, check_of((double)i - s->x, size), cy)));
    }
}

static int draw_dense(convis_stim *s, int64_t frame, convis_real *out) { draw(s, frame, -1, out);  return 1; }
static int draw_sparse(convis_stim *s, int64_t frame, convis_real *out)
{
    draw(s, frame, convis_stim_value(s, "density"), out);
    return 1;
}

const convis_stim_kind
    convis_stim_checkers = { "checkers", "flickering random checkers, black or white", dense, NULL,
                             checkers_open, draw_dense, NULL },
    convis_stim_sparse = { "sparse", "sparse noise: a few black or white checks on grey", sparse, NULL,
                           checkers_open, draw_sparse, NULL };
