/* influx_line.c - one line of InfluxDB's line protocol. */
#include "datasets/influx_line.h"

#include <stdlib.h>
#include <string.h>

/* Takes text up to one of `ends` and unescapes it in place; *end is what it stopped at. */
static char *word_take(char **at, const char *ends, char *end)
{
    char *from = *at, *to = from, *word = from;
    while (*from != '\0' && strchr(ends, *from) == NULL) {
        if (from[0] == '\\' && from[1] != '\0' && strchr(", =\"\\", from[1]) != NULL) {
            from++;
        }
        *to++ = *from++;
    }
    *end = *from;
    *at = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return word;
}

/* A string in quotes; \" and \\ are the only escapes. NULL: it has no end. */
static char *string_take(char **at, char *end)
{
    char *from = *at + 1, *to = *at, *word = to;
    while (*from != '\0' && *from != '"') {
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\')) {
            from++;
        }
        *to++ = *from++;
    }
    if (*from == '\0') {
        return NULL;
    }
    from++;
    *end = *from;
    *at = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return word;
}

/* What stands for a number is written as one. */
static void value_plain(char *value)
{
    static const char *const yes[] = {"t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"f", "F", "false", "False", "FALSE"};
    size_t length = strlen(value);
    if (length > 1 && (value[length - 1] == 'i' || value[length - 1] == 'u') &&
        strspn(value, "-0123456789") == length - 1) {
        value[length - 1] = '\0';
        return;
    }
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            value[0] = strcmp(value, yes[i]) == 0 ? '1' : '0';
            value[1] = '\0';
            return;
        }
    }
}

const char *influx_line_read(char *line, struct influx_point *p)
{
    char *at = line;
    char end;
    p->n_tags = p->n_fields = 0;
    p->has_time = false;
    p->measurement = word_take(&at, ", ", &end);
    if (p->measurement[0] == '\0') {
        return "it begins with no measurement";
    }
    while (end == ',') {
        char *key = word_take(&at, "=, ", &end);
        if (end != '=' || p->n_tags == INFLUX_PAIRS) {
            return end != '=' ? "a tag has no value" : "it has too many tags";
        }
        p->tags[p->n_tags++] = (struct influx_pair){key, word_take(&at, ", ", &end)};
    }
    if (end != ' ') {
        return "it has no fields";
    }
    do {
        char *key = word_take(&at, "=, ", &end);
        if (end != '=' || p->n_fields == INFLUX_PAIRS) {
            return end != '=' ? "a field has no value" : "it has too many fields";
        }
        bool is_string = *at == '"';
        char *value = is_string ? string_take(&at, &end) : word_take(&at, ", ", &end);
        if (value == NULL) {
            return "a string has no closing quote";
        }
        if (!is_string) {
            value_plain(value);
        }
        p->fields[p->n_fields++] = (struct influx_pair){key, value};
    } while (end == ',');
    if (end == '\0' || *at == '\0') {
        return end == '\0' || end == ' ' ? NULL : "something stands behind a string";
    }
    if (end != ' ') {
        return "something stands behind a string";
    }
    char *stop;
    p->time = strtoll(at, &stop, 10);
    p->has_time = stop != at && *stop == '\0';
    return p->has_time ? NULL : "its timestamp is no whole number";
}
