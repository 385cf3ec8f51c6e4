/* rows.c - see rows.h. A processor works on its memory here; on other devices the kernels of frames.c do. */
#include "rows.h"
#include "frames.h"
#include <string.h>

enum { SUMS = CONVIS_SPARE/2 };                  /* partial sums */

static int host_visible(const convis_device *d) { return d->type->host_visible; }
static size_t bytes_of(int64_t n) { return (size_t)n*sizeof(convis_real); }

static void run(convis_device *d, const char *kernel, void *const *buffers, const convis_span *span)
{
    convis_program *p = convis_device_program(d, "frames", convis_frames_source, convis_frames_kernels);
    const convis_device_kernel *k = p ? convis_program_kernel(d, p, kernel) : NULL;
    if (k) convis_device_launch(d, k, buffers, span, 0, 0);
}

/* Where a slice is everything, its rows are one. */
static convis_rows joined(convis_rows r)
{
    return r.width == r.apart ? (convis_rows){ r.count > 0, r.count*r.width, 0 } : r;
}

static void fill(convis_device *d, convis_real *to, int64_t n, double value)
{
    const frames_fill_args args = { (float)value };
    const convis_span span = { .n = n, .nt = 1, .block = &args };
    if (value == 0) convis_device_zero(d, to, bytes_of(n));
    else if (!host_visible(d)) run(d, "frames_fill", (void *[]){ to }, &span);
    else for (int64_t i = 0; i < n; i++) to[i] = (convis_real)value;
}

void convis_rows_fill(convis_device *d, convis_real *to, convis_rows r, double value)
{
    r = joined(r);
    for (int64_t k = 0; k < r.count && r.width > 0; k++) fill(d, to + k*r.apart, r.width, value);
}

static void add(convis_device *d, convis_real *to, const convis_real *from, int64_t n)
{
    const convis_span span = { .n = n, .nt = 1 };
    if (!host_visible(d)) run(d, "frames_add", (void *[]){ to, (void *)(uintptr_t)from }, &span);
    else for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

void convis_rows_add(convis_device *d, convis_real *to, const convis_real *from, convis_rows r)
{
    r = joined(r);
    for (int64_t k = 0; k < r.count && r.width > 0; k++) add(d, to + k*r.apart, from + k*r.apart, r.width);
}

static void move(convis_device *d, convis_real *to, const convis_real *from, int64_t n, convis_real *spare)
{
    if (n <= 0 || to == from) return;
    if (host_visible(d)) memmove(to, from, bytes_of(n));
    else if (to + n <= from || from + n <= to) convis_device_copy(d, to, from, bytes_of(n));
    else {
        convis_device_copy(d, spare, from, bytes_of(n));
        convis_device_copy(d, to, spare, bytes_of(n));
    }
}

void convis_rows_move(convis_device *d, convis_real *to, const convis_real *from, convis_rows r, convis_real *spare)
{
    r = joined(r);
    for (int64_t k = r.count - 1; k >= 0; k--) move(d, to + k*r.apart, from + k*r.apart, r.width, spare);
}

void convis_device_swap(convis_device *d, convis_real *a, convis_real *b, int64_t n, convis_real *spare)
{
    if (!host_visible(d)) {
        convis_device_copy(d, spare, a, bytes_of(n));
        convis_device_copy(d, a, b, bytes_of(n));
        convis_device_copy(d, b, spare, bytes_of(n));
    } else for (int64_t i = 0; i < n; i++) {
            const convis_real number = a[i];
            a[i] = b[i];
            b[i] = number;
        }
}

static double sum_of_parts(convis_device *d, const convis_real *from, int64_t n, convis_real *spare)
{
    convis_real part[CONVIS_SPARE];
    const int64_t parts = n < SUMS ? n : SUMS;
    const frames_sum_args args = { (int)n };
    const convis_span span = { .n = parts, .nt = 1, .block = &args };
    double sum = 0;
    run(d, "frames_sum", (void *[]){ (void *)(uintptr_t)from, spare }, &span);
    convis_device_get(d, CONVIS_QUEUE_RUN, part, spare, bytes_of(2*parts));
    for (int64_t k = 0; k < 2*parts; k++) sum += (double)part[k];
    return sum;
}

double convis_device_sum(convis_device *d, const convis_real *from, int64_t n, convis_real *spare)
{
    double sum = 0;
    if (n > 0 && !host_visible(d)) return sum_of_parts(d, from, n, spare);
    for (int64_t i = 0; i < n; i++) sum += (double)from[i];
    return sum;
}

/* ---- From one memory to the other, if they are two ---- */

const convis_real *convis_device_reach(convis_device *d, const convis_real *host, int64_t n, convis_real *spare)
{
    if (host_visible(d)) return host;
    convis_device_put(d, CONVIS_QUEUE_RUN, spare, host, bytes_of(n));
    return spare;
}

const convis_real *convis_host_reach(convis_device *d, const convis_real *from, int64_t n, convis_real *host)
{
    if (host_visible(d)) return from;
    convis_device_get(d, CONVIS_QUEUE_RUN, host, from, bytes_of(n));
    return host;
}

size_t convis_sum_size(const convis_device *d) { return host_visible(d) ? sizeof(double) : sizeof(float); }

/* From the last to the first, as a double is longer than what was its number. */
const double *convis_sums_reach(convis_device *d, const convis_total *from, int64_t n, double *host)
{
    if (host_visible(d)) return from;
    convis_device_get(d, CONVIS_QUEUE_RUN, host, from, (size_t)n*sizeof(float));
    for (int64_t i = n - 1; i >= 0; i--) {
        float number;
        memcpy(&number, (char *)host + (size_t)i*sizeof number, sizeof number);
        host[i] = (double)number;
    }
    return host;
}
