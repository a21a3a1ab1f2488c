/* scenario_schema.c - pins that the JSON Schema and the loader say the same: every field of every
 * table is spoiled in every way (and set to its limits), and a validator of the schema must refuse
 * exactly what the binder refuses. Pins the generated files to the tables, and the shipped
 * scenarios to both. Checks between fields are no part of the schema and are left out here
 * (tests/sim/scenario_bad.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_range.h"
#include "base/text.h"
#include "sim/scenario.h"

static int home(void **state)
{
    (void)state;
    return setenv("WILLMSIM_HOME", ".", 0);
}

/* --- A validator for the keywords that json_schema_print() emits ------------------------------ */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool is_type(const cJSON *value, const char *type)
{
    if (strcmp(type, "integer") == 0) {
        return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
    }
    return (strcmp(type, "object") == 0 && cJSON_IsObject(value)) ||
           (strcmp(type, "array") == 0 && cJSON_IsArray(value)) ||
           (strcmp(type, "string") == 0 && cJSON_IsString(value)) ||
           (strcmp(type, "number") == 0 && cJSON_IsNumber(value)) ||
           (strcmp(type, "boolean") == 0 && cJSON_IsBool(value)) ||
           (strcmp(type, "null") == 0 && cJSON_IsNull(value));
}

static bool valid(const cJSON *root, const cJSON *schema, const cJSON *value);

static int count_valid(const cJSON *root, const cJSON *schemas, const cJSON *value)
{
    int n = 0;
    const cJSON *schema;
    cJSON_ArrayForEach(schema, schemas)
    {
        n += valid(root, schema, value) ? 1 : 0;
    }
    return n;
}

static bool valid_type(const cJSON *type, const cJSON *value)
{
    if (cJSON_IsString(type)) {
        return is_type(value, type->valuestring);
    }
    bool any = false;
    const cJSON *one;
    cJSON_ArrayForEach(one, type)
    {
        any = any || is_type(value, one->valuestring);
    }
    return any;
}

static bool valid_members(const cJSON *root, const cJSON *properties, const cJSON *value)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, value)
    {
        const cJSON *schema = member(properties, child->string);
        if (schema != NULL && !valid(root, schema, child)) {
            return false;
        }
    }
    return true;
}

static bool valid_items(const cJSON *root, const cJSON *schema, const cJSON *value)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, value)
    {
        if (!valid(root, schema, child)) {
            return false;
        }
    }
    return true;
}

static bool valid_keys(const cJSON *schema, const cJSON *value)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, value)
    {
        if (member(member(schema, "properties"), child->string) == NULL) {
            return false;
        }
    }
    return true;
}

