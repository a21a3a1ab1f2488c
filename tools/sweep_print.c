/* sweep_print.c - the summary of a sweep as a table, as CSV and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tools/sweep_summary.h"
#include "tools/version.h"

/* --- Table ------------------------------------------------------------------------------------ */

/* "value" of each --vary, joined; what tells one combination from the others. */
static struct text point_label(const struct sweep_plan *plan, int64_t point)
{
    struct text label = {0};
    for (int k = 0; k < plan->n_varies; k++) {
        text_add(&label, "%s%.60s", k > 0 ? " " : "", sweep_plan_value(plan, point, k));
    }
    if (plan->n_varies == 0) {
        text_add(&label, "all seeds");
    }
    return label;
}

/* Four digits that matter. */
static struct text number(double value)
{
    struct text t = {0};
    if (isnan(value)) {
        text_add(&t, "-");
    } else {
        double size = fabs(value);
        text_add(&t, "%.*f", size >= 1000 ? 1 : size >= 100 ? 2 : size >= 10 ? 3 : 4, value);
    }
    return t;
}

/* What is printed of a differing combination: paired and unpaired, one below the other. */
static void print_differences(const struct sweep_summary *s, const int *shown, int n, int width,
                              FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fprintf(out,
            "\ndifference to combination 1 (%s); the same seeds, so pairs tell more:\n"
            "%-*s  %-16s %12s %12s %12s %8s\n",
            point_label(plan, 1).chars, width, "", "", "difference", "+- paired", "+- unpaired",
            "pairs");
    for (int64_t p = 2; p <= plan->n_points; p++) {
        const struct sweep_point *point = &s->points[p - 1];
        for (int i = 0; i < n; i++) {
            const struct interval *d = &point->paired[shown[i]], *u = &point->unpaired[shown[i]];
            struct metric_name name = metric_name(shown[i]);
            fprintf(out, "%-*s  %-16s %12s %12s %12s %8" PRId64 "%s\n", width,
                    i == 0 ? point_label(plan, p).chars : "", name.word, number(d->mean).chars,
                    number(d->half).chars, number(u->half).chars, d->n,
                    d->n > 1 && fabs(d->mean) > d->half ? "  *" : "");
        }
    }
    fprintf(out, "* the paired %g %% interval does not hold 0\n", 100 * s->confidence);
}

