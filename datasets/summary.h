/* summary.h - what a run did, computed from its tables alone.
 *
 * The same numbers come out of a measured and of a simulated store. Definitions (CLI.md "run
 * --json"; columns of `requests`), over completed requests:
 *   e2e = done - born, uplink = server_in - born, inference = last_token - server_in,
 *   downlink = done - last_token; so uplink + inference + downlink = e2e for each request.
 *   queue = queue_ns; transport = time on the links and in the core, both ways.
 *   ttft = first_token - server_in, ue_ttft = ue_first_byte - born,
 *   tpot = (last_token - first_token) / (output_tokens - 1) where there are at least 2.
 *   Shares are ratios of sums: 100 sum(uplink) / sum(e2e); they add up to 100.
 *   Percentiles interpolate linearly between order statistics (Hyndman and Fan's type 7).
 *   Radio, from `cells`: mbps = payload delivered over simulated time; bler = transmissions that
 *   did not decode / transmissions; prb_share = PRB used / PRB there were; mean_mcs over first
 *   rounds; retx_share and padding_share = their part of the transport-block bytes sent.
 * What cannot be computed (no completed request, no radio, no tokens) is NAN, and null in JSON.
 */
#ifndef DATASETS_SUMMARY_H
#define DATASETS_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "datasets/store.h"

/* LAREI = omega RDV log(1 + P) / (Resources Latency); LSEQ = delta RDV (1 - err) sqrt(P) /
 * Resources (WiLLM paper, appendix G; what it leaves open is chosen here and named in the output).
 */
enum summary_log { SUMMARY_LN, SUMMARY_LOG2, SUMMARY_LOG10 };
enum summary_resources {
    SUMMARY_BYTES, /* scheduled uplink bytes, retransmissions too */
    SUMMARY_PRB,   /* scheduled uplink PRB x slots, retransmissions too */
};
enum summary_error_rate {
    SUMMARY_ERR_UE,    /* filtered UL BLER of the UE when its upload ended (requests.ul_bler) */
    SUMMARY_ERR_SLICE, /* UL transmissions of the slice that did not decode / all, over the run */
};

struct summary_options {
    int64_t run_id;       /* 0: all runs in the file together */
    const char *scenario; /* of these only runs whose scenario matches this pattern (SQLite's GLOB,
                             at most SUMMARY_PATTERN_MAX bytes); NULL: any */
    const char *mode;     /* only requests of this mode; NULL: any. Radio totals know no mode */
    enum summary_log log;
    enum summary_resources resources;
    enum summary_error_rate error_rate;
    double omega, delta;
};

enum { SUMMARY_PATTERN_MAX = 200 };

/* All runs, natural log, bytes, the UE's BLER, omega = delta = 1. */
struct summary_options summary_defaults(void);

struct summary_stat {
    int64_t n;
    double mean, p50, p95, p99, max;
    double p90; /* for objectives; not printed */
};

struct summary_latency { /* ms */
    struct summary_stat e2e, uplink, downlink, inference, queue, transport;
};

struct summary_share { /* % of e2e */
    double uplink, downlink, inference;
};

struct summary_radio { /* one direction; SUMMARY_DIRECTIONS of them */
    double mbps, bler, prb_share, mean_mcs, retx_share, padding_share;
};

struct summary_slice {
    const char *id;
    int64_t requests; /* arrived in it */
    struct summary_stat e2e_ms;
    struct summary_share share_pct;
    double prb_share, ul_bler, dl_prb_share, dl_bler;
    double sched_ul_bytes; /* transport-block bytes over the run, retransmissions too */
    double larei, lseq;    /* means */
};

struct summary_group {
    const char *key;
    int64_t n; /* completed requests */
    struct summary_latency latency_ms;
    struct summary_share share_pct;
    struct summary_stat ttft_ms, ue_ttft_ms, tpot_ms, larei, lseq;
};

