/* stand_in.h - what the stand-ins for CUDA's driver and for NVRTC share.
 *
 * Both do on the processor what cuda.c asks of them, so that its tests need no card. They are strict where a card may
 * forgive: addresses cannot be followed by the host, new memory is full of rubbish, queued work is put off for as long as the
 * order of queues allows, and a call without a context in its thread fails.
 *
 * CONVIS_STAND_IN lists, with commas between, what is to go wrong, or to be different:
 *      none            there is no device
 *      old             the driver is for CUDA 10.2
 *      stuck           the driver does not start
 *      dies            it takes the process with it when it is to start
 *      hangs           it never starts
 *      long            the device's name has 300 letters
 *      memory:BYTES    the device has so much memory
 *      lost:LAUNCHES   this launch fails, and then everything
 *      capability:XY   the device's; NVRTC knows 7.5 to 9.0
 *      bad             kernels do not compile
 *      graphless       streams cannot be captured
 * CONVIS_STAND_IN_LOG names a file to which NVRTC adds a line for each compilation: its program's name and its options; and the driver
 * one for each launch of a graph: "graph of", and how many tasks. */
#ifndef STAND_IN_H
#define STAND_IN_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Before a compiled library: what it was made for. exact: as a CUBIN, else as PTX, which later architectures take too. */
typedef struct image_head { char magic[8]; uint32_t architecture, exact; uint64_t size; } image_head;
#define IMAGE_MAGIC "standin"

/* The number after "name:" of CONVIS_STAND_IN, 1 if there is none; 0: it does not have that name. */
static inline int64_t told(const char *name)
{
    const char *at = getenv("CONVIS_STAND_IN");
    const size_t n = strlen(name);
    for (; at && *at; at += *at == ',') {
        if (!strncmp(at, name, n) && (at[n] == ':' || at[n] == ',' || !at[n])) return at[n] == ':' ? atoll(at + n + 1) : 1;
        at += strcspn(at, ",");
    }
    return 0;
}
#endif
