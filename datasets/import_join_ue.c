/* import_join_ue.c - what an import remembers of one UE. */
#include "datasets/import_join_ue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/import_join.h"

/* Uplink opportunities a second of the testbed: 2 uplink slots and a mixed one in 5 ms (its gNB
 * configuration: TDD period 5 ms at 30 kHz). Only where a file has no totals. */
static const double ul_opportunities_per_s = 600;

/* Weight of the newest opportunity in the testbed's UL throughput (OpenAirInterface's proportional
 * fair scheduler: thr = (1 - a) thr + a bytes). */
static const double thr_weight = 0.0005;

struct join_ue *join_ue_make(int64_t key, int64_t index)
{
    struct join_ue *u = calloc(1, sizeof *u);
    if (u != NULL) {
        u->key = key;
        u->index = index;
        u->ue_id = RECORD_NO_INT;
        u->last_ms = INT64_MIN;
    }
    return u;
}

void join_ue_free(struct join_ue *u)
{
    for (int i = 0; i < JOIN_TEXTS; i++) {
        free(u->texts[i].chars);
    }
    free(u->marks);
    free(u);
}

/* --- Marks ------------------------------------------------------------------------------------ */

static struct join_mark *mark_at(const struct join_ue *u, uint64_t n)
{
    return &u->marks[n & (u->room - 1)];
}

