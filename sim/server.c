/* server.c - see server.h. */
#include "sim/server.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/router.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

enum server_event { SERVER_ENQUEUE, SERVER_RUN_END, SERVER_LOADED, SERVER_TRANSFERRED };

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
    if (last) {
        s->in_hand--;
        send_answer(w, request, r->downlink_bytes - sent, true);
    } else if (streams(w, request) && text_of(r, generated) > sent)
        send_answer(w, request, text_of(r, generated) - sent, false);
}

static bool server_caches(const struct server *s, int group);

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
static void ends_after(struct server *s, struct server_engine *g, int64_t steps)
{
    g->run_steps = steps;
    uint64_t engine = (uint64_t)(g - s->engines);
    engine_at(&s->stage.entity, g->run_start_ns + batch_run_ns(&g->batch, &s->cost, steps),
              &s->stage.entity, SERVER_RUN_END, ++g->generation << 1 | engine);
}

/* The radio's side of the view: bytes that wait for the air, by slice. */
static void look_at_radio(struct server *s)
{
    const struct world *w = s->stage.world;
    memset(s->backlog_bytes, 0, (size_t)w->slices.n * sizeof *s->backlog_bytes);
    for (uint32_t i = 0; i < w->n_ues; i++) {
        int slice = world_slice_of(w, w->ues[i], world_now(w));
        if (slice >= 0)
            s->backlog_bytes[slice] += stream_waiting(&w->radios[i].d[RADIO_DL].stream);
    }
}

static void decide(struct server *s, struct server_engine *g)
{
    struct world *w = s->stage.world;
    if (g->running || s->loaded_ns > world_now(w))
        return;
    if (s->backlog_bytes != NULL && g->batch.n_waiting > 0)
        look_at_radio(s);
    const struct batch_action *a = batch_decide(&g->batch, world_now(w));
    if (a == NULL)
        return;
    note_waits(s, &g->batch, a);
    bool each = !w->scenario->engine.fast_forward_decode;
    for (int32_t i = 0; i < a->n_work && !each; i++)
        each = streams(w, (uint32_t)batch_at(&g->batch, a->work[i].request)->owner);
    g->running = true;
    g->run_start_ns = world_now(w);
    ends_after(s, g, each ? 1 : a->steps);
}

/* Sends the KV of a prompt to the second engine. */
static void transfer(struct server *s, uint32_t request)
{
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    double bytes = (double)r->input_tokens * s->cost.kv_bytes_per_token;
    int64_t start = s->link_free_ns > now ? s->link_free_ns : now;
    s->link_free_ns = start + llround(bytes / s->transfer_gbytes_per_s);
    r->queued_since = now; /* the GPU does not work for it until it is across and admitted */
    engine_at(&s->stage.entity, s->link_free_ns + llround(s->transfer_latency_ns), &s->stage.entity,
              SERVER_TRANSFERRED, request);
}

static void run_end(struct server *s, struct server_engine *g)
{
    struct world *w = s->stage.world;
    g->running = false;
    g->busy_ns += world_now(w) - g->run_start_ns;
    batch_advance(&g->batch, g->run_steps);
    bool hands_on = s->n_engines > 1 && g == &s->engines[0];
    /* A request that ends may bring its UE's next one in the same instant; that one comes through
     * an event and finds the server in order. */
    const struct batch_action *a = &g->batch.action;
    for (int32_t i = 0; i < a->n_work; i++) {
        const struct batch_request *b = batch_at(&g->batch, a->work[i].request);
        uint32_t request = (uint32_t)b->owner;
        bool goes = hands_on && b->generated == 1 && world_request(w, request)->output_tokens > 1;
        tokens_made(s, request, b->generated);
        if (goes)
            transfer(s, request);
    }
    decide(s, g);
}

/* Something has arrived during a run: it ends with the step under way. */
static void cut_short(struct server *s, struct server_engine *g)
{
    int64_t steps =
        batch_steps_until(&g->batch, &s->cost, world_now(s->stage.world) - g->run_start_ns);
    if (steps < g->run_steps)
        ends_after(s, g, steps);
}

/* --- Arrivals --------------------------------------------------------------------------------- */

