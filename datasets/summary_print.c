/* summary_print.c - a summary as one JSON object, and as tables for people. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "datasets/summary.h"

/* --- JSON ------------------------------------------------------------------------------------- */

/* Writes `"key": ` with a comma before it unless it is the first of its object. */
static void key_print(FILE *out, const char *key, bool first)
{
    fputs(first ? "" : ", ", out);
    json_print_string(out, key);
    fputs(": ", out);
}

static void number_print(FILE *out, const char *key, double value, bool first)
{
    key_print(out, key, first);
    json_print_number(out, value);
}

static void int_print(FILE *out, const char *key, int64_t value, bool first)
{
    key_print(out, key, first);
    fprintf(out, "%" PRId64, value);
}

static void text_print(FILE *out, const char *key, const char *value, bool first)
{
    key_print(out, key, first);
    json_print_string(out, value);
}

static void stat_print(FILE *out, const char *key, const struct summary_stat *s, bool first)
{
    key_print(out, key, first);
    putc('{', out);
    number_print(out, "mean", s->mean, true);
    number_print(out, "p50", s->p50, false);
    number_print(out, "p95", s->p95, false);
    number_print(out, "p99", s->p99, false);
    number_print(out, "max", s->max, false);
    putc('}', out);
}

static void latency_print(FILE *out, const struct summary_latency *l, bool first)
{
    key_print(out, "latency_ms", first);
    putc('{', out);
    stat_print(out, "e2e", &l->e2e, true);
    stat_print(out, "uplink", &l->uplink, false);
    stat_print(out, "downlink", &l->downlink, false);
    stat_print(out, "inference", &l->inference, false);
    stat_print(out, "queue", &l->queue, false);
    stat_print(out, "transport", &l->transport, false);
    putc('}', out);
}

static void share_print(FILE *out, const struct summary_share *s)
{
    key_print(out, "share_pct", false);
    putc('{', out);
    number_print(out, "uplink", s->uplink, true);
    number_print(out, "downlink", s->downlink, false);
    number_print(out, "inference", s->inference, false);
    putc('}', out);
}

static void radio_print(FILE *out, const char *key, const struct summary_radio *r, bool first)
{
    key_print(out, key, first);
    putc('{', out);
    number_print(out, "mbps", r->mbps, true);
    number_print(out, "bler", r->bler, false);
    number_print(out, "prb_share", r->prb_share, false);
    number_print(out, "mean_mcs", r->mean_mcs, false);
    number_print(out, "retx_share", r->retx_share, false);
    number_print(out, "padding_share", r->padding_share, false);
    putc('}', out);
}

/* LAREI and LSEQ: mean, median, and over how many requests. */
static void index_print(FILE *out, const char *key, const struct summary_stat *s, bool first)
{
    key_print(out, key, first);
    putc('{', out);
    number_print(out, "mean", s->mean, true);
    number_print(out, "p50", s->p50, false);
    int_print(out, "n", s->n, false);
    putc('}', out);
}

static void slice_print(FILE *out, const struct summary_slice *s, bool first)
{
    fputs(first ? "\n    {" : ",\n    {", out);
    text_print(out, "id", s->id, true);
    int_print(out, "requests", s->requests, false);
    stat_print(out, "e2e_ms", &s->e2e_ms, false);
    share_print(out, &s->share_pct);
    number_print(out, "prb_share", s->prb_share, false);
    number_print(out, "ul_bler", s->ul_bler, false);
    number_print(out, "sched_ul_bytes", s->sched_ul_bytes, false);
    number_print(out, "dl_prb_share", s->dl_prb_share, false);
    number_print(out, "dl_bler", s->dl_bler, false);
    number_print(out, "larei", s->larei, false);
    number_print(out, "lseq", s->lseq, false);
    putc('}', out);
}

static void group_print(FILE *out, const char *by, const struct summary_group *g, bool first)
{
    fputs(first ? "\n    {" : ",\n    {", out);
    text_print(out, "by", by, true);
    text_print(out, "key", g->key, false);
    int_print(out, "n", g->n, false);
    latency_print(out, &g->latency_ms, false);
    share_print(out, &g->share_pct);
    stat_print(out, "ttft_ms", &g->ttft_ms, false);
    stat_print(out, "ue_ttft_ms", &g->ue_ttft_ms, false);
    stat_print(out, "tpot_ms", &g->tpot_ms, false);
    index_print(out, "larei", &g->larei, false);
    index_print(out, "lseq", &g->lseq, false);
    putc('}', out);
}

