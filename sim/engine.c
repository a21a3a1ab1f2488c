/* engine.c - takes the first event off the list, sets the clock, calls the handler; again. */
#include "sim/engine.h"

#include <assert.h>
#include <stdlib.h>

#include "base/units.h"
#include "sim/event_list.h"

struct engine {
    int64_t now_ns;
    struct event_list *list; /* apart, because looking at the next event may begin its day */
    struct engine_stats stats;
    bool failed;
};

/* The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA'14): every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

/* Odd multipliers keep time and source apart before they are mixed. The hashes are summed, so that
 * partitions of one world, each with its own engine, add up to the fingerprint that one engine
 * would have. */
static uint64_t event_hash(const struct event *event)
{
    uint64_t what = (event->tie >> EVENT_SEQ_BITS) << 32 | event->kind;
    return mix((uint64_t)event->t_ns * 0x9e3779b97f4a7c15U + what * 0xd1342543de82ef95U);
}

struct engine *engine_new(uint32_t capacity)
{
    struct engine *e = calloc(1, sizeof *e);
    struct event_list *list = malloc(sizeof *list);
    if (e == NULL || list == NULL || !event_list_init(list, capacity)) {
        free(e);
        free(list);
        return NULL;
    }
    e->list = list;
    return e;
}

void engine_free(struct engine *e)
{
    if (e != NULL) {
        event_list_free(e->list);
        free(e->list);
        free(e);
    }
}

int64_t engine_now(const struct engine *e)
{
    return e->now_ns;
}

uint64_t engine_tie(struct entity *from)
{
    assert(from->id < 1U << (64 - EVENT_SEQ_BITS) && from->seq < 1ULL << EVENT_SEQ_BITS);
    return (uint64_t)from->id << EVENT_SEQ_BITS | from->seq++;
}

void engine_deliver(struct entity *to, int64_t t_ns, uint64_t tie, uint32_t kind, uint64_t arg)
{
    struct engine *e = to->engine;
    assert(t_ns >= e->now_ns && t_ns < NS_NEVER); /* E2 */
    struct event event = {.t_ns = t_ns, .tie = tie, .arg = arg, .to = to, .kind = kind};
    if (!event_list_push(e->list, &event)) {
        e->failed = true;
        return;
    }
    if (e->list->n > e->stats.pending_max) {
        e->stats.pending_max = e->list->n;
    }
}

void engine_at(struct entity *from, int64_t t_ns, struct entity *to, uint32_t kind, uint64_t arg)
{
    engine_deliver(to, t_ns, engine_tie(from), kind, arg);
}

bool engine_run(struct engine *e, int64_t until_ns, uint64_t max_events)
{
    uint64_t left = max_events;
    while (!e->failed && e->list->n > 0 && event_list_next_ns(e->list) <= until_ns) {
        if (left-- == 0) {
            return true;
        }
        struct event event;
        event_list_pop(e->list, &event);
        e->now_ns = event.t_ns;
        e->stats.events++;
        e->stats.fingerprint += event_hash(&event);
        event.to->handle(event.to, event.kind, event.arg);
    }
    if (!e->failed && until_ns != NS_NEVER && until_ns > e->now_ns) {
        e->now_ns = until_ns;
    }
    return false;
}

void engine_pass(struct engine *e, int64_t t_ns)
{
    assert(t_ns >= e->now_ns && t_ns <= event_list_next_ns(e->list)); /* E2 */
    e->now_ns = t_ns;
}

int64_t engine_next(const struct engine *e)
{
    return event_list_next_ns(e->list);
}

bool engine_first(const struct engine *e, int64_t *t_ns, uint64_t *tie)
{
    *t_ns = event_list_next_ns(e->list);
    if (*t_ns == NS_NEVER) {
        return false;
    }
    *tie = event_list_next_tie(e->list);
    return true;
}

struct engine_stats engine_stats(const struct engine *e)
{
    return e->stats;
}

bool engine_failed(const struct engine *e)
{
    return e->failed;
}
