/* scenario_bad.c - pins that every bad scenario is refused with one line that names the file, the
 * place and the mend, and that nothing stays allocated (under the address sanitizer).
 * tests/sim/bad/cases.tsv has the cases that fit a line; those that do not are here.
 * tests/sim/bad.test.sh runs the same through the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/scenario.h"

#define GOOD "tests/sim/bad/good.json"

static int home(void **state)
{
    (void)state;
    return setenv("WILLMSIM_HOME", ".", 0);
}

/* A file of these bytes; the caller removes it. */
static void write_file(char path[32], const void *bytes, size_t n)
{
    snprintf(path, 32, "/tmp/willmsim-bad-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

/* Loads `path` with `set` (NULL: none) and expects a refusal at `place` ("-": anywhere). */
static bool refused(const char *name, const char *path, const char *set, const char *place,
                    const char *message)
{
    struct scenario sc;
    struct err e = {0};
    int rc = scenario_load(path, &set, set != NULL ? 1 : 0, &sc, &e);
    if (rc == 0) {
        scenario_free(&sc);
        print_error("%s: accepted\n", name);
        return false;
    }
    bool right = rc == ERR_INPUT && e.code == ERR_INPUT && strchr(e.text, '\n') == NULL &&
                 strstr(e.text, message) != NULL;
    if (strcmp(place, "-") != 0) {
        char at[256];
        snprintf(at, sizeof at, "%s: ", place);
        const char *found = strstr(e.text, at);
        right = right && found != NULL && (found == e.text || found[-1] == ' ');
    }
    /* --set is its own place; a policy file names itself. */
    if (set == NULL || strncmp(e.text, "--set", 5) != 0) {
        right = right && (strncmp(e.text, path, strlen(path)) == 0 || strcmp(place, "-") == 0);
    }
    if (!right) {
        print_error("%s: \"%s\" lacks \"%s\" at %s\n", name, e.text, message, place);
    }
    return right;
}

static void test_good_is_good(void **state)
{
    (void)state;
    struct scenario sc;
    struct err e = {0};
    if (scenario_load(GOOD, NULL, 0, &sc, &e) != 0) {
        fail_msg("%s", e.text);
    }
    scenario_free(&sc);
}

static void test_cases(void **state)
{
    (void)state;
    FILE *in = fopen("tests/sim/bad/cases.tsv", "r");
    assert_non_null(in);
    char line[4096];
    int cases = 0;
    int wrong = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (line[0] == '#') {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        const char *name = strsep(&rest, "\t");
        const char *place = strsep(&rest, "\t");
        const char *message = strsep(&rest, "\t");
        const char *how = strsep(&rest, "\t");
        assert_non_null(rest);
        bool right;
        if (strcmp(how, "set") == 0) {
            right = refused(name, GOOD, rest, place, message);
        } else {
            assert_string_equal(how, "text");
            char path[32];
            write_file(path, rest, strlen(rest));
            right = refused(name, path, NULL, place, message);
            unlink(path);
        }
        cases++;
        wrong += right ? 0 : 1;
    }
    fclose(in);
    assert_int_equal(wrong, 0);
    assert_true(cases >= 100);
}

static void expect_bytes(const char *name, const void *bytes, size_t n, const char *place,
                         const char *message)
{
    char path[32];
    write_file(path, bytes, n);
    bool right = refused(name, path, NULL, place, message);
    unlink(path);
    assert_true(right);
}

static void test_files_that_are_no_scenario(void **state)
{
    (void)state;
    assert_true(refused("missing", "tests/sim/bad/none.json", NULL, "-", "no such file"));
    assert_true(refused("folder", "tests/sim/bad", NULL, "-", "is a folder"));
    expect_bytes("empty", "", 0, "-", "empty");
    expect_bytes("blank", " \n\t ", 4, "-", "empty");
    expect_bytes("latin-1", "{\"name\": \"caf\xe9\"}", 16, "1:14", "UTF-8");
    expect_bytes("overlong", "{\"name\": \"\xc0\xaf\"}", 14, "1:11", "UTF-8");
    expect_bytes("utf-16", "\xff\xfe{\0}\0", 6, "1:1", "UTF-8");
    expect_bytes("control", "{\"name\": \"a\nb\"}", 15, "1:10", "does not end on its line");
    expect_bytes("nul", "{\"name\": \"a\0b\"}", 15, "1:12", "control character 0x00");
}

/* 50 MB of "[" and a list in a list in a list: refused by depth, without recursion. */
static void test_nesting(void **state)
{
    (void)state;
    size_t n = 50 * 1000 * 1000;
    char *deep = malloc(n);
    assert_non_null(deep);
    memset(deep, '[', n);
    expect_bytes("50 MB of [", deep, n, "1:65", "more than 64");
    expect_bytes("65 deep", deep, 65, "1:65", "more than 64");
    expect_bytes("64 deep", deep, 64, "-", "end of the text");
    free(deep);
}

/* More than one fault: the file's own syntax comes first, then --set, then the tables. */
static void test_sets_that_repair(void **state)
{
    (void)state;
    const char *sets[] = {"radio.n_prb=0", "radio.n_prb=51"};
    struct scenario sc;
    struct err e = {0};
    assert_int_equal(scenario_load(GOOD, sets, 1, &sc, &e), ERR_INPUT);
    assert_int_equal(scenario_load(GOOD, sets, 2, &sc, &e), 0);
    assert_int_equal(sc.radio->n_prb, 51);
    scenario_free(&sc);
}

int test_scenario_bad(void);
int test_scenario_bad(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_is_good),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_files_that_are_no_scenario),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_sets_that_repair),
    };
    return cmocka_run_group_tests_name("scenario_bad", tests, home, NULL);
}
