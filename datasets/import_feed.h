/* import_feed.h - where the rows of an import come from: a CSV file, or the points of InfluxDB. */
#ifndef DATASETS_IMPORT_FEED_H
#define DATASETS_IMPORT_FEED_H

#include "datasets/import.h"

struct csv_feed;
struct influx;

struct import_feed {
    const char *path;
    struct csv_feed *csv; /* one of the two */
    struct influx *influx;
    bool ended;
    int64_t time_ns; /* of the row at hand, where feeds are merged */
};

/* Opens a file as `o->kind` says; the header is read. */
int import_feed_open(struct import_feed *f, const char *path, const struct import_options *o,
                     struct import_notes *notes, struct err *e);
void import_feed_close(struct import_feed *f);

/* Goes to the next good row: 1, 0 at the end, or an error. */
int import_feed_next(struct import_feed *f, struct err *e);

/* The row at hand. */
const struct import_row *import_feed_row(const struct import_feed *f);

/* Whether a column of the UE, the server or the simulator is new since it was last asked. */
bool import_feed_changed(struct import_feed *f);

const struct column_map *import_feed_map(const struct import_feed *f);
int64_t import_feed_line(const struct import_feed *f);
void import_feed_bytes(const struct import_feed *f, int64_t *done, int64_t *all);
double import_feed_rate_max(const struct import_feed *f);

#endif