static struct batch_request batch_request_of(const struct server *s, uint32_t request)
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
    int group = (int)w->ues[r->ue]->group_index;
    if (r->n_blocks > 0 && server_caches(s, group)) {
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

static void wake(struct server *s, struct server_engine *g)
{
    if (g->running)
        cut_short(s, g);
    else
        decide(s, g);
}

static void enqueue(struct server *s, uint32_t request)
{
    static const char *const refusal[] = {[BATCH_TOO_LONG] = "longer than the KV pool",
                                          [BATCH_QUEUE_FULL] = "the server's queue is full"};
    struct world *w = s->stage.world;
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    struct batch_request b = batch_request_of(s, request);
    enum batch_verdict verdict = BATCH_TOO_LONG;
    r->queued_since = now;
    bool fits = s->n_engines == 1 || batch_fits(&s->engines[1].batch, &b);
    if (s->n_engines > 1)
        b.output_tokens = 1; /* the first engine's part of the answer */
    if (fits)
        verdict = queue_up(s, &s->engines[0], &b);
    else
        s->engines[0].batch.stats.refused++;
    if (verdict == BATCH_NO_MEMORY)
        return;
    if (verdict != BATCH_ACCEPTED) {
        s->in_hand--;
        world_request_done(w, request, refusal[verdict]);
        return;
    }
    if (s->loaded_ns == NS_NEVER) { /* cold start: disk to GPU memory on first use */
        s->loaded_ns = now + ns_of_s(s->cost.weights_bytes / s->cost.cold_load_bytes_per_s);
        engine_at(&s->stage.entity, s->loaded_ns, &s->stage.entity, SERVER_LOADED, 0);
    }
    if (s->loaded_ns > now)
        r->load_ns = s->loaded_ns - now;
    wake(s, &s->engines[0]);
}

/* The prompt's KV is across. enqueue() has seen to it that the request fits, and the second queue
 * has no end. */
static void transferred(struct server *s, uint32_t request)
{
    struct batch_request b = batch_request_of(s, request);
    b.prefilled = true;
    b.vision_passes = 0;
    b.prefix = NULL;
    b.n_prefix = 0;
    s->transfers++;
    if (queue_up(s, &s->engines[1], &b) == BATCH_ACCEPTED)
        wake(s, &s->engines[1]);
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
    s->in_hand++;
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
        if (arg >> 1 == s->engines[arg & 1].generation)
            run_end(s, &s->engines[arg & 1]);
        break;
    case SERVER_LOADED:
        decide(s, &s->engines[0]);
        break;
    case SERVER_TRANSFERRED:
        transferred(s, (uint32_t)arg);
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
        if ((router_routes(g) || w->ues[i]->server == (uint32_t)index) &&
            g->traffic.index == TRAFFIC_WILLM_CLIENT &&
            ((const struct traffic_willm *)g->traffic.options)->mode == MODE_IMAGE) {
            snprintf(place, bytes, "ues[%d].traffic.mode", (int)(g - groups));
            return place;
        }
    }
    return NULL;
}

/* The slices' shares of a pool, or none: shares is NULL. */
static int make_shares(const struct server *s, struct world *w, int index,
                       struct batch_share **shares, struct err *e)
{
    const struct scenario_slice *from = w->scenario->slices.tree.items;
    const struct batch_policy *policy = batch_policies[s->config->batching.index];
    const struct batch *b = &s->engines[0].batch;
    double sum = 0.0;
    bool any = false;
    char place[64];
    *shares = NULL;
    for (int i = 0; i < w->slices.n; i++) {
        sum += from[i].gpu_min_pct;
        any = any || from[i].gpu_min_pct > 0.0 ||
              (from[i].gpu_max_pct > 0.0 && from[i].gpu_max_pct < 100.0);
        snprintf(place, sizeof place, "slices.tree[%d].gpu_min_pct", i);
        if (sum > 100.0 + 1e-9)
            return err_input(e, w->scenario->file, place,
                             "the slices' gpu_min_pct sum to %g %% and more; lower them to at most "
                             "100",
                             sum);
    }
    if (!any)
        return 0;
    snprintf(place, sizeof place, "servers[%d].batching.kind", index);
    if (!policy->governs)
        return err_input(e, w->scenario->file, place,
                         "\"%s\" knows no shares of slices (gpu_min_pct, gpu_max_pct); use "
                         "continuous or disaggregated",
                         policy->word);
    *shares = arena_array(&w->arena, (size_t)w->slices.n, sizeof **shares);
    if (*shares == NULL)
        return err_memory(e, "the shares of a server");
    for (int i = 0; i < w->slices.n; i++) {
        double least = from[i].gpu_min_pct / 100.0;
        double most = from[i].gpu_max_pct > 0.0 ? from[i].gpu_max_pct / 100.0 : 1.0;
        int32_t running = slice_prb(most, b->max_running);
        (*shares)[i] =
            (struct batch_share){.min_blocks = (int64_t)(least * (double)b->kv.total + 1e-9),
                                 .max_blocks = (int64_t)(most * (double)b->kv.total + 1e-9),
                                 .min_running = slice_prb(least, b->max_running),
                                 .max_running = running > 1 ? running : 1};
    }
    return 0;
}

