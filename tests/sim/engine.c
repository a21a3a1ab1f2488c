/* Pins engine.h's E1 to E4, event_heap.h's H1 and event_list.h's L1 to L4, against sorting and
 * against a list that is searched from end to end. Does not pin speed (bench/bench_engine.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "sim/engine.h"
#include "sim/event_list.h"

enum { SOURCES = 50, MANY = 100000 };

/* A generator of its own, so that this test hangs on nothing else (xorshift64). */
static uint64_t bits(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

struct key {
    int64_t t_ns;
    uint64_t tie;
};

static int key_order(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;
    if (x->t_ns != y->t_ns) {
        return x->t_ns < y->t_ns ? -1 : 1;
    }
    return (x->tie > y->tie) - (x->tie < y->tie);
}

/* Writes down what it handles; `arg` carries the event's tie. */
struct recorder {
    struct entity entity;
    struct key *log;
    size_t n;
};

static void record(struct entity *self, uint32_t kind, uint64_t arg)
{
    (void)kind;
    struct recorder *r = (struct recorder *)self;
    r->log[r->n++] = (struct key){engine_now(self->engine), arg};
}

static void sources_init(struct entity *sources, struct engine *e)
{
    for (uint32_t i = 0; i < SOURCES; i++) {
        /* Ids far apart and in no order, the largest id included. */
        sources[i] = (struct entity){.engine = e, .id = (1U << 24) - 1 - i * 7919 % 100003 * 100};
    }
}

static uint64_t next_tie(const struct entity *from)
{
    return (uint64_t)from->id << EVENT_SEQ_BITS | from->seq;
}

/* How far ahead events lie: many ties, an even spread, many orders of magnitude, bursts. */
static int64_t time_of(int pattern, uint64_t *x)
{
    uint64_t r = bits(x) >> 20;
    switch (pattern) {
    case 0:
        return (int64_t)(r % 300);
    case 1:
        return (int64_t)(r % (1ULL << 40));
    case 2:
        return (int64_t)(r >> (r % 40));
    default:
        return (int64_t)(r % 20) * 5 * NS_PER_S + (int64_t)((r >> 8) % 1000);
    }
}

static void test_e1_order_is_that_of_a_sort(void **state)
{
    (void)state;
    struct key *expected = malloc(MANY * sizeof *expected);
    struct key *log = malloc(MANY * sizeof *log);
    assert_non_null(expected);
    assert_non_null(log);
    for (int pattern = 0; pattern < 4; pattern++) {
        struct engine *e = engine_new(0);
        struct entity sources[SOURCES];
        sources_init(sources, e);
        struct recorder sink = {.entity = {.engine = e, .handle = record, .id = 1}, .log = log};
        uint64_t x = 88172645463325252U;
        for (size_t i = 0; i < MANY; i++) {
            struct entity *from = &sources[bits(&x) % SOURCES];
            int64_t t_ns = time_of(pattern, &x);
            expected[i] = (struct key){t_ns, next_tie(from)};
            engine_at(from, t_ns, &sink.entity, 0, expected[i].tie);
        }
        qsort(expected, MANY, sizeof *expected, key_order);
        assert_false(engine_run(e, NS_NEVER, UINT64_MAX));
        assert_int_equal(sink.n, MANY);
        assert_memory_equal(log, expected, MANY * sizeof *log);
        assert_int_equal(engine_stats(e).events, MANY);
        assert_int_equal(engine_stats(e).pending_max, MANY);
        assert_false(engine_failed(e));
        engine_free(e);
    }
    free(expected);
    free(log);
}

/* E1 while handlers put new events, at the present instant too; L1, L2 and L3 on the way. */
static void check_list(const struct event_list *l)
{
    uint32_t n = l->near.n + l->day_n - l->day_next;
    for (uint32_t i = l->day_next; i < l->day_n; i++) {
        const struct event *due = &l->items[l->day[i].item];
        assert_true(due->t_ns == l->day[i].t_ns && due->tie == l->day[i].tie);
        assert_true(due->t_ns <= l->near_end_ns);
        assert_true(i + 1 == l->day_n || event_before(due, &l->items[l->day[i + 1].item])); /* L4 */
    }
    for (uint32_t i = 0; i < l->near.n; i++) {
        assert_true(l->near.items[i].t_ns <= l->near_end_ns);
        assert_true(i == 0 ||
                    event_before(&l->near.items[(i - 1) / 4], &l->near.items[i])); /* H1 */
    }
    for (uint32_t b = 0; b < l->capacity; b++) {
        bool in_use = l->in_use[b / 64] >> (b % 64) & 1;
        assert_int_equal(in_use, l->bucket[b] != EVENT_NONE); /* L2 */
        for (uint32_t i = l->bucket[b]; i != EVENT_NONE; i = l->items[i].next) {
            int64_t t_ns = l->items[i].t_ns;
            assert_true(t_ns > l->near_end_ns); /* L1 */
            assert_int_equal((uint64_t)(t_ns >> l->shift) & (l->capacity - 1), b);
            n++;
        }
    }
    assert_int_equal(n, l->n);
}

/* Events that wait, in no order. */
struct naive {
    struct key items[4096];
    size_t n;
};

static struct key naive_pop(struct naive *w)
{
    size_t first = 0;
    for (size_t i = 1; i < w->n; i++) {
        first = key_order(&w->items[i], &w->items[first]) < 0 ? i : first;
    }
    struct key key = w->items[first];
    w->items[first] = w->items[--w->n];
    return key;
}

static void both_push(struct event_list *l, struct naive *w, int64_t t_ns, uint64_t tie)
{
    struct event event = {.t_ns = t_ns, .tie = tie};
    assert_true(event_list_push(l, &event));
    assert_true(w->n < sizeof w->items / sizeof w->items[0]);
    w->items[w->n++] = (struct key){t_ns, tie};
}

static void test_l3_against_a_naive_list(void **state)
{
    (void)state;
    struct naive *w = malloc(sizeof *w);
    assert_non_null(w);
    for (int pattern = 0; pattern < 4; pattern++) {
        struct event_list l;
        assert_true(event_list_init(&l, 0));
        w->n = 0;
        uint64_t x = 1234567 + (uint64_t)pattern;
        uint64_t tie = 0;
        for (int i = 0; i < 300; i++) {
            both_push(&l, w, time_of(pattern, &x), tie++);
        }
        for (int step = 0; step < 60000 && w->n > 0; step++) {
            if (step % 997 == 0) {
                check_list(&l);
            }
            struct key due = naive_pop(w);
            assert_int_equal(event_list_next_ns(&l), due.t_ns);
            struct event event;
            event_list_pop(&l, &event);
            assert_int_equal(event.t_ns, due.t_ns);
            assert_int_equal(event.tie, due.tie);
            /* None, one or two new ones; the number stays between 2 and 2000. */
            uint64_t more = w->n < 2                            ? 2
                            : w->n > 2000                       ? 0
                            : bits(&x) % 2000 < 1000 + w->n % 7 ? 1
                                                                : bits(&x) % 3;
            for (uint64_t k = 0; k < more; k++) {
                /* One in eight at the same instant; every 5000 steps the pace changes. */
                int64_t ahead = bits(&x) % 8 == 0 ? 0 : time_of(pattern, &x);
                both_push(&l, w, due.t_ns + (ahead >> step / 5000 % 3 * 8), tie++);
            }
        }
        check_list(&l);
        assert_true(l.last_ns > 0);
        event_list_free(&l);
    }
    free(w);
}

/* L4 for a day of any number of events, in whatever order they were put: all at one instant, so
 * that the ties alone tell, and what is put while it lasts among them. */
static void test_l4_a_day_of_any_length(void **state)
{
    (void)state;
    enum { MOST = 140, PRIME = 151 };
    for (uint64_t n = 1; n <= MOST; n++) {
        struct event_list l;
        assert_true(event_list_init(&l, 0));
        for (uint64_t i = 1; i < PRIME; i++) {
            struct event event = {.t_ns = NS_PER_S, .tie = i * (n + 3) % PRIME * 2};
            if (event.tie <= 2 * n) {
                assert_true(event_list_push(&l, &event));
            }
        }
        for (uint64_t i = 1; i <= n; i++) {
            assert_int_equal(event_list_next_ns(&l), NS_PER_S);
            assert_int_equal(event_list_next_tie(&l), 2 * i);
            check_list(&l);
            struct event event = {.t_ns = NS_PER_S, .tie = 2 * i + 1}; /* behind the next to come */
            struct event first;
            event_list_pop(&l, &first);
            assert_int_equal(first.tie, 2 * i);
            assert_true(event_list_push(&l, &event));
            assert_int_equal(event_list_next_ns(&l), NS_PER_S);
            assert_int_equal(event_list_next_tie(&l), 2 * i + 1);
            event_list_pop(&l, &first);
            assert_int_equal(first.tie, 2 * i + 1);
        }
        assert_int_equal(event_list_next_ns(&l), NS_NEVER);
        event_list_free(&l);
    }
}

/* A list in its steady state allocates nothing, whatever the length of the day. */
static void test_steady_state(void **state)
{
    (void)state;
    struct event_list l;
    assert_true(event_list_init(&l, 5000));
    uint64_t x = 5;
    struct event event = {0};
    for (uint64_t i = 0; i < 5000; i++) {
        event.t_ns = (int64_t)(bits(&x) % 1000000);
        event.tie = i;
        assert_true(event_list_push(&l, &event));
    }
    struct event_list before = l;
    int shifts[64] = {0};
    for (uint64_t i = 0; i < 200000; i++) {
        (void)event_list_next_ns(&l);
        event_list_pop(&l, &event);
        event.t_ns += 1 + (int64_t)(bits(&x) % (i < 100000 ? 1000000 : 1000));
        event.tie += 5000;
        assert_true(event_list_push(&l, &event));
        shifts[l.shift]++;
    }
    assert_int_equal(l.capacity, before.capacity);
    assert_ptr_equal(l.items, before.items);
    assert_ptr_equal(l.near.items, before.near.items);
    assert_true((l.day == before.day && l.spare == before.spare) ||
                (l.day == before.spare && l.spare == before.day));
    assert_ptr_equal(l.bucket, before.bucket);
    int used = 0;
    for (int i = 0; i < 64; i++) {
        used += shifts[i] > 0;
    }
    assert_true(used >= 2); /* the day did change its length */
    event_list_free(&l);
}

/* One pending event and one far away: quiet times are stepped over, not searched through. */
static void test_sparse(void **state)
{
    (void)state;
    struct event_list l;
    assert_true(event_list_init(&l, 0));
    struct event far = {.t_ns = NS_NEVER - 1, .tie = 1};
    struct event tick = {.t_ns = 0, .tie = 2};
    assert_true(event_list_push(&l, &far) && event_list_push(&l, &tick));
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(event_list_next_ns(&l), i * 7 * NS_PER_S);
        event_list_pop(&l, &tick);
        assert_int_equal(tick.tie, 2);
        tick.t_ns += 7 * NS_PER_S;
        assert_true(event_list_push(&l, &tick));
    }
    check_list(&l);
    event_list_pop(&l, &tick);
    assert_int_equal(event_list_next_ns(&l), NS_NEVER - 1);
    event_list_pop(&l, &far);
    assert_int_equal(event_list_next_ns(&l), NS_NEVER);
    event_list_free(&l);
}

