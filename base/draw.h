/* draw.h - counter-based random draws.
 *
 * A draw is a function of (seed, purpose, entity, index), never of how many draws came before:
 * adding a UE, changing a policy or skipping a slot leaves everyone else's luck alone. The bits
 * are Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11): key =
 * seed, counter = (lane, index, entity and purpose). GSL turns them into distributions: a `struct
 * draw` is a gsl_rng that starts at a counter and walks along its lanes, so that rejection
 * methods may take as many uniforms as they like without touching a neighbour's.
 */
#ifndef BASE_DRAW_H
#define BASE_DRAW_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

/* What a draw is for. Part of the counter: append, never reorder (results hang on it). */
enum draw_purpose {
    DRAW_ARRIVAL = 1, /* traffic: inter-arrival times; index = request number */
    DRAW_REQUEST,     /* traffic: sizes, modes, words; index = request number */
    DRAW_SNR,         /* channel knots; index = knot number */
    DRAW_FADING,      /* channel phases; index = path number */
    DRAW_SHADOWING,   /* index = knot number */
    DRAW_BLOCK_ERROR, /* index = transport-block transmission (direction, slot) */
    DRAW_SERVER,      /* inference; index = request number */
    DRAW_MOBILITY,    /* index = leg number */
    DRAW_POLICY,      /* randomised policies; index = decision number */
    DRAW_PLACEMENT,   /* positions; index = 0 */
    DRAW_LEARNER,     /* online slice choice; index = round */
    DRAW_BOOTSTRAP,   /* comparison of tables; entity = table, index = resample */
    DRAW_EDGE_LINK,   /* link of a request to an edge node; index = request number x 4096 + node */
    DRAW_DISTURBANCE, /* uplink slots in which nothing is received; entity = cell, index = slot */
};

struct draw {
    gsl_rng rng; /* for gsl_ran_*: valid while the struct draw lives and is not moved */
    uint32_t key[2];
    uint32_t counter[4]; /* counter[0] is the lane */
    uint32_t block[4];   /* the current 128 bits */
    unsigned used;       /* 32-bit words of `block` already given out */
};

/* Philox4x32-10 itself: out[4] from counter[4] and key[2]. Pinned to the published vectors. */
void draw_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream of uniforms at (seed, purpose, entity, index). purpose < 256, entity < 2^24. The
 * struct must stay where it is while `d->rng` is used. */
void draw_at(struct draw *d, uint64_t seed, enum draw_purpose purpose, uint32_t entity,
             uint64_t index);

/* The first uniform of that stream, in (0, 1), without setting up a stream. */
double draw_uniform(uint64_t seed, enum draw_purpose purpose, uint32_t entity, uint64_t index);

/* A standard normal by inversion (gsl_cdf_ugaussian_Pinv) of that first uniform. */
double draw_gaussian(uint64_t seed, enum draw_purpose purpose, uint32_t entity, uint64_t index);

#endif
