/* call.c - the options of a verb and the one line that says what is wrong with them. */
#include "tools/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { OPTIONS_MAX = 32 };

int call_fail(const struct err *e)
{
    fprintf(stderr, "willmsim: %s\n", e->text);
    return err_exit_status(e->code);
}

int call_wrong(const char *verb, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* err_input() makes it one clean line whatever the words held. */
    struct err e;
    err_input(&e, verb, NULL, "%s", text);
    return call_fail(&e);
}

static void wrong_option(const char *verb, const char *word, const struct option *options)
{
    char name[64];
    size_t length = strcspn(word, "=");
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), word);
    const char *known[OPTIONS_MAX];
    int n = 0;
    struct text list = {0};
    for (; n < OPTIONS_MAX && options[n].name != NULL; n++) {
        known[n] = options[n].name;
        text_add(&list, "%s--%s", n > 0 ? " " : "", known[n]);
    }
    const char *bare = name + strspn(name, "-");
    const char *near = err_nearest(bare, known, n);
    if (near != NULL) {
        call_wrong(verb, "unknown option '%s'; did you mean '--%s'?", name, near);
    } else {
        call_wrong(verb, "unknown option '%s'; it takes %s", name, list.chars);
    }
}

int call_option(int argc, char **argv, const struct option *options)
{
    opterr = 0;
    int here = optind;
    int value = getopt_long(argc, argv, ":h", options, NULL);
    if (value == ':') {
        call_wrong(argv[0], "'%s' needs a value after it", argv[optind - 1]);
        return CALL_WRONG;
    }
    if (value == '?') {
        /* optind has moved past a long option, but stays on a cluster of short ones. */
        const char *word = argv[optind > here && optind > 1 ? optind - 1 : optind];
        if (optopt != 0 && optopt != 'h' && strncmp(word, "--", 2) == 0) {
            call_wrong(argv[0], "'%s' takes no value", word);
        } else {
            wrong_option(argv[0], word == NULL ? "" : word, options);
        }
        return CALL_WRONG;
    }
    return value;
}

int call_int(const char *verb, const char *option, const char *text, int64_t min, int64_t max,
             int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool number = end != text && *end == '\0' && errno == 0;
    if (!number || value < min || value > max) {
        return call_wrong(verb, "%s: '%s' is not a whole number from %lld to %lld", option, text,
                          (long long)min, (long long)max);
    }
    *out = value;
    return 0;
}

int call_word(const char *verb, const char *what, const char *word, const char *const *known, int n)
{
    struct text list = {0};
    for (int i = 0; i < n; i++) {
        if (strcmp(word, known[i]) == 0) {
            return i;
        }
        text_add(&list, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    const char *near = err_nearest(word, known, n);
    if (near != NULL) {
        call_wrong(verb, "unknown %s '%.60s'; did you mean '%s'?", what, word, near);
    } else {
        call_wrong(verb, "unknown %s '%.60s'; use one of: %s", what, word, list.chars);
    }
    return -1;
}
