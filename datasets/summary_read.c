/* summary_read.c - the tables of a store as arrays. */
#include "datasets/summary_read.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

const char *const reading_quantity_words[] = {"e2e",   "uplink",    "downlink", "inference",
                                              "queue", "transport", "ttft",     "ue_ttft",
                                              "tpot",  "larei",     "lseq",     NULL};

static int read_failed(struct reading *r)
{
    return err_work(r->err, r->path, NULL, "cannot be read: %s", sqlite3_errmsg(r->db));
}

int reading_no_memory(struct reading *r)
{
    return err_memory(r->err, "summing up a store");
}

/* Enlarges an array to `items` items; false: no memory. */
static bool array_grow(void **array, size_t items, size_t bytes)
{
    void *grown = realloc(*array, items * bytes);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    return true;
}

#define ARRAY_GROW(array, items) array_grow((void **)&(array), items, sizeof *(array))

/* --- Keys ------------------------------------------------------------------------------------- */

/* The number of a key (made when it is new), -1 for none, -2 when memory ran out. */
static int32_t keys_number(struct keys *k, const char *text, struct arena *a)
{
    if (text == NULL || text[0] == '\0') {
        return -1;
    }
    int32_t low = 0, high = k->n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = strverscmp(text, k->sorted[middle].text); /* R2 before R10 */
        if (order == 0) {
            return k->sorted[middle].number;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if ((size_t)k->n == k->room) {
        size_t more = k->room == 0 ? 16 : 2 * k->room;
        if (!ARRAY_GROW(k->sorted, more)) {
            return -2;
        }
        k->room = more;
    }
    char *copy = arena_strdup(a, text);
    if (copy == NULL) {
        return -2;
    }
    memmove(&k->sorted[low + 1], &k->sorted[low], (size_t)(k->n - low) * sizeof *k->sorted);
    k->sorted[low] = (struct key){copy, k->n};
    return k->n++;
}

static int32_t slice_number(struct reading *r, const char *id)
{
    int32_t number = keys_number(&r->keys[BY_SLICE], id, r->arena);
    if (number >= 0 && (size_t)number >= r->slices_room) {
        size_t more = r->slices_room == 0 ? 16 : 2 * r->slices_room;
        if (!ARRAY_GROW(r->slices, more)) {
            return -2;
        }
        memset(r->slices + r->slices_room, 0, (more - r->slices_room) * sizeof *r->slices);
        r->slices_room = more;
    }
    return number;
}

/* --- Radio ------------------------------------------------------------------------------------ */

double reading_ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

double reading_bler(const struct radio_sums *sums)
{
    return reading_ratio(sums->block_errors, sums->blocks + sums->blocks_retx);
}

/* One row of the SELECT below: the sums of a slice (or of all: NULL) in one direction. */
static int radio_add(struct reading *r, sqlite3_stmt *row)
{
    const char *direction = (const char *)sqlite3_column_text(row, 1);
    int d = direction != NULL && strcmp(direction, "dl") == 0 ? DL : UL;
    int32_t slice = slice_number(r, (const char *)sqlite3_column_text(row, 0));
    if (slice == -2) {
        return reading_no_memory(r);
    }
    double v[11];
    for (int i = 0; i < 11; i++) {
        v[i] = sqlite3_column_double(row, 2 + i);
    }
    *(slice < 0 ? &r->radio[d] : &r->slices[slice].radio[d]) =
        (struct radio_sums){v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
    return 0;
}

int reading_radio(struct reading *r)
{
    char sql[1280];
    snprintf(sql, sizeof sql,
             "SELECT slice_id, direction, sum(opportunities), sum(prb_available), sum(prb_used), "
             "sum(blocks), sum(blocks_retx), sum(block_errors), sum(bytes_scheduled), "
             "sum(bytes_retx), sum(bytes_payload), sum(bytes_padding), sum(mcs_sum) "
             "FROM cells%s GROUP BY slice_id, direction ORDER BY slice_id, direction",
             r->where);
    sqlite3_stmt *row = NULL;
    int code = 0;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &row, NULL);
    if (rc == SQLITE_OK) {
        while (code == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
            code = radio_add(r, row);
        }
    }
    sqlite3_finalize(row);
    return code != 0 ? code : rc == SQLITE_DONE ? 0 : read_failed(r);
}

int reading_gap(struct reading *r, double *gap)
{
    /* A decision has a row per slice. */
    char sql[1024];
    snprintf(sql, sizeof sql,
             "SELECT avg(gap) FROM (SELECT DISTINCT run_id, time_ns, age_ns, cell, direction, gap "
             "FROM slice_decisions%s)",
             r->where);
    sqlite3_stmt *row = NULL;
    *gap = NAN;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &row, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(row) : rc;
    if (rc == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL) {
        *gap = sqlite3_column_double(row, 0);
    }
    sqlite3_finalize(row);
    return rc == SQLITE_ROW ? 0 : read_failed(r);
}

/* --- Requests --------------------------------------------------------------------------------- */

/* Columns of the reading's SELECT. */
#define REQUEST_COLUMNS(X)                                                                         \
    X(status)                                                                                      \
    X(slice_id)                                                                                    \
    X(born_ns)                                                                                     \
    X(server_in_ns)                                                                                \
    X(first_token_ns)                                                                              \
    X(last_token_ns)                                                                               \
    X(done_ns)                                                                                     \
    X(ue_first_byte_ns)                                                                            \
    X(queue_ns)                                                                                    \
    X(transport_ul_in_ns)                                                                          \
    X(transport_ul_out_ns)                                                                         \
    X(core_ul_in_ns)                                                                               \
    X(core_ul_out_ns)                                                                              \
    X(core_dl_in_ns)                                                                               \
    X(core_dl_out_ns)                                                                              \
    X(transport_dl_in_ns)                                                                          \
    X(transport_dl_out_ns)                                                                         \
    X(output_tokens)                                                                               \
    X(uplink_bytes)                                                                                \
    X(llm_parameters)                                                                              \
    X(ul_sched_bytes)                                                                              \
    X(ul_sched_prb)                                                                                \
    X(ul_bler)

enum request_column {
#define COLUMN_ENUM(name) C_##name,
    REQUEST_COLUMNS(COLUMN_ENUM) REQUEST_N_COLUMNS /* the choice of grouping comes behind */
};

static double column_double(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN
                                                           : sqlite3_column_double(row, column);
}

/* Milliseconds between two stamps; NAN when one is missing. */
static double column_ms(sqlite3_stmt *row, int from, int to)
{
    if (sqlite3_column_type(row, from) == SQLITE_NULL ||
        sqlite3_column_type(row, to) == SQLITE_NULL) {
        return NAN;
    }
    return ms_of_ns(sqlite3_column_int64(row, to) - sqlite3_column_int64(row, from));
}

/* Time on the links and in the core; NAN when the chain has neither. */
static double transport_ms(sqlite3_stmt *row)
{
    double sum = NAN;
    for (int from = C_transport_ul_in_ns; from < C_transport_dl_out_ns; from += 2) {
        double ms = column_ms(row, from, from + 1);
        if (!isnan(ms)) {
            sum = isnan(sum) ? ms : sum + ms;
        }
    }
    return sum;
}

static double log_of(double x, enum summary_log base)
{
    return base == SUMMARY_LOG2 ? log2(x) : base == SUMMARY_LOG10 ? log10(x) : log(x);
}

/* LAREI and LSEQ of a request (WiLLM paper, appendix G.1 and G.2); NAN where one is not defined:
 * no uplink grants, no model size, no block error rate. */
static void request_indices(const struct reading *r, sqlite3_stmt *row, int32_t slice,
                            double values[QUANTITIES])
{
    const struct summary_options *o = r->options;
    double volume = column_double(row, C_uplink_bytes);
    double billions = column_double(row, C_llm_parameters) / 1e9;
    double resources =
        column_double(row, o->resources == SUMMARY_PRB ? C_ul_sched_prb : C_ul_sched_bytes);
    double latency_s = values[Q_E2E] / 1e3;
    double error_rate = o->error_rate == SUMMARY_ERR_UE ? column_double(row, C_ul_bler)
                        : slice >= 0                    ? reading_bler(&r->slices[slice].radio[UL])
                                                        : reading_bler(&r->radio[UL]);
    values[Q_LAREI] =
        o->omega * reading_ratio(volume * log_of(1 + billions, o->log), resources * latency_s);
    values[Q_LSEQ] =
        o->delta * reading_ratio(volume * (1 - error_rate) * sqrt(billions), resources);
}

static bool values_grow(struct reading *r)
{
    size_t more = r->room == 0 ? 1024 : 2 * r->room;
    for (int q = 0; q < QUANTITIES; q++) {
        if (!ARRAY_GROW(r->values[q], more)) {
            return false;
        }
    }
    for (int d = 0; d < DIMENSIONS; d++) {
        if (!ARRAY_GROW(r->group[d], more)) {
            return false;
        }
    }
    r->room = more;
    return true;
}

static int request_add(struct reading *r, sqlite3_stmt *row, int32_t slice, int32_t choice)
{
    if (r->n == r->room && !values_grow(r)) {
        return reading_no_memory(r);
    }
    double v[QUANTITIES];
    double tokens = column_double(row, C_output_tokens);
    double decode_ms = column_ms(row, C_first_token_ns, C_last_token_ns);
    double queue_ns = column_double(row, C_queue_ns);
    v[Q_E2E] = column_ms(row, C_born_ns, C_done_ns);
    v[Q_UPLINK] = column_ms(row, C_born_ns, C_server_in_ns);
    v[Q_DOWNLINK] = column_ms(row, C_last_token_ns, C_done_ns);
    v[Q_INFERENCE] = column_ms(row, C_server_in_ns, C_last_token_ns);
    v[Q_QUEUE] = queue_ns / (double)NS_PER_MS;
    v[Q_TRANSPORT] = transport_ms(row);
    v[Q_TTFT] = column_ms(row, C_server_in_ns, C_first_token_ns);
    v[Q_UE_TTFT] = column_ms(row, C_born_ns, C_ue_first_byte_ns);
    v[Q_TPOT] = tokens >= 2 ? decode_ms / (tokens - 1) : NAN;
    request_indices(r, row, slice, v);
    for (int q = 0; q < QUANTITIES; q++) {
        r->values[q][r->n] = v[q];
    }
    r->group[BY_SLICE][r->n] = slice;
    r->group[BY_CHOICE][r->n] = choice;
    r->output_tokens += isnan(tokens) ? 0 : tokens;
    r->n++;
    return 0;
}

/* One row of the SELECT. */
static int request_read(struct reading *r, sqlite3_stmt *row)
{
    int32_t slice = slice_number(r, (const char *)sqlite3_column_text(row, C_slice_id));
    if (slice == -2) {
        return reading_no_memory(r);
    }
    if (slice >= 0) {
        r->slices[slice].requests++;
    }
    const char *status = (const char *)sqlite3_column_text(row, C_status);
    r->rows++;
    if (status == NULL || strcmp(status, "completed") != 0) {
        bool failed = status != NULL && strcmp(status, "failed") == 0;
        r->failed += failed;
        r->in_flight += !failed;
        return 0;
    }
    r->completed++;
    const char *key = (const char *)sqlite3_column_text(row, REQUEST_N_COLUMNS);
    int32_t choice = keys_number(&r->keys[BY_CHOICE], key, r->arena);
    return choice == -2 ? reading_no_memory(r) : request_add(r, row, slice, choice);
}

const char *reading_choice_sql(enum summary_by by)
{
    switch (by) {
    case SUMMARY_BY_SLICE:
        return "slice_id";
    case SUMMARY_BY_MODEL:
        return "llm_model";
    case SUMMARY_BY_SCENARIO:
        return "(SELECT scenario FROM runs WHERE runs.run_id = requests.run_id)";
    case SUMMARY_BY_RESOLUTION:
        return "resolution";
    case SUMMARY_BY_MODE:
        return "mode";
    case SUMMARY_BY_ALL:
        break;
    }
    return "'all'";
}

int reading_requests(struct reading *r, const char *choice)
{
    char sql[2048], of_mode[2 * SUMMARY_PATTERN_MAX + 16] = "";
    if (r->options->mode != NULL) {
        sqlite3_snprintf(sizeof of_mode, of_mode, " %s mode = %Q",
                         r->where[0] == '\0' ? "WHERE" : "AND", r->options->mode);
    }
#define COLUMN_SQL(name) #name ", "
    snprintf(
        sql, sizeof sql,
        "SELECT " REQUEST_COLUMNS(COLUMN_SQL) "%s FROM requests%s%s ORDER BY run_id, request_id",
        choice, r->where, of_mode);
    sqlite3_stmt *row = NULL;
    int code = 0;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &row, NULL);
    if (rc == SQLITE_OK) {
        while (code == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
            code = request_read(r, row);
        }
    }
    sqlite3_finalize(row);
    if (code == 0 && rc != SQLITE_DONE) {
        code = read_failed(r);
    }
    if (code == 0 && r->n > 0 &&
        (!ARRAY_GROW(r->scratch, 2 * r->n) || !ARRAY_GROW(r->order, r->n))) {
        code = reading_no_memory(r);
    }
    return code;
}

