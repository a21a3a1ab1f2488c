/* world.c - see world.h. */
#include "sim/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sched/choice.h"
#include "sim/air.h"
#include "sim/cell.h"
#include "sim/edge.h"
#include "sim/handover.h"
#include "sim/router.h"
#include "sim/server.h"
#include "sim/slice_control.h"
#include "sim/ue.h"

/* --- Requests --------------------------------------------------------------------------------- */

uint32_t world_request_born(struct world *w)
{
    uint32_t handle = pool_take(&w->requests);
    if (handle == POOL_NONE)
        return POOL_NONE;
    struct request *r = world_request(w, handle);
    r->born = world_now(w);
    r->server_start = r->first_token = r->last_token = NS_NEVER;
    r->ue_first_byte = r->done = r->queued_since = NS_NEVER;
    r->ul_bler = NAN;
    for (int i = 0; i < STAGE_COUNT; i++)
        r->at[i].in = r->at[i].out = NS_NEVER;
    world_request_list(w, handle);
    w->arrived++;
    return handle;
}

void world_request_list(struct world *w, uint32_t handle)
{
    struct request *r = world_request(w, handle);
    r->live_prev = w->live_tail;
    r->live_next = POOL_NONE;
    if (w->live_tail != POOL_NONE)
        world_request(w, w->live_tail)->live_next = handle;
    else
        w->live_head = handle;
    w->live_tail = handle;
}

void world_request_unlist(struct world *w, uint32_t handle)
{
    const struct request *r = world_request(w, handle);
    if (r->live_prev != POOL_NONE)
        world_request(w, r->live_prev)->live_next = r->live_next;
    else
        w->live_head = r->live_next;
    if (r->live_next != POOL_NONE)
        world_request(w, r->live_next)->live_prev = r->live_prev;
    else
        w->live_tail = r->live_prev;
}

void world_request_done(struct world *w, uint32_t handle, const char *failure)
{
    struct request *r = world_request(w, handle);
    r->done = world_now(w);
    r->status = failure == NULL ? REQUEST_COMPLETED : REQUEST_FAILED;
    r->failure = failure;
    if (failure == NULL)
        w->completed++;
    else
        w->failed++;
    world_request_rows(w, r);
    world_request_unlist(w, handle);
    ue_request_done(&w->ues[r->ue], r);
    if (w->tcp == NULL || tcp_close(w->tcp, handle))
        pool_give(&w->requests, handle);
}

static int64_t stamp(int64_t ns)
{
    return ns == NS_NEVER ? RECORD_NO_INT : ns;
}

static double span_ms(int64_t from, int64_t to)
{
    return from == NS_NEVER || to == NS_NEVER ? NAN : ms_of_ns(to - from);
}

static void note(struct world *w, int rc)
{
    if (rc != 0 && w->sink_error == 0)
        w->sink_error = rc;
}

