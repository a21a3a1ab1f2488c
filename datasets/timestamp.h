/* timestamp.h - points in time as other people's files write them. */
#ifndef DATASETS_TIMESTAMP_H
#define DATASETS_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

/* "2023-11-16 18:17:03.9799600" (or with a T): years 1970 to 2200, 0 to 9 digits behind the point,
 * then nothing (UTC), Z or +HH:MM. Nanoseconds since 1970-01-01T00:00:00Z. */
bool timestamp_read(const char *text, int64_t *ns);

#endif
