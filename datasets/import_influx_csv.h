/* import_influx_csv.h - rows of InfluxDB's annotated CSV as points.
 *
 * ("Annotated CSV" in InfluxDB's documentation.) Blank lines and lines of annotations (#datatype,
 * #group, #default) stand before a header; columns that begin with an underscore, `result` and
 * `table` are InfluxDB's. With _field and _value a row is one field; without, each column is one
 * (pivoted), but for `rnti`, which is the series. The CSV that a query in InfluxQL answers with
 * (name,tags,time, then a column a field) is read too.
 */
#ifndef DATASETS_IMPORT_INFLUX_CSV_H
#define DATASETS_IMPORT_INFLUX_CSV_H

#include "datasets/import_lines.h"
#include "datasets/influx_line.h"

struct influx_csv;

enum influx_csv_row {
    INFLUX_CSV_POINT,
    INFLUX_CSV_HEADER,
    INFLUX_CSV_ANNOTATION,
    INFLUX_CSV_BLANK
};

/* Does a file that begins so hold annotated CSV? */
bool influx_csv_is(const char *chars, size_t bytes);

struct influx_csv *influx_csv_make(void);
void influx_csv_free(struct influx_csv *c);

/* NULL, or what is wrong with the row. The point's texts are good until the next call. */
const char *influx_csv_read(struct influx_csv *c, const struct line_row *row,
                            struct influx_point *point, enum influx_csv_row *what);

#endif