static void write_request(struct world *w, const struct request *r, const char *tx, const char *rx,
                          const char *resolution)
{
    static const char *const status[] = {"in_flight", "completed", "failed"};
    const struct ue *ue = &w->ues[r->ue];
    const struct server *server = r->server != ROUTER_LATER ? w->servers[r->server] : NULL;
    const struct server_model *model = server != NULL ? server_model_of(server, ue->group) : NULL;
    const struct request_stamps *at = r->at;
    struct request_record row = {.request_id = (int64_t)r->id,
                                 .ue_id = r->ue,
                                 .ue_group = ue->group->id,
                                 .cell = r->cell >= 0 ? w->cells[r->cell]->id : NULL,
                                 .slice_id = r->slice >= 0 ? w->slices.slices[r->slice].id : NULL,
                                 .server = server != NULL ? server->id : NULL,
                                 .llm_model = model != NULL ? model->id : NULL,
                                 .llm_parameters = model != NULL ? model->card.parameters : NAN,
                                 .mode = r->mode == MODE_IMAGE ? "image_request" : "text_request",
                                 .resolution = resolution,
                                 .tx_image = tx,
                                 .rx_image = rx,
                                 .expected_words =
                                     r->expected_words > 0 ? r->expected_words : RECORD_NO_INT,
                                 .status = status[r->status],
                                 .failure = r->failure,
                                 .uplink_bytes = r->uplink_bytes,
                                 .downlink_bytes = r->downlink_bytes,
                                 .input_tokens = r->input_tokens,
                                 .output_tokens = r->output_tokens,
                                 .born_ns = r->born,
                                 .ue_tx_in_ns = stamp(at[STAGE_UE_TX].in),
                                 .ue_tx_out_ns = stamp(at[STAGE_UE_TX].out),
                                 .radio_ul_in_ns = stamp(at[STAGE_RADIO_UL].in),
                                 .radio_ul_out_ns = stamp(at[STAGE_RADIO_UL].out),
                                 .transport_ul_in_ns = stamp(at[STAGE_TRANSPORT_UL].in),
                                 .transport_ul_out_ns = stamp(at[STAGE_TRANSPORT_UL].out),
                                 .core_ul_in_ns = stamp(at[STAGE_CORE_UL].in),
                                 .core_ul_out_ns = stamp(at[STAGE_CORE_UL].out),
                                 .server_in_ns = stamp(at[STAGE_SERVER].in),
                                 .server_start_ns = stamp(r->server_start),
                                 .first_token_ns = stamp(r->first_token),
                                 .last_token_ns = stamp(r->last_token),
                                 .server_out_ns = stamp(at[STAGE_SERVER].out),
                                 .core_dl_in_ns = stamp(at[STAGE_CORE_DL].in),
                                 .core_dl_out_ns = stamp(at[STAGE_CORE_DL].out),
                                 .transport_dl_in_ns = stamp(at[STAGE_TRANSPORT_DL].in),
                                 .transport_dl_out_ns = stamp(at[STAGE_TRANSPORT_DL].out),
                                 .radio_dl_in_ns = stamp(at[STAGE_RADIO_DL].in),
                                 .radio_dl_out_ns = stamp(at[STAGE_RADIO_DL].out),
                                 .ue_first_byte_ns = stamp(r->ue_first_byte),
                                 .done_ns = stamp(r->done),
                                 .queue_ns = r->queue_ns,
                                 .preemptions = r->preemptions,
                                 .ul_sched_bytes = r->cell >= 0 ? r->ul_sched_bytes : RECORD_NO_INT,
                                 .ul_sched_prb = r->cell >= 0 ? r->ul_sched_prb : RECORD_NO_INT,
                                 .ul_blocks = r->cell >= 0 ? r->ul_blocks : RECORD_NO_INT,
                                 .ul_bler = r->ul_bler};
    note(w, w->sink->request(w->sink->self, &row));
}

static void write_ue(struct world *w, const struct request *r, const char *tx, const char *rx)
{
    const struct ue *ue = &w->ues[r->ue];
    const struct server *server = w->servers[r->server];
    double up = span_ms(r->at[STAGE_RADIO_UL].in, r->at[STAGE_RADIO_UL].out);
    double down = span_ms(r->at[STAGE_RADIO_DL].in, r->at[STAGE_RADIO_DL].out);
    struct ue_record row = {
        .request_id = (int64_t)r->id,
        .timestamp_ms = RECORD_EPOCH_MS + r->born / NS_PER_MS,
        .wireless_comm_time_ms = up + down,
        .total_comm_time_ms = span_ms(r->born, r->done),
        .tx_image_resolution = tx,
        .rx_image_resolution = rx,
        .expected_word_count = r->expected_words > 0 ? r->expected_words : RECORD_NO_INT,
        .actual_word_count = r->actual_words > 0 ? r->actual_words : RECORD_NO_INT,
        .llm_model = server_model_of(server, ue->group)->id,
        .request_mode = r->mode == MODE_IMAGE ? "image_request" : "text_request",
        .upload_periodicity_ms =
            ue->group->traffic.index == TRAFFIC_WILLM_CLIENT
                ? llround(((const struct traffic_willm *)ue->group->traffic.options)->period_s *
                          1e3)
                : 0,
        .uplink_time_ms = span_ms(r->born, r->at[STAGE_SERVER].in),
        .downlink_time_ms = span_ms(r->last_token, r->done),
        .downlink_text_bytes = r->text_bytes,
        .uplink_bytes = r->uplink_bytes,
        .downlink_bytes = r->downlink_bytes};
    note(w, w->sink->ue(w->sink->self, &row));
}

