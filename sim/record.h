/* record.h - what the simulator tells the outside: plain rows, and the sink that takes them.
 *
 * One list of fields per table yields the C struct here and the SQL schema in datasets/, so that
 * the two cannot differ. The ue, ran and server rows are the 58 metrics of the WiLLM dataset
 * (paper tables 4, 6 and 5), in the paper's order and under its names; a measured row and a
 * simulated row have the same columns. INT is int64_t, REAL double, TEXT const char *; what is
 * not known is RECORD_NO_INT, NAN or NULL and becomes NULL in the store.
 *
 * The sim knows no database: it fills rows and calls the sink.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <stdint.h>

#define RECORD_NO_INT INT64_MIN

#define RECORD_C_INT  int64_t
#define RECORD_C_REAL double
#define RECORD_C_TEXT const char *

/* X(type, column, name in the paper, unit) */
#define RECORD_UE_FIELDS(X)                                                                        \
    X(INT, timestamp_ms, "Timestamp", "ms")                                                        \
    X(REAL, wireless_comm_time_ms, "Wireless Comm Time", "ms")                                     \
    X(REAL, total_comm_time_ms, "Total Comm Time", "ms")                                           \
    X(TEXT, tx_image_resolution, "Tx Image Resolution", "px WxH")                                  \
    X(TEXT, rx_image_resolution, "Rx Image Resolution", "px WxH")                                  \
    X(INT, expected_word_count, "Expected Word Count", "words")                                    \
    X(INT, actual_word_count, "Actual Word Count", "words")                                        \
    X(TEXT, llm_model, "LLM Model", "")                                                            \
    X(TEXT, request_mode, "Request Mode", "")                                                      \
    X(INT, upload_periodicity_ms, "Upload Periodicity", "ms")                                      \
    X(REAL, uplink_time_ms, "Uplink Time", "ms")                                                   \
    X(REAL, downlink_time_ms, "Downlink Time", "ms")                                               \
    X(INT, downlink_text_bytes, "Downlink Text Size", "bytes")                                     \
    X(INT, uplink_bytes, "Uplink Bytes", "bytes")                                                  \
    X(INT, downlink_bytes, "Downlink Bytes", "bytes")

#define RECORD_SERVER_FIELDS(X)                                                                    \
    X(REAL, llm_inference_time_ms, "LLM Inference Time", "ms")                                     \
    X(REAL, server_processing_time_ms, "Server Processing Time", "ms")                             \
    X(INT, input_tokens, "Input Tokens", "tokens")                                                 \
    X(INT, output_tokens, "Output Tokens", "tokens")                                               \
    X(REAL, cold_start_time_ms, "Cold Start Time", "ms")                                           \
    X(REAL, warm_start_time_ms, "Warm Start Time", "ms")                                           \
    X(REAL, bleu_score, "BLEU Score", "0..1")                                                      \
    X(REAL, rouge_score, "ROUGE Score", "0..1")                                                    \
    X(REAL, semantic_score, "Semantic Score", "-1..1")                                             \
    X(REAL, gpu_utilization_pct, "GPU Utilization", "%")                                           \
    X(REAL, vram_usage_mib, "VRAM Usage", "MiB")                                                   \
    X(TEXT, downlink_image, "Downlink Image", "base64")                                            \
    X(TEXT, response_text, "Response Text", "text")

