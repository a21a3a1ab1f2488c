/* scenario.h - what a scenario file says, as plain structs.
 *
 * The tables in scenario.c are the one truth: they read the file, print the JSON Schema
 * (scenarios/scenario.schema.json) and the reference (docs/scenarios.md). Units stand in the key
 * names. A stage whose object is absent (radio, transport, core) is left out of the chain.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "models/mobility.h"
#include "models/traffic.h"

struct scenario_engine {
    bool skip_idle_slots;
    bool fast_forward_decode;
};

struct scenario_output {
    double ran_records_ms; /* 0: off */
    bool requests;         /* rows of requests, ue_records and server_records */
};

enum channel_kind { CHANNEL_TESTBED, CHANNEL_AWGN, CHANNEL_SNR_TRACE, CHANNEL_KINDS };

/* Channel variants: struct of the JSON_CHOICE's options. */
struct channel_testbed {
    double mean_snr_db, std_snr_db, step_db, correlation_ms, headroom_std_db;
};
struct channel_awgn {
    double snr_db;
};
struct channel_snr_trace {
    const char *path;
    int between; /* enum snr_trace_between */
    bool repeat;
    double shift_s;
};

enum snr_trace_between { SNR_TRACE_LINE, SNR_TRACE_HOLD };

/* Channels of both directions by geometry; all have the same options. */
enum geometry_kind { GEOMETRY_UMA, GEOMETRY_UMI, GEOMETRY_INH, GEOMETRY_KINDS };

struct channel_3gpp {
    double carrier_ghz;
    double gnb_power_dbm, gnb_height_m, gnb_gain_dbi, gnb_noise_figure_db;
    double ue_power_dbm, ue_height_m, ue_gain_dbi, ue_noise_figure_db;
    double ul_target_snr_db;
    int office; /* inh: enum office */
    int fading; /* enum channel_fading */
    double around_mps, update_ms;
    double interference_window_ms; /* 0: off */
};

enum office { OFFICE_MIXED, OFFICE_OPEN };

struct scenario_handover {
    bool enabled;
    double offset_db, hysteresis_db, time_to_trigger_ms, measurement_ms, interruption_ms;
    int64_t filter_k;
};

enum radio_mode { RADIO_MODE_EMBEDDED, RADIO_MODE_SEPARATED };

struct scenario_radio {
    int64_t scs_khz, n_prb;
    const char *tdd; /* slot pattern of D, S, U or "fdd" */
    int64_t special_dl_symbols, special_ul_symbols;
    int64_t dl_symbols, dl_dmrs_re, ul_symbols, ul_special_symbols, ul_dmrs_re;
    int64_t ul_special_dmrs_re;
    int64_t mcs_table_dl, mcs_table_ul, max_mcs_dl, max_mcs_ul;
    int64_t k1_slots, k2_slots;
    int64_t sr_period_slots, sr_offset_slots;
    double idle_grant_ms;
    bool idle_grant_by_frame;
    int64_t min_grant_prb, min_grant_mcs, max_ues_per_slot, pdcch_dcis;
    int64_t srs_period_slots, srs_offset_slots;
    int64_t pucch_prb, prach_prb, prach_period_frames, prach_frame, prach_subframe;
    double bsr_periodic_ms, bsr_retx_ms, cqi_period_ms, cqi_delay_ms;
    int64_t min_grant_prb_dl;
    int64_t harq_processes, harq_rounds;
    double rlc_status_ms;
    int link_adaptation; /* enum nr_la_rule */
    int64_t start_mcs, la_update_frames, la_min_blocks, la_min_mcs;
    double start_bler, la_lower, la_upper, la_filter;
    double la_target_bler, la_step_db;
    double pf_ewma;
    double ul_power_headroom_db, ul_frequency_error_hz;
    int ul_power_control; /* 1: a closed loop */
    double ul_tpc_target_db;
    int ul_evm, ul_power_step, ul_receiver; /* 1, 1: at the limit; enum nr_receiver */
    double ul_disturbed_share;
    int64_t ul_disturbed_period_slots, ul_disturbed_offset_slots;
    int decoder, combining;                    /* enum nr_decoder, enum nr_combining */
    struct json_choice channel;                /* index: enum geometry_kind; word NULL: none */
    struct json_choice channel_ul, channel_dl; /* index: enum channel_kind */
    struct scenario_handover handover;
    struct json_choice policy; /* index into radio_policy_variants */
    bool retx_in_slices;
    int mode; /* enum radio_mode */
    double separated_period_ms, separated_delay_ms;
};