static void write_server(struct world *w, const struct request *r)
{
    const struct server *server = w->servers[r->server];
    struct server_record row = {
        .request_id = (int64_t)r->id,
        .server = server->id,
        .timestamp_ms = RECORD_EPOCH_MS + r->at[STAGE_SERVER].in / NS_PER_MS,
        .llm_inference_time_ms = span_ms(r->server_start, r->last_token),
        .server_processing_time_ms = span_ms(r->at[STAGE_SERVER].in, r->at[STAGE_SERVER].out),
        .input_tokens = r->input_tokens,
        .output_tokens = r->output_tokens,
        .cold_start_time_ms = ms_of_ns(r->load_ns),
        .warm_start_time_ms = ms_of_ns(r->warm_load_ns),
        .bleu_score = NAN,
        .rouge_score = NAN,
        .semantic_score = NAN,
        .gpu_utilization_pct = r->gpu_utilization_pct,
        .vram_usage_mib = r->gpu_memory_bytes / (1024.0 * 1024.0)};
    note(w, w->sink->server(w->sink->self, &row));
}

void world_request_rows(struct world *w, const struct request *r)
{
    if (w->sink == NULL || !w->scenario->output.requests)
        return;
    char tx[32];
    char rx[32];
    char resolution[16];
    const char *tx_text = NULL; /* most traces have no images */
    const char *rx_text = NULL;
    const char *resolution_text = NULL;
    if (r->tx_width > 0) {
        snprintf(tx, sizeof tx, "%dx%d", r->tx_width, r->tx_height);
        tx_text = tx;
    }
    if (r->rx_width > 0) {
        snprintf(rx, sizeof rx, "%dx%d", r->rx_width, r->rx_height);
        rx_text = rx;
    }
    if (r->resolution > 0) {
        snprintf(resolution, sizeof resolution, "R%d", r->resolution);
        resolution_text = resolution;
    }
    if (w->sink->request != NULL)
        write_request(w, r, tx_text, rx_text, resolution_text);
    if (r->status != REQUEST_COMPLETED)
        return;
    if (w->sink->ue != NULL)
        write_ue(w, r, tx_text, rx_text);
    if (w->sink->server != NULL)
        write_server(w, r);
}

int world_slice_of(const struct world *w, uint32_t ue, uint32_t group, int64_t t_ns)
{
    const struct world_group *g = &w->groups[group];
    if (g->choice != NULL)
        return g->arms[w->ues[ue].arm];
    if (g->n_cycle == 0)
        return g->slice;
    return g->cycle[t_ns / g->cycle_ns % g->n_cycle];
}

/* --- Building --------------------------------------------------------------------------------- */

static int make_slices(struct world *w, struct err *e)
{
    int rc = slice_control_tree(w->scenario, &w->arena, &w->slices, e);
    if (rc != 0 || !slice_control_wanted(w->scenario))
        return rc;
    w->control = arena_alloc(&w->arena, sizeof *w->control);
    return w->control == NULL ? err_memory(e, "the slices' changes")
                              : slice_control_init(w->control, w, e);
}

/* What the phones of a group choose among, if they do. */
static int make_choice(struct world *w, size_t index, struct err *e)
{
    const struct scenario_ues *group =
        &((const struct scenario_ues *)w->scenario->ues.items)[index];
    struct world_group *g = &w->groups[index];
    const char *const *ids = group->slice_arms.items;
    if (group->slice_choice.word == NULL)
        return 0;
    g->choice = choice_policies[group->slice_choice.index];
    g->arm = w->forced_arms != NULL ? w->forced_arms[index] : -1;
    g->n_arms = (int)group->slice_arms.n;
    g->arms = arena_array(&w->arena, group->slice_arms.n, sizeof *g->arms);
    if (g->arms == NULL)
        return err_memory(e, "the slices that phones choose among");
    for (int k = 0; k < g->n_arms; k++)
        g->arms[k] = scenario_slice_index(w->scenario, ids[k]);
    return 0;
}

