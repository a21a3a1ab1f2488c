/* import_influx_csv.c - rows of InfluxDB's annotated CSV as points. */
#include "datasets/import_influx_csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/timestamp.h"

enum { FIELDS_MAX = INFLUX_PAIRS };

struct influx_csv {
    struct csv_parser parser;
    char *header[FIELDS_MAX];
    int n_header;
    bool want_header;
    char *text; /* fields of the row at hand, one behind the other */
    size_t bytes, room;
    size_t at[FIELDS_MAX];
    int n, rows;
    bool no_memory;
};

bool influx_csv_is(const char *chars, size_t bytes)
{
    static const char *const begins[] = {"#datatype", "#group", "#default", ",result,table"};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t length = strlen(begins[i]);
        if (bytes >= length && memcmp(chars, begins[i], length) == 0) {
            return true;
        }
    }
    /* InfluxQL's CSV: influx -format csv, or /query with Accept: application/csv. */
    if (bytes > 14 && memcmp(chars, "name,tags,time", 14) == 0) {
        return true;
    }
    return memmem(chars, bytes, "_time", 5) != NULL && memmem(chars, bytes, "\n", 1) != NULL &&
           memmem(chars, bytes, "=", 1) == NULL;
}

struct influx_csv *influx_csv_make(void)
{
    struct influx_csv *c = calloc(1, sizeof *c);
    if (c != NULL && csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        free(c);
        return NULL;
    }
    if (c != NULL) {
        c->want_header = true;
    }
    return c;
}

static void header_free(struct influx_csv *c)
{
    for (int i = 0; i < c->n_header; i++) {
        free(c->header[i]);
    }
    c->n_header = 0;
}

void influx_csv_free(struct influx_csv *c)
{
    if (c != NULL) {
        header_free(c);
        csv_free(&c->parser);
        free(c->text);
        free(c);
    }
}

static void field_keep(void *chars, size_t bytes, void *self)
{
    struct influx_csv *c = self;
    if (c->n == FIELDS_MAX || c->no_memory) {
        c->n += c->n == FIELDS_MAX ? 0 : 1;
        return;
    }
    if (c->bytes + bytes + 1 > c->room) {
        size_t more = 2 * (c->bytes + bytes + 1);
        char *grown = realloc(c->text, more);
        if (grown == NULL) {
            c->no_memory = true;
            return;
        }
        c->text = grown;
        c->room = more;
    }
    c->at[c->n++] = c->bytes;
    if (bytes > 0) {
        memcpy(c->text + c->bytes, chars, bytes);
    }
    c->bytes += bytes;
    c->text[c->bytes++] = '\0';
}

static void row_count(int end, void *self)
{
    (void)end;
    ((struct influx_csv *)self)->rows++;
}

static const char *header_keep(struct influx_csv *c)
{
    header_free(c);
    for (int i = 0; i < c->n; i++) {
        c->header[i] = strdup(c->text + c->at[i]);
        if (c->header[i] == NULL) {
            return "no memory for the header";
        }
        c->n_header++;
    }
    c->want_header = false;
    return NULL;
}

/* "2025-02-28T14:00:59.841Z", or whole ns. */
static bool time_of(const char *text, int64_t *time)
{
    if (timestamp_read(text, time)) {
        return true;
    }
    char *end;
    *time = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

static bool is_tag(const char *name)
{
    return strcmp(name, "rnti") == 0;
}

/* The answer of InfluxQL: name, tags, time, then the columns that were selected. */
static bool is_query(const struct influx_csv *c)
{
    return c->n_header > 3 && strcmp(c->header[0], "name") == 0 &&
           strcmp(c->header[1], "tags") == 0 && strcmp(c->header[2], "time") == 0;
}

static const char *point_of(struct influx_csv *c, struct influx_point *p)
{
    const char *field = NULL, *value = NULL;
    p->measurement = "ue_metrics"; /* a query may have dropped the column */
    p->n_tags = p->n_fields = 0;
    p->has_time = false;
    for (int i = 0; i < c->n; i++) {
        const char *name = c->header[i], *text = c->text + c->at[i];
        if (strcmp(name, "_field") == 0) {
            field = text;
        } else if (strcmp(name, "_value") == 0) {
            value = text;
        } else if (strcmp(name, "_measurement") == 0 || (is_query(c) && i == 0)) {
            p->measurement = text;
        } else if ((strcmp(name, "_time") == 0 || (is_query(c) && i == 2)) && text[0] != '\0') {
            p->has_time = time_of(text, &p->time);
            if (!p->has_time) {
                return "_time is no time like 2025-02-28T14:00:59.841Z";
            }
        }
    }
    for (int i = 0; i < c->n; i++) {
        const char *name = c->header[i], *text = c->text + c->at[i];
        if (name[0] == '_' || name[0] == '\0' || (is_query(c) && i < 3) ||
            strcmp(name, "result") == 0 || strcmp(name, "table") == 0) {
            continue;
        }
        if (field != NULL || is_tag(name)) {
            p->tags[p->n_tags++] = (struct influx_pair){name, text};
        } else {
            p->fields[p->n_fields++] = (struct influx_pair){name, text};
        }
    }
    if (field != NULL) {
        p->fields[p->n_fields++] = (struct influx_pair){field, value != NULL ? value : ""};
    }
    return NULL;
}

const char *influx_csv_read(struct influx_csv *c, const struct line_row *row,
                            struct influx_point *point, enum influx_csv_row *what)
{
    *what = INFLUX_CSV_BLANK;
    if (row->is_long) {
        return "the line is longer than 4 MiB";
    }
    if (memchr(row->chars, '\0', row->bytes) != NULL) {
        return "it holds a NUL byte";
    }
    c->n = c->rows = 0;
    c->bytes = 0;
    bool ok = csv_parse(&c->parser, row->chars, row->bytes, field_keep, row_count, c) == row->bytes;
    ok = csv_fini(&c->parser, field_keep, row_count, c) == 0 && ok;
    if (c->no_memory) {
        c->no_memory = false;
        return "no memory for the row";
    }
    if (!ok || row->open) {
        return "its quotes are not in pairs";
    }
    if (c->rows == 0) { /* a blank line ends a table; the next has a header of its own */
        return NULL;
    }
    if (c->text[c->at[0]] == '#') {
        *what = INFLUX_CSV_ANNOTATION;
        c->want_header = true;
        return NULL;
    }
    if (c->want_header) {
        *what = INFLUX_CSV_HEADER;
        return header_keep(c);
    }
    if (c->n != c->n_header || c->rows > 1) {
        return "it has another number of fields than its header";
    }
    *what = INFLUX_CSV_POINT;
    return point_of(c, point);
}
