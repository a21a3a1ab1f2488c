/* channel.h - signal-to-noise ratio per resource element as a random-access function of time.
 *
 * The value at a time is a function of (seed, UE, direction, time) and of nothing visited before,
 * so that policies can be compared on the same channel and idle slots be skipped.
 */
#ifndef MODELS_CHANNEL_H
#define MODELS_CHANNEL_H

#include <stdint.h>

enum channel_model { CHANNEL_MODEL_CONSTANT, CHANNEL_MODEL_GAUSSIAN };

struct channel {
    enum channel_model model;
    double mean_db, std_db;
    int64_t correlation_ns; /* GAUSSIAN: distance between knots */
    uint64_t seed;
    uint32_t entity; /* UE x 2 + direction: whose luck */
    /* The two knots used last: a memo, not state. */
    int64_t knot;
    double at_knot, at_next;
};

/* GAUSSIAN is a stationary normal process in dB: independent standard normals at knots
 * `correlation_ns` apart, between them turned into one another along a quarter circle, so that
 * mean and variance are the same at every instant. Autocorrelation falls from 1 to 0 within two
 * knots. */
void channel_init(struct channel *c, enum channel_model model, double mean_db, double std_db,
                  int64_t correlation_ns, uint64_t seed, uint32_t entity);

/* SNR in dB at a time. */
double channel_snr_db(struct channel *c, int64_t t_ns);

#endif
