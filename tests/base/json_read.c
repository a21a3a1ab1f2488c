/* Pins: what is JSON and what is not, with the line and column of what is wrong; files that are
 * not there, not readable, empty, huge or deep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

static int read_text(const char *text, struct err *e)
{
    struct cJSON *root = NULL;
    int rc = json_read_text("f", text, strlen(text), &root, e);
    assert_true((rc == 0) == (root != NULL));
    json_delete(root);
    return rc;
}

static void test_accepts(void **state)
{
    (void)state;
    const char *const texts[] = {
        "{}",
        " [ ] ",
        "0",
        "-0",
        "-0.0e-0",
        "1E+2",
        "1e-999",
        "\"\"",
        "true",
        "null\n",
        "[1,2,[3,{\"a\":[]}],\"x\"]",
        "{\"a\":1,\"A\":2}",
        "\"\\u00e9\\n\\/\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80 \xe2\x82\xac\"",
        "\r\n\t{\"a\" : {\"a\" : 1} }",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err e = {0};
        if (read_text(texts[i], &e) != 0) {
            fail_msg("%s: %s", texts[i], e.text);
        }
    }
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "f: is empty; write a JSON object, such as {}"},
        {" \n ", "f: is empty; write a JSON object, such as {}"},
        {"{\"a\":1,}", "f: 1:7: a comma before '}'; remove it"},
        {"[1,\n 2,\n]", "f: 2:3: a comma before ']'; remove it"},
        {"[1 2]", "f: 1:4: '2' after a value; write ',' or ']'"},
        {"{\"a\" 1}", "f: 1:6: '1' after a key; write ':'"},
        {"{a:1}", "f: 1:2: 'a' where a key is due; write \"key\": value"},
        {"{\"a\":1", "f: 1:7: the end of the text after a value; write ',' or '}'"},
        {"[1,", "f: 1:4: the end of the text where a value is due; write a JSON value"},
        {"[,1]", "f: 1:2: ',' where a value is due; write a JSON value"},
        {"{} {}", "f: 1:4: '{' after the value; a file holds one JSON value"},
        {"1 // one", "f: 1:3: '/' after the value; a file holds one JSON value"},
        {"[1, /* two */ 2]", "f: 1:5: JSON has no comments; remove it"},
        {"['a']", "f: 1:2: a string stands in double quotes; write \"...\""},
        {"[True]", "f: 1:2: unknown word True; did you mean true?"},
        {"[undefined]", "f: 1:2: unknown word undefined; write a string in double quotes"},
        {"[NaN]", "f: 1:2: NaN is not a JSON number; write a finite number"},
        {"[-Infinity]", "f: 1:2: -Infinity is not a JSON number; write a finite number"},
        {"[nan]", "f: 1:2: nan is not a JSON number; write a finite number"},
        {"[01]", "f: 1:2: a number with a leading zero; leave the zero out"},
        {"[-]", "f: 1:2: a number needs a digit after '-'"},
        {"-", "f: 1:1: a number needs a digit after '-'"},
        {"[1.]", "f: 1:2: a number needs a digit after '.'"},
        {"[1e]", "f: 1:2: a number needs a digit in its exponent"},
        {"[.5]", "f: 1:2: .5 is not a JSON number; begin with a digit or '-'"},
        {"[+5]", "f: 1:2: +5 is not a JSON number; begin with a digit or '-'"},
        {"[0x10]", "f: 1:2: not a number; write decimal digits, or a string in double quotes"},
        {"[1e999]", "f: 1:2: 1e999 is too large; write a number below 1.8e308"},
        {"[-1e999]", "f: 1:2: -1e999 is too large; write a number below 1.8e308"},
        {"\"a\tb\"", "f: 1:3: control character 0x09 in a string; write \\u0009"},
        {"[\"a\nb\"]",
         "f: 1:2: a string that does not end on its line; close it with '\"' or write "
         "a line break as \\n"},
        {"\"a", "f: 1:1: a string that does not end; close it with '\"'"},
        {"\"\\x\"",
         "f: 1:2: no such escape in a string; write \\\\ for a backslash, or one of \\\" "
         "\\/ \\b \\f \\n \\r \\t \\uXXXX"},
        {"\"\\u12g4\"", "f: 1:2: \\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "f: 1:2: a string may not hold the character U+0000; leave it out"},
        {"\"\\ud800x\"", "f: 1:2: half of a surrogate pair; write the character itself"},
        {"\"\\udc00\"", "f: 1:2: half of a surrogate pair; write the character itself"},
        {"\"\xff\"", "f: 1:2: byte 0xff is not UTF-8; save the file as UTF-8"},
        {"\"\xc0\xaf\"", "f: 1:2: byte 0xc0 is not UTF-8; save the file as UTF-8"},
        {"\"\xed\xa0\x80\"", "f: 1:2: byte 0xed is not UTF-8; save the file as UTF-8"},
        {"\"\xe2\x82", "f: 1:2: byte 0xe2 is not UTF-8; save the file as UTF-8"},
        {"\xef\xbb\xbf{}", "f: 1:1: a byte-order mark; save the file as UTF-8 without one"},
        {"\xff\xfe{", "f: 1:1: UTF-16; save the file as UTF-8"},
        {"[\"\xc3\xa9\xc3\xa9\", x]", "f: 1:8: unknown word x; write a string in double quotes"},
        {"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "f: a: key \"b\" stands twice; remove one"},
        {"{\"b\":1,\"\\u0062\":3}", "f: key \"b\" stands twice; remove one"},
        {"[0,[{\"k\":1,\"k\":1}]]", "f: [1][0]: key \"k\" stands twice; remove one"},
        {"[00000000000000000000000000000000000000000000000000000000000000001]",
         "f: 1:2: a number with a leading zero; leave the zero out"},
        {"[0.1234567890123456789012345678901234567890123456789012345678901234]",
         "f: 1:2: a number of 66 characters; write at most 63"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        assert_int_equal(read_text(cases[i].text, &e), ERR_INPUT);
        assert_string_equal(e.text, cases[i].message);
    }
}

