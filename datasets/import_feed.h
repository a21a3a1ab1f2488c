/* import_feed.h - where the rows of an import come from: a CSV file, or the points of InfluxDB. */
#ifndef DATASETS_IMPORT_FEED_H
#define DATASETS_IMPORT_FEED_H

#include "datasets/import.h"

struct csv_feed;
struct influx;

struct feed {
    const char *path;
    struct csv_feed *csv; /* one of the two */
    struct influx *influx;
    bool ended;
    int64_t time_ns; /* of the row at hand, where feeds are merged */
};

/* Opens a file as `o->kind` says; the header is read. */
int feed_open(struct feed *f, const char *path, const struct import_options *o,
              struct import_notes *notes, struct err *e);
void feed_close(struct feed *f);

/* Goes to the next good row: 1, 0 at the end, or an error. */
int feed_next(struct feed *f, struct err *e);

/* The row at hand. */
const struct import_row *feed_row(const struct feed *f);

/* Whether a column of the UE, the server or the simulator is new since it was last asked. */
bool feed_changed(struct feed *f);

const struct column_map *feed_map(const struct feed *f);
int64_t feed_line(const struct feed *f);
void feed_bytes(const struct feed *f, int64_t *done, int64_t *all);
double feed_rate_max(const struct feed *f);

#endif
