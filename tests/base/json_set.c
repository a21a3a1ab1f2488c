/* Pins: what PATH=VALUE does to a tree, and its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"

static const char *const start =
    "{\"seed\":1,\"ues\":[{\"n\":1},{\"n\":2,\"t\":{\"k\":\"a\"}}],\"w\":[1,2],\"e\":[]}";

/* Applies `assignment` to `start`; the tree as text is compared with `expected`, or the message
 * when it fails. */
static void check(const char *assignment, const char *expected)
{
    struct cJSON *root = NULL;
    struct err e = {0};
    assert_int_equal(json_read_text("f", start, strlen(start), &root, &e), 0);
    int rc = json_set(root, assignment, &e);
    if (rc != 0) {
        assert_int_equal(rc, ERR_INPUT);
        assert_string_equal(e.text, expected);
    } else {
        char text[400];
        assert_true(cJSON_PrintPreallocated(root, text, sizeof text, 0));
        assert_string_equal(text, expected);
    }
    json_delete(root);
}

#define UES "\"ues\":[{\"n\":1},{\"n\":2,\"t\":{\"k\":\"a\"}}]"
#define W   "\"w\":[1,2]"

static void test_sets(void **state)
{
    (void)state;
    check("seed=7", "{\"seed\":7," UES "," W ",\"e\":[]}");
    check("seed=\"7\"", "{\"seed\":\"7\"," UES "," W ",\"e\":[]}");
    check("seed=round-robin", "{\"seed\":\"round-robin\"," UES "," W ",\"e\":[]}");
    check("seed=", "{\"seed\":\"\"," UES "," W ",\"e\":[]}");
    check("seed=a=b", "{\"seed\":\"a=b\"," UES "," W ",\"e\":[]}");
    check("seed={\"x\":[1]}", "{\"seed\":{\"x\":[1]}," UES "," W ",\"e\":[]}");
    check("fresh=true", "{\"seed\":1," UES "," W ",\"e\":[],\"fresh\":true}");
    check("a.b.c=1", "{\"seed\":1," UES "," W ",\"e\":[],\"a\":{\"b\":{\"c\":1}}}");
    check("ues.0.n=9",
          "{\"seed\":1,\"ues\":[{\"n\":9},{\"n\":2,\"t\":{\"k\":\"a\"}}]," W ",\"e\":[]}");
    check("ues[0].n=9",
          "{\"seed\":1,\"ues\":[{\"n\":9},{\"n\":2,\"t\":{\"k\":\"a\"}}]," W ",\"e\":[]}");
    check("ues.n=9",
          "{\"seed\":1,\"ues\":[{\"n\":9},{\"n\":9,\"t\":{\"k\":\"a\"}}]," W ",\"e\":[]}");
    check("ues.t.k=b", "{\"seed\":1,\"ues\":[{\"n\":1,\"t\":{\"k\":\"b\"}},"
                       "{\"n\":2,\"t\":{\"k\":\"b\"}}]," W ",\"e\":[]}");
    check("ues.1={}", "{\"seed\":1,\"ues\":[{\"n\":1},{}]," W ",\"e\":[]}");
    check("w.1=5", "{\"seed\":1," UES ",\"w\":[1,5],\"e\":[]}");
    check("w=[]", "{\"seed\":1," UES ",\"w\":[],\"e\":[]}");
}

static void test_messages(void **state)
{
    (void)state;
    check("seed", "--set: seed: write PATH=VALUE, such as ues.0.count=3");
    check("=3", "--set: =3: write PATH=VALUE, such as ues.0.count=3");
    check("a..b=3", "--set: a step of the path is empty; write PATH=VALUE, such as ues.0.count=3");
    check("a.=3", "--set: a step of the path is empty; write PATH=VALUE, such as ues.0.count=3");
    check("ues.2.n=1", "--set: ues: has no item 2; use an index from 0 to 1");
    check("e.0=1", "--set: e: is an empty list; it has no item 0");
    check("e.n=1", "--set: e: is an empty list; nothing to set in it");
    check("seed.x=1", "--set: seed: is not an object or a list; it has no \"x\"");
    check("w.x=1", "--set: w[0]: is not an object or a list; it has no \"x\"");
    check("ues.99999999999999999999.n=1",
          "--set: ues: has no item 99999999999999999999; use an index from 0 to 1");
}

static void test_long_path(void **state)
{
    (void)state;
    char assignment[200];
    memset(assignment, 0, sizeof assignment);
    for (int i = 0; i < 65; i++) {
        strcat(assignment, i > 0 ? ".a" : "a");
    }
    strcat(assignment, "=1");
    check(assignment, "--set: a path of more than 64 steps; shorten it");
}

int test_json_set(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_path),
    };
    return cmocka_run_group_tests_name("json_set", tests, NULL, NULL);
}
