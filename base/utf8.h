/* utf8.h - one UTF-8 sequence at a time (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

enum { UTF8_LONGEST = 4 };

static inline int utf8_is_tail(unsigned char c)
{
    return c >= 0x80 && c <= 0xbf;
}

/* Length of the well-formed sequence at p[0..left), or 0 when there is none. */
static inline size_t utf8_sequence(const unsigned char *p, size_t left)
{
    if (left >= 1 && p[0] < 0x80) {
        return 1;
    }
    if (left < 2 || !utf8_is_tail(p[1])) {
        return 0;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        return 2;
    }
    if (left < 3 || !utf8_is_tail(p[2])) {
        return 0;
    }
    if ((p[0] == 0xe0 && p[1] >= 0xa0) || (p[0] == 0xed && p[1] <= 0x9f) ||
        (p[0] >= 0xe1 && p[0] <= 0xef && p[0] != 0xed)) {
        return 3;
    }
    if (left < 4 || !utf8_is_tail(p[3])) {
        return 0;
    }
    if ((p[0] == 0xf0 && p[1] >= 0x90) || (p[0] >= 0xf1 && p[0] <= 0xf3) ||
        (p[0] == 0xf4 && p[1] <= 0x8f)) {
        return 4;
    }
    return 0;
}

#endif
