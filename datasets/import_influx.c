/* import_influx.c - points of InfluxDB as rows, by way of a table on disk that sorts them. */
#include "datasets/import_influx.h"

#include <ctype.h>
#include <inttypes.h>
#include <search.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/import_csv.h"
#include "datasets/import_influx_csv.h"
#include "datasets/influx_line.h"

/* Fields, tags and series that a file may name. More means that it is something else. */
enum { NAMES_MAX = 4096, SERIES_MAX = 65536, SERIES_BYTES = 1024, LOOK_LINES = 65536 };

/* The testbed's measurement (its InfluxDB bucket slice_bucket). */
static const char measurement_wanted[] = "ue_metrics";

/* Words by number, found by hsearch. */
struct words {
    char **word;
    int n, max;
    struct hsearch_data index;
    bool has_index;
};

struct influx {
    const char *path;
    struct lines lines;
    struct import_notes *notes;
    const struct import_options *o;
    sqlite3 *db; /* temporary, on disk */
    sqlite3_stmt *insert, *select;
    struct words names, series;
    char series_text[SERIES_BYTES];
    struct influx_csv *csv;
    struct influx_point point;
    struct column_map map;
    struct cells cells;
    int64_t *seen; /* [names]: number of the row that it was in last */
    int64_t row;
    bool more; /* the SELECT stands on the first point of the next row */
    int time_column;
    int64_t last_time;
};

/* --- Words ------------------------------------------------------------------------------------ */

/* Its number, or -1: too many, or no memory. */
static int word_number(struct words *w, const char *text)
{
    if (!w->has_index) {
        w->word = calloc((size_t)w->max, sizeof *w->word);
        w->has_index = w->word != NULL && hcreate_r((size_t)w->max * 2, &w->index) != 0;
        if (!w->has_index) {
            return -1;
        }
    }
    ENTRY ask = {.key = (char *)text}, *found = NULL;
    if (hsearch_r(ask, FIND, &found, &w->index) != 0) {
        return (int)(intptr_t)found->data;
    }
    if (w->n == w->max || (w->word[w->n] = strdup(text)) == NULL) {
        return -1;
    }
    ask = (ENTRY){.key = w->word[w->n], .data = (void *)(intptr_t)w->n};
    return hsearch_r(ask, ENTER, &found, &w->index) != 0 ? w->n++ : -1;
}

static void words_free(struct words *w)
{
    for (int i = 0; i < w->n; i++) {
        free(w->word[i]);
    }
    free(w->word);
    if (w->has_index) {
        hdestroy_r(&w->index);
    }
}

/* --- Into the table --------------------------------------------------------------------------- */

static int db_failed(const struct influx *in, struct err *e)
{
    return err_work(e, in->path, NULL, "its points cannot be sorted on disk: %s",
                    sqlite3_errmsg(in->db));
}

