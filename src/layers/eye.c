/* eye.c - a window that microsaccades move over every frame (VirtualRetina's generator; SPEC 9).
 *
 *      y[t][v][u] = x[t][top[t] + v][left[t] + u]
 *
 * The window rests for a random time, then jumps: amplitude, duration and direction are drawn, the direction around that
 * of the return to the middle; it moves with constant speed and overshoots by one step, as the original does. Normal
 * numbers come from this layer's noise at the frame where they are drawn.
 * - exact off: the corner is rounded up to whole pixels; the standard deviation of the amplitude is .04 degrees whatever
 *   was asked (quirk 9).
 * - exact on: the window moves by fractions of a pixel (bilinear), and the amplitude varies as asked.
 *
 * Adjoint: pixel c of a row takes from the window's pixels i with the weight of bilinear interpolation, 1 - |corner + i - c| where
 * that is positive, as two neighbours at most have it; likewise rows. The path is given: nothing goes to its state. The tape
 * stores the corner. */
#include <convis/kernel.h>

/* Elements of a frame of the input, of one of its maps, its width; width and height of the window, which moves over all maps alike. */
typedef struct eye_args { int m, map, w, width, height; } eye_args;

#ifndef CONVIS_HOST

/* corner: left and top per frame. */
CONVIS_KERNEL_OF(eye_args, eye_forward, PARAM corner, IN x, OUT y)
{
    integer m = args.m, map = args.map, w = args.w, width = args.width, window = width*args.height;
    CONVIS_SCAN(i, t) {
        y[t*n + i] = convis_bilinear(x + t*m + i/window*map, w, corner[2*t] + (real)(i%width),
                                       corner[2*t + 1] + (real)(i%window/width));
    }
}

/* Over the input's pixels. */
CONVIS_KERNEL_OF(eye_args, eye_back, PARAM corner, IN dy, OUT dx)
{
    integer map = args.map, w = args.w, width = args.width, height = args.height, maps = n/map;
    CONVIS_SCAN(c, t) {
        real left = corner[2*t], top = corner[2*t + 1], row = (real)(c%map/w), column = (real)(c%w), sum = R(0.0);
        integer right = c%w - (integer)left, below = c%map/w - (integer)top, before = (t*maps + c/map)*height;
        for (integer j = below - 1; j <= below; j++)
            for (integer i = right - 1; i <= right; i++)
                if (i >= 0 && i < width && j >= 0 && j < height) {
                    real x = left + (real)i - column, y = top + (real)j - row;
                    sum += convis_max(1 - (x < 0 ? -x : x), R(0.0))*convis_max(1 - (y < 0 ? -y : y), R(0.0))*
                           dy[(before + j)*width + i];
                }
        dx[t*n + c] += sum;
    }
}

CONVIS_EXPORT(eye, CONVIS_ENTRY(eye_forward) CONVIS_ENTRY(eye_back))

#else
#include <convis/layer.h>

enum { WIDTH, HEIGHT, PPD, PERIOD, PERIOD_SD, AMPLITUDE, AMPLITUDE_SD, DURATION, DURATION_SD, ANGULAR_NOISE, EXACT };
static const convis_field params[] = {
    { "width",         "px",    1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "columns of the window" },
    { "height",        "px",    1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "rows" },
    { "ppd",           "1/deg", 20, 1e-3, 1e5, CONVIS_FIXED, "pixels per degree" },
    { "period",        "s",     0.2, 0, 1e4, CONVIS_FIXED, "mean rest between saccades" },
    { "period_sd",     "s",     0.04, 0, 1e4, CONVIS_FIXED, "its standard deviation" },
    { "amplitude",     "deg",   0.5, 0, 1e3, CONVIS_FIXED, "mean length of a saccade" },
    { "amplitude_sd",  "deg",   0.04, 0, 1e3, CONVIS_FIXED, "its standard deviation" },
    { "duration",      "s",     0.025, 0, 1e4, CONVIS_FIXED, "mean duration of a saccade" },
    { "duration_sd",   "s",     0.004, 0, 1e4, CONVIS_FIXED, "its standard deviation" },
    { "angular_noise", "1",     0.3, 0, 1e3, CONVIS_FIXED, "half range of the direction, in half turns" },
    { "exact",         "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: moves by fractions of a pixel; off: as VirtualRetina" },
    { 0 }
};
enum { X, Y, REST, MOVES, SPEED_X, SPEED_Y, BEGUN, PATH_SIZE };
enum { WALK = 1024 };                    /* frames for which the path is walked at once */
static const convis_field states[] = { { "path", "px", 0, 0, 0, 0, "position, rest, remaining moves, speed" }, { 0 } };
static const convis_field outputs[] = { { "position", "px", 0, 0, 0, 0, "left and top of the window" }, { 0 } };

