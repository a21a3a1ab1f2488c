/* export_records.c - wide records as CSV in the released data set's spelling. */
#include "datasets/export_records.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "datasets/columns.h"
#include "datasets/wide.h"

enum { NUMBER_BYTES = 40, LABEL_BYTES = 256 };

/* A column's text, kept: most values are those of the row before. */
struct field {
    bool known, is_hex;
    int64_t bits;
    size_t length;
    char chars[NUMBER_BYTES];
};

struct writer {
    struct store *store;
    const char *given; /* label, NULL: none */
    FILE *out;
    struct field *fields; /* [n_columns] */
    struct import_row row;
    int64_t run_id;
    char label[LABEL_BYTES];
};

/* --- Values ----------------------------------------------------------------------------------- */

/* RFC 4180: quotes around a field that holds a comma, a quote or a line break. */
static void put_text(FILE *out, const char *chars)
{
    if (chars == NULL) {
        return;
    }
    if (strpbrk(chars, ",\"\r\n") == NULL) {
        fputs(chars, out);
        return;
    }
    putc('"', out);
    for (const char *c = chars; *c != '\0'; c++) {
        if (*c == '"') {
            putc('"', out);
        }
        putc(*c, out);
    }
    putc('"', out);
}

static void format_int(struct field *f, int64_t value)
{
    f->length = 0;
    if (value != RECORD_NO_INT) {
        int n = snprintf(f->chars, NUMBER_BYTES, f->is_hex ? "%04" PRIx64 : "%" PRId64, value);
        f->length = (size_t)n;
    }
}

static void format_real(struct field *f, double value)
{
    f->length = 0;
    if (!isnan(value)) {
        struct text text = {0};
        text_add_number(&text, value);
        f->length = text.length < NUMBER_BYTES ? text.length : NUMBER_BYTES - 1;
        memcpy(f->chars, text.chars, f->length);
    }
}

static void put_number(struct writer *w, int column)
{
    struct field *f = &w->fields[column];
    const char *at = (const char *)&w->row + columns[column].offset;
    int64_t bits;
    memcpy(&bits, at, sizeof bits);
    if (!f->known || f->bits != bits) {
        f->known = true;
        f->bits = bits;
        if (columns[column].type == SCHEMA_INT) {
            format_int(f, bits);
        } else {
            double value;
            memcpy(&value, at, sizeof value);
            format_real(f, value);
        }
    }
    fwrite(f->chars, 1, f->length, w->out);
}

/* --- Rows ------------------------------------------------------------------------------------- */

static bool is_written(int column)
{
    return strcmp(columns[column].name, "ulsch_total_bytes") != 0 &&
           strcmp(columns[column].name, "ulsch_total_rbs") != 0; /* the store has none */
}

/* The released name: the paper's, and for the RAN the testbed's CSV. There the gNB's time is called
 * what the paper calls the phone's, so that one keeps the paper's name. */
static const char *released_name(int column)
{
    const struct column *c = &columns[column];
    const char *oai = c->layer == LAYER_RAN ? column_oai(column) : NULL;
    return oai != NULL && strcmp(oai, "Timestamp") != 0 ? oai
           : c->paper != NULL                           ? c->paper
                                                        : c->name;
}

static void put_header(struct writer *w)
{
    const char *comma = "";
    for (int i = 0; i < n_columns; i++) {
        if (is_written(i)) {
            fputs(comma, w->out);
            put_text(w->out, released_name(i));
            comma = ",";
        }
    }
    putc('\n', w->out);
}

