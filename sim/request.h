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
    int64_t in;    /* the radio: first byte taken; every other stage: last one */
    int64_t out;   /* last byte handed on */
    int64_t bytes; /* application bytes taken so far: every stage hands on as many */
};

/* Members that are wanted at one time lie together: in a large world a request lies in no cache
 * when its turn comes. Those at the end most scenarios never look at. */
struct request {
    uint64_t id;        /* (UE index << 32) + the UE's request number */
    uint32_t ue, group; /* UE, and its group of UEs */
    uint32_t server;
    uint32_t flow; /* its TCP connection, when the transport has one */
    int32_t cell;  /* at birth; -1 without a radio */
    int32_t slice; /* fruit (or branch) index in the slice tree at birth; -1: none */
    uint32_t live_prev, live_next; /* the world's list of requests in flight, by handle */
    int64_t uplink_bytes, downlink_bytes;
    int64_t born;
    struct request_stamps at[STAGE_COUNT];
    int64_t held[4]; /* bytes that a link keeps to be joined with the next flagged chunk
                        (request_held) */
    int64_t ul_sched_bytes;

    /* at the server */
    int64_t output_tokens;
    int64_t tokens_out;     /* that the server has stamped or sent */
    int64_t answered_bytes; /* of the answer, given to the transport */
    int64_t server_start, first_token, last_token;
    int64_t queued_since; /* NS_NEVER while it runs */
    int64_t queue_ns;

    int64_t input_tokens;
    int64_t text_bytes;                           /* part of downlink_bytes that is text */
    double gpu_utilization_pct, gpu_memory_bytes; /* of the server when the last token was made */
    int64_t ue_first_byte, done;
    int64_t ul_sched_prb;
    double ul_bler;
    int32_t ul_blocks;
    int32_t preemptions;

    uint8_t mode;        /* enum request_mode */
    uint8_t status;      /* enum request_status */
    int32_t resolution;  /* 1-based group, 0: none */
    const char *failure; /* known from the refusal on; NULL: none */
    int32_t tx_width, tx_height, rx_width, rx_height;
    int32_t expected_words, actual_words;
    int32_t vision_passes;
    int32_t arm;                    /* that its UE chose for it (sched/choice.h) */
    uint32_t edge_next;             /* the next of its batch or queue at the edge (sim/edge.c) */
    uint32_t first_block, n_blocks; /* prefix blocks in the group's trace */
    int64_t deadline_ns;            /* after its birth; 0: none */
    double accuracy;                /* that its answer needs, 0..1 */
    int64_t load_ns,
        warm_load_ns;  /* model loading that it waited for: from disk, from host memory */
    uint32_t home;     /* of a copy in another part of the world (sim/parts.h): its */
    int32_t home_part; /* handle and part at its cell */
};

/* Bytes held by the link at a place of the line. */
static inline int64_t *request_held(struct request *r, enum stage_index index)
{
    return &r->held[index < STAGE_SERVER ? index - STAGE_TRANSPORT_UL : index - STAGE_CORE_DL + 2];
}

#endif
