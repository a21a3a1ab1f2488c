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

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "datasets/schema.h"
#include "datasets/store.h"
#include "sim/record.h"

struct wide;

/* NULL: none. All `request`, `ue` and `server` are NULL while the UE has no completed request. What
 * is not known is RECORD_NO_INT, NAN or NULL in them as everywhere. */
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

/* --- The 58 metrics, one by one ----------------------------------------------------------------
 */

enum { WIDE_COLUMNS = 58 };

enum wide_part { WIDE_UE, WIDE_SERVER, WIDE_RAN };

struct wide_column {
    const struct schema_column *column; /* its name here and in the paper, type and unit */
    enum wide_part part;                /* the member of a wide_row that has it */
    size_t offset; /* in that member's struct, of its int64_t, double or text */
};

/* In the paper's order (data set's schema.csv, index 1 to 58): UE, server, RAN. */
extern const struct wide_column wide_columns[WIDE_COLUMNS];

/* Where the value of a column stands in a row, or NULL when the row has no such part. */
const void *wide_value(const struct wide_row *row, const struct wide_column *column);

#endif
