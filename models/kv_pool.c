/* kv_pool.c - counting KV blocks. */
#include "models/kv_pool.h"

#include <assert.h>

void kv_pool_init(struct kv_pool *p, int64_t tokens, int64_t block_tokens)
{
    assert(block_tokens > 0);
    *p = (struct kv_pool){.block_tokens = block_tokens,
                          .total = tokens > 0 ? tokens / block_tokens : 0};
}

bool kv_pool_take(struct kv_pool *p, int64_t blocks)
{
    assert(blocks >= 0);
    if (blocks > kv_pool_left(p)) {
        return false;
    }
    p->used += blocks;
    p->peak = p->used > p->peak ? p->used : p->peak;
    return true;
}

void kv_pool_give(struct kv_pool *p, int64_t blocks)
{
    assert(blocks >= 0 && blocks <= p->used);
    p->used -= blocks;
}
