/* export.c - tables as CSV or aligned text. */
#include "datasets/export.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "datasets/schema.h"

enum {
    COLUMNS_MAX = 64,    /* the widest table has 52 */
    TEXT_WIDTH_MAX = 40, /* characters of a cell in the aligned form */
    NUMBER_BYTES = 40,
    SQL_BYTES = 4096
};

struct cell_text {
    const char *chars;
    size_t bytes;
    char number[NUMBER_BYTES];
};

static void cell_number(double value, char out[NUMBER_BYTES])
{
    struct text text = {0};
    text_add_number(&text, value);
    snprintf(out, NUMBER_BYTES, "%.*s", NUMBER_BYTES - 1, text.chars);
}

static void cell_read(sqlite3_stmt *row, int column, struct cell_text *cell)
{
    *cell = (struct cell_text){.chars = cell->number};
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        snprintf(cell->number, NUMBER_BYTES, "%" PRId64,
                 (int64_t)sqlite3_column_int64(row, column));
        break;
    case SQLITE_FLOAT:
        cell_number(sqlite3_column_double(row, column), cell->number);
        break;
    default:
        cell->chars = (const char *)sqlite3_column_text(row, column);
        if (cell->chars == NULL) {
            cell->chars = "";
        }
    }
    cell->bytes = strlen(cell->chars);
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* RFC 4180: quotes around a field that holds a comma, a quote or a line break. */
static void csv_put(FILE *out, const char *chars)
{
    if (strpbrk(chars, ",\"\r\n") == NULL) {
        fputs(chars, out);
        return;
    }
    putc('"', out);
    for (const char *c = chars; *c != '\0'; c++) {
        fputs(*c == '"' ? "\"" : "", out);
        putc(*c, out);
    }
    putc('"', out);
}

static void csv_row(FILE *out, sqlite3_stmt *row, int n)
{
    struct cell_text cell;
    for (int i = 0; i < n; i++) {
        cell_read(row, i, &cell);
        if (i > 0) {
            putc(',', out);
        }
        csv_put(out, cell.chars);
    }
    putc('\n', out);
}

static void csv_header(FILE *out, sqlite3_stmt *rows, int n)
{
    for (int i = 0; i < n; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", sqlite3_column_name(rows, i));
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

struct text_layout {
    int widths[COLUMNS_MAX];
    bool right[COLUMNS_MAX]; /* numbers stand at the right */
};

static void text_measure(sqlite3_stmt *row, int n, struct text_layout *layout)
{
    struct cell_text cell;
    for (int i = 0; i < n; i++) {
        cell_read(row, i, &cell);
        int width = cell_view(&cell).width;
        layout->widths[i] = width > layout->widths[i] ? width : layout->widths[i];
    }
}

static void text_header(FILE *out, sqlite3_stmt *rows, int n, const struct text_layout *layout)
{
    for (int i = 0; i < n; i++) {
        struct cell_text cell = {.chars = sqlite3_column_name(rows, i)};
        cell.bytes = strlen(cell.chars);
        cell_put(out, &cell, layout->widths[i], layout->right[i], i + 1 == n);
    }
}

static void text_row(FILE *out, sqlite3_stmt *row, int n, const struct text_layout *layout)
{
    struct cell_text cell;
    for (int i = 0; i < n; i++) {
        cell_read(row, i, &cell);
        cell_put(out, &cell, layout->widths[i], layout->right[i], i + 1 == n);
    }
}

/* --- The whole table -------------------------------------------------------------------------- */

/* SELECT of what may be exported, in the order of the key; returns the number of columns. */
static int select_sql(const struct schema_table *t, char sql[SQL_BYTES], struct text_layout *layout)
{
    int n = 0;
    int at = snprintf(sql, SQL_BYTES, "SELECT ");
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].by_clock) {
            continue;
        }
        at += snprintf(sql + at, (size_t)(SQL_BYTES - at), "%s%s", n > 0 ? ", " : "",
                       t->columns[i].name);
        layout->right[n] = t->columns[i].type != SCHEMA_TEXT;
        layout->widths[n] = (int)strlen(t->columns[i].name);
        n++;
    }
    snprintf(sql + at, (size_t)(SQL_BYTES - at), " FROM %s ORDER BY %s, rowid", t->name, t->key);
    return n;
}

static int no_such_table(const char *table, struct err *e)
{
    const char *nearest = err_nearest(table, schema_table_names, SCHEMA_TABLES);
    return err_input(e, NULL, NULL, "no table '%s'; use %s%s%s", table,
                     nearest != NULL ? "'" : "runs, requests, ue_records, ran_records, ",
                     nearest != NULL ? nearest : "server_records, cells or gpus",
                     nearest != NULL ? "'" : "");
}

int export_table(struct store *s, const char *table, enum export_format format, FILE *out,
                 struct export_result *result, struct err *e)
{
    const struct schema_table *t = schema_find(table);
    if (t == NULL) {
        return no_such_table(table, e);
    }
    int64_t runs;
    int code = store_count_runs(s, &runs, &result->incomplete_runs, e);
    if (code != 0) {
        return code;
    }
    char sql[SQL_BYTES];
    struct text_layout layout;
    int n = select_sql(t, sql, &layout);
    sqlite3_stmt *rows = NULL;
    int rc = sqlite3_prepare_v2(store_db(s), sql, -1, &rows, NULL);
    if (rc == SQLITE_OK && format == EXPORT_TEXT) {
        while (sqlite3_step(rows) == SQLITE_ROW) {
            text_measure(rows, n, &layout);
        }
        rc = sqlite3_reset(rows); /* tells what stopped it */
    }
    result->rows = 0;
    if (rc == SQLITE_OK) {
        if (format == EXPORT_CSV) {
            csv_header(out, rows, n);
        } else {
            text_header(out, rows, n, &layout);
        }
        while ((rc = sqlite3_step(rows)) == SQLITE_ROW && !ferror(out)) {
            if (format == EXPORT_CSV) {
                csv_row(out, rows, n);
            } else {
                text_row(out, rows, n, &layout);
            }
            result->rows++;
        }
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        code = err_work(e, store_path(s), table, "cannot be read: %s", sqlite3_errmsg(store_db(s)));
    } else if (fflush(out) != 0 || ferror(out)) {
        code = err_work(e, NULL, NULL, "cannot write the table: %s", strerror(errno));
    }
    sqlite3_finalize(rows);
    return code;
}
