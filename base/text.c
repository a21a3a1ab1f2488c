/* text.c - lines of bounded length. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *t, const char *format, ...)
{
    size_t room = sizeof t->chars - t->length;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->chars + t->length, room, format, args);
    va_end(args);
    if (n > 0) {
        t->length += (size_t)n < room ? (size_t)n : room - 1;
    }
}

void text_add_key(struct text *t, const char *key)
{
    text_add(t, "%s%s", t->length > 0 ? "." : "", key);
}

void text_add_index(struct text *t, size_t index)
{
    text_add(t, "[%zu]", index);
}

void text_add_number(struct text *t, double value)
{
    char digits[32];
    for (int n = 15; n <= 17; n++) {
        snprintf(digits, sizeof digits, "%.*g", n, value);
        if (strtod(digits, NULL) == value) {
            break;
        }
    }
    text_add(t, "%s", digits);
}

void text_cut(struct text *t, size_t length)
{
    if (length < t->length) {
        t->length = length;
        t->chars[length] = '\0';
    }
}
