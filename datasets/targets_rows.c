/* targets_rows.c - the columns that a file of targets speaks of, read in one pass over a table.
 *
 * A file has dozens of targets of the same few columns; a query for each took a minute and a half
 * on 5 000 000 radio records. */
#include <math.h>
#include <search.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "datasets/targets_measure.h"

enum { ROWS_A_STEP = 65536 }; /* after so many the watcher hears */

const char *target_mode_column(int table)
{
    const char *name = target_table_words[table];
    return strcmp(name, "requests") == 0     ? "mode"
           : strcmp(name, "ue_records") == 0 ? "request_mode"
                                             : NULL;
}

/* --- Which columns ---------------------------------------------------------------------------- */

static bool column_want(struct target_rows *rows, const char *name, bool as_word)
{
    size_t i = 0;
    while (i < rows->n_columns && strcmp(rows->columns[i].name, name) != 0) {
        i++;
    }
    if (i == rows->columns_room) {
        size_t room = i == 0 ? 8 : 2 * i;
        struct target_column *grown = realloc(rows->columns, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        rows->columns = grown;
        rows->columns_room = room;
    }
    if (i == rows->n_columns) {
        rows->columns[rows->n_columns++] = (struct target_column){.name = name};
    }
    *(as_word ? &rows->columns[i].as_word : &rows->columns[i].as_number) = true;
    return true;
}

static bool columns_want(struct target_rows *rows, const struct target *t, int table)
{
    const struct target_applies *a = &t->applies_to;
    bool good = true;
    if (table == RAN_RECORDS) {
        good = column_want(rows, "slice_id", true);
    }
    if (a->scenario != NULL) {
        good = good && column_want(rows, "run_id", false);
    }
    const struct measure_record *r = t->measure.options;
    if (t->measure.index != TARGET_RECORD || r->table != table) {
        return good;
    }
    good = good && column_want(rows, r->column, false);
    if (r->by != NULL) {
        good = good && column_want(rows, r->by, true);
    }
    if (r->where != NULL) {
        good = good && column_want(rows, r->where->column, false);
    }
    if (a->mode != NULL && target_mode_column(table) != NULL) {
        good = good && column_want(rows, target_mode_column(table), true);
    }
    return good;
}

const struct target_column *target_column_of(const struct target_rows *rows, const char *name)
{
    size_t i = 0;
    while (strcmp(rows->columns[i].name, name) != 0) {
        i++;
    }
    return &rows->columns[i];
}

/* --- Reading ---------------------------------------------------------------------------------- */

static bool rows_grow(struct target_rows *rows)
{
    size_t room = rows->room == 0 ? 4096 : 2 * rows->room;
    for (size_t i = 0; i < rows->n_columns; i++) {
        struct target_column *c = &rows->columns[i];
        double *numbers = c->as_number ? realloc(c->numbers, room * sizeof *numbers) : NULL;
        c->numbers = numbers != NULL ? numbers : c->numbers;
        int32_t *words = c->as_word ? realloc(c->words, room * sizeof *words) : NULL;
        c->words = words != NULL ? words : c->words;
        if ((c->as_number && numbers == NULL) || (c->as_word && words == NULL)) {
            return false;
        }
    }
    rows->room = room;
    return true;
}

/* In the tree of a column's texts. */
struct word {
    const char *text;
    int32_t index;
};

static int word_order(const void *a, const void *b)
{
    return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static bool texts_grow(struct target_column *c)
{
    if (c->n_texts < c->texts_room) {
        return true;
    }
    size_t room = c->texts_room == 0 ? 8 : 2 * c->texts_room;
    char **grown = realloc(c->texts, room * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    c->texts = grown;
    c->texts_room = room;
    return true;
}

/* The index of a text, which is new or not; -1: no memory. `like` is that of the row before: rows
 * that follow one another are mostly alike. */
static int32_t word_index(struct target_column *c, const char *text, int32_t like)
{
    if (like >= 0 && strcmp(c->texts[like], text) == 0) {
        return like;
    }
    struct word key = {.text = text};
    struct word **found = (struct word **)tfind(&key, &c->tree, word_order);
    if (found != NULL) {
        return (*found)->index;
    }
    struct word *added = texts_grow(c) ? malloc(sizeof *added) : NULL;
    char *copy = added != NULL ? strdup(text) : NULL;
    if (copy == NULL) {
        free(added);
        return -1;
    }
    *added = (struct word){.text = copy, .index = (int32_t)c->n_texts};
    c->texts[c->n_texts++] = copy;
    return tsearch(added, &c->tree, word_order) != NULL ? added->index : -1;
}

/* The word of a cell in row `at`. A number is written as text only when it is another than that of
 * the row before. */
static bool word_add(struct target_column *c, sqlite3_stmt *q, int i, size_t at)
{
    int type = sqlite3_column_type(q, i);
    bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    double value = number ? sqlite3_column_double(q, i) : NAN;
    int32_t like = at > 0 ? c->words[at - 1] : -1;
    if (number && at > 0 && type == c->last_type && value == c->last) {
        c->words[at] = like;
        return true;
    }
    c->last_type = type;
    c->last = value;
    const char *text = type != SQLITE_NULL ? (const char *)sqlite3_column_text(q, i) : NULL;
    c->words[at] = text != NULL ? word_index(c, text, like) : -1;
    return type == SQLITE_NULL || c->words[at] >= 0;
}

/* Appends the row that a query stands on. */
static bool row_add(struct target_rows *rows, sqlite3_stmt *q)
{
    if (rows->n == rows->room && !rows_grow(rows)) {
        return false;
    }
    size_t at = rows->n++;
    for (size_t i = 0; i < rows->n_columns; i++) {
        struct target_column *c = &rows->columns[i];
        bool empty = sqlite3_column_type(q, (int)i) == SQLITE_NULL;
        if (c->as_number) {
            c->numbers[at] = empty ? NAN : sqlite3_column_double(q, (int)i);
        }
        if (c->as_word && !word_add(c, q, (int)i, at)) {
            return false;
        }
    }
    return true;
}

static double rows_expected(sqlite3 *db, const char *table)
{
    struct text sql = {0};
    text_add(&sql, "SELECT max(rowid) FROM %s", table);
    sqlite3_stmt *q = NULL;
    double n = 0.0;
    if (sqlite3_prepare_v2(db, sql.chars, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        n = sqlite3_column_double(q, 0);
    }
    sqlite3_finalize(q);
    return n;
}

static int rows_read(struct store *s, const struct target_cache *c, const char *table,
                     struct target_rows *rows, struct err *e)
{
    char sql[4096] = "SELECT ";
    size_t length = strlen(sql);
    for (size_t i = 0; i < rows->n_columns && length < sizeof sql; i++) {
        length += (size_t)snprintf(sql + length, sizeof sql - length, "%s%s", i > 0 ? ", " : "",
                                   rows->columns[i].name);
    }
    if (length < sizeof sql) {
        snprintf(sql + length, sizeof sql - length, " FROM %s", table);
    }
    sqlite3 *db = store_db(s);
    double expected = c->watch != NULL ? rows_expected(db, table) : 0.0;
    sqlite3_stmt *q = NULL;
    bool good = true;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(q);
        if (rc != SQLITE_ROW) {
            break;
        }
        good = row_add(rows, q);
        if (!good) {
            break;
        }
        if (c->watch != NULL && rows->n % ROWS_A_STEP == 0 && expected > 0.0) {
            c->watch->step(c->watch->self, (double)rows->n, expected);
        }
    }
    sqlite3_finalize(q);
    if (!good) {
        return err_memory(e, "measuring for a target");
    }
    return rc == SQLITE_DONE
               ? 0
               : err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
}

int target_rows_of(struct store *s, struct target_cache *c, int table,
                   const struct target_rows **out, struct err *e)
{
    struct target_rows *rows = &c->rows[table];
    *out = rows;
    if (rows->n_columns > 0) {
        return 0;
    }
    const struct target *items = c->targets->list.items;
    for (size_t i = 0; i < c->targets->list.n; i++) {
        if (!columns_want(rows, &items[i], table)) {
            return err_memory(e, "measuring for a target");
        }
    }
    return rows_read(s, c, target_table_words[table], rows, e);
}

static void word_free(void *word)
{
    free(word); /* its text is the column's */
}

void target_rows_free(struct target_rows *rows)
{
    for (size_t i = 0; i < rows->n_columns; i++) {
        struct target_column *c = &rows->columns[i];
        tdestroy(c->tree, word_free);
        for (size_t k = 0; k < c->n_texts; k++) {
            free(c->texts[k]);
        }
        free(c->texts);
        free(c->numbers);
        free(c->words);
    }
    free(rows->columns);
    *rows = (struct target_rows){0};
}

/* --- Which rows ------------------------------------------------------------------------------- */

int target_runs_read(struct store *s, const char *where, struct target_runs *out, struct err *e)
{
    sqlite3 *db = store_db(s);
    char sql[2 * SUMMARY_PATTERN_MAX + 256];
    snprintf(sql, sizeof sql, "SELECT run_id FROM runs WHERE 1%s ORDER BY run_id", where);
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    while (rc == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        if ((out->n & (out->n - 1)) == 0) { /* full: doubles at powers of two */
            size_t room = out->n == 0 ? 1 : 2 * out->n;
            int64_t *grown = realloc(out->items, room * sizeof *grown);
            if (grown == NULL) {
                sqlite3_finalize(q);
                return err_memory(e, "measuring for a target");
            }
            out->items = grown;
        }
        out->items[out->n++] = sqlite3_column_int64(q, 0);
    }
    sqlite3_finalize(q);
    return rc == SQLITE_OK
               ? 0
               : err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
}

bool target_runs_have(const struct target_runs *ids, int64_t run)
{
    size_t low = 0, high = ids->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ids->items[middle] < run) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ids->n && ids->items[low] == run;
}

static bool row_chosen(const struct target_choice *c, size_t i)
{
    return !isnan(c->values[i]) && (c->by == NULL || c->by[i] >= 0) &&
           (c->where == NULL || c->where[i] == c->equals) &&
           (c->modes == NULL || (c->mode >= 0 && c->modes[i] == c->mode)) &&
           (c->runs == NULL || target_runs_have(&c->ids, (int64_t)c->runs[i]));
}

int32_t target_text_find(const struct target_column *c, const char *text)
{
    for (size_t i = 0; i < c->n_texts; i++) {
        if (strcmp(c->texts[i], text) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

void target_choice_gather(const struct target_choice *c, size_t n_rows, size_t *sizes,
                          size_t n_groups, double *values)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (row_chosen(c, i)) {
            sizes[c->by != NULL ? c->by[i] : 0]++;
        }
    }
    size_t at = 0;
    for (size_t g = 0; g < n_groups; g++) {
        at += sizes[g];
        sizes[g] = at - sizes[g];
    }
    for (size_t i = 0; i < n_rows; i++) {
        if (row_chosen(c, i)) {
            values[sizes[c->by != NULL ? c->by[i] : 0]++] = c->values[i];
        }
    }
    /* Each now holds where its group ends. */
    for (size_t g = n_groups; g-- > 1;) {
        sizes[g] -= sizes[g - 1];
    }
}
