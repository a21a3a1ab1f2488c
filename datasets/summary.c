/* summary.c - latency, shares, tokens, radio, LAREI and LSEQ from the tables of a store. */
#include "datasets/summary.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "datasets/summary_read.h"
#include "datasets/values.h"

const char *const summary_by_words[] = {"slice", "model", "scenario", "resolution", "mode", NULL};

/* --- Reducing a selection --------------------------------------------------------------------- */

/* Statistics of quantity q over the requests order[0..n). */
static struct summary_stat stat_of(const struct reading *r, enum quantity q, const size_t *order,
                                   size_t n)
{
    size_t known = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = r->values[q][order[i]];
        if (!isnan(v)) {
            r->scratch[known++] = v;
            sum += v;
        }
    }
    if (known == 0) {
        return (struct summary_stat){0, NAN, NAN, NAN, NAN, NAN, NAN};
    }
    const double *sorted = values_sort(r->scratch, r->scratch + r->n, known);
    return (struct summary_stat){
        .n = (int64_t)known,
        .mean = sum / (double)known,
        .p50 = gsl_stats_quantile_from_sorted_data(sorted, 1, known, 0.50),
        .p95 = gsl_stats_quantile_from_sorted_data(sorted, 1, known, 0.95),
        .p99 = gsl_stats_quantile_from_sorted_data(sorted, 1, known, 0.99),
        .max = sorted[known - 1],
        .p90 = gsl_stats_quantile_from_sorted_data(sorted, 1, known, 0.90),
    };
}

/* Ratios of sums over the requests whose parts are all known; parts of the sum of the parts, so
 * that they add up to 100. */
static struct summary_share share_of(const struct reading *r, const size_t *order, size_t n)
{
    double uplink = 0, downlink = 0, inference = 0;
    for (size_t i = 0; i < n; i++) {
        double u = r->values[Q_UPLINK][order[i]], d = r->values[Q_DOWNLINK][order[i]],
               f = r->values[Q_INFERENCE][order[i]];
        if (!isnan(u + d + f)) {
            uplink += u;
            downlink += d;
            inference += f;
        }
    }
    double e2e = uplink + downlink + inference;
    return (struct summary_share){reading_ratio(100 * uplink, e2e),
                                  reading_ratio(100 * downlink, e2e),
                                  reading_ratio(100 * inference, e2e)};
}

static struct summary_latency latency_of(const struct reading *r, const size_t *order, size_t n)
{
    return (struct summary_latency){
        .e2e = stat_of(r, Q_E2E, order, n),
        .uplink = stat_of(r, Q_UPLINK, order, n),
        .downlink = stat_of(r, Q_DOWNLINK, order, n),
        .inference = stat_of(r, Q_INFERENCE, order, n),
        .queue = stat_of(r, Q_QUEUE, order, n),
        .transport = stat_of(r, Q_TRANSPORT, order, n),
    };
}

static struct summary_group group_of(const struct reading *r, const char *key, const size_t *order,
                                     size_t n)
{
    return (struct summary_group){
        .key = key,
        .n = (int64_t)n,
        .latency_ms = latency_of(r, order, n),
        .share_pct = share_of(r, order, n),
        .ttft_ms = stat_of(r, Q_TTFT, order, n),
        .ue_ttft_ms = stat_of(r, Q_UE_TTFT, order, n),
        .tpot_ms = stat_of(r, Q_TPOT, order, n),
        .larei = stat_of(r, Q_LAREI, order, n),
        .lseq = stat_of(r, Q_LSEQ, order, n),
    };
}

static size_t select_all(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        r->order[i] = i;
    }
    return r->n;
}

/* Sorts the requests by their key in one dimension (counting sort, so the order of the rows stays
 * inside a key): those of key number k are order[begin[k]..begin[k + 1]). NULL: no memory. */
static size_t *select_by_key(struct reading *r, int dimension)
{
    size_t n_keys = (size_t)r->keys[dimension].n;
    size_t *begin = calloc(n_keys + 2, sizeof *begin);
    if (begin == NULL) {
        return NULL;
    }
    const int32_t *group = r->group[dimension];
    for (size_t i = 0; i < r->n; i++) {
        if (group[i] >= 0) {
            begin[group[i] + 2]++;
        }
    }
    for (size_t k = 2; k < n_keys + 2; k++) {
        begin[k] += begin[k - 1];
    }
    for (size_t i = 0; i < r->n; i++) {
        if (group[i] >= 0) {
            r->order[begin[group[i] + 1]++] = i;
        }
    }
    return begin;
}

