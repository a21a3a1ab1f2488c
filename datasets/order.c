/* order.c - is a table written in the order of its key? */
#include "datasets/order.h"

#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_COLUMNS_MAX = 16, KEY_TEXT_MAX = 128, KEY_UNKNOWN = INT_MIN };

/* A value of the key of the row before: NULL, an integer or a short text. */
struct key_value {
    int64_t integer;
    int type, bytes;
    char text[KEY_TEXT_MAX];
};

/* Keeps the value and says how it compares with the one before, as SQLite sorts: NULL, numbers,
 * text by its bytes. Anything else is KEY_UNKNOWN. */
static int key_step(sqlite3_stmt *row, int i, struct key_value *last)
{
    int type = sqlite3_column_type(row, i);
    int sign = 0;
    if (type == SQLITE_INTEGER) {
        int64_t integer = sqlite3_column_int64(row, i);
        sign = last->type == SQLITE_INTEGER ? (integer > last->integer) - (integer < last->integer)
                                            : (last->type == SQLITE_NULL ? 1 : -1);
        last->integer = integer;
    } else if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(row, i);
        int bytes = sqlite3_column_bytes(row, i);
        if (text == NULL || bytes > KEY_TEXT_MAX) {
            return KEY_UNKNOWN;
        }
        int both = last->type == SQLITE_TEXT && last->bytes < bytes ? last->bytes : bytes;
        sign = last->type == SQLITE_TEXT ? memcmp(text, last->text, (size_t)both) : 1;
        sign = sign != 0 || last->type != SQLITE_TEXT ? sign : bytes - last->bytes;
        memcpy(last->text, text, (size_t)bytes);
        last->bytes = bytes;
    } else if (type == SQLITE_NULL) {
        sign = last->type == SQLITE_NULL ? 0 : -1;
    } else {
        return KEY_UNKNOWN;
    }
    last->type = type;
    return sign;
}

/* Steps through the keys; *sorted: no row comes before the one ahead of it. What is unknown counts
 * as unsorted, which only costs the sort. */
static int keys_look(sqlite3_stmt *row, bool *sorted)
{
    struct key_value last[KEY_COLUMNS_MAX];
    int n = sqlite3_column_count(row);
    for (int i = 0; i < n; i++) {
        last[i] = (struct key_value){.type = SQLITE_NULL};
    }
    *sorted = n <= KEY_COLUMNS_MAX;
    int rc = SQLITE_DONE;
    while (*sorted && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        int sign = 0; /* of the first column that differs; the rest is only kept */
        for (int i = 0; i < n && *sorted; i++) {
            int step = key_step(row, i, &last[i]);
            sign = sign != 0 ? sign : step;
            *sorted = step != KEY_UNKNOWN;
        }
        *sorted = *sorted && sign >= 0;
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int order_by_key(struct sqlite3 *db, const struct schema_table *t, int64_t run_id,
                 char out[ORDER_SQL_BYTES])
{
    char sql[2 * ORDER_SQL_BYTES];
    snprintf(sql, sizeof sql, "SELECT %s FROM %s", t->key, t->name);
    if (run_id != 0) {
        size_t at = strlen(sql);
        snprintf(sql + at, sizeof sql - at, " WHERE run_id = %" PRId64, run_id);
    }
    size_t at = strlen(sql);
    snprintf(sql + at, sizeof sql - at, " ORDER BY rowid");
    sqlite3_stmt *row = NULL;
    bool sorted = false;
    int rc = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
    if (rc == SQLITE_OK) {
        rc = keys_look(row, &sorted);
    }
    sqlite3_finalize(row);
    snprintf(out, ORDER_SQL_BYTES, sorted ? "rowid" : "%s, rowid", t->key);
    return rc;
}
