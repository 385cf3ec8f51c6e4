/* launch.c - see launch.h.
 *
 * Threads that meet are fibres: a block's threads run in turn up to where they meet, then all go on. Blocks follow each
 * other, so that memory which a block shares can be static. */
#include "launch.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

enum { STACK = 1 << 18 };
static struct {
    char *stack[MOST_THREADS];
    const kernel *kernel;                                /* of the launch that fibres work at */
    void **arguments;
    unsigned running;
    int ended;                                           /* the fibre that just stopped is through with its block */
    int met_alone;                                       /* a kernel met whose threads are no fibres */
} group;

static void leave(void);

/* A fibre serves a thread of every block of a launch. */
static void serve(void)
{
    for (;;) {
        group.kernel->run(group.arguments);
        group.ended = 1;
        leave();
    }
}

void meet(void)
{
    if (!group.kernel) { group.met_alone = 1; return; }
    group.ended = 0;
    leave();
}

/* ---- From the scheduler to a fibre and back. Kernels meet often, and swapcontext calls the system each time. ---- */

#if defined(__x86_64__)

static void *scheduler, *fibre[MOST_THREADS];            /* their stack pointers */
void stand_in_switch(void **from, void *to);
__asm__(".text\n"
        ".hidden stand_in_switch\n"
        ".globl stand_in_switch\n"
        ".type stand_in_switch, @function\n"
        "stand_in_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size stand_in_switch, .-stand_in_switch\n");

static void enter(unsigned t) { stand_in_switch(&scheduler, fibre[t]); }
static void leave(void) { stand_in_switch(&fibre[group.running], scheduler); }

/* As if it had called stand_in_switch as the first thing it did: six registers, and where to go on. */
static int begin_fibre(unsigned t)
{
    void *first[8] = { NULL };
    void (*const start)(void) = serve;
    memcpy(&first[6], &start, sizeof start);
    fibre[t] = group.stack[t] + STACK - sizeof first;
    memcpy(fibre[t], first, sizeof first);
    return 1;
}

#else

static ucontext_t scheduler, fibre[MOST_THREADS];
static void enter(unsigned t) { swapcontext(&scheduler, &fibre[t]); }
static void leave(void) { swapcontext(&fibre[group.running], &scheduler); }

static int begin_fibre(unsigned t)
{
    if (getcontext(&fibre[t])) return 0;
    fibre[t].uc_stack.ss_sp = group.stack[t];
    fibre[t].uc_stack.ss_size = STACK;
    fibre[t].uc_link = NULL;
    makecontext(&fibre[t], serve, 0);
    return 1;
}

#endif

static int make_fibre(unsigned t)
{
    if (!group.stack[t]) {
        void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED) return 0;
        group.stack[t] = stack;
    }
    return begin_fibre(t);
}

/* ---- Launches ---- */

/* Until all have ended; 0: some ended where others met. */
static int run_block(const kernel *k, unsigned block_size)
{
    for (unsigned ended = 0; !ended;) {
        for (unsigned t = 0; t < block_size; t++) {
            group.running = t;
            *k->thread = (place){ t, 0, 0 };
            enter(t);
            ended += (unsigned)group.ended;
        }
        if (ended && ended < block_size) return 0;
    }
    return 1;
}

static int launch_together(const kernel *k, void **arguments, unsigned blocks, unsigned block_size)
{
    int good = 1;
    group.kernel = k;
    group.arguments = arguments;
    for (unsigned t = 0; t < block_size && good; t++) good = make_fibre(t);
    for (unsigned b = 0; b < blocks && good; b++) {
        *k->block = (place){ b, 0, 0 };
        good = run_block(k, block_size);
    }
    group.kernel = NULL;
    return good;
}

static int launch_apart(const kernel *k, void **arguments, unsigned blocks, unsigned block_size)
{
    group.met_alone = 0;
    for (unsigned b = 0; b < blocks; b++) {
        *k->block = (place){ b, 0, 0 };
        for (unsigned t = 0; t < block_size; t++) {
            *k->thread = (place){ t, 0, 0 };
            k->run(arguments);
        }
    }
    return !group.met_alone;
}

int launch(const kernel *k, void **arguments, unsigned blocks, unsigned block_size)
{
    *k->blocks = (place){ blocks, 1, 1 };
    *k->block_size = (place){ block_size, 1, 1 };
#if defined(__SSE__)
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);                         /* --ftz=true */
#endif
    const int good = (k->meets ? launch_together : launch_apart)(k, arguments, blocks, block_size);
#if defined(__SSE__)
    _mm_setcsr(before);
#endif
    return good;
}
