/* pool.h - items of one size, named by index.
 *
 * A handle is an index, so a pool may grow (geometrically) without breaking anyone who holds
 * one; a pointer from pool_at() is good until the next pool_take(). Nothing is allocated while
 * the number of live items stays at or below its highest so far.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX

struct pool {
    unsigned char *items;
    uint32_t *next; /* free list */
    size_t item_bytes;
    uint32_t capacity; /* items allocated */
    uint32_t free;     /* head of the free list, POOL_NONE when empty */
    uint32_t live;     /* items in use */
};

/* An empty pool with room for `capacity` items (0 is fine). Returns 0 or ERR_MEMORY. */
int pool_init(struct pool *p, size_t item_bytes, uint32_t capacity);

/* A zeroed item, or POOL_NONE when memory ran out. */
uint32_t pool_take(struct pool *p);

/* Gives an item back. */
void pool_give(struct pool *p, uint32_t handle);

void pool_free(struct pool *p);

static inline void *pool_at(const struct pool *p, uint32_t handle)
{
    return p->items + (size_t)handle * p->item_bytes;
}

#endif
