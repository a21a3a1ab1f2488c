/* cell.h - one gNB and the radio of its UEs: the slot loop of both directions.
 *
 * Per direction a UE has a byte stream (RLC AM above HARQ): requests enter at its end as segments,
 * transport blocks carry ranges of it, the receiver hands on what has arrived without a gap.
 *
 * A transport block's life (HARQ process):
 *
 *            allocate()                 sent                    decoded
 *   FREE ------------------> GRANTED ----------> IN_FLIGHT ------------------> FREE
 *                               ^                    | not decoded, rounds left
 *                               | retransmit         v
 *                               +--------------- WAIT_RETX
 *                                                    | no rounds left
 *                                                    v
 *                                FREE, and the range goes back to the sender's stream after
 *                                the RLC status delay (RLC AM)
 *
 * Slots are visited only while there is work (cell_next_work); a visit without work changes
 * nothing, so that visiting every slot gives the same results.
 *
 * Invariants (tests/sim/cell.c):
 *   C1 PRB granted in a slot and direction never exceed the carrier, but for blocks that a policy
 *      places itself (oai-willm), which may cover one another;
 *   C2 a UE has at most one transport block per slot and direction;
 *   C3 bytes delivered in order and exactly once;
 *   C4 skipping idle slots changes no row;
 *   C5 averages equal those of a naive per-slot reference within 1e-9.
 */
#ifndef SIM_CELL_H
#define SIM_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"
#include "models/channel.h"
#include "models/nr_error.h"
#include "models/nr_frame.h"
#include "models/nr_mac.h"
#include "models/nr_phase.h"
#include "sched/radio.h"
#include "sim/stage.h"

#define CELL_HARQ_MAX   16
#define CELL_BLOCKS_MAX 64 /* UEs in one slot */
#define CELL_CQI_MAX    15 /* 38.214 tables 5.2.2.1-2 to -4 */
#define CELL_MCS_MAX    28 /* 38.214 tables 5.1.3.1-1 to -3 */
#define CELL_PRB_WORDS  5  /* 275 PRB at most, 38.101-1 table 5.3.2-1 */

struct scenario;
struct scenario_radio;

/* The PRB given out in one slot and direction. Blocks are packed from the lowest PRB on, unless a
 * policy places them itself. */
struct cell_plan {
    int32_t carrier_prb;
    int32_t used;    /* PRB packed so far, below which nothing is free; also the first free one */
    int32_t end_prb; /* behind the last free one */
    int32_t pucch_low, pucch_high;  /* of the PRB beyond these limits, PUCCH's: [0, pucch_low) and
                                       [carrier_prb - pucch_high, carrier_prb) */
    uint64_t taken[CELL_PRB_WORDS]; /* for the policy's view */
    int32_t grants_left, dcis_used;
    struct harq *blocks[CELL_BLOCKS_MAX];
    int32_t n;
};

/* What all cells of a run share: made once. */
struct cell_common {
    const struct scenario_radio *config;
    struct nr_frame frame;
    struct nr_grid grid[2]; /* by enum radio_direction */
    struct nr_decay decay;
    struct nr_la_config la;
    int64_t idle_grant_slots; /* 0: off */
    int64_t bsr_periodic_slots, bsr_retx_slots, rlc_slots, cqi_slots, cqi_delay_slots;
    int64_t ring; /* slots that an action may lie ahead; a power of two */
    int32_t dl_min_prb;
    int32_t max_ues_per_slot;
    double snr_step_db; /* of the SNR that is reported; 0: none */
    int32_t tpc_target_x10;
    int32_t cqi_x10[2][CELL_CQI_MAX + 1]; /* least SNR of a CQI, tenths of a dB, by direction;
                                             of CQI 0, out of range: that of 1 */
    int32_t cqi_mcs[2][CELL_CQI_MAX + 1]; /* highest that a CQI allows, within the grid */
    double need_db[2][CELL_MCS_MAX + 1];  /* SNR that an MCS needs (outer-loop), by direction */
    struct nr_phase ul_phase[4];          /* by kind of symbols; unused without a frequency error */
    struct channel_trace traces[2];       /* snr-trace, by direction */
    int32_t tb_header_bytes;              /* MAC and RLC headers in a transport block */
    int64_t packet_payload_bytes;         /* application bytes in a full IP packet */
    int64_t packet_header_bytes;          /* IP, L4, SDAP and PDCP headers per packet on the air */
};

