/* server_models.c - which models are in a server's memory: loading, page cache, keep-alive and
 * eviction. The states and invariants stand in server.h. */
#include <assert.h>
#include <math.h>

#include "base/units.h"
#include "sim/scenario.h"
#include "sim/server_parts.h"
#include "sim/world.h"

bool server_model_idle(const struct server *s, const struct server_model *m)
{
    for (int k = 0; k < s->n_pools; k++)
        if (batch_has_work(&m->engines[k].batch))
            return false;
    return m->crossing == 0;
}

static bool is_loaded(const struct server *s, const struct server_model *m)
{
    return m->loaded_ns <= world_now(s->stage.world);
}

/* --- Host memory ------------------------------------------------------------------------------ */

/* The file has been read: the page cache has it, and drops those that were read longest ago when it
 * has too many bytes. */
static void note_read(struct server *s, struct server_model *m)
{
    double room = s->config->host_cache_gib * 1073741824.0;
    m->read = ++s->reads;
    for (;;) {
        double held = 0.0;
        struct server_model *oldest = NULL;
        for (int i = 0; i < s->n_models; i++) {
            struct server_model *other = &s->models[i];
            if (other->read == 0)
                continue;
            held += other->cost->weights_bytes;
            if (oldest == NULL || other->read < oldest->read)
                oldest = other;
        }
        if (oldest == NULL || held <= room)
            return;
        oldest->read = 0;
    }
}

/* --- GPU memory ------------------------------------------------------------------------------- */

static void take_memory(struct server *s, const struct server_model *m)
{
    s->used_bytes += m->need_bytes;
    s->peak_bytes = s->used_bytes > s->peak_bytes ? s->used_bytes : s->peak_bytes;
    assert(s->used_bytes <= s->memory_bytes); /* V4 */
}

static void want(struct server *s, struct server_model *m)
{
    if (m->wanted)
        return;
    m->wanted = true;
    s->wants[s->n_wants++] = m->index;
}

static void unload(struct server *s, struct server_model *m)
{
    assert(is_loaded(s, m) && server_model_idle(s, m)); /* V5 */
    for (int k = 0; k < s->n_pools; k++)
        batch_forget(&m->engines[k].batch);
    s->used_bytes -= m->need_bytes;
    m->loaded_ns = NS_NEVER;
    batch_release(&m->engines[0].batch);
    if (m->engines[0].batch.n_waiting > 0) /* who was held */
        want(s, m);
}

bool server_lapsed(const struct server *s, const struct server_model *m)
{
    return m->keep_ns != NS_NEVER && is_loaded(s, m) && server_model_idle(s, m) &&
           world_now(s->stage.world) - m->idle_ns > m->keep_ns;
}

void server_lapse(struct server *s)
{
    for (int i = 0; s->lapses && i < s->n_models; i++) {
        struct server_model *m = &s->models[i];
        if (server_lapsed(s, m)) {
            m->loads.expiries++;
            unload(s, m);
        }
    }
}

/* The one that has been idle longest since `after_ns`, or since then and of a higher index. */
static struct server_model *next_idle(const struct server *s, const struct server_model *after)
{
    struct server_model *best = NULL;
    for (int i = 0; i < s->n_models; i++) {
        struct server_model *m = &s->models[i];
        bool behind = after == NULL || m->idle_ns > after->idle_ns ||
                      (m->idle_ns == after->idle_ns && m->index > after->index);
        if (behind && is_loaded(s, m) && server_model_idle(s, m) &&
            (best == NULL || m->idle_ns < best->idle_ns))
            best = m;
    }
    return best;
}

/* Evicts who is idle, if that makes room enough. */
static bool make_room(struct server *s, const struct server_model *newcomer)
{
    int64_t lacking = newcomer->need_bytes - (s->memory_bytes - s->used_bytes);
    int64_t idle = 0;
    const struct server_model *m = NULL;
    while (idle < lacking && (m = next_idle(s, m)) != NULL)
        idle += m->need_bytes;
    if (idle < lacking)
        return false;
    while (s->memory_bytes - s->used_bytes < newcomer->need_bytes) {
        struct server_model *victim = next_idle(s, NULL);
        victim->loads.evictions++;
        unload(s, victim);
    }
    return true;
}

/* --- Loading ---------------------------------------------------------------------------------- */

/* A request waits for the load under way. */
static void note_wait(const struct server *s, const struct server_model *m, uint32_t request)
{
    struct request *r = world_request(s->stage.world, request);
    int64_t wait_ns = m->loaded_ns - world_now(s->stage.world);
    if (m->warm)
        r->warm_load_ns += wait_ns;
    else
        r->load_ns += wait_ns;
}

static void begin_load(struct server *s, struct server_model *m)
{
    struct world *w = s->stage.world;
    take_memory(s, m);
    m->warm = m->read != 0;
    double rate =
        m->warm ? s->config->host_link_gbytes_per_s * 1e9 : m->cost->cold_load_bytes_per_s;
    int64_t takes_ns = ns_of_s(m->cost->weights_bytes / rate);
    m->loaded_ns = world_now(w) + takes_ns;
    m->loads.cold += m->warm ? 0 : 1;
    m->loads.warm += m->warm ? 1 : 0;
    m->loads.ns += takes_ns;
    note_read(s, m);
    s->loading = m->index;
    engine_at(&s->stage.entity, m->loaded_ns, &s->stage.entity, SERVER_LOADED, (uint64_t)m->index);
    const struct batch *b = &m->engines[0].batch;
    for (int32_t i = 0; i < b->n_waiting; i++)
        note_wait(s, m, (uint32_t)batch_at(b, b->waiting[b->head + i])->owner);
}

/* The newcomer has its room: whoever was held may join. */
static void release_held(struct server *s)
{
    s->blocked = false;
    for (int i = 0; i < s->n_models; i++) {
        struct server_model *m = &s->models[i];
        if (m->engines[0].batch.held > 0) {
            batch_release(&m->engines[0].batch);
            server_wake(s, m, 0);
        }
    }
}

void server_load_next(struct server *s)
{
    if (s->n_wants == 0 || s->loading >= 0)
        return;
    server_lapse(s);
    struct server_model *m = &s->models[s->wants[0]];
    if (!make_room(s, m)) {
        s->blocked = true;
        return;
    }
    s->n_wants--;
    for (int i = 0; i < s->n_wants; i++)
        s->wants[i] = s->wants[i + 1];
    m->wanted = false;
    begin_load(s, m);
    if (s->blocked)
        release_held(s);
}

bool server_ask(struct server *s, struct server_model *m, uint32_t request)
{
    if (m->loaded_ns == NS_NEVER) {
        want(s, m);
        server_load_next(s);
        return true;
    }
    if (!is_loaded(s, m)) {
        note_wait(s, m, request);
        return true;
    }
    if (s->blocked)
        batch_hold_last(&m->engines[0].batch);
    return !s->blocked;
}

void server_loaded(struct server *s, struct server_model *m)
{
    s->loading = -1;
    server_wake(s, m, 0);
    server_load_next(s);
}

void server_model_begin(struct server *s, struct server_model *m)
{
    m->loaded_ns = 0;
    m->idle_ns = 0;
    take_memory(s, m);
    note_read(s, m);
}
