/* Pins: the one line of an error (order, cleaning, cutting), exit statuses, the nearest word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"

static void test_line(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_input(&e, "a.json", "ues[0]", "bad %d", 3), ERR_INPUT);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.text, "a.json: ues[0]: bad 3");
    err_input(&e, NULL, "ues", "bad");
    assert_string_equal(e.text, "ues: bad");
    err_input(&e, "a.json", "", "bad");
    assert_string_equal(e.text, "a.json: bad");
    assert_int_equal(err_work(&e, "db", NULL, "full"), ERR_WORK);
    assert_string_equal(e.text, "db: full");
    assert_int_equal(err_memory(&e, "reading"), ERR_MEMORY);
    assert_string_equal(e.text, "out of memory: reading");
    assert_int_equal(err_input(NULL, "a", "b", "c"), ERR_INPUT);
}

static void test_own_text_as_argument(void **state)
{
    (void)state;
    struct err e;
    err_input(&e, NULL, NULL, "inner");
    err_input(&e, "outer.json", NULL, "%s", e.text);
    assert_string_equal(e.text, "outer.json: inner");
}

static void test_cleaned(void **state)
{
    (void)state;
    struct err e;
    err_input(&e, "a\nb", "\x1b[31m", "tab\there\x7f \xc2\x9b \xff\xfe \xc3\xa9");
    assert_string_equal(e.text, "a b: ?[31m: tab here? ?? ?? \xc3\xa9");
}

static void test_cut_at_a_character(void **state)
{
    (void)state;
    struct err e;
    /* Two bytes a character: whatever the offset, no half is left. */
    char word[3000];
    for (int shift = 0; shift < 2; shift++) {
        size_t n = 0;
        if (shift == 1) {
            word[n++] = 'x';
        }
        while (n + 2 < sizeof word) {
            word[n++] = (char)0xc3;
            word[n++] = (char)0xa9;
        }
        word[n] = '\0';
        err_input(&e, NULL, NULL, "%s", word);
        size_t length = strlen(e.text);
        assert_true(length >= sizeof e.text - 3 && length < sizeof e.text);
        assert_int_equal((length - (size_t)shift) % 2, 0);
        assert_null(strchr(e.text, '?'));
        err_input(&e, word, NULL, "never seen");
        assert_null(strstr(e.text, "never"));
    }
}

static void test_statuses_and_names(void **state)
{
    (void)state;
    assert_int_equal(err_exit_status(0), 0);
    assert_int_equal(err_exit_status(ERR_INPUT), 2);
    assert_int_equal(err_exit_status(ERR_WORK), 1);
    assert_int_equal(err_exit_status(ERR_CHECK), 1);
    assert_int_equal(err_exit_status(-77), 1);
    assert_string_equal(err_name(ERR_MEMORY), "ERR_MEMORY");
    assert_non_null(err_name(12345));
}

static void test_nearest(void **state)
{
    (void)state;
    const char *const known[] = {"round-robin", "proportional-fair", "max-cqi", "fifo"};
    assert_string_equal(err_nearest("round-robbin", known, 4), "round-robin");
    assert_string_equal(err_nearest("Round-Robin", known, 4), "round-robin");
    assert_string_equal(err_nearest("proportional_fiar", known, 4), "proportional-fair");
    assert_string_equal(err_nearest("fiof", known, 4), "fifo");
    assert_null(err_nearest("tree", known, 4));
    assert_null(err_nearest("", known, 4));
    assert_null(err_nearest("x", known, 0));
    /* One letter is one edit from any other letter, and still not near. */
    const char *const letters[] = {"a", "b"};
    assert_null(err_nearest("z", letters, 2));
    assert_string_equal(err_nearest("b", letters, 2), "b");
    /* A transposition costs one, so the limit of two admits two of them but not three. */
    const char *const pairs[] = {"abcdef"};
    assert_string_equal(err_nearest("badcef", pairs, 1), "abcdef");
    assert_null(err_nearest("badcfe", pairs, 1));
    /* The first of equals. */
    const char *const twins[] = {"cat1", "cat2"};
    assert_string_equal(err_nearest("cat3", twins, 2), "cat1");
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(err_nearest(longest, known, 4));
}

int test_err(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_own_text_as_argument),
        cmocka_unit_test(test_cleaned),
        cmocka_unit_test(test_cut_at_a_character),
        cmocka_unit_test(test_statuses_and_names),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
