/* import_cells.c - text to values. */
#include "datasets/import_cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/timestamp.h"

enum { NUMBER_BYTES = 64 }; /* longer ones are no numbers */

int cells_open(struct cells *c, const struct column_map *map, struct err *e)
{
    *c = (struct cells){.map = map, .cell = calloc((size_t)n_columns, sizeof *c->cell)};
    import_row_clear(&c->row);
    return c->cell != NULL ? 0 : err_memory(e, "the columns of a file");
}

void cells_close(struct cells *c)
{
    for (int i = 0; c->cell != NULL && i < n_columns; i++) {
        free(c->cell[i].text);
    }
    free(c->cell);
    c->cell = NULL;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* What other programs write for "not known". */
static bool is_missing(const char *text, size_t length)
{
    static const char *const words[] = {"NULL", "null", "nan", "NaN", "-nan", "NA", "N/A", "None"};
    if (length == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == length && memcmp(text, words[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* Up to 18 digits with a sign. */
static bool int_read(const char *text, size_t length, int64_t *value)
{
    size_t i = length > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    if (length == i || length - i > 18) {
        return false;
    }
    int64_t v = 0;
    for (; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9) {
            return false;
        }
        v = v * 10 + (int64_t)digit;
    }
    *value = text[0] == '-' ? -v : v;
    return true;
}

/* A decimal number and nothing else: no hexadecimal, no "inf", no blanks. */
static bool real_read(const char *text, size_t length, double *value)
{
    int64_t whole;
    if (int_read(text, length, &whole) && length <= 15) { /* exact in a double */
        *value = (double)whole;
        return true;
    }
    char copy[NUMBER_BYTES];
    if (length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *end;
    if (strspn(copy, "0123456789+-.eE") != length) {
        return false;
    }
    *value = strtod(copy, &end);
    return *end == '\0' && end != copy && isfinite(*value);
}

/* A whole number, which may be written as 3.0 or 1.5e3. */
static bool whole_read(const char *text, size_t length, int64_t *value)
{
    double real;
    if (int_read(text, length, value)) {
        return true;
    }
    if (!real_read(text, length, &real) || real != floor(real) || fabs(real) > 0x1p53) {
        return false;
    }
    *value = (int64_t)real;
    return true;
}

static bool hex_read(const char *text, size_t length, int64_t *value)
{
    if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
        length -= 2;
    }
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        *value = *value * 16 + digit;
    }
    return length > 0 && length <= 8;
}

/* Which unit a time is in, by its size: 2001 is 1e9 s after 1970 and 1e12 ms. Simulated times
 * count from 0 and are ms. Units in a ms; seconds: -1000 ms in a unit. */
static int64_t time_unit(double value)
{
    return value >= 1e17                  ? 1000000
           : value >= 1e14                ? 1000
           : value >= 1e11 || value < 1e9 ? 1
                                          : -1000;
}

/* A time in ms since 1970 (or since the start of a simulation). */
static bool time_read(struct cell *cell, bool always_ms, const char *text, size_t length,
                      int64_t *ms)
{
    int64_t whole = 0;
    double real;
    bool is_whole = int_read(text, length, &whole);
    if (is_whole) {
        real = (double)whole;
    } else if (!real_read(text, length, &real)) {
        char copy[NUMBER_BYTES];
        if (length >= sizeof copy) {
            return false;
        }
        memcpy(copy, text, length);
        copy[length] = '\0';
        int64_t ns;
        if (!timestamp_read(copy, &ns)) {
            return false;
        }
        *ms = ns / NS_PER_MS;
        return true;
    }
    if (real < 0 || real > 9.2e18) {
        return false;
    }
    if (cell->time_unit == 0) {
        cell->time_unit = always_ms ? 1 : time_unit(real);
    }
    double in_ms = cell->time_unit > 0 ? real / (double)cell->time_unit : real * 1e3;
    *ms = is_whole && cell->time_unit > 0 ? whole / cell->time_unit : (int64_t)in_ms;
    return in_ms < 9.2e12; /* what fits in 64 bits of ns */
}

/* --- Cells ------------------------------------------------------------------------------------ */

/* A place for another text. The room grows by doubling, so it is bounded by the longest. */
static bool cell_keep(struct cell *cell, const char *text, size_t length)
{
    if (length + 1 > cell->room) {
        size_t more = cell->room * 2 > length + 1 ? cell->room * 2 : length + 16;
        char *grown = realloc(cell->text, more);
        if (grown == NULL) {
            return false;
        }
        cell->text = grown;
        cell->room = more;
    }
    memcpy(cell->text, text, length);
    cell->text[length] = '\0';
    cell->length = length;
    return true;
}

static const char *wrong(char why[CELL_WHY_BYTES], const char *header, const char *text,
                         size_t length, const char *mend)
{
    int n = length < 32 ? (int)length : 29;
    snprintf(why, CELL_WHY_BYTES, "%.40s is '%.*s%s'; %s", header, n, text,
             length < 32 ? "" : "...", mend);
    return why;
}

static const char *put_int(struct cells *c, int column, enum column_reading reading,
                           const char *header, const char *text, size_t length,
                           char why[CELL_WHY_BYTES])
{
    int64_t *value = (int64_t *)(void *)((char *)&c->row + columns[column].offset);
    if (is_missing(text, length)) {
        *value = RECORD_NO_INT;
        return NULL;
    }
    int64_t v = 0;
    bool ok = reading == READ_TIME  ? time_read(&c->cell[column], c->always_ms, text, length, &v)
              : reading == READ_HEX ? hex_read(text, length, &v)
                                    : whole_read(text, length, &v);
    if (!ok) {
        return wrong(why, header, text, length,
                     reading == READ_TIME
                         ? "write ms since 1970, or a time like 2025-02-28T14:00:59.841Z"
                     : reading == READ_HEX               ? "write a hexadecimal number"
                     : memchr(text, ',', length) != NULL ? "write it without commas"
                                                         : "write a whole number");
    }
    *value = v;
    return NULL;
}

static const char *put_real(struct cells *c, int column, enum column_reading reading, bool percent,
                            const char *header, const char *text, size_t length,
                            char why[CELL_WHY_BYTES])
{
    double *value = (double *)(void *)((char *)&c->row + columns[column].offset);
    if (is_missing(text, length)) {
        *value = NAN;
        return NULL;
    }
    double v;
    if (!real_read(text, length, &v)) {
        return wrong(why, header, text, length,
                     memchr(text, ',', length) != NULL ? "write it without commas"
                                                       : "write a number");
    }
    if (reading == READ_RATE) {
        if (v < 0 || v > 100) {
            return wrong(why, header, text, length,
                         "write a fraction from 0 to 1, or percent up to 100");
        }
        if (percent) {
            v /= 100;
        } else if (v > c->rate_max) {
            c->rate_max = v;
        }
    }
    *value = v;
    return NULL;
}

const char *cells_put_column(struct cells *c, int column, enum column_reading reading, bool percent,
                             const char *header, const char *text, size_t length,
                             char why[CELL_WHY_BYTES])
{
    struct cell *cell = &c->cell[column];
    if (cell->valid && cell->length == length && memcmp(cell->text, text, length) == 0) {
        return NULL;
    }
    cell->valid = false;
    if (!cell_keep(cell, text, length)) {
        snprintf(why, CELL_WHY_BYTES, "%.40s: no memory for %zu bytes", header, length);
        return why;
    }
    const char *bad = NULL;
    if (columns[column].type == SCHEMA_INT) {
        bad = put_int(c, column, reading, header, text, length, why);
    } else if (columns[column].type == SCHEMA_REAL) {
        bad = put_real(c, column, reading, percent, header, text, length, why);
    } else {
        *(const char **)(void *)((char *)&c->row + columns[column].offset) =
            length > 0 ? cell->text : NULL;
    }
    cell->valid = bad == NULL;
    c->changed[columns[column].layer] = true;
    return bad;
}

const char *cells_put(struct cells *c, int field, const char *text, size_t length,
                      char why[CELL_WHY_BYTES])
{
    const struct column_map *m = c->map;
    int column = m->column_of[field];
    return column < 0 ? NULL
                      : cells_put_column(c, column, m->reading[field], m->percent[field],
                                         m->header[field], text, length, why);
}
