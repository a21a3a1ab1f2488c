/* batch_prefix.c - see batch_prefix.h: a hash table of fixed size and a list of idle entries. */
#include "sched/batch_prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

int batch_prefix_init(struct batch_prefix *c, int64_t total_blocks, int64_t entry_tokens,
                      int64_t block_tokens, struct err *e)
{
    *c = (struct batch_prefix){.entry_tokens = entry_tokens,
                               .entry_blocks = entry_tokens / block_tokens,
                               .free = NONE,
                               .oldest = NONE,
                               .newest = NONE};
    assert(c->entry_blocks >= 1 && entry_tokens % block_tokens == 0);
    int64_t capacity = total_blocks / c->entry_blocks + 1;
    uint32_t slots = 16;
    while (slots < 2 * capacity && slots < 1u << 30) {
        slots *= 2;
    }
    c->capacity = (uint32_t)capacity;
    c->mask = slots - 1;
    c->entries = calloc(c->capacity, sizeof *c->entries);
    c->slots = malloc(slots * sizeof *c->slots);
    if (c->entries == NULL || c->slots == NULL) {
        batch_prefix_free(c);
        return err_memory(e, "a prefix cache");
    }
    memset(c->slots, 0xff, slots * sizeof *c->slots);
    for (uint32_t i = c->capacity; i-- > 0;) {
        c->entries[i].newer = c->free;
        c->free = i;
    }
    return 0;
}

void batch_prefix_free(struct batch_prefix *c)
{
    free(c->entries);
    free(c->slots);
    *c = (struct batch_prefix){0};
}

/* Finalizer of splitmix64: ids are small numbers in a row. */
static uint32_t home_of(const struct batch_prefix *c, int64_t id)
{
    uint64_t x = (uint64_t)id;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (uint32_t)(x ^ (x >> 31)) & c->mask;
}

/* Slot of an id, or the empty one where it would be put. */
static uint32_t slot_of(const struct batch_prefix *c, int64_t id)
{
    uint32_t s = home_of(c, id);
    while (c->slots[s] != NONE && c->entries[c->slots[s]].id != id) {
        s = (s + 1) & c->mask;
    }
    return s;
}

static void idle_unlink(struct batch_prefix *c, uint32_t i)
{
    const struct batch_prefix_entry *entry = &c->entries[i];
    if (entry->older != NONE) {
        c->entries[entry->older].newer = entry->newer;
    } else {
        c->oldest = entry->newer;
    }
    if (entry->newer != NONE) {
        c->entries[entry->newer].older = entry->older;
    } else {
        c->newest = entry->older;
    }
    c->n_idle--;
}

int32_t batch_prefix_match(const struct batch_prefix *c, const int64_t *ids, int32_t n,
                           int32_t *idle)
{
    *idle = 0;
    for (int32_t k = 0; k < n; k++) {
        uint32_t i = c->slots[slot_of(c, ids[k])];
        if (i == NONE) {
            return k;
        }
        *idle += c->entries[i].refs == 0 ? 1 : 0;
    }
    return n;
}

void batch_prefix_use(struct batch_prefix *c, const int64_t *ids, int32_t n)
{
    for (int32_t k = 0; k < n; k++) {
        uint32_t i = c->slots[slot_of(c, ids[k])];
        assert(i != NONE);
        if (c->entries[i].refs++ == 0) {
            idle_unlink(c, i);
        }
    }
}

void batch_prefix_release(struct batch_prefix *c, const int64_t *ids, int32_t n)
{
    for (int32_t k = n; k-- > 0;) {
        uint32_t i = c->slots[slot_of(c, ids[k])];
        assert(i != NONE && c->entries[i].refs > 0);
        struct batch_prefix_entry *entry = &c->entries[i];
        if (--entry->refs > 0) {
            continue;
        }
        entry->older = c->newest;
        entry->newer = NONE;
        if (c->newest != NONE) {
            c->entries[c->newest].newer = i;
        } else {
            c->oldest = i;
        }
        c->newest = i;
        c->n_idle++;
    }
}

bool batch_prefix_add(struct batch_prefix *c, int64_t id)
{
    uint32_t s = slot_of(c, id);
    if (c->slots[s] != NONE) {
        return false;
    }
    assert(c->free != NONE); /* P1: entries are blocks of the pool */
    uint32_t i = c->free;
    c->free = c->entries[i].newer;
    c->entries[i] = (struct batch_prefix_entry){.id = id, .refs = 1};
    c->slots[s] = i;
    c->n++;
    return true;
}

/* Closes the gap that an emptied slot leaves in the runs of probes across it (Knuth, TAOCP 3,
 * 6.4, algorithm R). */
static void slot_empty(struct batch_prefix *c, uint32_t s)
{
    c->slots[s] = NONE;
    for (uint32_t t = (s + 1) & c->mask; c->slots[t] != NONE; t = (t + 1) & c->mask) {
        uint32_t home = home_of(c, c->entries[c->slots[t]].id);
        if (((t - home) & c->mask) >= ((t - s) & c->mask)) {
            c->slots[s] = c->slots[t];
            c->slots[t] = NONE;
            s = t;
        }
    }
}

void batch_prefix_evict(struct batch_prefix *c)
{
    uint32_t i = c->oldest;
    assert(i != NONE && c->entries[i].refs == 0); /* P2 */
    idle_unlink(c, i);
    slot_empty(c, slot_of(c, c->entries[i].id));
    c->entries[i].newer = c->free;
    c->free = i;
    c->n--;
}
