/* mobility.h - where a UE is at a time, as a random-access function.
 *
 * static:   a place drawn once in a disc;
 * line:     from such a place straight on at a constant speed, reflected by the sides of a
 *           rectangle;
 * waypoint: from a uniform place of a rectangle straight to another one, at a speed drawn for the
 *           leg, a pause, and on (random waypoint; Camp, Boleng, Davies, "A survey of mobility
 *           models for ad hoc network research", 2002, section 2.1.2).
 *
 * Invariants (tests/models/mobility.c):
 *   M1 the position is a function of (options, seed, UE, time), whatever was asked before;
 *   M2 line and waypoint never leave their rectangle;
 *   M3 `moved_m` is the length of the path since time 0.
 */
#ifndef MODELS_MOBILITY_H
#define MODELS_MOBILITY_H

#include <stdint.h>

enum mobility_kind { MOBILITY_STATIC, MOBILITY_LINE, MOBILITY_WAYPOINT };

struct mobility_area {
    double x_min_m, y_min_m, x_max_m, y_max_m; /* min < max */
};

struct mobility_config {
    enum mobility_kind kind;
    double x_m, y_m, spread_m;        /* static, line: start within this distance of the point */
    double heading_deg, speed_mps;    /* line: east 0, north 90; below 0: drawn */
    const struct mobility_area *area; /* line: NULL: no sides */
    double speed_min_mps, speed_max_mps, pause_s; /* waypoint */
};

struct mobility_leg {
    int64_t number;
    double begin_s, travel_s; /* a pause follows */
    double x_m, y_m, to_x_m, to_y_m;
    double moved_m; /* before the leg */
};

struct mobility {
    struct mobility_config config;
    uint64_t seed;
    uint32_t ue;
    double x_m, y_m, vx_mps, vy_mps; /* static, line: at time 0 */
    struct mobility_leg leg, before; /* waypoint: the last leg used and the one before: a memo */
};

struct mobility_point {
    double x_m, y_m;
    double moved_m; /* length of the path since time 0 */
};

/* `config->area` must live as long as `m`. */
void mobility_init(struct mobility *m, const struct mobility_config *config, uint64_t seed,
                   uint32_t ue);

struct mobility_point mobility_at(struct mobility *m, int64_t t_ns);

#endif
