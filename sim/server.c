/* server.c - requests at a server: arrivals, steps and whose turn they are, answers. See server.h;
 * what is in memory is server_models.c's, how a server comes to be server_make.c's. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/server_parts.h"
#include "sim/server_plan.h"
#include "sim/ue.h"
#include "sim/world.h"

/* --- Tokens and answers ----------------------------------------------------------------------- */

static bool streams(const struct server *s, uint32_t request)
{
    const struct world *w = s->stage.world;
    return s->any_streams && w->ues[world_request(w, request)->ue].group->streaming;
}

/* Bytes of the text of the first `tokens` tokens: as good as equal for each. */
static int64_t text_of(const struct request *r, int64_t tokens)
{
    return r->text_bytes * tokens / r->output_tokens;
}

static void send_answer(struct world *w, uint32_t request, int64_t bytes, bool last)
{
    world_request(w, request)->answered_bytes += bytes;
    if (w->tcp != NULL)
        tcp_send(w->tcp, request, TCP_DOWN, bytes, last);
    else
        stage_pass(w, STAGE_SERVER, request, bytes, last ? CHUNK_LAST : CHUNK_PUSH);
}

/* A request has `generated` tokens now: stamps, and the bytes that leave. Streamed text leaves
 * token by token; what is not text (a picture) leaves with the last. */
