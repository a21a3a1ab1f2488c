/* event_list.c - the parts of the future-event list that run once a day or more rarely. */
#include "sim/event_list.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALLEST_CAPACITY = 1024,
    FIRST_SHIFT = 17,   /* days of 0.13 ms, until there is something to measure */
    LONGEST_SHIFT = 55, /* days of a year */
    /* Measured with the patterns of bench_engine: 2 to 8 are within 10 % of each other. */
    EVENTS_PER_DAY = 4,
    /* A year without an event makes days 2^3 times as long: 13 steps span all shifts. */
    SHIFT_STEP = 3,
    /* So many are sorted by comparing each with each, more by merging such blocks. */
    BLOCK = 8
};

static void list_put(struct event_list *l, uint32_t i)
{
    uint32_t b = (uint32_t)(l->items[i].t_ns >> l->shift) & (l->capacity - 1);
    l->items[i].next = l->bucket[b];
    l->bucket[b] = i;
    l->in_use[b / 64] |= 1ULL << (b % 64);
}

static void list_to_near(struct event_list *l, uint32_t i)
{
    event_heap_push(&l->near, &l->items[i]);
    l->items[i].next = l->free;
    l->free = i;
}

static int64_t day_end_ns(const struct event_list *l, int64_t day)
{
    return (int64_t)((uint64_t)day << l->shift | ((1ULL << l->shift) - 1));
}

/* Empties the first n buckets into one list. */
static uint32_t list_gather(struct event_list *l, uint32_t n)
{
    uint32_t all = EVENT_NONE;
    for (uint32_t b = 0; b < n; b++) {
        for (uint32_t i = l->bucket[b]; i != EVENT_NONE;) {
            uint32_t next = l->items[i].next;
            l->items[i].next = all;
            all = i;
            i = next;
        }
    }
    return all;
}

/* Puts the events of a list where L1 wants them, into buckets that are all empty at first. The
 * heap's end moves to the end of a day (never back). */
static void list_scatter(struct event_list *l, uint32_t all, int shift)
{
    memset(l->bucket, 0xff, l->capacity * sizeof *l->bucket);
    memset(l->in_use, 0, l->capacity / 64 * sizeof *l->in_use);
    l->shift = shift;
    l->near_end_ns = day_end_ns(l, l->near_end_ns >> shift);
    while (all != EVENT_NONE) {
        uint32_t next = l->items[all].next;
        if (l->items[all].t_ns <= l->near_end_ns) {
            list_to_near(l, all);
        } else {
            list_put(l, all);
        }
        all = next;
    }
}

static bool list_resize(struct event_list *l, uint32_t capacity)
{
    /* Each array that has grown stays; `capacity` follows only when all have. */
    struct event_due *day = realloc(l->day, capacity * sizeof *day);
    l->day = day != NULL ? day : l->day;
    struct event_due *spare = realloc(l->spare, capacity * sizeof *spare);
    l->spare = spare != NULL ? spare : l->spare;
    struct event *near = realloc(l->near.items, capacity * sizeof *near);
    l->near.items = near != NULL ? near : l->near.items;
    struct event *items = realloc(l->items, capacity * sizeof *items);
    l->items = items != NULL ? items : l->items;
    uint32_t *bucket = realloc(l->bucket, capacity * sizeof *bucket);
    l->bucket = bucket != NULL ? bucket : l->bucket;
    uint64_t *in_use = realloc(l->in_use, capacity / 64 * sizeof *in_use);
    l->in_use = in_use != NULL ? in_use : l->in_use;
    if (day == NULL || spare == NULL || near == NULL || items == NULL || bucket == NULL ||
        in_use == NULL) {
        return false;
    }
    uint32_t all = list_gather(l, l->capacity);
    for (uint32_t i = l->capacity; i < capacity; i++) {
        l->items[i].next = i + 1 < capacity ? i + 1 : l->free;
    }
    l->free = l->capacity;
    l->capacity = capacity;
    list_scatter(l, all, l->shift);
    return true;
}

bool event_list_init(struct event_list *l, uint32_t capacity)
{
    *l = (struct event_list){.near_end_ns = -1, .shift = FIRST_SHIFT, .free = EVENT_NONE};
    uint32_t room = SMALLEST_CAPACITY;
    while (room < capacity && room <= UINT32_MAX / 2) {
        room *= 2;
    }
    if (room < capacity || !list_resize(l, room)) {
        event_list_free(l);
        return false;
    }
    return true;
}

void event_list_free(struct event_list *l)
{
    free(l->day);
    free(l->spare);
    free(l->near.items);
    free(l->items);
    free(l->bucket);
    free(l->in_use);
    *l = (struct event_list){0};
}

bool event_list_grow(struct event_list *l)
{
    return l->capacity <= UINT32_MAX / 2 && list_resize(l, 2 * l->capacity);
}

/* Number of empty buckets from bucket b on, at most the whole ring. */
static uint32_t empty_days(const struct event_list *l, uint32_t b)
{
    uint32_t passed = 0;
    while (passed < l->capacity) {
        uint64_t word = l->in_use[b / 64] >> (b % 64);
        if (word != 0) {
            return passed + (uint32_t)__builtin_ctzll(word);
        }
        passed += 64 - b % 64;
        b = (b + 64 - b % 64) & (l->capacity - 1);
    }
    return passed;
}

