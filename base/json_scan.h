/* json_scan.h - is this text one JSON value, to the letter of RFC 8259? For json_read.c. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stddef.h>

#include "base/err.h"

enum {
    JSON_DEPTH_MAX = 64,
    JSON_NUMBER_CHARS_MAX = 63 /* what cJSON reads of one number */
};

/* Returns 0, or ERR_INPUT with "FILE: LINE:COLUMN: what; mend". Columns count characters. Takes
 * time in proportion to the text and no memory, whatever the text is. Stricter than the RFC where
 * a C string or a double cannot hold what the text says: U+0000, half of a surrogate pair, and
 * numbers beyond the range of a double are refused. */
int json_scan(const char *file, const char *text, size_t bytes, struct err *e);

#endif