static void test_e2_clock(void **state)
{
    (void)state;
    struct key log[8];
    struct engine *e = engine_new(4);
    struct recorder r = {.entity = {.engine = e, .handle = record, .id = 3}, .log = log};
    assert_int_equal(engine_now(e), 0);
    assert_int_equal(engine_next(e), NS_NEVER);
    engine_at(&r.entity, 50, &r.entity, 0, 0);
    engine_at(&r.entity, 10, &r.entity, 0, 1);
    engine_at(&r.entity, 20, &r.entity, 0, 2);
    assert_int_equal(engine_next(e), 10);
    assert_true(engine_run(e, 20, 1)); /* one event, one more at or before 20 */
    assert_int_equal(engine_now(e), 10);
    assert_false(engine_run(e, 20, 1));
    assert_int_equal(engine_now(e), 20);
    assert_false(engine_run(e, 49, UINT64_MAX));
    assert_int_equal(engine_now(e), 49);
    assert_int_equal(engine_next(e), 50);
    assert_false(engine_run(e, 30, UINT64_MAX)); /* not back */
    assert_int_equal(engine_now(e), 49);
    assert_true(engine_run(e, 50, 0));
    assert_false(engine_run(e, NS_NEVER, UINT64_MAX));
    assert_int_equal(engine_now(e), 50);
    assert_int_equal(r.n, 3);
    engine_at(&r.entity, 50, &r.entity, 0, 3); /* the present is not the past */
    assert_false(engine_run(e, 60, UINT64_MAX));
    assert_int_equal(r.n, 4);
    assert_int_equal(engine_now(e), 60);
    engine_free(e);
    engine_free(NULL);
}

