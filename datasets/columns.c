/* columns.c - the columns of a wide record and their spellings. */
#include "datasets/columns.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 64 };

#define AT(member)                         offsetof(struct import_row, member)
#define UE_COLUMN(type, name, paper, unit) {#name, paper, LAYER_UE, SCHEMA_##type, AT(ue.name)},
#define SERVER_COLUMN(type, name, paper, unit)                                                     \
    {#name, paper, LAYER_SERVER, SCHEMA_##type, AT(server.name)},
#define RAN_COLUMN(type, name, paper, unit) {#name, paper, LAYER_RAN, SCHEMA_##type, AT(ran.name)},
#define OURS(layer, type, name, member)     {name, NULL, LAYER_##layer, SCHEMA_##type, AT(member)},
#define SIM(type, name)                     {#name, NULL, LAYER_SIM, SCHEMA_##type, AT(extra.name)},

/* clang-format off */
const struct column columns[] = {
    RECORD_UE_FIELDS(UE_COLUMN)
    RECORD_SERVER_FIELDS(SERVER_COLUMN)
    RECORD_RAN_FIELDS(RAN_COLUMN)
    OURS(RAN, INT, "pusch_snr_x10", ran.pusch_snr_x10)
    OURS(RAN, TEXT, "slice_id", ran.slice_id)
    OURS(RAN, TEXT, "cell", ran.cell)
    OURS(RAN, INT, "ulsch_total_bytes", extra.ulsch_total_bytes)
    OURS(RAN, INT, "ulsch_total_rbs", extra.ulsch_total_rbs)
    OURS(SERVER, TEXT, "server", server.server)
    OURS(SERVER, INT, "server_timestamp_ms", server.timestamp_ms)
    SIM(INT, sim_request_id)
    SIM(TEXT, sim_slice)
    SIM(TEXT, sim_resolution)
    SIM(TEXT, sim_cell)
    SIM(INT, sim_born_ns)
    SIM(INT, sim_server_in_ns)
    SIM(INT, sim_first_token_ns)
    SIM(INT, sim_last_token_ns)
    SIM(INT, sim_done_ns)
    SIM(INT, sim_queue_ns)
    SIM(INT, sim_ul_sched_bytes)
    SIM(INT, sim_ul_sched_prb)
    SIM(REAL, sim_ul_bler)
    SIM(REAL, sim_llm_parameters)
    SIM(TEXT, sim_status)
    SIM(TEXT, sim_label)
};
/* clang-format on */
const int n_columns = sizeof columns / sizeof columns[0];

/* Other spellings. The testbed's CSV header comes first (WiLLM, main.c of the gNB; schema.csv's
 * oai_csv_header), then words that its scripts use. */
static const struct {
    const char *name, *other;
    bool oai;
} spellings[] = {
    {"gnb_timestamp_ms", "Timestamp", true},
    {"frame_number", "Frame", true},
    {"slot_number", "Slot", true},
    {"imsi", "IMSI", true},
    {"rnti", "RNTI", true},
    {"ue_id", "UID", true},
    {"ue_number", "UE_No", true},
    {"dl_throughput", "DL_THR", true},
    {"ul_throughput", "UL_THR", true},
    {"ph_db", "PH_dB", true},
    {"pcmax_dbm", "PCMAX_dBm", true},
    {"avg_rsrp_dbm", "AVG_RSRP", true},
    {"cqi", "CQI", true},
    {"ri", "RI", true},
    {"dl_mcs", "dl_MCS", true},
    {"ul_mcs", "ul_MCS", true},
    {"sched_ul_bytes", "sched_ul_bytes", true},
    {"estimated_ul_buffer", "estimated_ul_buffer", true},
    {"dl_pdus_total", "dl_pdus_total", true},
    {"dl_bler", "dl_BLER", true},
    {"ul_bler", "ul_BLER", true},
    {"dlsch_current_bytes", "dlsch_current_bytes", true},
    {"dlsch_current_rbs", "dlsch_current_rbs", true},
    {"ulsch_current_bytes", "ulsch_current_bytes", true},
    {"ulsch_current_rbs", "ulsch_current_rbs", true},
    {"ul_mac_sdus", "ul_num_mac_sdu", true},
    {"ulsch_total_bytes", "ulsch_total_bytes", true},
    {"ulsch_total_rbs", "ulsch_total_rbs", true},
    {"pusch_snr_x10", "pusch_snr", false}, /* figure 17 of the paper */
    {"slice_id", "slice", false},
    {"uplink_bytes", "request_bytes", false},     /* figure 21 */
    {"downlink_text_bytes", "text_bytes", false}, /* the phone's client */
};
enum { SPELLINGS = sizeof spellings / sizeof spellings[0] };

static const struct {
    const char *name;
    enum column_reading reading;
} readings[] = {{"timestamp_ms", READ_TIME},
                {"gnb_timestamp_ms", READ_TIME},
                {"server_timestamp_ms", READ_TIME},
                {"rnti", READ_HEX},
                {"dl_bler", READ_RATE},
                {"ul_bler", READ_RATE}};

enum column_reading column_reading(int column)
{
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        if (strcmp(columns[column].name, readings[i].name) == 0) {
            return readings[i].reading;
        }
    }
    return READ_PLAIN;
}