#define RECORD_RAN_FIELDS(X)                                                                       \
    X(INT, gnb_timestamp_ms, "gNB Timestamp", "ms")                                                \
    X(INT, frame_number, "Frame Number", "0..1023")                                                \
    X(INT, slot_number, "Slot Number", "")                                                         \
    X(TEXT, imsi, "IMSI", "")                                                                      \
    X(INT, rnti, "RNTI", "")                                                                       \
    X(INT, ue_id, "UE ID", "")                                                                     \
    X(INT, ue_number, "UE Number", "")                                                             \
    X(REAL, dl_throughput, "DL Throughput", "bytes per DL opportunity, EWMA")                      \
    X(REAL, ul_throughput, "UL Throughput", "bytes per UL opportunity, EWMA")                      \
    X(INT, ph_db, "PH (dB)", "dB, normalised to one PRB")                                          \
    X(INT, pcmax_dbm, "PCMAX (dBm)", "dBm")                                                        \
    X(INT, avg_rsrp_dbm, "Avg RSRP", "dBm")                                                        \
    X(INT, cqi, "CQI", "")                                                                         \
    X(INT, ri, "RI", "")                                                                           \
    X(INT, dl_mcs, "DL MCS", "")                                                                   \
    X(INT, ul_mcs, "UL MCS", "")                                                                   \
    X(INT, sched_ul_bytes, "Scheduled UL Bytes", "bytes")                                          \
    X(INT, estimated_ul_buffer, "Estimated UL Buffer", "bytes")                                    \
    X(INT, dl_pdus_total, "DL PDUs Total", "")                                                     \
    X(REAL, dl_bler, "DL BLER", "fraction")                                                        \
    X(REAL, ul_bler, "UL BLER", "fraction")                                                        \
    X(INT, dlsch_current_bytes, "DL-SCH Bytes", "bytes")                                           \
    X(INT, dlsch_current_rbs, "DL-SCH RBs", "PRB")                                                 \
    X(INT, ulsch_current_bytes, "UL-SCH Bytes", "bytes")                                           \
    X(INT, ulsch_current_rbs, "UL-SCH RBs", "PRB")                                                 \
    X(INT, ul_mac_sdus, "UL MAC SDUs", "")                                                         \
    X(REAL, primary_slice_max_pct, "Primary Slice Max", "%")                                       \
    X(REAL, primary_slice_min_pct, "Primary Slice Min", "%")                                       \
    X(REAL, secondary_slice_max_pct, "Secondary Slice Max", "%")                                   \
    X(REAL, secondary_slice_min_pct, "Secondary Slice Min", "%")

/* Not in any paper table, recorded by the testbed and plotted by the paper (figure 17), kept
 * beside the 58 in ran_records. */
#define RECORD_RAN_EXTRA_FIELDS(X)                                                                 \
    X(INT, pusch_snr_x10, "pusch_snr", "0.1 dB")                                                   \
    X(TEXT, slice_id, "slice", "")

/* One row per request: identity, sizes, every stage stamp in ns (a stage that the scenario leaves
 * out has no stamps), and what the indices LAREI and LSEQ need. */
