/* import_csv.c - a CSV file as a stream of rows. */
#include "datasets/import_csv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_FIELDS_MAX = 4096,
    HEADER_SEARCH_LINES = 10000, /* of a log before the testbed's header */
};

int notes_bad(struct import_notes *notes, const char *file, int64_t line, const char *why,
              struct err *e)
{
    notes->bad++;
    if (notes->n_first < IMPORT_FIRST) {
        struct import_bad *bad = &notes->first[notes->n_first++];
        *bad = (struct import_bad){.file = file, .line = line};
        snprintf(bad->why, sizeof bad->why, "%s", why);
    }
    if (!notes->strict) {
        return 0;
    }
    char place[32];
    snprintf(place, sizeof place, "line %" PRId64, line);
    return err_input(e, file, place, "%s", why);
}

/* --- The header ------------------------------------------------------------------------------- */

struct header {
    char **fields;
    int n, room;
    int rows;
    bool no_memory;
};

static void header_field(void *chars, size_t bytes, void *self)
{
    struct header *h = self;
    if (h->rows > 0 || h->no_memory || h->n >= HEADER_FIELDS_MAX) {
        return;
    }
    if (h->n == h->room) {
        int more = h->room == 0 ? 64 : 2 * h->room;
        char **grown = realloc(h->fields, (size_t)more * sizeof *grown);
        if (grown == NULL) {
            h->no_memory = true;
            return;
        }
        h->fields = grown;
        h->room = more;
    }
    char *copy = strndup(bytes > 0 ? chars : "", bytes);
    h->no_memory = copy == NULL;
    if (copy != NULL) {
        h->fields[h->n++] = copy;
    }
}

static void header_row(int end, void *self)
{
    (void)end;
    ((struct header *)self)->rows++;
}

static void header_free(struct header *h)
{
    for (int i = 0; i < h->n; i++) {
        free(h->fields[i]);
    }
    free(h->fields);
    *h = (struct header){0};
}

/* Splits one row; false: it is no CSV. */
static bool row_split(struct csv_feed *s, const struct line_row *row,
                      void (*field)(void *, size_t, void *), void (*end)(int, void *), void *self)
{
    bool ok = csv_parse(&s->parser, row->chars, row->bytes, field, end, self) == row->bytes;
    return csv_fini(&s->parser, field, end, self) == 0 && ok;
}

static int header_failed(const struct csv_feed *s, struct err *e)
{
    return s->lenient
               ? err_input(e, s->lines.path, NULL,
                           "no header line of the testbed's gNB (Timestamp, Frame, Slot, IMSI, "
                           "RNTI, ...) in its first %d lines; use kind willm for other CSV files",
                           HEADER_SEARCH_LINES)
               : err_input(e, s->lines.path, "line 1",
                           "none of its columns is known; the first line must name columns, such "
                           "as \"UL Throughput\", or --map say what they are");
}

/* Is this a header line? Then it is s->map. 1: yes, 0: no, or an error. */
static int header_try(struct csv_feed *s, const struct line_row *row, const struct cJSON *given,
                      struct err *e)
{
    struct header h = {0};
    bool split = !row->is_long && !row->open && memchr(row->chars, '\0', row->bytes) == NULL &&
                 row_split(s, row, header_field, header_row, &h);
    int rc = 0;
    if (h.no_memory) {
        rc = err_memory(e, "the columns of a file");
    } else if (split && h.rows == 1 && h.n > 1) {
        rc = columns_map(s->lines.path, h.fields, h.n, given, LAYERS, &s->map, e);
        if (rc == 0) {
            /* Two columns could be the words of a sentence. */
            rc = s->map.n_mapped >= (s->lenient ? 4 : 1) ? 1 : 0;
            if (rc == 0) {
                columns_map_free(&s->map);
            }
        }
    }
    header_free(&h);
    return rc;
}

static int header_read(struct csv_feed *s, const struct cJSON *given, struct err *e)
{
    struct line_row row;
    int rc;
    for (int i = 0; i < (s->lenient ? HEADER_SEARCH_LINES : 1); i++) {
        rc = lines_row(&s->lines, &row, e);
        if (rc <= 0) {
            return rc < 0 ? rc : header_failed(s, e);
        }
        rc = header_try(s, &row, given, e);
        lines_take(&s->lines, &row, rc != 1);
        if (rc != 0) {
            return rc < 0 ? rc : 0;
        }
        s->notes->text_lines += s->lenient;
    }
    return header_failed(s, e);
}

