/* targets.c - reads a file of targets: the tables of its fields, and what the tables cannot check.
 */
#include "datasets/targets.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "datasets/schema.h"
#include "datasets/summary_read.h"
#include "datasets/targets_measure.h"
#include "datasets/targets_sweep.h"

const char *const target_verdict_words[] = {"holds", "misses", "not comparable", NULL};
const char *const target_part_words[] = {"uplink", "downlink", "inference", NULL};
const char *const target_statistic_words[] = {"mean",  "std",       "min", "p05", "p25",
                                              "p50",   "p75",       "p95", "p99", "max",
                                              "count", "multiples", NULL};
const char *const target_figure_words[] = {
    "rise_s", "jump", "period_s", "trough", "peak", "autocorrelation_s", "decay_s", "floor",
    "mean",   "std",  "min",      "max",    NULL};
const char *const target_table_words[] = {"requests", "ue_records", "ran_records", "server_records",
                                          NULL};

/* enum summary_by */
static const char *const by_words[] = {"all",        "slice", "model", "scenario",
                                       "resolution", "mode",  NULL};
/* Of a request's quantity there are only these: summary.h. */
static const char *const request_statistic_words[] = {"mean", "p50", "p95", "p99", "max", NULL};

/* --- Tables ----------------------------------------------------------------------------------- */

#define FIELD(object, member, json_type, ...)                                                      \
    {                                                                                              \
        .key = #member, .type = (json_type), .offset = offsetof(struct object, member),            \
        __VA_ARGS__                                                                                \
    }
#define ANY_NUMBER .min = -INFINITY, .max = INFINITY
#define F_END                                                                                      \
    {                                                                                              \
        .key = NULL                                                                                \
    }
#define BY_FIELD(object)                                                                           \
    FIELD(object, by, JSON_WORD, .words = by_words, .def = "\"all\"",                              \
          .doc = "A value per group of completed requests.")

static const struct json_field share_fields[] = {
    FIELD(measure_share, part, JSON_WORD, .words = target_part_words,
          .doc = "Part of the end-to-end latency."),
    BY_FIELD(measure_share),
    F_END,
};
static const struct json_field request_fields[] = {
    FIELD(measure_request, quantity, JSON_WORD, .words = reading_quantity_words,
          .doc = "As `metrics` names them; times in ms."),
    FIELD(measure_request, statistic, JSON_WORD, .words = request_statistic_words,
          .def = "\"mean\"", .doc = "Over the requests of a group."),
    BY_FIELD(measure_request),
    F_END,
};
static const struct json_field where_fields[] = {
    FIELD(measure_where, column, JSON_STR, .doc = "Column of the same table."),
    FIELD(measure_where, equals, JSON_NUM, ANY_NUMBER, .doc = "Only rows with this value."),
    F_END,
};
static const struct json_spec where_spec = {
    .name = "where", .size = sizeof(struct measure_where), .fields = where_fields};
static const struct json_field record_fields[] = {
    FIELD(measure_record, table, JSON_WORD, .words = target_table_words,
          .doc = "Table of the store."),
    FIELD(measure_record, column, JSON_STR, .doc = "Column of numbers; empty cells do not count."),
    FIELD(measure_record, by, JSON_STR, .def = "null",
          .doc = "Column by which to group the rows; without it all are one group."),
    FIELD(measure_record, where, JSON_OPTIONAL, .spec = &where_spec, .doc = "Which rows."),
    FIELD(measure_record, statistic, JSON_WORD, .words = target_statistic_words,
          .doc = "Over the rows of a group; multiples: % of them that are multiples of `of`."),
    FIELD(measure_record, of, JSON_NUM, .min = 0, .max = INFINITY, .def = "0",
          .doc = "For `multiples`."),
    F_END,
};
static const struct json_field bursts_fields[] = {
    FIELD(measure_bursts, figure, JSON_WORD, .words = target_figure_words,
          .doc = "Of the bursts in UL_THR: median over the bursts of a series, or its own."),
    FIELD(measure_bursts, by_slice, JSON_BOOL, .def = "false",
          .doc = "A series per UE and slice instead of per UE."),
    F_END,
};