struct scenario_cell {
    const char *id;
    double x_m, y_m;
};

struct scenario_slice {
    const char *id;
    const char *parent; /* NULL: a branch of the tree; else the branch this fruit hangs on */
    double min_pct, max_pct, dedicated_pct, priority;
    double gpu_min_pct, gpu_max_pct; /* of a server's KV blocks and sequences; max 0: all */
    int64_t sst, sd;
    const char *service; /* LLM service id, "" when none */
};

/* A slice's numbers from a time on; -1: as before. */
struct scenario_slice_change {
    double at_s;
    const char *slice;
    double min_pct, max_pct, priority;
};

struct scenario_slices {
    struct json_list tree;      /* struct scenario_slice; those of rrm_policy when it is named */
    const char *rrm_policy;     /* path of a testbed rrmPolicy.json; "" none */
    const char *rrm_policy_sub; /* path of a testbed rrmPolicy_sub.json; "" none */
    /* not in the file: rrm_policy_sub's "slice2", which oai-willm's uplink gives every phone */
    double ul_min_ratio, ul_max_ratio; /* max 0: there is none */
    struct json_list schedule;         /* struct scenario_slice_change */
};

enum transport_protocol { TRANSPORT_NONE, TRANSPORT_UDP, TRANSPORT_TCP };

struct scenario_transport {
    int protocol; /* enum transport_protocol */
    int64_t tcp_window_bytes, tunnel_header_bytes;
    bool tcp_handshake;
    double rate_mbps, delay_ms;
    int64_t mtu_bytes, ip_header_bytes, l4_header_bytes;
};

struct scenario_core {
    double upf_rate_mbps, upf_delay_us;
    int64_t gtpu_header_bytes;
};

/* The edge-inference paper's epochs (scenario_edge.c). */
enum edge_wait { EDGE_WAIT_CONSTANT, EDGE_WAIT_REAL };
enum edge_cost { EDGE_COST_PAPER, EDGE_COST_PROFILE };

struct scenario_edge {
    double epoch_s, t_up_s, t_down_s, t_compute_s; /* see scenario_edge_epoch_s() */
    int wait;                                      /* enum edge_wait */
    double wait_s;
    bool carry;
    int64_t s_pad;
    int cost; /* enum edge_cost */
    double bits_per_token, noise_dbm_per_hz;
    struct json_choice policy; /* index into edge_policies */
};

/* A server as a node of it. */
struct scenario_node {
    struct json_choice link; /* index: enum edge_link_kind */
    int64_t gpus;
    double gpu_tflops, gpu_memory_gb, perplexity_delta;
};

/* A model of a server. */
struct scenario_model {
    const char *id;          /* what ues[].model names */
    const char *model;       /* its card */
    int quant, kv_precision; /* enum llm_quant + 1 (0: the card's default), enum llm_kv */
    int64_t kv_tokens;       /* 0: computed */
    bool loaded;             /* it is in GPU memory at time 0 */
    double keep_alive_s;     /* negative: for ever */
};

struct scenario_server {
    const char *id, *gpu;
    const char *model;       /* the short form of a list of one; NULL: there is a list */
    struct json_list models; /* struct scenario_model; after loading never empty */
    int quant, engine;       /* enum llm_quant + 1 (0: the card's default), enum llm_engine */
    int kv_precision;        /* enum llm_kv */
    double keep_alive_s, host_cache_gib;
    int64_t tensor_parallel;
    double memory_utilization;
    int64_t kv_tokens; /* 0: computed */
    int64_t kv_block_tokens;
    bool loaded; /* the model is in GPU memory at time 0 */
    double request_overhead_ms;
    double swap_space_gib, host_link_gbytes_per_s;
    struct json_list slices;     /* ids: requests that routing by-slice sends here; empty: any */
    bool fast_forward;           /* decode steps in which nothing changes are one event */
    struct json_choice batching; /* index into batch_policy_variants() */
    struct scenario_node *edge;  /* NULL: there is no `edge` */
};

enum traffic_kind {
    TRAFFIC_WILLM_CLIENT,
    TRAFFIC_POISSON,
    TRAFFIC_EDGE,
    TRAFFIC_TRACE_AZURE,
    TRAFFIC_TRACE_MOONCAKE,
    TRAFFIC_TRACE_CSV,
    TRAFFIC_KINDS
};

