/* Pins: the schema and the reference say what the table says, and numbers and strings that are
 * printed read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const char *const words[] = {"up", "down", NULL};

static const struct json_field leaf_fields[] = {
    {.key = "ratio", .type = JSON_NUM, .above_min = true, .max = 1, .doc = "A share | part."},
    {.key = NULL},
};
static const struct json_spec leaf = {.name = "leaf", .doc = "A leaf.", .fields = leaf_fields};

static const struct json_spec tree;
static const struct json_variant kinds[] = {
    {"flat", NULL, "No branches."},
    {"deep", &leaf, "One branch."},
    {.word = NULL},
};
static const struct json_field tree_fields[] = {
    {.key = "id", .type = JSON_INT, .min = 1, .max = 9, .doc = "Name."},
    {.key = "any", .type = JSON_INT, .min = -INFINITY, .max = INFINITY, .def = "0", .doc = "Free."},
    {.key = "dir", .type = JSON_WORD, .words = words, .def = "\"up\"", .doc = "Direction."},
    {.key = "file", .type = JSON_STR, .def = "null", .doc = "Path."},
    {.key = "leaf", .type = JSON_OBJECT, .spec = &leaf, .doc = "Object."},
    {.key = "more", .type = JSON_OPTIONAL, .spec = &leaf, .doc = "Maybe."},
    {.key = "sub", .type = JSON_LIST, .spec = &tree, .max = 4, .def = "[]", .doc = "Itself."},
    {.key = "nums", .type = JSON_NUMS, .min = -1, .max = 1, .def = "[0]", .doc = "Numbers."},
    {.key = "shape", .type = JSON_CHOICE, .choices = kinds, .kind_key = "kind", .doc = "Shape."},
    {.key = "shape2",
     .type = JSON_CHOICE,
     .choices = kinds,
     .kind_key = "kind",
     .def = "{\"kind\": \"flat\"}",
     .doc = "Again."},
    {.key = NULL},
};
static const struct json_spec tree = {.name = "tree", .doc = "A tree.", .fields = tree_fields};

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static void print_schema(FILE *out)
{
    json_schema_print(out, &tree, "A \"title\"");
}

static void print_reference(FILE *out)
{
    json_reference_print(out, &tree);
}

/* The member at a path of keys and indices; fails when there is none. */
static const cJSON *member(const cJSON *node, const char *const *path)
{
    for (; *path != NULL; path++) {
        node = cJSON_IsArray(node) ? cJSON_GetArrayItem(node, atoi(*path))
                                   : cJSON_GetObjectItemCaseSensitive(node, *path);
        if (node == NULL) {
            fail_msg("no member %s", *path);
        }
    }
    return node;
}

#define MEMBER(root, ...)       member(root, (const char *const[]){__VA_ARGS__, NULL})
#define ASSERT_TEXT(node, text) assert_string_equal(cJSON_GetStringValue(node), text)

static void test_schema(void **state)
{
    (void)state;
    char *text = printed(print_schema);
    cJSON *root = NULL;
    struct err e = {0};
    if (json_read_text("schema", text, strlen(text), &root, &e) != 0) {
        fail_msg("%s", e.text);
    }
    ASSERT_TEXT(MEMBER(root, "$schema"), "https://json-schema.org/draft/2020-12/schema");
    ASSERT_TEXT(MEMBER(root, "title"), "A \"title\"");
    ASSERT_TEXT(MEMBER(root, "$ref"), "#/$defs/tree");
    assert_int_equal(cJSON_GetArraySize(MEMBER(root, "$defs")), 2);
    const cJSON *def = MEMBER(root, "$defs", "tree");
    assert_true(cJSON_IsFalse(MEMBER(def, "additionalProperties")));
    assert_int_equal(cJSON_GetArraySize(MEMBER(def, "required")), 3); /* id, leaf, shape */
    ASSERT_TEXT(MEMBER(def, "required", "0"), "id");
    ASSERT_TEXT(MEMBER(def, "required", "1"), "leaf");
    const cJSON *p = MEMBER(def, "properties");
    ASSERT_TEXT(MEMBER(p, "id", "type"), "integer");
    assert_true(MEMBER(p, "id", "minimum")->valuedouble == 1.0);
    assert_true(MEMBER(p, "id", "maximum")->valuedouble == 9.0);
    assert_true(MEMBER(p, "any", "minimum")->valuedouble == -9007199254740992.0);
    assert_true(cJSON_IsNumber(MEMBER(p, "any", "default")));
    ASSERT_TEXT(MEMBER(p, "dir", "enum", "1"), "down");
    ASSERT_TEXT(MEMBER(p, "dir", "default"), "up");
    ASSERT_TEXT(MEMBER(p, "dir", "description"), "Direction.");
    ASSERT_TEXT(MEMBER(p, "file", "type", "1"), "null");
    ASSERT_TEXT(MEMBER(p, "more", "$ref"), "#/$defs/leaf");
    ASSERT_TEXT(MEMBER(p, "sub", "items", "$ref"), "#/$defs/tree");
    assert_true(MEMBER(p, "sub", "maxItems")->valuedouble == 4.0);
    assert_null(cJSON_GetObjectItemCaseSensitive(MEMBER(p, "sub"), "minItems"));
    assert_true(MEMBER(p, "nums", "items", "minimum")->valuedouble == -1.0);
    ASSERT_TEXT(MEMBER(p, "shape", "oneOf", "0", "properties", "kind", "const"), "flat");
    const cJSON *deep = MEMBER(p, "shape", "oneOf", "1");
    ASSERT_TEXT(MEMBER(deep, "properties", "kind", "const"), "deep");
    assert_true(MEMBER(deep, "properties", "ratio", "exclusiveMinimum")->valuedouble == 0.0);
    ASSERT_TEXT(MEMBER(deep, "required", "0"), "kind");
    ASSERT_TEXT(MEMBER(deep, "required", "1"), "ratio");
    assert_true(cJSON_IsFalse(MEMBER(deep, "additionalProperties")));
    cJSON_Delete(root);
    free(text);
}

