/* engine.h - the clock and the future-event list.
 *
 * An entity is anything that events happen to: a cell, a link, a server, a UE. Every event has a
 * source entity and ties break by (time, source id, the source's own sequence number), never by
 * the order of insertion, so that partitions of the world may advance in parallel and still give
 * one order. Time is int64_t nanoseconds. Nothing is allocated while the number of pending events
 * stays at or below its highest so far.
 *
 * There is no cancelling: an entity that changed its mind recognises a stale event by the
 * generation it put into `arg`.
 *
 * Invariants (tests/sim/engine.c names them):
 *   E1 events are handled in increasing (time, source id, sequence);
 *   E2 the clock never runs backwards, and an event in the past is refused (engine_at asserts);
 *   E3 the order is the same for any order of insertion;
 *   E4 the fingerprint is a function of (time, source id, kind) of the handled events alone.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct entity;

/* Handles one event at the entity's engine's current time. `kind` and `arg` are the sender's. */
typedef void (*entity_handler)(struct entity *self, uint32_t kind, uint64_t arg);

/* Embedded as the first member of whatever is an entity. */
struct entity {
    struct engine *engine;
    entity_handler handle;
    uint32_t id;  /* unique in the world, < 2^24 */
    uint64_t seq; /* events this entity has caused so far, < 2^40 */
};

struct engine_stats {
    uint64_t events;      /* handled */
    uint64_t fingerprint; /* sum of the hashes of (time, source id, kind) of the handled events:
                             the engines of a partitioned world add up to that of one engine */
    uint64_t pending_max; /* highest number of pending events */
};

/* An engine at time 0 with room for `capacity` pending events; NULL when out of memory. */
struct engine *engine_new(uint32_t capacity);
void engine_free(struct engine *e);

int64_t engine_now(const struct engine *e);

/* Asks that `to` handles (kind, arg) at time t_ns, now <= t_ns < NS_NEVER, on the list of to's
 * engine; `from` is the source. */
void engine_at(struct entity *from, int64_t t_ns, struct entity *to, uint32_t kind, uint64_t arg);

/* For a world in parts, each with an engine of its own. An event that `from` causes on another
 * engine takes its key here, and is put there later, at any time before that engine gets to t_ns:
 * the order is that of one engine (E3). */
uint64_t engine_tie(struct entity *from);
void engine_deliver(struct entity *to, int64_t t_ns, uint64_t tie, uint32_t kind, uint64_t arg);

/* Key of the next event; false: there is none. */
bool engine_first(const struct engine *e, int64_t *t_ns, uint64_t *tie);

/* Handles events up to and including time `until_ns`, at most `max_events` of them. Returns true
 * while events at or before until_ns remain; when it returns false the clock stands at until_ns
 * (until_ns = NS_NEVER runs the list empty: the clock stays at the last event). After memory ran
 * out it handles nothing more and returns false. */
bool engine_run(struct engine *e, int64_t until_ns, uint64_t max_events);

/* Sets the clock forward to t_ns, at or before the next event. */
void engine_pass(struct engine *e, int64_t t_ns);

/* Time of the next event, or NS_NEVER. */
int64_t engine_next(const struct engine *e);

struct engine_stats engine_stats(const struct engine *e);

/* True when memory for a pending event ran out: the run is void. */
bool engine_failed(const struct engine *e);

#endif
