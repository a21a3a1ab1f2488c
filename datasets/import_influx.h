/* import_influx.h - points of InfluxDB as a stream of struct import_row.
 *
 * Two forms, told apart by their first lines: line protocol, as `influx_inspect export` writes it
 * (comments, "# CONTEXT" lines and DDL before the points), and annotated CSV (#datatype, #group,
 * #default rows before each header; pivoted or one field a row). The export writes one field after
 * the other, each over the whole time, so a row's fields lie far apart: the points go through a
 * temporary SQLite table on disk and come back sorted by (time, series, field). Memory does not
 * grow with them.
 *
 * The testbed's measurement is ue_metrics with the tag rnti (its bucket slice_bucket); points of
 * other measurements are passed over and counted as text lines.
 */
#ifndef DATASETS_IMPORT_INFLUX_H
#define DATASETS_IMPORT_INFLUX_H

#include "datasets/import.h"
#include "datasets/import_cells.h"
#include "datasets/import_lines.h"

struct influx;

/* Reads the whole file into the temporary table and maps the fields' names. */
int influx_open(struct influx **influx, const char *path, const struct import_options *o,
                struct import_notes *notes, struct err *e);
void influx_close(struct influx *in);

/* The next row of one series at one time: 1, 0 at the end, or an error. */
int influx_next(struct influx *in, struct err *e);

struct cells *influx_cells(struct influx *in);
const struct lines *influx_lines(const struct influx *in);

#endif
