/* json_schema.c - prints tables of fields: as JSON Schema for editors, as Markdown for people.
 *
 * Both walk the specs in the order in which the tables name them, depth first, so that the output
 * changes only where a table changes.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/json_range.h"
#include "base/text.h"
#include "base/utf8.h"

/* Far more than the project has; an assertion says when it is not. */
enum { SPECS_MAX = 256 };

struct walk {
    const struct json_spec *specs[SPECS_MAX];
    int n;
    const struct json_variant *choices[SPECS_MAX]; /* lists of variants, each once */
    int n_choices;
};

static void walk_fields(struct walk *w, const struct json_spec *spec);

/* Variants of a choice stand inline beside their word, so only what they contain is named. */
static void walk_choices(struct walk *w, const struct json_variant *choices)
{
    for (int i = 0; i < w->n_choices; i++) {
        if (w->choices[i] == choices) {
            return;
        }
    }
    assert(w->n_choices < SPECS_MAX);
    w->choices[w->n_choices++] = choices;
    for (const struct json_variant *v = choices; v->word != NULL; v++) {
        if (v->spec != NULL) {
            walk_fields(w, v->spec);
        }
    }
}

static void walk_spec(struct walk *w, const struct json_spec *spec)
{
    for (int i = 0; i < w->n; i++) {
        if (w->specs[i] == spec) {
            return;
        }
        assert(strcmp(w->specs[i]->name, spec->name) != 0); /* two specs of one name */
    }
    assert(w->n < SPECS_MAX);
    w->specs[w->n++] = spec;
    walk_fields(w, spec);
}

static void walk_fields(struct walk *w, const struct json_spec *spec)
{
    for (const struct json_field *f = spec->fields; f->key != NULL; f++) {
        if (f->type == JSON_CHOICE) {
            walk_choices(w, f->choices);
        } else if (f->spec != NULL) {
            walk_spec(w, f->spec);
        }
    }
}

/* --- Pieces of JSON ---------------------------------------------------------------------- */

void json_print_string(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + strlen(text);
    fputc('"', out);
    while (p < end) {
        size_t bytes = utf8_sequence(p, (size_t)(end - p));
        if (bytes == 0) { /* not UTF-8: the replacement character keeps the output JSON */
            fputs("\\ufffd", out);
            bytes = 1;
        } else if (*p == '"' || *p == '\\') {
            fprintf(out, "\\%c", *p);
        } else if (*p == '\n') {
            fputs("\\n", out);
        } else if (*p < 0x20 || *p == 0x7f) {
            fprintf(out, "\\u%04x", *p);
        } else {
            fwrite(p, 1, bytes, out);
        }
        p += bytes;
    }
    fputc('"', out);
}

void json_print_number(FILE *out, double value)
{
    if (!isfinite(value)) {
        fputs("null", out);
        return;
    }
    struct text t = {0};
    text_add_number(&t, value);
    fputs(t.chars, out);
}

static void print_pair(FILE *out, const char *key, const char *text)
{
    if (text != NULL) {
        fprintf(out, ", \"%s\": ", key);
        json_print_string(out, text);
    }
}

/* --- JSON Schema ------------------------------------------------------------------------- */

static void schema_type(FILE *out, const struct json_field *f, const char *type)
{
    if (json_field_nullable(f)) {
        fprintf(out, "\"type\": [\"%s\", \"null\"]", type);
    } else {
        fprintf(out, "\"type\": \"%s\"", type);
    }
}

static void schema_range(FILE *out, const struct json_field *f)
{
    struct json_range r = json_range_of(f);
    if (!isinf(r.min)) {
        fputs(r.above_min ? ", \"exclusiveMinimum\": " : ", \"minimum\": ", out);
        json_print_number(out, r.min);
    }
    if (!isinf(r.max)) {
        fputs(", \"maximum\": ", out);
        json_print_number(out, r.max);
    }
}