static void request_columns(struct import_extra *x, const struct request_record *r)
{
    x->sim_request_id = r->request_id;
    x->sim_slice = r->slice_id;
    x->sim_resolution = r->resolution;
    x->sim_cell = r->cell;
    x->sim_born_ns = r->born_ns;
    x->sim_server_in_ns = r->server_in_ns;
    x->sim_first_token_ns = r->first_token_ns;
    x->sim_last_token_ns = r->last_token_ns;
    x->sim_done_ns = r->done_ns;
    x->sim_queue_ns = r->queue_ns;
    x->sim_ul_sched_bytes = r->ul_sched_bytes;
    x->sim_ul_sched_prb = r->ul_sched_prb;
    x->sim_ul_bler = r->ul_bler;
    x->sim_llm_parameters = r->llm_parameters;
    x->sim_status = r->status;
}

static void put_row(struct writer *w, const struct wide_row *wide)
{
    struct import_row *row = &w->row;
    import_row_clear(row);
    row->ran = *wide->ran;
    if (wide->ue != NULL) {
        row->ue = *wide->ue;
    }
    if (wide->server != NULL) {
        row->server = *wide->server;
    }
    if (wide->request != NULL) {
        request_columns(&row->extra, wide->request);
    }
    row->extra.sim_label = w->label;
    const char *comma = "";
    for (int i = 0; i < n_columns; i++) {
        if (!is_written(i)) {
            continue;
        }
        fputs(comma, w->out);
        comma = ",";
        if (columns[i].type == SCHEMA_TEXT) {
            put_text(w->out, *(const char **)(void *)((char *)row + columns[i].offset));
        } else {
            put_number(w, i);
        }
    }
    putc('\n', w->out);
}

/* The label of a run's rows. */
static int run_label(struct writer *w, int64_t run_id, struct err *e)
{
    w->run_id = run_id;
    if (w->given != NULL) {
        snprintf(w->label, sizeof w->label, "%s", w->given);
        return 0;
    }
    sqlite3_stmt *row = NULL;
    sqlite3 *db = store_db(w->store);
    int rc =
        sqlite3_prepare_v2(db, "SELECT scenario, seed FROM runs WHERE run_id = ?1", -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, run_id);
        rc = sqlite3_step(row);
    }
    const char *name = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    if (name != NULL &&
        (strncmp(name, "measured: ", 10) == 0 || strncmp(name, "simulated: ", 11) == 0)) {
        snprintf(w->label, sizeof w->label, "%s", name);
    } else {
        snprintf(w->label, sizeof w->label, "simulated: %s", name != NULL ? name : "");
    }
    sqlite3_finalize(row);
    return rc == SQLITE_ROW ? 0
                            : err_work(e, store_path(w->store), "runs", "cannot be read: %s",
                                       sqlite3_errmsg(db));
}

int export_records(struct store *s, const char *label, FILE *out, int64_t *rows, struct err *e)
{
    struct writer w = {.store = s, .given = label, .out = out};
    struct wide *wide = NULL;
    *rows = 0;
    w.fields = calloc((size_t)n_columns, sizeof *w.fields);
    if (w.fields == NULL) {
        return err_memory(e, "an export");
    }
    for (int i = 0; i < n_columns; i++) {
        w.fields[i].is_hex = column_reading(i) == READ_HEX;
    }
    const struct wide_row *row = NULL;
    int rc = wide_open(s, 0, &wide, e);
    rc = rc == 0 ? wide_next(wide, &row, e) : rc;
    if (rc == 0 && row == NULL) {
        rc = err_input(e, store_path(s), "ran_records",
                       "holds none; run the scenario with output.ran_records_ms above 0");
    } else if (rc == 0) {
        put_header(&w);
    }
    while (rc == 0 && row != NULL && !ferror(out)) {
        if (w.run_id != row->run_id) {
            rc = run_label(&w, row->run_id, e);
        }
        if (rc == 0) {
            put_row(&w, row);
            (*rows)++;
        }
        rc = rc == 0 ? wide_next(wide, &row, e) : rc;
    }
    wide_close(wide);
    free(w.fields);
    if (rc == 0 && (fflush(out) != 0 || ferror(out))) {
        rc = err_work(e, NULL, NULL, "cannot write the records: %s", strerror(errno));
    }
    return rc;
}
