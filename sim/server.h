/* server.h - an inference server: one model on one GPU (or tensor-parallel group), a batching
 * policy, a KV pool.
 *
 *             arrival            admitted           last token
 *   (stage) ----------> WAITING ----------> RUNNING ----------> handed on
 *               |          ^                   |
 *               | refused  +-------------------+ preempted: KV given back, computed anew
 *               v
 *             failed
 *
 * The policy (sched/batch.h) says who runs in the next engine step; the cost model (models/llm.h)
 * says how long it takes. Decode steps in which nothing changes are advanced in one event; an
 * arrival cuts the run of steps short at the end of the step under way.
 *
 * Invariants (tests/sim/server.c):
 *   V1 KV blocks in use never exceed the pool;
 *   V2 every request that arrives completes or fails once the run is drained;
 *   V3 as many tokens are generated as the request asked for;
 *   V4 advancing many decode steps in one event gives the same stamps as one event per step.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "models/llm.h"
#include "sim/stage.h"

struct server;

/* Requests that wait for the GPU now. */
int64_t server_waiting(const struct server *s);

/* Share of the time so far that the GPU was computing, in percent. */
double server_utilization_pct(const struct server *s);

/* Bytes of GPU memory in use now: weights and KV blocks. */
double server_memory_bytes(const struct server *s);

#endif
