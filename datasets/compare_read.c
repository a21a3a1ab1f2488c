/* compare_read.c - columns of numbers out of a store. */
#include "datasets/compare_read.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool compare_column_counts(const struct schema_column *c)
{
    /* Stamps and names, and counters that only grow with the length of the recording. */
    static const char *const others[] = {
        "run_id", "request_id", "timestamp_ms", "gnb_timestamp_ms", "frame_number", "slot_number",
        "rnti",   "ue_id",      "ue_number",    "dl_pdus_total",    "ul_mac_sdus",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(c->name, others[i]) == 0) {
            return false;
        }
    }
    return c->type != SCHEMA_TEXT;
}

bool compare_column_add(struct compare_columns *c, size_t column, double value)
{
    if (c->n[column] == c->room[column]) {
        size_t room = c->room[column] == 0 ? 4096 : 2 * c->room[column];
        double *grown = realloc(c->values[column], room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        c->values[column] = grown;
        c->room[column] = room;
    }
    c->values[column][c->n[column]++] = value;
    return true;
}

int compare_columns_read(struct store *s, const struct schema_table *t,
                         const struct schema_column *const *columns, size_t n,
                         struct compare_columns *out, struct err *e)
{
    struct text sql = {0};
    text_add(&sql, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        text_add(&sql, "%s%s", i > 0 ? ", " : "", columns[i]->name);
    }
    text_add(&sql, " FROM %s", t->name);
    sqlite3 *db = store_db(s);
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql.chars, -1, &q, NULL);
    bool memory = true;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(q);
        for (size_t i = 0; rc == SQLITE_ROW && memory && i < n; i++) {
            if (sqlite3_column_type(q, (int)i) != SQLITE_NULL) {
                memory = compare_column_add(out, i, sqlite3_column_double(q, (int)i));
            }
        }
        if (!memory) {
            break;
        }
    }
    sqlite3_finalize(q);
    if (!memory) {
        return err_memory(e, "the columns of a store");
    }
    return rc == SQLITE_DONE
               ? 0
               : err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
}

void compare_columns_free(struct compare_columns *c)
{
    for (size_t i = 0; i < COLUMNS_AT_ONCE; i++) {
        free(c->values[i]);
    }
    *c = (struct compare_columns){0};
}
