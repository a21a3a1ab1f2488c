/* Pins: S3 and S4 of datasets/store.h: a writer killed at any moment leaves a whole file with
 * everything that it had committed, which someone who may write neither the file nor its folder can
 * read. Not pinned: a power cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/datasets/rows.h"

/* Writes rows until it is killed; tells of every commit-sized part through the pipe. */
static void writer(const char *path, int tell)
{
    struct store *s = NULL;
    int64_t id = 0;
    struct store_run run = rows_run("killed");
    if (store_open(path, STORE_CREATE, &s, NULL) != 0 || store_begin_run(s, &run, &id, NULL) != 0 ||
        write(tell, "b", 1) != 1) {
        _exit(1);
    }
    struct record_sink sink = store_sink(s);
    for (int64_t i = 0;; i++) {
        struct ran_record ran = rows_ran(i);
        if (sink.ran(sink.self, &ran) != 0) {
            _exit(2);
        }
        if ((i + 1) % STORE_ROWS_PER_COMMIT == 0 && write(tell, "c", 1) != 1) {
            _exit(3);
        }
    }
}

/* Starts a writer, waits for `parts` parts and `delay_us` more, and kills it. */
static void write_and_kill(const char *path, int parts, long delay_us)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        writer(path, pipes[1]);
    }
    close(pipes[1]);
    char c;
    for (int i = 0; i <= parts; i++) {
        assert_int_equal(read(pipes[0], &c, 1), 1);
    }
    struct timespec delay = {0, delay_us * 1000};
    nanosleep(&delay, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(pipes[0]);
}

static int64_t ask(struct store *s, const char *sql)
{
    sqlite3_stmt *row = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(store_db(s), sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        value = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return value;
}

/* 0 when the file is as S3 wants it, else which of the checks failed. */
static int look(const char *path, int64_t rows_at_least)
{
    struct store *s = NULL;
    if (store_open(path, STORE_READ, &s, NULL) != 0) {
        return 1;
    }
    int64_t n = ask(s, "SELECT count(*) FROM ran_records");
    int failed = ask(s, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") != 1    ? 2
                 : ask(s, "SELECT count(*) FROM runs WHERE complete = 0") != 1               ? 3
                 : ask(s, "SELECT count(*) FROM runs") != 1                                  ? 4
                 : n < rows_at_least                                                         ? 5
                 : n > 0 && ask(s, "SELECT max(gnb_timestamp_ms) + 1 FROM ran_records") != n ? 6
                                                                                             : 0;
    store_close(s, NULL);
    return failed;
}

/* look() by someone who may only read: root reads as nobody. */
static int look_without_rights(const char *folder, const char *path, int64_t rows_at_least)
{
    static const char *const names[] = {"a.sqlite", "a.sqlite-wal", "a.sqlite-shm"};
    char name[96];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (access(rows_path(name, folder, names[i]), F_OK) == 0) {
            assert_int_equal(chmod(name, 0444), 0);
        }
    }
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        enum { NOBODY = 65534 };
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(100);
        }
        char probe[96];
        int fd = open(rows_path(probe, folder, "probe"), O_CREAT | O_WRONLY, 0600);
        _exit(fd >= 0 ? 101 : look(path, rows_at_least));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        char folder[64], path[96];
        rows_folder(folder);
        rows_path(path, folder, "a.sqlite");
        int parts = round / 2;
        write_and_kill(path, parts, 1700L * round);
        assert_int_equal(look_without_rights(folder, path, parts * STORE_ROWS_PER_COMMIT), 0);
        assert_int_equal(look(path, parts * STORE_ROWS_PER_COMMIT), 0);

        struct store *s = NULL; /* the next run of that name takes its place */
        struct err e = {0};
        if (store_open(path, STORE_CREATE, &s, &e) != 0) {
            fail_msg("%s", e.text);
        }
        assert_int_equal(ask(s, "SELECT count(*) FROM ran_records"), 0);
        assert_int_equal(store_close(s, &e), 0);
        rows_folder_remove(folder);
    }
}

static void test_closed_file_in_read_only_folder(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = NULL;
    struct err e = {0};
    int64_t id = 0;
    assert_int_equal(store_open(rows_path(path, folder, "a.sqlite"), STORE_CREATE, &s, &e), 0);
    struct store_run run = rows_run("stopped");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(0);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_int_equal(store_close(s, &e), 0);
    assert_int_equal(look_without_rights(folder, path, 1), 0);
    rows_folder_remove(folder);
}

/* A few rows and then a long pause: the second that a commit may take has passed, and with the next
 * row they are safe. */
static void test_slow_rows_are_committed(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = NULL, *other = NULL;
    struct err e = {0};
    int64_t id = 0;
    assert_int_equal(store_open(rows_path(path, folder, "a.sqlite"), STORE_CREATE, &s, &e), 0);
    struct store_run run = rows_run("slow");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(0);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_int_equal(store_open(path, STORE_READ, &other, &e), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM ran_records"), 0);
    struct timespec pause = {1, 20000000};
    nanosleep(&pause, NULL);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM ran_records"), 2);
    assert_int_equal(store_close(other, NULL), 0);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

int test_store_kill(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_any_moment),
        cmocka_unit_test(test_closed_file_in_read_only_folder),
        cmocka_unit_test(test_slow_rows_are_committed),
    };
    return cmocka_run_group_tests_name("store_kill", tests, NULL, NULL);
}