/* --- Runs and GPUs ---------------------------------------------------------------------------- */

/* A run that was killed has no totals; its time is then that of its last completed request. */
int reading_runs(struct reading *r, struct reading_runs *runs)
{
    char sql[2048];
    snprintf(sql, sizeof sql,
             "SELECT count(*), sum(complete = 0), min(seed), total(events), total(slots_visited), "
             "total(arrived), total(completed), total(failed), total(in_flight), "
             "total(coalesce(sim_ns, (SELECT max(done_ns) FROM requests q WHERE q.run_id = "
             "runs.run_id))) / 1e9, sum(wall_s), count(*) = count(sim_ns), "
             "group_concat(DISTINCT scenario), min(version) "
             "FROM (SELECT * FROM runs%s ORDER BY run_id) runs",
             r->where);
    *runs = (struct reading_runs){0};
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &row, NULL);
    if (rc != SQLITE_OK || sqlite3_step(row) != SQLITE_ROW) {
        sqlite3_finalize(row);
        return read_failed(r);
    }
    int64_t *const integers[] = {&runs->n,         &runs->incomplete,    &runs->seed,
                                 &runs->events,    &runs->slots_visited, &runs->arrived,
                                 &runs->completed, &runs->failed,        &runs->in_flight};
    int column = 0;
    for (; column < (int)(sizeof integers / sizeof integers[0]); column++) {
        *integers[column] = sqlite3_column_int64(row, column);
    }
    runs->sim_s = sqlite3_column_double(row, column++);
    runs->wall_s = column_double(row, column++);
    runs->has_totals = sqlite3_column_int(row, column++) != 0;
    const char *scenario = (const char *)sqlite3_column_text(row, column++);
    const char *version = (const char *)sqlite3_column_text(row, column++);
    runs->scenario = arena_strdup(r->arena, scenario != NULL ? scenario : "");
    runs->version = arena_strdup(r->arena, version != NULL ? version : "");
    sqlite3_finalize(row);
    if (runs->scenario == NULL || runs->version == NULL) {
        return reading_no_memory(r);
    }
    if (runs->n == 0 && r->options->run_id != 0) {
        return err_input(r->err, r->path, "runs", "no run %" PRId64, r->options->run_id);
    }
    return 0;
}

