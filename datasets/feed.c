/* feed.c - batches of rows, the thread that writes them, and the virtual tables it reads them by.
 * Invariants F1..F4: see feed.h.
 *
 *     batches, a ring:   queued (the thread's) ... queued | filling (the caller's) | free ... free
 *                        ^ tail                             ^ head
 *
 * seal() queues the batch being filled and waits while no other is free; the thread inserts and
 * clears the batch at the tail. What is shared (queued, stopping, failed) is guarded by `lock`; a
 * batch belongs to the caller or, while it is queued, to the thread.
 *
 * The thread starts with the second batch that finds itself in the queue: small runs have none. */
#include "datasets/feed.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES = 4,         /* measured: 2 stall the simulation, 8 gain nothing */
    TEXT_BYTES = 1 << 16 /* 256 bytes a row of the table with the most text */
};

/* Rows of one table in a batch. */
struct part {
    char *rows; /* FEED_BATCH_ROWS records */
    size_t n;
};

struct batch {
    struct part parts[SCHEMA_TABLES];
    char *text; /* of all its rows */
    size_t text_used, text_room;
};

/* A virtual table: the rows of one table in the batch that is being inserted. */
struct source {
    struct feed *feed;
    enum schema_table_id table;
};

struct source_vtab {
    sqlite3_vtab base;
    const struct source *source;
};

struct source_cursor {
    sqlite3_vtab_cursor base;
    const struct source *source;
    const struct schema_column *columns;
    const char *row, *end;
    size_t row_bytes;
    int64_t run_id;
};

struct feed {
    sqlite3_stmt *insert[SCHEMA_TABLES]; /* [SCHEMA_RUNS] stays NULL */
    size_t *texts[SCHEMA_TABLES];        /* offsets of the texts in a record */
    size_t n_texts[SCHEMA_TABLES];
    struct source sources[SCHEMA_TABLES];
    const struct batch *reading; /* what the virtual tables show */
    int64_t run_id;
    struct batch batches[BATCHES];
    int head; /* the caller's */
    int tail; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, less; /* the queue has grown, has shrunk */
    int queued;
    int failed; /* SQLite's code for the first refusal (F4) */
    bool started, stopping;
};

/* --- A batch as virtual tables (https://www.sqlite.org/vtab.html) ----------------------------- */

static int source_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                          sqlite3_vtab **out, char **error)
{
    (void)argc, (void)argv, (void)error;
    const struct source *source = aux;
    char sql[8192];
    size_t length = schema_create_sql(&schema_tables[source->table], sql, sizeof sql);
    assert(length < sizeof sql);
    (void)length;
    int rc = sqlite3_declare_vtab(db, sql);
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct source_vtab *vtab = calloc(1, sizeof *vtab);
    if (vtab == NULL) {
        return SQLITE_NOMEM;
    }
    vtab->source = source;
    *out = &vtab->base;
    return SQLITE_OK;
}

static int source_disconnect(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

static int source_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab, (void)info; /* there is one way: all rows */
    return SQLITE_OK;
}

static int source_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct source_cursor *cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    cursor->source = ((const struct source_vtab *)vtab)->source;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int source_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int source_filter(sqlite3_vtab_cursor *base, int index, const char *name, int argc,
                         sqlite3_value **argv)
{
    (void)index, (void)name, (void)argc, (void)argv;
    struct source_cursor *cursor = (struct source_cursor *)base;
    const struct feed *feed = cursor->source->feed;
    const struct schema_table *table = &schema_tables[cursor->source->table];
    const struct part *part = &feed->reading->parts[cursor->source->table];
    cursor->columns = table->columns;
    cursor->row_bytes = table->record_bytes;
    cursor->run_id = feed->run_id;
    cursor->row = part->rows;
    cursor->end = part->rows + part->n * table->record_bytes;
    return SQLITE_OK;
}

static int source_next(sqlite3_vtab_cursor *base)
{
    struct source_cursor *cursor = (struct source_cursor *)base;
    cursor->row += cursor->row_bytes;
    return SQLITE_OK;
}

static int source_eof(sqlite3_vtab_cursor *base)
{
    const struct source_cursor *cursor = (const struct source_cursor *)base;
    return cursor->row == cursor->end;
}

/* A result that is not set is NULL; SQLite itself takes NaN for NULL. */
static int source_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int i)
{
    const struct source_cursor *cursor = (const struct source_cursor *)base;
    const struct schema_column *column = &cursor->columns[i];
    if (column->offset == SCHEMA_NO_OFFSET) {
        sqlite3_result_int64(result, cursor->run_id);
        return SQLITE_OK;
    }
    const void *value = cursor->row + column->offset;
    if (column->type == SCHEMA_INT) {
        int64_t integer = *(const int64_t *)value;
        if (integer != RECORD_NO_INT) {
            sqlite3_result_int64(result, integer);
        }
    } else if (column->type == SCHEMA_REAL) {
        sqlite3_result_double(result, *(const double *)value);
    } else {
        const char *text = *(const char *const *)value;
        if (text != NULL) {
            sqlite3_result_text(result, text, -1, SQLITE_STATIC);
        }
    }
    return SQLITE_OK;
}

