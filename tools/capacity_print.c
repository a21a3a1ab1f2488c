/* capacity_print.c - what a capacity search found, as a table and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tools/capacity.h"
#include "tools/version.h"

/* "servers.0.gpu=l4, servers.0.quant=awq": what tells a configuration from the others. */
static struct text config_label(const struct capacity *c, int64_t config)
{
    const struct sweep_plan *plan = c->plan;
    struct text label = {0};
    int n = plan->n_varies - (c->has_range ? 1 : 0);
    for (int k = 0; k < n; k++) {
        text_add(&label, "%s%s=%.60s", k > 0 ? ", " : "", plan->varies[k].path,
                 sweep_plan_value(plan, capacity_point(c, config, 0), k));
    }
    return label;
}

static const char *range_path(const struct capacity *c)
{
    return c->plan->varies[c->plan->n_varies - 1].path;
}

static struct text money(double usd)
{
    struct text t = {0};
    if (isnan(usd)) {
        text_add(&t, "unknown");
    } else {
        text_add(&t, "%.3f USD/h", usd);
    }
    return t;
}

static void print_probe(const struct capacity *c, const struct capacity_probe *p, FILE *out)
{
    fprintf(out, "  %10s  %-5s", c->has_range ? capacity_value(c, p->at) : "",
            p->meets ? "meets" : "fails");
    for (int i = 0; i < c->n_slos; i++) {
        fprintf(out, "  %11.4g %11.4g%s", p->slos[i].mean, p->slos[i].bound,
                p->slos[i].holds ? " " : "!");
    }
    for (int s = 0; s < STAGES; s++) {
        fprintf(out, "  %9.1f", p->stage_ms[s]);
    }
    putc('\n', out);
}

static void print_answer(const struct capacity *c, const struct capacity_config *config, FILE *out)
{
    if (config->best < 0) {
        fprintf(out, "  => not even %s%s%s meets the objectives",
                c->has_range ? range_path(c) : "it", c->has_range ? " = " : "",
                c->has_range ? capacity_value(c, 0) : "");
    } else if (c->has_range) {
        fprintf(out, "  => %s = %s is the %s that meets them", range_path(c),
                capacity_value(c, config->probes[config->best].at),
                c->smallest ? "smallest" : "largest");
    } else {
        fprintf(out, "  => meets the objectives");
    }
    if (config->fails >= 0) {
        fprintf(out, "; then '%s' breaks, and most time is added by: %s\n",
                c->slos[config->first_slo].text, stage_words[config->stage]);
    } else {
        fputs(c->has_range ? " (all of the range does)\n" : "\n", out);
    }
    if (!config->monotone) {
        fprintf(out, "  note: beyond a value that fails there is one that meets; the answer is the "
                     "last before the first failure found\n");
    }
}

static void print_config(const struct capacity *c, const struct capacity_config *config, FILE *out)
{
    struct text label = config_label(c, config->number);
    fprintf(out, "\n%s%scost: %s\n", label.chars, label.length > 0 ? "; " : "",
            money(config->usd_per_hour).chars);
    if (!config->built) {
        fprintf(out, "  => cannot be built: %s\n", config->why_not);
        return;
    }
    fprintf(out, "  %10.20s  %-5s", c->has_range ? "value" : "", "");
    for (int i = 0; i < c->n_slos; i++) {
        fprintf(out, "  %11.11s %12.12s", metric_name(c->slos[i].metric).word, "bound");
    }
    for (int s = 0; s < STAGES; s++) {
        fprintf(out, "  %9s", stage_words[s]);
    }
    fputs(" (mean ms)\n", out);
    for (int i = 0; i < config->n_probes; i++) {
        print_probe(c, &config->probes[i], out);
    }
    print_answer(c, config, out);
}

