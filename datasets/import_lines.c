/* import_lines.c - a text file as rows, in bounded memory. */
#include "datasets/import_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK_BYTES = 256 << 10 };

static int cannot_read(const struct lines *l, struct err *e)
{
    return err_input(e, l->path, NULL, "cannot be read: %s", strerror(errno));
}

/* Reads on, behind what is there; grows up to the longest line and a chunk. */
static int lines_fill(struct lines *l, struct err *e)
{
    if (l->start > 0) {
        memmove(l->buffer, l->buffer + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->room - l->end < CHUNK_BYTES) {
        size_t more = l->room * 2 > l->end + CHUNK_BYTES ? l->room * 2 : l->end + CHUNK_BYTES;
        char *grown = realloc(l->buffer, more);
        if (grown == NULL) {
            return err_memory(e, "reading a file");
        }
        l->buffer = grown;
        l->room = more;
    }
    size_t got = fread(l->buffer + l->end, 1, CHUNK_BYTES, l->in);
    l->end += got;
    l->eof = got < CHUNK_BYTES;
    return got < CHUNK_BYTES && ferror(l->in) ? cannot_read(l, e) : 0;
}

static int lines_begin(struct lines *l, struct err *e)
{
    l->start = l->end = 0;
    l->eof = false;
    l->line = 1;
    l->offset = 0;
    int rc = lines_fill(l, e);
    if (rc == 0 && l->end >= 3 && memcmp(l->buffer, "\xef\xbb\xbf", 3) == 0) {
        l->start = 3;
        l->offset = 3;
    }
    return rc;
}

int lines_open(struct lines *l, const char *path, bool quotes_matter, struct err *e)
{
    struct stat st;
    *l = (struct lines){.path = path, .quotes_matter = quotes_matter};
    l->in = fopen(path, "re");
    if (l->in == NULL) {
        return cannot_read(l, e);
    }
    int rc = 0;
    if (fstat(fileno(l->in), &st) != 0 || S_ISDIR(st.st_mode)) {
        rc = err_input(e, path, NULL, "is a folder; name a file in it");
    } else if (S_ISREG(st.st_mode) && st.st_size == 0) {
        rc = err_input(e, path, NULL, "is empty; it must begin with a line of column names");
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_input(e, path, NULL, "is no regular file; an import may have to read it again");
    }
    l->bytes = st.st_size;
    if (rc == 0) {
        setvbuf(l->in, NULL, _IONBF, 0); /* our chunks are the buffer */
        rc = lines_begin(l, e);
    }
    if (rc == 0 && l->end >= 2 &&
        (memcmp(l->buffer, "\xff\xfe", 2) == 0 || memcmp(l->buffer, "\xfe\xff", 2) == 0)) {
        rc = err_input(e, path, NULL, "is UTF-16; write it as UTF-8 (iconv -f UTF-16 -t UTF-8)");
    }
    if (rc != 0) {
        lines_close(l);
    }
    return rc;
}

void lines_close(struct lines *l)
{
    if (l->in != NULL) {
        fclose(l->in);
    }
    free(l->buffer);
    l->in = NULL;
    l->buffer = NULL;
}

int lines_rewind(struct lines *l, struct err *e)
{
    if (fseeko(l->in, 0, SEEK_SET) != 0) {
        return cannot_read(l, e);
    }
    return lines_begin(l, e);
}

/* Passes over a line that is longer than the buffer may be; keeps nothing of it. */
static int line_skip(struct lines *l, struct err *e)
{
    for (;;) {
        const char *end = memchr(l->buffer + l->start, '\n', l->end - l->start);
        size_t bytes = end != NULL ? (size_t)(end - (l->buffer + l->start)) + 1 : l->end - l->start;
        l->start += bytes;
        l->offset += (int64_t)bytes;
        if (end != NULL || l->eof) {
            return 0;
        }
        int rc = lines_fill(l, e);
        if (rc != 0) {
            return rc;
        }
    }
}

static size_t quotes_count(const char *chars, size_t bytes)
{
    size_t n = 0;
    const char *end = chars + bytes;
    while ((chars = memchr(chars, '"', (size_t)(end - chars))) != NULL) {
        n++;
        chars++;
    }
    return n;
}

/* The end of the line that begins at buffer[start + from]: bytes with its line end, 0 when it is
 * too long; reads on as it needs. */
static int line_end(struct lines *l, size_t from, size_t *bytes, struct err *e)
{
    size_t seen = from;
    for (;;) {
        const char *at = l->buffer + l->start;
        const char *end = memchr(at + seen, '\n', l->end - l->start - seen);
        if (end != NULL) {
            *bytes = (size_t)(end - at) + 1 - from;
            return 0;
        }
        seen = l->end - l->start;
        if (l->eof) {
            *bytes = seen - from;
            return 0;
        }
        if (seen - from > IMPORT_LINE_BYTES) {
            *bytes = 0;
            return 0;
        }
        int rc = lines_fill(l, e);
        if (rc != 0) {
            return rc;
        }
    }
}

int lines_row(struct lines *l, struct line_row *row, struct err *e)
{
    *row = (struct line_row){.line = l->line};
    if (l->start == l->end && !l->eof) {
        int rc = lines_fill(l, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (l->start == l->end) {
        return 0;
    }
    size_t quotes = 0;
    do {
        size_t bytes = 0;
        int rc = line_end(l, row->bytes, &bytes, e);
        if (rc != 0) {
            return rc;
        }
        if (row->n_lines == 0) {
            row->first_line = bytes;
            if (bytes == 0) {
                row->is_long = true;
                row->n_lines = 1;
                return (rc = line_skip(l, e)) != 0 ? rc : 1;
            }
        }
        if (bytes == 0) { /* a later line without an end, or the end of the file */
            break;
        }
        quotes += l->quotes_matter ? quotes_count(l->buffer + l->start + row->bytes, bytes) : 0;
        row->bytes += bytes;
        row->n_lines++;
    } while (quotes % 2 != 0 && row->bytes < IMPORT_ROW_LINES_BYTES);
    row->chars = l->buffer + l->start;
    row->quoted = quotes > 0;
    row->open = quotes % 2 != 0;
    return 1;
}

void lines_take(struct lines *l, const struct line_row *row, bool first_line_only)
{
    size_t bytes = row->is_long ? 0 : first_line_only ? row->first_line : row->bytes;
    l->start += bytes;
    l->offset += (int64_t)bytes;
    l->line += first_line_only ? 1 : row->n_lines;
}