const char *column_oai(int column)
{
    for (size_t i = 0; i < SPELLINGS; i++) {
        if (spellings[i].oai && strcmp(columns[column].name, spellings[i].name) == 0) {
            return spellings[i].other;
        }
    }
    return NULL;
}

void import_row_clear(struct import_row *row)
{
    for (int i = 0; i < n_columns; i++) {
        char *at = (char *)row + columns[i].offset;
        switch (columns[i].type) {
        case SCHEMA_INT:
            *(int64_t *)(void *)at = RECORD_NO_INT;
            break;
        case SCHEMA_REAL:
            *(double *)(void *)at = NAN;
            break;
        case SCHEMA_TEXT:
            *(const char **)(void *)at = NULL;
        }
    }
    row->ue.request_id = row->server.request_id = RECORD_NO_INT;
}

/* --- Spellings -------------------------------------------------------------------------------- */

/* Letters and digits in lower case, without what stands in brackets. */
static void key_of(const char *text, char key[KEY_BYTES])
{
    int n = 0, depth = 0;
    for (const char *c = text; *c != '\0' && n < KEY_BYTES - 1; c++) {
        if (*c == '(' || *c == '[') {
            depth++;
        } else if ((*c == ')' || *c == ']') && depth > 0) {
            depth--;
        } else if (depth == 0 && isalnum((unsigned char)*c)) {
            key[n++] = (char)tolower((unsigned char)*c);
        }
    }
    key[n] = '\0';
}

/* Cuts a unit off the end. Not bytes: DL-SCH has bytes and RBs. */
static void key_cut_unit(char key[KEY_BYTES])
{
    static const char *const units[] = {"percent", "mbps", "pct", "dbm", "mib", "ms", "db"};
    size_t length = strlen(key);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]);
        if (length > unit && strcmp(key + length - unit, units[i]) == 0) {
            key[length - unit] = '\0';
            return;
        }
    }
}

static bool spelled(const char *key, const char *spelling, bool cut)
{
    if (spelling == NULL) {
        return false;
    }
    char other[KEY_BYTES];
    key_of(spelling, other);
    if (cut) {
        key_cut_unit(other);
    }
    return strcmp(key, other) == 0;
}

static bool column_is(int column, const char *key, bool cut)
{
    const struct column *c = &columns[column];
    if (spelled(key, c->name, cut) || spelled(key, c->paper, cut)) {
        return true;
    }
    for (size_t i = 0; i < SPELLINGS; i++) {
        if (strcmp(spellings[i].name, c->name) == 0 && spelled(key, spellings[i].other, cut)) {
            return true;
        }
    }
    return false;
}

int columns_find(const char *name)
{
    for (int i = 0; i < n_columns; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return i;
        }
    }
    char key[KEY_BYTES];
    key_of(name, key);
    for (int cut = 0; cut < 2 && key[0] != '\0'; cut++) {
        if (cut == 1) {
            key_cut_unit(key);
        }
        for (int i = 0; i < n_columns; i++) {
            if (column_is(i, key, cut == 1)) {
                return i;
            }
        }
    }
    return COLUMN_NONE;
}