static void gpu_model_print(FILE *out, const struct summary_gpu_model *m, bool first)
{
    fputs(first ? "{" : ", {", out);
    text_print(out, "model", m->model, true);
    number_print(out, "utilization", m->utilization, false);
    int_print(out, "kv_pool_bytes", m->kv_pool_bytes, false);
    int_print(out, "kv_peak_bytes", m->kv_peak_bytes, false);
    int_print(out, "preemptions", m->preemptions, false);
    int_print(out, "refused", m->refused, false);
    int_print(out, "cold_loads", m->cold_loads, false);
    int_print(out, "warm_loads", m->warm_loads, false);
    number_print(out, "load_s", m->load_s, false);
    int_print(out, "evictions", m->evictions, false);
    int_print(out, "expiries", m->expiries, false);
    int_print(out, "prefix_hit_tokens", m->prefix_hit_tokens, false);
    int_print(out, "dropped_tokens", m->dropped_tokens, false);
    int_print(out, "swapped_bytes", m->swapped_bytes, false);
    putc('}', out);
}

static void gpu_print(FILE *out, const struct summary_gpu *g, bool first)
{
    fputs(first ? "\n    {" : ",\n    {", out);
    text_print(out, "id", g->id, true);
    text_print(out, "gpu", g->gpu, false);
    text_print(out, "model", g->model, false);
    number_print(out, "utilization", g->utilization, false);
    int_print(out, "kv_pool_bytes", g->kv_pool_bytes, false);
    int_print(out, "kv_peak_bytes", g->kv_peak_bytes, false);
    int_print(out, "preemptions", g->preemptions, false);
    number_print(out, "mean_batch", g->mean_batch, false);
    int_print(out, "refused", g->refused, false);
    int_print(out, "memory_bytes", g->memory_bytes, false);
    int_print(out, "memory_peak_bytes", g->memory_peak_bytes, false);
    fputs(", \"models\": [", out);
    for (size_t i = 0; i < g->n_models; i++) {
        gpu_model_print(out, &g->models[i], i == 0);
    }
    fputs("]}", out);
}

static void lists_print(FILE *out, const struct summary *sum)
{
    fputs(",\n  \"slices\": [", out);
    for (size_t i = 0; i < sum->n_slices; i++) {
        slice_print(out, &sum->slices[i], i == 0);
    }
    fputs("],\n  \"groups\": [", out);
    for (size_t i = 0; i < sum->n_groups; i++) {
        group_print(out, "resolution", &sum->groups[i], i == 0);
    }
    fputs("],\n  \"gpus\": [", out);
    for (size_t i = 0; i < sum->n_gpus; i++) {
        gpu_print(out, &sum->gpus[i], i == 0);
    }
    fputs("]", out);
}

void summary_print_json(const struct summary *sum, FILE *out)
{
    fputs("{ ", out);
    text_print(out, "scenario", sum->scenario, true);
    int_print(out, "seed", sum->seed, false);
    text_print(out, "version", sum->version, false);
    key_print(out, "complete", false);
    fputs(sum->complete ? "true" : "false", out);
    int_print(out, "runs", sum->runs, false);

    fputs(",\n  \"engine\": {", out);
    int_print(out, "events", sum->events, true);
    int_print(out, "slots_visited", sum->slots_visited, false);
    number_print(out, "sim_s", sum->sim_s, false);
    number_print(out, "wall_s", sum->wall_s, false);

    fputs("},\n  \"requests\": {", out);
    int_print(out, "arrived", sum->arrived, true);
    int_print(out, "completed", sum->completed, false);
    int_print(out, "failed", sum->failed, false);
    int_print(out, "in_flight", sum->in_flight, false);

    fputs("},\n  ", out);
    latency_print(out, &sum->latency_ms, true);
    share_print(out, &sum->share_pct);

    fputs(",\n  \"tokens\": {", out);
    stat_print(out, "ttft_ms", &sum->ttft_ms, true);
    stat_print(out, "ue_ttft_ms", &sum->ue_ttft_ms, false);
    stat_print(out, "tpot_ms", &sum->tpot_ms, false);
    number_print(out, "output_per_s", sum->output_per_s, false);

    fputs("},\n  \"radio\": {", out);
    radio_print(out, "ul", &sum->ul, true);
    radio_print(out, "dl", &sum->dl, false);
    number_print(out, "separated_gap", sum->separated_gap, false);
    fputs("}", out);

    lists_print(out, sum);

    fputs(",\n  \"metrics\": {", out);
    index_print(out, "larei", &sum->larei, true);
    index_print(out, "lseq", &sum->lseq, false);
    text_print(out, "definition", sum->definition, false);
    fputs("} }\n", out);
}

