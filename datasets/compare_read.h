/* compare_read.h - columns of numbers out of a store, a few at a time. */
#ifndef DATASETS_COMPARE_READ_H
#define DATASETS_COMPARE_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "datasets/schema.h"
#include "datasets/store.h"

enum { COLUMNS_AT_ONCE = 8 };

struct compare_columns {
    double *values[COLUMNS_AT_ONCE]; /* without NULLs, in the order of the rows */
    size_t n[COLUMNS_AT_ONCE], room[COLUMNS_AT_ONCE];
};

/* Whether a column is a quantity: a number, and no stamp, name or running counter. */
bool compare_column_counts(const struct schema_column *c);

/* Reads columns[0..n) of a table in one scan; n <= COLUMNS_AT_ONCE. `out` is empty before and is
 * freed by the caller in any case. */
int compare_columns_read(struct store *s, const struct schema_table *t,
                         const struct schema_column *const *columns, size_t n,
                         struct compare_columns *out, struct err *e);
void compare_columns_free(struct compare_columns *c);

/* Appends a value; false: no memory. */
bool compare_column_add(struct compare_columns *c, size_t column, double value);

#endif
