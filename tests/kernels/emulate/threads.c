/* threads.c - the threads of a block as contexts of one real thread, which change places only at
 * barriers, shuffles and tensor products.
 *
 * A warp runs until all its lanes wait at the same kind of barrier; when all warps wait at the
 * block's, or have ended, they go on. A lane that ends while others wait at a barrier is an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/kernels/emulate.h"

enum { LANES = 32, THREADS_MOST = 256, STACK_BYTES = 1 << 17 };
enum state { READY, AT_WARP, AT_BLOCK, ENDED };

struct lane {
    ucontext_t context; /* to begin; from then on `at` says where it waits */
    void *at[5];
    bool begun;
    enum state state;
    unsigned number;
};

static struct lane lanes[THREADS_MOST];
static _Alignas(64) char stacks[THREADS_MOST * STACK_BYTES]; /* only what is touched takes memory */
static ucontext_t scheduler;
static void *scheduler_at[5];
static struct lane *running;
static void (*running_kernel)(const void *args);
static const void *running_args;

struct emulate_index emulate_thread, emulate_block, emulate_grid;
bool emulate_backwards;

static void fail(const char *what)
{
    fprintf(stderr, "emulated GPU: thread %u of block %u,%u,%u: %s\n",
            running != NULL ? running->number : 0, emulate_block.x, emulate_block.y,
            emulate_block.z, what);
    abort();
}

/* swapcontext() asks the kernel for the signal mask each time, so it only begins a lane; from then
 * on the compiler's own jumps do, which the address sanitizer leaves alone (this file is compiled
 * without it: a stack that is left for another is all it sees here). */
static __attribute__((noinline)) void jump(void **to)
{
    __builtin_longjmp(to, 1);
}

static __attribute__((noinline)) void to_scheduler(struct lane *l)
{
    if (__builtin_setjmp(l->at) == 0) {
        jump(scheduler_at);
    }
}

static __attribute__((noinline)) void to_lane(struct lane *l)
{
    if (__builtin_setjmp(scheduler_at) != 0) {
        return;
    }
    if (l->begun) {
        jump(l->at);
    }
    l->begun = true;
    swapcontext(&scheduler, &l->context);
}

static void wait_as(enum state state)
{
    struct lane *mine = running;
    mine->state = state;
    to_scheduler(mine);
}

void emulate_barrier(void)
{
    wait_as(AT_BLOCK);
}

static void lane_main(void)
{
    for (;;) { /* block after block */
        running_kernel(running_args);
        running->state = ENDED;
        to_scheduler(running);
    }
}

static void lane_start(struct lane *l, unsigned number)
{
    l->number = number;
    l->state = READY;
    if (l->begun) {
        return;
    }
    getcontext(&l->context);
    l->context.uc_stack.ss_sp = stacks + (size_t)number * STACK_BYTES;
    l->context.uc_stack.ss_size = STACK_BYTES;
    l->context.uc_link = NULL;
    makecontext(&l->context, lane_main, 0);
}

static void warp_run(struct lane *warp)
{
    bool again = true;
    while (again) {
        for (int i = 0; i < LANES; i++) {
            struct lane *l = &warp[emulate_backwards ? LANES - 1 - i : i];
            if (l->state == READY) {
                running = l;
                emulate_thread = (struct emulate_index){l->number, 0, 0};
                to_lane(l);
            }
        }
        for (int i = 1; i < LANES; i++) {
            running = &warp[i];
            if (warp[i].state != warp[0].state) {
                fail("waits elsewhere than its warp");
            }
        }
        again = warp[0].state == AT_WARP;
        for (int i = 0; again && i < LANES; i++) {
            warp[i].state = READY;
        }
    }
}

static void block_run(unsigned threads)
{
    for (unsigned i = 0; i < threads; i++) {
        lane_start(&lanes[i], i);
    }
    unsigned ended = 0;
    while (ended < threads) {
        for (unsigned i = 0; i < threads; i += LANES) {
            unsigned at = emulate_backwards ? threads - LANES - i : i;
            if (lanes[at].state != ENDED) {
                warp_run(&lanes[at]);
            }
        }
        ended = 0;
        for (unsigned i = 0; i < threads; i++) {
            ended += lanes[i].state == ENDED;
        }
        if (ended != 0 && ended != threads) {
            fail("its block waits at a barrier that some warps never reach");
        }
        for (unsigned i = 0; ended == 0 && i < threads; i++) {
            lanes[i].state = READY;
        }
    }
}

void emulate_launch(void (*kernel)(const void *args), const void *args, struct emulate_index grid,
                    unsigned threads)
{
    if (threads == 0 || threads > THREADS_MOST || threads % LANES != 0 || grid.x == 0 ||
        grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535) {
        fail("a launch that no GPU takes");
    }
    running_kernel = kernel;
    running_args = args;
    emulate_grid = grid;
    for (unsigned z = 0; z < grid.z; z++) {
        for (unsigned y = 0; y < grid.y; y++) {
            for (unsigned x = 0; x < grid.x; x++) {
                emulate_block = (struct emulate_index){x, y, z};
                block_run(threads);
            }
        }
    }
}

/* --- Between the lanes of a warp -------------------------------------------------------------- */

static float shuffled[THREADS_MOST];

float shuffle_xor(float value, int mask)
{
    unsigned me = running->number;
    shuffled[me] = value;
    wait_as(AT_WARP);
    float other = shuffled[me ^ (unsigned)mask];
    wait_as(AT_WARP);
    return other;
}

struct fragments {
    uint32_t a[4], b[2];
};

static struct fragments held[THREADS_MOST];

static float half_at(uint32_t pair, int which, bool bf16)
{
    uint16_t half = (uint16_t)(which == 0 ? pair & 0xffffU : pair >> 16);
    return bf16 ? half_of_bf16(half) : half_of_f16(half);
}

/* PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point type": of a lane l, group g = l/4
 * and t = l%4, a[i] holds row g + 8 (i%2), columns 2t + 8 (i/2) and the next; b[i] rows 2t + 8 i
 * and the next of column g; c[i] row g + 8 (i/2), column 2t + i%2. */
void tensor_multiply(float c[4], const uint32_t a[4], const uint32_t b[2], bool bf16)
{
    unsigned me = running->number;
    unsigned warp = me / LANES * LANES;
    memcpy(held[me].a, a, sizeof held[me].a);
    memcpy(held[me].b, b, sizeof held[me].b);
    wait_as(AT_WARP);
    for (int i = 0; i < 4; i++) {
        unsigned row = me % LANES / 4 + 8 * (unsigned)(i / 2);
        unsigned column = me % 4 * 2 + (unsigned)(i % 2);
        for (unsigned k = 0; k < 16; k++) {
            unsigned t = k % 8 / 2;
            const struct fragments *of_a = &held[warp + row % 8 * 4 + t];
            const struct fragments *of_b = &held[warp + column * 4 + t];
            c[i] += half_at(of_a->a[row / 8 + 2 * (k / 8)], (int)(k % 2), bf16) *
                    half_at(of_b->b[k / 8], (int)(k % 2), bf16);
        }
    }
    wait_as(AT_WARP);
}
