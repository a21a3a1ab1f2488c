/* rows.h - rows and stores for the tests of this room. */
#ifndef TESTS_DATASETS_ROWS_H
#define TESTS_DATASETS_ROWS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "datasets/store.h"

/* A new folder; the name is `folder`/NAME for files in it. */
static inline void rows_folder(char folder[64])
{
    strcpy(folder, "/tmp/willmsim-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        abort();
    }
}

static inline char *rows_path(char out[96], const char *folder, const char *name)
{
    snprintf(out, 96, "%s/%s", folder, name);
    return out;
}

/* Removes the folder with the files that a store may have left in it. */
static inline void rows_folder_remove(const char *folder)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        abort();
    }
}

/* A completed request with the times of its parts in ms. */
struct rows_times {
    int64_t id;
    double born, uplink, queue, prefill, decode, downlink;
    int64_t tokens;
};

static inline struct request_record rows_request(const struct rows_times *t)
{
    double server_in = t->born + t->uplink;
    double first = server_in + t->queue + t->prefill, last = first + t->decode;
    struct request_record r = {
        .request_id = t->id,
        .ue_id = 0,
        .ue_group = "glasses",
        .cell = "gnb1",
        .slice_id = "1221",
        .server = "edge",
        .llm_model = "llava-1.6-7b",
        .llm_parameters = 7e9,
        .mode = "image_request",
        .resolution = "R1",
        .tx_image = "320x240",
        .expected_words = 50,
        .status = "completed",
        .uplink_bytes = 100000,
        .downlink_bytes = 600,
        .input_tokens = 2340,
        .output_tokens = t->tokens,
        .born_ns = ns_of_s(t->born / 1e3),
        .ue_tx_in_ns = RECORD_NO_INT,
        .ue_tx_out_ns = RECORD_NO_INT,
        .radio_ul_in_ns = RECORD_NO_INT,
        .radio_ul_out_ns = RECORD_NO_INT,
        .transport_ul_in_ns = ns_of_s((server_in - 3) / 1e3),
        .transport_ul_out_ns = ns_of_s((server_in - 1) / 1e3),
        .core_ul_in_ns = ns_of_s((server_in - 1) / 1e3),
        .core_ul_out_ns = ns_of_s(server_in / 1e3),
        .server_in_ns = ns_of_s(server_in / 1e3),
        .server_start_ns = ns_of_s((server_in + t->queue) / 1e3),
        .first_token_ns = ns_of_s(first / 1e3),
        .last_token_ns = ns_of_s(last / 1e3),
        .server_out_ns = ns_of_s(last / 1e3),
        .core_dl_in_ns = ns_of_s(last / 1e3),
        .core_dl_out_ns = ns_of_s((last + 0.5) / 1e3),
        .transport_dl_in_ns = ns_of_s((last + 0.5) / 1e3),
        .transport_dl_out_ns = ns_of_s((last + 2) / 1e3),
        .radio_dl_in_ns = RECORD_NO_INT,
        .radio_dl_out_ns = RECORD_NO_INT,
        .ue_first_byte_ns = ns_of_s((last + t->downlink - 1) / 1e3),
        .done_ns = ns_of_s((last + t->downlink) / 1e3),
        .queue_ns = ns_of_s(t->queue / 1e3),
        .preemptions = 0,
        .ul_sched_bytes = 160000,
        .ul_sched_prb = 4000,
        .ul_blocks = 60,
        .ul_bler = 0.1,
    };
    return r;
}

static inline struct ran_record rows_ran(int64_t i)
{
    struct ran_record r = {
        .cell = "gnb1",
        .gnb_timestamp_ms = i,
        .frame_number = i / 10 % 1024,
        .slot_number = i * 2 % 20,
        .imsi = "001010000010701",
        .rnti = 0x4601,
        .ue_id = 1,
        .ue_number = 1,
        .dl_throughput = 0.1 * (double)i,
        .ul_throughput = NAN,
        .ph_db = 59,
        .ul_bler = 0.05,
        .ulsch_current_rbs = 27,
        .pusch_snr_x10 = 150,
        .slice_id = "1221",
    };
    return r;
}

static inline struct store_run rows_run(const char *scenario)
{
    return (struct store_run){scenario, "{}", "0.1.0", "2025-01-01T00:00:00Z", 7, 0};
}

#endif
