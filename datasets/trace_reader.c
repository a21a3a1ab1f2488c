/* trace_reader.c - request traces, whatever they are written in. */
#include "datasets/trace_reader.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <csv.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "datasets/timestamp.h"

enum {
    LINE_BYTES_MAX = 1 << 20,
    TOKENS_MAX = 1000000000,
    MOONCAKE_BLOCK_TOKENS = 512, /* Mooncake's trace README: one hash id per 512 tokens */
    FIELD_BYTES = 64             /* longest value that can be a number or a time */
};

/* 10^5 years: no trace is longer, and every product with it stays far inside int64_t. */
static const double arrival_s_max = 1e9;

enum column { COLUMN_ARRIVAL, COLUMN_INPUT, COLUMN_OUTPUT, COLUMNS };

static const char *const column_names[][COLUMNS] = {
    [TRACE_AZURE] = {"TIMESTAMP", "ContextTokens", "GeneratedTokens"},
    [TRACE_MOONCAKE] = {"timestamp", "input_length", "output_length"},
    [TRACE_CSV] = {"arrival_s", "input_tokens", "output_tokens"},
};

struct reader {
    const char *path;
    enum trace_format format;
    int64_t line; /* from 1 */
    char place[32];
    struct trace trace;
    size_t items_room, blocks_room;
    struct trace_notes notes;
    struct err *err;
    int code; /* of the first error; later rows are passed over */

    /* CSV */
    bool has_header;
    int field;              /* index of the next field in this row */
    int column_at[COLUMNS]; /* field index of each column, from the header */
    char values[COLUMNS][FIELD_BYTES];
    bool has_value[COLUMNS];
};

/* --- Items ------------------------------------------------------------------------------------ */

static const char *reader_place(struct reader *r)
{
    snprintf(r->place, sizeof r->place, "line %" PRId64, r->line);
    return r->place;
}

/* Reports the first error, at the line that is being read. */
#define READER_FAIL(r, ...)                                                                        \
    do {                                                                                           \
        if ((r)->code == 0) {                                                                      \
            (r)->code = err_input((r)->err, (r)->path, reader_place(r), __VA_ARGS__);              \
        }                                                                                          \
    } while (0)

/* Room for one more of items[0..n); `*items` is NULL when there is no memory. */
static bool grow(void **items, size_t n, size_t *room, size_t bytes)
{
    if (n < *room) {
        return true;
    }
    size_t more = *room == 0 ? 1024 : *room * 2;
    void *grown = realloc(*items, more * bytes);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *room = more;
    return true;
}

static void item_add(struct reader *r, int64_t arrival_ns, int64_t input, int64_t output)
{
    struct trace *t = &r->trace;
    void *items = t->items;
    if (!grow(&items, t->n, &r->items_room, sizeof *t->items)) {
        r->code = err_memory(r->err, "reading a trace");
        return;
    }
    t->items = items;
    r->notes.zero_input += input == 0;
    r->notes.zero_output += output == 0;
    t->items[t->n++] = (struct trace_item){
        .arrival_ns = arrival_ns,
        .input_tokens = input > 0 ? input : 1,
        .output_tokens = output > 0 ? output : 1,
        .first_block = (uint32_t)t->n_blocks,
    };
}