#define RECORD_REQUEST_FIELDS(X)                                                                   \
    X(INT, request_id, "source id x 2^32 + the source's request number", "")                       \
    X(INT, ue_id, "UE that asked", "")                                                             \
    X(TEXT, ue_group, "group of UEs in the scenario", "")                                          \
    X(TEXT, cell, "cell at the request's birth", "")                                               \
    X(TEXT, slice_id, "fruit slice at the request's birth", "")                                    \
    X(TEXT, server, "server that answered", "")                                                    \
    X(TEXT, llm_model, "model card", "")                                                           \
    X(REAL, llm_parameters, "parameters of the model", "")                                         \
    X(TEXT, mode, "image_request or text_request", "")                                             \
    X(TEXT, resolution, "resolution group, R1 the smallest", "")                                   \
    X(TEXT, tx_image, "image sent", "px WxH")                                                      \
    X(TEXT, rx_image, "image received", "px WxH")                                                  \
    X(INT, expected_words, "words asked for", "")                                                  \
    X(TEXT, status, "completed, failed or in_flight", "")                                          \
    X(TEXT, failure, "why it failed", "")                                                          \
    X(INT, uplink_bytes, "request body with HTTP header", "bytes")                                 \
    X(INT, downlink_bytes, "answer with HTTP header", "bytes")                                     \
    X(INT, input_tokens, "prompt tokens, image tokens included", "")                               \
    X(INT, output_tokens, "tokens generated", "")                                                  \
    X(INT, born_ns, "UE decides to ask", "ns")                                                     \
    X(INT, ue_tx_in_ns, "UE starts to prepare", "ns")                                              \
    X(INT, ue_tx_out_ns, "request in the UE's radio buffer", "ns")                                 \
    X(INT, radio_ul_in_ns, "first byte in the UE's radio buffer", "ns")                            \
    X(INT, radio_ul_out_ns, "last byte at the gNB", "ns")                                          \
    X(INT, transport_ul_in_ns, "last byte into the link", "ns")                                    \
    X(INT, transport_ul_out_ns, "last byte out of the link", "ns")                                 \
    X(INT, core_ul_in_ns, "last byte into the UPF", "ns")                                          \
    X(INT, core_ul_out_ns, "last byte out of the UPF", "ns")                                       \
    X(INT, server_in_ns, "server has the whole request", "ns")                                     \
    X(INT, server_start_ns, "first time the GPU works for it", "ns")                               \
    X(INT, first_token_ns, "first token made", "ns")                                               \
    X(INT, last_token_ns, "last token made", "ns")                                                 \
    X(INT, server_out_ns, "last byte of the answer leaves the server", "ns")                       \
    X(INT, core_dl_in_ns, "last byte into the UPF", "ns")                                          \
    X(INT, core_dl_out_ns, "last byte out of the UPF", "ns")                                       \
    X(INT, transport_dl_in_ns, "last byte into the link", "ns")                                    \
    X(INT, transport_dl_out_ns, "last byte out of the link", "ns")                                 \
    X(INT, radio_dl_in_ns, "first byte in the gNB's queue", "ns")                                  \
    X(INT, radio_dl_out_ns, "last byte at the UE's radio", "ns")                                   \
    X(INT, ue_first_byte_ns, "first byte of the answer at the UE", "ns")                           \
    X(INT, done_ns, "UE has everything", "ns")                                                     \
    X(INT, queue_ns, "part of the inference spent waiting", "ns")                                  \
    X(INT, preemptions, "times the server put it back", "")                                        \
    X(INT, ul_sched_bytes, "transport-block bytes granted for the upload, retransmissions too",    \
      "bytes")                                                                                     \
    X(INT, ul_sched_prb, "PRB granted for the upload, retransmissions too", "PRB x slots")         \
    X(INT, ul_blocks, "transport blocks sent for the upload, retransmissions too", "")             \
    X(REAL, ul_bler, "the cell's filtered UL BLER of this UE when the upload ended", "fraction")

#define RECORD_MEMBER(type, name, paper, unit) RECORD_C_##type name;

/* The time base of gnb_timestamp_ms and timestamp_ms: simulated time 0. */
#define RECORD_EPOCH_MS 0

struct ue_record {
    int64_t request_id; /* joins requests */
    RECORD_UE_FIELDS(RECORD_MEMBER)
};

struct server_record {
    int64_t request_id;
    const char *server;
    int64_t timestamp_ms; /* the server had the whole request */
    RECORD_SERVER_FIELDS(RECORD_MEMBER)
};

struct ran_record {
    const char *cell;
    RECORD_RAN_FIELDS(RECORD_MEMBER)
    RECORD_RAN_EXTRA_FIELDS(RECORD_MEMBER)
};

struct request_record {
    RECORD_REQUEST_FIELDS(RECORD_MEMBER)
};

/* Totals of one cell and one direction over the whole run. */
#define RECORD_CELL_FIELDS(X)                                                                      \
    X(TEXT, cell, "cell", "")                                                                      \
    X(TEXT, direction, "ul or dl", "")                                                             \
    X(TEXT, slice_id, "fruit slice; NULL: all", "")                                                \
    X(INT, opportunities, "slots of this direction in the run", "")                                \
    X(INT, prb_available, "PRB x slots of this direction in the run", "")                          \
    X(INT, prb_used, "PRB x slots allocated", "")                                                  \
    X(INT, blocks, "transport blocks sent, first rounds", "")                                      \
    X(INT, blocks_retx, "transport blocks sent, later rounds", "")                                 \
    X(INT, blocks_retx_round1, "of these, second rounds", "")                                      \
    X(INT, blocks_lost, "transport blocks lost after the last round", "")                          \
    X(INT, block_errors, "transmissions that did not decode", "")                                  \
    X(INT, bytes_scheduled, "transport-block bytes, retransmissions too", "bytes")                 \
    X(INT, bytes_retx, "transport-block bytes of later rounds", "bytes")                           \
    X(INT, bytes_payload, "bytes of requests and answers delivered", "bytes")                      \
    X(INT, bytes_padding, "bytes of first rounds without payload or header", "bytes")              \
    X(INT, mcs_sum, "sum of the MCS of first rounds", "")

