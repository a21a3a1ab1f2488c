/* channel.c - see channel.h. */
#include "models/channel.h"

#include <math.h>

#include "base/draw.h"

void channel_init(struct channel *c, enum channel_model model, double mean_db, double std_db,
                  int64_t correlation_ns, uint64_t seed, uint32_t entity)
{
    *c = (struct channel){.model = model,
                          .mean_db = mean_db,
                          .std_db = std_db,
                          .correlation_ns = correlation_ns,
                          .seed = seed,
                          .entity = entity,
                          .knot = -1};
}

double channel_snr_db(struct channel *c, int64_t t_ns)
{
    if (c->model == CHANNEL_MODEL_CONSTANT || c->std_db <= 0.0)
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
