/* sweep_merge.c - shards into the store of their sweep. Invariants W1..W4: see sweep.h.
 *
 * Every shard has its runs in rising order and the rows of a run together, so one pass over each
 * table of each shard is enough, whatever their number: the runs of all shards are taken in the
 * order of their numbers, each from the cursors of its shard. A transaction ends only between two
 * runs (W2); a shard is removed once everything in it is committed. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/schema.h"
#include "datasets/store.h"
#include "datasets/sweep.h"

enum { SQL_BYTES = 8192 };

struct shard {
    const char *path;
    struct store *store;
    struct cursor {
        sqlite3_stmt *rows;
        bool open, at_row; /* at_row: a row that nobody has taken yet */
    } tables[SCHEMA_TABLES];
};

struct run_at {
    int64_t run_id;
    int shard;
};

struct merge {
    const char *path;
    struct arena arena;
    struct shard *shards;
    int n_shards;
    struct run_at *runs; /* complete ones in shards, by number */
    int64_t n_runs;
    sqlite3 *db; /* the sweep's store, open for writing */
    sqlite3_stmt *insert[SCHEMA_TABLES], *find, *remove;
    int64_t pending; /* rows in the open transaction */
    struct err *e;
};

/* --- Names ------------------------------------------------------------------------------------ */

char *sweep_shard_path(struct arena *a, const char *path, int rank, int thread)
{
    size_t bytes = strlen(path) + 32;
    char *name = arena_alloc(a, bytes);
    if (name != NULL && thread == 0) {
        snprintf(name, bytes, "%s.rank%d", path, rank);
    } else if (name != NULL) {
        snprintf(name, bytes, "%s.rank%d-%d", path, rank, thread);
    }
    return name;
}

/* "rank3" or "rank3-1" and nothing behind it (not "rank3-wal"). */
static bool is_shard_suffix(const char *text)
{
    static const char word[] = "rank";
    if (strncmp(text, word, strlen(word)) != 0) {
        return false;
    }
    text += strlen(word);
    size_t digits = strspn(text, "0123456789");
    text += digits;
    if (digits > 0 && *text == '-') {
        digits = strspn(++text, "0123456789");
        text += digits;
    }
    return digits > 0 && *text == '\0';
}

/* Paths of the shards of `path`, in no order. */
static int find_shards(const char *path, struct arena *a, const char ***shards, int *n,
                       struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t folder_length = (size_t)(base - path), base_length = strlen(base);
    char *folder = arena_alloc(a, folder_length + 2);
    if (folder == NULL) {
        return err_memory(e, "the shards of a sweep");
    }
    memcpy(folder, folder_length > 0 ? path : ".", folder_length > 0 ? folder_length : 1);
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return err_input(e, folder, NULL, "cannot be read: %s", strerror(errno));
    }
    const char **list = NULL;
    int found = 0, room = 0, code = 0;
    for (const struct dirent *entry; code == 0 && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (strncmp(name, base, base_length) != 0 || name[base_length] != '.' ||
            !is_shard_suffix(name + base_length + 1)) {
            continue;
        }
        if (found == room) {
            room = room == 0 ? 16 : 2 * room;
            const char **more = arena_array(a, (size_t)room, sizeof *more);
            if (more != NULL && found > 0) {
                memcpy(more, list, (size_t)found * sizeof *more);
            }
            list = more;
        }
        size_t bytes = folder_length + strlen(name) + 1;
        char *full = list == NULL ? NULL : arena_alloc(a, bytes);
        if (full == NULL) {
            code = err_memory(e, "the shards of a sweep");
        } else {
            snprintf(full, bytes, "%.*s%s", (int)folder_length, path, name);
            list[found++] = full;
        }
    }
    closedir(dir);
    *shards = list;
    *n = found;
    return code;
}

static int shard_remove(const char *path, struct err *e)
{
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    char name[4200];
    if (unlink(path) != 0) {
        return err_work(e, path, NULL, "cannot be removed: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        if (snprintf(name, sizeof name, "%s%s", path, beside[i]) < (int)sizeof name) {
            unlink(name); /* mostly not there */
        }
    }
    return 0;
}

