/* kv_pool.h - the KV cache of a server, counted in blocks of a fixed number of tokens.
 *
 * Paged KV: a sequence of n tokens holds ceil(n / block_tokens) blocks, whichever they are, so
 * that a count is all there is. Invariant: 0 <= used <= total, always.
 */
#ifndef MODELS_KV_POOL_H
#define MODELS_KV_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct kv_pool {
    int64_t block_tokens;
    int64_t total, used, peak; /* blocks */
};

/* A pool for `tokens` tokens (rounded down to whole blocks). */
void kv_pool_init(struct kv_pool *p, int64_t tokens, int64_t block_tokens);

/* Blocks that `tokens` tokens need. */
static inline int64_t kv_pool_blocks(const struct kv_pool *p, int64_t tokens)
{
    return (tokens + p->block_tokens - 1) / p->block_tokens;
}

static inline int64_t kv_pool_left(const struct kv_pool *p)
{
    return p->total - p->used;
}

/* Takes blocks, or takes none and returns false when there are not so many. */
bool kv_pool_take(struct kv_pool *p, int64_t blocks);

/* Gives blocks back. */
void kv_pool_give(struct kv_pool *p, int64_t blocks);

#endif