static void test_reference(void **state)
{
    (void)state;
    char *text = printed(print_reference);
    const char *const parts[] = {
        "## `tree`\n\nA tree.\n\n| key | type | range | default | meaning |\n",
        "| `id` | integer | 1 to 9 | required | Name. |\n",
        "| `any` | integer | any | `0` | Free. |\n",
        "| `dir` | word | `up`, `down` | `\"up\"` | Direction. |\n",
        "| `file` | string | not empty | `null` | Path. |\n",
        "| `leaf` | object [`leaf`](#leaf) |  | required | Object. |\n",
        "| `more` | object [`leaf`](#leaf) |  | absent | Maybe. |\n",
        "| `sub` | list of [`tree`](#tree) | 0 to 4 items | `[]` | Itself. |\n",
        "| `nums` | list of numbers | each -1 to 1 | `[0]` | Numbers. |\n",
        "| `shape` | one of the kinds of [`tree.shape`](#treeshape) |  | required | Shape. |\n",
        "### `tree.shape`\n\nThe key `kind` names the kind.\n\n#### `kind`: `flat`\n\nNo "
        "branches.\n",
        "#### `kind`: `deep`\n\nOne branch.\n\n| key |",
        "### `tree.shape2`\n\nThe key `kind` names the kind. It is one of the kinds of "
        "[`tree.shape`](#treeshape).\n",
        "## `leaf`\n\nA leaf.\n",
        "| `ratio` | number | > 0, <= 1 | required | A share \\| part. |\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("missing: %s\nin:\n%s", parts[i], text);
        }
    }
    free(text);
}

static void test_same_every_time(void **state)
{
    (void)state;
    char *one = printed(print_schema);
    char *two = printed(print_schema);
    assert_string_equal(one, two);
    free(one);
    free(two);
}

static const double numbers[] = {0.0,
                                 0.1,
                                 1.0 / 3.0,
                                 1e300,
                                 5e-324,
                                 -2.5,
                                 123456.,
                                 1e-7,
                                 0.30000000000000004,
                                 9007199254740993.0};

static void print_values(FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_print_number(out, numbers[i]);
        fputc(',', out);
    }
    json_print_number(out, NAN);
    fputc(',', out);
    json_print_number(out, -INFINITY);
    fputc(',', out);
    json_print_string(out, "a\"b\\c\nd\x01\xc3\xa9\xff");
    fputc(']', out);
}

static void test_printed_values_read_back(void **state)
{
    (void)state;
    char *text = printed(print_values);
    cJSON *root = NULL;
    struct err e = {0};
    if (json_read_text("f", text, strlen(text), &root, &e) != 0) {
        fail_msg("%s in %s", e.text, text);
    }
    int n = (int)(sizeof numbers / sizeof numbers[0]);
    for (int i = 0; i < n; i++) {
        assert_true(cJSON_GetArrayItem(root, i)->valuedouble == numbers[i]);
    }
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(root, n)));
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(root, n + 1)));
    ASSERT_TEXT(cJSON_GetArrayItem(root, n + 2), "a\"b\\c\nd\x01\xc3\xa9\xef\xbf\xbd");
    assert_non_null(strstr(text, "[0,0.1,0.3333333333333333,1e+300,"));
    cJSON_Delete(root);
    free(text);
}

int test_json_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_same_every_time),
        cmocka_unit_test(test_printed_values_read_back),
    };
    return cmocka_run_group_tests_name("json_schema", tests, NULL, NULL);
}