struct traffic_poisson {
    double rate_hz;
    struct json_choice input_tokens, output_tokens; /* index: enum length_kind */
    double bytes_per_token;
    int64_t overhead_bytes;
};

struct traffic_edge {
    double rate_hz;
    struct json_list input_tokens, output_tokens; /* int64_t */
    struct json_list deadline_s;                  /* double, one or two */
    double accuracy_max;
};

struct traffic_trace {
    const char *path;
    double rate_scale, start_s, window_s; /* window 0: to the end */
    double bytes_per_token;
    int64_t overhead_bytes;
};

struct scenario_ues {
    const char *id;
    int64_t count;
    const char *cell;             /* "" when there is no radio; else a cell's id or "*": in turn */
    const char *slice;            /* "" none */
    struct json_list slice_cycle; /* ids; empty: `slice` stays */
    double slice_cycle_s;
    struct json_choice slice_choice; /* word NULL: none; index: into choice_policies */
    struct json_list slice_arms;     /* ids that it chooses among */
    double slice_target_s;
    const char *server; /* a server's id or "*": any of them, by `routing` */
    int routing;        /* enum routing */
    const char *model;  /* id of a model of its server; "": the server's first */
    double prepare_ms;
    bool streaming;
    bool native_slicing;         /* false: reaches its slice through the application-layer tunnel */
    struct json_choice mobility; /* index: enum mobility_kind */
    struct json_list detach_at_s; /* double */
    double detach_gap_s;
    double ask_until_s;         /* 0: until the end of the run */
    struct json_choice traffic; /* index: enum traffic_kind; willm-client: struct traffic_willm */
};

/* Mobility variants. */
struct scenario_static {
    double x_m, y_m, spread_m;
};
struct scenario_line {
    double x_m, y_m, spread_m, heading_deg, speed_mps;
    struct mobility_area *area; /* NULL: no sides */
};
struct scenario_waypoint {
    struct mobility_area area;
    double speed_min_mps, speed_max_mps, pause_s;
};

/* A value that decides the result and that nobody published. For the reader: the run takes no
 * notice. */
struct scenario_assumed {
    const char *key, *why, *plausible;
};

struct scenario {
    const char *name, *description;
    struct json_list assumed; /* struct scenario_assumed */
    int64_t seed;
    double duration_s, drain_s;
    struct scenario_engine engine;
    struct scenario_output output;
    struct scenario_radio *radio; /* NULL: no radio in the chain */
    struct json_list cells;       /* struct scenario_cell */
    struct scenario_slices slices;
    struct scenario_transport *transport; /* NULL: left out */
    struct scenario_core *core;           /* NULL: left out */
    struct scenario_edge *edge;           /* NULL: left out */
    struct json_list servers;             /* struct scenario_server */
    struct json_list ues;                 /* struct scenario_ues */

    /* not in the file */
    const char *file;   /* the path it was read from */
    const char *text;   /* the scenario as run (file with --set applied), JSON */
    struct arena arena; /* owns everything above */
};

extern const struct json_spec scenario_spec;

/* What `willmsim schema` prints (scenarios/scenario.schema.json), and with --markdown
 * (docs/scenarios.md). */
void scenario_schema_print(FILE *out);
void scenario_reference_print(FILE *out);

/* Reads and checks a scenario: the file, then each "PATH=VALUE" of sets[0..n_sets), then all names
 * (cells, slices, servers, GPU profiles, model cards, trace files exist). A path that begins with
 * $WILLMSIM_DATA/ is looked up in that environment variable's folder (default ../shared/data).
 * On an error nothing is left allocated. */
int scenario_load(const char *path, const char *const *sets, int n_sets, struct scenario *sc,
                  struct err *e);
void scenario_free(struct scenario *sc);

/* Expands $WILLMSIM_DATA/ in a path of the scenario; memory from its arena. NULL: out of memory. */
const char *scenario_path(struct scenario *sc, const char *path);
/* The same with memory of any arena. */
const char *scenario_path_in(struct arena *a, const char *path);

/* IP and L4 headers on every packet of a transport. */
int64_t transport_header_bytes(const struct scenario_transport *t);

/* Seconds between two epochs, and what they leave for computing when t_compute_s does not say. */
double scenario_edge_epoch_s(const struct scenario *sc);

/* Slice index in slices.tree by id, or -1. */
int scenario_slice_index(const struct scenario *sc, const char *id);

#endif