static const char *trace_path(const struct world *w, int group)
{
    const struct scenario_ues *g = &((const struct scenario_ues *)w->scenario->ues.items)[group];
    return ((const struct traffic_trace *)g->traffic.options)->path;
}

/* Block ids mean something within one trace file. */
static bool server_caches(const struct server *s, int group)
{
    const struct world *w = s->stage.world;
    return s->prefix_group >= 0 &&
           (group == s->prefix_group ||
            strcmp(trace_path(w, group), trace_path(w, s->prefix_group)) == 0);
}

/* A cache for the first trace that names prefix blocks. */
static int init_prefix(struct server *s, struct world *w, int index, bool shares, struct err *e)
{
    int64_t tokens = 0;
    for (size_t i = 0; w->traces != NULL && i < w->scenario->ues.n && tokens == 0; i++) {
        tokens = w->traces[i].n_blocks > 0 ? w->traces[i].block_tokens : 0;
        s->prefix_group = tokens > 0 ? (int)i : -1;
    }
    if (tokens == 0)
        return 0;
    char place[64];
    snprintf(place, sizeof place, "servers[%d].kv_block_tokens", index);
    if (tokens % s->config->kv_block_tokens != 0)
        return err_input(e, w->scenario->file, place,
                         "does not divide the trace's prefix blocks of %lld tokens; use 16, or set "
                         "batching.prefix_caching to false",
                         (long long)tokens);
    snprintf(place, sizeof place, "servers[%d].batching.prefix_caching", index);
    if (shares)
        return err_input(e, w->scenario->file, place,
                         "cached prefixes belong to no slice, so that shares (gpu_min_pct, "
                         "gpu_max_pct) would not hold; set it to false");
    return batch_set_prefix(&s->engines[0].batch, tokens, e);
}

static int init_engines(struct server *s, struct world *w, int index, int64_t tokens, struct err *e)
{
    const struct scenario_server *c = s->config;
    const struct batch_policy *policy = batch_policies[c->batching.index];
    double block_bytes = (double)c->kv_block_tokens * s->cost.kv_bytes_per_token;
    int engines = policy->two_pools ? 2 : 1;
    for (int i = 0; i < engines; i++) {
        struct batch *b = &s->engines[i].batch;
        /* The queue between the pools has no end: what is half done is not refused. */
        struct batch_disaggregated second;
        if (i > 0) {
            second = *(const struct batch_disaggregated *)c->batching.options;
            second.pool.max_queue = 0;
        }
        int rc = batch_init(b, policy, i == 0 ? c->batching.options : &second, tokens,
                            c->kv_block_tokens, e);
        if (rc != 0)
            return rc;
        s->n_engines = i + 1;
        batch_set_host(b, (int64_t)(c->swap_space_gib * 1073741824.0 / s->cost.kv_bytes_per_token),
                       block_bytes / c->host_link_gbytes_per_s);
    }
    struct batch_share *shares;
    int rc = make_shares(s, w, index, &shares, e);
    for (int i = 0; i < engines && rc == 0 && shares != NULL; i++)
        rc = batch_set_shares(&s->engines[i].batch, shares, w->slices.n, e);
    if (rc != 0 || !policy->governs)
        return rc;
    const struct batch_continuous *o = c->batching.options;
    if (policy->two_pools) {
        const struct batch_disaggregated *d = c->batching.options;
        s->transfer_gbytes_per_s = d->transfer_gbytes_per_s;
        s->transfer_latency_ns = d->transfer_latency_us * 1e3;
    }
    if (o->order == BATCH_BY_BACKLOG && w->n_cells > 0 && w->slices.n > 0) {
        s->backlog_bytes = arena_array(&w->arena, (size_t)w->slices.n, sizeof *s->backlog_bytes);
        if (s->backlog_bytes == NULL)
            return err_memory(e, "the backlog of the slices");
        for (int i = 0; i < engines; i++)
            s->engines[i].batch.backlog_bytes = s->backlog_bytes;
    }
    return o->prefix_caching ? init_prefix(s, w, index, shares != NULL, e) : 0;
}

