/* server.c - see server.h. */
#include "sim/server.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

enum server_event { SERVER_ENQUEUE, SERVER_RUN_END, SERVER_LOADED };

/* --- Tokens and answers ----------------------------------------------------------------------- */

static bool streams(const struct world *w, uint32_t request)
{
    return w->ues[world_request(w, request)->ue]->group->streaming;
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
    if (last)
        r->last_token = world_now(w);
    int64_t sent = r->answered_bytes;
    if (last)
        send_answer(w, request, r->downlink_bytes - sent, true);
    else if (streams(w, request) && text_of(r, generated) > sent)
        send_answer(w, request, text_of(r, generated) - sent, false);
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* Waiting time, from what the batch has just admitted and put back. */
static void note_waits(struct server *s, const struct batch_action *a)
{
    struct world *w = s->stage.world;
    const struct batch *b = &s->batch;
    for (int32_t i = 0; i < a->n_preempt && i < b->n_waiting; i++) {
        uint32_t request = (uint32_t)batch_at(b, b->waiting[b->head + i])->owner;
        struct request *r = world_request(w, request);
        if (r->queued_since == NS_NEVER)
            r->queued_since = world_now(w);
        r->preemptions = batch_at(b, b->waiting[b->head + i])->preemptions;
    }
    for (int32_t i = b->n_running - a->n_admit; i < b->n_running; i++) {
        struct request *r = world_request(w, (uint32_t)batch_at(b, b->running[i])->owner);
        r->queue_ns += world_now(w) - r->queued_since;
        r->queued_since = NS_NEVER;
        if (r->server_start == NS_NEVER)
            r->server_start = world_now(w);
    }
}

static void ends_after(struct server *s, int64_t steps)
{
    s->run_steps = steps;
    engine_at(&s->stage.entity, s->run_start_ns + batch_run_ns(&s->batch, &s->cost, steps),
              &s->stage.entity, SERVER_RUN_END, ++s->generation);
}

static void decide(struct server *s)
{
    struct world *w = s->stage.world;
    if (s->running || s->loaded_ns > world_now(w))
        return;
    const struct batch_action *a = batch_decide(&s->batch, world_now(w));
    if (a == NULL)
        return;
    note_waits(s, a);
    bool each = !w->scenario->engine.fast_forward_decode;
    for (int32_t i = 0; i < a->n_work && !each; i++)
        each = streams(w, (uint32_t)batch_at(&s->batch, a->work[i].request)->owner);
    s->running = true;
    s->run_start_ns = world_now(w);
    ends_after(s, each ? 1 : a->steps);
}

static void run_end(struct server *s)
{
    struct world *w = s->stage.world;
    s->running = false;
    s->busy_ns += world_now(w) - s->run_start_ns;
    batch_advance(&s->batch, s->run_steps);
    /* A request that ends may bring its UE's next one in the same instant; that one comes through
     * an event and finds the server in order. */
    const struct batch_action *a = &s->batch.action;
    for (int32_t i = 0; i < a->n_work; i++) {
        const struct batch_request *b = batch_at(&s->batch, a->work[i].request);
        tokens_made(s, (uint32_t)b->owner, b->generated);
    }
    decide(s);
}

/* Something has arrived during a run: it ends with the step under way. */
static void cut_short(struct server *s)
{
    int64_t steps =
        batch_steps_until(&s->batch, &s->cost, world_now(s->stage.world) - s->run_start_ns);
    if (steps < s->run_steps)
        ends_after(s, steps);
}

/* --- Arrivals --------------------------------------------------------------------------------- */

static void enqueue(struct server *s, uint32_t request)
{
    static const char *const refusal[] = {[BATCH_TOO_LONG] = "longer than the KV pool",
                                          [BATCH_QUEUE_FULL] = "the server's queue is full"};
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    struct batch_request b = {.owner = request,
                              .arrived_ns = now,
                              .slice = r->slice,
                              .priority = r->slice >= 0 ? w->slices.slices[r->slice].priority : 1.0,
                              .prompt_tokens = r->input_tokens,
                              .vision_passes = r->vision_passes,
                              .output_tokens = r->output_tokens};
    uint32_t handle;
    r->queued_since = now;
    enum batch_verdict verdict = batch_arrive(&s->batch, now, &b, &handle);
    if (verdict == BATCH_NO_MEMORY) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    if (verdict != BATCH_ACCEPTED) {
        world_request_done(w, request, refusal[verdict]);
        return;
    }
    if (s->loaded_ns == NS_NEVER) { /* cold start: disk to GPU memory on first use */
        s->loaded_ns = now + ns_of_s(s->cost.weights_bytes / s->cost.cold_load_bytes_per_s);
        engine_at(&s->stage.entity, s->loaded_ns, &s->stage.entity, SERVER_LOADED, 0);
    }
    if (s->loaded_ns > now)
        r->load_ns = s->loaded_ns - now;
    if (s->running)
        cut_short(s);
    else
        decide(s);
}

static void server_accept(struct stage *stage, enum stage_index index, uint32_t request,
                          int64_t bytes, unsigned flags)
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
        llm_image_tokens(&s->card, r->tx_width, r->tx_height, &tokens, &r->vision_passes);
        r->input_tokens += tokens;
    }
    engine_at(&stage->entity, world_now(w) + ns_of_s(s->config->request_overhead_ms / 1e3),
              &stage->entity, SERVER_ENQUEUE, request);
}

