/* mobility.c - see mobility.h. */
#include "models/mobility.h"

#include <math.h>

#include "base/draw.h"
#include "base/units.h"

/* --- Static and line -------------------------------------------------------------------------- */

/* Mirrored into [low, high] as often as it takes: the way of a ball between two walls. */
static double fold(double x, double low, double high)
{
    double width = high - low;
    double y = fmod(x - low, 2.0 * width);
    if (y < 0.0)
        y += 2.0 * width;
    return low + (y > width ? 2.0 * width - y : y);
}

static void start_line(struct mobility *m)
{
    struct draw d;
    draw_at(&d, m->seed, DRAW_PLACEMENT, m->ue, 0);
    const struct mobility_config *c = &m->config;
    /* sqrt: uniform over the disc. */
    double radius_m = c->spread_m * sqrt(gsl_rng_uniform(&d.rng));
    double angle = 2.0 * M_PI * gsl_rng_uniform(&d.rng);
    m->x_m = c->x_m + radius_m * cos(angle);
    m->y_m = c->y_m + radius_m * sin(angle);
    double drawn_deg = 360.0 * gsl_rng_uniform(&d.rng);
    double heading = (c->heading_deg < 0.0 ? drawn_deg : c->heading_deg) * M_PI / 180.0;
    m->vx_mps = c->speed_mps * cos(heading);
    m->vy_mps = c->speed_mps * sin(heading);
}

static struct mobility_point line_at(const struct mobility *m, double t_s)
{
    const struct mobility_area *a = m->config.area;
    struct mobility_point p = {.x_m = m->x_m + m->vx_mps * t_s,
                               .y_m = m->y_m + m->vy_mps * t_s,
                               .moved_m = m->config.speed_mps * t_s};
    if (a != NULL) {
        p.x_m = fold(p.x_m, a->x_min_m, a->x_max_m);
        p.y_m = fold(p.y_m, a->y_min_m, a->y_max_m);
    }
    return p;
}

/* --- Waypoint --------------------------------------------------------------------------------- */

/* Sets out from (leg->x_m, leg->y_m): draws where to and how fast. */
static void set_out(const struct mobility *m, struct mobility_leg *leg)
{
    const struct mobility_config *c = &m->config;
    struct draw d;
    draw_at(&d, m->seed, DRAW_MOBILITY, m->ue, (uint64_t)leg->number);
    leg->to_x_m =
        c->area->x_min_m + (c->area->x_max_m - c->area->x_min_m) * gsl_rng_uniform(&d.rng);
    leg->to_y_m =
        c->area->y_min_m + (c->area->y_max_m - c->area->y_min_m) * gsl_rng_uniform(&d.rng);
    double mps = c->speed_min_mps + (c->speed_max_mps - c->speed_min_mps) * gsl_rng_uniform(&d.rng);
    leg->travel_s = hypot(leg->to_x_m - leg->x_m, leg->to_y_m - leg->y_m) / mps;
}

/* The first leg begins where leg "-1" would have ended. */
static void first_leg(const struct mobility *m, struct mobility_leg *leg)
{
    *leg = (struct mobility_leg){.number = -1};
    set_out(m, leg);
    *leg = (struct mobility_leg){.x_m = leg->to_x_m, .y_m = leg->to_y_m};
    set_out(m, leg);
}

static void next_leg(const struct mobility *m, struct mobility_leg *leg)
{
    *leg = (struct mobility_leg){.number = leg->number + 1,
                                 .begin_s = leg->begin_s + leg->travel_s + m->config.pause_s,
                                 .x_m = leg->to_x_m,
                                 .y_m = leg->to_y_m,
                                 .moved_m = leg->moved_m +
                                            hypot(leg->to_x_m - leg->x_m, leg->to_y_m - leg->y_m)};
    set_out(m, leg);
}

static struct mobility_point on_leg(const struct mobility_leg *leg, double t_s)
{
    double part = leg->travel_s > 0.0 ? (t_s - leg->begin_s) / leg->travel_s : 1.0;
    part = part < 1.0 ? part : 1.0;
    double dx_m = leg->to_x_m - leg->x_m;
    double dy_m = leg->to_y_m - leg->y_m;
    return (struct mobility_point){.x_m = leg->x_m + part * dx_m,
                                   .y_m = leg->y_m + part * dy_m,
                                   .moved_m = leg->moved_m + part * hypot(dx_m, dy_m)};
}

static struct mobility_point waypoint_at(struct mobility *m, double t_s)
{
    /* Legs follow from one another: going back further than one leg means starting over. */
    if (t_s < m->leg.begin_s) {
        if (t_s >= m->before.begin_s)
            return on_leg(&m->before, t_s);
        first_leg(m, &m->leg);
        m->before = m->leg;
    }
    while (t_s >= m->leg.begin_s + m->leg.travel_s + m->config.pause_s) {
        m->before = m->leg;
        next_leg(m, &m->leg);
    }
    return on_leg(&m->leg, t_s);
}

/* --- Both ------------------------------------------------------------------------------------- */

void mobility_init(struct mobility *m, const struct mobility_config *config, uint64_t seed,
                   uint32_t ue)
{
    *m = (struct mobility){.config = *config, .seed = seed, .ue = ue};
    if (config->kind == MOBILITY_WAYPOINT) {
        first_leg(m, &m->leg);
        m->before = m->leg;
        return;
    }
    if (config->kind == MOBILITY_STATIC)
        m->config.speed_mps = 0.0;
    start_line(m);
}

struct mobility_point mobility_at(struct mobility *m, int64_t t_ns)
{
    double t_s = s_of_ns(t_ns);
    if (m->config.kind == MOBILITY_WAYPOINT)
        return waypoint_at(m, t_s);
    return line_at(m, t_s);
}