static void schema_words(FILE *out, const struct json_field *f)
{
    fputs(", \"enum\": [", out);
    for (const char *const *word = f->words; *word != NULL; word++) {
        fputs(word == f->words ? "" : ", ", out);
        json_print_string(out, *word);
    }
    fputs(json_field_nullable(f) ? ", null]" : "]", out);
}

static void schema_ref(FILE *out, const struct json_field *f)
{
    struct text ref = {0};
    text_add(&ref, "#/$defs/%s", f->spec->name);
    fputs(json_field_nullable(f) ? "\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": " : "\"$ref\": ",
          out);
    json_print_string(out, ref.chars);
    fputs(json_field_nullable(f) ? "}]" : "", out);
}

static void schema_object(FILE *out, const struct json_spec *spec, const char *kind_key,
                          const char *word, const char *doc, const char *indent);

static void schema_choice(FILE *out, const struct json_field *f, const char *indent)
{
    struct text deeper = {0};
    text_add(&deeper, "%s    ", indent);
    fputs("\"oneOf\": [", out);
    if (json_field_nullable(f)) {
        fprintf(out, "\n%s  {\"type\": \"null\"},", indent);
    }
    for (const struct json_variant *v = f->choices; v->word != NULL; v++) {
        fprintf(out, "%s\n%s  ", v == f->choices ? "" : ",", indent);
        schema_object(out, v->spec, f->kind_key, v->word, v->doc, deeper.chars);
    }
    fprintf(out, "\n%s]", indent);
}

static void schema_list(FILE *out, const struct json_field *f)
{
    schema_type(out, f, "array");
    if (f->type == JSON_LIST) {
        struct json_range r = json_range_of(f);
        double least = r.above_min ? r.min + 1.0 : r.min;
        if (least > 0.0) {
            fputs(", \"minItems\": ", out);
            json_print_number(out, least);
        }
        if (!isinf(r.max)) {
            fputs(", \"maxItems\": ", out);
            json_print_number(out, r.max);
        }
        fprintf(out, ", \"items\": {\"$ref\": \"#/$defs/%s\"}", f->spec->name);
    } else if (f->type == JSON_STRS) {
        fputs(", \"items\": {\"type\": \"string\", \"minLength\": 1}", out);
    } else {
        fprintf(out, ", \"items\": {\"type\": \"%s\"", f->type == JSON_NUMS ? "number" : "integer");
        schema_range(out, f);
        fputc('}', out);
    }
}

static void schema_field(FILE *out, const struct json_field *f, const char *indent)
{
    json_print_string(out, f->key);
    fputs(": {", out);
    switch (f->type) {
    case JSON_BOOL:
        schema_type(out, f, "boolean");
        break;
    case JSON_INT:
    case JSON_NUM:
        schema_type(out, f, f->type == JSON_INT ? "integer" : "number");
        schema_range(out, f);
        break;
    case JSON_STR:
        schema_type(out, f, "string");
        fputs(", \"minLength\": 1", out);
        break;
    case JSON_WORD:
        schema_type(out, f, "string");
        schema_words(out, f);
        break;
    case JSON_OBJECT:
    case JSON_OPTIONAL:
        schema_ref(out, f);
        break;
    case JSON_LIST:
    case JSON_NUMS:
    case JSON_INTS:
    case JSON_STRS:
        schema_list(out, f);
        break;
    case JSON_CHOICE:
        schema_choice(out, f, indent);
        break;
    }
    if (f->def != NULL) {
        fprintf(out, ", \"default\": %s", f->def);
    }
    print_pair(out, "description", f->doc);
    fputc('}', out);
}

/* An object schema: of a spec, or of a word of a choice with what stands beside it. `spec` may be
 * NULL when the word stands alone, `kind_key` NULL when there is no word. */