enum harq_state { HARQ_FREE, HARQ_GRANTED, HARQ_IN_FLIGHT, HARQ_WAIT_RETX };

struct harq {
    uint8_t state;
    uint8_t round; /* rounds sent before the coming one */
    uint8_t kind;  /* of symbols, nr_grid_kind */
    uint8_t mcs;
    int16_t n_prb, prb_start;
    int16_t tbs_prb;     /* PRB that the block is sized for (oai-willm: not always n_prb) */
    int16_t overlap_prb; /* PRB that another transmission of this slot covers too */
    bool has_bsr : 1, failed : 1;
    bool by_la : 1; /* its MCS is link adaptation's, not that of an idle grant */
    int8_t tpc_db;  /* uplink: command that came with its grant */
    int16_t slice;  /* at first transmission, -1; a tree has at most 1 000 */
    int32_t tb_bytes;
    int32_t payload;  /* stream bytes carried */
    int32_t padding;  /* neither payload nor header */
    int32_t bsr;      /* reported bytes */
    int64_t start;    /* first of its payload in the stream */
    double u;         /* the block's luck: fails while u < BLER after combining */
    double snr;       /* of its first round, dB; once there are two, the sum of the linear ones */
    uint32_t request; /* whom to charge (upload statistics), POOL_NONE: none */
};

/* A request's part of a stream. */
struct segment {
    uint32_t request;
    uint32_t next; /* POOL_NONE: last */
    unsigned flags;
    int64_t end;       /* stream offset behind its last byte */
    int64_t begin;     /* stream offset of its first byte */
    int64_t app_bytes; /* application bytes it stands for */
    int64_t app_delivered;
};

struct range {
    int64_t begin, end;
};

struct ranges {
    struct range *items; /* grown geometrically */
    int n, capacity;
};

/* One direction's byte stream. Offsets only grow. */
struct stream {
    int64_t end;          /* of what has entered */
    int64_t sent;         /* first byte never sent */
    int64_t received;     /* all before this has arrived */
    struct ranges ahead;  /* arrived beyond `received`, ascending, disjoint */
    struct ranges repeat; /* to be sent again (RLC), oldest first */
    int64_t repeat_bytes;
    uint32_t head, tail; /* segments not wholly delivered */
};

/* In a large world most of what a UE has lies in no cache when its turn comes, so that time goes by
 * cache lines: what every block touches is the first three of its direction, and one for its HARQ
 * process, of which the lowest free one is taken. */
struct ue_direction {
    struct stream stream;
    struct nr_la la;
    struct nr_thr thr;
    int64_t last_slot;     /* last scheduled (of the transmission), -1; INT64_MAX: not attached */
    uint64_t rounds[2];    /* transmissions that were a first and a second round */
    int64_t sdus;          /* MAC SDUs delivered */
    uint16_t free_mask;    /* free HARQ processes */
    uint16_t retx_mask;    /* processes in WAIT_RETX */
    int32_t last_snr_x10;  /* reported SNR of the last reception */
    int32_t current_bytes; /* last transmission: the testbed's *_current_* columns */
    int16_t current_prb;
    int16_t last_mcs;
    struct channel channel; /* of a constant one the rest is not looked at */
    _Alignas(CACHE_LINE) struct harq harq[CELL_HARQ_MAX];
};
#define UE_DIRECTION_LINES 3
_Static_assert(offsetof(struct ue_direction, channel.std_db) == UE_DIRECTION_LINES * CACHE_LINE &&
                   sizeof(struct harq) == CACHE_LINE,
               "what a block touches");

/* Asks for what a block will touch. In a large world it lies in no near cache; asked for at once,
 * it comes together. */
static inline void ue_direction_fetch(const struct ue_direction *d, uint8_t process)
{
    for (int line = 0; line < UE_DIRECTION_LINES; line++)
        __builtin_prefetch((const char *)d + line * CACHE_LINE);
    __builtin_prefetch(&d->harq[process]);
}