static int groups_reduce(struct reading *r, struct summary_group **groups, size_t *n_groups)
{
    const struct keys *keys = &r->keys[BY_CHOICE];
    size_t *begin = select_by_key(r, BY_CHOICE);
    *groups = arena_array(r->arena, (size_t)keys->n, sizeof **groups);
    if (begin == NULL || *groups == NULL) {
        free(begin);
        return reading_no_memory(r);
    }
    for (int32_t i = 0; i < keys->n; i++) {
        const struct key *k = &keys->sorted[i];
        size_t from = begin[k->number];
        (*groups)[i] = group_of(r, k->text, r->order + from, begin[k->number + 1] - from);
    }
    *n_groups = (size_t)keys->n;
    free(begin);
    return 0;
}

static int slices_reduce(struct reading *r, struct summary *out)
{
    const struct keys *keys = &r->keys[BY_SLICE];
    size_t *begin = select_by_key(r, BY_SLICE);
    out->slices = arena_array(r->arena, (size_t)keys->n, sizeof *out->slices);
    if (begin == NULL || out->slices == NULL) {
        free(begin);
        return reading_no_memory(r);
    }
    for (int32_t i = 0; i < keys->n; i++) {
        const struct key *k = &keys->sorted[i];
        const struct slice_sums *sums = &r->slices[k->number];
        const size_t *order = r->order + begin[k->number];
        size_t n = begin[k->number + 1] - begin[k->number];
        const struct radio_sums *ul = &sums->radio[UL], *dl = &sums->radio[DL];
        out->slices[i] = (struct summary_slice){
            .id = k->text,
            .requests = sums->requests,
            .e2e_ms = stat_of(r, Q_E2E, order, n),
            .share_pct = share_of(r, order, n),
            .prb_share = reading_ratio(ul->prb_used, r->radio[UL].prb_available),
            .dl_prb_share = reading_ratio(dl->prb_used, r->radio[DL].prb_available),
            .ul_bler = reading_bler(ul),
            .dl_bler = reading_bler(dl),
            .sched_ul_bytes = out->has_radio ? ul->bytes_scheduled : NAN,
            .larei = stat_of(r, Q_LAREI, order, n).mean,
            .lseq = stat_of(r, Q_LSEQ, order, n).mean,
        };
    }
    out->n_slices = (size_t)keys->n;
    free(begin);
    return 0;
}

static struct summary_radio radio_reduce(const struct radio_sums *sums, double sim_s)
{
    bool any = sums->opportunities > 0 || sums->prb_available > 0;
    return (struct summary_radio){
        .mbps = any ? reading_ratio(8e-6 * sums->bytes_payload, sim_s) : NAN,
        .bler = reading_bler(sums),
        .prb_share = reading_ratio(sums->prb_used, sums->prb_available),
        .mean_mcs = reading_ratio(sums->mcs_sum, sums->blocks),
        .retx_share = reading_ratio(sums->bytes_retx, sums->bytes_scheduled),
        .padding_share = reading_ratio(sums->bytes_padding, sums->bytes_scheduled),
    };
}

/* --- The whole -------------------------------------------------------------------------------- */

struct summary_options summary_defaults(void)
{
    return (struct summary_options){.omega = 1, .delta = 1};
}

static void definition_write(const struct summary_options *o, char *out, size_t bytes)
{
    static const char *const logs[] = {
        [SUMMARY_LN] = "ln", [SUMMARY_LOG2] = "log2", [SUMMARY_LOG10] = "log10"};
    snprintf(
        out, bytes,
        "LAREI = omega RDV %s(1+P) / (Resources Latency), LSEQ = delta RDV (1-err) sqrt(P) / "
        "Resources; RDV = request bytes (uplink_bytes), P = parameters of the model in billions, "
        "Resources = %s, Latency = end to end in s, err = %s; omega = %g, delta = %g; per "
        "completed "
        "request, then mean and percentiles over those where it is defined",
        logs[o->log],
        o->resources == SUMMARY_PRB
            ? "PRB x slots granted for the upload, retransmissions too (ul_sched_prb)"
            : "transport-block bytes granted for the upload, retransmissions too (ul_sched_bytes)",
        o->error_rate == SUMMARY_ERR_UE
            ? "filtered UL BLER of the UE at the upload's end, a fraction (ul_bler)"
            : "UL transmissions of the slice that did not decode, a fraction (cells)",
        o->omega, o->delta);
}

