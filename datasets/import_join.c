/* import_join.c - from rows of others to rows of ours. */
#include "datasets/import_join.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/import_join_ue.h"
#include "sim/trace_item.h"

/* --- Putting rows ----------------------------------------------------------------------------- */

static int put_failed(struct join *j, int code)
{
    if (code != 0 && j->code == 0) {
        j->code = code;
    }
    return code;
}

static int no_memory(struct join *j)
{
    return put_failed(j, err_memory(j->err, "the requests of an import"));
}

#define PUT(thing, table)                                                                          \
    static int put_##thing(struct join *j, const struct thing##_record *row)                       \
    {                                                                                              \
        if (j->leave_out[table] > 0) {                                                             \
            j->leave_out[table]--;                                                                 \
            return 0;                                                                              \
        }                                                                                          \
        return put_failed(j, j->sink.thing(j->sink.self, row));                                    \
    }
PUT(request, SCHEMA_REQUESTS)
PUT(ue, SCHEMA_UE_RECORDS)
PUT(ran, SCHEMA_RAN_RECORDS)
PUT(server, SCHEMA_SERVER_RECORDS)

static void see_time(struct join *j, int64_t ns)
{
    if (ns != RECORD_NO_INT) {
        j->first_ns = ns < j->first_ns ? ns : j->first_ns;
        j->last_ns = ns > j->last_ns ? ns : j->last_ns;
    }
}

/* --- UEs -------------------------------------------------------------------------------------- */

int64_t join_key(const struct import_row *row)
{
    return row->ran.rnti != RECORD_NO_INT ? row->ran.rnti : row->ran.ue_id;
}

