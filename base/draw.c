/* draw.c - Philox4x32-10 behind a gsl_rng.
 *
 * The counter of a stream: word 0 the lane (which 128 bits of the stream), words 1 and 2 the
 * index, word 3 the purpose above the entity. The key is the seed.
 *
 * Invariants (tests/base/draw.c names them):
 *   D1 a stream's uniforms depend on (seed, purpose, entity, index) and on nothing else;
 *   D2 draw_uniform() is the first uniform of draw_at()'s stream;
 *   D3 a uniform is in the open interval (0, 1).
 */
#include "base/draw.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <string.h>

/* Multipliers and key increments of Salmon et al., SC'11, section 3.3 and table 2. */
#define PHILOX_M0     0xD2511F53U
#define PHILOX_M1     0xCD9E8D57U
#define PHILOX_W0     0x9E3779B9U
#define PHILOX_W1     0xBB67AE85U
#define PHILOX_ROUNDS 10

#define ENTITY_BITS 24

enum { BLOCK_WORDS = 4 };

void draw_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0];
    uint32_t c1 = counter[1];
    uint32_t c2 = counter[2];
    uint32_t c3 = counter[3];
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The middle of one of 2^52 equal intervals of (0, 1); 52 and not 53 bits, because the last of
 * 2^53 middles would round to 1. */
static double uniform_of_words(uint32_t high, uint32_t low)
{
    uint64_t bits = ((uint64_t)high << 32 | low) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

static uint32_t draw_word(struct draw *d)
{
    if (d->used == BLOCK_WORDS) {
        draw_philox(d->counter, d->key, d->block);
        d->counter[0]++;
        d->used = 0;
    }
    return d->block[d->used++];
}

/* --- The functions that GSL calls ---------------------------------------------------------- */

static unsigned long type_get(void *state)
{
    return draw_word(state);
}

static double type_get_double(void *state)
{
    uint32_t high = draw_word(state);
    uint32_t low = draw_word(state);
    return uniform_of_words(high, low);
}

/* gsl_rng_set(): the same place in another seed's stream, from its beginning. */
static void type_set(void *state, unsigned long seed)
{
    struct draw *d = state;
    d->key[0] = (uint32_t)seed;
    d->key[1] = (uint32_t)((uint64_t)seed >> 32);
    d->counter[0] = 0;
    d->used = BLOCK_WORDS;
}

static const gsl_rng_type philox_type = {
    .name = "philox4x32-10",
    .max = UINT32_MAX,
    .min = 0,
    .size = sizeof(struct draw),
    .set = type_set,
    .get = type_get,
    .get_double = type_get_double,
};

/* --- Where a stream begins ----------------------------------------------------------------- */

static void counter_fill(uint32_t counter[4], enum draw_purpose purpose, uint32_t entity,
                         uint64_t index)
{
    assert((unsigned)purpose < 256 && entity < 1U << ENTITY_BITS);
    counter[0] = 0;
    counter[1] = (uint32_t)index;
    counter[2] = (uint32_t)(index >> 32);
    counter[3] = (uint32_t)purpose << ENTITY_BITS | entity;
}

void draw_at(struct draw *d, uint64_t seed, enum draw_purpose purpose, uint32_t entity,
             uint64_t index)
{
    d->rng = (gsl_rng){.type = &philox_type, .state = d};
    d->key[0] = (uint32_t)seed;
    d->key[1] = (uint32_t)(seed >> 32);
    counter_fill(d->counter, purpose, entity, index);
    memset(d->block, 0, sizeof d->block);
    d->used = BLOCK_WORDS;
}

double draw_uniform(uint64_t seed, enum draw_purpose purpose, uint32_t entity, uint64_t index)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t counter[4];
    uint32_t out[4];
    counter_fill(counter, purpose, entity, index);
    draw_philox(counter, key, out);
    return uniform_of_words(out[0], out[1]);
}

double draw_gaussian(uint64_t seed, enum draw_purpose purpose, uint32_t entity, uint64_t index)
{
    return gsl_cdf_ugaussian_Pinv(draw_uniform(seed, purpose, entity, index));
}
