/* export.c - tables, and the view of all metrics, as CSV or aligned text. */
#include "datasets/export.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "datasets/order.h"
#include "datasets/schema.h"
#include "datasets/wide.h"

enum {
    COLUMNS_MAX = 64, /* the view has 60 */
    VIEW_KEYS = 2,    /* run_id and request_id, before its metrics */
    MEMO_NUMBERS = 4096,
    TEXT_WIDTH_MAX = 40, /* characters of a cell in the aligned form */
    NUMBER_BYTES = 40,
    SQL_BYTES = 4096
};

struct cell_text {
    const char *chars;
    size_t bytes;
    char number[NUMBER_BYTES];
};

/* Numbers that were written lately: many columns repeat theirs in every row, and finding the fewest
 * digits of one costs as much as a hundred integers. */
struct memo {
    uint64_t bits[MEMO_NUMBERS];
    struct memo_text {
        uint8_t bytes; /* 0: none */
        char chars[NUMBER_BYTES - 1];
    } texts[MEMO_NUMBERS];
};

/* The rows of a table, or those of the view of all 58 metrics, which wide.h reads faster. */
struct rows {
    struct store *store;
    const struct schema_table *table; /* NULL: the view */
    int n;
    const char *names[COLUMNS_MAX];
    enum schema_type types[COLUMNS_MAX];
    sqlite3_stmt *statement;
    struct wide *wide;
    const struct wide_row *row;
    struct memo *memo;
};

/* --- Cells ------------------------------------------------------------------------------------ */

static void cell_integer(int64_t value, struct cell_text *cell)
{
    char digits[NUMBER_BYTES];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    cell->bytes = sizeof digits - at;
    memcpy(cell->number, digits + at, cell->bytes);
    cell->number[cell->bytes] = '\0';
}

static void cell_real(struct memo *memo, double value, struct cell_text *cell)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* Multiplicative hashing: Knuth, The Art of Computer Programming 3, 6.4. */
    size_t i = (size_t)(bits * 0x9e3779b97f4a7c15U >> 32) % MEMO_NUMBERS;
    struct memo_text *kept = &memo->texts[i];
    if (kept->bytes == 0 || memo->bits[i] != bits) {
        struct text text = {0};
        text_add_number(&text, value);
        memo->bits[i] = bits;
        kept->bytes = (uint8_t)snprintf(kept->chars, sizeof kept->chars, "%s", text.chars);
    }
    cell->bytes = kept->bytes;
    memcpy(cell->number, kept->chars, sizeof kept->chars);
}

static void cell_text(const char *chars, struct cell_text *cell)
{
    if (chars != NULL) {
        cell->chars = chars;
        cell->bytes = strlen(chars);
    }
}

static void cell_of_statement(const struct rows *rows, int i, struct cell_text *cell)
{
    sqlite3_stmt *row = rows->statement;
    switch (sqlite3_column_type(row, i)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        cell_integer(sqlite3_column_int64(row, i), cell);
        break;
    case SQLITE_FLOAT:
        cell_real(rows->memo, sqlite3_column_double(row, i), cell);
        break;
    default:
        cell_text((const char *)sqlite3_column_text(row, i), cell);
    }
}

static void cell_of_wide(const struct rows *rows, int i, struct cell_text *cell)
{
    const struct wide_row *row = rows->row;
    if (i < VIEW_KEYS) {
        int64_t request = row->request != NULL ? row->request->request_id : RECORD_NO_INT;
        int64_t key = i == 0 ? row->run_id : request;
        if (key != RECORD_NO_INT) {
            cell_integer(key, cell);
        }
        return;
    }
    const struct schema_metric *metric = &schema_metrics[i - VIEW_KEYS];
    const void *value = wide_value(row, metric);
    if (value == NULL) {
        return;
    }
    if (metric->column->type == SCHEMA_INT) {
        if (*(const int64_t *)value != RECORD_NO_INT) {
            cell_integer(*(const int64_t *)value, cell);
        }
    } else if (metric->column->type == SCHEMA_REAL) {
        if (!isnan(*(const double *)value)) {
            cell_real(rows->memo, *(const double *)value, cell);
        }
    } else {
        cell_text(*(const char *const *)value, cell);
    }
}

/* NULL is empty. */
static void cell_read(const struct rows *rows, int i, struct cell_text *cell)
{
    cell->chars = cell->number;
    cell->number[0] = '\0';
    cell->bytes = 0;
    if (rows->table != NULL) {
        cell_of_statement(rows, i, cell);
    } else {
        cell_of_wide(rows, i, cell);
    }
}