static const char *text_keep(struct reading *r, sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return arena_strdup(r->arena, text != NULL ? text : "");
}

/* A row is one model of one server, over all runs. */
static int gpu_model_read(struct reading *r, sqlite3_stmt *row, struct summary_gpu_model *m)
{
    m->model = text_keep(r, row, 2);
    double *const sums[] = {&m->busy_ns, &m->span_ns, &m->batch_sum, &m->steps};
    for (int i = 0; i < 4; i++) {
        *sums[i] = sqlite3_column_double(row, 3 + i);
    }
    int64_t *const counts[] = {&m->kv_pool_bytes,     &m->kv_peak_bytes, &m->preemptions,
                               &m->refused,           &m->cold_loads,    &m->warm_loads,
                               &m->evictions,         &m->expiries,      &m->memory_bytes,
                               &m->memory_peak_bytes, &m->swapped_bytes, &m->prefix_hit_tokens,
                               &m->dropped_tokens};
    for (int i = 0; i < 13; i++) {
        *counts[i] = sqlite3_column_int64(row, 7 + i);
    }
    m->load_s = sqlite3_column_double(row, 20) / 1e9;
    m->utilization = reading_ratio(m->busy_ns, m->span_ns);
    return m->model == NULL ? reading_no_memory(r) : 0;
}

