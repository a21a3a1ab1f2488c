/* import_lines.h - a text file as rows, in bounded memory.
 *
 * A row ends at a line end outside of double quotes, so that a quoted field may hold line breaks.
 * A quote that is never closed must not swallow the rest of the file: a row may be
 * IMPORT_ROW_LINES_BYTES long when it has several lines, and whoever finds such a row wrong takes
 * its first line alone (lines_take) and goes on with the second.
 */
#ifndef DATASETS_IMPORT_LINES_H
#define DATASETS_IMPORT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum {
    IMPORT_LINE_BYTES = 4 << 20,        /* longest line; longer ones are passed over, counted */
    IMPORT_ROW_LINES_BYTES = 256 << 10, /* longest row of several lines */
};

struct lines {
    const char *path;
    FILE *in;
    char *buffer;
    size_t start, end, room; /* buffer[start..end) is read and not taken */
    bool eof, quotes_matter;
    int64_t line;   /* number of the line at `start`, from 1 */
    int64_t offset; /* of `start` in the file */
    int64_t bytes;  /* of the file */
};

struct line_row {
    const char *chars; /* good until the next call */
    size_t bytes;      /* with its line end */
    size_t first_line; /* bytes of its first line */
    int64_t line;      /* where it starts */
    int n_lines;
    bool quoted;  /* there are double quotes in it */
    bool open;    /* they are not in pairs */
    bool is_long; /* longer than can be read: chars is empty, the line is passed over */
};

/* ERR_INPUT: not there, a folder, empty, UTF-16. A byte-order mark of UTF-8 is passed over. */
int lines_open(struct lines *l, const char *path, bool quotes_matter, struct err *e);
void lines_close(struct lines *l);

/* The next row: 1, or 0 at the end of the file, or an error. The row stays until lines_take. */
int lines_row(struct lines *l, struct line_row *row, struct err *e);

/* Goes on behind the row, or behind its first line. */
void lines_take(struct lines *l, const struct line_row *row, bool first_line_only);

/* Starts again at the first line. */
int lines_rewind(struct lines *l, struct err *e);

#endif
