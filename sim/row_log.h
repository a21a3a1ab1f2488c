/* row_log.h - rows kept for a while, in the order they came, and given on later.
 *
 * A part of the world (sim/parts.h) that runs beside others may not write to the run's sink: it
 * writes here, and the log is emptied between two windows. The texts of a row either live as long
 * as the run (names) or are the short ones that a request's row is written with; those are copied.
 */
#ifndef SIM_ROW_LOG_H
#define SIM_ROW_LOG_H

#include <stddef.h>

#include "sim/record.h"

struct row_log {
    unsigned char *bytes; /* entries, one behind the other; grown geometrically */
    size_t used, room;
};

/* Takes what `wants` takes: rows that it does not want are not kept. The log is the sink's self. */
struct record_sink row_log_sink(struct row_log *log, const struct record_sink *wants);

/* Gives all rows to the sink and forgets them. Returns 0 or the sink's error. */
int row_log_empty(struct row_log *log, const struct record_sink *sink);

void row_log_free(struct row_log *log);

#endif