static int db_open(struct influx *in, struct err *e)
{
    /* An empty name: a file of its own that is gone when it is closed. */
    bool ok = sqlite3_open_v2("", &in->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
                  SQLITE_OK &&
              sqlite3_exec(in->db,
                           "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                           "PRAGMA temp_store = FILE; "
                           "CREATE TABLE point(time INTEGER, series INTEGER, name INTEGER, value); "
                           "BEGIN",
                           NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(in->db, "INSERT INTO point VALUES (?1, ?2, ?3, ?4)", -1,
                                 &in->insert, NULL) == SQLITE_OK;
    return ok ? 0 : db_failed(in, e);
}

static int too_many(const struct influx *in, struct err *e)
{
    return err_input(e, in->path, NULL,
                     "it has more than %d field names or %d series; is it an export of the "
                     "measurement %s?",
                     NAMES_MAX, SERIES_MAX, measurement_wanted);
}

static int value_put(struct influx *in, int64_t time, int series, const char *key,
                     const char *value, struct err *e)
{
    int name = word_number(&in->names, key);
    if (name < 0) {
        return too_many(in, e);
    }
    sqlite3_bind_int64(in->insert, 1, time);
    sqlite3_bind_int(in->insert, 2, series);
    sqlite3_bind_int(in->insert, 3, name);
    sqlite3_bind_text(in->insert, 4, value, -1, SQLITE_STATIC);
    int rc = sqlite3_step(in->insert);
    sqlite3_reset(in->insert);
    return rc == SQLITE_DONE ? 0 : db_failed(in, e);
}

/* "key=value,key=value" of the tags: those of a point name its series. */
static int series_number(struct influx *in, const struct influx_point *p)
{
    size_t n = 0;
    for (int i = 0; i < p->n_tags; i++) {
        int got = snprintf(in->series_text + n, SERIES_BYTES - n, "%s\x1f%s\x1e", p->tags[i].key,
                           p->tags[i].value);
        n += got > 0 ? (size_t)got : 0;
        if (n >= SERIES_BYTES) {
            return -1;
        }
    }
    in->series_text[n] = '\0';
    return word_number(&in->series, in->series_text);
}

static int point_put(struct influx *in, int64_t line, struct err *e)
{
    const struct influx_point *p = &in->point;
    if (strcmp(p->measurement, measurement_wanted) != 0) {
        in->notes->text_lines++;
        return 0;
    }
    if (!p->has_time || p->time < 0) {
        return notes_bad(in->notes, in->path, line, "it has no timestamp", e);
    }
    int series = series_number(in, p);
    int rc = series < 0 ? too_many(in, e) : 0;
    for (int i = 0; i < p->n_fields && rc == 0; i++) {
        rc = value_put(in, p->time, series, p->fields[i].key, p->fields[i].value, e);
    }
    return rc;
}

/* A line of line protocol; `chars` is the row's and may be changed. */
static int line_put(struct influx *in, const struct line_row *row, struct err *e)
{
    char *chars = (char *)row->chars; /* lines' own buffer, taken next */
    size_t bytes = row->bytes;
    while (bytes > 0 && (chars[bytes - 1] == '\n' || chars[bytes - 1] == '\r')) {
        bytes--;
    }
    if (row->is_long) {
        return notes_bad(in->notes, in->path, row->line, "the line is longer than 4 MiB", e);
    }
    if (bytes == 0 || chars[0] == '#' || strncmp(chars, "CREATE ", bytes < 7 ? bytes : 7) == 0) {
        in->notes->text_lines += bytes > 0;
        return 0;
    }
    if (memchr(chars, '\0', bytes) != NULL) {
        return notes_bad(in->notes, in->path, row->line, "it holds a NUL byte", e);
    }
    char *copy = strndup(chars, bytes); /* the last line of a file may have no end to overwrite */
    if (copy == NULL) {
        return err_memory(e, "an import");
    }
    const char *bad = influx_line_read(copy, &in->point);
    int rc = bad != NULL ? notes_bad(in->notes, in->path, row->line, bad, e)
                         : point_put(in, row->line, e);
    free(copy);
    return rc;
}

static int csv_put(struct influx *in, const struct line_row *row, struct err *e)
{
    enum influx_csv_row what;
    const char *bad = influx_csv_read(in->csv, row, &in->point, &what);
    if (bad != NULL) {
        return notes_bad(in->notes, in->path, row->line, bad, e);
    }
    in->notes->text_lines += what == INFLUX_CSV_ANNOTATION;
    in->notes->headers += what == INFLUX_CSV_HEADER;
    return what == INFLUX_CSV_POINT ? point_put(in, row->line, e) : 0;
}

static int points_read(struct influx *in, struct err *e)
{
    struct line_row row;
    int rc = lines_row(&in->lines, &row, e);
    if (rc == 1 && influx_csv_is(row.chars, row.bytes)) {
        in->csv = influx_csv_make();
        in->lines.quotes_matter = true;
        rc = in->csv != NULL ? lines_row(&in->lines, &row, e) : err_memory(e, "an import");
    }
    for (int64_t n = 1; rc == 1; n++) {
        rc = in->csv != NULL ? csv_put(in, &row, e) : line_put(in, &row, e);
        lines_take(&in->lines, &row, row.open);
        if (rc == 0 && n % LOOK_LINES == 0 && in->o->stop != NULL && *in->o->stop != 0) {
            rc = ERR_INTERRUPTED;
        }
        if (rc == 0 && n % LOOK_LINES == 0 && in->o->progress != NULL) {
            struct import_progress p = {in->lines.offset, in->lines.bytes, 0};
            in->o->progress(in->o->progress_self, &p);
        }
        rc = rc == 0 ? lines_row(&in->lines, &row, e) : rc;
    }
    return rc;
}

/* --- Out of it -------------------------------------------------------------------------------- */

/* Tags are columns too: they become names behind the fields'. */
static int tags_name(struct influx *in, struct err *e)
{
    for (int s = 0; s < in->series.n; s++) {
        const char *at = in->series.word[s];
        while (*at != '\0') {
            size_t key = strcspn(at, "\x1f");
            char name[SERIES_BYTES];
            snprintf(name, sizeof name, "%.*s", (int)key, at);
            if (word_number(&in->names, name) < 0) {
                return too_many(in, e);
            }
            at += strcspn(at, "\x1e");
            at += *at != '\0';
        }
    }
    return 0;
}

static int names_map(struct influx *in, struct err *e)
{
    int rc = tags_name(in, e);
    if (rc == 0 && in->names.n == 0) {
        rc = err_input(e, in->path, NULL,
                       "holds no point of the measurement %s, in line protocol or annotated CSV",
                       measurement_wanted);
    }
    if (rc == 0) {
        rc = columns_map(in->path, in->names.word, in->names.n, in->o->map, LAYER_RAN, &in->map, e);
    }
    in->time_column = columns_find("gnb_timestamp_ms");
    for (int i = 0; rc == 0 && i < in->map.n_fields; i++) {
        int column = in->map.column_of[i];
        if (column >= 0 && column_reading(column) == READ_HEX) {
            in->map.reading[i] = READ_HEX; /* the tag rnti is written by %04x */
        }
        if (column == in->time_column) { /* the point's own time is as good */
            in->map.column_of[i] = COLUMN_NONE;
            in->map.n_mapped--;
        }
    }
    if (rc == 0) {
        in->seen = calloc((size_t)in->names.n + 1, sizeof *in->seen);
        rc = in->seen != NULL ? cells_open(&in->cells, &in->map, e) : err_memory(e, "an import");
        in->cells.always_ms = true;
        in->map.has[LAYER_RAN] = true;
    }
    return rc;
}

static int select_begin(struct influx *in, struct err *e)
{
    bool ok = sqlite3_exec(in->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(in->db,
                                 "SELECT time, series, name, value FROM point "
                                 "ORDER BY time, series, rowid",
                                 -1, &in->select, NULL) == SQLITE_OK;
    int step = ok ? sqlite3_step(in->select) : SQLITE_ERROR;
    in->more = step == SQLITE_ROW;
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : db_failed(in, e);
}

int influx_open(struct influx **influx, const char *path, const struct import_options *o,
                struct import_notes *notes, struct err *e)
{
    struct influx *in = calloc(1, sizeof *in);
    *influx = in;
    if (in == NULL) {
        return err_memory(e, "an import");
    }
    in->path = path;
    in->notes = notes;
    in->o = o;
    in->names.max = NAMES_MAX;
    in->series.max = SERIES_MAX;
    int rc = lines_open(&in->lines, path, false, e);
    rc = rc == 0 ? db_open(in, e) : rc;
    rc = rc == 0 ? points_read(in, e) : rc;
    rc = rc == 0 ? names_map(in, e) : rc;
    rc = rc == 0 ? select_begin(in, e) : rc;
    if (rc != 0) {
        influx_close(in);
        *influx = NULL;
    }
    return rc;
}

void influx_close(struct influx *in)
{
    if (in == NULL) {
        return;
    }
    sqlite3_finalize(in->insert);
    sqlite3_finalize(in->select);
    sqlite3_close(in->db);
    lines_close(&in->lines);
    influx_csv_free(in->csv);
    cells_close(&in->cells);
    columns_map_free(&in->map);
    words_free(&in->names);
    words_free(&in->series);
    free(in->seen);
    free(in);
}

static const char *name_put(struct influx *in, int name, const char *value, char *why)
{
    in->seen[name] = in->row;
    return cells_put(&in->cells, name, value, strlen(value), why);
}

/* The tags of a series into the row. */
static const char *series_put(struct influx *in, int series, char *why)
{
    char text[SERIES_BYTES];
    snprintf(text, sizeof text, "%s", in->series.word[series]);
    const char *bad = NULL;
    for (char *at = text; *at != '\0' && bad == NULL;) {
        char *value = strchr(at, '\x1f');
        char *end = strchr(at, '\x1e');
        *value++ = '\0';
        *end = '\0';
        bad = name_put(in, word_number(&in->names, at), value, why);
        at = end + 1;
    }
    return bad;
}

/* Puts all points of one series at one time; NULL or what is wrong. */
static const char *row_put(struct influx *in, char *why)
{
    int64_t time = sqlite3_column_int64(in->select, 0);
    int series = sqlite3_column_int(in->select, 1);
    char ms[32];
    in->row++;
    in->last_time = time;
    snprintf(ms, sizeof ms, "%" PRId64, (int64_t)(time / NS_PER_MS));
    const char *bad = cells_put_column(&in->cells, in->time_column, READ_TIME, false, "timestamp",
                                       ms, strlen(ms), why);
    bad = bad == NULL ? series_put(in, series, why) : bad;
    do {
        int name = sqlite3_column_int(in->select, 2);
        const char *value = (const char *)sqlite3_column_text(in->select, 3);
        if (bad == NULL) {
            bad = name_put(in, name, value != NULL ? value : "", why);
        }
        in->more = sqlite3_step(in->select) == SQLITE_ROW;
    } while (in->more && sqlite3_column_int64(in->select, 0) == time &&
             sqlite3_column_int(in->select, 1) == series);
    for (int i = 0; i < in->names.n && bad == NULL; i++) { /* not said at this time */
        if (in->seen[i] != in->row) {
            bad = cells_put(&in->cells, i, "", 0, why);
        }
    }
    return bad;
}

int influx_next(struct influx *in, struct err *e)
{
    char why[CELL_WHY_BYTES];
    while (in->more) {
        const char *bad = row_put(in, why);
        if (bad == NULL) {
            in->notes->rows++;
            return 1;
        }
        /* A row has no line of its own: its points may lie all over the file. */
        char told[CELL_WHY_BYTES];
        snprintf(told, sizeof told, "at %" PRId64 " ns: %.120s", in->last_time, bad);
        int rc = notes_bad(in->notes, in->path, 0, told, e);
        if (rc != 0) {
            return rc;
        }
    }
    int rc = sqlite3_errcode(in->db);
    return rc == SQLITE_DONE || rc == SQLITE_OK || rc == SQLITE_ROW ? 0 : db_failed(in, e);
}

struct cells *influx_cells(struct influx *in)
{
    return &in->cells;
}

const struct lines *influx_lines(const struct influx *in)
{
    return &in->lines;
}