/* Puts a model's counts to those of its server. The models share the GPU: their busy times add up,
 * the time of the run does not. */
static int gpu_add(struct reading *r, struct summary_gpu *gpu, const struct summary_gpu_model *m)
{
    if (gpu->n_models == 0) {
        gpu->model = m->model;
    } else {
        size_t bytes = strlen(gpu->model) + 1 + strlen(m->model) + 1;
        char *names = arena_alloc(r->arena, bytes);
        if (names == NULL) {
            return reading_no_memory(r);
        }
        snprintf(names, bytes, "%s,%s", gpu->model, m->model);
        gpu->model = names;
    }
    double batch_sum = m->batch_sum;
    double steps = m->steps;
    for (size_t i = 0; i < gpu->n_models; i++) {
        batch_sum += gpu->models[i].batch_sum;
        steps += gpu->models[i].steps;
    }
    gpu->n_models++;
    gpu->utilization += m->utilization;
    gpu->mean_batch = reading_ratio(batch_sum, steps);
    gpu->kv_pool_bytes += m->kv_pool_bytes;
    gpu->kv_peak_bytes += m->kv_peak_bytes;
    gpu->preemptions += m->preemptions;
    gpu->refused += m->refused;
    gpu->memory_bytes = m->memory_bytes;
    gpu->memory_peak_bytes = m->memory_peak_bytes;
    return 0;
}