static void server_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct server *s = (struct server *)self;
    switch ((enum server_event)kind) {
    case SERVER_ENQUEUE:
        enqueue(s, (uint32_t)arg);
        break;
    case SERVER_RUN_END:
        if (arg == s->generation)
            run_end(s);
        break;
    case SERVER_LOADED:
        decide(s);
        break;
    }
}

/* --- Making and ending ------------------------------------------------------------------------ */

/* Some UE of this server sends pictures. */
static const char *sends_pictures(const struct world *w, int index, char *place, size_t bytes)
{
    const struct scenario_ues *groups = w->scenario->ues.items;
    for (uint32_t i = 0; i < w->n_ues; i++) {
        const struct scenario_ues *g = w->ues[i]->group;
        if (w->ues[i]->server == (uint32_t)index && g->traffic.index == TRAFFIC_WILLM_CLIENT &&
            ((const struct traffic_willm *)g->traffic.options)->mode == MODE_IMAGE) {
            snprintf(place, bytes, "ues[%d].traffic.mode", (int)(g - groups));
            return place;
        }
    }
    return NULL;
}

static int init_model(struct server *s, struct world *w, int index, struct err *e)
{
    const struct scenario_server *c = s->config;
    int rc = llm_card_load(NULL, c->model, &w->arena, &s->card, e);
    if (rc == 0)
        rc = gpu_profile_load(NULL, c->gpu, &w->arena, &s->gpu, e);
    if (rc != 0)
        return rc;
    struct llm_setup setup = {
        .gpu = s->gpu,
        .card = &s->card,
        .quant = (enum llm_quant)(c->quant > 0 ? c->quant - 1 : s->card.default_quant),
        .engine = (enum llm_engine)c->engine,
        .tensor_parallel = (int)c->tensor_parallel};
    char place[64];
    if (s->card.vision == LLM_VISION_NONE && sends_pictures(w, index, place, sizeof place) != NULL)
        return err_input(e, w->scenario->file, place,
                         "model \"%s\" of server \"%s\" takes no pictures; use text_request or a "
                         "vision model such as llava",
                         c->model, c->id);
    rc = llm_cost_make(&setup, &s->cost, e);
    if (rc != 0)
        return rc;
    snprintf(place, sizeof place, "servers[%d]", index);
    int64_t tokens = c->kv_tokens;
    if (tokens == 0)
        tokens = (int64_t)((s->cost.memory_bytes * c->memory_utilization - s->cost.weights_bytes) /
                           s->cost.kv_bytes_per_token);
    if (tokens < c->kv_block_tokens)
        return err_input(e, w->scenario->file, place,
                         "model \"%s\" leaves no memory for the KV cache on %s; use a larger "
                         "memory_utilization, a smaller quant or more GPUs (tensor_parallel)",
                         c->model, c->gpu);
    return batch_init(&s->batch, batch_policies[c->batching.index], c->batching.options, tokens,
                      c->kv_block_tokens, e);
}

int server_init(struct server *s, struct world *w, uint32_t entity_id, int index, struct err *e)
{
    memset(s, 0, sizeof *s);
    s->config = &((const struct scenario_server *)w->scenario->servers.items)[index];
    s->id = s->config->id;
    s->stage.entity =
        (struct entity){.engine = w->engine, .handle = server_handle, .id = entity_id, .seq = 0};
    s->stage.world = w;
    s->stage.accept = server_accept;
    int rc = init_model(s, w, index, e);
    if (rc != 0)
        return rc;
    s->loaded_ns = s->config->loaded ? 0 : NS_NEVER;
    return 0;
}

void server_free(struct server *s)
{
    batch_free(&s->batch);
}

void server_finish(struct server *s)
{
    struct world *w = s->stage.world;
    if (w->sink == NULL || w->sink->gpu == NULL)
        return;
    const struct batch_stats *t = &s->batch.stats;
    const struct kv_pool *kv = &s->batch.kv;
    double block_bytes = (double)kv->block_tokens * s->cost.kv_bytes_per_token;
    struct gpu_record row = {.server = s->id,
                             .gpu = gpu_profile_name(s->gpu),
                             .llm_model = s->card.name,
                             .busy_ns =
                                 s->busy_ns + (s->running ? world_now(w) - s->run_start_ns : 0),
                             .span_ns = world_now(w),
                             .steps = t->steps,
                             .batch_sum = t->sequence_steps,
                             .prefill_tokens = t->prefill_tokens,
                             .decode_tokens = t->decode_tokens,
                             .kv_pool_bytes = (int64_t)((double)kv->total * block_bytes),
                             .kv_peak_bytes = (int64_t)((double)kv->peak * block_bytes),
                             .preemptions = t->preemptions,
                             .refused = t->refused};
    int rc = w->sink->gpu(w->sink->self, &row);
    if (rc != 0 && w->sink_error == 0)
        w->sink_error = rc;
}

/* --- What others may know --------------------------------------------------------------------- */

int64_t server_waiting(const struct server *s)
{
    return s->batch.n_waiting;
}

double server_utilization_pct(const struct server *s)
{
    int64_t now = world_now(s->stage.world);
    int64_t busy = s->busy_ns + (s->running ? now - s->run_start_ns : 0);
    return now > 0 ? 100.0 * (double)busy / (double)now : 0.0;
}

double server_memory_bytes(const struct server *s)
{
    return s->cost.weights_bytes +
           (double)(s->batch.kv.used * s->batch.kv.block_tokens) * s->cost.kv_bytes_per_token;
}
