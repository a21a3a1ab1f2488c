/* event_list.h - the future-event list: a calendar queue whose current day is sorted.
 *
 * Time is cut into days of 2^shift ns, and days into a ring of buckets (R. Brown, "Calendar
 * queues: a fast O(1) priority queue implementation for the simulation event set problem", CACM
 * 31(10), 1988). A bucket is an unsorted list of the events of its day, in this year and in later
 * ones. When a day begins, its events are sorted, all at once, which takes few branches that
 * cannot be foreseen; what is put before the day's end while it lasts goes into a small heap, and
 * the first of the two is next. A thousand events at one instant cost a sort. A bitmap of buckets
 * in use steps over empty days. The length of the day follows the mean time between events
 * (event_list.c). bench/bench_engine.c measures it against the heap alone.
 *
 * Invariants (tests/sim/engine.c names them):
 *   L1 an event is in the day or in the heap exactly when its time is at or before near_end_ns;
 *      every other event is in the bucket (time >> shift) & (buckets - 1);
 *   L2 a bucket's bit is set exactly when its list is not empty;
 *   L3 the order in which events come out hangs on their keys alone, not on the length of the day;
 *   L4 what is left of the day ascends.
 * Memory grows by doubling, only in event_list_push(); there are as many buckets as there is room
 * for events.
 */
#ifndef SIM_EVENT_LIST_H
#define SIM_EVENT_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/units.h"
#include "sim/event_heap.h"

#define EVENT_NONE UINT32_MAX

/* An event of the day, which stays among the items until it is taken out. */
struct event_due {
    int64_t t_ns;
    uint64_t tie;
    uint32_t item;
};

struct event_list {
    struct event_due *day;  /* the current day's from day_next on, sorted */
    struct event_heap near; /* put before its end while it lasts */
    uint32_t day_next, day_n;
    int shift;
    int64_t near_end_ns; /* its last nanosecond */
    uint32_t n;          /* events: of the day, in the heap and in buckets */
    uint32_t capacity;   /* a power of two; room for events, and number of buckets */
    uint32_t *bucket;    /* first event of each list, EVENT_NONE when empty */
    uint64_t *in_use;    /* a bit per bucket */
    struct event *items;
    struct event_due *spare; /* [capacity] where a day is sorted */
    uint32_t free;           /* list of unused items */
    uint64_t window_events;  /* events taken out since window_start_ns */
    int64_t window_start_ns; /* since when the mean time between events is measured */
    int64_t last_ns;         /* time of the last event taken out */
};

/* Room for `capacity` events; false when out of memory. */
bool event_list_init(struct event_list *l, uint32_t capacity);
void event_list_free(struct event_list *l);

/* For the functions below: doubles the room; goes to the next day that has events; sets the length
 * of the day anew. */
bool event_list_grow(struct event_list *l);
void event_list_advance(struct event_list *l);
void event_list_adapt(struct event_list *l);

/* The length of the day is looked at again after this many events, or a quarter of the list. */
enum { EVENT_LIST_WINDOW = 4096 };

/* The first event is of the day, not of the heap. There is one in one of the two. */
static inline bool event_list_is_due(const struct event_list *l)
{
    if (l->day_next == l->day_n || l->near.n == 0) {
        return l->day_next < l->day_n;
    }
    const struct event_due *due = &l->day[l->day_next];
    const struct event *near = &l->near.items[0];
    return (due->t_ns < near->t_ns) | ((due->t_ns == near->t_ns) & (due->tie < near->tie));
}

/* Time of the first event, or NS_NEVER. Not const: it may begin a day. */
static inline int64_t event_list_next_ns(struct event_list *l)
{
    if (l->day_next == l->day_n && l->near.n == 0) {
        if (l->n == 0) {
            return NS_NEVER;
        }
        event_list_advance(l);
    }
    return event_list_is_due(l) ? l->day[l->day_next].t_ns : l->near.items[0].t_ns;
}

/* Its tie; event_list_next_ns() has said that there is one. */
static inline uint64_t event_list_next_tie(const struct event_list *l)
{
    return event_list_is_due(l) ? l->day[l->day_next].tie : l->near.items[0].tie;
}

/* Puts an event that is not before the last one taken out. False when out of memory; the list is
 * then as it was. */
static inline bool event_list_push(struct event_list *l, const struct event *event)
{
    if (l->n == l->capacity && !event_list_grow(l)) {
        return false;
    }
    l->n++;
    if (event->t_ns <= l->near_end_ns) {
        event_heap_push(&l->near, event);
        return true;
    }
    uint32_t i = l->free;
    uint32_t b = (uint32_t)(event->t_ns >> l->shift) & (l->capacity - 1);
    l->free = l->items[i].next;
    l->items[i] = *event;
    l->items[i].next = l->bucket[b];
    l->bucket[b] = i;
    l->in_use[b / 64] |= 1ULL << (b % 64);
    return true;
}

/* Takes the first event out; event_list_next_ns() has said that there is one. */
static inline void event_list_pop(struct event_list *l, struct event *first)
{
    if (event_list_is_due(l)) {
        uint32_t i = l->day[l->day_next++].item;
        *first = l->items[i];
        l->items[i].next = l->free;
        l->free = i;
        /* In a large world whose turn is next lies in no near cache, so it is asked for now. */
        if (l->day_next < l->day_n) {
            const char *to = (const char *)l->items[l->day[l->day_next].item].to;
            __builtin_prefetch(to);
            __builtin_prefetch(to + CACHE_LINE);
        }
    } else {
        event_heap_pop(&l->near, first);
    }
    l->n--;
    l->last_ns = first->t_ns;
    l->window_events++;
    if (l->window_events >= EVENT_LIST_WINDOW && l->window_events >= l->n / 4) {
        event_list_adapt(l);
    }
}

#endif
