/* handover.h - UEs change cells, and go away for a while.
 *
 * Every measurement period the layer 3 filter takes each cell's RSRP at each UE; event A3 (38.331
 * clause 5.5.4.4) sends a UE to another cell when that cell has been stronger by offset and
 * hysteresis for the time to trigger:
 *
 *   ATTACHED --A3--> DETACHED, in the new cell's list --interruption--> ATTACHED
 *
 * Its byte streams go with it (cell_attach.c); what arrives meanwhile waits in the new cell. A
 * group's `detach_at_s` detaches its UEs for `detach_gap_s`; they come back to the strongest cell.
 *
 * Invariants (tests/sim/mobility.c):
 *   H1 a UE is in the list of exactly one cell, and attached only to that one;
 *   H2 no byte is lost or delivered twice by a handover or a detachment;
 *   H3 who goes where and when follows from positions alone, not from traffic or policy.
 */
#ifndef SIM_HANDOVER_H
#define SIM_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/engine.h"

struct world;

/* A cell as a UE measures it. */
struct handover_track {
    double rsrp_dbm;  /* filtered */
    int64_t since_ns; /* A3's entering condition holds since then; NS_NEVER: it does not */
};

struct handover {
    struct entity entity;
    struct world *world;
    bool measures; /* there is a choice of cells */
    double weight; /* of a new measurement in the filter */
    double offset_db, hysteresis_db;
    int64_t period_ns, trigger_ns, interruption_ns;
    struct handover_track *tracks; /* [UE][cell] */
    int64_t executed;
};

/* True when the scenario has handovers or detachments. */
bool handover_wanted(const struct world *w);

/* With memory of the world's arena. */
int handover_init(struct handover *h, struct world *w, uint32_t entity_id, struct err *e);

/* Asks for the first events. */
void handover_start(struct handover *h);

#endif