const char *columns_near(const char *header)
{
    const char *names[2 * 96 + SPELLINGS];
    const char *ours[2 * 96 + SPELLINGS];
    int n = 0;
    for (int i = 0; i < n_columns; i++) {
        names[n] = ours[n] = columns[i].name;
        n++;
        if (columns[i].paper != NULL) {
            names[n] = columns[i].paper;
            ours[n++] = columns[i].name;
        }
    }
    for (size_t i = 0; i < SPELLINGS; i++) {
        names[n] = spellings[i].other;
        ours[n++] = spellings[i].name;
    }
    const char *near = err_nearest(header, names, n);
    for (int i = 0; i < n; i++) {
        if (near == names[i]) {
            return ours[i];
        }
    }
    return NULL;
}

/* A bare "Timestamp" or "time": whose it is, its neighbours say. */
static bool is_bare_time(const char *header)
{
    char key[KEY_BYTES];
    key_of(header, key);
    key_cut_unit(key);
    return strcmp(key, "timestamp") == 0 || strcmp(key, "time") == 0;
}

/* --- A header line ---------------------------------------------------------------------------- */

void columns_map_free(struct column_map *map)
{
    for (int i = 0; i < map->n_fields && map->header != NULL; i++) {
        free(map->header[i]);
    }
    free(map->header);
    free(map->column_of);
    free(map->reading);
    free(map->percent);
    *map = (struct column_map){0};
}

static char *trimmed(const char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    return strndup(text, length);
}

static int map_alloc(struct column_map *map, char *const *header, int n, struct err *e)
{
    size_t room = n > 0 ? (size_t)n : 1;
    map->n_fields = n;
    map->header = calloc(room, sizeof *map->header);
    map->column_of = calloc(room, sizeof *map->column_of);
    map->reading = calloc(room, sizeof *map->reading);
    map->percent = calloc(room, sizeof *map->percent);
    bool ok = map->header != NULL && map->column_of != NULL && map->reading != NULL &&
              map->percent != NULL;
    for (int i = 0; i < n && ok; i++) {
        map->header[i] = trimmed(header[i]);
        ok = map->header[i] != NULL;
    }
    if (!ok) {
        err_memory(e, "the columns of a file");
        return ERR_MEMORY;
    }
    return 0;
}

int columns_map_copy(struct column_map *to, const struct column_map *from, struct err *e)
{
    *to = (struct column_map){0};
    int rc = map_alloc(to, from->header, from->n_fields, e);
    if (rc != 0) {
        columns_map_free(to);
        return rc;
    }
    for (int i = 0; i < from->n_fields; i++) {
        to->column_of[i] = from->column_of[i];
        to->reading[i] = from->reading[i];
        to->percent[i] = from->percent[i];
    }
    memcpy(to->has, from->has, sizeof to->has);
    to->n_mapped = from->n_mapped;
    to->n_blank = from->n_blank;
    return 0;
}

/* The mapping file's word for a header: true when it has one. */
static bool given_column(const cJSON *given, const char *header, int *column)
{
    const cJSON *node = given != NULL ? cJSON_GetObjectItemCaseSensitive(given, header) : NULL;
    if (node == NULL) {
        return false;
    }
    *column = cJSON_IsString(node) ? columns_find(node->valuestring) : COLUMN_NONE;
    return true;
}

/* Every word of the mapping must mean something, else a slip of the pen would go unseen. */
static int check_given(const char *file, const struct column_map *map, const cJSON *given,
                       struct err *e)
{
    const cJSON *node;
    cJSON_ArrayForEach(node, given)
    {
        if (cJSON_IsString(node) && columns_find(node->valuestring) == COLUMN_NONE) {
            const char *near = columns_near(node->valuestring);
            return err_input(e, NULL, "--map", "\"%s\": no column '%s'%s%s%s", node->string,
                             node->valuestring, near != NULL ? "; did you mean '" : "",
                             near != NULL ? near : "; 'willmsim import --help' names them",
                             near != NULL ? "'?" : "");
        }
        if (!cJSON_IsString(node) && !cJSON_IsNull(node)) {
            return err_input(e, NULL, "--map",
                             "\"%s\": write the name of a column, or null to leave it out",
                             node->string);
        }
        bool there = false;
        for (int i = 0; i < map->n_fields; i++) {
            there = there || strcmp(map->header[i], node->string) == 0;
        }
        if (!there) {
            return err_input(e, file, "header", "no column \"%s\", which --map names",
                             node->string);
        }
    }
    return 0;
}

