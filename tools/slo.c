/* slo.c - see slo.h. */
#include "tools/slo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/interval.h"
#include "tools/metric.h"

#define EXAMPLES "write 'p95 e2e <= 2 s', 'mean ttft <= 300 ms' or 'completed >= 99 %%'"

enum { WORD = 40, UNIT_MAX_CHARS = 8 };

static int wrong(struct err *e, const char *text, const char *what, const char *word)
{
    return err_input(e, "--slo", text, "%s%s%s%s; " EXAMPLES, what, word[0] != '\0' ? " '" : "",
                     word, word[0] != '\0' ? "'" : "");
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* The next word, of letters, digits, '_' and '.'; empty: there is none. */
static const char *next_word(const char *text, char word[WORD])
{
    text = skip_blanks(text);
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    snprintf(word, WORD, "%.*s", (int)(length < WORD ? length : WORD - 1), text);
    return text + length;
}

static int index_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static int count_of(const char *const *words)
{
    int n = 0;
    while (words[n] != NULL) {
        n++;
    }
    return n;
}

static int unknown(struct err *e, const char *text, const char *what, const char *word,
                   const char *const *known)
{
    const char *near = err_nearest(word, known, count_of(known));
    if (near != NULL) {
        return err_input(e, "--slo", text, "unknown %s '%s'; did you mean '%s'?", what, word, near);
    }
    char what_word[WORD + 16];
    snprintf(what_word, sizeof what_word, "unknown %s", what);
    return wrong(e, text, what_word, word);
}

/* "p95 e2e" or a metric's own word; the rest of the text, NULL after an error. */
static const char *read_metric(const char *text, struct slo *slo, struct err *e)
{
    char first[WORD], second[WORD];
    const char *rest = next_word(text, first);
    if (first[0] == '\0') {
        wrong(e, text, "names no metric", "");
        return NULL;
    }
    int statistic = index_of(first, metric_statistics);
    if (statistic < 0) {
        struct metric_name near;
        slo->metric = metric_find(first, &near);
        if (slo->metric >= 0) {
            return rest;
        }
        if (index_of(first, metric_quantities) >= 0) {
            err_input(e, "--slo", text,
                      "of '%s' which statistic? write 'p95 %s <= ...' (mean, p50, "
                      "p90, p95, p99, max)",
                      first, first);
        } else if (near.word[0] != '\0') {
            err_input(e, "--slo", text, "unknown metric '%s'; did you mean '%s'?", first,
                      near.word);
        } else {
            unknown(e, text, "statistic", first, metric_statistics);
        }
        return NULL;
    }
    rest = next_word(rest, second);
    int quantity = index_of(second, metric_quantities);
    if (quantity < 0) {
        unknown(e, text, "latency", second, metric_quantities);
        return NULL;
    }
    slo->metric = metric_of(quantity, statistic);
    return rest;
}

/* The number with its unit, in the metric's. */
static int read_limit(const char *rest, const char *text, struct slo *slo, struct err *e)
{
    char *end = NULL;
    slo->limit = strtod(rest, &end);
    if (end == rest || !isfinite(slo->limit) || slo->limit < 0) {
        return wrong(e, text, "has no number after the comparison", "");
    }
    const char *unit = skip_blanks(end);
    size_t length = strcspn(unit, " \t");
    struct metric_name name = metric_name(slo->metric);
    if (unit[length + strspn(unit + length, " \t")] != '\0' || length > UNIT_MAX_CHARS) {
        return wrong(e, text, "goes on after its unit", "");
    }
    if (strcmp(name.unit, "ms") == 0) {
        bool is_s = length == 1 && unit[0] == 's',
             is_ms = length == 2 && strncmp(unit, "ms", 2) == 0;
        if (!is_s && !is_ms) {
            return err_input(e, "--slo", text,
                             "is a time without its unit; write ms or s after "
                             "the number");
        }
        slo->limit *= is_s ? 1000 : 1;
        return 0;
    }
    if (length > 0 && (length != strlen(name.unit) || strncmp(unit, name.unit, length) != 0)) {
        return err_input(e, "--slo", text, "the unit of %s is '%s'; write that, or none", name.word,
                         name.unit);
    }
    return 0;
}

int slo_read(const char *text, struct slo *slo, struct err *e)
{
    *slo = (struct slo){.text = text};
    const char *rest = read_metric(text, slo, e);
    if (rest == NULL) {
        return e->code;
    }
    rest = skip_blanks(rest);
    if (strncmp(rest, "<=", 2) != 0 && strncmp(rest, ">=", 2) != 0) {
        return wrong(e, text, "needs <= or >= after the metric", "");
    }
    slo->at_most = rest[0] == '<';
    if (!slo->at_most && strcmp(metric_name(slo->metric).unit, "ms") == 0) {
        return err_input(e, "--slo", text, "asks for a latency of at least that; write <=");
    }
    return read_limit(rest + 2, text, slo, e);
}

struct slo_result slo_judge(const struct slo *slo, const double *values, int64_t n,
                            double confidence)
{
    struct slo_result r = {.mean = interval_mean(values, n, confidence).mean};
    bool all_known = true;
    for (int64_t i = 0; i < n; i++) {
        all_known = all_known && !isnan(values[i]);
    }
    r.bound = slo->at_most ? interval_upper(values, n, confidence)
                           : interval_lower(values, n, confidence);
    r.holds = all_known && (slo->at_most ? r.bound <= slo->limit : r.bound >= slo->limit);
    return r;
}
