/* import_join_ue.h - what an import remembers of one UE; import_join.c's own. */
#ifndef DATASETS_IMPORT_JOIN_UE_H
#define DATASETS_IMPORT_JOIN_UE_H

#include "datasets/columns.h"
#include "sim/record.h"

/* A RAN instant. Sums since the first one that is remembered. */
struct join_mark {
    int64_t ms;
    double bytes, prb;      /* sums over the instants, or the gNB's own totals */
    int64_t n_bytes, n_prb; /* instants that say them */
    double thr;             /* UL throughput: average of bytes an opportunity; NAN: not said */
    double thr_bytes;       /* bytes that its changes stand for, since the first instant */
    int64_t n_thr;          /* changes known */
    double bler;
    int slice, cell; /* names of the join; -1: not said */
};

enum { JOIN_TEXTS = 11 };

struct join_ue {
    int64_t key, index, ue_id; /* ue_id: RECORD_NO_INT until a row says it */
    uint64_t identity;         /* of the request taken last; 0: none */
    uint64_t n_requests;
    bool is_waiting, waiting_has_server;
    int64_t due_ns; /* when the waiting request ends; RECORD_NO_INT: not known */
    struct import_row waiting;
    struct { /* what its texts point to */
        char *chars;
        size_t room;
    } texts[JOIN_TEXTS];
    int64_t last_ms;         /* of its RAN rows */
    bool has_totals;         /* the marks' sums are the gNB's */
    struct join_mark *marks; /* ring of `room`, a power of 2 */
    uint64_t n_marks;        /* ever made */
    size_t room;
};

struct join_server {
    bool is_waiting;
    int64_t key;
    struct server_record row;
    char *server, *image, *text;
};

struct join_radio {
    int64_t bytes, prb;
    double bler;
    int slice, cell; /* at the request's birth */
};

struct join_ue *join_ue_make(int64_t key, int64_t index);
void join_ue_free(struct join_ue *u);

/* Remembers a RAN row whose time is not before the one before. False: no memory. */
bool join_ue_mark(struct join_ue *u, const struct import_row *row, int slice, int cell);

/* Keeps a copy of a request. False: no memory. */
bool join_ue_wait(struct join_ue *u, const struct import_row *row, bool has_server);

/* What the uplink carried between two instants, and the block error rate at the second. Bytes from
 * the gNB's totals when the file has them; else out of the changes of UL Throughput, which is an
 * average over opportunities with a known weight; else, as PRB, from what each instant says of the
 * last transport block, as a sample of the opportunities in between. Not known where no RAN rows
 * cover it. */
struct join_radio join_ue_radio(const struct join_ue *u, int64_t from_ns, int64_t to_ns);

bool join_server_keep(struct join_server *w, const struct server_record *row, int64_t key);
void join_server_free(struct join_server *w);

/* A number that names the request of a row, 0: there is none. `unique`: no other request has it,
 * whoever asks. */
uint64_t join_identity(const struct import_row *row, bool *unique);

#endif
