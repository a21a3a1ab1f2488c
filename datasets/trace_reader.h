/* trace_reader.h - request traces that others recorded, as struct trace (sim/trace_item.h).
 *
 * Formats:
 *   TRACE_AZURE     CSV with TIMESTAMP ("2023-11-16 18:17:03.9799600", an offset such as +00:00 may
 *                   follow), ContextTokens, GeneratedTokens (AzurePublicDataset)
 *   TRACE_MOONCAKE  a JSON object per line: timestamp (ms), input_length, output_length, hash_ids
 *                   (ids of 512-token prefix blocks; may be absent) (Mooncake, FAST'25)
 *   TRACE_CSV       CSV with arrival_s, input_tokens, output_tokens
 * CSV columns are found by the header line, in any order; others are ignored.
 *
 * Items are sorted by arrival (rows that arrive together keep the file's order) and count from
 * the first. A request with 0 tokens in or out cannot be served; it is taken as 1 token and
 * counted (none of the three shared traces has one). Anything else that is not a request is an
 * error with file and line.
 */
#ifndef DATASETS_TRACE_READER_H
#define DATASETS_TRACE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/trace_item.h"

enum trace_format { TRACE_AZURE, TRACE_MOONCAKE, TRACE_CSV };

struct trace_notes {
    int64_t zero_input, zero_output; /* rows whose 0 tokens became 1 */
    bool was_unsorted;
};

/* Reads a whole trace; `notes` may be NULL. On an error nothing is left allocated. */
int trace_read(const char *path, enum trace_format format, struct trace *trace,
               struct trace_notes *notes, struct err *e);

/* Frees what trace_read allocated and empties the trace (an empty one is fine). */
void trace_free(struct trace *trace);

#endif