static void schema_object(FILE *out, const struct json_spec *spec, const char *kind_key,
                          const char *word, const char *doc, const char *indent)
{
    struct text deeper = {0};
    text_add(&deeper, "%s  ", indent);
    fputs("{\"type\": \"object\"", out);
    print_pair(out, "description", doc);
    fprintf(out, ",\n%s\"properties\": {", indent);
    const char *separator = "";
    if (kind_key != NULL) {
        fprintf(out, "\n%s", deeper.chars);
        json_print_string(out, kind_key);
        fputs(": {\"const\": ", out);
        json_print_string(out, word);
        fputc('}', out);
        separator = ",";
    }
    for (const struct json_field *f = spec != NULL ? spec->fields : NULL;
         f != NULL && f->key != NULL; f++) {
        fprintf(out, "%s\n%s", separator, deeper.chars);
        schema_field(out, f, deeper.chars);
        separator = ",";
    }
    fprintf(out, "},\n%s\"required\": [", indent);
    separator = "";
    if (kind_key != NULL) {
        json_print_string(out, kind_key);
        separator = ", ";
    }
    for (const struct json_field *f = spec != NULL ? spec->fields : NULL;
         f != NULL && f->key != NULL; f++) {
        if (json_field_required(f)) {
            fputs(separator, out);
            json_print_string(out, f->key);
            separator = ", ";
        }
    }
    fprintf(out, "],\n%s\"additionalProperties\": false}", indent);
}

void json_schema_print(FILE *out, const struct json_spec *spec, const char *title)
{
    struct walk w = {0};
    walk_spec(&w, spec);
    fputs("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ",
          out);
    json_print_string(out, title);
    fprintf(out, ",\n  \"$ref\": \"#/$defs/%s\",\n  \"$defs\": {", spec->name);
    for (int i = 0; i < w.n; i++) {
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        json_print_string(out, w.specs[i]->name);
        fputs(": ", out);
        schema_object(out, w.specs[i], NULL, NULL, w.specs[i]->doc, "      ");
    }
    fputs("\n  }\n}\n", out);
}

/* --- Markdown ---------------------------------------------------------------------------- */

/* Text inside a table cell: a bar would end the cell, a line break the table. */
static void cell_text(FILE *out, const char *text)
{
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++) {
        if (*p == '|') {
            fputs("\\|", out);
        } else {
            fputc(*p == '\n' ? ' ' : *p, out);
        }
    }
}

/* The link to the section of "SPEC.KEY", as Markdown renderers make it out of a heading: lower
 * case, dots and backticks dropped. */
static void cell_choice_link(FILE *out, const struct json_spec *owner, const char *key)
{
    fprintf(out, "one of the kinds of [`%s.%s`](#%s%s)", owner->name, key, owner->name, key);
}

static void cell_words(FILE *out, const struct json_field *f)
{
    for (const char *const *word = f->words; *word != NULL; word++) {
        fprintf(out, "%s`%s`", word == f->words ? "" : ", ", *word);
    }
}

static void cell_range(FILE *out, const struct json_field *f)
{
    struct json_range r = json_range_of(f);
    bool low = !isinf(r.min) && r.min > -JSON_INT_MAX;
    bool high = !isinf(r.max) && r.max < JSON_INT_MAX;
    if (low && high && !r.above_min) {
        json_print_number(out, r.min);
        fputs(" to ", out);
        json_print_number(out, r.max);
    } else {
        if (low) {
            fputs(r.above_min ? "> " : ">= ", out);
            json_print_number(out, r.min);
        }
        if (high) {
            fputs(low ? ", <= " : "<= ", out);
            json_print_number(out, r.max);
        }
        if (!low && !high) {
            fputs("any", out);
        }
    }
}