static int record_check(const void *object, const char *file, const char *place, struct err *e);

static const struct json_spec share_spec = {.name = "share",
                                            .size = sizeof(struct measure_share),
                                            .fields = share_fields},
                              request_spec = {.name = "request",
                                              .size = sizeof(struct measure_request),
                                              .fields = request_fields},
                              record_spec = {.name = "record",
                                             .size = sizeof(struct measure_record),
                                             .fields = record_fields,
                                             .check = record_check},
                              bursts_spec = {.name = "bursts",
                                             .size = sizeof(struct measure_bursts),
                                             .fields = bursts_fields};

static const struct json_variant measure_variants[] = {
    {"share", &share_spec, "part of the end-to-end latency, %, as a ratio of sums"},
    {"request", &request_spec, "a quantity of completed requests"},
    {"record", &record_spec, "a column of a table"},
    {"bursts", &bursts_spec, "the bursts in the UEs' UL_THR"},
    {"sweep", &measure_sweep_spec, "the completion rate over what a sweep varied"},
    {NULL, NULL, NULL},
};

static const struct json_field range_fields[] = {
    FIELD(expect_range, lo, JSON_NUM, ANY_NUMBER, .doc = "Least value published."),
    FIELD(expect_range, hi, JSON_NUM, ANY_NUMBER, .doc = "Greatest value published."),
    FIELD(expect_range, tolerance, JSON_NUM, .min = 0, .max = INFINITY, .def = "0",
          .doc = "Allowed beyond either."),
    F_END,
};
static const struct json_field value_fields[] = {
    FIELD(expect_value, value, JSON_NUM, ANY_NUMBER, .doc = "What was published."),
    FIELD(expect_value, tolerance, JSON_NUM, .min = 0, .max = INFINITY, .def = "0",
          .doc = "Allowed beyond it."),
    F_END,
};
static const struct json_field order_fields[] = {
    FIELD(expect_order, strict, JSON_BOOL, .def = "false",
          .doc = "Every step from group to group, not only the rank correlation."),
    F_END,
};
static const struct json_field flips_fields[] = {
    FIELD(expect_flips, against, JSON_WORD, .words = target_part_words,
          .doc = "The other part of the latency."),
    F_END,
};

static int range_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct expect_range *r = object;
    struct text at = {0};
    text_add(&at, "%s", place);
    text_add_key(&at, "hi");
    return r->hi >= r->lo
               ? 0
               : err_input(e, file, at.chars,
                           "%g is below lo, %g; write the greater of the two here", r->hi, r->lo);
}

static const struct json_spec
    range_spec = {.name = "range",
                  .size = sizeof(struct expect_range),
                  .fields = range_fields,
                  .check = range_check},
    value_spec = {.name = "value", .size = sizeof(struct expect_value), .fields = value_fields},
    order_spec = {.name = "order", .size = sizeof(struct expect_order), .fields = order_fields},
    flips_spec = {.name = "flips", .size = sizeof(struct expect_flips), .fields = flips_fields};

static const struct json_variant expect_variants[] = {
    {"range", &range_spec, "every group lies in it"},
    {"value", &value_spec, "every group has it"},
    {"at-most", &value_spec, "no group is above it"},
    {"at-least", &value_spec, "no group is below it"},
    {"rising", &order_spec, "the groups' values rise in the order of the groups"},
    {"falling", &order_spec, "they fall"},
    {"largest", NULL, "the part is the largest of the three in every group"},
    {"flips", &flips_spec, "the part exceeds another in one group, and the reverse in another"},
    {NULL, NULL, NULL},
};