int sweep_shards_remove(const char *path, struct err *e)
{
    struct arena arena = {0};
    const char **shards = NULL;
    int n = 0;
    int code = find_shards(path, &arena, &shards, &n, e);
    for (int i = 0; i < n && code == 0; i++) {
        code = shard_remove(shards[i], e);
    }
    arena_free(&arena);
    return code;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int db_failed(const struct merge *m)
{
    return err_work(m->e, m->path, NULL, "cannot be written: %s", sqlite3_errmsg(m->db));
}

static int shard_failed(const struct merge *m, const struct shard *s)
{
    return err_work(m->e, s->path, NULL, "cannot be read: %s", sqlite3_errmsg(store_db(s->store)));
}

/* The complete runs of a shard into the list. */
static int list_runs(struct merge *m, int shard, int64_t *room)
{
    const struct shard *s = &m->shards[shard];
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(store_db(s->store),
                           "SELECT run_id FROM runs WHERE complete = 1 ORDER BY run_id", -1, &row,
                           NULL) != SQLITE_OK) {
        return shard_failed(m, s);
    }
    int rc, code = 0;
    while (code == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        if (m->n_runs == *room) {
            *room = *room == 0 ? 256 : 2 * *room;
            struct run_at *more = realloc(m->runs, (size_t)*room * sizeof *more);
            if (more == NULL) {
                code = err_memory(m->e, "merging a sweep");
                break;
            }
            m->runs = more;
        }
        m->runs[m->n_runs++] = (struct run_at){sqlite3_column_int64(row, 0), shard};
    }
    if (code == 0 && rc != SQLITE_DONE) {
        code = shard_failed(m, s);
    }
    sqlite3_finalize(row);
    return code;
}

static int run_compare(const void *a, const void *b)
{
    const struct run_at *x = a, *y = b;
    return x->run_id != y->run_id ? (x->run_id > y->run_id) - (x->run_id < y->run_id)
                                  : (x->shard > y->shard) - (x->shard < y->shard);
}

/* A worker that was killed while it made its shard leaves a file without tables. */
static bool shard_is_blank(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    char name[4200];
    snprintf(name, sizeof name, "%s%s", path[0] == '/' ? "" : "./", path);
    bool blank = sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
                     SQLITE_OK &&
                 sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_master WHERE name = 'runs'",
                                    -1, &row, NULL) == SQLITE_OK &&
                 sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int(row, 0) == 0;
    sqlite3_finalize(row);
    sqlite3_close(db);
    return blank;
}

static int open_shards(struct merge *m)
{
    const char **paths = NULL;
    int n = 0;
    int code = find_shards(m->path, &m->arena, &paths, &n, m->e);
    m->shards = code == 0 ? arena_array(&m->arena, (size_t)n, sizeof *m->shards) : NULL;
    if (code == 0 && m->shards == NULL) {
        code = err_memory(m->e, "merging a sweep");
    }
    int64_t room = 0;
    for (int i = 0; i < n && code == 0; i++) {
        if (shard_is_blank(paths[i])) {
            code = shard_remove(paths[i], m->e);
            continue;
        }
        int at = m->n_shards++;
        m->shards[at] = (struct shard){.path = paths[i]};
        code = store_open(paths[i], STORE_READ, &m->shards[at].store, m->e);
        code = code != 0 ? code : list_runs(m, at, &room);
    }
    if (m->n_runs > 0) {
        qsort(m->runs, (size_t)m->n_runs, sizeof *m->runs, run_compare);
    }
    return code;
}

static int prepare(struct merge *m, const char *sql, sqlite3_stmt **statement)
{
    return sqlite3_prepare_v2(m->db, sql, -1, statement, NULL) == SQLITE_OK ? 0 : db_failed(m);
}

/* INSERT of a row with one parameter per column. */
static void insert_sql(const struct schema_table *t, char sql[SQL_BYTES])
{
    int at = snprintf(sql, SQL_BYTES, "INSERT INTO %s VALUES (?", t->name);
    for (size_t i = 1; i < t->n_columns && at + 3 < SQL_BYTES; i++) {
        at += snprintf(sql + at, (size_t)(SQL_BYTES - at), ",?");
    }
    snprintf(sql + at, (size_t)(SQL_BYTES - at), ")");
}

/* The sweep's store, which store_open() knows to be one. A write-ahead log as in store_db.c: a
 * merge that is killed leaves a file that anyone can read. */
static int open_target(struct merge *m)
{
    struct store *check = NULL;
    int code = store_open(m->path, STORE_READ, &check, m->e);
    store_close(check, NULL);
    if (code != 0) {
        return code;
    }
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql, "%s%s", m->path[0] == '/' ? "" : "./", m->path);
    if (sqlite3_open_v2(sql, &m->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(m->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN", NULL,
                     NULL, NULL) != SQLITE_OK) {
        return db_failed(m);
    }
    for (int i = 0; i < SCHEMA_TABLES && code == 0; i++) {
        insert_sql(&schema_tables[i], sql);
        code = prepare(m, sql, &m->insert[i]);
    }
    code = code != 0 ? code
                     : prepare(m, "SELECT complete, scenario_sha256 FROM runs WHERE run_id = ?1",
                               &m->find);
    return code != 0 ? code : prepare(m, "DELETE FROM runs WHERE run_id = ?1", &m->remove);
}

/* --- Moving ----------------------------------------------------------------------------------- */

/* The next row of a table of a shard; false: there is none, or (`*code`) it cannot be read. */
static bool cursor_peek(const struct merge *m, struct shard *s, int table, int *code)
{
    struct cursor *c = &s->tables[table];
    if (!c->open) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY rowid", schema_tables[table].name);
        c->open = true;
        if (sqlite3_prepare_v2(store_db(s->store), sql, -1, &c->rows, NULL) != SQLITE_OK) {
            *code = shard_failed(m, s);
            return false;
        }
    }
    if (!c->at_row) {
        int rc = sqlite3_step(c->rows);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            *code = shard_failed(m, s);
            return false;
        }
        c->at_row = rc == SQLITE_ROW;
    }
    return c->at_row;
}