int csv_feed_open(struct csv_feed *s, const char *path, bool lenient, const struct cJSON *given,
                  struct import_notes *notes, struct err *e)
{
    *s = (struct csv_feed){.lenient = lenient, .notes = notes};
    int rc = lines_open(&s->lines, path, !lenient, e);
    if (rc == 0 && csv_init(&s->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        rc = err_memory(e, "reading a file");
    }
    s->has_parser = rc == 0;
    if (rc == 0) {
        rc = header_read(s, given, e);
    }
    if (rc == 0) {
        struct line_row row;
        int more = lines_row(&s->lines, &row, e);
        rc = more > 0    ? cells_open(&s->cells, &s->map, e)
             : more == 0 ? err_input(e, path, NULL, "holds a header and no rows; nothing to import")
                         : more;
    }
    if (rc == 0) {
        s->cells.always_ms = s->map.has[LAYER_SIM];
    } else {
        csv_feed_close(s);
    }
    return rc;
}

void csv_feed_close(struct csv_feed *s)
{
    lines_close(&s->lines);
    if (s->has_parser) {
        csv_free(&s->parser);
    }
    s->has_parser = false;
    cells_close(&s->cells);
    columns_map_free(&s->map);
}

/* --- Rows ------------------------------------------------------------------------------------- */

static void row_field(void *chars, size_t bytes, void *self)
{
    struct csv_feed *s = self;
    const char *text = bytes > 0 ? chars : "";
    int field = s->field++;
    if (field == 0) {
        s->first_is_number = bytes > 0 && isdigit((unsigned char)text[0]);
        s->is_header = true;
    }
    if (s->n_rows > 0) {
        return;
    }
    if (field >= s->map.n_fields) {
        if (bytes > 0) {
            s->bad = "it has more fields than the header";
        }
        return;
    }
    bool was_header = s->is_header;
    s->is_header = was_header && strcmp(text, s->map.header[field]) == 0;
    if (was_header && !s->is_header) { /* a value that is its column's name, then */
        for (int i = 0; i < field && s->bad == NULL; i++) {
            const char *name = s->map.header[i];
            s->bad = cells_put(&s->cells, i, name, strlen(name), s->why);
        }
    }
    if (s->bad == NULL && !s->is_header) {
        s->bad = cells_put(&s->cells, field, text, bytes, s->why);
    }
}

static void row_end(int end, void *self)
{
    (void)end;
    ((struct csv_feed *)self)->n_rows++;
}

/* Fields that are missing at the end are fine where the header has no name either. */
static bool row_is_short(const struct csv_feed *s)
{
    for (int i = s->field; i < s->map.n_fields; i++) {
        if (s->map.header[i][0] != '\0') {
            return true;
        }
    }
    return false;
}

static bool line_is_blank(const struct line_row *row)
{
    for (size_t i = 0; i < row->bytes; i++) {
        if (!isspace((unsigned char)row->chars[i])) {
            return false;
        }
    }
    return !row->is_long;
}

/* NULL: a good row is in the cells; else what is wrong. */
static const char *row_read(struct csv_feed *s, const struct line_row *row)
{
    s->field = s->n_rows = 0;
    s->bad = NULL;
    s->is_header = s->first_is_number = false;
    if (row->is_long) {
        return "the line is longer than 4 MiB";
    }
    if (memchr(row->chars, '\0', row->bytes) != NULL) {
        return "it holds a NUL byte";
    }
    if (row->open) {
        return "a quote is opened and never closed";
    }
    if (!row_split(s, row, row_field, row_end, s)) {
        return "a quote stands where none may; quote whole fields and double the quotes inside";
    }
    if (s->n_rows > 1) {
        return "a carriage return stands inside the line";
    }
    if (row_is_short(s)) {
        snprintf(s->why, sizeof s->why, "it has %d fields and the header %d", s->field,
                 s->map.n_fields);
        return s->why;
    }
    return s->bad;
}

int csv_feed_next(struct csv_feed *s, struct err *e)
{
    struct line_row row;
    int rc;
    while ((rc = lines_row(&s->lines, &row, e)) == 1) {
        if (line_is_blank(&row)) {
            lines_take(&s->lines, &row, false);
            continue;
        }
        const char *bad = row_read(s, &row);
        bool header = s->is_header && s->field == s->map.n_fields;
        s->row_line = row.line;
        lines_take(&s->lines, &row, bad != NULL && !header);
        if (header) {
            s->notes->headers++;
        } else if (bad == NULL) {
            s->notes->rows++;
            return 1;
        } else if (s->lenient && !s->first_is_number && !row.is_long) {
            s->notes->text_lines++;
        } else if ((rc = notes_bad(s->notes, s->lines.path, row.line, bad, e)) != 0) {
            return rc;
        }
    }
    return rc;
}