static bool has_all(const cJSON *keys, const cJSON *value)
{
    const cJSON *key;
    cJSON_ArrayForEach(key, keys)
    {
        if (member(value, key->valuestring) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_one_of(const cJSON *words, const cJSON *value)
{
    const cJSON *word;
    cJSON_ArrayForEach(word, words)
    {
        if (cJSON_Compare(word, value, 1)) {
            return true;
        }
    }
    return false;
}

/* A keyword applies to values of its own type only, as JSON Schema has it. */
static bool valid_keyword(const cJSON *root, const cJSON *schema, const cJSON *k,
                          const cJSON *value)
{
    const char *key = k->string;
    double number = cJSON_IsNumber(value) ? value->valuedouble : 0.0;
    if (strcmp(key, "$ref") == 0) {
        assert_int_equal(strncmp(k->valuestring, "#/$defs/", 8), 0);
        const cJSON *target = member(member(root, "$defs"), k->valuestring + 8);
        assert_non_null(target);
        return valid(root, target, value);
    } else if (strcmp(key, "type") == 0) {
        return valid_type(k, value);
    } else if (strcmp(key, "minimum") == 0) {
        return !cJSON_IsNumber(value) || number >= k->valuedouble;
    } else if (strcmp(key, "exclusiveMinimum") == 0) {
        return !cJSON_IsNumber(value) || number > k->valuedouble;
    } else if (strcmp(key, "maximum") == 0) {
        return !cJSON_IsNumber(value) || number <= k->valuedouble;
    } else if (strcmp(key, "minLength") == 0) {
        return !cJSON_IsString(value) || strlen(value->valuestring) >= (size_t)k->valuedouble;
    } else if (strcmp(key, "minItems") == 0) {
        return !cJSON_IsArray(value) || cJSON_GetArraySize(value) >= k->valuedouble;
    } else if (strcmp(key, "maxItems") == 0) {
        return !cJSON_IsArray(value) || cJSON_GetArraySize(value) <= k->valuedouble;
    } else if (strcmp(key, "items") == 0) {
        return !cJSON_IsArray(value) || valid_items(root, k, value);
    } else if (strcmp(key, "enum") == 0) {
        return is_one_of(k, value);
    } else if (strcmp(key, "const") == 0) {
        return cJSON_Compare(k, value, 1) != 0;
    } else if (strcmp(key, "oneOf") == 0) {
        return count_valid(root, k, value) == 1;
    } else if (strcmp(key, "anyOf") == 0) {
        return count_valid(root, k, value) >= 1;
    } else if (strcmp(key, "properties") == 0) {
        return !cJSON_IsObject(value) || valid_members(root, k, value);
    } else if (strcmp(key, "required") == 0) {
        return !cJSON_IsObject(value) || has_all(k, value);
    } else if (strcmp(key, "additionalProperties") == 0) {
        assert_true(cJSON_IsFalse(k));
        return !cJSON_IsObject(value) || valid_keys(schema, value);
    }
    static const char *const annotations[] = {"description", "default", "title", "$schema",
                                              "$defs"};
    for (size_t i = 0; i < sizeof annotations / sizeof annotations[0]; i++) {
        if (strcmp(key, annotations[i]) == 0) {
            return true;
        }
    }
    fail_msg("the schema has a keyword that this validator does not know: %s", key);
    return false;
}

static bool valid(const cJSON *root, const cJSON *schema, const cJSON *value)
{
    const cJSON *k;
    cJSON_ArrayForEach(k, schema)
    {
        if (!valid_keyword(root, schema, k, value)) {
            return false;
        }
    }
    return true;
}

/* --- The tables without the checks between fields --------------------------------------------- */

static struct arena arena;

static const struct json_spec *bare(const struct json_spec *spec)
{
    if (spec == NULL) {
        return NULL;
    }
    size_t n = 0;
    while (spec->fields[n].key != NULL) {
        n++;
    }
    struct json_spec *copy = arena_alloc(&arena, sizeof *copy);
    struct json_field *fields = arena_array(&arena, n + 1, sizeof *fields);
    assert_non_null(copy);
    assert_non_null(fields);
    memcpy(fields, spec->fields, (n + 1) * sizeof *fields);
    *copy = *spec;
    copy->check = NULL;
    copy->fields = fields;
    for (size_t i = 0; i < n; i++) {
        fields[i].spec = bare(fields[i].spec);
        if (fields[i].type != JSON_CHOICE) {
            continue;
        }
        size_t words = 0;
        while (fields[i].choices[words].word != NULL) {
            words++;
        }
        struct json_variant *variants = arena_array(&arena, words + 1, sizeof *variants);
        assert_non_null(variants);
        for (size_t w = 0; w < words; w++) {
            variants[w] = fields[i].choices[w];
            variants[w].spec = bare(variants[w].spec);
        }
        fields[i].choices = variants;
    }
    return copy;
}

/* --- Spoiling every field ----------------------------------------------------------------------*/

struct spoiler {
    const struct json_spec *spec; /* bare */
    cJSON *schema;
    cJSON *root; /* a right scenario, spoiled in one place at a time */
    struct text place;
    int tried, refused, fields;
};

static cJSON *right_object(const struct json_spec *spec, const char *kind_key, const char *word);

static double right_number(const struct json_field *f)
{
    struct json_range r = json_range_of(f);
    if (isinf(r.min)) {
        return 0.0;
    }
    if (!r.above_min) {
        return r.min;
    }
    return r.min + 1.0 <= r.max ? r.min + 1.0 : r.max;
}

/* A value that the field takes: its default, or one made from the table. */
static cJSON *right_value(const struct json_field *f)
{
    if (f->type == JSON_OPTIONAL || f->type == JSON_OBJECT) {
        return right_object(f->spec, NULL, NULL);
    }
    if (f->def != NULL && f->type != JSON_LIST) {
        cJSON *node = cJSON_Parse(f->def);
        assert_non_null(node);
        return node;
    }
    cJSON *list;
    switch (f->type) {
    case JSON_INT:
    case JSON_NUM:
        return cJSON_CreateNumber(right_number(f));
    case JSON_STR:
        return cJSON_CreateString("x");
    case JSON_WORD:
        return cJSON_CreateString(f->words[0]);
    case JSON_BOOL:
        return cJSON_CreateTrue();
    case JSON_LIST:
        list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, right_object(f->spec, NULL, NULL));
        return list;
    case JSON_CHOICE:
        return right_object(f->choices[0].spec, f->kind_key, f->choices[0].word);
    default:
        return cJSON_CreateArray();
    }
}

/* An object with every key that the table has. */
static cJSON *right_object(const struct json_spec *spec, const char *kind_key, const char *word)
{
    cJSON *object = cJSON_CreateObject();
    if (kind_key != NULL) {
        cJSON_AddStringToObject(object, kind_key, word);
    }
    for (const struct json_field *f = spec != NULL ? spec->fields : NULL;
         f != NULL && f->key != NULL; f++) {
        cJSON_AddItemToObject(object, f->key, right_value(f));
    }
    return object;
}

/* Loader and schema agree about the scenario as it stands; says whether they accept it. */
static bool agree(struct spoiler *s, const char *how)
{
    struct arena a = {0};
    struct scenario sc;
    struct err e = {0};
    bool loads = json_bind(s->root, s->spec, &sc, "x", "", &a, &e) == 0;
    bool fits = valid(s->schema, s->schema, s->root);
    arena_free(&a);
    if (loads != fits) {
        fail_msg("%s %s: the loader %s, the schema %s (%s)", s->place.chars, how,
                 loads ? "accepts" : "refuses", fits ? "accepts" : "refuses", e.text);
    }
    s->tried++;
    s->refused += loads ? 0 : 1;
    return loads;
}

/* Puts `value` (owned) in the place of `key` and asks both; the old value comes back. */
static bool try_value(struct spoiler *s, cJSON *object, const char *key, cJSON *value)
{
    char *how = cJSON_PrintUnformatted(value);
    cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(object, key);
    cJSON_AddItemToObject(object, key, value);
    bool accepted = agree(s, how);
    cJSON_free(how);
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddItemToObject(object, key, old);
    return accepted;
}

static void try_numbers(struct spoiler *s, cJSON *object, const struct json_field *f)
{
    struct json_range r = json_range_of(f);
    bool list = f->type == JSON_NUMS || f->type == JSON_INTS;
    bool whole = f->type == JSON_INT || f->type == JSON_INTS;
    double step = whole ? 1.0 : 1e-3;
    const double values[] = {r.min, r.min - step, r.max, r.max + fmax(step, 1e-9 * r.max),
                             r.min + 0.5};
    bool expected[] = {!r.above_min, false, true, false, !whole};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (!isfinite(values[i]) || values[i] > 1e15) {
            continue;
        }
        cJSON *value =
            list ? cJSON_CreateDoubleArray(&values[i], 1) : cJSON_CreateNumber(values[i]);
        bool inside = i != 4 || values[i] <= r.max;
        assert_int_equal(try_value(s, object, f->key, value), expected[i] && inside);
    }
}

static void spoil_object(struct spoiler *s, cJSON *object, const struct json_spec *spec);

static void spoil_choice(struct spoiler *s, cJSON *object, const struct json_field *f)
{
    for (const struct json_variant *v = f->choices; v->word != NULL; v++) {
        cJSON *value = right_object(v->spec, f->kind_key, v->word);
        cJSON_ReplaceItemInObjectCaseSensitive(object, f->key, value);
        if (!agree(s, v->word)) {
            fail_msg("%s: a right \"%s\" is refused", s->place.chars, v->word);
        }
        assert_false(try_value(s, value, f->kind_key, cJSON_CreateString("no-such-word")));
        assert_false(try_value(s, value, f->kind_key, cJSON_CreateNumber(1)));
        cJSON *word = cJSON_DetachItemFromObjectCaseSensitive(value, f->kind_key);
        assert_false(agree(s, "without the kind"));
        cJSON_AddItemToObject(value, f->kind_key, word);
        spoil_object(s, value, v->spec);
    }
}

/* Every JSON type in the field's place, then what its own type may not be. */
static void spoil_field(struct spoiler *s, cJSON *object, const struct json_field *f)
{
    static const char *const values[] = {"true",  "null",   "0",       "-1",   "1.5",
                                         "1e300", "\"\"",   "\"zzz\"", "[]",   "{}",
                                         "[1]",   "[null]", "[\"\"]",  "[[]]", "{\"zzz\": 1}"};
    int accepted = 0;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        accepted += try_value(s, object, f->key, cJSON_Parse(values[i])) ? 1 : 0;
    }
    assert_true(accepted < (int)(sizeof values / sizeof values[0]) / 2);
    if (json_field_required(f)) {
        cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(object, f->key);
        assert_false(agree(s, "missing"));
        cJSON_AddItemToObject(object, f->key, old);
    }
    cJSON *node = cJSON_GetObjectItemCaseSensitive(object, f->key);
    switch (f->type) {
    case JSON_INT:
    case JSON_NUM:
    case JSON_NUMS:
    case JSON_INTS:
        try_numbers(s, object, f);
        break;
    case JSON_WORD:
        for (const char *const *word = f->words; *word != NULL; word++) {
            assert_true(try_value(s, object, f->key, cJSON_CreateString(*word)));
        }
        break;
    case JSON_OBJECT:
    case JSON_OPTIONAL:
        spoil_object(s, node, f->spec);
        break;
    case JSON_LIST:
        spoil_object(s, node->child, f->spec);
        break;
    case JSON_CHOICE:
        spoil_choice(s, object, f);
        break;
    default:
        break;
    }
}