/* What one model of a server did; memory-wise, as in RECORD_GPU_FIELDS. */
struct summary_gpu_model {
    const char *model;
    double utilization; /* its part of the server's */
    double busy_ns, span_ns, batch_sum, steps, load_s;
    int64_t kv_pool_bytes, kv_peak_bytes, preemptions, refused;
    int64_t cold_loads, warm_loads, evictions, expiries;
    int64_t prefix_hit_tokens, dropped_tokens, swapped_bytes;
    int64_t memory_bytes, memory_peak_bytes; /* of the server */
};

struct summary_gpu {
    const char *id, *gpu;
    const char *model; /* names joined with "," when there are several */
    double utilization, mean_batch;
    int64_t kv_pool_bytes, kv_peak_bytes, preemptions, refused;
    int64_t memory_bytes, memory_peak_bytes;
    struct summary_gpu_model *models; /* by name */
    size_t n_models;
};

struct summary {
    const char *scenario; /* names joined with "," when there are several */
    const char *version;
    int64_t runs, incomplete_runs; /* of those looked at */
    int64_t seed;                  /* the least of them */
    bool complete;                 /* all of them are */
    int64_t events, slots_visited;
    double sim_s, wall_s;
    int64_t arrived, completed, failed, in_flight; /* of an incomplete run: rows so far */
    struct summary_latency latency_ms;
    struct summary_share share_pct;
    struct summary_stat ttft_ms, ue_ttft_ms, tpot_ms;
    double output_per_s; /* tokens of completed requests over simulated time */
    bool has_radio;
    struct summary_radio ul, dl;
    double separated_gap; /* mean over slice_decisions of what the shares in force lose against the
                             optimum (docs/models/slicing.md); NAN: none, or mode embedded */
    struct summary_slice *slices; /* by id */
    size_t n_slices;
    struct summary_group *groups; /* by resolution, R1 first */
    size_t n_groups;
    struct summary_gpu *gpus; /* by id */
    size_t n_gpus;
    struct summary_stat larei, lseq; /* n: requests for which it is defined */
    char definition[640];
    struct arena arena; /* owns the above */
};

/* Computes it all. ERR_INPUT: no such run. */
int summary_compute(struct store *s, const struct summary_options *o, struct summary *out,
                    struct err *e);
void summary_free(struct summary *sum);

/* Exactly one JSON object and a newline, keys as in CLI.md. */
void summary_print_json(const struct summary *sum, FILE *out);

/* A table for people. */
void summary_print_table(const struct summary *sum, FILE *out);

/* --- for the verb `metrics`: the same over groups of one's choice ----------------------------- */

enum summary_by {
    SUMMARY_BY_ALL,
    SUMMARY_BY_SLICE,
    SUMMARY_BY_MODEL,
    SUMMARY_BY_SCENARIO,
    SUMMARY_BY_RESOLUTION,
    SUMMARY_BY_MODE,
};

/* The words of --by in that order from SUMMARY_BY_SLICE on ("slice", ...), NULL-terminated. */
extern const char *const summary_by_words[];

enum { SUMMARY_KEYS_MAX = 5 }; /* that --by may name, each once */

struct summary_groups {
    enum summary_by by; /* the first key */
    char by_text[64];   /* all of them, "slice,resolution" */
    int64_t runs, incomplete_runs;
    struct summary_group *groups; /* natural order of the key: R2 before R10 */
    size_t n_groups;
    char definition[640];
    struct arena arena;
};

/* Completed requests without the key (no slice, say) form no group. SUMMARY_BY_ALL gives one
 * group "all". */
int summary_by(struct store *s, enum summary_by by, const struct summary_options *o,
               struct summary_groups *out, struct err *e);

/* The same by several keys: a group per combination that occurs, its key "1221,R1". n from 1 to
 * SUMMARY_KEYS_MAX, none SUMMARY_BY_ALL unless it is alone. */
int summary_by_keys(struct store *s, const enum summary_by *by, size_t n,
                    const struct summary_options *o, struct summary_groups *out, struct err *e);
void summary_groups_free(struct summary_groups *g);
void summary_groups_print_json(const struct summary_groups *g, FILE *out);
void summary_groups_print_table(const struct summary_groups *g, FILE *out);

#endif