void sweep_print_table(const struct sweep_summary *s, const int *shown, int n, FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fprintf(out,
            "%s, willmsim %s\n%" PRId64 " of %" PRId64 " runs: %" PRId64 " combinations x %" PRId64
            " seeds from %" PRId64 "\n",
            s->scenario, version_text(), s->complete, plan->n_runs, plan->n_points, plan->reps,
            plan->seed);
    struct text header = {0};
    for (int k = 0; k < plan->n_varies; k++) {
        text_add(&header, "%s%s", k > 0 ? " " : "", plan->varies[k].path);
    }
    int width = (int)header.length;
    for (int64_t p = 1; p <= plan->n_points; p++) {
        int length = (int)point_label(plan, p).length;
        width = length > width ? length : width;
    }
    fprintf(out, "\nmean over seeds +- half of the %g %% interval (Student's t)\n%-*s",
            100 * s->confidence, width, header.chars);
    for (int i = 0; i < n; i++) {
        struct metric_name name = metric_name(shown[i]);
        struct text head = {0};
        text_add(&head, "%s%s%s", name.word, name.unit[0] != '\0' ? ", " : "", name.unit);
        fprintf(out, "  %24s", head.chars);
    }
    putc('\n', out);
    for (int64_t p = 1; p <= plan->n_points; p++) {
        fprintf(out, "%-*s", width, point_label(plan, p).chars);
        for (int i = 0; i < n; i++) {
            const struct interval *m = &s->points[p - 1].metrics[shown[i]];
            fprintf(out, "  %12s +-%9s", number(m->mean).chars, number(m->half).chars);
        }
        putc('\n', out);
    }
    if (plan->n_points > 1) {
        print_differences(s, shown, n, width, out);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void print_interval(FILE *out, const char *key, const struct interval *v)
{
    fprintf(out, "\"%s\": {\"mean\": ", key);
    json_print_number(out, v->mean);
    fputs(", \"half\": ", out);
    json_print_number(out, v->half);
    fprintf(out, ", \"n\": %" PRId64 "}", v->n);
}

static void print_difference(FILE *out, const char *key, const struct interval *paired,
                             const struct interval *unpaired)
{
    fprintf(out, "\"%s\": {\"mean\": ", key);
    json_print_number(out, paired->mean);
    fputs(", \"paired_half\": ", out);
    json_print_number(out, paired->half);
    fputs(", \"unpaired_half\": ", out);
    json_print_number(out, unpaired->half);
    fprintf(out, ", \"n\": %" PRId64 "}", paired->n);
}

static void print_point(const struct sweep_summary *s, int64_t p, FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    const struct sweep_point *point = &s->points[p - 1];
    fprintf(out, "%s\n    {\"point\": %" PRId64 ", \"values\": {", p > 1 ? "," : "", p);
    for (int k = 0; k < plan->n_varies; k++) {
        fputs(k > 0 ? ", " : "", out);
        json_print_string(out, plan->varies[k].path);
        fputs(": ", out);
        json_print_string(out, sweep_plan_value(plan, p, k));
    }
    fprintf(out, "}, \"complete\": %" PRId64 ",\n     \"metrics\": {", point->complete);
    for (int i = 0; i < METRICS; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_interval(out, metric_name(i).word, &point->metrics[i]);
    }
    fputs("}", out);
    if (p > 1) {
        fputs(",\n     \"difference\": {", out);
        for (int i = 0; i < METRICS; i++) {
            fputs(i > 0 ? ", " : "", out);
            print_difference(out, metric_name(i).word, &point->paired[i], &point->unpaired[i]);
        }
        fputs("}", out);
    }
    fputs("}", out);
}

void sweep_print_json(const struct sweep_summary *s, const char *results, FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fputs("{\"scenario\": ", out);
    json_print_string(out, s->scenario);
    fputs(", \"version\": ", out);
    json_print_string(out, version_text());
    fputs(", \"results\": ", out);
    json_print_string(out, results);
    fprintf(out,
            ",\n  \"complete\": %s, \"runs\": %" PRId64 ", \"runs_complete\": %" PRId64
            ", \"reps\": %" PRId64 ", \"seed\": %" PRId64 ", \"confidence\": ",
            s->complete == plan->n_runs ? "true" : "false", plan->n_runs, s->complete, plan->reps,
            plan->seed);
    json_print_number(out, s->confidence);
    fputs(",\n  \"units\": {", out);
    for (int i = 0; i < METRICS; i++) {
        struct metric_name name = metric_name(i);
        fprintf(out, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", name.word, name.unit);
    }
    fputs("},\n  \"points\": [", out);
    for (int64_t p = 1; p <= plan->n_points; p++) {
        print_point(s, p, out);
    }
    fputs("]}\n", out);
}

/* --- CSV -------------------------------------------------------------------------------------- */

static void csv_text(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        fputs(*c == '"' ? "\"" : "", out);
        putc(*c, out);
    }
    putc('"', out);
}

/* NULL is empty, as in `export`. */
static void csv_number(FILE *out, double value)
{
    putc(',', out);
    if (isfinite(value)) {
        json_print_number(out, value);
    }
}

static void csv_interval(FILE *out, const struct interval *v)
{
    csv_number(out, v->mean - v->half);
    csv_number(out, v->mean + v->half);
}

void sweep_print_csv(const struct sweep_summary *s, FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fputs("point", out);
    for (int k = 0; k < plan->n_varies; k++) {
        putc(',', out);
        csv_text(out, plan->varies[k].path);
    }
    fputs(",metric,unit,n,mean,low,high,difference,paired_low,paired_high,unpaired_low,"
          "unpaired_high\n",
          out);
    for (int64_t p = 1; p <= plan->n_points; p++) {
        const struct sweep_point *point = &s->points[p - 1];
        for (int i = 0; i < METRICS; i++) {
            struct metric_name name = metric_name(i);
            const struct interval *m = &point->metrics[i];
            fprintf(out, "%" PRId64, p);
            for (int k = 0; k < plan->n_varies; k++) {
                putc(',', out);
                csv_text(out, sweep_plan_value(plan, p, k));
            }
            fprintf(out, ",%s,%s,%" PRId64, name.word, name.unit, m->n);
            csv_number(out, m->mean);
            csv_interval(out, m);
            if (p == 1) {
                fputs(",,,,,", out);
            } else {
                csv_number(out, point->paired[i].mean);
                csv_interval(out, &point->paired[i]);
                csv_interval(out, &point->unpaired[i]);
            }
            putc('\n', out);
        }
    }
}
