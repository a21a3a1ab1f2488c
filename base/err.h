/* err.h - how a function says that it failed.
 *
 * A function that can fail returns 0 or a negative code of ERR_LIST and takes a `struct err *`
 * as its last argument, where it leaves one line for a person: which file, where in it, what is
 * wrong, and what to write instead. Nothing here allocates. The program prints
 * `willmsim: TEXT` and exits with err_exit_status(code).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

/* One list yields the codes, their names and their exit statuses (CLI.md: 2 wrong input,
 * 1 failed work). */
#define ERR_LIST(X)                                                                                \
    X(ERR_INPUT, -1, 2, "the call or an input is wrong")                                           \
    X(ERR_WORK, -2, 1, "the work failed")                                                          \
    X(ERR_CHECK, -3, 1, "a check that was asked for did not hold")                                 \
    X(ERR_MEMORY, -4, 1, "out of memory")                                                          \
    X(ERR_INTERRUPTED, -5, 1, "stopped by a signal")

enum err_code {
#define ERR_ENUM(name, value, status, text) name = (value),
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

struct err {
    int code;
    char text[1024]; /* one line, no newline, UTF-8 */
};

/* Fills `e` (may be NULL) with "FILE: PLACE: what; mend" and returns ERR_INPUT. `file` and
 * `place` may be NULL or empty and are then left out. Control characters in the message are
 * replaced, so that the line stays one line. */
int err_input(struct err *e, const char *file, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for failed work: returns ERR_WORK. */
int err_work(struct err *e, const char *file, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory while doing `what`: returns ERR_MEMORY. */
int err_memory(struct err *e, const char *what);

/* Exit status for a code (0 for 0; 1 for an unknown code). */
int err_exit_status(int code);

/* Name of a code, e.g. "ERR_INPUT" (never NULL). */
const char *err_name(int code);

/* The word of `known[0..n)` nearest to `word` by edit distance (Damerau-Levenshtein, optimal
 * string alignment; ASCII case does not count), the first of equals, or NULL when none is near:
 * distance > max(2, length/3), or every letter would have to change. */
const char *err_nearest(const char *word, const char *const *known, int n);

#endif
