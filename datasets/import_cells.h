/* import_cells.h - the fields of a text row as values of a struct import_row.
 *
 * Most fields of a wide row are what they were in the row before (the UE's and the server's hang on
 * its last request), so the text of each column is kept and read again only when it is another.
 */
#ifndef DATASETS_IMPORT_CELLS_H
#define DATASETS_IMPORT_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "datasets/columns.h"

enum { CELL_WHY_BYTES = 160 };

struct cell {
    char *text; /* with a NUL; also what TEXT values of the row point to */
    size_t length, room;
    bool valid;        /* the row's value is that of the text */
    int64_t time_unit; /* READ_TIME: units in a ms (s: -1000); 0: not known yet */
};

struct cells {
    const struct column_map *map;
    struct cell *cell; /* [n_columns] */
    struct import_row row;
    bool changed[LAYERS]; /* sticky: the caller clears them */
    bool always_ms;       /* times are our own */
    double rate_max;      /* the greatest of READ_RATE that was not said to be percent */
};

/* ERR_MEMORY. The map must outlive the cells. */
int cells_open(struct cells *c, const struct column_map *map, struct err *e);
void cells_close(struct cells *c);

/* Puts field number `field` (text[0..length), no NUL needed). NULL, or what is wrong with it,
 * written to `why`. A field that is no column of ours is passed over. */
const char *cells_put(struct cells *c, int field, const char *text, size_t length,
                      char why[CELL_WHY_BYTES]);

/* The same for a column by its index in `columns`. */
const char *cells_put_column(struct cells *c, int column, enum column_reading reading, bool percent,
                             const char *header, const char *text, size_t length,
                             char why[CELL_WHY_BYTES]);

#endif