/* One number, so that comparing two needs no branch. Times are not negative. */
static unsigned __int128 due_key(const struct event_due *due)
{
    return (unsigned __int128)(uint64_t)due->t_ns << 64 | due->tie;
}

/* Puts from[0..n), at most BLOCK, into `to` in order: each at the number of those before it. What
 * is lacking to a whole block counts as later than all, so that the loops are of fixed length. */
static void block_sort(const struct event_due *from, uint32_t n, struct event_due *to)
{
    unsigned __int128 key[BLOCK];
    uint32_t place[BLOCK];
    for (uint32_t i = 0; i < BLOCK; i++) {
        key[i] = i < n ? due_key(&from[i]) : ~(unsigned __int128)0;
        place[i] = i;
    }
#pragma GCC unroll 8
    for (uint32_t i = 1; i < BLOCK; i++) {
#pragma GCC unroll 8
        for (uint32_t k = 0; k < i; k++) {
            uint32_t before = key[i] < key[k];
            place[i] -= before;
            place[k] += before;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        to[place[i]] = from[i];
    }
}

/* Puts a[0..n) and b[0..m), both in order, into `to` in order. */
static void merge(const struct event_due *a, uint32_t n, const struct event_due *b, uint32_t m,
                  struct event_due *to)
{
    const struct event_due *a_end = a + n;
    const struct event_due *b_end = b + m;
    while (a < a_end && b < b_end) {
        uint32_t second = due_key(b) < due_key(a);
        *to++ = *(second ? b : a);
        b += second;
        a += 1 - second;
    }
    size_t left = (size_t)(a_end - a);
    memcpy(to, a, left * sizeof *to);
    memcpy(to + left, b, (size_t)(b_end - b) * sizeof *to);
}

static void swap_days(struct event_list *l)
{
    struct event_due *sorted = l->spare;
    l->spare = l->day;
    l->day = sorted;
}

/* L4. */
static void day_sort(struct event_list *l)
{
    uint32_t n = l->day_n;
    if (n < 2) {
        return;
    }
    for (uint32_t i = 0; i < n; i += BLOCK) {
        block_sort(l->day + i, n - i < BLOCK ? n - i : BLOCK, l->spare + i);
    }
    swap_days(l);
    for (uint32_t width = BLOCK; width < n; width *= 2) {
        for (uint32_t i = 0; i < n; i += 2 * width) {
            uint32_t left = n - i < width ? n - i : width;
            uint32_t right = n - i - left < width ? n - i - left : width;
            merge(l->day + i, left, l->day + i + left, right, l->spare + i);
        }
        swap_days(l);
    }
}

/* The events of `day` become the sorted ones; those of later years stay in its bucket. */
static void day_begin(struct event_list *l, int64_t day)
{
    uint32_t b = (uint32_t)day & (l->capacity - 1);
    uint32_t *link = &l->bucket[b];
    l->day_next = l->day_n = 0;
    while (*link != EVENT_NONE) {
        uint32_t i = *link;
        if (l->items[i].t_ns >> l->shift == day) {
            *link = l->items[i].next;
            l->day[l->day_n++] = (struct event_due){l->items[i].t_ns, l->items[i].tie, i};
        } else {
            link = &l->items[i].next;
        }
    }
    if (l->bucket[b] == EVENT_NONE) {
        l->in_use[b / 64] &= ~(1ULL << (b % 64));
    }
    day_sort(l);
}

/* A whole year has no event: finds the first one, wherever it is. */
static int64_t first_ns(const struct event_list *l)
{
    int64_t first = NS_NEVER;
    for (uint32_t b = 0; b < l->capacity; b++) {
        for (uint32_t i = l->bucket[b]; i != EVENT_NONE; i = l->items[i].next) {
            first = l->items[i].t_ns < first ? l->items[i].t_ns : first;
        }
    }
    return first;
}

void event_list_advance(struct event_list *l)
{
    int64_t day = (l->near_end_ns >> l->shift) + 1;
    for (uint32_t passed = 0; passed < l->capacity; passed++, day++) {
        uint32_t skip = empty_days(l, (uint32_t)day & (l->capacity - 1));
        if (skip >= l->capacity - passed) {
            break;
        }
        passed += skip;
        day += skip;
        day_begin(l, day);
        if (l->day_n > 0) {
            l->near_end_ns = day_end_ns(l, day);
            return;
        }
    }
    /* A search costs as much as setting the list up anew: do both, so that it is not searched for
     * every event of a quiet time. */
    int shift = l->shift + SHIFT_STEP < LONGEST_SHIFT ? l->shift + SHIFT_STEP : LONGEST_SHIFT;
    l->near_end_ns = first_ns(l);
    list_scatter(l, list_gather(l, l->capacity), shift);
}

void event_list_adapt(struct event_list *l)
{
    int64_t gap_ns = (l->last_ns - l->window_start_ns) / (int64_t)l->window_events;
    l->window_events = 0;
    l->window_start_ns = l->last_ns;
    int shift = 0;
    while (shift < LONGEST_SHIFT && 1LL << shift < gap_ns * EVENTS_PER_DAY) {
        shift++;
    }
    /* One step aside changes little and would come and go. */
    if (shift > l->shift + 1 || shift < l->shift - 1) {
        list_scatter(l, list_gather(l, l->capacity), shift);
    }
}
