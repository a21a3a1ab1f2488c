/* channel_trace.c - pins what a recorded SNR means: between rows, after the end, shifted, in any
 * order; and what is refused of its file, by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "models/channel.h"

static int read_text(const char *text, struct arena *a, struct channel_trace *t, struct err *e)
{
    char path[] = "/tmp/willmsim-snr-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = channel_trace_read(path, a, t, e);
    unlink(path);
    return rc;
}

/* Times count from the first row; other columns and empty lines are passed over. */
static const char recorded[] = "ue,t_s,snr_db\r\n"
                               "3,10,5\n"
                               "3,12,15\n"
                               "\n"
                               "3,13,-5";

static double at(struct channel *c, double t_s)
{
    return channel_snr_db(c, ns_of_s(t_s));
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%.9g is not %.9g", value, expected);
}

static void test_between_rows(void **state)
{
    (void)state;
    struct arena a = {0};
    struct channel_trace t = {.repeat = false};
    struct err e = {0};
    assert_int_equal(read_text(recorded, &a, &t, &e), 0);
    assert_int_equal(t.n, 3);
    struct channel c;
    channel_init_trace(&c, &t, 0);
    near(at(&c, 0.0), 5.0);
    near(at(&c, 0.5), 7.5);
    near(at(&c, 2.0), 15.0);
    near(at(&c, 2.25), 10.0);
    near(at(&c, 3.0), -5.0);
    near(at(&c, 300.0), -5.0);
    near(at(&c, 0.5), 7.5); /* and back */
    t.hold = true;
    near(at(&c, 1.999), 5.0);
    near(at(&c, 2.0), 15.0);
    near(at(&c, 2.999), 15.0);
    near(at(&c, 99.0), -5.0);
    arena_free(&a);
}

/* Repeated every 4 s: the last row lasts as long as the one before it, 1 s. */
static void test_repeats(void **state)
{
    (void)state;
    struct arena a = {0};
    struct channel_trace t = {.repeat = true};
    struct err e = {0};
    assert_int_equal(read_text(recorded, &a, &t, &e), 0);
    struct channel c;
    channel_init_trace(&c, &t, 0);
    for (int turn = 0; turn < 3; turn++) {
        near(at(&c, 4.0 * turn), 5.0);
        near(at(&c, 4.0 * turn + 0.5), 7.5);
        near(at(&c, 4.0 * turn + 3.0), -5.0);
        near(at(&c, 4.0 * turn + 3.5), 0.0); /* on the way from -5 to 5 */
    }
    channel_init_trace(&c, &t, ns_of_s(2.0));
    near(at(&c, 0.0), 15.0);
    near(at(&c, 2.0), 5.0);
    t.hold = true;
    near(at(&c, 1.9), -5.0);
    arena_free(&a);
}

static void test_one_row(void **state)
{
    (void)state;
    struct arena a = {0};
    struct channel_trace t = {.repeat = true};
    struct err e = {0};
    assert_int_equal(read_text("t_s,snr_db\n7,12.5\n", &a, &t, &e), 0);
    struct channel c;
    channel_init_trace(&c, &t, 0);
    near(at(&c, 0.0), 12.5);
    near(at(&c, 1e5), 12.5);
    arena_free(&a);
}

static void test_random_access(void **state)
{
    (void)state;
    enum { ROWS = 500 };
    int64_t t_ns[ROWS];
    double snr_db[ROWS];
    for (int i = 0; i < ROWS; i++) {
        t_ns[i] = i * (int64_t)i * 1000;
        snr_db[i] = i * 37 % 101;
    }
    struct channel_trace t = {.t_ns = t_ns, .snr_db = snr_db, .n = ROWS, .repeat = true};
    struct channel one;
    struct channel two;
    channel_init_trace(&one, &t, 0);
    double forward[2000];
    for (int i = 0; i < 2000; i++)
        forward[i] = channel_snr_db(&one, i * 190001);
    channel_init_trace(&two, &t, 0);
    for (int i = 0; i < 2000; i++) {
        int k = i * 787 % 2000;
        assert_true(channel_snr_db(&two, k * 190001) == forward[k]);
    }
}

static void refused(const char *text, const char *says)
{
    struct arena a = {0};
    struct channel_trace t = {0};
    struct err e = {0};
    assert_int_equal(read_text(text, &a, &t, &e), ERR_INPUT);
    if (strstr(e.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
    arena_free(&a);
}

static void test_refused(void **state)
{
    (void)state;
    refused("", "is empty");
    refused("t_s,snr_db\n", "no row");
    refused("t_s,sinr\n1,2\n", "line 1: the header needs");
    refused("t_s,snr_db\n1,2\nx,3\n", "line 3: t_s is not a number");
    refused("t_s,snr_db\n1,2\n\n2,3 dB\n", "line 4: snr_db is not a number");
    refused("t_s,snr_db\n1\n", "line 2: snr_db is not a number");
    refused("t_s,snr_db\n1,nan\n", "snr_db is not a number");
    refused("t_s,snr_db\n1,2\n1,3\n", "line 3: t_s does not ascend");
    refused("t_s,snr_db\n1,2\n1e9,3\n", "line 3: t_s is not a number of seconds");
    struct arena a = {0};
    struct channel_trace t = {0};
    struct err e = {0};
    assert_int_equal(channel_trace_read("/tmp/willmsim-no-such-file", &a, &t, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "check the path"));
    arena_free(&a);
}

int test_channel_trace(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_rows), cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_one_row),      cmocka_unit_test(test_random_access),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("channel_trace", tests, NULL, NULL);
}
