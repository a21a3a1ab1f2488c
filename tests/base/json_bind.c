/* Pins: how a table of fields reads an object (values, defaults, null) and every message that it
 * can give. Does not pin the text of JSON errors (json_read.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

struct point {
    double x;
    int64_t n;
};

struct poisson {
    double rate_hz;
};

struct thing {
    bool on;
    int64_t count;
    double power_db;
    const char *name;
    const char *path;
    int mode;
    struct point at;
    struct point *maybe;
    struct json_list points;
    struct json_list weights;
    struct json_list ids;
    struct json_list tags;
    struct json_choice traffic;
};

static const char *const modes[] = {"embedded", "separated", NULL};

static const struct json_field point_fields[] = {
    {.key = "x",
     .type = JSON_NUM,
     .offset = offsetof(struct point, x),
     .min = 0,
     .above_min = true,
     .max = 10,
     .doc = "A place."},
    {.key = "n",
     .type = JSON_INT,
     .offset = offsetof(struct point, n),
     .max = 7,
     .def = "2",
     .doc = "A number."},
    {.key = NULL},
};

static int point_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct point *p = object;
    return p->x > (double)p->n + 5 ? err_input(e, file, place, "x is too far from n; move it") : 0;
}

static const struct json_spec point_spec = {
    .name = "point", .size = sizeof(struct point), .fields = point_fields, .check = point_check};

static const struct json_field poisson_fields[] = {
    {.key = "rate_hz",
     .type = JSON_NUM,
     .offset = offsetof(struct poisson, rate_hz),
     .above_min = true,
     .doc = "Mean requests per second."},
    {.key = NULL},
};

static const struct json_spec poisson_spec = {
    .name = "poisson", .size = sizeof(struct poisson), .fields = poisson_fields};

static const struct json_variant traffics[] = {
    {"poisson", &poisson_spec, "Independent arrivals."},
    {"none", NULL, "Silence."},
    {.word = NULL},
};

#define AT(member) .offset = offsetof(struct thing, member)

static const struct json_field thing_fields[] = {
    {.key = "on", .type = JSON_BOOL, AT(on), .def = "true"},
    {.key = "count", .type = JSON_INT, AT(count), .min = 1, .max = 100, .doc = "How many."},
    {.key = "power_db", .type = JSON_NUM, AT(power_db), .min = -INFINITY, .max = 40, .def = "-3.5"},
    {.key = "name", .type = JSON_STR, AT(name), .def = "\"anon\""},
    {.key = "path", .type = JSON_STR, AT(path), .def = "null"},
    {.key = "mode", .type = JSON_WORD, AT(mode), .words = modes, .def = "\"separated\""},
    {.key = "at", .type = JSON_OBJECT, AT(at), .spec = &point_spec, .def = "{\"x\": 1}"},
    {.key = "maybe", .type = JSON_OPTIONAL, AT(maybe), .spec = &point_spec},
    {.key = "points", .type = JSON_LIST, AT(points), .spec = &point_spec, .max = 3, .def = "[]"},
    {.key = "weights", .type = JSON_NUMS, AT(weights), .max = 1, .def = "[0.5, 1]"},
    {.key = "ids", .type = JSON_INTS, AT(ids), .def = "[]"},
    {.key = "tags", .type = JSON_STRS, AT(tags), .def = "[]"},
    {.key = "traffic",
     .type = JSON_CHOICE,
     AT(traffic),
     .choices = traffics,
     .kind_key = "kind",
     .def = "{\"kind\": \"none\"}"},
    {.key = NULL},
};

static const struct json_spec thing_spec = {
    .name = "thing", .size = sizeof(struct thing), .fields = thing_fields};

static int bind(const char *text, struct thing *t, struct arena *a, struct err *e)
{
    struct cJSON *root = NULL;
    int rc = json_read_text("f", text, strlen(text), &root, e);
    assert_int_equal(rc, 0);
    memset(t, 0x55, sizeof *t);
    rc = json_bind(root, &thing_spec, t, "f", "", a, e);
    json_delete(root);
    return rc;
}

static void test_defaults(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err e = {0};
    struct thing t;
    assert_int_equal(bind("{\"count\": 3.0}", &t, &a, &e), 0);
    assert_true(t.on);
    assert_int_equal(t.count, 3);
    assert_true(t.power_db == -3.5);
    assert_string_equal(t.name, "anon");
    assert_null(t.path);
    assert_int_equal(t.mode, 1);
    assert_true(t.at.x == 1.0 && t.at.n == 2);
    assert_null(t.maybe);
    assert_int_equal(t.points.n, 0);
    assert_int_equal(t.weights.n, 2);
    assert_true(((double *)t.weights.items)[1] == 1.0);
    assert_int_equal(t.traffic.index, 1);
    assert_string_equal(t.traffic.word, "none");
    assert_null(t.traffic.options);
    arena_free(&a);
}

static void test_values(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err e = {0};
    struct thing t;
    const char *text =
        "{\"on\": false, \"count\": 1e2, \"power_db\": -200, \"name\": \"\xc3\xa9\", \"path\": "
        "null,"
        "\"mode\": \"embedded\", \"at\": {\"x\": 10, \"n\": 7}, \"maybe\": {\"x\": 0.5},"
        "\"points\": [{\"x\": 1}, {\"x\": 2, \"n\": 0}], \"weights\": [],"
        "\"ids\": [9007199254740992, 0], \"tags\": [\"a\", \"bc\"],"
        "\"traffic\": {\"rate_hz\": 2.5, \"kind\": \"poisson\"}}";
    assert_int_equal(bind(text, &t, &a, &e), 0);
    assert_false(t.on);
    assert_int_equal(t.count, 100);
    assert_true(t.power_db == -200.0);
    assert_string_equal(t.name, "\xc3\xa9");
    assert_null(t.path);
    assert_int_equal(t.mode, 0);
    assert_true(t.at.x == 10.0 && t.at.n == 7);
    assert_true(t.maybe->x == 0.5 && t.maybe->n == 2);
    const struct point *points = t.points.items;
    assert_int_equal(t.points.n, 2);
    assert_true(points[0].x == 1.0 && points[0].n == 2 && points[1].x == 2.0 && points[1].n == 0);
    assert_int_equal(t.weights.n, 0);
    assert_true(((int64_t *)t.ids.items)[0] == 9007199254740992);
    assert_string_equal(((const char **)t.tags.items)[1], "bc");
    assert_int_equal(t.traffic.index, 0);
    assert_true(((const struct poisson *)t.traffic.options)->rate_hz == 2.5);
    arena_free(&a);
}

static void test_messages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"[]", "f: must be an object, not a list"},
        {"{}", "f: missing key \"count\"; add it: How many."},
        {"{\"cuont\": 3}", "f: unknown key \"cuont\"; did you mean \"count\"?"},
        {"{\"zzzzzzzz\": 3}",
         "f: unknown key \"zzzzzzzz\"; known: on, count, power_db, name, path, "
         "mode, at, maybe, points, weights, ids, tags, traffic"},
        {"{\"Count\": 3}", "f: unknown key \"Count\"; did you mean \"count\"?"},
        {"{\"count\": \"3\"}", "f: count: must be an integer, not the string \"3\""},
        {"{\"count\": 3.5}", "f: count: must be an integer, not the number 3.5"},
        {"{\"count\": 0}", "f: count: 0 is out of range; write an integer from 1 to 100"},
        {"{\"count\": 1e300}", "f: count: 1e+300 is out of range; write an integer from 1 to 100"},
        {"{\"count\": null}", "f: count: must be an integer, not null"},
        {"{\"count\": 1, \"on\": 1}", "f: on: must be true or false, not the number 1"},
        {"{\"count\": 1, \"power_db\": 40.1}",
         "f: power_db: 40.1 is out of range; write a number of at most 40"},
        {"{\"count\": 1, \"name\": \"\"}",
         "f: name: must not be empty; write at least one character"},
        {"{\"count\": 1, \"name\": null}", "f: name: must be a string, not null"},
        {"{\"count\": 1, \"mode\": \"embeded\"}",
         "f: mode: unknown word \"embeded\"; did you mean \"embedded\"?"},
        {"{\"count\": 1, \"mode\": \"magic\"}",
         "f: mode: unknown word \"magic\"; known: embedded, separated"},
        {"{\"count\": 1, \"mode\": 1}", "f: mode: must be a word (a string), not the number 1"},
        {"{\"count\": 1, \"at\": {}}", "f: at: missing key \"x\"; add it: A place."},
        {"{\"count\": 1, \"at\": {\"x\": 0}}",
         "f: at.x: 0 is out of range; write a number above 0 and at most 10"},
        {"{\"count\": 1, \"at\": {\"x\": 9}}", "f: at: x is too far from n; move it"},
        {"{\"count\": 1, \"maybe\": null}", "f: maybe: must be an object, not null"},
        {"{\"count\": 1, \"points\": [{\"x\":1},{\"x\":1,\"n\":-1}]}",
         "f: points[1].n: -1 is out of range; write an integer from 0 to 7"},
        {"{\"count\": 1, \"points\": [{\"x\":1},{\"x\":1},{\"x\":1},{\"x\":1}]}",
         "f: points: has 4 items; write a number of items from 0 to 3"},
        {"{\"count\": 1, \"points\": {}}", "f: points: must be a list, not an object"},
        {"{\"count\": 1, \"weights\": [0, true]}", "f: weights[1]: must be a number, not true"},
        {"{\"count\": 1, \"weights\": [2]}",
         "f: weights[0]: 2 is out of range; write a number from 0 to 1"},
        {"{\"count\": 1, \"ids\": [9007199254740994]}",
         "f: ids[0]: 9007199254740994 is out of range; write an integer from 0 to "
         "9007199254740992"},
        {"{\"count\": 1, \"tags\": [7]}",
         "f: tags[0]: must be a string, not the number 7; write \"7\" with the quotes"},
        {"{\"count\": 1, \"traffic\": {}}",
         "f: traffic: missing key \"kind\"; write one of: poisson, none"},
        {"{\"count\": 1, \"traffic\": {\"kind\": \"possion\"}}",
         "f: traffic.kind: unknown word \"possion\"; did you mean \"poisson\"?"},
        {"{\"count\": 1, \"traffic\": {\"kind\": 1}}",
         "f: traffic.kind: must be a word (a string), not the number 1"},
        {"{\"count\": 1, \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 0}}",
         "f: traffic.rate_hz: 0 is out of range; write a number above 0"},
        {"{\"count\": 1, \"traffic\": {\"kind\": \"poisson\", \"rate\": 1}}",
         "f: traffic: unknown key \"rate\"; known: kind, rate_hz"},
        {"{\"count\": 1, \"traffic\": {\"kind\": \"none\", \"rate_hz\": 1}}",
         "f: traffic: unknown key \"rate_hz\"; known: kind"},
        {"{\"count\": 1, \"traffic\": \"none\"}",
         "f: traffic: must be an object, not the string \"none\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a = {0};
        struct err e = {0};
        struct thing t;
        assert_int_equal(bind(cases[i].text, &t, &a, &e), ERR_INPUT);
        assert_string_equal(e.text, cases[i].message);
        arena_free(&a);
    }
}

/* A place that is handed in stands in front of the path. */
static void test_place(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err e = {0};
    struct cJSON *root = NULL;
    struct point p;
    assert_int_equal(json_read_text("f", "{\"x\": 99}", 9, &root, &e), 0);
    assert_int_equal(json_bind(root, &point_spec, &p, "f", "ues[2]", &a, &e), ERR_INPUT);
    assert_string_equal(e.text,
                        "f: ues[2].x: 99 is out of range; write a number above 0 and at most 10");
    json_delete(root);
    arena_free(&a);
}

int test_json_bind(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_place),
    };
    return cmocka_run_group_tests_name("json_bind", tests, NULL, NULL);
}