static int source_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    const struct source_cursor *cursor = (const struct source_cursor *)base;
    *rowid = cursor->end - cursor->row;
    return SQLITE_OK;
}

/* Without xCreate a table is there under its module's name, and in no file. */
static const sqlite3_module source_module = {
    .xConnect = source_connect,
    .xBestIndex = source_best_index,
    .xDisconnect = source_disconnect,
    .xOpen = source_open,
    .xClose = source_close,
    .xFilter = source_filter,
    .xNext = source_next,
    .xEof = source_eof,
    .xColumn = source_column,
    .xRowid = source_rowid,
};

/* OR FAIL: a refused row stops the run (F4), so that nothing needs to be kept to undo the rows of
 * the batch before it; the transaction is never committed. */
static int source_prepare(struct feed *f, sqlite3 *db, enum schema_table_id table)
{
    char name[64], sql[192];
    struct source *source = &f->sources[table];
    *source = (struct source){f, table};
    snprintf(name, sizeof name, "feed_%s", schema_tables[table].name);
    snprintf(sql, sizeof sql, "INSERT OR FAIL INTO %s SELECT * FROM %s", schema_tables[table].name,
             name);
    int rc = sqlite3_create_module(db, name, &source_module, source);
    return rc != SQLITE_OK ? rc
                           : sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                &f->insert[table], NULL);
}

/* --- Batches ---------------------------------------------------------------------------------- */

static bool batch_make(struct batch *b)
{
    b->text_room = TEXT_BYTES;
    b->text = malloc(b->text_room);
    for (int i = SCHEMA_RUNS + 1; b->text != NULL && i < SCHEMA_TABLES; i++) {
        /* What a run has no records of (sweep_points) is written otherwise. */
        size_t bytes = FEED_BATCH_ROWS * schema_tables[i].record_bytes;
        b->parts[i].rows = bytes > 0 ? malloc(bytes) : NULL;
        if (bytes > 0 && b->parts[i].rows == NULL) {
            return false;
        }
    }
    return b->text != NULL;
}

static void batch_free(struct batch *b)
{
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        free(b->parts[i].rows);
    }
    free(b->text);
}

static void batch_clear(struct batch *b)
{
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        b->parts[i].n = 0;
    }
    b->text_used = 0;
}

static bool batch_is_empty(const struct batch *b)
{
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        if (b->parts[i].n > 0) {
            return false;
        }
    }
    return true;
}

/* A copy of `text` in the batch, NULL when there is no room. Most texts are those of the row before
 * (names of cells, slices, models), and then its copy does: `last`. */
static const char *batch_text(struct batch *b, const char *text, const char *last)
{
    if (last != NULL && strcmp(last, text) == 0) {
        return last;
    }
    size_t bytes = strlen(text) + 1;
    if (bytes > b->text_room - b->text_used) {
        return NULL;
    }
    char *copy = memcpy(b->text + b->text_used, text, bytes);
    b->text_used += bytes;
    return copy;
}

static const char *text_at(const char *row, size_t offset)
{
    return *(const char *const *)(row + offset);
}

/* False when the row does not fit. */
static bool batch_add(struct batch *b, const struct feed *f, enum schema_table_id table,
                      const void *row)
{
    struct part *part = &b->parts[table];
    size_t bytes = schema_tables[table].record_bytes;
    assert(part->rows != NULL); /* runs have none */
    if (part->n == FEED_BATCH_ROWS) {
        return false;
    }
    char *copy = part->rows + part->n * bytes;
    memcpy(copy, row, bytes);
    const char *last = part->n > 0 ? copy - bytes : NULL;
    size_t text_used = b->text_used;
    for (size_t i = 0; i < f->n_texts[table]; i++) {
        size_t offset = f->texts[table][i];
        const char *text = text_at(row, offset);
        if (text == NULL) {
            continue;
        }
        const char *kept = batch_text(b, text, last != NULL ? text_at(last, offset) : NULL);
        if (kept == NULL) {
            b->text_used = text_used;
            return false;
        }
        memcpy(copy + offset, &kept, sizeof kept);
    }
    part->n++;
    return true;
}

/* Makes an empty batch large enough for the texts of `row`. */
static bool batch_grow(struct batch *b, const struct feed *f, enum schema_table_id table,
                       const void *row)
{
    size_t bytes = 1;
    for (size_t i = 0; i < f->n_texts[table]; i++) {
        const char *text = text_at(row, f->texts[table][i]);
        bytes += text != NULL ? strlen(text) + 1 : 0;
    }
    char *text = realloc(b->text, bytes);
    if (text == NULL) {
        return false;
    }
    b->text = text;
    b->text_room = bytes;
    return true;
}

