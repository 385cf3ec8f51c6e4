/* devices.c - see devices.h. */
#include "devices.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layers that need not run on a device yet. None, in a version that is given away. */
static const char *const ALLOWED[] = { NULL };

#define TIE_CHANCE 1e-5               /* spikes that are there only once, as a part of all: thresholds that are met in the last bit */

convis_context *on_host, *on_device;

int is_not_yet(convis_status status)
{
    char part[96];
    for (int k = 0; status == CONVIS_ENOTSUP && ALLOWED[k]; k++) {
        snprintf(part, sizeof part, ": a %s cannot run on ", ALLOWED[k]);
        if (!strstr(convis_message(on_device), part)) continue;
        print_message("             not yet: %s\n", convis_message(on_device));
        return 1;
    }
    return 0;
}

/* ---- Comparing ---- */

double worst;
int64_t numbers, unequal, spikes, ties;

static int by_unit(const void *a, const void *b)
{
    const convis_spike *p = a, *q = b;
    if (p->layer != q->layer) return p->layer < q->layer ? -1 : 1;
    if (p->unit != q->unit) return p->unit < q->unit ? -1 : 1;
    return (p->time > q->time) - (p->time < q->time);
}

static void assert_in_order(const recording *r, const char *what)
{
    for (int64_t s = 1; s < r->spike_count; s++)
        if (r->spikes[s].time < r->spikes[s - 1].time)
            fail_msg("%s: spike %lld is earlier than the one before", what, (long long)s);
}

/* How many spikes of either have no partner in the other, of the same unit within a thousandth of a step. */
static int64_t count_ties(recording *a, recording *b, double dt)
{
    int64_t i = 0, j = 0, alone = 0;
    if (a->spike_count) qsort(a->spikes, (size_t)a->spike_count, sizeof *a->spikes, by_unit);
    if (b->spike_count) qsort(b->spikes, (size_t)b->spike_count, sizeof *b->spikes, by_unit);
    while (i < a->spike_count && j < b->spike_count) {
        const convis_spike *p = &a->spikes[i], *q = &b->spikes[j];
        if (p->layer == q->layer && p->unit == q->unit && fabs(p->time - q->time) <= 1e-3*dt) { i++; j++; }
        else if (by_unit(p, q) < 0) { i++; alone++; }
        else { j++; alone++; }
    }
    alone += a->spike_count - i + b->spike_count - j;
    spikes += b->spike_count;
    ties += alone;
    return alone;
}

static void compare_output(const convis_real *found, const convis_real *expected, int64_t count, double tolerance,
                           const char *what, const char *path)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++) if (fabs((double)expected[i]) > largest) largest = fabs((double)expected[i]);
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs((double)found[i] - (double)expected[i]);
        unequal += memcmp(&found[i], &expected[i], sizeof *found) != 0;
        if (off > worst*largest && largest > 0) worst = off/largest;
        if (!(off <= tolerance*largest))
            fail_msg("%s: %s, number %lld: %.9g, expected %.9g; the largest is %g", what, path, (long long)i, (double)found[i],
                     (double)expected[i], largest);
    }
    numbers += count;
}

void compare(recording *found, recording *expected, double tolerance, double dt, const char *what)
{
    assert_int_equal(found->frames, expected->frames);
    assert_int_equal(found->outputs, expected->outputs);
    assert_in_order(found, what);
    const int64_t alone = count_ties(found, expected, dt);
    if ((double)alone > TIE_CHANCE*(double)expected->spike_count)
        fail_msg("%s: %lld spikes of %lld are not the processor's", what, (long long)alone, (long long)expected->spike_count);
    for (int k = 0; k < found->outputs && !alone; k++) {
        int64_t n = 0;
        const convis_real *b = recorded(expected, found->output[k].path, &n);
        assert_non_null(b);
        assert_int_equal(n, found->output[k].n);
        compare_output(found->output[k].data, b, n*found->frames, tolerance, what, found->output[k].path);
    }
}

void begin_counting(void) { worst = 0; numbers = unequal = spikes = ties = 0; }

void say(const char *what)
{
    if (unequal) print_message("             %s: %.2g off at most, %lld of %lld numbers not the same bits\n", what, worst,
                               (long long)unequal, (long long)numbers);
    if (ties) print_message("             %s: %lld of %lld spikes not the same\n", what, (long long)ties, (long long)spikes);
}

void compare_gradients(const double *found, const double *expected, int64_t count, double floor, const char *what,
                       const char *path)
{
    double largest = floor;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs(found[i] - expected[i]);
        if (largest > 0 && off > worst*largest) worst = off/largest;
        if (!(off <= SLOPE_TOLERANCE*largest))
            fail_msg("%s: gradient of %s, number %lld: %.9g, expected %.9g; the largest is %g", what, path, (long long)i,
                     found[i], expected[i], largest);
        unequal += found[i] != expected[i];
    }
    numbers += count;
}

/* ---- Devices ---- */

static const char *under_test;
static int left_behind;              /* there was a fault, and memory of tests that failed */
static int leaks;                    /* cmocka does not count what a group's end says */

static int open_device(void **state)
{
    (void)state;
    if (convis_open(&on_host, "cpu") || convis_threads(on_host, 1)) return 1;
    if (!convis_open(&on_device, under_test)) return 0;
    print_error("%s\n", convis_message(on_device));
    return 1;
}

int after_faults(void **state)
{
    (void)state;
    if (!on_device->device->status) return 0;
    left_behind = 1;
    return convis_open(&on_device, under_test);
}

/* Nothing is left on it. Others use memory of a GPU, too. */
static int close_device(void **state)
{
    (void)state;
    convis_device *d = on_device->device;
    const int64_t left = left_behind || strncmp(d->name, "opencl", 6) ? 0 : d->memory - d->type->room(d);
    if (left) print_error("%lld bytes are left on the device\n", (long long)left);
    leaks += left != 0;
    convis_close(&on_device);
    convis_close(&on_host);
    return left != 0;
}

/* The k-th of the list ("none": an empty one), or, without one, the first of OpenCL that works. 0: no more. */
static int device_named(int k, char name[32])
{
    const char *list = getenv("CONVIS_TEST_DEVICE");
    convis_device_info info;
    if (list && !strcmp(list, "none")) return 0;
    if (list && *list) {
        for (; k && list; k--) list = (list = strchr(list, ',')) ? list + 1 : NULL;
        if (list) snprintf(name, 32, "%.*s", (int)strcspn(list, ","), list);
        return list && *name;
    }
    for (int j = 0; k == 0 && convis_device_list(j, &info); j++)
        if (info.usable && !strncmp(info.name, "opencl:", 7)) { snprintf(name, 32, "%s", info.name); return 1; }
    return 0;
}

int run_on_devices(const struct CMUnitTest *tests, size_t count, const char *pattern)
{
    char name[32] = "";
    int failed = 0, devices = 0;
    setenv("CONVIS_CACHE", CONVIS_TEST_CACHE, 0);
    if (pattern) cmocka_set_test_filter(pattern);
    for (; device_named(devices, name); devices++) {
        under_test = name;
        failed += _cmocka_run_group_tests(name, tests, count, open_device, close_device);
    }
    if (devices) return failed + leaks;
    print_message("there is no device of OpenCL here, and $CONVIS_TEST_DEVICE names none: skipped\n");
    return 77;
}
