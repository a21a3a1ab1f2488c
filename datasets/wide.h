/* wide.h - the 58 metrics of the WiLLM data set as one row: a RAN record, and what was known then
 * of the last request of its UE.
 *
 *     wide_open -> wide_next until the row is NULL -> wide_close
 *
 * The store keeps the three layers in tables of their own; measurements are published as rows that
 * have all of them. To the RAN record of UE u at gnb_timestamp_ms = t belong the completed request
 * of u and of the same run with the greatest (done_ns, request_id) among those with done_ns <= t
 * (in ns), and the ue_record and server_record of that request (if it has several: the one
 * written last). The SQL view `records` of every store (schema.h) says the same to people; this
 * reader merges the tables in order of time instead of searching for each row: O(rows), with memory
 * that grows with the UEs of a run and not with the rows.
 *
 * Rows come in the order of ran_records' key: run_id, gnb_timestamp_ms, cell, frame_number,
 * slot_number, rnti, ue_id, rowid.
 */
#ifndef DATASETS_WIDE_H
#define DATASETS_WIDE_H

#include <stdint.h>

#include "base/err.h"
#include "datasets/schema.h"
#include "datasets/store.h"
#include "sim/record.h"

struct wide;

/* `request`, `ue` and `server` are NULL while the UE has no completed request; `ue` or `server`
 * also when that request has no such record. */
struct wide_row {
    const struct ran_record *ran; /* never NULL */
    const struct ue_record *ue;
    const struct server_record *server;
    const struct request_record *request;
    int64_t run_id;
};

/* Reads the rows of run `run_id`, or of all runs (0), of a store. The store must stay open, and no
 * row may be added meanwhile. ERR_INPUT: no such run, or a damaged file; ERR_WORK: the file cannot
 * be read or there is no memory. */
int wide_open(struct store *s, int64_t run_id, struct wide **w, struct err *e);

/* The next row, NULL after the last; what it points to is good until the next call. */
int wide_next(struct wide *w, const struct wide_row **row, struct err *e);

/* NULL is fine. */
void wide_close(struct wide *w);

/* Where the value of a metric (schema.h: schema_metrics) stands in a row: an int64_t, a double or a
 * text by its column's type. NULL when the row has no such part. */
const void *wide_value(const struct wide_row *row, const struct schema_metric *metric);

#endif
