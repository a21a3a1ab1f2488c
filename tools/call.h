/* call.h - what every verb does with its call: options, wrong words, the one line of an error. */
#ifndef TOOLS_CALL_H
#define TOOLS_CALL_H

#include <getopt.h>
#include <stdint.h>

#include "base/err.h"

/* Every verb has these two values in its option table. */
enum { CALL_HELP = 'h', CALL_END = -1, CALL_WRONG = '?' };

/* getopt_long() with our messages: the option's value, CALL_END after the last, or CALL_WRONG
 * when the line was already printed (the verb then returns 2). `argv[0]` is the verb. Long
 * options only, but for -h. */
int call_option(int argc, char **argv, const struct option *options);

/* Prints `willmsim: TEXT` on standard error and returns the exit status of the error. */
int call_fail(const struct err *e);

/* The same for a wrong call of `verb`: one line, then 2. */
int call_wrong(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads a whole number in [min, max] given to an option. Returns 0, or 2 with the line printed. */
int call_int(const char *verb, const char *option, const char *text, int64_t min, int64_t max,
             int64_t *out);

/* Index of `word` in known[0..n), or -1 with "unknown WHAT ..., did you mean ..." printed. */
int call_word(const char *verb, const char *what, const char *word, const char *const *known,
              int n);

#endif
