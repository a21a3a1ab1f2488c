/* parts.h - one world in several parts, which advance side by side on several threads.
 *
 * Cells that meet only through their transport links and the servers behind them need not wait for
 * one another: what leaves a cell arrives no sooner than the shortest delay of a link later, and
 * neighbours' interference is read one window late (sim/air.h). So the cells are dealt out to
 * parts, links, core and servers make one more, and all parts advance to a common horizon - the
 * next event of any, and the shortest delay further, but not past the end of an interference
 * window - before what crosses between them is delivered. (Conservative synchronisation:
 * K. M. Chandy and J. Misra, "Distributed simulation", IEEE TSE 5(5), 1979.)
 *
 *   split -> [ next event of any part -> horizon -> parts run -> parcels delivered, rows written ]
 *         -> after the last request is born: one event at a time, in the one order
 *
 * A part is a world with its own clock, list and pool of requests; what nobody changes during a run
 * is shared. A request that crosses is copied: its body goes with the last byte of the upload and
 * comes back with the last byte of the answer.
 *
 * Invariants (tests/sim/parts.c):
 *   P1 every row, count and the fingerprint are those of the undivided world, whatever the number
 *      of parts and threads;
 *   P2 a part handles no event later than the horizon, and no parcel arrives before it;
 *   P3 a request is wholly in one place: at its cell, or in the core with its body left behind.
 */
#ifndef SIM_PARTS_H
#define SIM_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/run.h"
#include "sim/stage.h"

struct link;
struct parts;
struct world;

/* Why this world cannot be divided (a word for people), or NULL: it can. */
const char *parts_obstacle(const struct world *w);

/* Divides a world that has not started: its cells over `n` parts, the rest in the world itself.
 * NULL: out of memory, and the world is as it was. */
struct parts *parts_split(struct world *w, int n, struct err *e);

/* After the run: the rows of requests in flight are written, all clocks show the same time, and
 * cells and servers may write their totals into the world's sink. */
void parts_join(struct parts *p);
void parts_free(struct parts *p); /* NULL is fine; before the world is freed */

/* All parts to `until_ns`, on so many threads where there is enough to share; then all of what is
 * left, one event at a time, until no request is in flight, but not past drain_ns. `watch` is asked
 * between windows: not 0 ends it. Returns 0, what `watch` returned, or an error. */
int parts_run(struct parts *p, int threads, int64_t until_ns, int64_t drain_ns,
              int (*watch)(void *self), void *watch_self);

/* A link whose ends are in two parts hands over a chunk that arrives at t_ns. */
void parts_send(struct parts *p, struct link *link, enum stage_index index, uint32_t request,
                int64_t bytes, unsigned flags, int64_t t_ns);

/* Sums over the parts. */
struct run_result parts_result(const struct parts *p);
int64_t parts_now(const struct parts *p);
uint64_t parts_windows(const struct parts *p);

#endif