static int make_groups(struct world *w, struct err *e)
{
    const struct scenario *sc = w->scenario;
    const struct scenario_ues *groups = sc->ues.items;
    w->groups = arena_array(&w->arena, sc->ues.n > 0 ? sc->ues.n : 1, sizeof *w->groups);
    if (w->groups == NULL)
        return err_memory(e, "the UE groups");
    for (size_t i = 0; i < sc->ues.n; i++) {
        struct world_group *g = &w->groups[i];
        const char *const *ids = groups[i].slice_cycle.items;
        g->slice = scenario_slice_index(sc, groups[i].slice);
        if (!groups[i].native_slicing && sc->transport != NULL)
            g->tunnel_bytes = sc->transport->tunnel_header_bytes;
        int rc = make_choice(w, i, e);
        if (rc != 0)
            return rc;
        g->n_cycle = (int64_t)groups[i].slice_cycle.n;
        g->cycle_ns = ns_of_s(groups[i].slice_cycle_s);
        if (g->n_cycle == 0)
            continue;
        g->cycle = arena_array(&w->arena, groups[i].slice_cycle.n, sizeof *g->cycle);
        if (g->cycle == NULL)
            return err_memory(e, "a slice cycle");
        for (size_t k = 0; k < groups[i].slice_cycle.n; k++)
            g->cycle[k] = scenario_slice_index(sc, ids[k]);
    }
    return 0;
}

static int index_of_cell(const struct scenario *sc, const char *id)
{
    const struct scenario_cell *cells = sc->cells.items;
    for (size_t i = 0; i < sc->cells.n; i++)
        if (strcmp(cells[i].id, id) == 0)
            return (int)i;
    return -1;
}

static int index_of_server(const struct scenario *sc, const char *id)
{
    const struct scenario_server *servers = sc->servers.items;
    for (size_t i = 0; i < sc->servers.n; i++)
        if (strcmp(servers[i].id, id) == 0)
            return (int)i;
    return -1;
}

static int make_ues(struct world *w, uint32_t *next_id, struct err *e)
{
    const struct scenario *sc = w->scenario;
    const struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n; i++)
        w->n_ues += (uint32_t)groups[i].count;
    w->ues = arena_lines(&w->arena, w->n_ues, sizeof *w->ues);
    if (w->ues == NULL)
        return err_memory(e, "the UEs");
    uint32_t index = 0;
    for (size_t i = 0; i < sc->ues.n; i++) {
        bool any_server = strcmp(groups[i].server, "*") == 0;
        bool any_cell = strcmp(groups[i].cell, "*") == 0;
        for (uint32_t k = 0; k < groups[i].count; k++, index++) {
            struct ue *ue = &w->ues[index];
            ue->index = index;
            ue->group_index = (uint32_t)i;
            ue->member = k;
            ue->group = &groups[i];
            if (w->groups[i].choice != NULL) {
                ue->learnt = arena_array(&w->arena, groups[i].slice_arms.n, sizeof *ue->learnt);
                if (ue->learnt == NULL)
                    return err_memory(e, "what phones learn");
            }
            ue->cell = -1;
            if (sc->radio != NULL)
                ue->cell = any_cell ? (int)(k % sc->cells.n) : index_of_cell(sc, groups[i].cell);
            ue->server = any_server ? router_in_turn(sc, &groups[i], k)
                                    : (uint32_t)index_of_server(sc, groups[i].server);
            ue_init(ue, w, (*next_id)++);
        }
    }
    return 0;
}

/* Channels that follow from geometry; UEs that may be in any cell begin in the strongest. */
static int make_air(struct world *w, struct err *e)
{
    const struct scenario *sc = w->scenario;
    const struct scenario_ues *groups = sc->ues.items;
    if (sc->radio->channel.word == NULL) {
        for (size_t i = 0; i < sc->ues.n; i++) {
            char place[48];
            snprintf(place, sizeof place, "ues[%zu].mobility.kind", i);
            if (groups[i].mobility.index != MOBILITY_STATIC)
                return err_input(e, sc->file, place,
                                 "nothing hangs on where the phones are; add radio.channel");
        }
        return 0;
    }
    w->air = arena_alloc(&w->arena, sizeof *w->air);
    int rc = w->air == NULL ? err_memory(e, "the air") : air_init(w->air, w, e);
    for (uint32_t i = 0; rc == 0 && i < w->n_ues; i++)
        if (strcmp(w->ues[i].group->cell, "*") == 0)
            w->ues[i].cell = air_strongest(w->air, i, 0);
    return rc;
}

