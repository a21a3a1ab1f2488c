/* thin.c - see thin.h, invariants C1..C3. */
#include "datasets/thin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

static size_t place_of(int64_t column)
{
    int64_t m = column % THIN_COLUMNS;
    return (size_t)(m < 0 ? m + THIN_COLUMNS : m);
}

static void cells_clear(struct thin_column *columns, float *levels)
{
    memset(columns, 0, THIN_COLUMNS * sizeof *columns);
    for (size_t i = 0; levels != NULL && i < (size_t)THIN_COLUMNS * THIN_LEVELS; i++) {
        levels[i] = NAN;
    }
}

bool thin_make(struct thin *s, bool with_levels, double level_height)
{
    *s = (struct thin){.width_ms = 1, .first = 0, .last = -1};
    s->level_height = level_height;
    s->columns = malloc(THIN_COLUMNS * sizeof *s->columns);
    s->spare_columns = malloc(THIN_COLUMNS * sizeof *s->columns);
    if (with_levels) {
        size_t n = (size_t)THIN_COLUMNS * THIN_LEVELS;
        s->levels = malloc(n * sizeof *s->levels);
        s->spare_levels = malloc(n * sizeof *s->levels);
    }
    if (s->columns == NULL || s->spare_columns == NULL ||
        (with_levels && (s->levels == NULL || s->spare_levels == NULL))) {
        thin_free(s);
        return false;
    }
    cells_clear(s->columns, s->levels);
    return true;
}

void thin_free(struct thin *s)
{
    free(s->columns);
    free(s->levels);
    free(s->spare_columns);
    free(s->spare_levels);
    *s = (struct thin){0};
}

/* Adds what old column `from` shows to new column `to`. */
static void column_merge(struct thin *s, size_t from, size_t to)
{
    const struct thin_column *old = &s->columns[from];
    struct thin_column *fresh = &s->spare_columns[to];
    if (!old->occupied) {
        return;
    }
    fresh->min = fresh->occupied ? fmin(old->min, fresh->min) : old->min;
    fresh->max = fresh->occupied ? fmax(old->max, fresh->max) : old->max;
    fresh->occupied = true;
    for (size_t i = 0; s->levels != NULL && i < THIN_LEVELS; i++) {
        float *level = &s->spare_levels[to * THIN_LEVELS + i];
        *level = fmaxf(*level, s->levels[from * THIN_LEVELS + i]); /* a number, where one is */
    }
}

/* Makes columns twice as wide: 2k and 2k + 1 become k. */
static void widen(struct thin *s)
{
    cells_clear(s->spare_columns, s->spare_levels);
    for (int64_t c = s->first; c <= s->last; c++) {
        column_merge(s, place_of(c), place_of(floor_div(c, 2)));
    }
    struct thin_column *columns = s->columns;
    float *levels = s->levels;
    s->columns = s->spare_columns;
    s->levels = s->spare_levels;
    s->spare_columns = columns;
    s->spare_levels = levels;
    s->width_ms *= 2;
    s->first = floor_div(s->first, 2);
    s->last = floor_div(s->last, 2);
}

/* Makes levels twice as high. */
static void levels_widen(struct thin *s)
{
    for (size_t c = 0; c < THIN_COLUMNS; c++) {
        float *level = s->levels + c * THIN_LEVELS;
        for (int i = 0; i < THIN_LEVELS; i++) {
            level[i] = 2 * i < THIN_LEVELS ? fmaxf(level[2 * i], level[2 * i + 1]) : NAN;
        }
    }
    s->level_height *= 2;
}

static void level_add(struct thin *s, size_t place, double value)
{
    double height = fmax(value, 0);
    while (height >= s->level_height * THIN_LEVELS) {
        levels_widen(s);
    }
    float *shown = &s->levels[place * THIN_LEVELS + (size_t)(height / s->level_height)];
    *shown = fmaxf(*shown, (float)height);
}

void thin_add(struct thin *s, int64_t t_ms, double value)
{
    int64_t c = floor_div(t_ms, s->width_ms);
    if (s->n == 0) {
        s->first = s->last = c;
        s->from_ms = s->to_ms = t_ms;
        s->min = s->max = value;
    }
    while ((c > s->last ? c : s->last) - (c < s->first ? c : s->first) >= THIN_COLUMNS) {
        widen(s);
        c = floor_div(t_ms, s->width_ms);
    }
    s->first = c < s->first ? c : s->first;
    s->last = c > s->last ? c : s->last;
    s->from_ms = t_ms < s->from_ms ? t_ms : s->from_ms;
    s->to_ms = t_ms > s->to_ms ? t_ms : s->to_ms;
    s->min = fmin(s->min, value);
    s->max = fmax(s->max, value);
    s->n++;
    double off = value - s->mean;
    s->mean += off / (double)s->n;
    s->squares += off * (value - s->mean);
    struct thin_column *column = &s->columns[place_of(c)];
    column->min = column->occupied ? fmin(column->min, value) : value;
    column->max = column->occupied ? fmax(column->max, value) : value;
    column->occupied = true;
    if (s->levels != NULL) {
        level_add(s, place_of(c), value);
    }
}

const struct thin_column *thin_at(const struct thin *s, int64_t c)
{
    return &s->columns[place_of(c)];
}

double thin_level(const struct thin *s, int64_t c, int level)
{
    return (double)s->levels[place_of(c) * THIN_LEVELS + (size_t)level];
}

double thin_std(const struct thin *s)
{
    return s->n > 0 ? sqrt(s->squares / (double)s->n) : NAN;
}