/* A UE's radio. The world has one per UE; cells list those that are theirs (cell_attach.c). */
struct ue_radio {
    _Alignas(CACHE_LINE) struct cell *cell; /* whose it is */
    uint32_t ue;                            /* world-wide */
    uint32_t in_cell;                       /* its place there */
    uint32_t epoch; /* detachments so far: actions of an earlier one are void */
    uint16_t group; /* of UEs */
    int8_t cqi;
    bool attached : 1;
    /* uplink only */
    bool bsr_due : 1;    /* a regular BSR is triggered */
    bool bsr_timer : 1;  /* an ACTION_BSR is under way */
    bool sr_pending : 1; /* the UE waits for an SR occasion */
    bool sr_seen : 1;    /* the gNB has seen the SR */
    int32_t estimate;    /* gNB's idea of the UE's buffer: what a BSR says at most */
    int32_t sched_bytes; /* granted and not yet decoded: 16 blocks at most */
    int64_t last_bsr_slot;
    int64_t last_data_slot; /* last first-round transmission: restarts retxBSR-Timer */
    int64_t sr_known_slot;  /* slot in which the gNB hears the last SR, -1: taken back */
    int64_t cqi_report;     /* downlink: number of the report that `cqi` is of, -1: none */
    struct ue_direction d[2];
    struct channel headroom; /* power headroom that is reported, dB */
    /* closed-loop power control */
    int16_t power_db; /* what the commands so far have added up to */
    int8_t tpc_db;    /* what grants tell the UE now, after the last block */
};
_Static_assert(offsetof(struct ue_radio, d) == CACHE_LINE, "a UE's own is one line");

/* Something that happens at the beginning of a slot; kept in a ring of lists. */
enum action_kind {
    ACTION_SEND_UL, /* a granted block is built and sent */
    ACTION_END_UL,  /* the gNB has tried to decode it */
    ACTION_END_DL,  /* the UE has tried to decode a block */
    ACTION_ACK_DL,  /* the gNB knows how that went */
    ACTION_SR,      /* the gNB has seen a scheduling request */
    ACTION_BSR,     /* retxBSR-Timer, 38.321 5.4.5 */
    ACTION_RLC      /* the sender learns of a lost range */
};
struct action {
    uint8_t kind;
    uint8_t process;
    uint8_t direction;
    uint32_t ue;        /* world-wide */
    uint32_t epoch;     /* of the UE when it was asked for */
    uint32_t next;      /* in the list of its slot */
    struct range range; /* RLC: what was lost */
};

/* Those of a usual block first. */
struct cell_totals {
    int64_t prb_used, bytes_scheduled, bytes_padding, bytes_payload, blocks, mcs_sum;
    int64_t errors, blocks_retx, blocks_retx1, blocks_lost, bytes_retx;
};

#define CELL_CURVE_BITS 8
struct cell_curve {
    uint64_t of; /* modulation, rate and bytes; 0: none */
    struct nr_error_curve curve;
};

/* What the cells of one world work with. One thread at a time works on a world, or on a part of
 * one, and on one slot of one cell: so a hundred cells use one set, which stays in the processor's
 * cache, where sets of their own would not. */
struct cell_work {
    struct pool segments, actions;
    void *policy_state[2]; /* by direction; R6 of radio.h: it remembers nothing from slot to slot */
    struct radio_ue_view *views; /* [room] of the slot that is planned */
    uint32_t *view_ue;           /* [room] whose view it is */
    struct radio_grant *grants;  /* [room + max_ues_per_slot] */
    uint32_t room;               /* UEs of the largest cell */
    int32_t *retx_prb;           /* [slices] of the slot that is planned; NULL: not counted */
    const struct cell *visiting; /* a slot of this one, NULL: none */
    int32_t dcis_left;           /* what the PDCCH of this slot still holds */
    /* Error curves of blocks sent of late: a memo, not state. Blocks are often of few sizes. */
    struct cell_curve curves[1 << CELL_CURVE_BITS];
};

/* Of one direction. */
struct cell_sums {
    _Alignas(CACHE_LINE) struct cell_totals all;
    struct cell_totals *slices; /* [slices] */
};

/* What every visit touches is the first two cache lines, one of the ring and one of its sums. */
struct cell {
    _Alignas(CACHE_LINE) struct stage stage;
    struct cell_work *work;
    const struct cell_common *common;

    int64_t slot;          /* being visited, or visited last; -1 */
    int64_t armed;         /* slot for which an event is under way; INT64_MAX: none */
    uint64_t few[2];       /* UEs that may be scheduled, by direction, while there is room for 64 */
    uint64_t *ring_used;   /* bitmap over the ring of actions by slot, which lies behind it */
    struct ue_radio **ues; /* ascending by world index */
    uint32_t n_ues, room;
    uint64_t visited;

