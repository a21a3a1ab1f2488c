/* pool.c - items of one size in one growing array, with a free list beside it.
 *
 * Invariants (tests/base/pool.c names them):
 *   P1 next[h] == h exactly when item h is in use; otherwise next[h] is the next free handle;
 *   P2 handles are given out lowest first from a fresh pool, so that a run's handles are the same
 *      whatever the capacity was at the start;
 *   P3 a taken item is all zero bytes.
 */
#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"

enum { SMALLEST_CAPACITY = 16 };

/* Grows the arrays to `capacity` items and chains the new ones in front of the free list. */
static int pool_grow(struct pool *p, uint32_t capacity)
{
    if (p->item_bytes > (SIZE_MAX - CACHE_LINE) / capacity ||
        sizeof *p->next > SIZE_MAX / capacity) {
        return ERR_MEMORY;
    }
    /* Whole cache lines, so that an item that is made of such does not lie in one more. */
    unsigned char *items = aligned_alloc(CACHE_LINE, (capacity * p->item_bytes + CACHE_LINE - 1) /
                                                         CACHE_LINE * CACHE_LINE);
    if (items == NULL) {
        return ERR_MEMORY;
    }
    if (p->capacity > 0) {
        memcpy(items, p->items, p->capacity * p->item_bytes);
    }
    free(p->items);
    p->items = items;
    uint32_t *next = realloc(p->next, capacity * sizeof *next);
    if (next == NULL) {
        return ERR_MEMORY;
    }
    p->next = next;
    for (uint32_t h = p->capacity; h < capacity; h++) {
        next[h] = h + 1 < capacity ? h + 1 : p->free;
    }
    p->free = p->capacity;
    p->capacity = capacity;
    return 0;
}

int pool_init(struct pool *p, size_t item_bytes, uint32_t capacity)
{
    assert(item_bytes > 0);
    *p = (struct pool){.item_bytes = item_bytes, .free = POOL_NONE};
    if (capacity == 0) {
        return 0;
    }
    int rc = pool_grow(p, capacity);
    if (rc != 0) {
        pool_free(p);
    }
    return rc;
}

uint32_t pool_take(struct pool *p)
{
    if (p->free == POOL_NONE) {
        /* POOL_NONE itself is never a handle. */
        uint32_t capacity = p->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY
                            : p->capacity <= POOL_NONE / 2  ? 2 * p->capacity
                                                            : POOL_NONE;
        if (capacity == p->capacity || pool_grow(p, capacity) != 0) {
            return POOL_NONE;
        }
    }
    uint32_t handle = p->free;
    p->free = p->next[handle];
    p->next[handle] = handle;
    p->live++;
    memset(p->items + (size_t)handle * p->item_bytes, 0, p->item_bytes);
    return handle;
}

void pool_give(struct pool *p, uint32_t handle)
{
    assert(handle < p->capacity && p->next[handle] == handle); /* given twice, or never taken */
    p->next[handle] = p->free;
    p->free = handle;
    p->live--;
}

void pool_free(struct pool *p)
{
    free(p->items);
    free(p->next);
    *p = (struct pool){.item_bytes = p->item_bytes, .free = POOL_NONE};
}
