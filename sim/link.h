/* link.h - a queue with a rate and a delay: the gNB-core link, and the UPF.
 *
 * Bytes leave in the order they came, at the rate, with headers on every packet; they arrive
 * `delay_ns` later. One event per flagged chunk: what is not flagged only makes the queue longer.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <stddef.h>

#include "base/arena.h"
#include "sim/stage.h"

struct parts;

/* What links that are alike share. */
struct link_rule {
    double bits_per_ns;
    int64_t delay_ns;
    int64_t payload_bytes; /* application bytes in a full packet */
    int64_t header_bytes;  /* on every packet */
    /* In a world in parts (sim/parts.h) whose links of this rule lead from one to another; NULL:
     * both ends of each are here. */
    struct parts *parts;
};

/* What a chunk touches is one cache line. */
struct link {
    _Alignas(CACHE_LINE) struct stage stage;
    const struct link_rule *rule;
    int64_t busy_until_ns;
    /* With parts: the numbers of those at its ends, and the end that hands on. */
    int from, to;
    struct entity far;
};

/* Bytes of a chunk on its way: those of the items of world.chunks. */
extern const size_t link_chunk_bytes;

struct link_rule link_rule_of(double rate_mbps, double delay_ns, int64_t payload_bytes,
                              int64_t header_bytes);

/* The rule stays where it is. */
void link_init(struct link *link, struct world *w, uint32_t entity_id,
               const struct link_rule *rule);

#endif
