/* json_bind.c - fills C structs from a JSON tree, as a table of fields says. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/json_range.h"
#include "base/json_scan.h"
#include "base/text.h"

struct binder {
    const char *file;
    struct text place;
    struct arena *arena;
    struct err *e;
};

static int bind_object(struct binder *b, const cJSON *node, const struct json_spec *spec,
                       const char *kind_key, void *object);

#define FAIL(b, ...) err_input((b)->e, (b)->file, (b)->place.chars, __VA_ARGS__)

/* "the string "abc"", "a list": what stands there instead. */
static const char *node_name(const cJSON *node, struct text *t)
{
    *t = (struct text){0};
    if (cJSON_IsString(node)) {
        if (strlen(node->valuestring) > 40) {
            text_add(t, "a string");
        } else {
            text_add(t, "the string \"%s\"", node->valuestring);
        }
    } else if (cJSON_IsNumber(node)) {
        text_add(t, "the number ");
        text_add_number(t, node->valuedouble);
    } else {
        text_add(t, "%s",
                 cJSON_IsArray(node)    ? "a list"
                 : cJSON_IsObject(node) ? "an object"
                 : cJSON_IsTrue(node)   ? "true"
                 : cJSON_IsFalse(node)  ? "false"
                                        : "null");
    }
    return t->chars;
}

static int fail_type(struct binder *b, const cJSON *node, const char *due)
{
    struct text got;
    node_name(node, &got);
    /* A name that looks like a number, the usual slip on a command line. */
    if (cJSON_IsNumber(node) && strcmp(due, "a string") == 0) {
        struct text number = {0};
        text_add_number(&number, node->valuedouble);
        return FAIL(b, "must be a string, not %s; write \"%s\" with the quotes", got.chars,
                    number.chars);
    }
    return FAIL(b, "must be %s, not %s", due, got.chars);
}

static const char *range_name(const struct json_range *r, struct text *t)
{
    *t = (struct text){0};
    if (!isinf(r->min) && !isinf(r->max) && !r->above_min) {
        text_add(t, "from ");
        text_add_number(t, r->min);
        text_add(t, " to ");
        text_add_number(t, r->max);
        return t->chars;
    }
    if (!isinf(r->min)) {
        text_add(t, r->above_min ? "above " : "of at least ");
        text_add_number(t, r->min);
    }
    if (!isinf(r->max)) {
        text_add(t, isinf(r->min) ? "of at most " : " and at most ");
        text_add_number(t, r->max);
    }
    return t->chars;
}

static int bind_number(struct binder *b, const cJSON *node, const struct json_field *f,
                       double *value)
{
    bool whole = f->type == JSON_INT || f->type == JSON_INTS;
    if (!cJSON_IsNumber(node)) {
        return fail_type(b, node, whole ? "an integer" : "a number");
    }
    double v = node->valuedouble;
    struct json_range r = json_range_of(f);
    if (whole && v != floor(v)) {
        return fail_type(b, node, "an integer");
    }
    if (!(v >= r.min && v <= r.max) || (r.above_min && v == r.min)) {
        struct text number = {0};
        struct text range;
        text_add_number(&number, v);
        return FAIL(b, "%s is out of range; write %s %s", number.chars,
                    whole ? "an integer" : "a number", range_name(&r, &range));
    }
    *value = v;
    return 0;
}

static int bind_string(struct binder *b, const cJSON *node, const char **value)
{
    if (!cJSON_IsString(node)) {
        return fail_type(b, node, "a string");
    }
    if (node->valuestring[0] == '\0') {
        return FAIL(b, "must not be empty; write at least one character");
    }
    *value = arena_strdup(b->arena, node->valuestring);
    return *value == NULL ? err_memory(b->e, "reading JSON") : 0;
}