static int batch_insert(struct feed *f, const struct batch *b)
{
    f->reading = b;
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < SCHEMA_TABLES; i++) {
        if (b->parts[i].n > 0) {
            int stepped = sqlite3_step(f->insert[i]);
            rc = sqlite3_reset(f->insert[i]);
            assert(rc != SQLITE_OK || stepped == SQLITE_DONE);
            (void)stepped;
        }
    }
    return rc;
}

/* --- The queue -------------------------------------------------------------------------------- */

static void *writer(void *self)
{
    struct feed *f = self;
    pthread_mutex_lock(&f->lock);
    while (true) {
        while (f->queued == 0 && !f->stopping) {
            pthread_cond_wait(&f->more, &f->lock);
        }
        if (f->queued == 0) {
            break;
        }
        struct batch *b = &f->batches[f->tail];
        int rc = f->failed;
        pthread_mutex_unlock(&f->lock);
        if (rc == SQLITE_OK) {
            rc = batch_insert(f, b);
        }
        batch_clear(b);
        f->tail = (f->tail + 1) % BATCHES;
        pthread_mutex_lock(&f->lock);
        f->failed = rc;
        f->queued--;
        pthread_cond_signal(&f->less);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* The thread takes no signal: those that stop a run are the main thread's. */
static bool writer_start(struct feed *f)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    f->started = pthread_create(&f->thread, NULL, writer, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return f->started;
}

/* Inserts the batch being filled here and now; nothing is queued. */
static int insert_here(struct feed *f)
{
    struct batch *b = &f->batches[f->head];
    if (f->failed == SQLITE_OK) {
        f->failed = batch_insert(f, b);
    }
    batch_clear(b);
    return f->failed;
}

/* Hands the batch being filled to the thread, and waits while there is no other to fill. */
static int seal(struct feed *f)
{
    if (!f->started && !writer_start(f)) {
        return insert_here(f);
    }
    pthread_mutex_lock(&f->lock);
    f->queued++;
    pthread_cond_signal(&f->more);
    f->head = (f->head + 1) % BATCHES;
    while (f->queued == BATCHES) {
        pthread_cond_wait(&f->less, &f->lock);
    }
    int rc = f->failed;
    pthread_mutex_unlock(&f->lock);
    return rc;
}

/* --- What others call ------------------------------------------------------------------------- */

int feed_add(struct feed *f, enum schema_table_id table, const void *row)
{
    if (batch_add(&f->batches[f->head], f, table, row)) {
        return SQLITE_OK;
    }
    int rc = batch_is_empty(&f->batches[f->head]) ? SQLITE_OK : seal(f);
    if (rc != SQLITE_OK || batch_add(&f->batches[f->head], f, table, row)) {
        return rc;
    }
    return batch_grow(&f->batches[f->head], f, table, row) &&
                   batch_add(&f->batches[f->head], f, table, row)
               ? SQLITE_OK
               : SQLITE_NOMEM;
}

int feed_drain(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->queued > 0) {
        pthread_cond_wait(&f->less, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return insert_here(f);
}

void feed_set_run(struct feed *f, int64_t run_id)
{
    f->run_id = run_id;
}

/* Lists the texts of every record, so that adding a row need not look at its numbers. */
static bool texts_list(struct feed *f)
{
    for (int t = SCHEMA_RUNS + 1; t < SCHEMA_TABLES; t++) {
        const struct schema_table *table = &schema_tables[t];
        f->texts[t] = calloc(table->n_columns, sizeof f->texts[t][0]);
        if (f->texts[t] == NULL) {
            return false;
        }
        for (size_t i = 0; i < table->n_columns; i++) {
            if (table->columns[i].type == SCHEMA_TEXT) {
                f->texts[t][f->n_texts[t]++] = table->columns[i].offset;
            }
        }
    }
    return true;
}

int feed_open(struct sqlite3 *db, struct feed **feed)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return SQLITE_NOMEM;
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    pthread_cond_init(&f->less, NULL);
    bool made = texts_list(f);
    for (int i = 0; made && i < BATCHES; i++) {
        made = batch_make(&f->batches[i]);
    }
    int rc = made ? SQLITE_OK : SQLITE_NOMEM;
    for (int i = SCHEMA_RUNS + 1; rc == SQLITE_OK && i < SCHEMA_TABLES; i++) {
        rc = source_prepare(f, db, (enum schema_table_id)i);
    }
    if (rc != SQLITE_OK) {
        feed_close(f);
        return rc;
    }
    *feed = f;
    return SQLITE_OK;
}

void feed_close(struct feed *f)
{
    if (f == NULL) {
        return;
    }
    if (f->started) {
        pthread_mutex_lock(&f->lock);
        f->stopping = true;
        pthread_cond_signal(&f->more);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        sqlite3_finalize(f->insert[i]);
        free(f->texts[i]);
    }
    for (int i = 0; i < BATCHES; i++) {
        batch_free(&f->batches[i]);
    }
    pthread_cond_destroy(&f->less);
    pthread_cond_destroy(&f->more);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
