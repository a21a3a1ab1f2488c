/* import_csv.h - a CSV file as a stream of struct import_row. */
#ifndef DATASETS_IMPORT_CSV_H
#define DATASETS_IMPORT_CSV_H

#include <csv.h>

#include "datasets/import.h"
#include "datasets/import_cells.h"
#include "datasets/import_lines.h"

struct csv_feed {
    struct lines lines;
    struct column_map map;
    struct cells cells;
    struct csv_parser parser;
    bool has_parser;
    bool lenient; /* oai-csv: lines of a log may stand before and between the rows */
    struct import_notes *notes;
    int64_t row_line; /* where the current row starts */

    /* the row that is being parsed */
    int field, n_rows;
    bool first_is_number, is_header;
    const char *bad;
    char why[CELL_WHY_BYTES];
};

/* Opens a file and reads its header. ERR_INPUT as lines_open and columns_map; no header line; none
 * of our columns; no row behind the header. */
int csv_feed_open(struct csv_feed *s, const char *path, bool lenient, const struct cJSON *given,
                  struct import_notes *notes, struct err *e);
void csv_feed_close(struct csv_feed *s);

/* The next good row, in s->cells.row: 1; 0 at the end; or an error (strict: the first bad row). */
int csv_feed_next(struct csv_feed *s, struct err *e);

/* Counts a bad row; the error of it when `strict`, else 0. */
int notes_bad(struct import_notes *notes, const char *file, int64_t line, const char *why,
              struct err *e);

#endif
