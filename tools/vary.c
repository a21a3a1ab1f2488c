/* vary.c - see vary.h. */
#include "tools/vary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int wrong(struct err *e, const char *text, const char *why)
{
    return err_input(e, "--vary", NULL,
                     "'%.200s' %s; write PATH=VALUE,VALUE,... such as "
                     "ues.0.count=1,2,4 or ues.0.count=1:8",
                     text, why);
}

/* Length of the first value: up to a comma outside of brackets and quotes. */
static size_t value_length(const char *text)
{
    int depth = 0;
    bool quoted = false;
    size_t i = 0;
    for (; text[i] != '\0'; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\' && text[i + 1] != '\0') {
                i++;
            } else if (c == '"') {
                quoted = false;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            depth--;
        } else if (c == ',' && depth <= 0) {
            break;
        }
    }
    return i;
}

/* FIRST:LAST[:STEP] as numbers; how many of them there are, 0: it is no such thing. */
static int range_numbers(const char *text, double number[3])
{
    int n = 0;
    const char *at = text;
    for (; n < 3; n++) {
        char *end = NULL;
        number[n] = strtod(at, &end);
        /* strtod() would also take "inf", "nan" and blanks. */
        if (end == at || strspn(at, "+-.0123456789eE") < (size_t)(end - at) ||
            !isfinite(number[n])) {
            return 0;
        }
        at = end;
        if (*at == '\0') {
            return n + 1;
        }
        if (*at++ != ':') {
            return 0;
        }
    }
    return 0;
}

static int read_range(const char *text, const double number[3], int n, struct vary *v,
                      struct arena *a, struct err *e)
{
    double first = number[0], last = number[1], step = n == 3 ? number[2] : 1;
    if (n == 2 && (first != floor(first) || last != floor(last))) {
        return wrong(e, text, "is a range of broken numbers without a step (FIRST:LAST:STEP)");
    }
    if (!(step > 0) || first > last) {
        return wrong(e, text, "is a range that does not rise");
    }
    /* A hair more, so that 0:1:0.1 ends with 1. */
    double count = floor((last - first) / step * (1 + 1e-12) + 1e-9) + 1;
    if (count > VARY_VALUES_MAX) {
        return wrong(e, text, "is a range of more than 100000 values");
    }
    const char **values = arena_array(a, (size_t)count, sizeof *values);
    if (values == NULL) {
        return err_memory(e, "the values of --vary");
    }
    for (int i = 0; i < (int)count; i++) {
        /* Twelve digits hide what i x step adds to a decimal fraction. */
        char digits[32];
        snprintf(digits, sizeof digits, "%.12g", first + i * step);
        values[i] = arena_strdup(a, digits);
        if (values[i] == NULL) {
            return err_memory(e, "the values of --vary");
        }
    }
    v->values = values;
    v->n = (int)count;
    v->is_range = true;
    return 0;
}

static int read_values(const char *text, const char *list, struct vary *v, struct arena *a,
                       struct err *e)
{
    int n = 1;
    for (const char *at = list; at[value_length(at)] != '\0'; at += value_length(at) + 1) {
        n++;
    }
    if (n > VARY_VALUES_MAX) {
        return wrong(e, text, "has more than 100000 values");
    }
    const char **values = arena_array(a, (size_t)n, sizeof *values);
    if (values == NULL) {
        return err_memory(e, "the values of --vary");
    }
    for (int i = 0; i < n; i++) {
        size_t length = value_length(list);
        if (length == 0) {
            return wrong(e, text, "has an empty value");
        }
        char *value = arena_alloc(a, length + 1);
        if (value == NULL) {
            return err_memory(e, "the values of --vary");
        }
        memcpy(value, list, length);
        for (int k = 0; k < i; k++) {
            if (strcmp(values[k], value) == 0) {
                return wrong(e, text, "has a value twice");
            }
        }
        values[i] = value;
        list += length + 1;
    }
    v->values = values;
    v->n = n;
    return 0;
}

int vary_read(const char *text, struct vary *v, struct arena *a, struct err *e)
{
    *v = (struct vary){0};
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return wrong(e, text, "is no path with values");
    }
    size_t length = (size_t)(equals - text);
    char *path = arena_alloc(a, length + 1);
    if (path == NULL) {
        return err_memory(e, "the values of --vary");
    }
    memcpy(path, text, length);
    v->path = path;
    double number[3];
    int n = range_numbers(equals + 1, number);
    return n >= 2 ? read_range(text, number, n, v, a, e) : read_values(text, equals + 1, v, a, e);
}

/* ues[0].count as ues.0.count. */
static void plain_path(const char *path, char out[512])
{
    size_t n = 0;
    for (const char *c = path; *c != '\0' && n + 1 < 512; c++) {
        if (*c == '[') {
            out[n++] = '.';
        } else if (*c != ']') {
            out[n++] = *c;
        }
    }
    out[n] = '\0';
}

int vary_check(const struct vary *varies, int n, struct err *e)
{
    char a[512], b[512];
    for (int i = 0; i < n; i++) {
        plain_path(varies[i].path, a);
        if (strcmp(a, "seed") == 0) {
            return err_input(e, "--vary", "seed",
                             "is varied by --reps, the same in every combination; use --reps N "
                             "and --seed FIRST");
        }
        for (int k = 0; k < i; k++) {
            plain_path(varies[k].path, b);
            size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
            const char *longer = strlen(a) < strlen(b) ? b : a;
            if (strncmp(a, b, shorter) == 0 &&
                (longer[shorter] == '\0' || longer[shorter] == '.')) {
                return err_input(
                    e, "--vary", varies[i].path, "%s; put all values of one path into one --vary",
                    longer[shorter] == '\0' ? "is there twice" : "and another --vary overlap");
            }
        }
    }
    return 0;
}