static convis_status plan(convis_pass *p)
{
    const int64_t *d = p->in_shape[0].dim;
    if (d[CONVIS_Y]*d[CONVIS_X] > 1 << 24)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: %lld pixels, expected at most 2^24", p->path,
                           (long long)(d[CONVIS_Y]*d[CONVIS_X]));
    if (p->param[WIDTH] > (double)d[CONVIS_X] || p->param[HEIGHT] > (double)d[CONVIS_Y])
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: a window of %gx%g pixels does not fit into %lldx%lld", p->path,
                           p->param[WIDTH], p->param[HEIGHT], (long long)d[CONVIS_X], (long long)d[CONVIS_Y]);
    p->out_shape.dim[CONVIS_Y] = (int64_t)p->param[HEIGHT];
    p->out_shape.dim[CONVIS_X] = (int64_t)p->param[WIDTH];
    p->state_shape[0] = convis_movie_shape(1, 1, PATH_SIZE);
    p->extra_shape[0] = p->tape_shape[0] = convis_movie_shape(1, 1, 2);
    p->scratch_size = 2*WALK*sizeof(convis_real);
    return CONVIS_OK;
}

static eye_args args_of(const convis_pass *p)
{
    const int64_t *d = p->in_shape[0].dim;
    return (eye_args){ (int)convis_elements(p->in_shape[0]), (int)(d[CONVIS_Y]*d[CONVIS_X]), (int)d[CONVIS_X],
                       (int)p->param[WIDTH], (int)p->param[HEIGHT] };
}

