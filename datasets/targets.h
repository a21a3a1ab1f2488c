/* targets.h - published numbers, and whether a table of results meets them.
 *
 * A file of targets (datasets/published_targets.json, or one's own: docs/validation.md, "A file of
 * targets") is a list of statements: what to measure from the tables of a store, over which groups
 * of them, and what was published about it. Measured and simulated stores are read alike.
 *
 * A target is judged over the groups that its measure yields (all requests together, each slice,
 * each resolution ...), after `applies_to` has left out runs, modes and groups:
 *   range, value, at-most, at-least   no group may lie farther than the tolerance from what was
 *                                     published; `misses_by` is the largest distance from that
 *   rising, falling                   Spearman's rank correlation of the groups' natural order and
 *                                     their values has that sign (strict: every step has);
 *                                     `misses_by` is what rho (strict: the worst step) lacks to 0
 *   largest                           the part of the latency is the largest in every group;
 *                                     `misses_by` is the largest lead of another part, in points
 *   flips                             in one group the part exceeds `against`, in another the
 *                                     reverse; `misses_by` is what the nearest group lacks
 * A target that the tables cannot speak to is not comparable, and says why.
 */
#ifndef DATASETS_TARGETS_H
#define DATASETS_TARGETS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "datasets/store.h"

/* --- A file of targets ------------------------------------------------------------------------ */

enum target_measure { TARGET_SHARE, TARGET_REQUEST, TARGET_RECORD, TARGET_BURSTS, TARGET_SWEEP };
enum target_expect {
    TARGET_RANGE,
    TARGET_VALUE,
    TARGET_AT_MOST,
    TARGET_AT_LEAST,
    TARGET_RISING,
    TARGET_FALLING,
    TARGET_LARGEST,
    TARGET_FLIPS,
};

/* What a target applies to; members that are NULL or 0 ask for nothing. */
struct target_applies {
    const char *scenario;           /* GLOB pattern of the runs' scenario */
    const char *mode;               /* of requests */
    const char *tx_image;           /* every completed request has sent a picture of this size */
    const char *group;              /* only this group of the measure's */
    int64_t min_slices, max_slices; /* in ran_records */
    int64_t min_groups, min_n;
};

struct target {
    const char *id, *what, *unit, *source, *how_read;
    struct target_applies applies_to;
    struct json_choice measure; /* enum target_measure */
    struct json_choice expect;  /* enum target_expect */
};

struct targets {
    const char *path; /* as opened */
    const char *name;
    struct json_list list; /* struct target */
    struct arena arena;
};

/* Reads a file of targets. ERR_INPUT: it is not one, names what no store holds, or two targets have
 * one id. Free `t` in any case. */
int targets_load(const char *path, struct targets *t, struct err *e);
void targets_free(struct targets *t);

/* --- Verdicts --------------------------------------------------------------------------------- */

enum target_verdict { TARGET_HOLDS, TARGET_MISSES, TARGET_NOT_COMPARABLE };

/* "holds", "misses", "not comparable" */
extern const char *const target_verdict_words[];

struct target_group {
    const char *key;
    int64_t n; /* requests, records or bursts behind the value */
    double value;
    double parts[3]; /* of a share: uplink, downlink, inference, % */
};

struct target_result {
    const struct target *target;
    enum target_verdict verdict;
    struct target_group *groups; /* natural order of the key: R2 before R10 */
    size_t n_groups;
    double least, most; /* over the groups; NAN without any */
    double value;       /* what was judged: of the worst group, or rho; NAN: not comparable */
    double lo, hi;      /* the published interval, without tolerance; infinite where open */
    double misses_by;   /* 0 when it holds; in `miss_unit` */
    const char *miss_unit;
    const char *worst; /* key of the group that misses most; NULL: none */
    char why[200];     /* not comparable: why; else "" */
};

struct targets_report {
    const char *targets; /* name of the file of targets */
    struct target_result *items;
    size_t n, counts[TARGET_NOT_COMPARABLE + 1]; /* by verdict */
    int64_t runs, incomplete_runs;
    struct arena arena;
};

/* Hears now and then how far the reading of a table is, in rows. */
struct targets_watch {
    void (*step)(void *self, double done, double all);
    void *self;
};

/* Judges every target by the tables of `s`, each of which is passed over once, in time and memory
 * O(rows). `watch` may be NULL. Free the report in any case, before the targets. */
int targets_judge(struct store *s, const struct targets *t, const struct targets_watch *watch,
                  struct targets_report *report, struct err *e);
void targets_report_free(struct targets_report *report);

/* One JSON object and a newline; a table for people. `path`: the store. */
void targets_print_json(const struct targets_report *report, const char *path, FILE *out);
void targets_print_table(const struct targets_report *report, const char *path, FILE *out);

#endif