static void tokens_made(struct server *s, uint32_t request, int64_t generated)
{
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    int64_t before = r->tokens_out;
    if (generated == before)
        return;
    r->tokens_out = generated;
    if (before == 0)
        r->first_token = world_now(w);
    bool last = generated == r->output_tokens;
    if (last) {
        r->last_token = world_now(w);
        /* What its record tells of the server: as it is now, not when the answer is at the UE. */
        r->gpu_utilization_pct = server_utilization_pct(s);
        r->gpu_memory_bytes = server_memory_bytes(s);
    }
    int64_t sent = r->answered_bytes;
    if (last) {
        s->in_hand--;
        send_answer(w, request, r->downlink_bytes - sent, true);
    } else if (streams(s, request) && text_of(r, generated) > sent)
        send_answer(w, request, text_of(r, generated) - sent, false);
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* Waiting time, from what the batch has just admitted and put back. */
static void note_waits(struct server *s, const struct batch *b, const struct batch_action *a)
{
    struct world *w = s->stage.world;
    for (int32_t i = 0; i < a->n_preempt && i < b->n_waiting; i++) {
        uint32_t request = (uint32_t)batch_at(b, b->waiting[b->head + i])->owner;
        struct request *r = world_request(w, request);
        if (r->queued_since == NS_NEVER)
            r->queued_since = world_now(w);
        r->preemptions++;
    }
    for (int32_t i = b->n_running - a->n_admit; i < b->n_running; i++) {
        struct request *r = world_request(w, (uint32_t)batch_at(b, b->running[i])->owner);
        r->queue_ns += world_now(w) - r->queued_since;
        r->queued_since = NS_NEVER;
        if (r->server_start == NS_NEVER)
            r->server_start = world_now(w);
    }
}

/* The event names the engine and its generation. */
static void ends_after(struct server *s, struct server_model *m, int pool, int64_t steps)
{
    struct server_engine *g = &m->engines[pool];
    g->run_steps = steps;
    engine_at(&s->stage.entity, g->run_start_ns + batch_run_ns(&g->batch, m->cost, steps),
              &s->stage.entity, SERVER_RUN_END,
              ++g->generation << 8 | (uint64_t)m->index << 1 | (uint64_t)pool);
}

/* The radio's side of the view: bytes that wait for the air, by slice. */
static void look_at_radio(struct server *s)
{
    const struct world *w = s->stage.world;
    memset(s->backlog_bytes, 0, (size_t)w->slices.n * sizeof *s->backlog_bytes);
    for (uint32_t i = 0; i < w->n_ues; i++) {
        int slice = world_slice_of(w, i, w->ues[i].group_index, world_now(w));
        if (slice >= 0)
            s->backlog_bytes[slice] += stream_waiting(&w->radios[i].d[RADIO_DL].stream);
    }
}

/* --- Whose turn it is ------------------------------------------------------------------------- */

static bool has_work(const struct server *s, const struct server_model *m, int pool)
{
    return m->loaded_ns <= world_now(s->stage.world) && batch_has_work(&m->engines[pool].batch);
}

/* Where a model stands on its pool's clock: whoever had nothing to do for a while gets no credit.
 */
static int64_t stands_at(const struct server_pool *p, const struct server_engine *g)
{
    return g->had_ns > p->served_ns ? g->had_ns : p->served_ns;
}

/* The model that has had the least, the first of several; NULL: nobody has anything to do. `alone`:
 * nobody else has. */
static struct server_model *next_model(struct server *s, int pool, bool *alone)
{
    struct server_model *best = NULL;
    *alone = true;
    for (int i = 0; i < s->n_models; i++) {
        struct server_model *m = &s->models[i];
        if (!has_work(s, m, pool))
            continue;
        *alone = best == NULL;
        if (best == NULL || stands_at(&s->pools[pool], &m->engines[pool]) <
                                stands_at(&s->pools[pool], &best->engines[pool]))
            best = m;
    }
    return best;
}

/* The run that ends now was `steps` long. */
static void note_turn(struct server *s, const struct server_model *m, int pool, int64_t steps)
{
    struct server_pool *p = &s->pools[pool];
    struct server_engine *g = &s->models[m->index].engines[pool];
    int64_t from_ns = stands_at(p, g);
    p->served_ns = from_ns + (steps > 1 ? batch_run_ns(&g->batch, m->cost, steps - 1) : 0);
    g->had_ns = from_ns + world_now(s->stage.world) - g->run_start_ns;
}

static void decide(struct server *s, int pool)
{
    struct world *w = s->stage.world;
    bool alone;
    struct server_model *m;
    if (s->pools[pool].running >= 0 || (m = next_model(s, pool, &alone)) == NULL)
        return;
    struct server_engine *g = &m->engines[pool];
    if (s->backlog_bytes != NULL && g->batch.n_waiting > 0)
        look_at_radio(s);
    const struct batch_action *a = batch_decide(&g->batch, world_now(w));
    assert(a != NULL); /* whoever has work gets some done */
    note_waits(s, &g->batch, a);
    bool each = !alone || !w->scenario->engine.fast_forward_decode;
    for (int32_t i = 0; i < a->n_work && !each && s->any_streams; i++)
        each = streams(s, (uint32_t)batch_at(&g->batch, a->work[i].request)->owner);
    s->pools[pool].running = m->index;
    g->run_start_ns = world_now(w);
    ends_after(s, m, pool, each ? 1 : a->steps);
}

/* Sends the KV of a prompt to the second engine. */
static void transfer(struct server *s, struct server_model *m, uint32_t request)
{
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    double bytes = (double)r->input_tokens * m->cost->kv_bytes_per_token;
    int64_t start = s->link_free_ns > now ? s->link_free_ns : now;
    s->link_free_ns = start + llround(bytes / s->transfer_gbytes_per_s);
    m->crossing++;
    r->queued_since = now; /* the GPU does not work for it until it is across and admitted */
    engine_at(&s->stage.entity, s->link_free_ns + llround(s->transfer_latency_ns), &s->stage.entity,
              SERVER_TRANSFERRED, request);
}

static void run_end(struct server *s, struct server_model *m, int pool)
{
    struct world *w = s->stage.world;
    struct server_engine *g = &m->engines[pool];
    s->pools[pool].running = -1;
    g->busy_ns += world_now(w) - g->run_start_ns;
    if (s->n_models > 1)
        note_turn(s, m, pool, g->run_steps);
    batch_advance(&g->batch, g->run_steps);
    m->idle_ns = world_now(w); /* if it is, now */
    bool hands_on = s->n_pools > 1 && pool == 0;
    /* A request that ends may bring its UE's next one in the same instant; that one comes through
     * an event and finds the server in order. */
    const struct batch_action *a = &g->batch.action;
    for (int32_t i = 0; i < a->n_work; i++) {
        const struct batch_request *b = batch_at(&g->batch, a->work[i].request);
        uint32_t request = (uint32_t)b->owner;
        /* Between the first token and the last nothing happens to a request that does not stream.
         */
        bool between = b->generated != 1 && b->generated < b->output_tokens;
        if (between && !s->any_streams)
            continue;
        bool goes = hands_on && b->generated == 1 && world_request(w, request)->output_tokens > 1;
        tokens_made(s, request, b->generated);
        if (goes)
            transfer(s, m, request);
    }
    if (!batch_has_work(&g->batch)) {
        batch_decide(&g->batch, world_now(w)); /* gives the finished back */
        server_load_next(s);
    }
    decide(s, pool);
}

/* The run under way ends with the step under way. */
static void cut_short(struct server *s, int pool)
{
    struct server_model *m = &s->models[s->pools[pool].running];
    struct server_engine *g = &m->engines[pool];
    int64_t steps =
        batch_steps_until(&g->batch, m->cost, world_now(s->stage.world) - g->run_start_ns);
    if (steps < g->run_steps)
        ends_after(s, m, pool, steps);
}

void server_wake(struct server *s, struct server_model *m, int pool)
{
    int running = s->pools[pool].running;
    if (running < 0)
        decide(s, pool);
    else if (running == m->index || has_work(s, m, pool))
        cut_short(s, pool);
}

/* --- Arrivals --------------------------------------------------------------------------------- */

static struct batch_request batch_request_of(const struct server *s, const struct server_model *m,
                                             uint32_t request)
{
    const struct world *w = s->stage.world;
    const struct request *r = world_request(w, request);
    struct batch_request b = {.owner = request,
                              .arrived_ns = world_now(w),
                              .slice = r->slice,
                              .priority = r->slice >= 0 ? w->slices.slices[r->slice].priority : 1.0,
                              .prompt_tokens = r->input_tokens,
                              .vision_passes = r->vision_passes,
                              .output_tokens = r->output_tokens};
    int group = (int)r->group;
    if (r->n_blocks > 0 && server_caches(s, m, group)) {
        b.prefix = w->traces[group].blocks + r->first_block;
        b.n_prefix = (int32_t)r->n_blocks;
    }
    return b;
}

/* Puts a request into an engine's queue; what it does then follows. */
static enum batch_verdict queue_up(struct server *s, struct server_engine *g,
                                   const struct batch_request *b)
{
    struct world *w = s->stage.world;
    uint32_t handle;
    enum batch_verdict verdict = batch_arrive(&g->batch, world_now(w), b, &handle);
    if (verdict == BATCH_NO_MEMORY)
        w->sink_error = ERR_MEMORY;
    return verdict;
}

static struct server_model *model_asked(const struct server *s, uint32_t request)
{
    const struct world *w = s->stage.world;
    int index = s->n_models == 1
                    ? 0
                    : server_model_index(s->config, w->ues[world_request(w, request)->ue].group);
    assert(index >= 0); /* the scenario's check, and the router */
    return &s->models[index];
}

/* A refusal goes back to the UE like an answer. Assumed: the header of an HTTP 503 and Ollama's
 * JSON of one sentence. */
#define REFUSAL_BYTES 230

static void enqueue(struct server *s, uint32_t request)
{
    static const char *const refusal[] = {[BATCH_TOO_LONG] = "longer than the KV pool",
                                          [BATCH_QUEUE_FULL] = "the server's queue is full"};
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    struct server_model *m = model_asked(s, request);
    struct batch_request b = batch_request_of(s, m, request);
    enum batch_verdict verdict = BATCH_TOO_LONG;
    r->queued_since = world_now(w);
    server_lapse(s);
    bool fits = s->n_pools == 1 || batch_fits(&m->engines[1].batch, &b);
    if (s->n_pools > 1)
        b.output_tokens = 1; /* the first engine's part of the answer */
    if (fits)
        verdict = queue_up(s, &m->engines[0], &b);
    else
        m->engines[0].batch.stats.refused++;
    if (verdict == BATCH_NO_MEMORY)
        return;
    if (verdict != BATCH_ACCEPTED) {
        s->in_hand--;
        r->failure = refusal[verdict];
        r->downlink_bytes = REFUSAL_BYTES;
        r->text_bytes = 0;
        send_answer(w, request, r->downlink_bytes, true);
        return;
    }
    if (server_ask(s, m, request))
        server_wake(s, m, 0);
}

/* The prompt's KV is across. enqueue() has seen to it that the request fits, and the second queue
 * has no end. */
static void transferred(struct server *s, uint32_t request)
{
    struct server_model *m = model_asked(s, request);
    struct batch_request b = batch_request_of(s, m, request);
    b.prefilled = true;
    b.vision_passes = 0;
    b.prefix = NULL;
    b.n_prefix = 0;
    s->transfers++;
    m->crossing--;
    if (queue_up(s, &m->engines[1], &b) == BATCH_ACCEPTED)
        server_wake(s, m, 1);
}

void server_accept(struct stage *stage, enum stage_index index, uint32_t request, int64_t bytes,
                   unsigned flags)
{
    (void)index;
    (void)bytes;
    struct server *s = (struct server *)stage;
    struct world *w = stage->world;
    if ((flags & CHUNK_CONTROL) != 0) {
        tcp_control(w->tcp, request, TCP_UP);
        return;
    }
    if (w->tcp != NULL && flags != 0) /* part of a segment is not heard of yet */
        tcp_data(w->tcp, request, TCP_UP);
    if ((flags & CHUNK_LAST) == 0)
        return; /* the server starts when it has the whole request */
    struct request *r = world_request(w, request);
    if (r->tx_width > 0) {
        int64_t tokens;
        int64_t passes;
        llm_image_tokens(&model_asked(s, request)->card, r->tx_width, r->tx_height, &tokens,
                         &passes);
        r->input_tokens += tokens;
        r->vision_passes = (int32_t)passes;
    }
    s->in_hand++;
    engine_at(&stage->entity, world_now(w) + ns_of_s(s->config->request_overhead_ms / 1e3),
              &stage->entity, SERVER_ENQUEUE, request);
}

void server_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct server *s = (struct server *)self;
    switch ((enum server_event)kind) {
    case SERVER_ENQUEUE:
        enqueue(s, (uint32_t)arg);
        break;
    case SERVER_RUN_END: {
        struct server_model *m = &s->models[arg >> 1 & 127];
        if (arg >> 8 == m->engines[arg & 1].generation)
            run_end(s, m, (int)(arg & 1));
        break;
    }
    case SERVER_LOADED:
        server_loaded(s, &s->models[arg]);
        break;
    case SERVER_TRANSFERRED:
        transferred(s, (uint32_t)arg);
        break;
    }
}