static void block_add(struct reader *r, int64_t id)
{
    struct trace *t = &r->trace;
    void *blocks = t->blocks;
    if (t->n_blocks == UINT32_MAX ||
        !grow(&blocks, t->n_blocks, &r->blocks_room, sizeof *t->blocks)) {
        r->code = err_memory(r->err, "reading a trace");
        return;
    }
    t->blocks = blocks;
    assert(t->items != NULL); /* its item came first */
    t->blocks[t->n_blocks++] = id;
    t->items[t->n - 1].n_blocks++;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* A decimal number and nothing else: no hexadecimal, no "inf", no blanks. */
static bool number_read(const char *text, double *value)
{
    char *end;
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) {
        return false;
    }
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

/* A count of tokens out of a number; reports what is wrong with it. */
static int64_t tokens_of(struct reader *r, enum column column, double value, const char *text)
{
    const char *name = column_names[r->format][column];
    if (value < 0) {
        READER_FAIL(r, "%s is %s; a request cannot have fewer than 0 tokens", name, text);
    } else if (value > TOKENS_MAX) {
        READER_FAIL(r, "%s is %s; at most %d tokens are possible", name, text, TOKENS_MAX);
    } else if (value != floor(value)) {
        READER_FAIL(r, "%s is %s; write a whole number of tokens", name, text);
    } else {
        return (int64_t)value;
    }
    return 0;
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* What does not fit or holds a NUL is marked so that it reads as no number. */
static void field_copy(char text[FIELD_BYTES], const char *chars, size_t bytes)
{
    size_t kept = bytes < FIELD_BYTES ? bytes : FIELD_BYTES - 1;
    for (size_t i = 0; i < kept; i++) {
        text[i] = chars[i] != '\0' ? chars[i] : '?';
    }
    text[kept] = '\0';
    if (kept < bytes) {
        memcpy(text + kept - 3, "...", 3);
    }
}

static void csv_field(void *chars, size_t bytes, void *self)
{
    struct reader *r = self;
    int field = r->field++;
    char text[FIELD_BYTES];
    field_copy(text, chars, bytes);
    for (int c = 0; c < COLUMNS; c++) {
        if (!r->has_header) {
            if (strcmp(text, column_names[r->format][c]) == 0) {
                if (r->column_at[c] >= 0) {
                    READER_FAIL(r, "column %s is there twice", text);
                }
                r->column_at[c] = field;
            }
        } else if (r->column_at[c] == field) {
            memcpy(r->values[c], text, sizeof text);
            r->has_value[c] = bytes > 0;
        }
    }
}

static void csv_header_end(struct reader *r)
{
    r->has_header = true;
    for (int c = 0; c < COLUMNS; c++) {
        if (r->column_at[c] < 0) {
            const char *const *names = column_names[r->format];
            READER_FAIL(r, "no column %s; the header line must name %s, %s and %s", names[c],
                        names[0], names[1], names[2]);
        }
    }
}

static void csv_row_end(int end, void *self)
{
    (void)end;
    struct reader *r = self;
    if (!r->has_header) {
        csv_header_end(r);
    } else if (r->code == 0) {
        const char *const *names = column_names[r->format];
        int64_t arrival_ns = 0, tokens[COLUMNS] = {0};
        for (int c = 0; c < COLUMNS && r->code == 0; c++) {
            double value = 0;
            if (!r->has_value[c]) {
                READER_FAIL(r, "no value for %s", names[c]);
            } else if (c == COLUMN_ARRIVAL && r->format == TRACE_AZURE) {
                if (!timestamp_read(r->values[c], &arrival_ns)) {
                    READER_FAIL(r, "%s is '%s'; write it like 2023-11-16 18:17:03.9799600",
                                names[c], r->values[c]);
                }
            } else if (!number_read(r->values[c], &value)) {
                READER_FAIL(r, "%s is '%s', not a number", names[c], r->values[c]);
            } else if (c == COLUMN_ARRIVAL) {
                if (value < 0 || value > arrival_s_max) {
                    READER_FAIL(r, "%s is %s; write seconds from 0 to %g", names[c], r->values[c],
                                arrival_s_max);
                } else {
                    arrival_ns = ns_of_s(value);
                }
            } else {
                tokens[c] = tokens_of(r, (enum column)c, value, r->values[c]);
            }
        }
        if (r->code == 0) {
            item_add(r, arrival_ns, tokens[COLUMN_INPUT], tokens[COLUMN_OUTPUT]);
        }
    }
    r->field = 0;
    memset(r->has_value, 0, sizeof r->has_value);
}

/* Line by line, so that an error knows its line (libcsv counts none). */
static void csv_line(struct reader *r, struct csv_parser *parser, const char *line, size_t bytes)
{
    if (csv_parse(parser, line, bytes, csv_field, csv_row_end, r) != bytes) {
        if (csv_error(parser) == CSV_EPARSE) {
            READER_FAIL(r, "a quote stands where none may; quote whole fields and double the "
                           "quotes inside");
        } else {
            r->code = err_memory(r->err, "reading a trace");
        }
    }
}

/* --- Mooncake --------------------------------------------------------------------------------- */

static double json_number(struct reader *r, const cJSON *object, enum column column, char text[32])
{
    const char *name = column_names[r->format][column];
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    if (node == NULL) {
        READER_FAIL(r, "no \"%s\"", name);
    } else if (!cJSON_IsNumber(node) || !isfinite(node->valuedouble)) {
        READER_FAIL(r, "\"%s\" is not a number", name);
    } else {
        snprintf(text, 32, "%.15g", node->valuedouble);
        return node->valuedouble;
    }
    return 0;
}

static void mooncake_line(struct reader *r, const char *line, size_t bytes)
{
    const char *end = line;
    cJSON *object = cJSON_ParseWithLengthOpts(line, bytes, &end, false);
    size_t used = object != NULL ? (size_t)(end - line) : 0;
    while (object != NULL && used < bytes && strchr(" \t\r\n", line[used]) != NULL &&
           line[used] != '\0') {
        used++;
    }
    if (object == NULL || used != bytes || !cJSON_IsObject(object)) {
        READER_FAIL(r, "not one JSON object; write {\"timestamp\": ms, \"input_length\": tokens, "
                       "\"output_length\": tokens}");
        cJSON_Delete(object);
        return;
    }
    char text[32];
    double ms = json_number(r, object, COLUMN_ARRIVAL, text);
    if (ms < 0 || ms > arrival_s_max * 1e3) {
        READER_FAIL(r, "\"timestamp\" is %s; write milliseconds from 0 to %g", text,
                    arrival_s_max * 1e3);
    }
    double input = json_number(r, object, COLUMN_INPUT, text);
    int64_t input_tokens = tokens_of(r, COLUMN_INPUT, input, text);
    double output = json_number(r, object, COLUMN_OUTPUT, text);
    int64_t output_tokens = tokens_of(r, COLUMN_OUTPUT, output, text);
    if (r->code == 0) {
        item_add(r, llround(ms * (double)NS_PER_MS), input_tokens, output_tokens);
    }
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(object, "hash_ids");
    if (ids != NULL && !cJSON_IsArray(ids)) {
        READER_FAIL(r, "\"hash_ids\" is not a list");
    }
    const cJSON *id;
    cJSON_ArrayForEach(id, ids)
    {
        if (r->code != 0) {
            break;
        }
        if (!cJSON_IsNumber(id) || id->valuedouble != floor(id->valuedouble) ||
            fabs(id->valuedouble) > 0x1p53) {
            READER_FAIL(r, "\"hash_ids\" holds something that is not a whole number");
        } else {
            block_add(r, (int64_t)id->valuedouble);
        }
    }
    cJSON_Delete(object);
}

/* --- The file --------------------------------------------------------------------------------- */

static bool line_is_blank(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n') {
            return false;
        }
    }
    return true;
}