static struct join_ue *ue_of_key(struct join *j, int64_t key)
{
    if (j->last != NULL && j->last->key == key) {
        return j->last;
    }
    size_t low = 0, high = j->n_ues;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (j->ues[middle]->key == key) {
            return j->last = j->ues[middle];
        }
        if (j->ues[middle]->key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (j->n_ues == j->ues_room) {
        size_t more = j->ues_room == 0 ? 16 : 2 * j->ues_room;
        struct join_ue **grown = realloc(j->ues, more * sizeof(struct join_ue *));
        if (grown == NULL) {
            return NULL;
        }
        j->ues = grown;
        j->ues_room = more;
    }
    struct join_ue *u = join_ue_make(key, (int64_t)j->n_ues);
    if (u == NULL) {
        return NULL;
    }
    memmove(&j->ues[low + 1], &j->ues[low], (j->n_ues - low) * sizeof(struct join_ue *));
    j->ues[low] = u;
    j->n_ues++;
    return j->last = u;
}

/* The number of a word; -1: none, or too many different ones to keep. */
static int name_number(struct join_names *names, const char *word)
{
    enum { NAMES_MAX = 4096 };
    if (word == NULL) {
        return -1;
    }
    if (names->last < names->n && strcmp(names->words[names->last], word) == 0) {
        return names->last;
    }
    for (int i = 0; i < names->n; i++) {
        if (strcmp(names->words[i], word) == 0) {
            return names->last = i;
        }
    }
    if (names->n == names->room && names->n < NAMES_MAX) {
        int more = names->room == 0 ? 16 : 2 * names->room;
        char **grown = realloc(names->words, (size_t)more * sizeof *grown);
        if (grown != NULL) {
            names->words = grown;
            names->room = more;
        }
    }
    char *copy = names->n < names->room ? strdup(word) : NULL;
    if (copy == NULL) {
        return -1;
    }
    names->words[names->n] = copy;
    return names->last = names->n++;
}

static const char *name_word(const struct join_names *names, int number)
{
    return number >= 0 ? names->words[number] : NULL;
}

/* --- Stamps ----------------------------------------------------------------------------------- */

/* Milliseconds after a stamp; not known when either is not. */
static int64_t after(int64_t stamp_ns, double ms)
{
    /* What is longer than a year is no duration of a request, and must not run over. */
    return stamp_ns == RECORD_NO_INT || !(fabs(ms) < 3.2e10) ? RECORD_NO_INT
                                                             : stamp_ns + ns_of_s(ms / 1e3);
}

bool join_stamps(const struct ue_record *ue, const struct server_record *server, double sync_ms,
                 struct request_record *out)
{
    double up = ue->uplink_time_ms, down = ue->downlink_time_ms, total = ue->total_comm_time_ms;
    /* What the server took, waiting included; the model's own time where only that is known. */
    double busy = server->server_processing_time_ms, model = server->llm_inference_time_ms;
    double inference = isnan(busy) || busy < model ? model : busy;
    bool adds_up = true;
    if (!isnan(total) && !isnan(up + inference + down)) {
        /* Two clocks meet twice on the way: up and down. */
        double tolerance = fmax(2 * sync_ms, 0.01 * total);
        adds_up = fabs(total - (up + inference + down)) <= tolerance;
    } else if (isnan(up)) {
        up = total - inference - down;
    } else if (isnan(inference)) {
        inference = total - up - down;
    } else if (isnan(down)) {
        down = total - up - inference;
    }
    out->born_ns = ue->timestamp_ms == RECORD_NO_INT || ue->timestamp_ms > INT64_MAX / NS_PER_MS
                       ? RECORD_NO_INT
                       : ue->timestamp_ms * NS_PER_MS;
    out->server_in_ns = after(out->born_ns, up);
    out->last_token_ns = after(out->server_in_ns, inference);
    out->done_ns = after(out->last_token_ns, down);
    if (out->done_ns == RECORD_NO_INT) {
        out->done_ns = after(out->born_ns, total);
    }
    out->queue_ns = busy >= model ? ns_of_s((busy - model) / 1e3) : RECORD_NO_INT;
    return adds_up;
}

/* R1 to R6 of the paper's appendix F.3.1: the picture's width is 640 px times 0.5 to 1.0; R1 the
 * smallest. Pictures of the 320x240 base below that width form no group of those. */
static const char *resolution_group(const char *size)
{
    static const char *const groups[] = {"R1", "R2", "R3", "R4", "R5", "R6"};
    char *end;
    long width = size != NULL ? strtol(size, &end, 10) : 0;
    return width >= 320 && width <= 640 && width % 64 == 0 ? groups[width / 64 - 5] : NULL;
}

/* --- Requests --------------------------------------------------------------------------------- */

static double parameters_of(struct join *j, const char *model)
{
    if (model == NULL || j->options->parameters == NULL) {
        return NAN;
    }
    if (j->kept_model == NULL || strcmp(j->kept_model, model) != 0) {
        free(j->kept_model);
        j->kept_model = strdup(model);
        j->kept_parameters = j->options->parameters(j->options->parameters_self, model);
    }
    return j->kept_parameters;
}

static void clear_stamps(struct request_record *r)
{
#define CLEAR_INT(name)                r->name = RECORD_NO_INT;
#define CLEAR_REAL(name)               r->name = NAN;
#define CLEAR_TEXT(name)               r->name = NULL;
#define CLEAR(type, name, paper, unit) CLEAR_##type(name)
    RECORD_REQUEST_FIELDS(CLEAR)
}

static int64_t known(int64_t exact, int64_t derived)
{
    return exact != RECORD_NO_INT ? exact : derived;
}

/* What the radio did between two instants. */
static void radio_of(const struct join *j, const struct join_ue *u, struct request_record *r)
{
    struct join_radio radio = join_ue_radio(u, r->born_ns, r->server_in_ns);
    r->ul_sched_bytes = radio.bytes;
    r->ul_sched_prb = radio.prb;
    r->ul_bler = radio.bler;
    r->slice_id = name_word(&j->names, radio.slice);
    r->cell = name_word(&j->names, radio.cell);
}

static int request_put(struct join *j, struct join_ue *u)
{
    const struct import_row *w = &u->waiting;
    const struct import_extra *x = &w->extra;
    struct request_record r;
    clear_stamps(&r);
    bool adds_up = join_stamps(&w->ue, &w->server, j->options->sync_ms, &r);
    u->is_waiting = false;
    j->notes->requests++;
    j->notes->contradictions += !adds_up;
    r.request_id = known(x->sim_request_id, (int64_t)((uint64_t)u->index << 32 | u->n_requests));
    u->n_requests++;
    r.born_ns = known(x->sim_born_ns, r.born_ns);
    r.server_in_ns = known(x->sim_server_in_ns, r.server_in_ns);
    r.first_token_ns = x->sim_first_token_ns;
    r.last_token_ns = known(x->sim_last_token_ns, r.last_token_ns);
    r.done_ns = known(x->sim_done_ns, r.done_ns);
    r.queue_ns = known(x->sim_queue_ns, r.queue_ns);
    radio_of(j, u, &r);
    if (x->sim_request_id != RECORD_NO_INT) { /* then its radio is said, or it had none */
        r.ul_sched_bytes = x->sim_ul_sched_bytes;
        r.ul_sched_prb = x->sim_ul_sched_prb;
        r.ul_bler = x->sim_ul_bler;
        r.slice_id = x->sim_slice;
        r.cell = x->sim_cell;
    }
    r.ue_id = known(u->ue_id, u->index);
    r.server = w->server.server;
    r.llm_model = w->ue.llm_model;
    r.llm_parameters =
        isnan(x->sim_llm_parameters) ? parameters_of(j, w->ue.llm_model) : x->sim_llm_parameters;
    r.mode = w->ue.request_mode;
    r.resolution = x->sim_request_id != RECORD_NO_INT ? x->sim_resolution
                                                      : resolution_group(w->ue.tx_image_resolution);
    r.tx_image = w->ue.tx_image_resolution;
    r.rx_image = w->ue.rx_image_resolution;
    r.expected_words = w->ue.expected_word_count;
    r.status = x->sim_status != NULL        ? x->sim_status
               : r.done_ns != RECORD_NO_INT ? "completed"
                                            : NULL;
    r.uplink_bytes = w->ue.uplink_bytes;
    r.downlink_bytes = w->ue.downlink_bytes;
    r.input_tokens = w->server.input_tokens;
    r.output_tokens = w->server.output_tokens;

    struct ue_record ue = w->ue;
    struct server_record server = w->server;
    ue.request_id = server.request_id = r.request_id;
    if (server.timestamp_ms == RECORD_NO_INT && r.server_in_ns != RECORD_NO_INT) {
        server.timestamp_ms = r.server_in_ns / NS_PER_MS;
    }
    see_time(j, r.born_ns);
    see_time(j, r.done_ns);
    j->completed += r.status != NULL && strcmp(r.status, "completed") == 0;
    j->failed += r.status != NULL && strcmp(r.status, "failed") == 0;
    int rc = put_request(j, &r);
    if (rc == 0) {
        rc = put_ue(j, &ue);
    }
    if (rc == 0 && u->waiting_has_server) {
        rc = put_server(j, &server);
    }
    return rc;
}

/* Has another UE just had this very request? Then its phone attached anew (J2). */
static bool was_recent(struct join *j, uint64_t identity)
{
    const size_t n = sizeof j->recent / sizeof j->recent[0];
    for (size_t i = 0; i < n; i++) {
        if (j->recent[i] == identity) {
            return true;
        }
    }
    j->recent[j->next_recent++ % n] = identity;
    return false;
}

/* A request of `u` that is new: the one before is put, this one waits for its end. */
static int request_take(struct join *j, struct join_ue *u, const struct import_row *row,
                        bool has_server)
{
    int rc = u->is_waiting ? request_put(j, u) : 0;
    if (rc != 0) {
        return rc;
    }
    if (!join_ue_wait(u, row, has_server)) {
        return no_memory(j);
    }
    struct request_record r;
    clear_stamps(&r);
    join_stamps(&u->waiting.ue, &u->waiting.server, j->options->sync_ms, &r);
    u->due_ns = known(row->extra.sim_request_id != RECORD_NO_INT ? INT64_MIN + 1 : RECORD_NO_INT,
                      r.done_ns);
    return 0;
}

static int requests_due(struct join *j, struct join_ue *u, int64_t now_ns)
{
    bool due = u->is_waiting && (u->due_ns == RECORD_NO_INT || u->due_ns <= now_ns);
    return due ? request_put(j, u) : 0;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static int ran_put(struct join *j, struct join_ue *u, const struct import_row *row)
{
    int64_t ms = row->ran.gnb_timestamp_ms;
    int64_t ns = ms == RECORD_NO_INT ? RECORD_NO_INT : ms * NS_PER_MS;
    if (row->ran.ue_id != RECORD_NO_INT) {
        u->ue_id = row->ran.ue_id;
    }
    if (ms != RECORD_NO_INT) {
        j->notes->out_of_order += ms < u->last_ms;
        see_time(j, ns);
        int slice = name_number(&j->names, row->ran.slice_id);
        int cell = name_number(&j->names, row->ran.cell);
        if (ms >= u->last_ms && !join_ue_mark(u, row, slice, cell)) {
            return no_memory(j);
        }
    }
    return put_ran(j, &row->ran);
}

int join_wide(struct join *j, const struct import_row *row, const bool has[LAYERS], bool changed)
{
    struct join_ue *u = ue_of_key(j, join_key(row));
    if (u == NULL) {
        return no_memory(j);
    }
    int rc = has[LAYER_RAN] ? ran_put(j, u, row) : 0;
    /* A row that says what the row before it said of the same UE says nothing new. */
    changed = changed || u != j->before;
    j->before = u;
    if (rc == 0 && changed && (has[LAYER_UE] || has[LAYER_SIM])) {
        bool unique;
        uint64_t identity = join_identity(row, &unique);
        if (identity != 0 && identity != u->identity) {
            u->identity = identity;
            if (!unique || !was_recent(j, identity)) {
                rc = request_take(j, u, row, has[LAYER_SERVER]);
            }
        } else if (identity != 0 && u->is_waiting && has[LAYER_SERVER] &&
                   !join_ue_wait(u, row, true)) { /* the server's columns came later */
            rc = no_memory(j);
        }
    }
    int64_t ms = row->ran.gnb_timestamp_ms;
    if (rc == 0) {
        rc = requests_due(j, u, has[LAYER_RAN] && ms != RECORD_NO_INT ? ms * NS_PER_MS : INT64_MAX);
    }
    return rc;
}

/* A server's row that no request asked for is kept, joined with none. */
static int server_leave(struct join *j, struct join_server *w)
{
    if (!w->is_waiting) {
        return 0;
    }
    w->is_waiting = false;
    j->notes->unmatched++;
    see_time(j, w->row.timestamp_ms == RECORD_NO_INT ? RECORD_NO_INT
                                                     : w->row.timestamp_ms * NS_PER_MS);
    return put_server(j, &w->row);
}

int join_server_row(struct join *j, const struct import_row *row)
{
    struct join_server *w = &j->servers[j->next_server++ % JOIN_SERVERS];
    int rc = server_leave(j, w);
    if (rc == 0 && !join_server_keep(w, &row->server, join_key(row))) {
        rc = no_memory(j);
    }
    return rc;
}

/* The row of the server that says when it had this request: nearest to born + uplink time, within
 * the clocks' error; NULL: none. */
static struct join_server *server_of(struct join *j, const struct import_row *row)
{
    double sync = j->options->sync_ms;
    double born = (double)row->ue.timestamp_ms;
    double up = row->ue.uplink_time_ms, total = row->ue.total_comm_time_ms;
    double low = isnan(up) ? born - sync : born + up - sync;
    double high = isnan(up) ? born + total + sync : born + up + sync;
    double middle = isnan(up) ? born : born + up;
    int64_t key = join_key(row);
    struct join_server *best = NULL;
    double best_gap = INFINITY;
    /* Our own times are cut to whole milliseconds, so a millisecond is no disagreement. */
    for (size_t i = 0; i < JOIN_SERVERS; i++) {
        struct join_server *w = &j->servers[i];
        double at = (double)w->row.timestamp_ms;
        bool may = w->is_waiting && w->row.timestamp_ms != RECORD_NO_INT && at >= low - 1 &&
                   at <= high + 1 &&
                   (w->key == RECORD_NO_INT || key == RECORD_NO_INT || w->key == key);
        if (may && fabs(at - middle) < best_gap) {
            best = w;
            best_gap = fabs(at - middle);
        }
    }
    return best;
}

int join_ue_row(struct join *j, const struct import_row *row)
{
    /* A file of one phone need not say which. */
    int64_t key = join_key(row);
    struct join_ue *u = key == RECORD_NO_INT && j->n_ues == 1 ? j->ues[0] : ue_of_key(j, key);
    if (u == NULL) {
        return no_memory(j);
    }
    if (row->ran.ue_id != RECORD_NO_INT) {
        u->ue_id = row->ran.ue_id;
    }
    struct import_row joined = *row;
    struct join_server *w = j->servers != NULL ? server_of(j, row) : NULL;
    if (w != NULL) {
        joined.server = w->row;
        w->is_waiting = false;
    } else {
        j->notes->unmatched += j->has_server_file;
    }
    int rc = request_take(j, u, &joined, w != NULL);
    return rc != 0 || j->has_ran_file ? rc : requests_due(j, u, INT64_MAX);
}

int join_trace_item(struct join *j, const struct trace_item *item, int64_t number)
{
    struct request_record r;
    clear_stamps(&r);
    r.request_id = number;
    r.born_ns = item->arrival_ns;
    r.input_tokens = item->input_tokens;
    r.output_tokens = item->output_tokens;
    j->notes->requests++;
    return put_request(j, &r);
}

/* --- The whole -------------------------------------------------------------------------------- */

int join_open(struct join *j, const struct import_options *o, struct import_notes *notes,
              struct record_sink sink, struct err *e)
{
    *j = (struct join){
        .options = o,
        .notes = notes,
        .sink = sink,
        .first_ns = INT64_MAX,
        .last_ns = INT64_MIN,
        .err = e,
        .servers = calloc(JOIN_SERVERS, sizeof *j->servers),
    };
    return j->servers != NULL ? 0 : err_memory(e, "an import");
}

void join_close(struct join *j)
{
    for (size_t i = 0; i < j->n_ues; i++) {
        join_ue_free(j->ues[i]);
    }
    free(j->ues);
    for (int i = 0; i < j->names.n; i++) {
        free(j->names.words[i]);
    }
    free(j->names.words);
    for (size_t i = 0; j->servers != NULL && i < JOIN_SERVERS; i++) {
        join_server_free(&j->servers[i]);
    }
    free(j->servers);
    free(j->kept_model);
}

int join_finish(struct join *j)
{
    int rc = 0;
    for (size_t i = 0; i < j->n_ues && rc == 0; i++) {
        rc = requests_due(j, j->ues[i], INT64_MAX);
    }
    for (size_t i = 0; i < JOIN_SERVERS && rc == 0; i++) { /* the oldest first */
        rc = server_leave(j, &j->servers[(j->next_server + i) % JOIN_SERVERS]);
    }
    return rc;
}

uint64_t join_requests_of(const struct join *j, size_t i)
{
    return j->ues[i]->n_requests;
}

int64_t join_time_ns(const struct import_row *row, enum column_layer layer)
{
    if (layer == LAYER_UE) {
        struct request_record r;
        clear_stamps(&r);
        join_stamps(&row->ue, &row->server, 0, &r);
        return r.done_ns != RECORD_NO_INT ? r.done_ns : r.born_ns;
    }
    int64_t ms = layer == LAYER_RAN ? row->ran.gnb_timestamp_ms : row->server.timestamp_ms;
    return ms == RECORD_NO_INT || ms > INT64_MAX / NS_PER_MS ? RECORD_NO_INT : ms * NS_PER_MS;
}
