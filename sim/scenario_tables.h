/* scenario_tables.h - between scenario_tables*.c and scenario.c: the tables of one scenario file.
 */
#ifndef SIM_SCENARIO_TABLES_H
#define SIM_SCENARIO_TABLES_H

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

/* One line per field: the key is the member's name. */
#define FIELD(object, member, json_type, ...)                                                      \
    {                                                                                              \
        .key = #member, .type = (json_type), .offset = offsetof(struct object, member),            \
        __VA_ARGS__                                                                                \
    }
#define F_INT(object, member, lo, hi, standard, text)                                              \
    FIELD(object, member, JSON_INT, .min = (lo), .max = (hi), .def = standard, .doc = text)
#define F_NUM(object, member, lo, hi, standard, text)                                              \
    FIELD(object, member, JSON_NUM, .min = (lo), .max = (hi), .def = standard, .doc = text)
/* A number above `lo`. */
#define F_POS(object, member, lo, hi, standard, text)                                              \
    FIELD(object, member, JSON_NUM, .min = (lo), .max = (hi), .above_min = true, .def = standard,  \
          .doc = text)
#define F_BOOL(object, member, standard, text)                                                     \
    FIELD(object, member, JSON_BOOL, .def = standard, .doc = text)
#define F_STR(object, member, standard, text)                                                      \
    FIELD(object, member, JSON_STR, .def = standard, .doc = text)
#define F_WORD(object, member, list, standard, text)                                               \
    FIELD(object, member, JSON_WORD, .words = (list), .def = standard, .doc = text)
#define F_CHOICE(object, member, variants, kind, standard, text)                                   \
    FIELD(object, member, JSON_CHOICE, .choices = (variants), .kind_key = kind, .def = standard,   \
          .doc = text)
#define F_END                                                                                      \
    {                                                                                              \
        .key = NULL                                                                                \
    }

#define SPEC(title, struct_name, table, checker, text)                                             \
    {                                                                                              \
        .name = title, .doc = text, .size = sizeof(struct struct_name), .fields = (table),         \
        .check = (checker)                                                                         \
    }

extern const struct json_spec scenario_radio_spec;
extern const struct json_variant scenario_traffic_variants[];
extern const struct json_variant scenario_channel_variants[];  /* enum channel_kind */
extern const struct json_variant scenario_geometry_variants[]; /* enum geometry_kind */
extern const struct json_variant scenario_mobility_variants[]; /* enum mobility_kind */
extern const struct json_spec scenario_handover_spec;
extern const struct json_spec scenario_edge_spec, scenario_node_spec, scenario_traffic_edge_spec;

struct scenario;

/* What "edge", the servers and the traffic ask of one another. */
int scenario_edge_check(const struct scenario *sc, struct err *e);

/* JSON path of the member `key` of the object at `place` ("" for the root). */
struct text scenario_place(const char *place, const char *key);

/* For the checks of a table, which all have `file`, `place` and `e`. */
#define FAIL_KEY(key, ...) err_input(e, file, scenario_place(place, key).chars, __VA_ARGS__)

#endif
