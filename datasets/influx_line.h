/* influx_line.h - one line of InfluxDB's line protocol.
 *
 *     measurement,tag=value,... field=value,field=value timestamp
 *
 * (InfluxDB 1.x and 2.x documentation, "Line protocol": backslash before comma, blank and equals
 * sign in names and tags, double-quoted strings, i and u behind integers, t/f/true/false.)
 */
#ifndef DATASETS_INFLUX_LINE_H
#define DATASETS_INFLUX_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INFLUX_PAIRS = 512 };

struct influx_pair {
    const char *key, *value; /* unescaped; a number without its letter, true as 1, false as 0 */
};

struct influx_point {
    const char *measurement;
    struct influx_pair tags[INFLUX_PAIRS], fields[INFLUX_PAIRS];
    int n_tags, n_fields;
    bool has_time;
    int64_t time; /* as it stands: ns unless the writer said otherwise */
};

/* Takes a line apart; it is changed on the way, and what the point holds points into it. NULL, or
 * what is wrong with it. */
const char *influx_line_read(char *line, struct influx_point *point);

#endif
