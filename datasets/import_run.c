/* import_run.c - the row of `runs` of an import. */
#include "datasets/import_run.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/store.h"

enum { DIGEST_PART = 64 << 10 };

static const char *const kind_words[] = {[IMPORT_WILLM] = "willm",
                                         [IMPORT_OAI_CSV] = "oai-csv",
                                         [IMPORT_INFLUX] = "influx",
                                         [IMPORT_TRACE] = "trace"};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* {"name", "bytes", "sha256"} of a file; NULL with the error told. */
static cJSON *file_json(const char *path, struct err *e)
{
    FILE *in = fopen(path, "re");
    char *part = malloc(DIGEST_PART);
    cJSON *file = cJSON_CreateObject();
    off_t bytes = 0;
    bool ok = in != NULL && part != NULL && file != NULL && fseeko(in, 0, SEEK_END) == 0 &&
              (bytes = ftello(in)) >= 0;
    struct sha256_ctx context;
    sha256_init(&context);
    for (int end = 0; end < 2 && ok; end++) {
        off_t at = end == 0 || bytes < DIGEST_PART ? 0 : bytes - DIGEST_PART;
        ok = fseeko(in, at, SEEK_SET) == 0;
        sha256_update(&context, fread(part, 1, DIGEST_PART, in), (const uint8_t *)part);
        ok = ok && ferror(in) == 0;
    }
    if (!ok) {
        err_input(e, path, NULL, "cannot be read: %s", strerror(errno));
        cJSON_Delete(file);
        file = NULL;
    } else {
        uint8_t digest[SHA256_DIGEST_SIZE];
        char hex[2 * SHA256_DIGEST_SIZE + 1];
        sha256_digest(&context, sizeof digest, digest);
        for (size_t i = 0; i < sizeof digest; i++) {
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        }
        cJSON_AddStringToObject(file, "name", base_name(path));
        cJSON_AddNumberToObject(file, "bytes", (double)bytes);
        cJSON_AddStringToObject(file, "sha256_of_ends", hex);
    }
    if (in != NULL) {
        fclose(in);
    }
    free(part);
    return file;
}

/* What was imported, as JSON; NULL with the error told. To be freed with cJSON_free. */
static char *run_text(const char *const *files, int n, const struct import_options *o,
                      struct err *e)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "files");
    bool ok = list != NULL;
    cJSON_AddStringToObject(root, "import", kind_words[o->kind]);
    cJSON_AddNumberToObject(root, "sync_ms", o->sync_ms);
    if (o->map != NULL) {
        cJSON_AddItemToObject(root, "map", cJSON_Duplicate(o->map, true));
    }
    for (int i = 0; i < n && ok; i++) {
        cJSON *file = file_json(files[i], e);
        ok = file != NULL && cJSON_AddItemToArray(list, file);
    }
    char *text = ok ? cJSON_PrintUnformatted(root) : NULL;
    if (ok && text == NULL) {
        err_memory(e, "an import");
    }
    cJSON_Delete(root);
    return text;
}

/* The run of that text: its id, or 0. */
static int64_t run_find(struct store *s, const char *text, bool *complete)
{
    sqlite3_stmt *row = NULL;
    int64_t id = 0;
    if (sqlite3_prepare_v2(store_db(s),
                           "SELECT run_id, complete FROM runs WHERE scenario_text = ?1 "
                           "ORDER BY run_id DESC LIMIT 1",
                           -1, &row, NULL) == SQLITE_OK &&
        sqlite3_bind_text(row, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        id = sqlite3_column_int64(row, 0);
        *complete = sqlite3_column_int(row, 1) != 0;
    }
    sqlite3_finalize(row);
    return id;
}

int import_run_begin(struct store *s, const char *const *files, int n,
                     const struct import_options *o, struct import_run *run, struct err *e)
{
    char *text = run_text(files, n, o, e);
    if (text == NULL) {
        return e->code;
    }
    bool complete = false;
    int64_t there = run_find(s, text, &complete);
    int rc = 0;
    if (there == 0) {
        struct store_run begun = {.scenario = run->label,
                                  .scenario_text = text,
                                  .version = run->version,
                                  .started_at = run->started_at};
        rc = store_begin_run(s, &begun, &run->run_id, e);
    } else if (run->resume && complete) {
        run->run_id = there;
        run->was_complete = true;
    } else if (run->resume) {
        run->run_id = there;
        run->resumed = true;
        rc = store_resume_run(s, there, run->rows, e);
    } else {
        rc = err_input(e, store_path(s), NULL,
                       complete ? "%s is in it already, as run %" PRId64 "; name another file"
                                : "holds an import of %s that did not end, run %" PRId64
                                  "; go on with it by --resume, or name another file",
                       base_name(files[0]), there);
    }
    cJSON_free(text);
    return rc;
}

int import_run_percent(struct store *s, int64_t run_id, bool dl, bool ul, struct err *e)
{
    char sql[640];
    snprintf(sql, sizeof sql,
             "BEGIN; "
             "CREATE TEMP TABLE percent AS SELECT max(max(coalesce(dl_bler, 0)) * %d, "
             "max(coalesce(ul_bler, 0)) * %d) > 1 AS yes FROM ran_records WHERE run_id = %" PRId64
             "; "
             "UPDATE ran_records SET dl_bler = dl_bler / %s, ul_bler = ul_bler / %s "
             "WHERE run_id = %" PRId64 " AND (SELECT yes FROM percent); "
             "UPDATE requests SET ul_bler = ul_bler / %s "
             "WHERE run_id = %" PRId64 " AND (SELECT yes FROM percent); "
             "DROP TABLE percent; COMMIT",
             dl, ul, run_id, dl ? "100" : "1", ul ? "100" : "1", run_id, ul ? "100" : "1", run_id);
    return sqlite3_exec(store_db(s), sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : err_work(e, store_path(s), NULL, "%s", sqlite3_errmsg(store_db(s)));
}
