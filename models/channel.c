/* channel.c - see channel.h. */
#include "models/channel.h"

#include <math.h>

#include "base/draw.h"

void channel_init(struct channel *c, enum channel_model model, double mean_db, double std_db,
                  int64_t correlation_ns, uint64_t seed, uint32_t entity)
{
    *c = (struct channel){.model = std_db > 0.0 ? model : CHANNEL_MODEL_CONSTANT,
                          .mean_db = mean_db,
                          .std_db = std_db,
                          .correlation_ns = correlation_ns,
                          .seed = seed,
                          .entity = entity,
                          .knot = -1};
}

void channel_init_trace(struct channel *c, const struct channel_trace *trace, int64_t shift_ns)
{
    *c = (struct channel){.model = CHANNEL_MODEL_TRACE, .trace = trace, .shift_ns = shift_ns};
}

/* Index of the last row at or before t, which is not before the first row. `guess` is looked at
 * first, and the row behind it. */
static int64_t row_at(const struct channel_trace *trace, int64_t t, int64_t guess)
{
    for (int64_t i = guess; i <= guess + 1 && i < trace->n; i++)
        if (trace->t_ns[i] <= t && (i + 1 == trace->n || t < trace->t_ns[i + 1]))
            return i;
    int64_t low = 0;
    int64_t high = trace->n;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (trace->t_ns[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double trace_snr_db(struct channel *c, int64_t t_ns)
{
    const struct channel_trace *trace = c->trace;
    const int64_t last = trace->n - 1;
    if (last == 0)
        return trace->snr_db[0];
    int64_t t = t_ns + c->shift_ns;
    int64_t step = trace->t_ns[last] - trace->t_ns[last - 1];
    if (trace->repeat)
        t %= trace->t_ns[last] + step;
    int64_t row = row_at(trace, t, c->knot);
    c->knot = row;
    if (trace->hold || (row == last && !trace->repeat))
        return trace->snr_db[row];
    double from = trace->snr_db[row];
    double to = trace->snr_db[row == last ? 0 : row + 1];
    int64_t span = row == last ? step : trace->t_ns[row + 1] - trace->t_ns[row];
    return from + (to - from) * (double)(t - trace->t_ns[row]) / (double)span;
}

double channel_snr_db(struct channel *c, int64_t t_ns)
{
    if (c->model == CHANNEL_MODEL_TRACE)
        return trace_snr_db(c, t_ns);
    if (c->model == CHANNEL_MODEL_CONSTANT)
        return c->mean_db;
    int64_t knot = t_ns / c->correlation_ns;
    if (knot != c->knot) {
        c->at_knot = knot == c->knot + 1 && c->knot >= 0
                         ? c->at_next
                         : draw_gaussian(c->seed, DRAW_SNR, c->entity, (uint64_t)knot);
        c->at_next = draw_gaussian(c->seed, DRAW_SNR, c->entity, (uint64_t)knot + 1);
        c->knot = knot;
    }
    double angle = M_PI_2 * (double)(t_ns - knot * c->correlation_ns) / (double)c->correlation_ns;
    return c->mean_db + c->std_db * (cos(angle) * c->at_knot + sin(angle) * c->at_next);
}