static void test_nul_byte(void **state)
{
    (void)state;
    struct err e = {0};
    struct cJSON *root = NULL;
    assert_int_equal(json_read_text("f", "[\"a\0b\"]", 7, &root, &e), ERR_INPUT);
    assert_string_equal(e.text, "f: 1:4: control character 0x00 in a string; write \\u0000");
    assert_int_equal(json_read_text("f", "1\0", 2, &root, &e), ERR_INPUT);
    assert_string_equal(e.text, "f: 1:2: byte 0x00 after the value; a file holds one JSON value");
}

static void test_depth(void **state)
{
    (void)state;
    char text[200];
    struct err e = {0};
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    assert_int_equal(read_text(text, &e), 0);
    memset(text, '[', 65);
    text[65] = '\0';
    assert_int_equal(read_text(text, &e), ERR_INPUT);
    assert_string_equal(e.text,
                        "f: 1:65: more than 64 lists and objects inside each other; flatten them");
}

/* 50 MB of "[" fail at the 65th, without a deep stack and at once. */
static void test_deep_and_huge(void **state)
{
    (void)state;
    size_t bytes = 50000000;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, '[', bytes);
    struct cJSON *root = NULL;
    struct err e = {0};
    clock_t begin = clock();
    assert_int_equal(json_read_text("f", text, bytes, &root, &e), ERR_INPUT);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 0.1);
    free(text);
    assert_null(root);
}

/* Duplicates among many keys are found without comparing all pairs. */
static void test_many_keys(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N * 16);
    assert_non_null(text);
    size_t n = 0;
    text[n++] = '{';
    for (int i = 0; i < N; i++) {
        int key = i == N - 1 ? 4711 : i;
        n += (size_t)sprintf(text + n, "%s\"k%d\":1", i > 0 ? "," : "", key);
    }
    text[n++] = '}';
    text[n] = '\0';
    struct err e = {0};
    assert_int_equal(read_text(text, &e), ERR_INPUT);
    assert_string_equal(e.text, "f: key \"k4711\" stands twice; remove one");
    free(text);
}

static void test_files(void **state)
{
    (void)state;
    struct cJSON *root = NULL;
    struct err e = {0};
    assert_int_equal(json_read_file("/nonexistent/x.json", &root, &e), ERR_INPUT);
    assert_string_equal(e.text, "/nonexistent/x.json: no such file; check the name");
    assert_int_equal(json_read_file("/", &root, &e), ERR_INPUT);
    assert_string_equal(e.text, "/: is a folder; name a JSON file");

    char path[] = "/tmp/willmsim-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char expected[256];
    assert_int_equal(json_read_file(path, &root, &e), ERR_INPUT);
    snprintf(expected, sizeof expected, "%s: is empty; write a JSON object, such as {}", path);
    assert_string_equal(e.text, expected);

    assert_int_equal(write(fd, "{\"a\": [1, 2]}\n", 14), 14);
    assert_int_equal(json_read_file(path, &root, &e), 0);
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(root, "a");
    assert_int_equal(cJSON_GetArraySize(a), 2);
    json_delete(root);

    assert_int_equal(ftruncate(fd, (64L << 20) + 1), 0);
    assert_int_equal(json_read_file(path, &root, &e), ERR_INPUT);
    snprintf(expected, sizeof expected, "%s: is larger than 64 MiB; split it", path);
    assert_string_equal(e.text, expected);
    close(fd);
    unlink(path);
}

static void test_unreadable_file(void **state)
{
    (void)state;
    char path[] = "/tmp/willmsim-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(path, 0), 0);
    struct cJSON *root = NULL;
    struct err e = {0};
    bool privileged = geteuid() == 0; /* root reads everything: be nobody meanwhile */
    if (privileged) {
        assert_int_equal(seteuid(65534), 0);
    }
    int rc = json_read_file(path, &root, &e);
    if (privileged) {
        assert_int_equal(seteuid(0), 0);
    }
    unlink(path);
    assert_int_equal(rc, ERR_INPUT);
    assert_non_null(strstr(e.text, ": cannot be opened: Permission denied"));
}

int test_json_read(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),       cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_nul_byte),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_deep_and_huge), cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_files),         cmocka_unit_test(test_unreadable_file),
    };
    return cmocka_run_group_tests_name("json_read", tests, NULL, NULL);
}