/* --- What others may know --------------------------------------------------------------------- */

static int64_t model_busy_ns(const struct server *s, const struct server_model *m)
{
    int64_t busy = 0;
    for (int k = 0; k < s->n_pools; k++) {
        const struct server_engine *g = &m->engines[k];
        bool runs = s->pools[k].running == m->index;
        busy += g->busy_ns + (runs ? world_now(s->stage.world) - g->run_start_ns : 0);
    }
    return busy;
}

static void write_model(const struct server *s, const struct server_model *m)
{
    struct world *w = s->stage.world;
    /* Two pools stand in one row: sums over both, so that busy time is measured against twice the
     * run. */
    struct gpu_record row = {.server = s->id,
                             .gpu = gpu_profile_name(s->gpu),
                             .llm_model = m->id,
                             .busy_ns = model_busy_ns(s, m),
                             .span_ns = world_now(w) * s->n_pools,
                             .cold_loads = m->loads.cold,
                             .warm_loads = m->loads.warm,
                             .load_ns = m->loads.ns,
                             .evictions = m->loads.evictions,
                             .expiries = m->loads.expiries,
                             .memory_bytes = s->memory_bytes,
                             .memory_peak_bytes = s->peak_bytes};
    for (int k = 0; k < s->n_pools; k++) {
        const struct batch_stats *t = &m->engines[k].batch.stats;
        const struct kv_pool *kv = &m->engines[k].batch.kv;
        double block_bytes = (double)kv->block_tokens * m->cost->kv_bytes_per_token;
        row.steps += t->steps;
        row.batch_sum += t->sequence_steps;
        row.prefill_tokens += t->prefill_tokens;
        row.decode_tokens += t->decode_tokens;
        row.kv_pool_bytes += (int64_t)((double)kv->total * block_bytes);
        row.kv_peak_bytes += (int64_t)((double)kv->peak * block_bytes);
        row.preemptions += t->preemptions;
        row.refused += t->refused;
        row.prefix_hit_tokens += t->hit_tokens;
        row.dropped_tokens += t->dropped_tokens;
        row.swapped_bytes += (int64_t)((double)t->swapped_blocks * block_bytes);
    }
    int rc = w->sink->gpu(w->sink->self, &row);
    if (rc != 0 && w->sink_error == 0)
        w->sink_error = rc;
}

