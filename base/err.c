/* err.c - builds the one line that a person reads when something failed. */
#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Longest word that err_nearest() compares; nothing that a person types is longer. */
enum { LONGEST_WORD = 64 };

/* Makes text[0..capacity) one line of valid UTF-8: line breaks and tabs become spaces, other
 * control characters (C0, DEL, C1: they drive terminals) and broken bytes become '?'. A sequence
 * that the end of the buffer cut is dropped. */
static void text_clean(char *text, bool cut)
{
    unsigned char *p = (unsigned char *)text;
    unsigned char *end = p + strlen(text);
    while (p < end) {
        size_t left = (size_t)(end - p);
        size_t bytes = utf8_sequence(p, left < UTF8_LONGEST ? left : UTF8_LONGEST);
        if (bytes == 0) {
            if (cut && left < UTF8_LONGEST) {
                *p = '\0';
                return;
            }
            *p++ = '?';
        } else if (bytes == 1) {
            if (*p == '\n' || *p == '\r' || *p == '\t') {
                *p = ' ';
            } else if (*p < 0x20 || *p == 0x7f) {
                *p = '?';
            }
            p++;
        } else if (bytes == 2 && p[0] == 0xc2 && p[1] < 0xa0) {
            p[0] = p[1] = '?';
            p += 2;
        } else {
            p += bytes;
        }
    }
}

__attribute__((format(printf, 5, 0))) static int err_fill(struct err *e, int code, const char *file,
                                                          const char *place, const char *format,
                                                          va_list args)
{
    if (e == NULL) {
        return code;
    }
    /* Written beside, since the arguments may be the text of the same error. */
    char text[sizeof e->text];
    bool has_file = file != NULL && file[0] != '\0';
    bool has_place = place != NULL && place[0] != '\0';
    int n = snprintf(text, sizeof text, "%s%s%s%s", has_file ? file : "", has_file ? ": " : "",
                     has_place ? place : "", has_place ? ": " : "");
    size_t used = n < 0 ? 0 : (size_t)n;
    bool cut = used >= sizeof text;
    if (!cut) {
        n = vsnprintf(text + used, sizeof text - used, format, args);
        cut = n >= 0 && (size_t)n >= sizeof text - used;
    }
    text_clean(text, cut);
    e->code = code;
    memcpy(e->text, text, strlen(text) + 1);
    return code;
}

int err_input(struct err *e, const char *file, const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int code = err_fill(e, ERR_INPUT, file, place, format, args);
    va_end(args);
    return code;
}

int err_work(struct err *e, const char *file, const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int code = err_fill(e, ERR_WORK, file, place, format, args);
    va_end(args);
    return code;
}

__attribute__((format(printf, 3, 4))) static int err_plain(struct err *e, int code,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_fill(e, code, NULL, NULL, format, args);
    va_end(args);
    return code;
}

int err_memory(struct err *e, const char *what)
{
    return err_plain(e, ERR_MEMORY, "out of memory: %s", what);
}

struct code {
    int code;
    int status;
    const char *name;
};

static const struct code codes[] = {{0, 0, "OK"},
#define ERR_ROW(name, value, status, text) {name, status, #name},
                                    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

static const struct code *code_find(int code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == code) {
            return &codes[i];
        }
    }
    return NULL;
}

int err_exit_status(int code)
{
    const struct code *found = code_find(code);
    return found != NULL ? found->status : 1;
}

const char *err_name(int code)
{
    const struct code *found = code_find(code);
    return found != NULL ? found->name : "unknown error";
}

static int letter(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its optimal-string-alignment form (no substring is edited
 * twice); both words at most LONGEST_WORD long. */
static int word_distance(const char *a, int a_len, const char *b, int b_len)
{
    int rows[3][LONGEST_WORD + 1];
    int *older = rows[0];
    int *above = rows[1];
    int *row = rows[2];
    for (int j = 0; j <= b_len; j++) {
        above[j] = j;
        older[j] = j;
    }
    for (int i = 1; i <= a_len; i++) {
        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            int cost = letter(a[i - 1]) == letter(b[j - 1]) ? 0 : 1;
            int d = smaller(smaller(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1])) {
                d = smaller(d, older[j - 2] + 1);
            }
            row[j] = d;
        }
        int *spare = older;
        older = above;
        above = row;
        row = spare;
    }
    return above[b_len];
}

const char *err_nearest(const char *word, const char *const *known, int n)
{
    size_t length = strlen(word);
    if (length > LONGEST_WORD) {
        return NULL;
    }
    int limit = length / 3 > 2 ? (int)(length / 3) : 2;
    /* A short word that shares no letter is not near, however few letters there are. */
    int best = smaller(limit, (int)length - 1) + 1;
    const char *nearest = NULL;
    for (int i = 0; i < n; i++) {
        size_t known_length = strlen(known[i]);
        if (known_length > LONGEST_WORD) {
            continue;
        }
        int d = word_distance(word, (int)length, known[i], (int)known_length);
        if (d < best) {
            best = d;
            nearest = known[i];
        }
    }
    return nearest;
}