static void lines_read(struct reader *r, FILE *in)
{
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        r->code = err_memory(r->err, "reading a trace");
        return;
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while (r->code == 0 && (got = getline(&line, &room, in)) >= 0) {
        size_t bytes = (size_t)got;
        const char *text = line;
        r->line++;
        if (r->line == 1 && bytes >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            text += 3; /* a byte-order mark */
            bytes -= 3;
        }
        if (bytes > LINE_BYTES_MAX) {
            READER_FAIL(r, "longer than %d bytes; this is no trace", LINE_BYTES_MAX);
        } else if (r->format != TRACE_MOONCAKE) {
            csv_line(r, &parser, text, bytes);
        } else if (!line_is_blank(text, bytes)) {
            mooncake_line(r, text, bytes);
        }
    }
    if (r->code == 0 && ferror(in)) {
        r->code = err_input(r->err, r->path, NULL, "cannot be read: %s", strerror(errno));
    }
    if (r->code == 0 && r->format != TRACE_MOONCAKE &&
        csv_fini(&parser, csv_field, csv_row_end, r) != 0) {
        READER_FAIL(r, "the file ends inside a quoted field");
    }
    csv_free(&parser);
    free(line);
}

struct item_at {
    struct trace_item item;
    size_t line; /* its place in the file */
};

static int item_compare(const void *a, const void *b)
{
    const struct item_at *x = a, *y = b;
    if (x->item.arrival_ns != y->item.arrival_ns) {
        return x->item.arrival_ns < y->item.arrival_ns ? -1 : 1;
    }
    return x->line < y->line ? -1 : 1;
}

/* By arrival, ties in the order of the file; arrivals then count from the first. */
static int items_sort(struct reader *r)
{
    struct trace *t = &r->trace;
    assert(t->n > 0 && t->items != NULL);
    for (size_t i = 1; i < t->n && !r->notes.was_unsorted; i++) {
        r->notes.was_unsorted = t->items[i].arrival_ns < t->items[i - 1].arrival_ns;
    }
    if (r->notes.was_unsorted) {
        struct item_at *order = calloc(t->n, sizeof *order);
        if (order == NULL) {
            return err_memory(r->err, "sorting a trace");
        }
        for (size_t i = 0; i < t->n; i++) {
            order[i] = (struct item_at){t->items[i], i};
        }
        qsort(order, t->n, sizeof *order, item_compare);
        for (size_t i = 0; i < t->n; i++) {
            t->items[i] = order[i].item;
        }
        free(order);
    }
    int64_t first_ns = t->items[0].arrival_ns;
    for (size_t i = 0; i < t->n; i++) {
        t->items[i].arrival_ns -= first_ns;
    }
    return 0;
}

static FILE *trace_open(const char *path, struct err *e)
{
    struct stat st;
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        err_input(e, path, NULL, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    if (fstat(fileno(in), &st) != 0 || S_ISDIR(st.st_mode)) {
        err_input(e, path, NULL, "is a folder; name a trace file");
        fclose(in);
        return NULL;
    }
    return in;
}

int trace_read(const char *path, enum trace_format format, struct trace *trace,
               struct trace_notes *notes, struct err *e)
{
    struct reader r = {.path = path, .format = format, .err = e, .column_at = {-1, -1, -1}};
    *trace = (struct trace){0};
    FILE *in = trace_open(path, e);
    if (in == NULL) {
        return ERR_INPUT;
    }
    lines_read(&r, in);
    fclose(in);
    if (r.code == 0 && r.trace.n == 0) {
        r.code = err_input(e, path, NULL, "holds no requests");
    }
    if (r.code == 0) {
        r.code = items_sort(&r);
    }
    if (r.code != 0) {
        trace_free(&r.trace);
        return r.code;
    }
    r.trace.block_tokens = r.trace.n_blocks > 0 ? MOONCAKE_BLOCK_TOKENS : 0;
    *trace = r.trace;
    if (notes != NULL) {
        *notes = r.notes;
    }
    return 0;
}

void trace_free(struct trace *trace)
{
    free(trace->items);
    free(trace->blocks);
    *trace = (struct trace){0};
}
