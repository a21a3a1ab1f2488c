/* batch_prefix.h - KV of prompt prefixes that stays in the pool when its request has gone, so that
 * the next request with the same prefix does not compute it again.
 *
 * A prefix is a chain of block ids (Mooncake: 512 tokens each); an id stands for its tokens and
 * all before them, so that equal ids mean equal KV. An entry holds the KV blocks of one id. Who
 * uses it counts in `refs`; an entry that nobody uses is idle: it stays until the pool needs its
 * blocks, the one idle longest first. A chain becomes idle from its end, so that heads, which more
 * requests share, live longer.
 *
 * Invariants (tests/sched/batch_prefix.c):
 *   P1 entries * entry_blocks are part of the pool's `used`; idle ones can be taken back at once;
 *   P2 an entry in use is never taken back;
 *   P3 a hit never covers the whole prompt: at least one token is computed.
 */
#ifndef SCHED_BATCH_PREFIX_H
#define SCHED_BATCH_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct batch_prefix_entry {
    int64_t id;
    uint32_t refs;
    uint32_t older, newer; /* idle list; `newer` is also the free list's link */
};

struct batch_prefix {
    int64_t entry_tokens, entry_blocks; /* 0: no cache */
    struct batch_prefix_entry *entries;
    uint32_t *slots; /* open addressing by id: entry, or UINT32_MAX */
    uint32_t mask, capacity, n, n_idle;
    uint32_t free, oldest, newest;
};

/* Room for every entry that a pool of `total_blocks` can hold. Returns 0 or ERR_MEMORY. */
int batch_prefix_init(struct batch_prefix *c, int64_t total_blocks, int64_t entry_tokens,
                      int64_t block_tokens, struct err *e);
void batch_prefix_free(struct batch_prefix *c);

/* How many ids of the chain are cached without a gap; *idle: those of them that nobody uses. */
int32_t batch_prefix_match(const struct batch_prefix *c, const int64_t *ids, int32_t n,
                           int32_t *idle);

/* Uses and gives back the first n entries of a chain, which are all there. */
void batch_prefix_use(struct batch_prefix *c, const int64_t *ids, int32_t n);
void batch_prefix_release(struct batch_prefix *c, const int64_t *ids, int32_t n);

/* A new entry, in use once. False when the id is there already. */
bool batch_prefix_add(struct batch_prefix *c, int64_t id);

/* Drops the entry that has been idle longest; there is one. */
void batch_prefix_evict(struct batch_prefix *c);

static inline int64_t batch_prefix_idle_blocks(const struct batch_prefix *c)
{
    return (int64_t)c->n_idle * c->entry_blocks;
}

#endif