void summary_groups_print_json(const struct summary_groups *g, FILE *out)
{
    const char *by = g->by_text;
    fputs("{ ", out);
    text_print(out, "by", by, true);
    key_print(out, "complete", false);
    fputs(g->runs > 0 && g->incomplete_runs == 0 ? "true" : "false", out);
    int_print(out, "runs", g->runs, false);
    int_print(out, "incomplete_runs", g->incomplete_runs, false);
    fputs(",\n  \"groups\": [", out);
    for (size_t i = 0; i < g->n_groups; i++) {
        group_print(out, by, &g->groups[i], i == 0);
    }
    fputs("],\n  ", out);
    text_print(out, "definition", g->definition, true);
    fputs(" }\n", out);
}

/* --- Tables ----------------------------------------------------------------------------------- */

enum { NAME_WIDTH = 22 };

/* A number at the right of its column; what is not known is a dash. */
static void column_print(FILE *out, double value, int width, int decimals)
{
    if (isnan(value)) {
        fprintf(out, " %*s", width, "-");
    } else {
        fprintf(out, " %*.*f", width, decimals, value);
    }
}

static void name_print(FILE *out, const char *name)
{
    fprintf(out, "  %-*s", NAME_WIDTH, name);
}

static void stat_row(FILE *out, const char *name, const struct summary_stat *s)
{
    if (s->n == 0) {
        return;
    }
    name_print(out, name);
    fprintf(out, " %8" PRId64, s->n);
    column_print(out, s->mean, 10, 1);
    column_print(out, s->p50, 10, 1);
    column_print(out, s->p95, 10, 1);
    column_print(out, s->p99, 10, 1);
    column_print(out, s->max, 10, 1);
    putc('\n', out);
}

static void index_row(FILE *out, const char *name, const struct summary_stat *s)
{
    name_print(out, name);
    fprintf(out, " %8" PRId64, s->n);
    column_print(out, s->mean, 10, 4);
    column_print(out, s->p50, 10, 4);
    putc('\n', out);
}

static void split_header(FILE *out, const char *title, const char *more)
{
    fprintf(out, "\n%-*s %8s %10s %6s %10s %6s %10s %6s %10s%s\n", NAME_WIDTH + 2, title, "n",
            "uplink", "%", "inference", "%", "downlink", "%", "e2e", more);
}

/* Mean ms and share of each part of the way. */
static void split_row(FILE *out, const char *name, int64_t n, const struct summary_latency *l,
                      const struct summary_share *s)
{
    name_print(out, name);
    fprintf(out, " %8" PRId64, n);
    column_print(out, l->uplink.mean, 10, 1);
    column_print(out, s->uplink, 6, 1);
    column_print(out, l->inference.mean, 10, 1);
    column_print(out, s->inference, 6, 1);
    column_print(out, l->downlink.mean, 10, 1);
    column_print(out, s->downlink, 6, 1);
    column_print(out, l->e2e.mean, 10, 1);
}

