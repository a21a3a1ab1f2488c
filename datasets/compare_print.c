/* compare_print.c - a comparison as one JSON object, and as tables for people. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/json.h"
#include "datasets/compare.h"

/* --- JSON ------------------------------------------------------------------------------------- */

static void text_print(FILE *out, const char *key, const char *value)
{
    fprintf(out, ", \"%s\": ", key);
    json_print_string(out, value);
}

static void number_print(FILE *out, const char *key, double value)
{
    fprintf(out, ", \"%s\": ", key);
    json_print_number(out, value);
}

static void pair_print(FILE *out, const char *key, const double values[2])
{
    fprintf(out, ", \"%s\": [", key);
    json_print_number(out, values[0]);
    fputs(", ", out);
    json_print_number(out, values[1]);
    putc(']', out);
}

static void counts_print(FILE *out, const int64_t n[2])
{
    fprintf(out, ", \"n\": [%" PRId64 ", %" PRId64 "]", n[0], n[1]);
}

static void open_print(FILE *out, const char *key, const char *value, bool first)
{
    fprintf(out, "%s\n    {\"%s\": ", first ? "" : ",", key);
    json_print_string(out, value);
}

void compare_print_json(const struct compare *c, const char *path, const char *against, FILE *out)
{
    fputs("{ \"file\": ", out);
    json_print_string(out, path);
    text_print(out, "against", against);
    fprintf(out, ", \"complete\": %s",
            c->incomplete_runs[0] + c->incomplete_runs[1] == 0 && c->runs[0] > 0 && c->runs[1] > 0
                ? "true"
                : "false");
    text_print(out, "criterion", compare_criterion);
    fprintf(
        out, ",\n  \"alike\": %zu, \"differs\": %zu, \"not_comparable\": %zu,\n  \"metrics\": [",
        c->counts[COMPARE_ALIKE], c->counts[COMPARE_DIFFERS], c->counts[COMPARE_NOT_COMPARABLE]);
    for (size_t i = 0; i < c->n_metrics; i++) {
        const struct compare_metric *m = &c->metrics[i];
        open_print(out, "table", m->table, i == 0);
        text_print(out, "name", m->name);
        text_print(out, "unit", m->unit);
        counts_print(out, m->n);
        pair_print(out, "mean", m->mean);
        number_print(out, "ks", m->apart.ks);
        number_print(out, "p", m->apart.p);
        number_print(out, "wasserstein", m->apart.wasserstein);
        text_print(out, "verdict", compare_verdict_words[m->verdict]);
        putc('}', out);
    }
    fputs("],\n  \"shares\": [", out);
    for (size_t i = 0; i < c->n_shares; i++) {
        const struct compare_share *s = &c->shares[i];
        open_print(out, "by", s->by, i == 0);
        text_print(out, "key", s->key);
        text_print(out, "part", s->part);
        counts_print(out, s->n);
        pair_print(out, "share_pct", s->of.share);
        number_print(out, "difference", s->of.difference);
        number_print(out, "lo", s->of.lo);
        number_print(out, "hi", s->of.hi);
        text_print(out, "verdict", compare_verdict_words[s->verdict]);
        putc('}', out);
    }
    fputs("],\n  \"series\": [", out);
    for (size_t i = 0; i < c->n_series; i++) {
        const struct compare_series *s = &c->series[i];
        open_print(out, "name", s->name, i == 0);
        text_print(out, "unit", s->unit);
        pair_print(out, "value", s->value);
        text_print(out, "verdict", compare_verdict_words[s->verdict]);
        putc('}', out);
    }
    fputs("] }\n", out);
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void column_print(FILE *out, double value, int width)
{
    if (isnan(value)) {
        fprintf(out, " %*s", width, "-");
    } else {
        fprintf(out, " %*.4g", width, value);
    }
}

void compare_print_table(const struct compare *c, const char *path, const char *against, FILE *out)
{
    fprintf(out, "%s against %s: %zu alike, %zu differ, %zu not comparable\n", path, against,
            c->counts[COMPARE_ALIKE], c->counts[COMPARE_DIFFERS],
            c->counts[COMPARE_NOT_COMPARABLE]);
    fprintf(out, "(%s)\n", compare_criterion);
    fprintf(out, "\n  %-14s %-40s %8s %8s %10s %10s %7s %7s %11s unit\n", "verdict", "metric", "n",
            "n2", "mean", "mean2", "KS", "p", "Wasserstein");
    for (size_t i = 0; i < c->n_metrics; i++) {
        const struct compare_metric *m = &c->metrics[i];
        char name[96];
        snprintf(name, sizeof name, "%s.%s", m->table, m->name);
        fprintf(out, "  %-14s %-40s %8" PRId64 " %8" PRId64, compare_verdict_words[m->verdict],
                name, m->n[0], m->n[1]);
        column_print(out, m->mean[0], 10);
        column_print(out, m->mean[1], 10);
        column_print(out, m->apart.ks, 7);
        column_print(out, m->apart.p, 7);
        column_print(out, m->apart.wasserstein, 11);
        fprintf(out, " %s\n", m->unit);
    }
    fprintf(out, "\n  %-14s %-40s %8s %8s %10s %10s %10s  95 %%\n", "verdict", "share, %", "n",
            "n2", "here", "there", "difference");
    for (size_t i = 0; i < c->n_shares; i++) {
        const struct compare_share *s = &c->shares[i];
        char name[160];
        snprintf(name, sizeof name, "%s, %s %.100s", s->part, s->by, s->key);
        fprintf(out, "  %-14s %-40s %8" PRId64 " %8" PRId64, compare_verdict_words[s->verdict],
                name, s->n[0], s->n[1]);
        column_print(out, s->of.share[0], 10);
        column_print(out, s->of.share[1], 10);
        column_print(out, s->of.difference, 10);
        fprintf(out, "  %.4g to %.4g\n", s->of.lo, s->of.hi);
    }
    if (c->n_series > 0) {
        fprintf(out, "\n  %-14s %-40s %17s %10s unit\n", "verdict", "UL_THR", "here", "there");
    }
    for (size_t i = 0; i < c->n_series; i++) {
        const struct compare_series *s = &c->series[i];
        fprintf(out, "  %-14s %-40s       ", compare_verdict_words[s->verdict], s->name);
        column_print(out, s->value[0], 10);
        column_print(out, s->value[1], 10);
        fprintf(out, " %s\n", s->unit);
    }
}
