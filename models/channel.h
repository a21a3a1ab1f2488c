/* channel.h - signal-to-noise ratio per resource element as a random-access function of time.
 *
 * The value at a time is a function of (seed, UE, direction, time) and of nothing visited before,
 * so that policies can be compared on the same channel and idle slots be skipped. What depends on
 * where the UE is stands in channel_geometry.h.
 */
#ifndef MODELS_CHANNEL_H
#define MODELS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum channel_model { CHANNEL_MODEL_CONSTANT, CHANNEL_MODEL_GAUSSIAN, CHANNEL_MODEL_TRACE };

/* A recorded SNR. */
struct channel_trace {
    int64_t *t_ns; /* ascending, from 0 */
    double *snr_db;
    int64_t n;   /* at least 1 */
    bool hold;   /* the last value until the next; false: a straight line between them */
    bool repeat; /* after the end from the beginning, the last step as long as the one before it;
                    false: the last value for ever */
};

struct channel {
    enum channel_model model;
    uint32_t entity; /* UE x 2 + direction: whose luck */
    double mean_db;  /* CONSTANT: all that is looked at ends here */
    double std_db;
    int64_t correlation_ns; /* GAUSSIAN: distance between knots */
    uint64_t seed;
    const struct channel_trace *trace;
    int64_t shift_ns; /* TRACE: ahead of the clock by so much */
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

/* TRACE; `trace` must live as long as `c`. */
void channel_init_trace(struct channel *c, const struct channel_trace *trace, int64_t shift_ns);

/* SNR in dB at a time. */
double channel_snr_db(struct channel *c, int64_t t_ns);

/* Reads a CSV file with the columns t_s and snr_db (others are passed over); times ascend and count
 * from the first. Fills t_ns, snr_db and n, with memory of the arena. */
int channel_trace_read(const char *path, struct arena *a, struct channel_trace *trace,
                       struct err *e);

#endif
