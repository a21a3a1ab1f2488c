/* slice_control.h - slices that change while a run is on: by the scenario's schedule, and by the
 * decision engine of radio.mode "separated".
 *
 * world.slices is the tree as configured, with the schedule's changes so far. In mode embedded it
 * is what policies see. In mode separated each cell and direction has a tree of its own, whose
 * minima and maxima are what the engine decided last:
 *
 *   every period:  state of the gNB --separated_solve--> answer
 *   a delay later: answer --separated_enforce--> the tree that the slot scheduler keeps to
 *
 * Invariants (tests/sim/slice_control.c):
 *   D1 a change or decision at time t is seen by the slots that begin after t, and by none before;
 *   D2 the engine knows what the gNB knew one delay ago: its queues in the downlink, its estimates
 * of the UEs' buffers in the uplink, link adaptation's MCS; D3 a tree in force lies within the
 * configured one at any time (separated.h, P4); D4 skipping idle slots changes no decision.
 */
#ifndef SIM_SLICE_CONTROL_H
#define SIM_SLICE_CONTROL_H

#include "base/arena.h"
#include "base/err.h"
#include "sched/radio.h"
#include "sched/separated.h"
#include "sched/slice.h"
#include "sim/engine.h"

struct scenario;
struct world;

/* One change of the schedule; negative ratios and priorities: as before. */
struct slice_change {
    int64_t at_ns;
    int slice;
    double min_ratio, max_ratio, priority;
};

/* One carrier: a direction of a cell, in mode separated. */
struct slice_side {
    int cell;
    enum radio_direction direction;
    struct slice_tree tree;              /* in force */
    double *pending;                     /* [slices + 1] the answer that comes into force next */
    double *answer;                      /* [slices + 1] the answer in force */
    double pending_gap, answer_gap;      /* what NLopt missed of their optima */
    int64_t pending_since, answer_since; /* time of the state that they were decided of; -1: none */
};

struct slice_control {
    struct entity entity;
    struct world *world;
    struct slice_change *changes; /* by time; of equals in the order of the scenario */
    int n_changes;
    int64_t period_ns, delay_ns; /* period 0: mode embedded */
    struct slice_side *sides;    /* [cells][2] */
    int n_sides;
    struct separated programme;
    /* [slices + 1], work of one decision: */
    double *prb; /* PRB that what waits needs */
    int64_t *bytes;
    double *demand, *share, *optimum;
    double period_prb[2]; /* PRB of a carrier in one period, in slots with all symbols */
};

/* The slice tree that a scenario begins with; memory from the arena. */
int slice_control_tree(const struct scenario *sc, struct arena *a, struct slice_tree *tree,
                       struct err *e);

/* Checks the schedule (slices exist, the tree is right after each change) and the mode. */
int slice_control_check(const struct scenario *sc, struct err *e);

/* True when slices change in this scenario. */
bool slice_control_wanted(const struct scenario *sc);

/* Made before the cells, which ask for their trees; with memory of the world's arena. */
int slice_control_init(struct slice_control *c, struct world *w, struct err *e);
void slice_control_free(struct slice_control *c);

/* Asks for the first events; the cells exist. */
void slice_control_start(struct slice_control *c);

/* The tree that a cell's policy sees; it stays where it is. */
const struct slice_tree *slice_control_of(const struct world *w, int cell, enum radio_direction d);

#endif