static int summary_fill(struct reading *r, struct summary *out)
{
    struct reading_runs runs;
    int code = reading_runs(r, &runs);
    code = code != 0 ? code : reading_radio(r);
    code = code != 0 ? code : reading_requests(r, reading_choice_sql(SUMMARY_BY_RESOLUTION));
    code = code != 0 ? code : reading_gpus(r, &out->gpus, &out->n_gpus);
    code = code != 0 ? code : reading_gap(r, &out->separated_gap);
    if (code != 0) {
        return code;
    }
    out->scenario = runs.scenario;
    out->version = runs.version;
    out->runs = runs.n;
    out->incomplete_runs = runs.incomplete;
    out->complete = runs.n > 0 && runs.incomplete == 0;
    out->seed = runs.seed;
    out->events = runs.events;
    out->slots_visited = runs.slots_visited;
    out->sim_s = runs.sim_s;
    out->wall_s = runs.wall_s;
    out->arrived = runs.has_totals ? runs.arrived : r->rows;
    out->completed = runs.has_totals ? runs.completed : r->completed;
    out->failed = runs.has_totals ? runs.failed : r->failed;
    out->in_flight = runs.has_totals ? runs.in_flight : r->in_flight;
    out->has_radio = r->radio[UL].prb_available > 0 || r->radio[DL].prb_available > 0;
    out->ul = radio_reduce(&r->radio[UL], runs.sim_s);
    out->dl = radio_reduce(&r->radio[DL], runs.sim_s);

    struct summary_group all = group_of(r, "all", r->order, select_all(r));
    out->latency_ms = all.latency_ms;
    out->share_pct = all.share_pct;
    out->ttft_ms = all.ttft_ms;
    out->ue_ttft_ms = all.ue_ttft_ms;
    out->tpot_ms = all.tpot_ms;
    out->larei = all.larei;
    out->lseq = all.lseq;
    out->output_per_s = r->n > 0 ? reading_ratio(r->output_tokens, runs.sim_s) : NAN;
    definition_write(r->options, out->definition, sizeof out->definition);

    code = slices_reduce(r, out);
    return code != 0 ? code : groups_reduce(r, &out->groups, &out->n_groups);
}

int summary_compute(struct store *s, const struct summary_options *o, struct summary *out,
                    struct err *e)
{
    *out = (struct summary){0};
    struct reading r = reading_of(s, o, &out->arena, e);
    int code = summary_fill(&r, out);
    reading_free(&r);
    if (code != 0) {
        summary_free(out);
    }
    return code;
}

void summary_free(struct summary *sum)
{
    arena_free(&sum->arena);
    *sum = (struct summary){0};
}

int summary_by_keys(struct store *s, const enum summary_by *by, size_t n,
                    const struct summary_options *o, struct summary_groups *out, struct err *e)
{
    *out = (struct summary_groups){.by = by[0]};
    struct reading r = reading_of(s, o, &out->arena, e);
    struct reading_runs runs;
    struct text choice = {0}, words = {0};
    for (size_t i = 0; i < n; i++) {
        const char *comma = i > 0 ? "," : "";
        /* No key, NULL or empty, makes the combination NULL: no group. */
        text_add(&choice, "%snullif(%s, '')", i > 0 ? " || ',' || " : "",
                 reading_choice_sql(by[i]));
        text_add(&words, "%s%s", comma,
                 by[i] == SUMMARY_BY_ALL ? "all" : summary_by_words[by[i] - SUMMARY_BY_SLICE]);
    }
    snprintf(out->by_text, sizeof out->by_text, "%.63s", words.chars);
    int code = reading_runs(&r, &runs);
    code = code != 0 ? code : reading_radio(&r);
    code = code != 0 ? code : reading_requests(&r, choice.chars);
    code = code != 0 ? code : groups_reduce(&r, &out->groups, &out->n_groups);
    reading_free(&r);
    if (code != 0) {
        summary_groups_free(out);
        return code;
    }
    out->runs = runs.n;
    out->incomplete_runs = runs.incomplete;
    definition_write(o, out->definition, sizeof out->definition);
    return 0;
}

int summary_by(struct store *s, enum summary_by by, const struct summary_options *o,
               struct summary_groups *out, struct err *e)
{
    return summary_by_keys(s, &by, 1, o, out, e);
}

void summary_groups_free(struct summary_groups *g)
{
    arena_free(&g->arena);
    *g = (struct summary_groups){0};
}
