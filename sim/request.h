/* request.h - the request: the data that walks the chain, and the stamps it collects.
 *
 * A request is born in a UE, walks forward through the stages of its route and ends at the UE. The
 * latency breakdown is nothing but differences of its stamps. It lives in the world's pool and is
 * named by its handle; streamed tokens are chunks of the same request.
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* The line of stages. A scenario may leave some out; the others keep their places. */
enum stage_index {
    STAGE_UE_TX,
    STAGE_RADIO_UL,
    STAGE_TRANSPORT_UL,
    STAGE_CORE_UL,
    STAGE_SERVER,
    STAGE_CORE_DL,
    STAGE_TRANSPORT_DL,
    STAGE_RADIO_DL,
    STAGE_UE_RX,
    STAGE_COUNT
};

enum request_status { REQUEST_IN_FLIGHT, REQUEST_COMPLETED, REQUEST_FAILED };

/* Stamps are NS_NEVER until they happen. */
struct request_stamps {
    int64_t first_in, last_in;   /* first and last byte taken */
    int64_t out;                 /* last byte handed on */
    int64_t bytes_in, bytes_out; /* application bytes so far: conserved by every stage */
    int64_t bytes_held;          /* taken, and kept to be joined with the next flagged chunk */
};

struct request {
    uint64_t id; /* (UE index << 32) + the UE's request number */
    uint32_t ue;
    uint32_t server;
    uint32_t flow; /* its TCP connection, when the transport has one */
    int32_t cell;  /* at birth; -1 without a radio */
    int32_t arm;   /* that its UE chose for it (sched/choice.h) */
    int32_t slice; /* fruit (or branch) index in the slice tree at birth; -1: none */
    uint32_t live_prev, live_next; /* the world's list of requests in flight, by handle */
    uint32_t home;                 /* of a copy in another part of the world (sim/parts.h): its */
    int32_t home_part;             /* handle and part at its cell */

    /* what is asked */
    int mode;       /* enum request_mode */
    int resolution; /* 1-based group, 0: none */
    int32_t tx_width, tx_height, rx_width, rx_height;
    int32_t expected_words, actual_words;
    int64_t uplink_bytes, downlink_bytes;
    int64_t text_bytes; /* part of downlink_bytes that is text */
    int64_t input_tokens, output_tokens;
    int64_t vision_passes;
    uint32_t first_block, n_blocks; /* prefix blocks in the group's trace */
    int64_t deadline_ns;            /* after its birth; 0: none */
    double accuracy;                /* that its answer needs, 0..1 */

    /* what happened */
    int status;          /* enum request_status */
    const char *failure; /* known from the refusal on; NULL: none */
    uint32_t edge_next;  /* the next of its batch or queue at the edge (sim/edge.c) */
    int64_t born;
    struct request_stamps at[STAGE_COUNT];
    int64_t server_start, first_token, last_token;
    int64_t ue_first_byte, done;
    int64_t queued_since; /* NS_NEVER while it runs */
    int64_t queue_ns;
    int64_t answered_bytes; /* of the answer, given to the transport */
    int64_t tokens_out;     /* that the server has stamped or sent */
    int64_t preemptions;
    int64_t ul_sched_bytes, ul_sched_prb, ul_blocks;
    double ul_bler;
    double gpu_utilization_pct, gpu_memory_bytes; /* of the server when the last token was made */
    int64_t load_ns,
        warm_load_ns; /* model loading that it waited for: from disk, from host memory */
};

#endif