/* Words known here, for a message: the nearest, or all of them. `known` ends after n words. */
static int fail_unknown(struct binder *b, const char *what, const char *word,
                        const char *const *known, int n)
{
    const char *near = err_nearest(word, known, n);
    if (near != NULL) {
        return FAIL(b, "unknown %s \"%s\"; did you mean \"%s\"?", what, word, near);
    }
    struct text list = {0};
    for (int i = 0; i < n; i++) {
        text_add(&list, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    if (list.length + 1 >= sizeof list.chars) {
        text_cut(&list, list.length - 4);
        text_add(&list, "...");
    }
    return FAIL(b, "unknown %s \"%s\"; known: %s", what, word, n > 0 ? list.chars : "none");
}

/* More words than any table has; the rest would be missing from a message, nothing else. */
enum { KNOWN_MAX = 128 };

static int bind_word(struct binder *b, const cJSON *node, const char *const *words, int *value)
{
    if (!cJSON_IsString(node)) {
        return fail_type(b, node, "a word (a string)");
    }
    int n = 0;
    while (words[n] != NULL) {
        if (strcmp(words[n], node->valuestring) == 0) {
            *value = n;
            return 0;
        }
        n++;
    }
    return fail_unknown(b, "word", node->valuestring, words, n);
}

static size_t item_bytes(const struct json_field *f)
{
    switch (f->type) {
    case JSON_LIST:
        return f->spec->size;
    case JSON_NUMS:
        return sizeof(double);
    case JSON_INTS:
        return sizeof(int64_t);
    default:
        return sizeof(const char *);
    }
}

static int bind_item(struct binder *b, const cJSON *node, const struct json_field *f, void *item)
{
    double number = 0.0;
    int rc;
    switch (f->type) {
    case JSON_LIST:
        return bind_object(b, node, f->spec, NULL, item);
    case JSON_NUMS:
        return bind_number(b, node, f, item);
    case JSON_INTS:
        rc = bind_number(b, node, f, &number);
        *(int64_t *)item = (int64_t)number;
        return rc;
    default:
        return bind_string(b, node, item);
    }
}

static int bind_list(struct binder *b, const cJSON *node, const struct json_field *f,
                     struct json_list *list)
{
    if (!cJSON_IsArray(node)) {
        return fail_type(b, node, "a list");
    }
    size_t n = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        n++;
    }
    if (f->type == JSON_LIST) {
        struct json_range r = json_range_of(f);
        if ((double)n < r.min || (double)n > r.max || (r.above_min && (double)n == r.min)) {
            struct text range;
            return FAIL(b, "has %zu items; write a number of items %s", n, range_name(&r, &range));
        }
    }
    list->items = arena_array(b->arena, n, item_bytes(f));
    if (list->items == NULL) {
        return err_memory(b->e, "reading a JSON list");
    }
    list->n = n;
    size_t mark = b->place.length;
    unsigned char *item = list->items;
    size_t index = 0;
    cJSON_ArrayForEach(child, node)
    {
        text_add_index(&b->place, index++);
        int rc = bind_item(b, child, f, item);
        if (rc != 0) {
            return rc;
        }
        text_cut(&b->place, mark);
        item += item_bytes(f);
    }
    return 0;
}

static int bind_choice(struct binder *b, const cJSON *node, const struct json_field *f,
                       struct json_choice *choice)
{
    if (!cJSON_IsObject(node)) {
        return fail_type(b, node, "an object");
    }
    const char *known[KNOWN_MAX];
    int n = 0;
    while (n < KNOWN_MAX && f->choices[n].word != NULL) {
        known[n] = f->choices[n].word;
        n++;
    }
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(node, f->kind_key);
    size_t mark = b->place.length;
    if (kind == NULL) {
        struct text list = {0};
        for (int i = 0; i < n; i++) {
            text_add(&list, "%s%s", i > 0 ? ", " : "", known[i]);
        }
        return FAIL(b, "missing key \"%s\"; write one of: %s", f->kind_key, list.chars);
    }
    text_add_key(&b->place, f->kind_key);
    if (!cJSON_IsString(kind)) {
        return fail_type(b, kind, "a word (a string)");
    }
    int index = 0;
    while (index < n && strcmp(known[index], kind->valuestring) != 0) {
        index++;
    }
    if (index == n) {
        return fail_unknown(b, "word", kind->valuestring, known, n);
    }
    text_cut(&b->place, mark);
    choice->index = index;
    choice->word = known[index];
    const struct json_spec *spec = f->choices[index].spec;
    if (spec == NULL) {
        static const struct json_field none[] = {{.key = NULL}};
        static const struct json_spec nothing = {.name = "", .fields = none};
        char no_options = 0;
        return bind_object(b, node, &nothing, f->kind_key, &no_options);
    }
    choice->options = arena_alloc(b->arena, spec->size);
    if (choice->options == NULL) {
        return err_memory(b->e, "reading a JSON object");
    }
    return bind_object(b, node, spec, f->kind_key, choice->options);
}

static int bind_value(struct binder *b, const cJSON *node, const struct json_field *f, void *member)
{
    double number = 0.0;
    int rc;
    if (cJSON_IsNull(node) && json_field_nullable(f)) {
        return 0;
    }
    switch (f->type) {
    case JSON_BOOL:
        if (!cJSON_IsBool(node)) {
            return fail_type(b, node, "true or false");
        }
        *(bool *)member = cJSON_IsTrue(node) != 0;
        return 0;
    case JSON_INT:
        rc = bind_number(b, node, f, &number);
        if (rc == 0) {
            *(int64_t *)member = (int64_t)number;
        }
        return rc;
    case JSON_NUM:
        return bind_number(b, node, f, member);
    case JSON_STR:
        return bind_string(b, node, member);
    case JSON_WORD:
        return bind_word(b, node, f->words, member);
    case JSON_OBJECT:
        return bind_object(b, node, f->spec, NULL, member);
    case JSON_OPTIONAL: {
        void *object = arena_alloc(b->arena, f->spec->size);
        if (object == NULL) {
            return err_memory(b->e, "reading a JSON object");
        }
        *(void **)member = object;
        return bind_object(b, node, f->spec, NULL, object);
    }
    case JSON_LIST:
    case JSON_NUMS:
    case JSON_INTS:
    case JSON_STRS:
        return bind_list(b, node, f, member);
    case JSON_CHOICE:
        return bind_choice(b, node, f, member);
    }
    return FAIL(b, "the table of fields has an unknown type %d", (int)f->type);
}

/* The default is read as if it stood in the file, so that it obeys the same rules. */
static int bind_default(struct binder *b, const struct json_field *f, void *member)
{
    if (f->type == JSON_OPTIONAL || json_field_nullable(f)) {
        return 0;
    }
    cJSON *node = NULL;
    int rc = json_read_text("default value", f->def, strlen(f->def), &node, b->e);
    if (rc == 0) {
        rc = bind_value(b, node, f, member);
    }
    cJSON_Delete(node);
    return rc;
}

static int check_keys(struct binder *b, const cJSON *node, const struct json_spec *spec,
                      const char *kind_key)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        bool found = kind_key != NULL && strcmp(child->string, kind_key) == 0;
        for (const struct json_field *f = spec->fields; f->key != NULL && !found; f++) {
            found = strcmp(child->string, f->key) == 0;
        }
        if (found) {
            continue;
        }
        const char *known[KNOWN_MAX];
        int n = 0;
        if (kind_key != NULL) {
            known[n++] = kind_key;
        }
        for (const struct json_field *f = spec->fields; f->key != NULL && n < KNOWN_MAX; f++) {
            known[n++] = f->key;
        }
        return fail_unknown(b, "key", child->string, known, n);
    }
    return 0;
}

