/* metric.c - see metric.h. */
#include "tools/metric.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const char *const metric_quantities[METRIC_QUANTITIES + 1] = {
    "e2e",       "uplink", "downlink", "inference", "queue",
    "transport", "ttft",   "ue_ttft",  "tpot",      NULL};
const char *const metric_statistics[METRIC_STATISTICS + 1] = {"mean", "p50", "p90", "p95",
                                                              "p99",  "max", NULL};

static const size_t quantity_at[METRIC_QUANTITIES] = {
    offsetof(struct summary, latency_ms.e2e),
    offsetof(struct summary, latency_ms.uplink),
    offsetof(struct summary, latency_ms.downlink),
    offsetof(struct summary, latency_ms.inference),
    offsetof(struct summary, latency_ms.queue),
    offsetof(struct summary, latency_ms.transport),
    offsetof(struct summary, ttft_ms),
    offsetof(struct summary, ue_ttft_ms),
    offsetof(struct summary, tpot_ms)};
static const size_t statistic_at[METRIC_STATISTICS] = {
    offsetof(struct summary_stat, mean), offsetof(struct summary_stat, p50),
    offsetof(struct summary_stat, p90),  offsetof(struct summary_stat, p95),
    offsetof(struct summary_stat, p99),  offsetof(struct summary_stat, max)};

/* One number per run. `scale` takes fractions to %. The first, `completed`, and the last are made
 * from others. */
static const struct single {
    const char *word, *unit;
    size_t offset;
    double scale;
} singles[METRIC_SINGLES] = {
    {"completed", "%", 0, 0},
    {"failed", "%", 0, 0},
    {"share.uplink", "%", offsetof(struct summary, share_pct.uplink), 1},
    {"share.inference", "%", offsetof(struct summary, share_pct.inference), 1},
    {"share.downlink", "%", offsetof(struct summary, share_pct.downlink), 1},
    {"larei", "", offsetof(struct summary, larei.mean), 1},
    {"lseq", "", offsetof(struct summary, lseq.mean), 1},
    {"output_tokens", "1/s", offsetof(struct summary, output_per_s), 1},
    {"ul.mbps", "Mbit/s", offsetof(struct summary, ul.mbps), 1},
    {"ul.bler", "%", offsetof(struct summary, ul.bler), 100},
    {"ul.prb", "%", offsetof(struct summary, ul.prb_share), 100},
    {"ul.retx", "%", offsetof(struct summary, ul.retx_share), 100},
    {"dl.mbps", "Mbit/s", offsetof(struct summary, dl.mbps), 1},
    {"dl.bler", "%", offsetof(struct summary, dl.bler), 100},
    {"dl.prb", "%", offsetof(struct summary, dl.prb_share), 100},
    {"requests", "", 0, 0},
    {"gpu.busy", "%", 0, 0},
};
enum {
    SINGLES_FROM = METRIC_QUANTITIES * METRIC_STATISTICS,
    COMPLETED = SINGLES_FROM,
    FAILED,
    REQUESTS = METRICS - 2,
    GPU_BUSY
};

int metric_of(int quantity, int statistic)
{
    return quantity * METRIC_STATISTICS + statistic;
}

struct metric_name metric_name(int metric)
{
    struct metric_name name = {.unit = "ms"};
    if (metric < SINGLES_FROM) {
        snprintf(name.word, sizeof name.word, "%s.%s",
                 metric_quantities[metric / METRIC_STATISTICS],
                 metric_statistics[metric % METRIC_STATISTICS]);
    } else {
        snprintf(name.word, sizeof name.word, "%s", singles[metric - SINGLES_FROM].word);
        name.unit = singles[metric - SINGLES_FROM].unit;
    }
    return name;
}

int metric_find(const char *word, struct metric_name *nearest)
{
    struct metric_name names[METRICS];
    const char *words[METRICS];
    for (int i = 0; i < METRICS; i++) {
        names[i] = metric_name(i);
        words[i] = names[i].word;
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    if (nearest != NULL) {
        const char *near = err_nearest(word, words, METRICS);
        snprintf(nearest->word, sizeof nearest->word, "%s", near != NULL ? near : "");
    }
    return -1;
}

/* The number at a place in the summary. */
static double number_at(const struct summary *sum, size_t offset)
{
    double value;
    memcpy(&value, (const char *)sum + offset, sizeof value);
    return value;
}

void metric_values(const struct summary *sum, double values[METRICS])
{
    for (int q = 0; q < METRIC_QUANTITIES; q++) {
        for (int s = 0; s < METRIC_STATISTICS; s++) {
            values[metric_of(q, s)] = number_at(sum, quantity_at[q] + statistic_at[s]);
        }
    }
    for (int i = 0; i < METRIC_SINGLES; i++) {
        if (singles[i].scale > 0) {
            values[SINGLES_FROM + i] = singles[i].scale * number_at(sum, singles[i].offset);
        }
    }
    double arrived = sum->arrived > 0 ? (double)sum->arrived : NAN;
    values[COMPLETED] = 100.0 * (double)sum->completed / arrived;
    values[FAILED] = 100.0 * (double)sum->failed / arrived;
    values[REQUESTS] = (double)sum->arrived;
    double busy = 0;
    for (size_t i = 0; i < sum->n_gpus; i++) {
        busy += sum->gpus[i].utilization;
    }
    values[GPU_BUSY] = sum->n_gpus > 0 ? 100.0 * busy / (double)sum->n_gpus : NAN;
}