static double baseline(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

/* Where the window rests: border pixels inside the input. */
static void middle(const convis_pass *p, double *x, double *y)
{
    *x = ((double)p->in_shape[0].dim[CONVIS_X] - p->param[WIDTH])/2;
    *y = ((double)p->in_shape[0].dim[CONVIS_Y] - p->param[HEIGHT])/2;
}

static double rest_steps(const convis_pass *p, double normal)
{
    double steps = (p->param[PERIOD] + p->param[PERIOD_SD]*normal)/p->dt;
    return steps > 0 ? floor(steps) : 0;
}

/* One step of the path at absolute frame `frame`. */
static void move(const convis_pass *p, convis_real *s, int64_t frame)
{
    const double *a = p->param;
    double rest_x, rest_y;
    u32 w[8];
    real amplitude_z, duration_z, period_z, unused;
    convis_philox((u32)p->key, (u32)(p->key >> 32), (u32)frame, (u32)(frame >> 32), 0, 0, w);
    convis_philox((u32)p->key, (u32)(p->key >> 32), (u32)frame, (u32)(frame >> 32), 1, 0, w + 4);
    convis_normal_pair(w[0], w[1], &amplitude_z, &duration_z);
    convis_normal_pair(w[2], w[3], &period_z, &unused);
    middle(p, &rest_x, &rest_y);
    if (!(s[BEGUN] > 0)) {
        convis_normal_pair(w[5], w[6], &unused, &amplitude_z);      /* the first rest has a number of its own */
        s[X] = (convis_real)rest_x;
        s[Y] = (convis_real)rest_y;
        s[REST] = (convis_real)rest_steps(p, (double)amplitude_z);
        s[BEGUN] = 1;
        s[MOVES] = -1;
        convis_normal_pair(w[0], w[1], &amplitude_z, &duration_z);
    }
    if (s[REST] > 0) { s[REST] -= 1; return; }
    if (s[MOVES] < 0) {
        double sd = a[EXACT] > 0 ? a[AMPLITUDE_SD] : 0.04, length = (a[AMPLITUDE] + sd*(double)amplitude_z)*a[PPD];
        double duration = a[DURATION] + a[DURATION_SD]*(double)duration_z;
        if (duration < p->dt) duration = p->dt;
        double back_x = rest_x - (double)s[X], back_y = rest_y - (double)s[Y];
        double angle = atan2(back_y, back_x) + a[ANGULAR_NOISE]*3.14159265358979323846*(1 - 2*(double)convis_uniform(w[4]));
        double speed = (length > 0 ? length : 0)/duration;
        s[SPEED_X] = (convis_real)(speed*cos(angle)*p->dt);
        s[SPEED_Y] = (convis_real)(speed*sin(angle)*p->dt);
        s[MOVES] = (convis_real)floor(duration/p->dt);
    }
    if (s[MOVES] == 0) s[REST] = (convis_real)rest_steps(p, (double)period_z);
    s[X] += s[SPEED_X];
    s[Y] += s[SPEED_Y];
    s[MOVES] -= 1;
}

static convis_real within(double at, double room, int exact)
{
    if (!exact) at = ceil(at);
    return (convis_real)(!(at > 0) ? 0 : at > room ? room : at);      /* a damaged state may be NaN */
}

/* Corners of some frames, from t0 on, to the scratch, the output and the tape. */
static void walk(convis_pass *p, int t0, int frames)
{
    convis_real s[PATH_SIZE], corner[2*WALK];
    const size_t bytes = 2*(size_t)frames*sizeof *corner;
    int exact = p->param[EXACT] > 0;
    convis_download(p, s, p->state[0], sizeof s);
    for (int t = 0; t < frames; t++) {
        move(p, s, p->frame + t0 + t);
        corner[2*t] = within((double)s[X], (double)p->in_shape[0].dim[CONVIS_X] - p->param[WIDTH], exact);
        corner[2*t + 1] = within((double)s[Y], (double)p->in_shape[0].dim[CONVIS_Y] - p->param[HEIGHT], exact);
    }
    convis_upload(p, p->state[0], s, sizeof s);
    convis_upload(p, p->scratch, corner, bytes);
    if (p->extra[0]) convis_upload(p, p->extra[0] + 2*t0, corner, bytes);
    if (p->tape[0]) convis_upload(p, p->tape[0] + 2*t0, corner, bytes);
}

/* The path is short work: thread 0 walks it, and all copy the window. */
static convis_status forward(convis_pass *p)
{
    const eye_args args = args_of(p);
    int64_t m = convis_elements(p->in_shape[0]), n = convis_elements(p->out_shape);
    for (int t = 0; t < p->frames; t += WALK) {
        int frames = p->frames - t < WALK ? p->frames - t : WALK;
        if (p->thread == 0) walk(p, t, frames);
        convis_barrier(p);
        convis_launch_with(p, "eye_forward", n, frames,
                           (void *[]){ p->scratch, (void *)(uintptr_t)(p->in[0] + t*m), p->out + t*n }, &args);
    }
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const eye_args args = args_of(p);
    if (p->d_in[0]) convis_launch_with(p, "eye_back", convis_elements(p->in_shape[0]), p->frames,
                                       (void *[]){ p->tape[0], (void *)(uintptr_t)p->d_out, p->d_in[0] }, &args);
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(eye)
const convis_layer_type convis_eye = {
    .abi = CONVIS_LAYER_ABI, .name = "eye", .doc = "a window moved by microsaccades",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 1, .kernels = eye_kernels, .source = convis_eye_source,
    .plan = plan, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
};
#endif
