/* json_scan.c - a validating scanner for RFC 8259, without recursion.
 *
 * cJSON builds the tree but is lenient (it takes "01", "1." and control characters in strings,
 * and ignores what follows the first value), and says nothing about where it stopped. So the text
 * is checked here first, and cJSON only sees text that is JSON.
 */
#include "base/json_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct scan {
    const char *file;
    const unsigned char *start;
    const unsigned char *end;
    const unsigned char *p;
    struct err *e;
    char open[JSON_DEPTH_MAX]; /* '[' or '{' of every value that has not ended yet */
    int depth;
};

__attribute__((format(printf, 3, 4))) static int
scan_fail(const struct scan *s, const unsigned char *at, const char *format, ...)
{
    size_t line = 1;
    size_t column = 1;
    for (const unsigned char *p = s->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (!utf8_is_tail(*p)) {
            column++;
        }
    }
    char place[64];
    snprintf(place, sizeof place, "%zu:%zu", line, column);
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return err_input(s->e, s->file, place, "%s", what);
}

/* The character at `at` as a person would name it. */
static const char *scan_name(const struct scan *s, const unsigned char *at, char name[32])
{
    if (at >= s->end) {
        return "the end of the text";
    }
    size_t bytes = utf8_sequence(at, (size_t)(s->end - at));
    if (bytes == 0 || *at < 0x20 || *at == 0x7f) {
        snprintf(name, 32, "byte 0x%02x", *at);
    } else {
        snprintf(name, 32, "'%.*s'", (int)bytes, (const char *)at);
    }
    return name;
}

static void scan_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')) {
        s->p++;
    }
}

static bool scan_is(const struct scan *s, char c)
{
    return s->p < s->end && *s->p == (unsigned char)c;
}

static bool is_digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool is_word_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '.';
}

/* Four hexadecimal digits after "\u", or -1. */
static int scan_hex4(const struct scan *s, const unsigned char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++, p++) {
        if (p >= s->end) {
            return -1;
        }
        int digit = *p >= '0' && *p <= '9'   ? *p - '0'
                    : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
                    : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
                                             : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* s->p is at the backslash. */
static int scan_escape(struct scan *s)
{
    const unsigned char *at = s->p++;
    if (s->p >= s->end) {
        return scan_fail(s, at, "the text ends inside a string; close it with '\"'");
    }
    unsigned char c = *s->p++;
    if (c != 'u') {
        if (c == 0 || strchr("\"\\/bfnrt", c) == NULL) {
            return scan_fail(s, at,
                             "no such escape in a string; write \\\\ for a backslash, or one of "
                             "\\\" \\/ \\b \\f \\n \\r \\t \\uXXXX");
        }
        return 0;
    }
    int unit = scan_hex4(s, s->p);
    if (unit < 0) {
        return scan_fail(s, at, "\\u needs four hexadecimal digits");
    }
    s->p += 4;
    if (unit == 0) {
        return scan_fail(s, at, "a string may not hold the character U+0000; leave it out");
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
        int low = -1;
        if (unit < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
            low = scan_hex4(s, s->p + 2);
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return scan_fail(s, at, "half of a surrogate pair; write the character itself");
        }
        s->p += 6;
    }
    return 0;
}

/* s->p is at the opening quote. */
static int scan_string(struct scan *s)
{
    const unsigned char *open = s->p++;
    while (s->p < s->end) {
        unsigned char c = *s->p;
        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c == '\\') {
            int rc = scan_escape(s);
            if (rc != 0) {
                return rc;
            }
        } else if (c == '\n' || c == '\r') {
            return scan_fail(s, open,
                             "a string that does not end on its line; close it with '\"' "
                             "or write a line break as \\n");
        } else if (c < 0x20) {
            return scan_fail(s, s->p, "control character 0x%02x in a string; write \\u%04x", c, c);
        } else {
            size_t bytes = utf8_sequence(s->p, (size_t)(s->end - s->p));
            if (bytes == 0) {
                return scan_fail(s, s->p, "byte 0x%02x is not UTF-8; save the file as UTF-8", c);
            }
            s->p += bytes;
        }
    }
    return scan_fail(s, open, "a string that does not end; close it with '\"'");
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static int scan_number(struct scan *s)
{
    const unsigned char *at = s->p;
    const char *wrong = NULL;
    if (scan_is(s, '-')) {
        s->p++;
    }
    if (scan_is(s, '0')) {
        s->p++;
        if (is_digit(s)) {
            wrong = "a number with a leading zero; leave the zero out";
        }
    } else if (is_digit(s)) {
        while (is_digit(s)) {
            s->p++;
        }
    } else {
        wrong = "a number needs a digit after '-'";
    }
    if (wrong == NULL && scan_is(s, '.')) {
        s->p++;
        if (!is_digit(s)) {
            wrong = "a number needs a digit after '.'";
        }
        while (is_digit(s)) {
            s->p++;
        }
    }
    if (wrong == NULL && (scan_is(s, 'e') || scan_is(s, 'E'))) {
        s->p++;
        if (scan_is(s, '+') || scan_is(s, '-')) {
            s->p++;
        }
        if (!is_digit(s)) {
            wrong = "a number needs a digit in its exponent";
        }
        while (is_digit(s)) {
            s->p++;
        }
    }
    if (wrong == NULL && s->p < s->end && is_word_char(*s->p)) {
        wrong = "not a number; write decimal digits, or a string in double quotes";
    }
    if (wrong != NULL) {
        return scan_fail(s, at, "%s", wrong);
    }
    size_t chars = (size_t)(s->p - at);
    if (chars > JSON_NUMBER_CHARS_MAX) {
        return scan_fail(s, at, "a number of %zu characters; write at most %d", chars,
                         JSON_NUMBER_CHARS_MAX);
    }
    char number[JSON_NUMBER_CHARS_MAX + 1];
    memcpy(number, at, chars);
    number[chars] = '\0';
    if (!isfinite(strtod(number, NULL))) {
        return scan_fail(s, at, "%s is too large; write a number below 1.8e308", number);
    }
    return 0;
}

/* true, false, null; anything else that looks like a word gets a line of its own. */
static int scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    const unsigned char *at = s->p;
    while (s->p < s->end && is_word_char(*s->p)) {
        s->p++;
    }
    size_t length = (size_t)(s->p - at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (length == strlen(words[i]) && memcmp(at, words[i], length) == 0) {
            return 0;
        }
    }
    char name[32];
    if (length == 0) {
        if (scan_is(s, '/') || scan_is(s, '#')) {
            return scan_fail(s, at, "JSON has no comments; remove it");
        }
        if (scan_is(s, '\'')) {
            return scan_fail(s, at, "a string stands in double quotes; write \"...\"");
        }
        return scan_fail(s, at, "%s where a value is due; write a JSON value",
                         scan_name(s, at, name));
    }
    char word[48];
    int shown = length < sizeof word ? (int)length : (int)sizeof word - 1;
    snprintf(word, sizeof word, "%.*s", shown, (const char *)at);
    const char *bare = word[0] == '-' || word[0] == '+' ? word + 1 : word;
    if (strcasecmp(bare, "nan") == 0 || strcasecmp(bare, "inf") == 0 ||
        strcasecmp(bare, "infinity") == 0) {
        return scan_fail(s, at, "%s is not a JSON number; write a finite number", word);
    }
    if (word[0] == '.' || word[0] == '+') {
        return scan_fail(s, at, "%s is not a JSON number; begin with a digit or '-'", word);
    }
    const char *near = err_nearest(word, words, 3);
    if (near != NULL) {
        return scan_fail(s, at, "unknown word %s; did you mean %s?", word, near);
    }
    return scan_fail(s, at, "unknown word %s; write a string in double quotes", word);
}

