/* server_parts.h - between server.c, server_models.c and server_make.c: the parts of one server. */
#ifndef SIM_SERVER_PARTS_H
#define SIM_SERVER_PARTS_H

#include "sim/server.h"

/* Events that the server sends to itself. */
enum server_event { SERVER_ENQUEUE, SERVER_RUN_END, SERVER_LOADED, SERVER_TRANSFERRED };

/* --- server.c --------------------------------------------------------------------------------- */

/* The server's sides to the line of stages and to the clock. */
void server_accept(struct stage *stage, enum stage_index index, uint32_t request, int64_t bytes,
                   unsigned flags);
void server_handle(struct entity *self, uint32_t kind, uint64_t arg);

/* A model has something to do in a pool that it may not have had before. */
void server_wake(struct server *s, struct server_model *m, int pool);

/* --- server_models.c -------------------------------------------------------------------------- */

/* Nothing runs, nobody waits but for those that are held, and no KV is between the pools. */
bool server_model_idle(const struct server *s, const struct server_model *m);

/* A model of the scenario that is there at time 0. */
void server_model_begin(struct server *s, struct server_model *m);

/* Its keep-alive is over: it is no longer in memory, whether or not server_lapse() was there. */
bool server_lapsed(const struct server *s, const struct server_model *m);

/* Takes models out of memory whose keep-alive is over. No event says that: whoever looks at the
 * memory calls this first. */
void server_lapse(struct server *s);

/* A request for the model has joined its queue: sees to it that it is loaded, or holds the request
 * back while a newcomer waits for room. False: it is held. */
bool server_ask(struct server *s, struct server_model *m, uint32_t request);

/* Something has changed: begins the next load if there is room for it. */
void server_load_next(struct server *s);

/* SERVER_LOADED. */
void server_loaded(struct server *s, struct server_model *m);

/* --- server_make.c ---------------------------------------------------------------------------- */

/* Trace prefixes of this UE group are what the model caches. */
bool server_caches(const struct server *s, const struct server_model *m, int group);

#endif