/* The layer of the nearest column that is no bare time: behind it, else before it. */
static enum column_layer neighbour_layer(const struct column_map *map, int field)
{
    for (int i = field + 1; i < map->n_fields; i++) {
        if (map->column_of[i] >= 0) {
            return columns[map->column_of[i]].layer;
        }
    }
    for (int i = field - 1; i >= 0; i--) {
        if (map->column_of[i] >= 0) {
            return columns[map->column_of[i]].layer;
        }
    }
    return LAYERS;
}

static void map_times(struct column_map *map, const bool *bare, enum column_layer hint)
{
    static const char *const names[LAYERS] = {[LAYER_RAN] = "gnb_timestamp_ms",
                                              [LAYER_UE] = "timestamp_ms",
                                              [LAYER_SERVER] = "server_timestamp_ms",
                                              [LAYER_SIM] = "timestamp_ms"};
    /* Neighbours first, all of them, so that two times side by side do not see each other. */
    for (int i = 0; i < map->n_fields; i++) {
        if (bare[i]) {
            enum column_layer layer = hint != LAYERS ? hint : neighbour_layer(map, i);
            map->column_of[i] = layer < LAYERS ? -2 - (int)layer : COLUMN_NONE;
        }
    }
    for (int i = 0; i < map->n_fields; i++) {
        if (map->column_of[i] <= -2) {
            map->column_of[i] = columns_find(names[-2 - map->column_of[i]]);
        }
    }
}

/* Says whom a row is about, and nothing else: a UE's file may have it too. */
static bool names_someone(int column)
{
    static const char *const names[] = {"rnti", "ue_id", "ue_number", "imsi", "cell", "slice_id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(columns[column].name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int map_finish(const char *file, struct column_map *map, struct err *e)
{
    for (int i = 0; i < map->n_fields; i++) {
        int column = map->column_of[i];
        if (map->header[i][0] == '\0') {
            map->n_blank++;
        }
        if (column < 0) {
            continue;
        }
        for (int k = 0; k < i; k++) {
            if (map->column_of[k] == column) {
                return err_input(e, file, "header",
                                 "fields %d and %d, \"%s\" and \"%s\", are both the column %s; "
                                 "leave one out with --map (\"header\": null) or rename it",
                                 k + 1, i + 1, map->header[k], map->header[i],
                                 columns[column].name);
            }
        }
        map->n_mapped++;
        map->reading[i] = column_reading(column);
        if (map->reading[i] == READ_HEX && strcmp(map->header[i], columns[column].name) == 0) {
            map->reading[i] = READ_PLAIN;
        }
        map->percent[i] =
            map->reading[i] == READ_RATE &&
            (strchr(map->header[i], '%') != NULL || strcasestr(map->header[i], "pct") != NULL ||
             strcasestr(map->header[i], "percent") != NULL);
        map->has[columns[column].layer] |= !names_someone(column);
    }
    return 0;
}

int columns_map(const char *file, char *const *header, int n_fields, const struct cJSON *given,
                enum column_layer layer_hint, struct column_map *map, struct err *e)
{
    *map = (struct column_map){0};
    bool *bare = calloc(n_fields > 0 ? (size_t)n_fields : 1, sizeof *bare);
    if (bare == NULL) {
        err_memory(e, "the columns of a file");
        return ERR_MEMORY;
    }
    int rc = map_alloc(map, header, n_fields, e);
    if (rc == 0 && given != NULL) {
        rc = check_given(file, map, given, e);
    }
    for (int i = 0; rc == 0 && i < n_fields; i++) {
        map->column_of[i] = COLUMN_NONE;
        if (map->header[i][0] != '\0' && !given_column(given, map->header[i], &map->column_of[i])) {
            bare[i] = is_bare_time(map->header[i]);
            map->column_of[i] = bare[i] ? COLUMN_NONE : columns_find(map->header[i]);
        }
    }
    if (rc == 0) {
        map_times(map, bare, layer_hint);
        rc = map_finish(file, map, e);
    }
    free(bare);
    if (rc != 0) {
        columns_map_free(map);
    }
    return rc;
}