void capacity_print_table(const struct capacity *c, FILE *out)
{
    const struct sweep_plan *plan = c->plan;
    fprintf(out, "objectives:");
    for (int i = 0; i < c->n_slos; i++) {
        fprintf(out, "%s %s", i > 0 ? ";" : "", c->slos[i].text);
    }
    fprintf(out,
            "\na value meets them when the one-sided %g %% bound (Student's t) over %" PRId64
            " seeds from %" PRId64 " does; %" PRId64 " runs\n",
            100 * c->confidence, plan->reps, plan->seed, c->runs);
    for (int64_t i = 0; i < c->n_configs; i++) {
        print_config(c, &c->configs[i], out);
    }
    if (c->n_configs > 1 && c->choice >= 0) {
        const struct capacity_config *best = &c->configs[c->choice];
        fprintf(out, "\ncheapest%s: %s", c->has_range && !c->smallest ? " per unit of load" : "",
                config_label(c, c->choice).chars);
        if (c->has_range) {
            fprintf(out, ", %s = %s", range_path(c),
                    capacity_value(c, best->probes[best->best].at));
        }
        fprintf(out, ", %s\n", money(best->usd_per_hour).chars);
        int64_t open_ended = 0; /* the end of the range is not what they carry */
        for (int64_t i = 0; i < c->n_configs; i++) {
            open_ended += c->configs[i].best >= 0 && c->configs[i].fails < 0;
        }
        if (c->has_range && !c->smallest && open_ended > 0) {
            fprintf(out,
                    "note: %lld of these meet all of the range and may carry more, which is not "
                    "counted; a wider range would tell\n",
                    (long long)open_ended);
        }
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void member(FILE *out, const char *key, double value)
{
    fprintf(out, ", \"%s\": ", key);
    json_print_number(out, value);
}

static void print_probe_json(const struct capacity *c, const struct capacity_probe *p, bool first,
                             FILE *out)
{
    fprintf(out, "%s\n      {\"value\": ", first ? "" : ",");
    if (c->has_range) {
        fputs(capacity_value(c, p->at), out); /* a number */
    } else {
        fputs("null", out);
    }
    fprintf(out, ", \"meets\": %s, \"objectives\": [", p->meets ? "true" : "false");
    for (int i = 0; i < c->n_slos; i++) {
        fprintf(out, "%s{\"holds\": %s", i > 0 ? ", " : "", p->slos[i].holds ? "true" : "false");
        member(out, "mean", p->slos[i].mean);
        member(out, "bound", p->slos[i].bound);
        fputs("}", out);
    }
    fputs("], \"stages_ms\": {", out);
    for (int s = 0; s < STAGES; s++) {
        fprintf(out, "%s\"%s\": ", s > 0 ? ", " : "", stage_words[s]);
        json_print_number(out, p->stage_ms[s]);
    }
    fputs("}}", out);
}

static void print_values_json(const struct capacity *c, int64_t config, FILE *out)
{
    const struct sweep_plan *plan = c->plan;
    int n = plan->n_varies - (c->has_range ? 1 : 0);
    fputs("\"values\": {", out);
    for (int k = 0; k < n; k++) {
        fputs(k > 0 ? ", " : "", out);
        json_print_string(out, plan->varies[k].path);
        fputs(": ", out);
        json_print_string(out, sweep_plan_value(plan, capacity_point(c, config, 0), k));
    }
    fputs("}", out);
}

static void print_config_json(const struct capacity *c, const struct capacity_config *config,
                              FILE *out)
{
    fprintf(out, "%s\n    {", config->number > 0 ? "," : "");
    print_values_json(c, config->number, out);
    member(out, "usd_per_hour", config->usd_per_hour);
    fputs(", \"cannot_be_built\": ", out);
    if (config->built) {
        fputs("null", out);
    } else {
        json_print_string(out, config->why_not);
    }
    bool meets = config->built && config->best >= 0;
    fprintf(out, ", \"meets\": %s, \"value\": ", meets ? "true" : "false");
    fputs(meets && c->has_range ? capacity_value(c, config->probes[config->best].at) : "null", out);
    fputs(", \"breaks\": ", out);
    if (config->built && config->fails >= 0) {
        fputs("{\"objective\": ", out);
        json_print_string(out, c->slos[config->first_slo].text);
        fprintf(out, ", \"stage\": \"%s\"}", stage_words[config->stage]);
    } else {
        fputs("null", out);
    }
    fprintf(out, ", \"monotone\": %s,\n     \"probes\": [", config->monotone ? "true" : "false");
    for (int i = 0; i < config->n_probes; i++) {
        print_probe_json(c, &config->probes[i], i == 0, out);
    }
    fputs("]}", out);
}

void capacity_print_json(const struct capacity *c, FILE *out)
{
    const struct sweep_plan *plan = c->plan;
    fputs("{\"scenario\": ", out);
    json_print_string(out, plan->scenario);
    fputs(", \"version\": ", out);
    json_print_string(out, version_text());
    fprintf(out, ", \"reps\": %" PRId64 ", \"seed\": %" PRId64 ", \"runs\": %" PRId64, plan->reps,
            plan->seed, c->runs);
    member(out, "confidence", c->confidence);
    fputs(", \"path\": ", out);
    if (c->has_range) {
        json_print_string(out, range_path(c));
    } else {
        fputs("null", out);
    }
    fputs(",\n  \"objectives\": [", out);
    for (int i = 0; i < c->n_slos; i++) {
        struct metric_name name = metric_name(c->slos[i].metric);
        fprintf(out, "%s{\"text\": ", i > 0 ? ", " : "");
        json_print_string(out, c->slos[i].text);
        fprintf(out, ", \"metric\": \"%s\", \"unit\": \"%s\", \"at_most\": %s", name.word,
                name.unit, c->slos[i].at_most ? "true" : "false");
        member(out, "limit", c->slos[i].limit);
        fputs("}", out);
    }
    fputs("],\n  \"configurations\": [", out);
    for (int64_t i = 0; i < c->n_configs; i++) {
        print_config_json(c, &c->configs[i], out);
    }
    fputs("],\n  \"meets\": ", out);
    fputs(c->choice >= 0 ? "true" : "false", out);
    fputs(", \"value\": ", out);
    if (c->choice >= 0 && c->has_range) {
        const struct capacity_config *best = &c->configs[c->choice];
        fputs(capacity_value(c, best->probes[best->best].at), out);
    } else {
        fputs("null", out);
    }
    fputs(", \"cheapest\": ", out);
    if (c->choice >= 0) {
        fputs("{", out);
        print_values_json(c, c->choice, out);
        member(out, "usd_per_hour", c->configs[c->choice].usd_per_hour);
        fputs("}", out);
    } else {
        fputs("null", out);
    }
    fputs("}\n", out);
}