/* Rows of runs before `run_id` (killed ones) are passed over. */
static int move_rows(struct merge *m, struct shard *s, int table, int64_t run_id)
{
    int code = 0;
    struct cursor *c = &s->tables[table];
    while (cursor_peek(m, s, table, &code) && sqlite3_column_int64(c->rows, 0) <= run_id) {
        if (sqlite3_column_int64(c->rows, 0) == run_id) {
            for (int i = 0; i < (int)schema_tables[table].n_columns; i++) {
                sqlite3_bind_value(m->insert[table], i + 1, sqlite3_column_value(c->rows, i));
            }
            sqlite3_step(m->insert[table]);
            if (sqlite3_reset(m->insert[table]) != SQLITE_OK) {
                return db_failed(m);
            }
            m->pending++;
        }
        c->at_row = false;
    }
    return code;
}

/* Does the store list the run, and as the shard has it? `*wanted`: not there yet. */
static int look_at_run(struct merge *m, struct shard *s, int64_t run_id, bool *wanted)
{
    sqlite3_stmt *mine = NULL;
    char place[48];
    snprintf(place, sizeof place, "run %" PRId64, run_id);
    if (sqlite3_prepare_v2(store_db(s->store), "SELECT scenario_sha256 FROM runs WHERE run_id = ?1",
                           -1, &mine, NULL) != SQLITE_OK) {
        return shard_failed(m, s);
    }
    sqlite3_bind_int64(mine, 1, run_id);
    sqlite3_bind_int64(m->find, 1, run_id);
    bool has = sqlite3_step(mine) == SQLITE_ROW;
    bool listed = sqlite3_step(m->find) == SQLITE_ROW;
    *wanted = listed && sqlite3_column_int(m->find, 0) == 0;
    bool same = has && listed &&
                strcmp((const char *)sqlite3_column_text(mine, 0),
                       (const char *)sqlite3_column_text(m->find, 1)) == 0;
    sqlite3_reset(m->find);
    sqlite3_finalize(mine);
    return same ? 0
                : err_input(m->e, s->path, place,
                            "is not the run that %s lists under this number: the scenario or what "
                            "it reads was changed meanwhile; remove this file and give --resume",
                            m->path);
}

static int move_run(struct merge *m, const struct run_at *run, int64_t *merged)
{
    struct shard *s = &m->shards[run->shard];
    bool wanted = false;
    int code = look_at_run(m, s, run->run_id, &wanted);
    if (code != 0 || !wanted) {
        return code;
    }
    sqlite3_bind_int64(m->remove, 1, run->run_id);
    sqlite3_step(m->remove);
    if (sqlite3_reset(m->remove) != SQLITE_OK) {
        return db_failed(m);
    }
    for (int i = 0; i < SCHEMA_TABLES && code == 0; i++) {
        code = i == SCHEMA_SWEEP_POINTS ? 0 : move_rows(m, s, i, run->run_id);
    }
    *merged += code == 0;
    if (code == 0 && m->pending >= STORE_ROWS_PER_COMMIT) {
        m->pending = 0;
        if (sqlite3_exec(m->db, "COMMIT; BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
            code = db_failed(m);
        }
    }
    return code;
}

static void merge_close(struct merge *m)
{
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        sqlite3_finalize(m->insert[i]);
    }
    sqlite3_finalize(m->find);
    sqlite3_finalize(m->remove);
    if (m->db != NULL) {
        /* Refused only while somebody reads: then FILE-wal stays, and the file is whole with it. */
        sqlite3_exec(m->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(m->db);
    for (int i = 0; i < m->n_shards; i++) {
        for (int t = 0; t < SCHEMA_TABLES; t++) {
            sqlite3_finalize(m->shards[i].tables[t].rows);
        }
        store_close(m->shards[i].store, NULL);
    }
    free(m->runs);
}

int sweep_merge(const char *path, int64_t *merged, struct err *e)
{
    struct merge m = {.path = path, .e = e};
    *merged = 0;
    int code = open_shards(&m);
    code = code != 0 || m.n_shards == 0 ? code : open_target(&m);
    for (int64_t i = 0; i < m.n_runs && code == 0; i++) {
        code = move_run(&m, &m.runs[i], merged);
    }
    /* After an error the shards stay, so what the rollback takes back is moved the next time. */
    if (m.db != NULL &&
        sqlite3_exec(m.db, code == 0 ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK &&
        code == 0) {
        code = db_failed(&m);
    }
    merge_close(&m);
    for (int i = 0; i < m.n_shards && code == 0; i++) {
        code = shard_remove(m.shards[i].path, e);
    }
    arena_free(&m.arena);
    return code;
}