struct cell_record {
    RECORD_CELL_FIELDS(RECORD_MEMBER)
};

/* Totals of one model of a server over the whole run; memory is the server's. */
#define RECORD_GPU_FIELDS(X)                                                                       \
    X(TEXT, server, "server", "")                                                                  \
    X(TEXT, gpu, "GPU profile", "")                                                                \
    X(TEXT, llm_model, "model card", "")                                                           \
    X(INT, busy_ns, "time that the GPU computed", "ns")                                            \
    X(INT, span_ns, "time of the run", "ns")                                                       \
    X(INT, steps, "engine steps", "")                                                              \
    X(INT, batch_sum, "sum over steps of sequences in the step", "")                               \
    X(INT, prefill_tokens, "tokens prefilled, recomputed ones too", "")                            \
    X(INT, decode_tokens, "tokens generated", "")                                                  \
    X(INT, kv_pool_bytes, "KV pool", "bytes")                                                      \
    X(INT, kv_peak_bytes, "highest use of the KV pool", "bytes")                                   \
    X(INT, preemptions, "sequences put back", "")                                                  \
    X(INT, refused, "requests refused", "")                                                        \
    X(INT, cold_loads, "times the model was loaded from disk", "")                                 \
    X(INT, warm_loads, "times it was loaded from the host's page cache", "")                       \
    X(INT, load_ns, "time that its loads took", "ns")                                              \
    X(INT, evictions, "times it left because another model needed the room", "")                   \
    X(INT, expiries, "times it left because nobody had asked for it", "")                          \
    X(INT, prefix_hit_tokens, "prompt tokens found in the prefix cache", "tokens")                 \
    X(INT, dropped_tokens, "computed tokens lost to preemption", "tokens")                         \
    X(INT, swapped_bytes, "KV copied to the host; as much comes back", "bytes")                    \
    X(INT, memory_bytes, "what the server's models may fill of a pool's memory", "bytes")          \
    X(INT, memory_peak_bytes, "most that they have had of it", "bytes")

struct gpu_record {
    RECORD_GPU_FIELDS(RECORD_MEMBER)
};

/* Shares in force in radio.mode "separated" (docs/models/slicing.md): a row per slice and direction
 * when a decision comes into force, and one at the end of a period, when it is oldest. */
#define RECORD_DECISION_FIELDS(X)                                                                  \
    X(INT, time_ns, "time of the row", "ns")                                                       \
    X(INT, age_ns, "age of the state that was decided of", "ns")                                   \
    X(TEXT, cell, "cell", "")                                                                      \
    X(TEXT, direction, "ul or dl", "")                                                             \
    X(TEXT, slice_id, "slice whose UEs ask; NULL: UEs without one", "")                            \
    X(INT, demand_bytes, "bytes that its UEs have waiting now", "bytes")                           \
    X(REAL, rate, "what the share in force carries of them", "bytes per s")                        \
    X(REAL, decided_share, "what the engine decided of that state", "of the carrier")              \
    X(REAL, share, "what is in force now", "of the carrier")                                       \
    X(REAL, optimal_share, "the exact optimum of the state now", "of the carrier")                 \
    X(REAL, gap, "loss of all slices in force against that optimum, NULL: none asks", "fraction")  \
    X(REAL, solver_gap, "loss of the engine's answer against the exact optimum of its state",      \
      "fraction")

struct decision_record {
    RECORD_DECISION_FIELDS(RECORD_MEMBER)
};

/* Takes rows. Each function returns 0 or an error code that stops the run; NULL members mean
 * "not wanted" and are not called. Text is copied by the sink before it returns. */
struct record_sink {
    void *self;
    int (*request)(void *self, const struct request_record *row);
    int (*ue)(void *self, const struct ue_record *row);
    int (*ran)(void *self, const struct ran_record *row);
    int (*server)(void *self, const struct server_record *row);
    int (*cell)(void *self, const struct cell_record *row);
    int (*gpu)(void *self, const struct gpu_record *row);
    int (*decision)(void *self, const struct decision_record *row);
};

#endif