/* `kind_key`: the key that bind_choice() has read already, or NULL. */
static int bind_object(struct binder *b, const cJSON *node, const struct json_spec *spec,
                       const char *kind_key, void *object)
{
    if (!cJSON_IsObject(node)) {
        return fail_type(b, node, "an object");
    }
    int rc = check_keys(b, node, spec, kind_key);
    if (rc != 0) {
        return rc;
    }
    memset(object, 0, spec->size);
    size_t mark = b->place.length;
    for (const struct json_field *f = spec->fields; f->key != NULL; f++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(node, f->key);
        if (value == NULL && json_field_required(f)) {
            return FAIL(b, "missing key \"%s\"; add it: %s", f->key, f->doc != NULL ? f->doc : "");
        }
        void *member = (unsigned char *)object + f->offset;
        text_add_key(&b->place, f->key);
        rc = value == NULL ? bind_default(b, f, member) : bind_value(b, value, f, member);
        if (rc != 0) {
            return rc;
        }
        text_cut(&b->place, mark);
    }
    return spec->check == NULL ? 0 : spec->check(object, b->file, b->place.chars, b->e);
}

int json_bind(const struct cJSON *node, const struct json_spec *spec, void *object,
              const char *file, const char *place, struct arena *a, struct err *e)
{
    struct binder b = {.file = file, .arena = a, .e = e};
    text_add(&b.place, "%s", place != NULL ? place : "");
    return bind_object(&b, node, spec, NULL, object);
}

int json_load(const char *path, const struct json_spec *spec, void *object, struct arena *a,
              struct err *e)
{
    cJSON *root = NULL;
    int rc = json_read_file(path, &root, e);
    if (rc == 0) {
        rc = json_bind(root, spec, object, path, "", a, e);
    }
    json_delete(root);
    return rc;
}
