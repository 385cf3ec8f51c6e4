/* blur_on_device.c - the blurs of blur.h on a device: which kernels of blur_gpu.c, and how many groups. */
#include "blur.h"
#include "engine/launch.h"
#include <string.h>

CONVIS_GPU_TEXT(blur_gpu)
enum { GROUP_SIZE = BLUR_GROUP, ROWS_A_GROUP = 2, COLUMNS_A_GROUP = 4 };

/* Neighbouring columns lie in one piece of memory, so a group takes several; rows are better spread over more groups. Fewer where lines are
 * so long that they would not fit; 0: not even one. */
static void share_lines(blur_lines *z, int lines)
{
    int part = 0;
    for (; lines; lines /= 2) {
        part = ((z->length + GROUP_SIZE/lines - 1)/(GROUP_SIZE/lines)) | 1;
        if (part*GROUP_SIZE <= BLUR_TILE) break;
    }
    z->group_lines = lines;
    z->line_members = lines ? GROUP_SIZE/lines : 0;
    z->part = part;
}

void convis_blur_device_prepare(convis_blur *b)
{
    const int deriche = b->method == CONVIS_BLUR_DERICHE;
    for (int columns = 0; columns < 2; columns++) {
        const int length = (int)(columns ? b->h : b->w), lines = (int)(columns ? b->w : b->h);
        b->lines[columns] = (blur_lines){ .length = length, .lines = lines, .line_stride = columns ? 1 : (int)b->w,
            .stride = columns ? (int)b->w : 1, .c_stride = b->varying ? lines : deriche ? 0 : 1, .c_line = b->varying ? 1 : 0,
            .c_step = (int)(b->row[1] - b->row[0]), .end_f = deriche ? (float)b->end_forward : 0.5f,
            .end_r = deriche ? (float)b->end_backward : 0.5f };
        share_lines(&b->lines[columns], columns ? COLUMNS_A_GROUP : ROWS_A_GROUP);
    }
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }

static void run(const convis_pass *p, const char *kernel, int64_t n, int steps, void *const *buffers, const void *block,
                int64_t groups)
{
    convis_launch_text(p, &blur_gpu_text, kernel, n, steps, buffers, block, groups, GROUP_SIZE);
}

static void diffuse(const convis_pass *p, const convis_blur *b, int columns, int steps, const convis_real *in, convis_real *out,
                    int64_t planes)
{
    const blur_lines *z = &b->lines[columns];
    convis_real *const *c = columns ? b->column : b->row;
    const int64_t lines = planes*z->lines, each = z->group_lines;
    void *buffers[] = { c[0], c[1], address(in), out };
    if (each) run(p, "blur_diffuse", lines, steps, buffers, z, (lines + each - 1)/each);
    else      run(p, "blur_diffuse_long", lines, steps, buffers, z, 0);
}

/* As many maps at once as fit into the scratch. */
static void deriche(const convis_pass *p, const convis_blur *b, int columns, const convis_real *in, convis_real *out,
                    int64_t planes, void *scratch)
{
    const int64_t n = b->w*b->h, most = convis_elements(p->out_shape)/n;
    const blur_deriche_args args = { b->lines[columns], b->method == CONVIS_BLUR_DERICHE_RADIAL };
    for (int64_t k = 0; k < planes; k += most) {
        const int64_t maps = planes - k < most ? planes - k : most;
        void *buffers[] = { columns ? b->column[0] : b->row[0], address(in + k*n), out + k*n, scratch };
        run(p, "blur_deriche", maps*args.z.lines, 1, buffers, &args, 0);
    }
}

void convis_blur_on_device(const convis_pass *p, const convis_blur *b, int columns, const convis_real *in, convis_real *out,
                           int64_t planes, void *scratch)
{
    if (b->method == CONVIS_BLUR_NONE) {
        if (in != out) convis_copy(p, out, in, planes*b->w*b->h);
    } else if (b->method == CONVIS_BLUR_DIFFUSION) diffuse(p, b, columns, b->steps, in, out, planes);
    else deriche(p, b, columns, in, out, planes, scratch);
}

/* ---- Backward, as blur_back.c ---- */

static void multiply(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, convis_real *by)
{
    const blur_multiply_args args = { (int)(b->w*b->h) };
    if (by) run(p, "blur_multiply", k->planes*b->w*b->h, 1, (void *[]){ k->g, by }, &args, 0);
}

/* All steps of one axis on g; where the gradient of sigma is required, also one step on its own, first or last. */
static void axis_back(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int columns)
{
    const blur_width_args args = { (int)(b->w*b->h), (float)(-2*b->steps*k->scale) };
    if (columns || !k->dsigma) diffuse(p, b, columns, k->dsigma ? 1 : b->steps, k->g, k->dsigma ? k->spare : k->g, k->planes);
    else {
        diffuse(p, b, columns, b->steps, k->g, k->g, k->planes);
        diffuse(p, b, columns, 1, k->g, k->spare, k->planes);
    }
    if (!k->dsigma) return;
    run(p, "blur_width", k->planes*b->w*b->h, 1,
        (void *[]){ k->g, k->spare, address(columns ? k->y : k->x), b->per_weight, k->dsigma }, &args, 0);
    if (!columns) return;
    if (b->steps > 1) diffuse(p, b, columns, b->steps - 1, k->spare, k->g, k->planes);
    else convis_copy(p, k->g, k->spare, k->planes*b->w*b->h);
}

/* Deriche: the input of the columns is the spare map, which the rows have made. */
static void deriche_back(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int columns)
{
    const int64_t n = convis_elements(p->out_shape);
    const blur_deriche_back_args args = { b->lines[columns], b->method == CONVIS_BLUR_DERICHE_RADIAL, (float)k->scale };
    convis_real *forward = k->scratch, *backward = forward + n;
    run(p, "blur_deriche_back", k->planes*args.z.lines, 1,
        (void *[]){ columns ? b->column[0] : b->row[0], k->g, forward, backward, columns ? k->spare : address(k->x), k->dsigma },
        &args, 0);
}

void convis_blur_back_on_device(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, const char *before,
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
        if (k->dsigma) deriche(p, b, 0, k->x, k->spare, k->planes, k->scratch);
        deriche_back(p, b, k, 1);
        deriche_back(p, b, k, 0);
    }
    if (after) convis_launch(p, after, n, 1, buffers_after);
}