void server_finish(struct server *s)
{
    const struct world *w = s->stage.world;
    if (w->sink == NULL || w->sink->gpu == NULL)
        return;
    server_lapse(s);
    for (int i = 0; i < s->n_models; i++)
        write_model(s, &s->models[i]);
}

void server_worked(struct server *s, int64_t busy_ns, int64_t sequences, int64_t prefill_tokens,
                   int64_t decode_tokens)
{
    struct server_engine *g = &s->models[0].engines[0];
    g->busy_ns += busy_ns;
    g->batch.stats.steps++;
    g->batch.stats.sequence_steps += sequences;
    g->batch.stats.prefill_tokens += prefill_tokens;
    g->batch.stats.decode_tokens += decode_tokens;
}

int64_t server_waiting(const struct server *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->n_models; i++)
        for (int k = 0; k < s->n_pools; k++)
            n += s->models[i].engines[k].batch.n_waiting;
    return n;
}

int64_t server_load(const struct server *s)
{
    return s->in_hand;
}

bool server_serves(const struct server *s, int slice)
{
    return s->serves == NULL || (slice >= 0 && s->serves[slice]);
}

const struct server_model *server_model_of(const struct server *s, const struct scenario_ues *group)
{
    int index = server_model_index(s->config, group);
    return index >= 0 ? &s->models[index] : NULL;
}