/* Runs f in a child and tells whether it was aborted (an assertion). */
static bool aborts(void (*f)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        f();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void ask_at(int64_t t_ns)
{
    struct key log[2];
    struct engine *e = engine_new(4);
    struct recorder r = {.entity = {.engine = e, .handle = record}, .log = log};
    engine_run(e, 100, 0);
    engine_at(&r.entity, t_ns, &r.entity, 0, 0);
    engine_free(e);
}

static void ask_now(void)
{
    ask_at(100);
}

static void ask_past(void)
{
    ask_at(99);
}

static void ask_never(void)
{
    ask_at(NS_NEVER);
}

static void test_e2_past_is_refused(void **state)
{
    (void)state;
    assert_false(aborts(ask_now));
    assert_true(aborts(ask_past));
    assert_true(aborts(ask_never));
}

/* Puts each source's events in the source's order, the sources interleaved as `x` says. */
static void interleave(struct recorder *sink, struct entity *sources, uint64_t x)
{
    uint32_t put[SOURCES] = {0};
    uint32_t left = SOURCES * 100;
    while (left > 0) {
        uint32_t i = (uint32_t)(bits(&x) % SOURCES);
        if (put[i] < 100) {
            uint32_t k = put[i]++;
            uint64_t tie = next_tie(&sources[i]);
            engine_at(&sources[i], (i * 31 + k * 17) % 101, &sink->entity, k % 5, tie);
            left--;
        }
    }
}

static void test_e3_order_of_insertion(void **state)
{
    (void)state;
    enum { N = SOURCES * 100 };
    struct key *logs[2] = {malloc(N * sizeof(struct key)), malloc(N * sizeof(struct key))};
    uint64_t fingerprint = 0;
    for (uint64_t round = 0; round < 5; round++) {
        struct engine *e = engine_new(0);
        struct entity sources[SOURCES];
        sources_init(sources, e);
        struct key *log = logs[round > 0];
        assert_non_null(log);
        struct recorder sink = {.entity = {.engine = e, .handle = record}, .log = log};
        interleave(&sink, sources, round + 1);
        assert_false(engine_run(e, NS_NEVER, UINT64_MAX));
        assert_int_equal(sink.n, N);
        if (round > 0) {
            assert_memory_equal(logs[1], logs[0], N * sizeof(struct key));
            assert_int_equal(engine_stats(e).fingerprint, fingerprint);
        }
        fingerprint = engine_stats(e).fingerprint;
        engine_free(e);
    }
    free(logs[0]);
    free(logs[1]);
}

/* Fingerprint of two events; what the second one is can be varied. */
static uint64_t fingerprint(int64_t t_ns, uint32_t id, uint32_t kind, uint64_t arg, int other_sink)
{
    struct key log[2];
    struct engine *e = engine_new(0);
    struct entity from = {.engine = e, .id = id};
    struct entity first = {.engine = e, .id = 1};
    struct recorder sinks[2] = {{.entity = {.engine = e, .handle = record, .id = 5}, .log = log},
                                {.entity = {.engine = e, .handle = record, .id = 6}, .log = log}};
    engine_at(&first, 10, &sinks[0].entity, 7, 0);
    if (t_ns >= 0) {
        engine_at(&from, t_ns, &sinks[other_sink].entity, kind, arg);
    }
    engine_run(e, NS_NEVER, UINT64_MAX);
    uint64_t f = engine_stats(e).fingerprint;
    engine_free(e);
    return f;
}

static void test_e4_fingerprint(void **state)
{
    (void)state;
    uint64_t f = fingerprint(20, 2, 3, 4, 0);
    assert_int_equal(f, fingerprint(20, 2, 3, 99, 0));
    assert_int_equal(f, fingerprint(20, 2, 3, 4, 1));
    assert_int_not_equal(f, fingerprint(21, 2, 3, 4, 0));
    assert_int_not_equal(f, fingerprint(20, 3, 3, 4, 0));
    assert_int_not_equal(f, fingerprint(20, 2, 4, 4, 0));
    assert_int_not_equal(f, fingerprint(-1, 0, 0, 0, 0));
    assert_int_not_equal(fingerprint(20, 2, 3, 4, 0), fingerprint(20, 3, 2, 4, 0));
    /* Engines of a partitioned world add up: f = f(first) + f(second). */
    uint64_t first = fingerprint(-1, 0, 0, 0, 0);
    uint64_t twice = fingerprint(10, 1, 7, 0, 0);
    assert_int_equal(twice, 2 * first);
    struct engine *e = engine_new(0);
    assert_int_equal(engine_stats(e).fingerprint, 0);
    engine_free(e);
}

#if !defined(__SANITIZE_ADDRESS__)
/* Puts events until memory runs out under a limit; exits 0 when the engine then says so. */
static void run_out_of_memory(void)
{
    struct key log[1];
    struct engine *e = engine_new(0);
    struct recorder r = {.entity = {.engine = e, .handle = record}, .log = log};
    struct rlimit limit = {64 << 20, 64 << 20};
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        _exit(3);
    }
    for (int i = 0; i < 4000000 && !engine_failed(e); i++) {
        engine_at(&r.entity, i, &r.entity, 0, 0);
    }
    bool more = engine_run(e, NS_NEVER, UINT64_MAX);
    _exit(engine_failed(e) && !more && r.n == 0 ? 0 : 4);
}
#endif

static void test_memory_ran_out(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer needs the address space that the limit takes away */
#else
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_out_of_memory();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
#endif
}

int test_engine(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_e1_order_is_that_of_a_sort),
        cmocka_unit_test(test_l3_against_a_naive_list),
        cmocka_unit_test(test_l4_a_day_of_any_length),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_e2_clock),
        cmocka_unit_test(test_e2_past_is_refused),
        cmocka_unit_test(test_e3_order_of_insertion),
        cmocka_unit_test(test_e4_fingerprint),
        cmocka_unit_test(test_memory_ran_out),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
