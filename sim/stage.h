/* stage.h - how a request walks from stage to stage.
 *
 * A stage takes bytes of a request in chunks and hands chunks on; it never calls the stage before
 * it. A chunk without a flag may be kept and joined with later ones: only what is flagged must be
 * handed on at its own time.
 *
 *   UE_TX -> RADIO_UL -> TRANSPORT_UL -> CORE_UL -> SERVER
 *        -> CORE_DL -> TRANSPORT_DL -> RADIO_DL -> UE_RX
 *
 * Invariants (tests/sim/chain.c, chain_ends.c):
 *   S1 every stage hands on as many bytes of a request as it took;
 *   S2 the stamps of a completed request do not decrease along the chain;
 *   S3 a request ends exactly once, and then its owner hears of it.
 */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include <stdint.h>

#include "sim/engine.h"
#include "sim/request.h"

struct world;

enum chunk_flags {
    CHUNK_PUSH = 1,    /* wanted at its own time (a streamed token) */
    CHUNK_LAST = 2,    /* the message ends here */
    CHUNK_CONTROL = 4, /* a packet without application bytes (TCP): leaves no stamps */
};

struct stage {
    struct entity entity; /* first: a stage is an entity */
    struct world *world;
    /* Takes `bytes` application bytes of a request for place `index` of the line. */
    void (*accept)(struct stage *stage, enum stage_index index, uint32_t request, int64_t bytes,
                   unsigned flags);
};

/* Hands bytes from place `index` to the next place of this scenario's line, stamping both. */
void stage_pass(struct world *w, enum stage_index index, uint32_t request, int64_t bytes,
                unsigned flags);

#endif
