/* columns.h - the columns of a wide record, and which of them a header of somebody else's means.
 *
 * A wide record is a RAN instant joined with the latest request of the UE and of the server: the
 * 58 metrics of the WiLLM dataset in one row. A column has up to three spellings: ours
 * (sim/record.h), the paper's (tables 4 to 6) and the testbed's own CSV (WiLLM, main.c of the gNB).
 *
 * A header is taken for a column when, letters and digits alone, whatever their case, without what
 * stands in brackets and without a unit at the end, it is one of the three. "Timestamp" is the
 * name of a column of the UE, of the gNB and of the server; it belongs to the layer of the column
 * behind it (or before it, when it is the last). Nothing is guessed by likeness: what is like a
 * column but not the same is reported with that column's name, for a mapping file.
 */
#ifndef DATASETS_COLUMNS_H
#define DATASETS_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "datasets/schema.h"
#include "sim/record.h"

/* What a wide row may hold beyond the 58 metrics. */
struct import_extra {
    int64_t ulsch_total_bytes, ulsch_total_rbs; /* since the UE attached (testbed's CSV) */
    /* Written by `export --spelling willm` only: what the 58 metrics round or leave out. */
    int64_t sim_request_id;
    const char *sim_slice, *sim_resolution, *sim_cell;
    int64_t sim_born_ns, sim_server_in_ns, sim_first_token_ns, sim_last_token_ns, sim_done_ns;
    int64_t sim_queue_ns, sim_ul_sched_bytes, sim_ul_sched_prb;
    double sim_ul_bler, sim_llm_parameters;
    const char *sim_status, *sim_label;
};

struct import_row {
    struct ran_record ran;
    struct ue_record ue;
    struct server_record server;
    struct import_extra extra;
};

/* Every value unknown: RECORD_NO_INT, NAN or NULL. */
void import_row_clear(struct import_row *row);

enum column_layer { LAYER_RAN, LAYER_UE, LAYER_SERVER, LAYER_SIM, LAYERS };

enum column_reading {
    READ_PLAIN,
    READ_TIME, /* ms since 1970; also s, us, ns (by size) and ISO 8601 */
    READ_HEX,  /* an RNTI: hexadecimal, unless the header is our own spelling */
    READ_RATE, /* a fraction; or percent, when the header says so or a value is above 1 */
};

struct column {
    const char *name;  /* ours */
    const char *paper; /* NULL: not one of the 58 */
    enum column_layer layer;
    enum schema_type type;
    size_t offset; /* in struct import_row */
};

enum { COLUMN_NONE = -1 };

extern const struct column columns[];
extern const int n_columns;

/* How a column's text is read, and its name in the testbed's CSV (NULL: it is not there). */
enum column_reading column_reading(int column);
const char *column_oai(int column);

/* How the header fields of one file were understood. */
struct column_map {
    int n_fields;
    int *column_of;               /* [n_fields]: index into columns, or COLUMN_NONE */
    enum column_reading *reading; /* [n_fields] */
    bool *percent;                /* [n_fields]: READ_RATE whose header says that it is percent */
    char **header;                /* [n_fields]: as it stands in the file, trimmed */
    bool has[LAYERS];
    int n_mapped, n_blank;
};

struct cJSON;

/* Maps a header line. `given` is a mapping file's object {"their header": "our column" or null},
 * or NULL. `layer_hint`: LAYERS, or the layer that a lone "Timestamp" belongs to. ERR_INPUT: the
 * mapping names no column of ours, or no header; a column is there twice. */
int columns_map(const char *file, char *const *header, int n_fields, const struct cJSON *given,
                enum column_layer layer_hint, struct column_map *map, struct err *e);
int columns_map_copy(struct column_map *to, const struct column_map *from, struct err *e);
void columns_map_free(struct column_map *map);

/* The column of that name in any spelling, or COLUMN_NONE. */
int columns_find(const char *name);

/* Our name of the column nearest to a header that is none, or NULL. */
const char *columns_near(const char *header);

#endif
