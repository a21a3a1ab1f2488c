/* json.h - strict JSON into C structs, by table.
 *
 * What a JSON object may hold is declared once, in a table of fields. The table drives the
 * reading (unknown key, wrong type, value out of range, missing key: each a line with file, JSON
 * path, what is wrong and what to write instead), the JSON Schema that editors use
 * (json_schema_print) and the reference in docs/scenarios.md (json_reference_print), so that the
 * three cannot disagree.
 *
 * Strict means: RFC 8259 and nothing else (no comments, no trailing comma, no NaN, no second
 * value after the first), UTF-8, no duplicate keys, nesting of at most 64, finite numbers of at
 * most 63 characters, no U+0000 in strings.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

struct cJSON;

enum json_type {
    JSON_BOOL,     /* bool */
    JSON_INT,      /* int64_t, within [min, max] and +-2^53; 3.0 is an integer */
    JSON_NUM,      /* double, within [min, max] */
    JSON_STR,      /* const char *, not empty */
    JSON_WORD,     /* int: index into `words` */
    JSON_OBJECT,   /* struct of `spec`, embedded at the offset; "{}" as default means all
                      defaults */
    JSON_OPTIONAL, /* pointer to struct of `spec`, NULL when the key is absent (never required) */
    JSON_LIST,     /* struct json_list of structs of `spec` */
    JSON_NUMS,     /* struct json_list of double, each within [min, max] */
    JSON_INTS,     /* struct json_list of int64_t, each within [min, max] */
    JSON_STRS,     /* struct json_list of const char * */
    JSON_CHOICE,   /* struct json_choice: an object whose `kind_key` names one of `choices` */
};

struct json_list {
    void *items; /* n structs, doubles, int64_t or const char *, as the field's type says */
    size_t n;
};

/* One of several shapes of object, told apart by a word: {"kind": "poisson", "rate_hz": 2}. */
struct json_variant {
    const char *word;             /* NULL ends a list of variants */
    const struct json_spec *spec; /* what stands beside the word; NULL: nothing */
    const char *doc;
};

struct json_choice {
    int index;        /* which variant */
    const char *word; /* its word */
    void *options;    /* struct of the variant's spec (NULL when it has none) */
};

struct json_field {
    const char *key; /* NULL ends a table */
    enum json_type type;
    size_t offset;
    double min, max;          /* inclusive; for lists of structs: number of items. No upper limit
                                 when max < min or both are 0, or INFINITY; no lower limit:
                                 -INFINITY */
    bool above_min;           /* min itself is not allowed */
    const char *def;          /* default as JSON text; NULL: the key is required; "null": the key
                                 may be left out or null, and the member then stays zero */
    const char *const *words; /* JSON_WORD: NULL-terminated */
    const struct json_spec *spec;
    const struct json_variant *choices; /* JSON_CHOICE */
    const char *kind_key;               /* JSON_CHOICE: the key that holds the word */
    const char *doc; /* one or two sentences: meaning, unit, source or "Assumed: why" */
};

struct json_spec {
    const char *name; /* for the reference and for $defs, e.g. "radio" */
    const char *doc;
    size_t size;
    const struct json_field *fields;
    /* Checks between fields, called after all are read. `place` is the object's JSON path.
     * NULL: none. */
    int (*check)(const void *object, const char *file, const char *place, struct err *e);
};

/* Reads a whole file (at most 64 MiB) as UTF-8 JSON. `*root` is freed with json_delete.
 * Errors: ERR_INPUT with file and line:column (for a duplicate key: the path of its object). */
int json_read_file(const char *path, struct cJSON **root, struct err *e);

/* The same from memory; `file` is only a name for messages. */
int json_read_text(const char *file, const char *text, size_t bytes, struct cJSON **root,
                   struct err *e);

void json_delete(struct cJSON *root);

/* Applies "PATH=VALUE": PATH is keys and list indices joined with dots (ues.0.count, or as messages
 * print it: ues[0].count), and a list without an index means every item (ues.count); VALUE is
 * JSON, or else taken as a string. Missing objects on the way are made; lists are not. After an
 * error the tree may hold part of the change. */
int json_set(struct cJSON *root, const char *assignment, struct err *e);

/* Fills `object` (spec->size bytes, zeroed first) from `node`. `place` is the JSON path of the
 * node ("" for the root). Memory comes from the arena. */
int json_bind(const struct cJSON *node, const struct json_spec *spec, void *object,
              const char *file, const char *place, struct arena *a, struct err *e);

/* json_read_file and json_bind in one call. */
int json_load(const char *path, const struct json_spec *spec, void *object, struct arena *a,
              struct err *e);

/* The JSON Schema (2020-12) of a spec, with $defs for nested specs, additionalProperties false. */
void json_schema_print(FILE *out, const struct json_spec *spec, const char *title);

/* The reference in Markdown: a section per spec, a table row per field. */
void json_reference_print(FILE *out, const struct json_spec *spec);

/* Writes `text` as a JSON string with quotes (for the programs that print JSON). */
void json_print_string(FILE *out, const char *text);

/* Writes a finite double so that it reads back as the same double ("null" when not finite). */
void json_print_number(FILE *out, double value);

#endif