/* Which slices the server is for. */
static int init_serves(struct server *s, struct world *w, int index, struct err *e)
{
    const char *const *ids = s->config->slices.items;
    if (s->config->slices.n == 0)
        return 0;
    s->serves = arena_array(&w->arena, (size_t)w->slices.n + 1, sizeof *s->serves);
    if (s->serves == NULL)
        return err_memory(e, "a server's slices");
    for (size_t i = 0; i < s->config->slices.n; i++) {
        int slice = scenario_slice_index(w->scenario, ids[i]);
        if (slice < 0) {
            char place[64];
            snprintf(place, sizeof place, "servers[%d].slices[%zu]", index, i);
            return err_input(e, w->scenario->file, place,
                             "there is no slice \"%s\"; name one of slices.tree", ids[i]);
        }
        s->serves[slice] = true;
    }
    return 0;
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
        tokens = llm_kv_tokens(&s->cost, c->memory_utilization);
    if (tokens < c->kv_block_tokens)
        return err_input(e, w->scenario->file, place,
                         "model \"%s\" leaves no memory for the KV cache on %s; use a larger "
                         "memory_utilization, a smaller quant or more GPUs (tensor_parallel)",
                         c->model, c->gpu);
    return init_engines(s, w, index, tokens, e);
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
    s->prefix_group = -1;
    int rc = init_model(s, w, index, e);
    rc = rc == 0 ? init_serves(s, w, index, e) : rc;
    if (rc != 0)
        return rc;
    s->loaded_ns = s->config->loaded ? 0 : NS_NEVER;
    return 0;
}

/* Time that the engines have computed so far. */
static int64_t server_busy_ns(const struct server *s)
{
    int64_t busy = 0;
    for (int i = 0; i < s->n_engines; i++) {
        const struct server_engine *g = &s->engines[i];
        busy += g->busy_ns + (g->running ? world_now(s->stage.world) - g->run_start_ns : 0);
    }
    return busy;
}

void server_free(struct server *s)
{
    for (int i = 0; i < s->n_engines; i++)
        batch_free(&s->engines[i].batch);
}

void server_finish(struct server *s)
{
    struct world *w = s->stage.world;
    if (w->sink == NULL || w->sink->gpu == NULL)
        return;
    /* Two pools stand in one row: sums over both, so that busy time is measured against twice the
     * run. */
    struct gpu_record row = {.server = s->id,
                             .gpu = gpu_profile_name(s->gpu),
                             .llm_model = s->card.name,
                             .busy_ns = server_busy_ns(s),
                             .span_ns = world_now(w) * s->n_engines};
    for (int i = 0; i < s->n_engines; i++) {
        const struct batch_stats *t = &s->engines[i].batch.stats;
        const struct kv_pool *kv = &s->engines[i].batch.kv;
        double block_bytes = (double)kv->block_tokens * s->cost.kv_bytes_per_token;
        row.steps += t->steps;
        row.batch_sum += t->sequence_steps;
        row.prefill_tokens += t->prefill_tokens;
        row.decode_tokens += t->decode_tokens;
        row.kv_pool_bytes += (int64_t)((double)kv->total * block_bytes);
        row.kv_peak_bytes += (int64_t)((double)kv->peak * block_bytes);
        row.preemptions += t->preemptions;
        row.refused += t->refused;
    }
    int rc = w->sink->gpu(w->sink->self, &row);
    if (rc != 0 && w->sink_error == 0)
        w->sink_error = rc;
}

/* --- What others may know --------------------------------------------------------------------- */

int64_t server_waiting(const struct server *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->n_engines; i++)
        n += s->engines[i].batch.n_waiting;
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

double server_utilization_pct(const struct server *s)
{
    int64_t now = world_now(s->stage.world);
    return now > 0 ? 100.0 * (double)server_busy_ns(s) / (double)(now * s->n_engines) : 0.0;
}

double server_memory_bytes(const struct server *s)
{
    double bytes = 0.0;
    for (int i = 0; i < s->n_engines; i++) {
        const struct server_engine *g = &s->engines[i];
        int64_t blocks = g->batch.kv.used;
        if (g->running) { /* as if each step were an event: V3 */
            int64_t elapsed = world_now(s->stage.world) - g->run_start_ns;
            blocks = batch_blocks_at(&g->batch, batch_steps_until(&g->batch, &s->cost, elapsed));
        }
        bytes += s->cost.weights_bytes +
                 (double)(blocks * g->batch.kv.block_tokens) * s->cost.kv_bytes_per_token;
    }
    return bytes;
}