static void spoil_object(struct spoiler *s, cJSON *object, const struct json_spec *spec)
{
    cJSON_AddNumberToObject(object, "no_such_key", 1);
    assert_false(agree(s, "with an unknown key"));
    cJSON_DeleteItemFromObjectCaseSensitive(object, "no_such_key");
    size_t mark = s->place.length;
    for (const struct json_field *f = spec != NULL ? spec->fields : NULL;
         f != NULL && f->key != NULL; f++) {
        text_add_key(&s->place, f->key);
        s->fields++;
        spoil_field(s, object, f);
        text_cut(&s->place, mark);
    }
}

/* What `print` prints; the caller frees it. */
static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static cJSON *schema_read(void)
{
    char *text = printed(scenario_schema_print);
    cJSON *schema = NULL;
    struct err e = {0};
    if (json_read_text("schema", text, strlen(text), &schema, &e) != 0) {
        fail_msg("%s", e.text);
    }
    free(text);
    return schema;
}

static void test_loader_and_schema_agree(void **state)
{
    (void)state;
    struct spoiler s = {.spec = bare(&scenario_spec), .schema = schema_read()};
    s.root = right_object(s.spec, NULL, NULL);
    assert_true(agree(&s, "as it is"));
    spoil_object(&s, s.root, s.spec);
    assert_true(agree(&s, "after all"));
    print_message("%d fields, %d scenarios, %d of them refused by both\n", s.fields, s.tried,
                  s.refused);
    assert_true(s.fields > 120);
    assert_true(s.refused > 1500);
    cJSON_Delete(s.root);
    cJSON_Delete(s.schema);
    arena_free(&arena);
}

