/* targets_print.c - verdicts as one JSON object, and as a table for people. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "datasets/targets.h"

/* --- JSON ------------------------------------------------------------------------------------- */

static void text_print(FILE *out, const char *key, const char *value)
{
    fprintf(out, ", \"%s\": ", key);
    if (value != NULL) {
        json_print_string(out, value);
    } else {
        fputs("null", out);
    }
}

static void number_print(FILE *out, const char *key, double value)
{
    fprintf(out, ", \"%s\": ", key);
    json_print_number(out, value);
}

static void result_json(FILE *out, const struct target_result *r, bool first)
{
    const struct target *t = r->target;
    fprintf(out, "%s\n    {\"id\": ", first ? "" : ",");
    json_print_string(out, t->id);
    text_print(out, "what", t->what);
    text_print(out, "verdict", target_verdict_words[r->verdict]);
    text_print(out, "expect", t->expect.word);
    number_print(out, "value", r->value);
    number_print(out, "least", r->least);
    number_print(out, "most", r->most);
    number_print(out, "lo", r->lo);
    number_print(out, "hi", r->hi);
    text_print(out, "unit", t->unit);
    number_print(out, "misses_by", r->verdict == TARGET_MISSES ? r->misses_by : NAN);
    text_print(out, "miss_unit", r->verdict == TARGET_MISSES ? r->miss_unit : NULL);
    text_print(out, "worst", r->worst);
    text_print(out, "why", r->why[0] != '\0' ? r->why : NULL);
    fputs(", \"groups\": [", out);
    for (size_t i = 0; i < r->n_groups; i++) {
        fprintf(out, "%s{\"key\": ", i > 0 ? ", " : "");
        json_print_string(out, r->groups[i].key);
        fprintf(out, ", \"n\": %" PRId64, r->groups[i].n);
        number_print(out, "value", r->groups[i].value);
        putc('}', out);
    }
    putc(']', out);
    text_print(out, "source", t->source);
    text_print(out, "how_read", t->how_read);
    putc('}', out);
}

void targets_print_json(const struct targets_report *report, const char *path, FILE *out)
{
    fputs("{ \"file\": ", out);
    json_print_string(out, path);
    text_print(out, "targets", report->targets);
    fprintf(out, ", \"complete\": %s, \"runs\": %" PRId64 ", \"incomplete_runs\": %" PRId64,
            report->runs > 0 && report->incomplete_runs == 0 ? "true" : "false", report->runs,
            report->incomplete_runs);
    fprintf(out, ",\n  \"holds\": %zu, \"misses\": %zu, \"not_comparable\": %zu,\n  \"results\": [",
            report->counts[TARGET_HOLDS], report->counts[TARGET_MISSES],
            report->counts[TARGET_NOT_COMPARABLE]);
    for (size_t i = 0; i < report->n; i++) {
        result_json(out, &report->items[i], i == 0);
    }
    fputs("] }\n", out);
}

/* --- Table ------------------------------------------------------------------------------------ */

enum { VERDICT_WIDTH = 16, ID_WIDTH = 26, MEASURED_WIDTH = 18, PUBLISHED_WIDTH = 16 };

static struct text measured_text(const struct target_result *r)
{
    struct text t = {0};
    if (r->least == r->most) {
        text_add(&t, "%.4g", r->least);
    } else {
        text_add(&t, "%.4g to %.4g", r->least, r->most);
    }
    return t;
}

static struct text published_text(const struct target_result *r)
{
    struct text t = {0};
    if (isfinite(r->lo) && isfinite(r->hi)) {
        text_add(&t, r->lo == r->hi ? "%.5g" : "%.5g to %.5g", r->lo, r->hi);
    } else if (isfinite(r->hi)) {
        text_add(&t, "at most %.5g", r->hi);
    } else if (isfinite(r->lo)) {
        text_add(&t, "at least %.5g", r->lo);
    } else {
        text_add(&t, "%s", r->target->expect.word);
    }
    return t;
}

static void result_row(FILE *out, const struct target_result *r)
{
    struct text verdict = {0};
    text_add(&verdict, "%s", target_verdict_words[r->verdict]);
    if (r->verdict == TARGET_MISSES) {
        text_add(&verdict, " by %.3g", r->misses_by);
    }
    struct text measured = measured_text(r), published = published_text(r);
    const char *unit = r->target->unit != NULL ? r->target->unit : "";
    fprintf(out, "  %-*s %-*s %*s  %-*s %s", VERDICT_WIDTH, verdict.chars, ID_WIDTH, r->target->id,
            MEASURED_WIDTH, measured.chars, PUBLISHED_WIDTH, published.chars, unit);
    if (r->verdict == TARGET_MISSES && r->worst != NULL && r->n_groups > 1) {
        fprintf(out, " (worst: %s)", r->worst);
    }
    putc('\n', out);
}

void targets_print_table(const struct targets_report *report, const char *path, FILE *out)
{
    fprintf(out, "%s against %s: %zu hold, %zu miss, %zu not comparable\n", path, report->targets,
            report->counts[TARGET_HOLDS], report->counts[TARGET_MISSES],
            report->counts[TARGET_NOT_COMPARABLE]);
    if (report->incomplete_runs > 0) {
        fprintf(out, "INCOMPLETE: %" PRId64 " of %" PRId64 " runs did not end\n",
                report->incomplete_runs, report->runs);
    }
    bool any = report->counts[TARGET_HOLDS] + report->counts[TARGET_MISSES] > 0;
    if (any) {
        fprintf(out, "\n  %-*s %-*s %*s  %-*s unit\n", VERDICT_WIDTH, "verdict", ID_WIDTH, "target",
                MEASURED_WIDTH, "here", PUBLISHED_WIDTH, "published");
    }
    for (size_t i = 0; i < report->n; i++) {
        if (report->items[i].verdict != TARGET_NOT_COMPARABLE) {
            result_row(out, &report->items[i]);
        }
    }
    if (report->counts[TARGET_NOT_COMPARABLE] > 0) {
        fprintf(out, "\n  not comparable\n");
    }
    for (size_t i = 0; i < report->n; i++) {
        const struct target_result *r = &report->items[i];
        if (r->verdict == TARGET_NOT_COMPARABLE) {
            fprintf(out, "  %-*s %s\n", ID_WIDTH, r->target->id, r->why);
        }
    }
}