static int make_handover(struct world *w, uint32_t *next_id, struct err *e)
{
    if (!handover_wanted(w))
        return 0;
    w->handover = arena_alloc(&w->arena, sizeof *w->handover);
    return w->handover == NULL ? err_memory(e, "handover")
                               : handover_init(w->handover, w, (*next_id)++, e);
}

static int make_cells(struct world *w, struct err *e)
{
    const struct scenario *sc = w->scenario;
    if (sc->radio == NULL)
        return 0;
    int rc = cell_common_init(&w->cell_common, sc, &w->arena, e);
    rc = rc == 0 ? make_air(w, e) : rc;
    if (rc == 0 && cell_work_init(&w->cell_work, &w->cell_common, &w->slices, 0) != 0)
        rc = err_memory(e, "the work of the cells");
    if (rc != 0)
        return rc;
    w->cells = arena_array(&w->arena, sc->cells.n, sizeof *w->cells);
    struct cell *all = arena_lines(&w->arena, sc->cells.n, sizeof *all);
    w->radios = arena_lines(&w->arena, w->n_ues, sizeof *w->radios);
    if (w->cells == NULL || all == NULL || w->radios == NULL)
        return err_memory(e, "the cells");
    for (uint32_t k = 0; k < w->n_ues; k++)
        radio_init(&w->radios[k], &w->cell_common, w->seed, k, w->ues[k].group_index);
    uint32_t samplers = (1u << 24) - (uint32_t)sc->cells.n;
    for (int i = 0; i < (int)sc->cells.n; i++) {
        w->cells[i] = &all[i];
        rc = cell_init(&all[i], w, &w->cell_common, (uint32_t)i, samplers + (uint32_t)i, i, e);
        if (rc != 0)
            return rc;
        w->n_cells = i + 1;
    }
    for (uint32_t k = 0; k < w->n_ues; k++) {
        if (cell_join(w->cells[w->ues[k].cell], &w->radios[k]) != 0)
            return err_memory(e, "the UEs of a cell");
        cell_attach(&w->radios[k]);
    }
    return 0;
}

static int make_links(struct world *w, uint32_t *next_id, struct err *e)
{
    const struct scenario *sc = w->scenario;
    const struct scenario_transport *t = sc->transport;
    int64_t headers = t != NULL ? transport_header_bytes(t) : 0;
    int64_t payload = t != NULL ? t->mtu_bytes - headers : 1460;
    int64_t gtpu = sc->core != NULL ? sc->core->gtpu_header_bytes : 0;
    if (pool_init(&w->chunks, link_chunk_bytes, 64) != 0)
        return err_memory(e, "the links");
    if (t != NULL) {
        w->n_links = sc->cells.n > 0 ? (int)sc->cells.n : 1;
        w->links_ul = arena_lines(&w->arena, (size_t)w->n_links, sizeof *w->links_ul);
        w->links_dl = arena_lines(&w->arena, (size_t)w->n_links, sizeof *w->links_dl);
        if (w->links_ul == NULL || w->links_dl == NULL)
            return err_memory(e, "the links");
        w->transport_rule = link_rule_of(t->rate_mbps, t->delay_ms * 1e6, payload, headers + gtpu);
        for (int i = 0; i < w->n_links; i++) {
            link_init(&w->links_ul[i], w, (*next_id)++, &w->transport_rule);
            link_init(&w->links_dl[i], w, (*next_id)++, &w->transport_rule);
        }
    }
    if (sc->core != NULL) {
        struct link *both = arena_lines(&w->arena, 2, sizeof *both);
        if (both == NULL)
            return err_memory(e, "the core");
        w->core_rule = link_rule_of(sc->core->upf_rate_mbps, sc->core->upf_delay_us * 1e3, payload,
                                    headers + gtpu);
        w->core_ul = &both[0];
        w->core_dl = &both[1];
        link_init(w->core_ul, w, (*next_id)++, &w->core_rule);
        link_init(w->core_dl, w, (*next_id)++, &w->core_rule);
    }
    return 0;
}

