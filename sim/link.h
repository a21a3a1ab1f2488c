/* link.h - a queue with a rate and a delay: the gNB-core link, and the UPF.
 *
 * Bytes leave in the order they came, at the rate, with headers on every packet; they arrive
 * `delay_ns` later. One event per flagged chunk: what is not flagged only makes the queue longer.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "base/pool.h"
#include "sim/stage.h"

struct parts;

struct link {
    struct stage stage;
    double bits_per_ns;
    int64_t delay_ns;
    int64_t payload_bytes; /* application bytes in a full packet */
    int64_t header_bytes;  /* on every packet */
    int64_t busy_until_ns;
    struct pool chunks; /* struct link_chunk: on their way */
    /* In a world in parts (sim/parts.h): the numbers of those at its ends, and the end that hands
     * on. parts NULL: both ends are here. */
    struct parts *parts;
    int from, to;
    struct entity far;
};

struct link_config {
    double rate_mbps, delay_ns;
    int64_t payload_bytes, header_bytes;
};

/* Returns 0 or ERR_MEMORY. */
int link_init(struct link *link, struct world *w, uint32_t entity_id,
              const struct link_config *config);
void link_free(struct link *link);

#endif