/* --- Rows ------------------------------------------------------------------------------------- */

static void rows_column(struct rows *rows, const char *name, enum schema_type type)
{
    assert(rows->n < COLUMNS_MAX);
    rows->names[rows->n] = name;
    rows->types[rows->n] = type;
    rows->n++;
}

static void rows_columns(struct rows *rows)
{
    rows->n = 0;
    if (rows->table == NULL) {
        rows_column(rows, "run_id", SCHEMA_INT);
        rows_column(rows, "request_id", SCHEMA_INT);
        for (int i = 0; i < SCHEMA_METRICS; i++) {
            rows_column(rows, schema_metrics[i].column->name, schema_metrics[i].column->type);
        }
        return;
    }
    for (size_t i = 0; i < rows->table->n_columns; i++) {
        const struct schema_column *column = &rows->table->columns[i];
        if (!column->by_clock) {
            rows_column(rows, column->name, column->type);
        }
    }
}

static int rows_fail(const struct rows *rows, struct err *e)
{
    return err_work(e, store_path(rows->store), rows->table->name, "cannot be read: %s",
                    sqlite3_errmsg(store_db(rows->store)));
}

static void rows_close(struct rows *rows)
{
    sqlite3_finalize(rows->statement);
    wide_close(rows->wide);
    rows->statement = NULL;
    rows->wide = NULL;
}

/* Before the first row, also a second time. */
static int rows_open(struct rows *rows, struct err *e)
{
    rows_close(rows);
    rows_columns(rows);
    if (rows->table == NULL) {
        return wide_open(rows->store, 0, &rows->wide, e);
    }
    char sql[SQL_BYTES], order[ORDER_SQL_BYTES];
    int rc = order_by_key(store_db(rows->store), rows->table, 0, order);
    int at = snprintf(sql, SQL_BYTES, "SELECT ");
    for (int i = 0; i < rows->n; i++) {
        at +=
            snprintf(sql + at, (size_t)(SQL_BYTES - at), "%s%s", i > 0 ? ", " : "", rows->names[i]);
    }
    snprintf(sql + at, (size_t)(SQL_BYTES - at), " FROM %s ORDER BY %s", rows->table->name, order);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(store_db(rows->store), sql, -1, &rows->statement, NULL);
    }
    return rc == SQLITE_OK ? 0 : rows_fail(rows, e);
}