static int make_servers(struct world *w, uint32_t *next_id, struct err *e)
{
    const struct scenario *sc = w->scenario;
    w->servers = arena_array(&w->arena, sc->servers.n, sizeof *w->servers);
    struct server *all = arena_lines(&w->arena, sc->servers.n, sizeof *all);
    if (w->servers == NULL || all == NULL)
        return err_memory(e, "the servers");
    for (int i = 0; i < (int)sc->servers.n; i++) {
        w->servers[i] = &all[i];
        int rc = server_init(&all[i], w, (*next_id)++, i, e);
        if (rc != 0)
            return rc;
        w->n_servers = i + 1;
    }
    return 0;
}

static int make_tcp(struct world *w, uint32_t *next_id, struct err *e)
{
    const struct scenario_transport *t = w->scenario->transport;
    if (t == NULL || t->protocol != TRANSPORT_TCP)
        return 0;
    w->tcp = arena_alloc(&w->arena, sizeof *w->tcp);
    if (w->tcp == NULL || tcp_init(w->tcp, w, (*next_id)++) != 0)
        return err_memory(e, "the connections");
    return 0;
}

static int make_edge(struct world *w, uint32_t *next_id, struct err *e)
{
    if (w->scenario->edge == NULL)
        return 0;
    w->edge = arena_alloc(&w->arena, sizeof *w->edge);
    return w->edge == NULL ? err_memory(e, "the edge nodes")
                           : edge_init(w->edge, w, (*next_id)++, e);
}

int world_make(struct world *w, const struct scenario *sc, const struct run_options *options,
               struct err *e)
{
    memset(w, 0, sizeof *w);
    w->scenario = sc;
    w->seed = options->seed;
    w->sink = options->sink;
    w->traces = options->traces;
    w->forced_arms = options->arms;
    w->live_head = w->live_tail = POOL_NONE;
    w->end_ns = ns_of_s(sc->duration_s);
    w->engine = engine_new(1024);
    if (w->engine == NULL || pool_init(&w->requests, sizeof(struct request), 256) != 0) {
        world_free(w);
        return err_memory(e, "the world");
    }
    /* Entity ids order events at one instant: cells first (0, 1, ...), so that a slot that begins
     * now is visited before what arrives now, which waits for a later slot whether or not this one
     * is visited; samplers last, so that a record shows the instant's end. */
    uint32_t next_id = (uint32_t)sc->cells.n;
    int rc = make_slices(w, e);
    if (rc == 0)
        rc = make_groups(w, e);
    if (rc == 0)
        rc = make_ues(w, &next_id, e);
    if (rc == 0)
        rc = make_cells(w, e);
    if (rc == 0)
        rc = make_links(w, &next_id, e);
    if (rc == 0)
        rc = make_servers(w, &next_id, e);
    if (rc == 0)
        rc = make_tcp(w, &next_id, e);
    if (rc == 0)
        rc = make_edge(w, &next_id, e);
    if (rc == 0)
        rc = make_handover(w, &next_id, e);
    if (rc == 0 && w->control != NULL)
        w->control->entity.id = next_id++;
    if (rc != 0)
        world_free(w);
    return rc;
}

void world_free(struct world *w)
{
    for (int i = 0; i < w->n_cells; i++)
        cell_free(w->cells[i]);
    for (uint32_t i = 0; w->radios != NULL && i < w->n_ues; i++)
        radio_free(&w->radios[i]);
    cell_work_free(&w->cell_work, &w->cell_common);
    cell_common_free(&w->cell_common);
    if (w->control != NULL)
        slice_control_free(w->control);
    if (w->edge != NULL)
        edge_free(w->edge);
    pool_free(&w->chunks);
    for (int i = 0; i < w->n_servers; i++)
        server_free(w->servers[i]);
    if (w->tcp != NULL)
        tcp_free(w->tcp);
    pool_free(&w->requests);
    engine_free(w->engine);
    arena_free(&w->arena);
    memset(w, 0, sizeof *w);
}
