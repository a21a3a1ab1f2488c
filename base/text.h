/* text.h - a line of text of bounded length that is built piece by piece; for messages and JSON
 * paths. What does not fit is left out, never overrun. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

struct text {
    char chars[512];
    size_t length; /* strlen(chars) */
};

/* Appends as printf does. */
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a member to a JSON path: ".key", or "key" at its beginning. */
void text_add_key(struct text *t, const char *key);

/* Appends "[index]". */
void text_add_index(struct text *t, size_t index);

/* Appends a finite number in the fewest digits that read back as the same double. */
void text_add_number(struct text *t, double value);

/* Back to the first `length` characters. */
void text_cut(struct text *t, size_t length);

#endif
