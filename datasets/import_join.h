/* import_join.h - from rows of others to rows of ours: RAN records, requests, UE and server
 * records.
 *
 * A wide row repeats its UE's latest request until there is a newer one. A request is therefore
 * taken when the columns that name it change for its UE, and written once the RAN records have come
 * to its end, so that what the radio did for it is known.
 *
 * Invariants (tests/datasets/import.c names them):
 *   J1 every RAN row is put once, in the order of the file;
 *   J2 a request is put once, however many RAN rows repeat it, also when its UE comes back with
 *      another RNTI;
 *   J3 memory grows with the number of UEs only: JOIN_MARKS instants of a UE are remembered.
 */
#ifndef DATASETS_IMPORT_JOIN_H
#define DATASETS_IMPORT_JOIN_H

#include "datasets/import.h"
#include "datasets/schema.h"
#include "sim/record.h"

enum {
    JOIN_MARKS = 16384, /* RAN instants of a UE that are remembered: 16 s at one a millisecond */
    JOIN_SERVERS = 256, /* rows of a server file that wait for their request */
};

struct join_ue;
struct join_server;

struct join_names { /* words that come again and again */
    char **words;
    int n, room, last;
};

struct join {
    const struct import_options *options;
    struct import_notes *notes;
    struct record_sink sink;
    int64_t leave_out[SCHEMA_TABLES]; /* rows that are there already (I2) */
    struct join_ue **ues;             /* by key */
    size_t n_ues, ues_room;
    struct join_ue *last;   /* looked up last */
    struct join_ue *before; /* of the wide row before */
    struct join_names names;
    struct join_server *servers; /* ring */
    size_t next_server;
    uint64_t recent[64]; /* requests put last, whoever asked (J2) */
    size_t next_recent;
    bool has_server_file, has_ran_file; /* of separate files: which there are */
    char *kept_model;                   /* whose parameters are kept_parameters */
    double kept_parameters;
    uint64_t completed, failed; /* requests */
    int64_t first_ns, last_ns;  /* of all rows; first > last: none */
    int code;                   /* of the first failure */
    struct err *err;
};

int join_open(struct join *j, const struct import_options *o, struct import_notes *notes,
              struct record_sink sink, struct err *e);
void join_close(struct join *j);

/* A row that has the layers `has`; `changed`: whether a column outside of the RAN differs from the
 * row before. Returns 0 or the error. */
int join_wide(struct join *j, const struct import_row *row, const bool has[LAYERS], bool changed);

/* A row of a UE file or of a server file, in the order of time (import_files). */
int join_ue_row(struct join *j, const struct import_row *row);
int join_server_row(struct join *j, const struct import_row *row);

/* A request of a trace, which says when it was asked and for how much. */
struct trace_item;
int join_trace_item(struct join *j, const struct trace_item *item, int64_t number);

/* After the last row: what was waiting for its end. */
int join_finish(struct join *j);

/* Requests of the join's i-th UE so far. */
uint64_t join_requests_of(const struct join *j, size_t i);

/* Whom a row is about: its RNTI, else its UE ID, else RECORD_NO_INT. */
int64_t join_key(const struct import_row *row);

/* The instant that a row of that layer is sorted by; a UE's row by the end of its request. */
int64_t join_time_ns(const struct import_row *row, enum column_layer layer);

/* Stamps of a request out of its durations (docs/records.md). `sync_ms`: how far the clocks are
 * apart. Returns false when the parts contradict the total. */
bool join_stamps(const struct ue_record *ue, const struct server_record *server, double sync_ms,
                 struct request_record *out);

#endif
