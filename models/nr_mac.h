/* nr_mac.h - the small state machines of the NR MAC that both directions share.
 *
 * State that decays or averages is held as (value, last time) and advanced by one function, the
 * same whether the slots between were visited or skipped.
 */
#ifndef MODELS_NR_MAC_H
#define MODELS_NR_MAC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* --- Throughput average ----------------------------------------------------------------------
 * The testbed's UL_THR and DL_THR (docs/models.md): at every scheduling opportunity
 * thr = (1 - a) thr + a x bytes scheduled at the opportunity before. Bytes per opportunity. */
struct nr_thr {
    double value;  /* at opportunity `last`, before that opportunity's own bytes */
    int64_t last;  /* opportunity index */
    int64_t bytes; /* scheduled at opportunity `last`, not yet folded in */
};

/* (1 - a)^k for k < NR_DECAY_TABLE without calling pow(). */
#define NR_DECAY_TABLE 4096
struct nr_decay {
    double a;
    double power[NR_DECAY_TABLE];
};
void nr_decay_init(struct nr_decay *d, double a);

/* The average at opportunity `now` >= t->last; changes nothing. */
double nr_thr_at(const struct nr_thr *t, const struct nr_decay *d, int64_t now);

/* Advances to `now` and remembers that `bytes` more were scheduled there. */
void nr_thr_add(struct nr_thr *t, const struct nr_decay *d, int64_t now, int64_t bytes);

/* --- Link adaptation -------------------------------------------------------------------------
 *   bler-window  the testbed's rule (OpenAirInterface, get_mcs_from_bler): looked at when a block
 *                is to be scheduled and at least `update_frames` frames have passed;
 *                bler = f bler + (1 - f) (second rounds / first rounds)
 *   cqi          the MCS of the CQI (nr_mcs_of_cqi); nothing is learnt
 *   outer-loop   the highest MCS that needs no more than the SNR + an offset. The offset falls by
 *                `step_db` when a first round fails and rises by step_db target / (1 - target) when
 *                one does not, so that it rests where `target` of them fail (the jump algorithm of
 *                Sampath, Kumar and Holtzman, "On setting reverse link target SIR in a CDMA
 *                system", VTC 1997; for CQI: Pedersen et al., VTC fall 2007)
 * The filtered BLER is kept by all three: records show it. */
enum nr_la_rule { NR_LA_BLER_WINDOW, NR_LA_CQI, NR_LA_OUTER_LOOP };

struct nr_la_config {
    enum nr_la_rule rule;
    int start_mcs, min_mcs_up; /* min_mcs_up: MCS 6, below which an error does not push it */
    int idle_mcs;              /* MCS 9: an idle link falls back to it */
    double start_bler, lower, upper, filter;
    int update_frames;
    int min_blocks; /* more first rounds than this are "enough" */
    double target, step_db;
};

struct nr_la {
    int mcs;
    uint32_t first0, second0; /* counters at the last update, their low bits */
    uint32_t last_frame;      /* of that update, its low bits */
    double bler;
    double offset_db; /* outer-loop */
};

void nr_la_init(struct nr_la *la, const struct nr_la_config *config);

/* bler-window: the MCS for a block scheduled in `frame`, given the counts of first and second
 * rounds so far and a cap (from CQI or configuration). */
int nr_la_mcs(struct nr_la *la, const struct nr_la_config *config, int64_t frame, uint64_t first,
              uint64_t second, int cap);

/* The other two: takes an MCS that was chosen from outside, and keeps the filtered BLER. */
void nr_la_set(struct nr_la *la, const struct nr_la_config *config, int64_t frame, uint64_t first,
               uint64_t second, int mcs);

/* How the first round of a block ended that had the MCS of this link. A block of the highest MCS
 * does not raise the offset, one of MCS 0 does not lower it: the MCS could not follow, and would
 * come back late. */
void nr_la_heard(struct nr_la *la, const struct nr_la_config *config, int mcs, int mcs_max,
                 bool failed);

/* --- Closed-loop power control -----------------------------------------------------------------
 * dB that the next uplink grants tell the phone to change its power by, after a block that was
 * received at `snr_x10` tenths of a dB: OpenAirInterface's nr_get_tpc() with the 3 dB that its
 * scheduler gives it. -1 above target + 3 dB, +1 below target - 3 dB, +3 below target - 9 dB, else
 * 0 (the commands are those of 38.213 table 7.1.1-1, accumulated). */
int nr_tpc_db(int snr_x10, int target_x10);

/* --- Buffer status report --------------------------------------------------------------------
 * Short BSR, 38.321 table 6.1.3.1-1: the bytes that the gNB believes when `bytes` are waiting.
 * Above the table's last level the testbed takes 300 000. */
int64_t nr_bsr_report(int64_t bytes);

/* --- Transport-block sizes of one cell and direction, in bytes -------------------------------- */
struct nr_grid {
    int n_prb, mcs_max;
    int kinds;          /* how many different numbers of symbols a slot may have */
    uint8_t symbols[4]; /* these numbers */
    int32_t *bytes;     /* [kind][mcs][prb 0..n_prb] */
    double *pf_bytes;   /* [mcs]: TBS(1 PRB, 10 symbols, no DMRS), pf_ul */
    int *qm, *r_x10240; /* [mcs] */
};

struct nr_grid_config {
    int n_prb, mcs_table, mcs_max, dmrs_re_per_prb, layers;
    int short_symbols, short_dmrs_re; /* DMRS of slots with at most so many symbols; 0: as above */
    int kinds;
    uint8_t symbols[4];
};

int nr_grid_init(struct nr_grid *g, const struct nr_grid_config *config, struct err *e);
void nr_grid_free(struct nr_grid *g);

static inline int32_t nr_grid_bytes(const struct nr_grid *g, int kind, int mcs, int n_prb)
{
    return g->bytes[((int64_t)kind * (g->mcs_max + 1) + mcs) * (g->n_prb + 1) + n_prb];
}

/* Which kind a number of symbols is. */
int nr_grid_kind(const struct nr_grid *g, int symbols);

/* Fewest PRB whose block holds `bytes`, at most g->n_prb. */
int nr_grid_prb_for(const struct nr_grid *g, int kind, int mcs, int64_t bytes);

#endif