static void cell_type(FILE *out, const struct json_spec *owner, const struct json_field *f)
{
    switch (f->type) {
    case JSON_BOOL:
        fputs("boolean | `true`, `false`", out);
        return;
    case JSON_INT:
        fputs("integer | ", out);
        break;
    case JSON_NUM:
        fputs("number | ", out);
        break;
    case JSON_STR:
        fputs("string | not empty", out);
        return;
    case JSON_WORD:
        fputs("word | ", out);
        cell_words(out, f);
        return;
    case JSON_OBJECT:
    case JSON_OPTIONAL:
        fprintf(out, "object [`%s`](#%s) | ", f->spec->name, f->spec->name);
        return;
    case JSON_LIST:
        fprintf(out, "list of [`%s`](#%s) | ", f->spec->name, f->spec->name);
        cell_range(out, f);
        fputs(" items", out);
        return;
    case JSON_NUMS:
        fputs("list of numbers | each ", out);
        break;
    case JSON_INTS:
        fputs("list of integers | each ", out);
        break;
    case JSON_STRS:
        fputs("list of strings | not empty", out);
        return;
    case JSON_CHOICE:
        cell_choice_link(out, owner, f->key);
        fputs(" | ", out);
        return;
    }
    cell_range(out, f);
}

static void reference_table(FILE *out, const struct json_spec *owner)
{
    fputs("| key | type | range | default | meaning |\n| --- | --- | --- | --- | --- |\n", out);
    for (const struct json_field *f = owner->fields; f->key != NULL; f++) {
        fprintf(out, "| `%s` | ", f->key);
        cell_type(out, owner, f);
        if (f->type == JSON_OPTIONAL) {
            fputs(" | absent | ", out);
        } else if (f->def == NULL) {
            fputs(" | required | ", out);
        } else {
            fputs(" | `", out);
            cell_text(out, f->def);
            fputs("` | ", out);
        }
        cell_text(out, f->doc);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* A choice whose kinds have been printed. */
struct shown {
    const struct json_spec *owner;
    const struct json_field *field;
};

struct shown_list {
    struct shown items[SPECS_MAX];
    int n;
};

/* The kinds of a choice, each with its own table; a list of variants that another field showed
 * already is only named. */
static void reference_choices(FILE *out, const struct json_spec *owner, struct shown_list *shown)
{
    for (const struct json_field *f = owner->fields; f->key != NULL; f++) {
        if (f->type != JSON_CHOICE) {
            continue;
        }
        int at = 0;
        while (at < shown->n && shown->items[at].field->choices != f->choices) {
            at++;
        }
        if (at < shown->n && shown->items[at].field == f) {
            continue; /* a spec that is reached in two ways has one section */
        }
        fprintf(out, "### `%s.%s`\n\nThe key `%s` names the kind.", owner->name, f->key,
                f->kind_key);
        if (at < shown->n) {
            fputs(" It is ", out);
            cell_choice_link(out, shown->items[at].owner, shown->items[at].field->key);
            fputs(".\n\n", out);
            continue;
        }
        fputs("\n\n", out);
        assert(shown->n < SPECS_MAX);
        shown->items[shown->n++] = (struct shown){owner, f};
        for (const struct json_variant *v = f->choices; v->word != NULL; v++) {
            fprintf(out, "#### `%s`: `%s`\n\n%s\n\n", f->kind_key, v->word,
                    v->doc != NULL ? v->doc : "");
            if (v->spec != NULL && v->spec->fields[0].key != NULL) {
                reference_table(out, v->spec);
            }
        }
        for (const struct json_variant *v = f->choices; v->word != NULL; v++) {
            if (v->spec != NULL) {
                reference_choices(out, v->spec, shown);
            }
        }
    }
}

void json_reference_print(FILE *out, const struct json_spec *spec)
{
    struct walk w = {0};
    walk_spec(&w, spec);
    struct shown_list shown = {.n = 0};
    for (int i = 0; i < w.n; i++) {
        fprintf(out, "## `%s`\n\n%s\n\n", w.specs[i]->name,
                w.specs[i]->doc != NULL ? w.specs[i]->doc : "");
        reference_table(out, w.specs[i]);
        reference_choices(out, w.specs[i], &shown);
    }
}