    uint64_t *many[2];                 /* like few, with more room */
    void *policy_state[2];             /* the work's, but for a cell with a tree of its own */
    const struct slice_tree *trees[2]; /* the slices' shares in force, by direction */
    const struct radio_policy *policy;
    int64_t sample_ns; /* RAN records; 0: off */
    struct cell_sums sums[2];
    struct entity sampler; /* RAN records: after everything else at its instant */
    int index;
    const char *id;
};
_Static_assert(offsetof(struct cell, many) == 2 * CACHE_LINE, "what a visit touches");

/* Bitset of UEs by in_cell that may be scheduled, and its words. */
static inline uint64_t *cell_active(struct cell *cell, enum radio_direction d)
{
    return cell->room <= 64 ? &cell->few[d] : cell->many[d];
}

static inline uint32_t cell_words(const struct cell *cell)
{
    return (cell->n_ues + 63) / 64;
}

/* [common->ring] by slot: the last action of its list, whose `next` is the first; POOL_NONE: none.
 */
static inline uint32_t *cell_ring(const struct cell *cell)
{
    return (uint32_t *)(cell->ring_used + (uint64_t)cell->common->ring / 64);
}

/* The actions of a slot that lies ahead: the first of them, and the one after `handle`; POOL_NONE:
 * there is none. */
uint32_t cell_first_action(const struct cell *cell, int64_t slot);
uint32_t cell_next_action(const struct cell *cell, int64_t slot, uint32_t handle);

/* Recorded channels live in the arena. */
int cell_common_init(struct cell_common *c, const struct scenario *sc, struct arena *a,
                     struct err *e);
void cell_common_free(struct cell_common *c);

/* cell_work.c: for a world whose cells share a tree (or have each their own: then it is only not
 * used), with room for cells of `room` UEs. Returns 0 or ERR_MEMORY. */
int cell_work_init(struct cell_work *work, const struct cell_common *k,
                   const struct slice_tree *tree, uint32_t room);
void cell_work_free(struct cell_work *work, const struct cell_common *k);
/* `bytes` for each of `n` items at the pointer `*items`, which keeps its contents; false: no
 * memory, and all is as it was. */
bool cell_grow(void *items, size_t n, size_t bytes);
/* Room for cells of `room` UEs. Returns 0 or ERR_MEMORY. */
int cell_work_grow(struct cell_work *work, const struct cell_common *k, uint32_t room);
/* Before the first event: the cell is a part's from now on, which has this work. */
void cell_work_change(struct cell *cell, struct cell_work *work);

/* A cell without UEs, of a world whose cell_work is made. Returns 0 or an error. */
int cell_init(struct cell *cell, struct world *w, const struct cell_common *common,
              uint32_t entity_id, uint32_t sampler_id, int index, struct err *e);
void cell_free(struct cell *cell);

/* Asks for the first event (idle grants, RAN samples). */
void cell_start(struct cell *cell);

/* Writes the totals of the run. */
void cell_finish(struct cell *cell);

/* cell_attach.c */
void radio_init(struct ue_radio *u, const struct cell_common *k, uint64_t seed, uint32_t ue,
                uint32_t group);
void radio_free(struct ue_radio *u);
/* Makes a detached UE one of the cell's. Returns 0 or ERR_MEMORY. */
int cell_join(struct cell *cell, struct ue_radio *u);
/* Takes a detached UE out of its cell; cell_join() is next. */
void cell_leave(struct ue_radio *u);
/* The UE may send and receive from now on. The caller wakes the cell. */
void cell_attach(struct ue_radio *u);
/* Drops what is under way; see the file's head. */
void cell_detach(struct ue_radio *u);

/* --- Between the files of the cell ------------------------------------------------------------ */

/* cell_stream.c */
int64_t stream_waiting(const struct stream *s);
void stream_enter(struct cell *cell, struct ue_radio *u, enum radio_direction d, uint32_t request,
                  int64_t app_bytes, unsigned flags);
/* Takes up to `bytes` to send: a range to repeat first, else new bytes. Returns how many. */
int64_t stream_take(struct stream *s, int64_t bytes, int64_t *begin);
/* A range has arrived: delivers what is now without a gap to the next stage. */
void stream_arrive(struct cell *cell, struct ue_radio *u, enum radio_direction d, int64_t begin,
                   int64_t bytes);