double server_utilization_pct(const struct server *s)
{
    int64_t now = world_now(s->stage.world);
    int64_t busy = 0;
    for (int i = 0; i < s->n_models; i++)
        busy += model_busy_ns(s, &s->models[i]);
    return now > 0 ? 100.0 * (double)busy / (double)(now * s->n_pools) : 0.0;
}

static double model_memory_bytes(const struct server *s, const struct server_model *m, int pool)
{
    const struct server_engine *g = &m->engines[pool];
    int64_t blocks = g->batch.kv.used;
    if (s->pools[pool].running == m->index) { /* as if each step were an event: V3 */
        int64_t elapsed = world_now(s->stage.world) - g->run_start_ns;
        blocks = batch_blocks_at(&g->batch, batch_steps_until(&g->batch, m->cost, elapsed));
    }
    return m->cost->weights_bytes +
           (double)(blocks * g->batch.kv.block_tokens) * m->cost->kv_bytes_per_token;
}

double server_memory_bytes(const struct server *s)
{
    double bytes = 0.0;
    for (int k = 0; k < s->n_pools; k++)
        for (int i = 0; i < s->n_models; i++)
            if (s->models[i].loaded_ns != NS_NEVER && !server_lapsed(s, &s->models[i]))
                bytes += model_memory_bytes(s, &s->models[i], k);
    return bytes;
}