/* A key and its colon; s->p is where the key is due. */
static int scan_key(struct scan *s)
{
    scan_space(s);
    const unsigned char *at = s->p;
    char name[32];
    if (!scan_is(s, '"')) {
        return scan_fail(s, at, "%s where a key is due; write \"key\": value",
                         scan_name(s, at, name));
    }
    int rc = scan_string(s);
    if (rc != 0) {
        return rc;
    }
    scan_space(s);
    if (!scan_is(s, ':')) {
        return scan_fail(s, s->p, "%s after a key; write ':'", scan_name(s, s->p, name));
    }
    s->p++;
    return 0;
}

/* One value, or the beginning of one: *ended tells which. */
static int scan_value(struct scan *s, bool *ended)
{
    scan_space(s);
    *ended = true;
    if (scan_is(s, '"')) {
        return scan_string(s);
    }
    bool word_follows = s->end - s->p > 1 && strchr("IiNn", s->p[1]) != NULL && s->p[1] != '\0';
    if (is_digit(s) || (scan_is(s, '-') && !word_follows)) {
        return scan_number(s);
    }
    if (!scan_is(s, '[') && !scan_is(s, '{')) {
        return scan_word(s);
    }
    if (s->depth == JSON_DEPTH_MAX) {
        return scan_fail(s, s->p, "more than %d lists and objects inside each other; flatten them",
                         JSON_DEPTH_MAX);
    }
    char open = (char)*s->p++;
    s->open[s->depth++] = open;
    scan_space(s);
    if (scan_is(s, open == '[' ? ']' : '}')) {
        s->p++;
        s->depth--;
        return 0;
    }
    *ended = false;
    return open == '{' ? scan_key(s) : 0;
}

/* After a value: commas and closing brackets, up to where the next value is due or the whole
 * value has ended (*more tells which). */
static int scan_after(struct scan *s, bool *more)
{
    char name[32];
    *more = false;
    while (s->depth > 0) {
        scan_space(s);
        char open = s->open[s->depth - 1];
        char close = open == '[' ? ']' : '}';
        if (scan_is(s, close)) {
            s->p++;
            s->depth--;
            continue;
        }
        if (!scan_is(s, ',')) {
            return scan_fail(s, s->p, "%s after a value; write ',' or '%c'",
                             scan_name(s, s->p, name), close);
        }
        const unsigned char *comma = s->p++;
        scan_space(s);
        if (scan_is(s, close)) {
            return scan_fail(s, comma, "a comma before '%c'; remove it", close);
        }
        *more = true;
        return open == '{' ? scan_key(s) : 0;
    }
    return 0;
}

int json_scan(const char *file, const char *text, size_t bytes, struct err *e)
{
    struct scan s = {.file = file,
                     .start = (const unsigned char *)text,
                     .end = (const unsigned char *)text + bytes,
                     .p = (const unsigned char *)text,
                     .e = e};
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        return scan_fail(&s, s.p, "a byte-order mark; save the file as UTF-8 without one");
    }
    if (bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return scan_fail(&s, s.p, "UTF-16; save the file as UTF-8");
    }
    scan_space(&s);
    if (s.p == s.end) {
        return err_input(e, file, NULL, "is empty; write a JSON object, such as {}");
    }
    bool more = true;
    while (more) {
        bool ended;
        int rc = scan_value(&s, &ended);
        if (rc == 0 && ended) {
            rc = scan_after(&s, &more);
        }
        if (rc != 0) {
            return rc;
        }
    }
    scan_space(&s);
    if (s.p < s.end) {
        char name[32];
        return scan_fail(&s, s.p, "%s after the value; a file holds one JSON value",
                         scan_name(&s, s.p, name));
    }
    return 0;
}