/* Steps to the next row; *there: whether there was one. */
static int rows_next(struct rows *rows, bool *there, struct err *e)
{
    if (rows->table == NULL) {
        int code = wide_next(rows->wide, &rows->row, e);
        *there = rows->row != NULL;
        return code;
    }
    int rc = sqlite3_step(rows->statement);
    *there = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : rows_fail(rows, e);
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* RFC 4180: quotes around a field that holds a comma, a quote or a line break. */
static void csv_put(FILE *out, const struct cell_text *cell)
{
    if (cell->chars == cell->number || strpbrk(cell->chars, ",\"\r\n") == NULL) {
        fwrite_unlocked(cell->chars, 1, cell->bytes, out);
        return;
    }
    putc_unlocked('"', out);
    for (const char *c = cell->chars; *c != '\0'; c++) {
        if (*c == '"') {
            putc_unlocked('"', out);
        }
        putc_unlocked(*c, out);
    }
    putc_unlocked('"', out);
}

static void csv_row(FILE *out, const struct rows *rows)
{
    struct cell_text cell;
    for (int i = 0; i < rows->n; i++) {
        cell_read(rows, i, &cell);
        if (i > 0) {
            putc_unlocked(',', out);
        }
        csv_put(out, &cell);
    }
    putc_unlocked('\n', out);
}

static void csv_header(FILE *out, const struct rows *rows)
{
    for (int i = 0; i < rows->n; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", rows->names[i]);
    }
    putc('\n', out);
}

/* --- Aligned text ----------------------------------------------------------------------------- */

static bool utf8_continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* How a cell stands in the aligned form: its first bytes, then dots where it was cut. */
struct cell_view {
    size_t bytes;
    const char *dots;
    int width; /* characters */
};

static struct cell_view cell_view(const struct cell_text *cell)
{
    struct cell_view v = {0, "", 0};
    size_t kept = 0; /* bytes of the first TEXT_WIDTH_MAX - 3 characters */
    for (; v.bytes < cell->bytes; v.bytes++) {
        if (utf8_continues(cell->chars[v.bytes])) {
            continue;
        }
        if (v.width == TEXT_WIDTH_MAX) {
            return (struct cell_view){kept, "...", TEXT_WIDTH_MAX};
        }
        if (v.width == TEXT_WIDTH_MAX - 3) {
            kept = v.bytes;
        }
        v.width++;
    }
    return v;
}

static void cell_put(FILE *out, const struct cell_text *cell, int width, bool right, bool last)
{
    struct cell_view v = cell_view(cell);
    int blanks = width - v.width;
    fprintf(out, "%*s", right ? blanks : 0, "");
    for (size_t i = 0; i < v.bytes; i++) {
        unsigned char c = (unsigned char)cell->chars[i];
        putc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
    fprintf(out, "%s%*s%s", v.dots, right || last ? 0 : blanks, "", last ? "\n" : "  ");
}

static bool is_number(const struct rows *rows, int i)
{
    return rows->types[i] != SCHEMA_TEXT;
}

/* The widest cell of each column, of all rows. */
static int text_measure(struct rows *rows, int widths[COLUMNS_MAX], struct err *e)
{
    for (int i = 0; i < rows->n; i++) {
        widths[i] = (int)strlen(rows->names[i]);
    }
    bool there = false;
    int code;
    while ((code = rows_next(rows, &there, e)) == 0 && there) {
        struct cell_text cell;
        for (int i = 0; i < rows->n; i++) {
            cell_read(rows, i, &cell);
            int width = cell_view(&cell).width;
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    return code;
}

static void text_header(FILE *out, const struct rows *rows, const int widths[COLUMNS_MAX])
{
    for (int i = 0; i < rows->n; i++) {
        struct cell_text cell = {.chars = rows->names[i], .bytes = strlen(rows->names[i])};
        cell_put(out, &cell, widths[i], is_number(rows, i), i + 1 == rows->n);
    }
}

static void text_row(FILE *out, const struct rows *rows, const int widths[COLUMNS_MAX])
{
    struct cell_text cell;
    for (int i = 0; i < rows->n; i++) {
        cell_read(rows, i, &cell);
        cell_put(out, &cell, widths[i], is_number(rows, i), i + 1 == rows->n);
    }
}

/* --- The whole table -------------------------------------------------------------------------- */

const char *const export_names[SCHEMA_TABLES + 2] = {
    "runs",  "requests", "ue_records",      "ran_records",  "server_records",
    "cells", "gpus",     "slice_decisions", "sweep_points", SCHEMA_VIEW};

static int no_such_table(const char *table, struct err *e)
{
    const char *nearest = err_nearest(table, export_names, SCHEMA_TABLES + 1);
    struct text all = {0};
    for (int i = 0; i < SCHEMA_TABLES + 1 && nearest == NULL; i++)
        text_add(&all, "%s%s", i > 0 ? ", " : "", export_names[i]);
    return err_input(e, NULL, NULL,
                     nearest != NULL ? "no table '%s'; use '%s'" : "no table '%s'; use one of %s",
                     table, nearest != NULL ? nearest : all.chars);
}

static int rows_write(struct rows *rows, enum export_format format, FILE *out,
                      struct export_result *result, struct err *e)
{
    int widths[COLUMNS_MAX] = {0};
    int code = rows_open(rows, e);
    if (code == 0 && format == EXPORT_TEXT) {
        code = text_measure(rows, widths, e);
        code = code == 0 ? rows_open(rows, e) : code;
    }
    if (code != 0) {
        return code;
    }
    if (format == EXPORT_CSV) {
        csv_header(out, rows);
    } else {
        text_header(out, rows, widths);
    }
    bool there = false;
    result->rows = 0;
    while (!ferror(out) && (code = rows_next(rows, &there, e)) == 0 && there) {
        if (format == EXPORT_CSV) {
            csv_row(out, rows);
        } else {
            text_row(out, rows, widths);
        }
        result->rows++;
    }
    if (code == 0 && (fflush(out) != 0 || ferror(out))) {
        code = err_work(e, NULL, NULL, "cannot write the table: %s", strerror(errno));
    }
    return code;
}

int export_table(struct store *s, const char *table, enum export_format format, FILE *out,
                 struct export_result *result, struct err *e)
{
    struct rows rows = {.store = s, .table = schema_find(table)};
    if (rows.table == NULL && strcmp(table, SCHEMA_VIEW) != 0) {
        return no_such_table(table, e);
    }
    int64_t runs;
    int code = store_count_runs(s, &runs, &result->incomplete_runs, e);
    if (code != 0) {
        return code;
    }
    rows.memo = calloc(1, sizeof *rows.memo);
    code = rows.memo != NULL ? rows_write(&rows, format, out, result, e)
                             : err_memory(e, "exporting a table");
    rows_close(&rows);
    free(rows.memo);
    return code;
}