/* A range was lost for good: it waits to be sent again. */
void stream_repeat(struct cell *cell, struct stream *s, struct range range);
/* The request that the byte at `offset` belongs to. */
uint32_t stream_request(const struct cell *cell, const struct stream *s, int64_t offset);
void stream_free(struct stream *s);

/* cell_ul.c */
void cell_ul_schedule(struct cell *cell, int64_t ul_slot);
void cell_ul_arrival(struct cell *cell, struct ue_radio *u);
void cell_ul_send(struct cell *cell, struct ue_radio *u, uint8_t process);
void cell_ul_end(struct cell *cell, struct ue_radio *u, uint8_t process);
void cell_ul_sr(struct cell *cell, struct ue_radio *u);
void cell_ul_bsr_timer(struct cell *cell, struct ue_radio *u);
void cell_ul_mark(struct cell *cell, struct ue_radio *u);
/* First UL slot at which an idle grant is due for some UE; INT64_MAX when idle grants are off. */
int64_t cell_ul_idle_due(const struct cell *cell);

/* cell_dl.c */
void cell_dl_schedule(struct cell *cell);
void cell_dl_end(struct cell *cell, struct ue_radio *u, uint8_t process);
void cell_dl_ack(struct cell *cell, struct ue_radio *u, uint8_t process);
void cell_dl_mark(struct cell *cell, struct ue_radio *u);

/* cell_la.c */
void cell_la_init(struct cell_common *k);
/* CQI of the last report that has arrived by `slot`. */
int cell_dl_cqi(struct cell *cell, struct ue_radio *u, int64_t slot);
/* What the UE would report if it measured what the gNB has measured on its last PUSCH; 0 (out of
 * range) before the first. */
int cell_ul_cqi(const struct cell *cell, const struct ue_radio *u);
/* Link adaptation's choice for a block that is scheduled now, given the direction's CQI. */
int cell_mcs(struct cell *cell, struct ue_radio *u, enum radio_direction d, int cqi);
/* The gNB knows how a round of a block ended, which h->round counts already. */
void cell_la_heard(const struct cell *cell, struct ue_radio *u, enum radio_direction d,
                   const struct harq *h, bool failed);

/* cell.c */
/* Asks for an action at the beginning of a later slot, fewer than common->ring ahead. */
void cell_act(struct cell *cell, int64_t slot, struct action action);
/* Asks for a visit of the first slot that begins after now. */
void cell_wake(struct cell *cell);
void cell_mark(struct cell *cell, enum radio_direction d, const struct ue_radio *u, bool active);
/* What is the same in every view. */
void cell_view_ue(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                  struct radio_ue_view *v);

/* cell_block.c */
/* Downlink SNR of the whole carrier in a slot that has begun, as CQI reports measure it. */
double cell_wideband_snr_db(struct cell *cell, struct ue_radio *u, int64_t slot);
/* Power headroom on one PRB in dB, and the most PRB that it allows at the target SNR. */
double cell_headroom_db(struct cell *cell, struct ue_radio *u, int64_t t_ns);
int32_t cell_max_prb(struct cell *cell, struct ue_radio *u);
/* One transmission of a block in `slot`: true when it does not decode. */
bool cell_transmission_fails(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                             struct harq *h, int64_t slot);
/* Counts a transmission, for the cell and for its slice. */
void cell_count(struct cell *cell, const struct ue_radio *u, enum radio_direction d,
                const struct harq *h);
void cell_count_payload(struct cell *cell, enum radio_direction d, int slice, int64_t bytes);
/* After the last round: frees the process and hands what it carried to RLC. */
void cell_block_lost(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                     uint8_t process);
/* Packs a block into the plan, or notes where the policy has put it (prb_start >= 0). */
void cell_plan_add(struct cell_plan *plan, struct harq *h, int32_t prb_start);
/* Sends a waiting retransmission if it fits; the process's number, or -1. */
int cell_plan_retx(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                   struct ue_direction *ud, int kind);
/* Once all are in: counts the PRB that two blocks cover. */
void cell_plan_close(struct cell_plan *plan);
/* Asks the policy about views[0..n) and asserts C1 and C2 on its answer; number of grants. */
int32_t cell_ask_policy(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                        int64_t slot, int32_t min_prb, int32_t n);
/* Fills a free process of a UE for a grant. */
struct harq *cell_new_block(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                            const struct radio_grant *grant, int kind, uint8_t *process);

/* cell_record.c */
void cell_sample(struct cell *cell);

#endif