static void latency_table(FILE *out, const struct summary *sum)
{
    split_header(out, "mean latency, ms", "");
    for (size_t i = 0; i < sum->n_groups; i++) {
        const struct summary_group *g = &sum->groups[i];
        split_row(out, g->key, g->n, &g->latency_ms, &g->share_pct);
        putc('\n', out);
    }
    split_row(out, "all", sum->latency_ms.e2e.n, &sum->latency_ms, &sum->share_pct);
    putc('\n', out);

    fprintf(out, "\n%-*s %8s %10s %10s %10s %10s %10s\n", NAME_WIDTH + 2, "latency, ms", "n",
            "mean", "p50", "p95", "p99", "max");
    stat_row(out, "end to end", &sum->latency_ms.e2e);
    stat_row(out, "uplink", &sum->latency_ms.uplink);
    stat_row(out, "inference", &sum->latency_ms.inference);
    stat_row(out, "  of it waiting", &sum->latency_ms.queue);
    stat_row(out, "downlink", &sum->latency_ms.downlink);
    stat_row(out, "links and core", &sum->latency_ms.transport);
    stat_row(out, "first token (server)", &sum->ttft_ms);
    stat_row(out, "first byte (UE)", &sum->ue_ttft_ms);
    stat_row(out, "per output token", &sum->tpot_ms);
}

static void radio_row(FILE *out, const char *name, const struct summary_radio *r)
{
    name_print(out, name);
    column_print(out, r->mbps, 8, 3);
    column_print(out, 100 * r->bler, 10, 2);
    column_print(out, 100 * r->prb_share, 10, 2);
    column_print(out, r->mean_mcs, 10, 2);
    column_print(out, 100 * r->retx_share, 10, 2);
    column_print(out, 100 * r->padding_share, 10, 2);
    putc('\n', out);
}

static void slices_table(FILE *out, const struct summary *sum)
{
    if (sum->n_slices == 0) {
        return;
    }
    fprintf(out, "\n%-*s %8s %10s %6s %6s %6s %9s %9s %10s %10s %10s\n", NAME_WIDTH + 2, "slices",
            "requests", "e2e ms", "ul %", "inf %", "dl %", "UL PRB %", "UL BLER %", "UL kB",
            "LAREI", "LSEQ");
    for (size_t i = 0; i < sum->n_slices; i++) {
        const struct summary_slice *s = &sum->slices[i];
        name_print(out, s->id);
        fprintf(out, " %8" PRId64, s->requests);
        column_print(out, s->e2e_ms.mean, 10, 1);
        column_print(out, s->share_pct.uplink, 6, 1);
        column_print(out, s->share_pct.inference, 6, 1);
        column_print(out, s->share_pct.downlink, 6, 1);
        column_print(out, 100 * s->prb_share, 9, 2);
        column_print(out, 100 * s->ul_bler, 9, 2);
        column_print(out, s->sched_ul_bytes / 1e3, 10, 1);
        column_print(out, s->larei, 10, 4);
        column_print(out, s->lseq, 10, 4);
        putc('\n', out);
    }
}

static void gpus_table(FILE *out, const struct summary *sum)
{
    if (sum->n_gpus == 0) {
        return;
    }
    fprintf(out, "\n%-*s %8s %10s %12s %12s %8s  %s\n", NAME_WIDTH + 2, "servers", "busy %",
            "mean batch", "KV peak MiB", "preemptions", "refused", "GPU, model");
    for (size_t i = 0; i < sum->n_gpus; i++) {
        const struct summary_gpu *g = &sum->gpus[i];
        name_print(out, g->id);
        column_print(out, 100 * g->utilization, 8, 1);
        column_print(out, g->mean_batch, 10, 2);
        column_print(out, (double)g->kv_peak_bytes / (1 << 20), 12, 1);
        fprintf(out, " %12" PRId64 " %8" PRId64 "  %s, %s\n", g->preemptions, g->refused, g->gpu,
                g->model);
    }
}

/* What came and went; a server that kept its one model all the time says nothing. */
static void models_table(FILE *out, const struct summary *sum)
{
    bool any = false;
    for (size_t i = 0; i < sum->n_gpus; i++) {
        const struct summary_gpu *g = &sum->gpus[i];
        for (size_t k = 0; k < g->n_models; k++) {
            const struct summary_gpu_model *m = &g->models[k];
            if (g->n_models == 1 && m->cold_loads + m->warm_loads + m->expiries == 0) {
                continue;
            }
            if (!any) {
                fprintf(out, "\n%-*s %8s %8s %8s %8s %8s %8s  %s\n", NAME_WIDTH + 2, "models",
                        "busy %", "cold", "warm", "load s", "evicted", "expired", "server");
            }
            any = true;
            name_print(out, m->model);
            column_print(out, 100 * m->utilization, 8, 1);
            fprintf(out, " %8" PRId64 " %8" PRId64, m->cold_loads, m->warm_loads);
            column_print(out, m->load_s, 8, 1);
            fprintf(out, " %8" PRId64 " %8" PRId64 "  %s\n", m->evictions, m->expiries, g->id);
        }
    }
}

