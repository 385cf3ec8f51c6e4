/* devices.h - what tests of devices share: on which they run, and what comes out there against what comes out on the processor.
 *
 * Devices: those that $CONVIS_TEST_DEVICE lists ("cuda:0,opencl:0.0"), else the first of OpenCL (PoCL needs no graphics card).
 * Without one all tests are skipped, with a sentence. What is compiled is stored in the build folder, if $CONVIS_CACHE says nothing else. */
#ifndef DEVICES_H
#define DEVICES_H
#include "harness.h"
#include "device/device.h"

extern convis_context *on_host, *on_device;       /* the processor's, with one thread, and the device's */

/* All tests once on each device; the program's status. */
int run_on_devices(const struct CMUnitTest *, size_t count, const char *pattern);
/* A fault of the device stays; what failed with it is left behind, and the device opened anew. A setup of every test. */
int after_faults(void **state);
/* A plan on the device that was refused because a layer cannot run there yet; says so. */
int is_not_yet(convis_status);

/* ---- Comparing; what has been seen since begin_counting: ---- */

extern double  worst;                                    /* a part of an output's largest number */
extern int64_t numbers, unequal, spikes, ties;           /* unequal: not the same bits; ties: spikes without a partner */
void begin_counting(void);
void say(const char *what);
/* Sorts the spikes of both by unit, which must be the same but for ties; outputs are compared where there are none, for what follows
 * a tie is another life of that cell. tolerance: of an output, as a part of its largest number. */
void compare(recording *found, recording *expected, double tolerance, double dt, const char *what);
#define SLOPE_TOLERANCE 1e-4         /* of the largest number of a gradient: sums over all pixels and frames, in any order */
/* The numbers of one gradient. floor: what rounding of the outputs makes of it is below a ten thousandth of that; or 0. */
void compare_gradients(const double *found, const double *expected, int64_t count, double floor, const char *what,
                       const char *path);
#endif
