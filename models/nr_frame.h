/* nr_frame.h - numerology and duplex: which slots carry what.
 *
 * Slot n begins at n x slot_ns. A pattern of D (downlink), S (special: downlink symbols, guard,
 * uplink symbols) and U (uplink) repeats for ever; "fdd" is a pattern of one slot that is both.
 * 38.211 clause 4.3.2 (slots), 38.213 clause 11.1 (patterns).
 */
#ifndef MODELS_NR_FRAME_H
#define MODELS_NR_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define NR_PATTERN_MAX 64

struct nr_frame {
    int64_t slot_ns;
    int slots_per_frame;                /* a frame is 10 ms */
    int period;                         /* slots in the pattern */
    uint8_t dl_symbols[NR_PATTERN_MAX]; /* PDSCH symbols, 0: none */
    uint8_t ul_symbols[NR_PATTERN_MAX]; /* PUSCH symbols, 0: none */
    bool pdcch[NR_PATTERN_MAX];         /* downlink control can be sent */
    int dl_before[NR_PATTERN_MAX + 1];  /* DL slots in the pattern before this one */
    int ul_before[NR_PATTERN_MAX + 1];
    int64_t srs_period, srs_offset;                /* slots; period 0: no sounding */
    int prach_period, prach_frame, prach_subframe; /* frames; period 0: no random access */
    int first_ul;                                  /* first U slot of the pattern; -1: FDD */
};

struct nr_frame_config {
    int scs_khz;         /* 15, 30, 60, 120 */
    const char *pattern; /* "DDDDDDDSUU", "fdd" */
    int dl_symbols, special_dl_symbols;
    int ul_symbols, special_ul_symbols;
    int64_t srs_period, srs_offset;
    int prach_period, prach_frame, prach_subframe;
};

/* Returns false when the pattern or the spacing is not one of the above. */
bool nr_frame_init(struct nr_frame *f, const struct nr_frame_config *config);

static inline int nr_frame_phase(const struct nr_frame *f, int64_t slot)
{
    return (int)(slot % f->period);
}

/* PUSCH symbols of a slot: one fewer where the cell's sounding reference signals stand (38.211
 * 6.4.1.4; the testbed: 13 and 12), 0 when it carries no PUSCH. */
static inline int nr_frame_ul_symbols(const struct nr_frame *f, int64_t slot)
{
    int symbols = f->ul_symbols[slot % f->period];
    bool srs = f->srs_period > 0 && slot % f->srs_period == f->srs_offset;
    return symbols > 1 && srs ? symbols - 1 : symbols;
}

/* Whether a random access preamble of a short format may come in a slot: in the frames whose number
 * leaves prach_frame when divided by prach_period (x and y of 38.211 tables 6.3.3.2-2, -3), in one
 * subframe of them, with a preamble spacing of 15 kHz below 30 kHz and of 30 kHz from there on,
 * whose only slot of the subframe is then the second (clause 5.3.2). */
bool nr_frame_prach(const struct nr_frame *f, int64_t slot);

/* Number of DL (UL) slots in [0, slot): the index of the opportunity when the slot is one. */
int64_t nr_frame_dl_index(const struct nr_frame *f, int64_t slot);
int64_t nr_frame_ul_index(const struct nr_frame *f, int64_t slot);

/* From when the testbed counts the inactivity of a UE whose last uplink block was in `slot` (>= 0):
 * OpenAirInterface's nr_UE_is_to_be_scheduled() knows that block's frame and takes the frame's
 * first full uplink slot for its slot; in FDD the slot itself. */
int64_t nr_frame_idle_since(const struct nr_frame *f, int64_t slot);

/* First slot >= slot that carries PDCCH, PUSCH. */
int64_t nr_frame_next_pdcch(const struct nr_frame *f, int64_t slot);
int64_t nr_frame_next_ul(const struct nr_frame *f, int64_t slot);

/* The slot whose PDCCH grants UL slot `ul_slot`: the last one with PDCCH at or before
 * ul_slot - k2. */
int64_t nr_frame_grant_slot(const struct nr_frame *f, int64_t ul_slot, int k2);

/* Most PRB of a carrier: 38.101-1 table 5.3.2-1 (15 and 30 kHz) and 38.101-2 table 5.3.2-1 (60 and
 * 120 kHz); 0: no such subcarrier spacing. */
int nr_prb_max(int scs_khz);

#endif
