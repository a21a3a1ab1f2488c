/* server_make.c - a server from its scenario: models, batches, shares, prefix caches. See server.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "sim/router.h"
#include "sim/scenario.h"
#include "sim/server_parts.h"
#include "sim/server_plan.h"
#include "sim/ue.h"
#include "sim/world.h"

/* Some UE that may ask this model of the server sends pictures. */
static const char *sends_pictures(const struct server *s, const struct server_model *m,
                                  const struct world *w, int index, char *place, size_t bytes)
{
    const struct scenario_ues *groups = w->scenario->ues.items;
    for (uint32_t i = 0; i < w->n_ues; i++) {
        const struct scenario_ues *g = w->ues[i].group;
        if (g->traffic.index == TRAFFIC_WILLM_CLIENT &&
            ((const struct traffic_willm *)g->traffic.options)->mode == MODE_IMAGE &&
            (router_routes(g) || w->ues[i].server == (uint32_t)index) &&
            server_model_index(s->config, g) == m->index) {
            snprintf(place, bytes, "ues[%d].traffic.mode", (int)(g - groups));
            return place;
        }
    }
    return NULL;
}

/* The slices' shares of a model's pool, or none: shares is NULL. */
static int make_shares(const struct server *s, const struct batch *b, struct world *w, int index,
                       struct batch_share **shares, struct err *e)
{
    const struct scenario_slice *from = w->scenario->slices.tree.items;
    const struct batch_policy *policy = batch_policies[s->config->batching.index];
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
bool server_caches(const struct server *s, const struct server_model *m, int group)
{
    const struct world *w = s->stage.world;
    return m->prefix_group >= 0 &&
           (group == m->prefix_group ||
            strcmp(trace_path(w, group), trace_path(w, m->prefix_group)) == 0);
}

/* A cache for the first trace of this model that names prefix blocks. */
static int init_prefix(struct server *s, struct server_model *m, struct world *w, int index,
                       struct err *e)
{
    const struct scenario_ues *groups = w->scenario->ues.items;
    int64_t tokens = 0;
    for (size_t i = 0; w->traces != NULL && i < w->scenario->ues.n && tokens == 0; i++) {
        bool asks = server_model_index(s->config, &groups[i]) == m->index;
        tokens = asks && w->traces[i].n_blocks > 0 ? w->traces[i].block_tokens : 0;
        m->prefix_group = tokens > 0 ? (int)i : -1;
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
    return batch_set_prefix(&m->engines[0].batch, tokens, e);
}

static int init_engines(struct server *s, struct server_model *m, struct world *w, int index,
                        int64_t tokens, struct err *e)
{
    const struct scenario_server *c = s->config;
    const struct batch_policy *policy = batch_policies[c->batching.index];
    double block_bytes = (double)c->kv_block_tokens * m->cost->kv_bytes_per_token;
    for (int i = 0; i < s->n_pools; i++) {
        struct batch *b = &m->engines[i].batch;
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
        batch_set_host(b, (int64_t)(c->swap_space_gib * 1073741824.0 / m->cost->kv_bytes_per_token),
                       block_bytes / c->host_link_gbytes_per_s);
    }
    struct batch_share *shares;
    int rc = make_shares(s, &m->engines[0].batch, w, index, &shares, e);
    for (int i = 0; i < s->n_pools && rc == 0 && shares != NULL; i++)
        rc = batch_set_shares(&m->engines[i].batch, shares, w->slices.n, e);
    if (rc != 0 || !policy->governs)
        return rc;
    const struct batch_continuous *o = c->batching.options;
    for (int i = 0; i < s->n_pools; i++)
        m->engines[i].batch.backlog_bytes = s->backlog_bytes;
    return o->prefix_caching ? init_prefix(s, m, w, index, e) : 0;
}

/* What hangs on the kind of batching, for all models. */
static int init_batching(struct server *s, struct world *w, struct err *e)
{
    const struct batch_policy *policy = batch_policies[s->config->batching.index];
    s->n_pools = policy->two_pools ? 2 : 1;
    if (policy->two_pools) {
        const struct batch_disaggregated *d = s->config->batching.options;
        s->transfer_gbytes_per_s = d->transfer_gbytes_per_s;
        s->transfer_latency_ns = d->transfer_latency_us * 1e3;
    }
    const struct batch_continuous *o = policy->governs ? s->config->batching.options : NULL;
    if (o != NULL && o->order == BATCH_BY_BACKLOG && w->n_cells > 0 && w->slices.n > 0) {
        s->backlog_bytes = arena_array(&w->arena, (size_t)w->slices.n, sizeof *s->backlog_bytes);
        if (s->backlog_bytes == NULL)
            return err_memory(e, "the backlog of the slices");
    }
    return 0;
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

static int init_model(struct server *s, struct server_model *m, const struct server_plan *plan,
                      struct world *w, int index, struct err *e)
{
    char place[64];
    m->id = m->config->id;
    m->card = plan->card;
    m->cost = plan->cost;
    m->need_bytes = plan->need_bytes;
    m->loaded_ns = NS_NEVER;
    m->keep_ns = m->config->keep_alive_s < 0.0 ? NS_NEVER : ns_of_s(m->config->keep_alive_s);
    m->prefix_group = -1;
    s->gpu = plan->gpu;
    s->lapses = s->lapses || m->keep_ns != NS_NEVER;
    if (m->card.vision == LLM_VISION_NONE &&
        sends_pictures(s, m, w, index, place, sizeof place) != NULL)
        return err_input(e, w->scenario->file, place,
                         "model \"%s\" of server \"%s\" takes no pictures; use text_request or a "
                         "vision model such as llava",
                         m->id, s->id);
    return init_engines(s, m, w, index, plan->kv_tokens, e);
}

static int init_models(struct server *s, struct world *w, int index, struct err *e)
{
    const struct scenario_model *configs = s->config->models.items;
    size_t n = s->config->models.n;
    struct server_plan *plans = arena_array(&w->arena, n, sizeof *plans);
    s->models = arena_lines(&w->arena, n, sizeof *s->models);
    s->wants = arena_array(&w->arena, n + 1, sizeof *s->wants);
    if (plans == NULL || s->models == NULL || s->wants == NULL)
        return err_memory(e, "a server's models");
    int rc = server_plan_make(w->scenario, (size_t)index, &w->arena, plans, &w->plans,
                              &s->memory_bytes, e);
    rc = rc == 0 ? init_batching(s, w, e) : rc;
    for (int i = 0; i < (int)n && rc == 0; i++) {
        struct server_model *m = &s->models[i];
        m->config = &configs[i];
        m->index = i;
        s->n_models = i + 1; /* what server_free() looks at */
        rc = init_model(s, m, &plans[i], w, index, e);
    }
    for (int i = 0; i < s->n_models && rc == 0; i++)
        if (configs[i].loaded)
            server_model_begin(s, &s->models[i]);
    return rc;
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
    s->loading = -1;
    s->pools[0].running = s->pools[1].running = -1;
    const struct scenario_ues *groups = w->scenario->ues.items;
    for (size_t i = 0; i < w->scenario->ues.n; i++)
        s->any_streams = s->any_streams || groups[i].streaming;
    int rc = init_models(s, w, index, e);
    rc = rc == 0 ? init_serves(s, w, index, e) : rc;
    if (rc != 0)
        server_free(s);
    return rc;
}

void server_free(struct server *s)
{
    for (int i = 0; i < s->n_models; i++)
        for (int k = 0; k < 2; k++)
            batch_free(&s->models[i].engines[k].batch);
    s->n_models = 0;
}