/* --- Generated and shipped files -------------------------------------------------------------- */

static char *file_text(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fail_msg("%s is missing", path);
    }
    char *text = NULL;
    size_t room = 0;
    ssize_t bytes = getdelim(&text, &room, '\0', in);
    fclose(in);
    assert_true(bytes > 0);
    return text;
}

static void same_file(const char *path, void (*print)(FILE *out))
{
    char *is = file_text(path);
    char *due = printed(print);
    if (strcmp(is, due) != 0) {
        fail_msg("%s is not what the tables print; run `make reference`", path);
    }
    free(is);
    free(due);
}

static void test_generated_files_are_up_to_date(void **state)
{
    (void)state;
    same_file("scenarios/scenario.schema.json", scenario_schema_print);
    same_file("docs/scenarios.md", scenario_reference_print);
}

/* The shipped scenarios load, fit the schema, carry their file's name and say what they assume.
 * Those whose trace is absent are left to a machine that has the measurements. */
static void test_shipped_scenarios(void **state)
{
    (void)state;
    cJSON *schema = schema_read();
    DIR *dir = opendir("scenarios");
    assert_non_null(dir);
    int n = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length < 6 || strcmp(entry->d_name + length - 5, ".json") != 0 ||
            strcmp(entry->d_name, "scenario.schema.json") == 0) {
            continue;
        }
        char path[512];
        snprintf(path, sizeof path, "scenarios/%s", entry->d_name);
        cJSON *root = NULL;
        struct err e = {0};
        assert_int_equal(json_read_file(path, &root, &e), 0);
        if (!valid(schema, schema, root)) {
            fail_msg("%s does not fit the schema", path);
        }
        cJSON_Delete(root);
        struct scenario sc;
        int rc = scenario_load(path, NULL, 0, &sc, &e);
        if (rc != 0 && strstr(e.text, "set WILLMSIM_DATA") == NULL) {
            fail_msg("%s", e.text);
        }
        if (rc == 0) {
            assert_int_equal(strncmp(sc.name, entry->d_name, length - 5), 0);
            assert_int_equal(strlen(sc.name), length - 5);
            assert_true(strlen(sc.description) > 40);
            scenario_free(&sc);
        }
        n++;
    }
    closedir(dir);
    cJSON_Delete(schema);
    assert_true(n >= 5);
}

int test_scenario_schema(void);
int test_scenario_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loader_and_schema_agree),
        cmocka_unit_test(test_generated_files_are_up_to_date),
        cmocka_unit_test(test_shipped_scenarios),
    };
    return cmocka_run_group_tests_name("scenario_schema", tests, home, NULL);
}