/* Rows come by server, and within one by model: *models has room for all. */
static int gpu_read(struct reading *r, sqlite3_stmt *row, struct summary_gpu_model *model,
                    struct summary_gpu *gpus, size_t *n)
{
    const char *id = text_keep(r, row, 0);
    const char *name = text_keep(r, row, 1);
    if (id == NULL || name == NULL) {
        return reading_no_memory(r);
    }
    if (*n == 0 || strcmp(gpus[*n - 1].id, id) != 0) {
        gpus[(*n)++] = (struct summary_gpu){.id = id, .gpu = name, .models = model};
    }
    int code = gpu_model_read(r, row, model);
    return code != 0 ? code : gpu_add(r, &gpus[*n - 1], model);
}

int reading_gpus(struct reading *r, struct summary_gpu **gpus, size_t *n)
{
    char sql[1280];
    snprintf(sql, sizeof sql,
             "SELECT server, min(gpu), llm_model, total(busy_ns), total(span_ns), "
             "total(batch_sum), total(steps), max(kv_pool_bytes), max(kv_peak_bytes), "
             "total(preemptions), total(refused), total(cold_loads), total(warm_loads), "
             "total(evictions), total(expiries), max(memory_bytes), max(memory_peak_bytes), "
             "total(swapped_bytes), total(prefix_hit_tokens), total(dropped_tokens), "
             "total(load_ns), count(*) OVER () FROM gpus%s "
             "GROUP BY server, llm_model ORDER BY server, llm_model",
             r->where);
    *n = 0;
    *gpus = NULL;
    struct summary_gpu_model *models = NULL;
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &row, NULL);
    int code = 0;
    if (rc == SQLITE_OK) {
        for (size_t i = 0; code == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW; i++) {
            if (i == 0) {
                size_t room = (size_t)sqlite3_column_int64(row, 21);
                *gpus = arena_array(r->arena, room, sizeof **gpus);
                models = arena_array(r->arena, room, sizeof *models);
            }
            code = *gpus == NULL || models == NULL ? reading_no_memory(r)
                                                   : gpu_read(r, row, &models[i], *gpus, n);
        }
    }
    sqlite3_finalize(row);
    return code != 0 ? code : rc == SQLITE_DONE ? 0 : read_failed(r);
}

/* --- The whole reading ------------------------------------------------------------------------ */

struct reading reading_of(struct store *s, const struct summary_options *o, struct arena *a,
                          struct err *e)
{
    struct reading r = {
        .db = store_db(s), .path = store_path(s), .options = o, .arena = a, .err = e};
    if (o->run_id != 0) {
        sqlite3_snprintf(sizeof r.where, r.where, " WHERE run_id = %lld", (long long)o->run_id);
    } else if (o->scenario != NULL) {
        sqlite3_snprintf(sizeof r.where, r.where,
                         " WHERE run_id IN (SELECT run_id FROM runs WHERE scenario GLOB %Q)",
                         o->scenario);
    }
    return r;
}

void reading_free(struct reading *r)
{
    for (int q = 0; q < QUANTITIES; q++) {
        free(r->values[q]);
    }
    for (int d = 0; d < DIMENSIONS; d++) {
        free(r->group[d]);
        free(r->keys[d].sorted);
    }
    free(r->scratch);
    free(r->order);
    free(r->slices);
}