static const struct json_field applies_fields[] = {
    FIELD(target_applies, scenario, JSON_STR, .def = "null",
          .doc = "Pattern of the runs' scenario, with * and ?; without it any."),
    FIELD(target_applies, mode, JSON_STR, .def = "null",
          .doc = "Only requests of this mode: image_request or text_request."),
    FIELD(target_applies, tx_image, JSON_STR, .def = "null",
          .doc = "Only if every completed request sent a picture of this size, as 640x480."),
    FIELD(target_applies, group, JSON_STR, .def = "null", .doc = "Only this group."),
    FIELD(target_applies, min_slices, JSON_INT, .min = 0, .max = 1000, .def = "0",
          .doc = "ran_records name at least so many slices."),
    FIELD(target_applies, max_slices, JSON_INT, .min = 0, .max = 1000, .def = "1000",
          .doc = "They name at most so many; 0: recorded without slices."),
    FIELD(target_applies, min_groups, JSON_INT, .min = 1, .max = 1000, .def = "1",
          .doc = "With fewer groups there is nothing to compare."),
    FIELD(target_applies, min_n, JSON_INT, .min = 1, .max = 1e9, .def = "1",
          .doc = "Groups of fewer requests, records or bursts are left out."),
    F_END,
};
static const struct json_spec applies_spec = {
    .name = "applies_to", .size = sizeof(struct target_applies), .fields = applies_fields};

static int target_check(const void *object, const char *file, const char *place, struct err *e);

static const struct json_field target_fields[] = {
    FIELD(target, id, JSON_STR, .doc = "Its name; no two alike."),
    FIELD(target, what, JSON_STR, .doc = "In words."),
    FIELD(target, applies_to, JSON_OBJECT, .spec = &applies_spec, .def = "{}",
          .doc = "Which runs, requests and groups it speaks of."),
    FIELD(target, measure, JSON_CHOICE, .choices = measure_variants, .kind_key = "kind",
          .doc = "What to measure."),
    FIELD(target, expect, JSON_CHOICE, .choices = expect_variants, .kind_key = "kind",
          .doc = "What was published about it."),
    FIELD(target, unit, JSON_STR, .def = "null", .doc = "Unit of the value."),
    FIELD(target, source, JSON_STR, .doc = "Where it was published."),
    FIELD(target, how_read, JSON_STR,
          .doc = "How the number was read: text, plot annotation, derived, deduced, assumed."),
    F_END,
};
static const struct json_spec target_spec = {.name = "target",
                                             .size = sizeof(struct target),
                                             .fields = target_fields,
                                             .check = target_check};

static int targets_check(const void *object, const char *file, const char *place, struct err *e);

static const struct json_field targets_fields[] = {
    FIELD(targets, name, JSON_STR, .doc = "Name of the collection."),
    {.key = "targets",
     .type = JSON_LIST,
     .offset = offsetof(struct targets, list),
     .min = 1,
     .max = 10000,
     .spec = &target_spec,
     .doc = "The targets."},
    F_END,
};
static const struct json_spec targets_spec = {.name = "targets",
                                              .size = sizeof(struct targets),
                                              .fields = targets_fields,
                                              .check = targets_check};

/* --- What the tables cannot check ------------------------------------------------------------- */

static struct text place_of(const char *place, const char *key)
{
    struct text t = {0};
    text_add(&t, "%s", place);
    text_add_key(&t, key);
    return t;
}

/* The column of that name, of a number if `numeric`; else NULL with the line in `e`. */
static const struct schema_column *column_find(const struct schema_table *t, const char *name,
                                               bool numeric, const char *file, const char *place,
                                               struct err *e)
{
    enum { COLUMNS_MAX = 128 };
    const char *known[COLUMNS_MAX];
    int n = 0;
    for (size_t i = 0; i < t->n_columns && n < COLUMNS_MAX; i++) {
        const struct schema_column *c = &t->columns[i];
        if (strcmp(c->name, name) == 0) {
            if (numeric && c->type == SCHEMA_TEXT) {
                err_input(e, file, place, "column '%s' of %s holds text; write one of numbers",
                          name, t->name);
                return NULL;
            }
            return c;
        }
        known[n++] = c->name;
    }
    const char *near = err_nearest(name, known, n);
    err_input(e, file, place, "%s has no column '%s'%s%s%s", t->name, name,
              near != NULL ? "; did you mean '" : "; see 'willmsim export DB TABLE'",
              near != NULL ? near : "", near != NULL ? "'?" : "");
    return NULL;
}