/* The definition, broken at blanks. */
static void definition_print(FILE *out, const char *text)
{
    enum { LINE = 96 };
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > LINE) {
            length = LINE;
            while (length > 0 && text[length] != ' ') {
                length--;
            }
            length = length > 0 ? length : LINE;
        }
        fprintf(out, "  %.*s\n", (int)length, text);
        text += length;
        text += *text == ' ';
    }
}

static void incomplete_print(FILE *out, int64_t runs, int64_t incomplete)
{
    if (incomplete > 0 || runs == 0) {
        fprintf(out,
                "INCOMPLETE: %" PRId64 " of %" PRId64
                " runs did not end; the figures cover what was recorded until then\n",
                incomplete, runs);
    }
}

void summary_print_table(const struct summary *sum, FILE *out)
{
    fprintf(out, "%s, seed %" PRId64 ", willmsim %s\n", sum->scenario, sum->seed, sum->version);
    incomplete_print(out, sum->runs, sum->incomplete_runs);
    fprintf(out, "%.1f s simulated", sum->sim_s);
    if (!isnan(sum->wall_s)) {
        fprintf(out, " in %.2f s", sum->wall_s);
    }
    fprintf(out, "; %" PRId64 " events, %" PRId64 " radio slots visited\n", sum->events,
            sum->slots_visited);
    fprintf(out,
            "requests: %" PRId64 " arrived, %" PRId64 " completed, %" PRId64 " failed, %" PRId64
            " in flight",
            sum->arrived, sum->completed, sum->failed, sum->in_flight);
    if (!isnan(sum->output_per_s)) {
        fprintf(out, "; %.1f output tokens/s", sum->output_per_s);
    }
    putc('\n', out);
    if (sum->latency_ms.e2e.n > 0) {
        latency_table(out, sum);
    }
    if (sum->has_radio) {
        fprintf(out, "\n%-*s %8s %10s %10s %10s %10s %10s\n", NAME_WIDTH + 2, "radio", "Mbit/s",
                "BLER %", "PRB %", "mean MCS", "retx %", "padding %");
        radio_row(out, "uplink", &sum->ul);
        radio_row(out, "downlink", &sum->dl);
    }
    slices_table(out, sum);
    gpus_table(out, sum);
    models_table(out, sum);
    if (sum->larei.n > 0 || sum->lseq.n > 0) {
        fprintf(out, "\n%-*s %8s %10s %10s\n", NAME_WIDTH + 2, "indices", "n", "mean", "p50");
        index_row(out, "LAREI", &sum->larei);
        index_row(out, "LSEQ", &sum->lseq);
        definition_print(out, sum->definition);
    }
}

void summary_groups_print_table(const struct summary_groups *g, FILE *out)
{
    incomplete_print(out, g->runs, g->incomplete_runs);
    if (g->n_groups == 0) {
        fputs("no completed request has such a key\n", out);
        return;
    }
    char title[96];
    snprintf(title, sizeof title, "%s%s%s", g->by == SUMMARY_BY_ALL ? "" : "by ", g->by_text,
             strchr(g->by_text, ',') == NULL ? ": mean ms" : ", ms");
    split_header(out, title, "    e2e p50    e2e p95    e2e p99      LAREI       LSEQ");
    for (size_t i = 0; i < g->n_groups; i++) {
        const struct summary_group *group = &g->groups[i];
        split_row(out, group->key, group->n, &group->latency_ms, &group->share_pct);
        column_print(out, group->latency_ms.e2e.p50, 10, 1);
        column_print(out, group->latency_ms.e2e.p95, 10, 1);
        column_print(out, group->latency_ms.e2e.p99, 10, 1);
        column_print(out, group->larei.mean, 10, 4);
        column_print(out, group->lseq.mean, 10, 4);
        putc('\n', out);
    }
    putc('\n', out);
    definition_print(out, g->definition);
}
