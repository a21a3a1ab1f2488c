/* event_heap.h - one event, its order, and a 4-ary heap of events. For sim/event_list.h.
 *
 * Invariants (tests/sim/engine.c names them):
 *   H1 no item comes before its parent (item i > 0 has parent (i - 1) / 4);
 *   H2 no two items have the same key: a source's sequence numbers are all different.
 */
#ifndef SIM_EVENT_HEAP_H
#define SIM_EVENT_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct entity;

struct event {
    int64_t t_ns;
    uint64_t tie; /* source id << EVENT_SEQ_BITS | the source's sequence number */
    uint64_t arg;
    struct entity *to;
    uint32_t kind;
    uint32_t next; /* for lists of events */
};

enum { EVENT_SEQ_BITS = 40, EVENT_HEAP_ARITY = 4 };

struct event_heap {
    struct event *items; /* as many as the owner makes room for */
    uint32_t n;
};

/* Without a branch: which way it goes is as good as random. */
static inline bool event_before(const struct event *a, const struct event *b)
{
    return (a->t_ns < b->t_ns) | ((a->t_ns == b->t_ns) & (a->tie < b->tie));
}

/* Puts `event` at hole `i` or above. */
static inline void event_heap_rise(struct event_heap *h, uint32_t i, const struct event *event)
{
    struct event *items = h->items;
    while (i > 0) {
        uint32_t parent = (i - 1) / EVENT_HEAP_ARITY;
        if (!event_before(event, &items[parent])) {
            break;
        }
        items[i] = items[parent];
        i = parent;
    }
    items[i] = *event;
}

/* There must be room. */
static inline void event_heap_push(struct event_heap *h, const struct event *event)
{
    event_heap_rise(h, h->n++, event);
}

/* Takes the first event out; the heap must not be empty. The hole at the root goes down to a leaf
 * and the last item rises from there: it came from the bottom and mostly stays there. */
static inline void event_heap_pop(struct event_heap *h, struct event *first)
{
    struct event *items = h->items;
    *first = items[0];
    uint32_t n = --h->n;
    uint32_t hole = 0;
    uint64_t child = 1;
    while (child + EVENT_HEAP_ARITY <= n) {
        uint32_t c = (uint32_t)child;
        uint32_t left = event_before(&items[c + 1], &items[c]) ? c + 1 : c;
        uint32_t right = event_before(&items[c + 3], &items[c + 2]) ? c + 3 : c + 2;
        uint32_t least = event_before(&items[right], &items[left]) ? right : left;
        items[hole] = items[least];
        hole = least;
        child = (uint64_t)hole * EVENT_HEAP_ARITY + 1;
    }
    if (child < n) { /* the last parent, with fewer children */
        uint32_t least = (uint32_t)child;
        for (uint32_t c = least + 1; c < n; c++) {
            least = event_before(&items[c], &items[least]) ? c : least;
        }
        items[hole] = items[least];
        hole = least;
    }
    if (n > 0) {
        event_heap_rise(h, hole, &items[n]);
    }
}

#endif