static int record_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct measure_record *m = object;
    const struct schema_table *t = schema_find(target_table_words[m->table]);
    struct text at = place_of(place, "column");
    if (column_find(t, m->column, m->statistic != STATISTIC_COUNT, file, at.chars, e) == NULL) {
        return ERR_INPUT;
    }
    at = place_of(place, "by");
    if (m->by != NULL && column_find(t, m->by, false, file, at.chars, e) == NULL) {
        return ERR_INPUT;
    }
    at = place_of(place, "where");
    text_add_key(&at, "column");
    if (m->where != NULL && column_find(t, m->where->column, true, file, at.chars, e) == NULL) {
        return ERR_INPUT;
    }
    at = place_of(place, "of");
    if ((m->statistic == STATISTIC_MULTIPLES) != (m->of > 0)) {
        return err_input(e, file, at.chars,
                         m->of > 0 ? "only the statistic multiples takes it; leave it out"
                                   : "the statistic multiples needs a number above 0 here");
    }
    return 0;
}

static int target_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct target *t = object;
    struct text at = place_of(place, "expect");
    text_add_key(&at, "kind");
    if ((t->expect.index == TARGET_LARGEST || t->expect.index == TARGET_FLIPS) &&
        t->measure.index != TARGET_SHARE) {
        return err_input(e, file, at.chars,
                         "'%s' compares parts of the latency; measure a share, or write another "
                         "kind",
                         t->expect.word);
    }
    if (t->expect.index == TARGET_FLIPS) {
        const struct expect_flips *flips = t->expect.options;
        const struct measure_share *share = t->measure.options;
        if (flips->against == share->part) {
            return err_input(e, file, place_of(place, "expect.against").chars,
                             "'%s' is the part itself; write another part",
                             target_part_words[share->part]);
        }
    }
    at = place_of(place, "applies_to");
    text_add_key(&at, "scenario");
    if (t->applies_to.scenario != NULL && strlen(t->applies_to.scenario) > SUMMARY_PATTERN_MAX) {
        return err_input(e, file, at.chars, "longer than %d bytes; write a shorter pattern",
                         SUMMARY_PATTERN_MAX);
    }
    at = place_of(place, "applies_to");
    text_add_key(&at, "mode");
    if (t->applies_to.mode != NULL && strlen(t->applies_to.mode) > SUMMARY_PATTERN_MAX) {
        return err_input(e, file, at.chars, "longer than %d bytes; write a shorter word",
                         SUMMARY_PATTERN_MAX);
    }
    return 0;
}

static int targets_check(const void *object, const char *file, const char *place, struct err *e)
{
    (void)place;
    const struct targets *t = object;
    const struct target *items = t->list.items;
    for (size_t i = 1; i < t->list.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(items[i].id, items[k].id) == 0) {
                struct text at = {0};
                text_add_key(&at, "targets");
                text_add_index(&at, i);
                text_add_key(&at, "id");
                return err_input(e, file, at.chars,
                                 "'%s' is the id of targets[%zu] too; write another", items[i].id,
                                 k);
            }
        }
    }
    return 0;
}

int targets_load(const char *path, struct targets *t, struct err *e)
{
    *t = (struct targets){0};
    struct arena arena = {0};
    int rc = json_load(path, &targets_spec, t, &arena, e);
    t->arena = arena;
    t->path = arena_strdup(&t->arena, path);
    return rc != 0 ? rc : t->path == NULL ? err_memory(e, "a file of targets") : 0;
}

void targets_free(struct targets *t)
{
    arena_free(&t->arena);
    *t = (struct targets){0};
}
