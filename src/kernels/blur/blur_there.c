/* blur_there.c - the blurs of blur.h on a device: which kernels of blur_card.c, and how many teams. */
#include "blur.h"
#include "engine/launch.h"
#include <string.h>

extern const char *const convis_blur_card_source[];
/* As blur_card.c has them. */
enum { LENGTH, LINES, LINE_STRIDE, STRIDE, C_STRIDE, C_LINE, TEAM_LINES, LINE_MEMBERS, PART, END_F, END_R, C_STEP };
enum { TILE = 7680, TEAM_SIZE = 256, ROWS_A_TEAM = 2, COLUMNS_A_TEAM = 4 };

/* Neighbouring columns lie in one piece of memory, so a team takes several; rows are better spread over more teams. Fewer where lines are
 * so long that they would not fit; 0: not even one. */
static void share_lines(convis_real *z, int64_t length, int lines)
{
    int64_t part = 0;
    for (; lines; lines /= 2) {
        part = ((length + TEAM_SIZE/lines - 1)/(TEAM_SIZE/lines)) | 1;
        if (part*TEAM_SIZE <= TILE) break;
    }
    z[TEAM_LINES] = (convis_real)lines;
    z[LINE_MEMBERS] = (convis_real)(lines ? TEAM_SIZE/lines : 0);
    z[PART] = (convis_real)part;
}

void convis_blur_card_prepare(convis_blur *b)
{
    for (int columns = 0; columns < 2; columns++) {
        convis_real *z = b->card[columns];
        const int64_t length = columns ? b->h : b->w, lines = columns ? b->w : b->h;
        z[LENGTH] = (convis_real)length;
        z[LINES] = (convis_real)lines;
        z[LINE_STRIDE] = (convis_real)(columns ? 1 : b->w);
        z[STRIDE] = (convis_real)(columns ? b->w : 1);
        z[C_STRIDE] = (convis_real)(b->varying ? lines : b->method == CONVIS_BLUR_DERICHE ? 0 : 1);
        z[C_LINE] = (convis_real)(b->varying ? 1 : 0);
        z[END_F] = b->method == CONVIS_BLUR_DERICHE ? b->end_forward : (convis_real)0.5;
        z[END_R] = b->method == CONVIS_BLUR_DERICHE ? b->end_backward : (convis_real)0.5;
        z[C_STEP] = (convis_real)(b->row[1] - b->row[0]);
        share_lines(z, length, columns ? COLUMNS_A_TEAM : ROWS_A_TEAM);
    }
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }

static void run(const convis_pass *p, const char *kernel, int64_t n, int steps, void *const *buffers, int64_t groups)
{
    convis_launch_text(p, "blur", convis_blur_card_source, kernel, n, steps, buffers, groups, TEAM_SIZE);
}

static void diffuse(const convis_pass *p, const convis_blur *b, int columns, int steps, const convis_real *in, convis_real *out,
                    int64_t planes)
{
    const convis_real *z = b->card[columns];
    convis_real *const *c = columns ? b->column : b->row;
    const int64_t lines = planes*(int64_t)z[LINES], each = (int64_t)z[TEAM_LINES];
    void *buffers[] = { address(z), c[0], c[1], address(in), out };
    if (each) run(p, "blur_diffuse", lines, steps, buffers, (lines + each - 1)/each);
    else      run(p, "blur_diffuse_long", lines, steps, buffers, 0);
}

/* As many maps at once as there is scratch for. */
static void deriche(const convis_pass *p, const convis_blur *b, int columns, const convis_real *in, convis_real *out, int64_t planes,
                    void *scratch)
{
    const convis_real *z = b->card[columns];
    const int64_t n = b->w*b->h, most = convis_elements(p->out_shape)/n;
    convis_pass q = *p;
    q.frame = b->method == CONVIS_BLUR_DERICHE_RADIAL;
    for (int64_t k = 0; k < planes; k += most) {
        const int64_t maps = planes - k < most ? planes - k : most;
        void *buffers[] = { address(z), columns ? b->column[0] : b->row[0], address(in + k*n), out + k*n, scratch };
        run(&q, "blur_deriche", maps*(int64_t)z[LINES], 1, buffers, 0);
    }
}

void convis_blur_there(const convis_pass *p, const convis_blur *b, int columns, const convis_real *in, convis_real *out, int64_t planes,
                       void *scratch)
{
    if (b->method == CONVIS_BLUR_NONE) {
        if (in != out) convis_copy(p, out, in, planes*b->w*b->h);
    } else if (b->method == CONVIS_BLUR_DIFFUSION) diffuse(p, b, columns, b->steps, in, out, planes);
    else deriche(p, b, columns, in, out, planes, scratch);
}

/* ---- The way back, as blur_back.c ---- */

static void multiply(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, convis_real *by)
{
    convis_pass q = *p;
    q.frame = b->w*b->h;
    if (by) run(&q, "blur_multiply", k->planes*b->w*b->h, 1, (void *[]){ k->g, by }, 0);
}

/* All steps of one axis on g; where the slope is wanted, what one step alone makes of it, first or last. */
static void axis_back(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int columns)
{
    convis_pass q = *p;
    if (columns || !k->slope) diffuse(p, b, columns, k->slope ? 1 : b->steps, k->g, k->slope ? k->spare : k->g, k->planes);
    else {
        diffuse(p, b, columns, b->steps, k->g, k->g, k->planes);
        diffuse(p, b, columns, 1, k->g, k->spare, k->planes);
    }
    if (!k->slope) return;
    q.frame = b->w*b->h;
    q.dt = -2*b->steps*k->scale;
    run(&q, "blur_slope", k->planes*b->w*b->h, 1,
        (void *[]){ k->g, k->spare, address(columns ? k->y : k->x), b->per_weight, k->slope }, 0);
    if (!columns) return;
    if (b->steps > 1) diffuse(p, b, columns, b->steps - 1, k->spare, k->g, k->planes);
    else convis_copy(p, k->g, k->spare, k->planes*b->w*b->h);
}

/* Deriche: columns heard the spare map, which the rows have made. */
static void deriche_back(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int columns)
{
    const int64_t n = convis_elements(p->out_shape);
    convis_pass q = *p;
    q.frame = b->method == CONVIS_BLUR_DERICHE_RADIAL;
    q.dt = k->scale;
    convis_real *forward = k->scratch, *backward = forward + n;
    run(&q, "blur_deriche_back", k->planes*(int64_t)b->card[columns][LINES], 1,
        (void *[]){ address(b->card[columns]), columns ? b->column[0] : b->row[0], k->g, forward, backward,
                    columns ? k->spare : address(k->x), k->slope }, 0);
}

void convis_blur_back_there(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, const char *before,
                            void *const *buffers_before, const char *after, void *const *buffers_after)
{
    const int64_t n = convis_elements(p->out_shape);
    if (before) convis_launch(p, before, n, 1, buffers_before);
    if (b->method == CONVIS_BLUR_DIFFUSION) {
        multiply(p, b, k, b->weight);
        axis_back(p, b, k, 1);
        axis_back(p, b, k, 0);
        multiply(p, b, k, b->per_weight);
    } else if (b->method != CONVIS_BLUR_NONE) {
        if (k->slope) deriche(p, b, 0, k->x, k->spare, k->planes, k->scratch);
        deriche_back(p, b, k, 1);
        deriche_back(p, b, k, 0);
    }
    if (after) convis_launch(p, after, n, 1, buffers_after);
}