static bool marks_grow(struct join_ue *u)
{
    size_t more = u->room == 0 ? 64 : 2 * u->room;
    struct join_mark *grown = malloc(more * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    for (uint64_t n = u->n_marks - u->room; n < u->n_marks; n++) {
        grown[n & (more - 1)] = *mark_at(u, n);
    }
    free(u->marks);
    u->marks = grown;
    u->room = more;
    return true;
}

bool join_ue_mark(struct join_ue *u, const struct import_row *row, int slice, int cell)
{
    if (u->n_marks == u->room && u->room < JOIN_MARKS && !marks_grow(u)) {
        return false;
    }
    const struct ran_record *ran = &row->ran;
    struct join_mark before = u->n_marks > 0 ? *mark_at(u, u->n_marks - 1) : (struct join_mark){0};
    struct join_mark m = {
        .ms = ran->gnb_timestamp_ms, .bler = ran->ul_bler, .slice = slice, .cell = cell};
    u->has_totals = row->extra.ulsch_total_bytes != RECORD_NO_INT;
    bool has_bytes = ran->ulsch_current_bytes != RECORD_NO_INT;
    bool has_prb = ran->ulsch_current_rbs != RECORD_NO_INT;
    if (u->has_totals) {
        m.bytes = (double)row->extra.ulsch_total_bytes;
        m.prb =
            row->extra.ulsch_total_rbs != RECORD_NO_INT ? (double)row->extra.ulsch_total_rbs : NAN;
    } else {
        m.bytes = before.bytes + (has_bytes ? (double)ran->ulsch_current_bytes : 0);
        m.prb = before.prb + (has_prb ? (double)ran->ulsch_current_rbs : 0);
        m.n_bytes = before.n_bytes + has_bytes;
        m.n_prb = before.n_prb + has_prb;
    }
    m.thr = ran->ul_throughput;
    m.thr_bytes = before.thr_bytes;
    m.n_thr = before.n_thr;
    double decayed = u->n_marks == 0
                         ? NAN
                         : before.thr * pow(1 - thr_weight, ul_opportunities_per_s / 1e3 *
                                                                (double)(m.ms - before.ms));
    if (!isnan(m.thr - decayed)) {
        /* An average that falls faster than it decays began anew: the UE attached again. */
        m.thr_bytes += m.thr < decayed - 0.01 * decayed ? 0 : (m.thr - decayed) / thr_weight;
        m.n_thr++;
    }
    *mark_at(u, u->n_marks++) = m;
    u->last_ms = m.ms;
    return true;
}

/* Number of the last mark at or before `ms`, or -1. */
static int64_t mark_before(const struct join_ue *u, int64_t ms)
{
    uint64_t low = u->n_marks > u->room ? u->n_marks - u->room : 0, high = u->n_marks;
    uint64_t first = low;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (mark_at(u, middle)->ms <= ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == first ? -1 : (int64_t)low - 1;
}

static int64_t rounded(double value)
{
    return value >= 0 && value < 0x1p62 ? llround(value) : RECORD_NO_INT;
}

struct join_radio join_ue_radio(const struct join_ue *u, int64_t from_ns, int64_t to_ns)
{
    struct join_radio radio = {RECORD_NO_INT, RECORD_NO_INT, NAN, -1, -1};
    if (u->n_marks == 0 || from_ns == RECORD_NO_INT) {
        return radio;
    }
    int64_t a = mark_before(u, from_ns / NS_PER_MS);
    const struct join_mark *newest = mark_at(u, u->n_marks - 1);
    radio.slice = a >= 0 ? mark_at(u, (uint64_t)a)->slice : newest->slice;
    radio.cell = a >= 0 ? mark_at(u, (uint64_t)a)->cell : newest->cell;
    int64_t b = to_ns != RECORD_NO_INT ? mark_before(u, to_ns / NS_PER_MS) : -1;
    if (b < 0) {
        return radio;
    }
    /* The first instant at or after the end: what comes in between is little, what came before
     * the end would be missed. */
    bool later = mark_at(u, (uint64_t)b)->ms * NS_PER_MS < to_ns;
    b += later && (uint64_t)b + 1 < u->n_marks;
    const struct join_mark *end = mark_at(u, (uint64_t)b);
    radio.bler = end->bler;
    if (a < 0) {
        return radio;
    }
    const struct join_mark *start = mark_at(u, (uint64_t)a);
    double bytes = end->bytes - start->bytes, prb = end->prb - start->prb;
    if (!u->has_totals) { /* the mean of the samples; NAN when there are none */
        double opportunities = ul_opportunities_per_s * s_of_ns(to_ns - from_ns);
        double sampled = bytes;
        bytes *= opportunities / (double)(end->n_bytes - start->n_bytes);
        prb *= opportunities / (double)(end->n_prb - start->n_prb);
        if (b > a && end->n_thr - start->n_thr == b - a) {
            bytes = fmax(end->thr_bytes - start->thr_bytes, 0);
            /* PRB as the sampled blocks have them for their bytes. */
            prb = sampled > 0 ? (end->prb - start->prb) * bytes / sampled : prb;
        }
    }
    radio.bytes = rounded(bytes);
    radio.prb = rounded(prb);
    return radio;
}

/* --- Requests --------------------------------------------------------------------------------- */

static bool text_keep(struct join_ue *u, int which, const char **text)
{
    if (*text == NULL) {
        return true;
    }
    size_t bytes = strlen(*text) + 1;
    if (bytes > u->texts[which].room) {
        char *grown = realloc(u->texts[which].chars, bytes * 2);
        if (grown == NULL) {
            return false;
        }
        u->texts[which].chars = grown;
        u->texts[which].room = bytes * 2;
    }
    memcpy(u->texts[which].chars, *text, bytes);
    *text = u->texts[which].chars;
    return true;
}

bool join_ue_wait(struct join_ue *u, const struct import_row *row, bool has_server)
{
    struct import_row *w = &u->waiting;
    *w = *row;
    u->is_waiting = true;
    u->waiting_has_server = has_server;
    const char **const texts[JOIN_TEXTS] = {
        &w->ue.tx_image_resolution, &w->ue.rx_image_resolution, &w->ue.llm_model,
        &w->ue.request_mode,        &w->server.server,          &w->server.downlink_image,
        &w->server.response_text,   &w->extra.sim_slice,        &w->extra.sim_resolution,
        &w->extra.sim_cell,         &w->extra.sim_status,
    };
    bool ok = true;
    for (int i = 0; i < JOIN_TEXTS; i++) {
        ok = ok && text_keep(u, i, texts[i]);
    }
    w->ran.cell = w->ran.imsi = w->ran.slice_id = w->extra.sim_label = NULL;
    return ok;
}

bool join_server_keep(struct join_server *w, const struct server_record *row, int64_t key)
{
    join_server_free(w);
    *w = (struct join_server){.is_waiting = true, .key = key, .row = *row};
    w->row.request_id = RECORD_NO_INT;
    w->row.server = w->server = row->server != NULL ? strdup(row->server) : NULL;
    w->row.downlink_image = w->image =
        row->downlink_image != NULL ? strdup(row->downlink_image) : NULL;
    w->row.response_text = w->text = row->response_text != NULL ? strdup(row->response_text) : NULL;
    return (row->server == NULL || w->server != NULL) &&
           (row->downlink_image == NULL || w->image != NULL) &&
           (row->response_text == NULL || w->text != NULL);
}

void join_server_free(struct join_server *w)
{
    free(w->server);
    free(w->image);
    free(w->text);
    w->server = w->image = w->text = NULL;
}

/* FNV-1a, 64 bit (RFC draft-eastlake-fnv). */
static void hash_bytes(uint64_t *hash, const void *data, size_t bytes)
{
    const unsigned char *c = data;
    for (size_t i = 0; i < bytes; i++) {
        *hash = (*hash ^ c[i]) * 1099511628211u;
    }
}

static void hash_real(uint64_t *hash, double value)
{
    hash_bytes(hash, &value, sizeof value);
}

/* All that a layer says. Not what a server says of its own state: that may be new in every row. */
static bool hash_layer(uint64_t *hash, const struct import_row *row, enum column_layer layer)
{
    bool any = false;
    for (int i = 0; i < n_columns; i++) {
        const void *at = (const char *)row + columns[i].offset;
        if (columns[i].layer != layer ||
            columns[i].offset == offsetof(struct import_row, server.gpu_utilization_pct) ||
            columns[i].offset == offsetof(struct import_row, server.vram_usage_mib)) {
            continue;
        }
        if (columns[i].type == SCHEMA_INT) {
            hash_bytes(hash, at, sizeof(int64_t));
            any = any || *(const int64_t *)at != RECORD_NO_INT;
        } else if (columns[i].type == SCHEMA_REAL) {
            hash_bytes(hash, at, sizeof(double));
            any = any || !isnan(*(const double *)at);
        } else {
            const char *text = *(const char *const *)at;
            hash_bytes(hash, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
            any = any || text != NULL;
        }
    }
    return any;
}

uint64_t join_identity(const struct import_row *row, bool *unique)
{
    uint64_t hash = 14695981039346656037u;
    const struct ue_record *ue = &row->ue;
    bool any = true;
    *unique = true;
    if (row->extra.sim_request_id != RECORD_NO_INT) {
        hash_bytes(&hash, &row->extra.sim_request_id, sizeof(int64_t));
    } else if (ue->timestamp_ms != RECORD_NO_INT) {
        hash_bytes(&hash, &ue->timestamp_ms, sizeof ue->timestamp_ms);
        hash_bytes(&hash, &ue->uplink_bytes, sizeof ue->uplink_bytes);
        hash_real(&hash, ue->total_comm_time_ms);
        hash_real(&hash, ue->uplink_time_ms);
        hash_real(&hash, ue->downlink_time_ms);
        *unique = !isnan(ue->total_comm_time_ms) || !isnan(ue->uplink_time_ms);
    } else {
        *unique = false;
        any = hash_layer(&hash, row, LAYER_UE);
        any = hash_layer(&hash, row, LAYER_SERVER) && any;
    }
    return !any ? 0 : hash != 0 ? hash : 1;
}
