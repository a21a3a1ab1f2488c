/* Pins: the three trace formats, sorting, what becomes of 0 tokens, and the line that an error
 * names; the shared traces where they are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/trace_reader.h"
#include "tests/datasets/rows.h"

#define FIXTURES "tests/datasets/fixtures/"

static struct trace read_good(const char *path, enum trace_format format, struct trace_notes *notes)
{
    struct trace t;
    struct err e = {0};
    if (trace_read(path, format, &t, notes, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return t;
}

static void assert_item(const struct trace *t, size_t i, int64_t arrival_ns, int64_t input,
                        int64_t output)
{
    assert_true(i < t->n);
    assert_int_equal(t->items[i].arrival_ns, arrival_ns);
    assert_int_equal(t->items[i].input_tokens, input);
    assert_int_equal(t->items[i].output_tokens, output);
}

/* Across a leap day, CRLF, an offset from UTC, no line break at the end. */
static void test_azure(void **state)
{
    (void)state;
    struct trace_notes notes;
    struct trace t = read_good(FIXTURES "azure.csv", TRACE_AZURE, &notes);
    assert_int_equal(t.n, 3);
    assert_item(&t, 0, 0, 4808, 10);
    assert_item(&t, 1, 20040000, 7, 1); /* 01:00 at +01:00 is midnight UTC; 0 tokens became 1 */
    assert_item(&t, 2, 52000000, 3180, 8);
    assert_true(notes.was_unsorted);
    assert_int_equal(notes.zero_output, 1);
    assert_int_equal(notes.zero_input, 0);
    assert_int_equal(t.block_tokens, 0);
    trace_free(&t);
    assert_null(t.items);
}

static void test_mooncake(void **state)
{
    (void)state;
    struct trace_notes notes;
    struct trace t = read_good(FIXTURES "mooncake.jsonl", TRACE_MOONCAKE, &notes);
    assert_int_equal(t.n, 3);
    assert_item(&t, 0, 0, 1030, 5);
    assert_item(&t, 1, 100500000, 600, 7);
    assert_item(&t, 2, 250000000, 1, 6);
    assert_int_equal(notes.zero_input, 1);
    assert_int_equal(t.block_tokens, 512);
    assert_int_equal(t.n_blocks, 5);
    assert_int_equal(t.items[0].n_blocks, 3);
    assert_int_equal(t.items[1].n_blocks, 2); /* sorting took its blocks along */
    assert_int_equal(t.blocks[t.items[1].first_block], 0);
    assert_int_equal(t.blocks[t.items[1].first_block + 1], 9);
    assert_int_equal(t.items[2].n_blocks, 0);
    trace_free(&t);
}

/* Columns in another order, quoted fields, others beside them; ties keep the file's order. */
static void test_csv(void **state)
{
    (void)state;
    struct trace_notes notes;
    struct trace t = read_good(FIXTURES "trace.csv", TRACE_CSV, &notes);
    assert_int_equal(t.n, 3);
    assert_item(&t, 0, 0, 200, 4);
    assert_item(&t, 1, 249999999, 100, 3);
    assert_item(&t, 2, 249999999, 300, 5);
    assert_true(notes.was_unsorted);
    trace_free(&t);
}

struct bad {
    enum trace_format format;
    const char *text;
    const char *says; /* without the file's name */
};

static const struct bad bad_traces[] = {
    {TRACE_CSV, "", "holds no requests"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n", "holds no requests"},
    {TRACE_CSV, "arrival_s,input_tokens\n1,2\n", "line 1: no column output_tokens"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens,arrival_s\n", "line 1: column arrival_s is"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,1,1\n\n1,-2,1\n",
     "line 4: input_tokens is -2; a request"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,1.5,1\n", "line 2: input_tokens is 1.5"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,1,1e10\n", "line 2: output_tokens is"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,1\n", "no value for output_tokens"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\nnan,1,1\n", "arrival_s is 'nan', not a"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0x10,1,1\n", "'0x10', not a number"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n1e999,1,1\n", "'1e999', not a number"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n-1,1,1\n", "line 2: arrival_s is -1;"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n2e9,1,1\n", "line 2: arrival_s is 2e9;"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,\"1\"2,1\n", "line 2: a quote"},
    {TRACE_CSV, "arrival_s,input_tokens,output_tokens\n0,1,\"1\n", "ends inside a quoted field"},
    {TRACE_CSV,
     "arrival_s,input_tokens,output_tokens\n"
     "0.00000000000000000000000000000000000000000000000000000000000000000000000001,1,1\n",
     "...', not a number"},
    {TRACE_AZURE, "arrival_s,input_tokens,output_tokens\n0,1,1\n", "no column TIMESTAMP"},
    {TRACE_AZURE, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-29 00:00:00,1,1\n",
     "line 2: TIMESTAMP is '2023-02-29 00:00:00'; write it like"},
    {TRACE_AZURE, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-28,1,1\n", "line 2: TIMESTAMP"},
    {TRACE_AZURE, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-28 00:00:00.1234567890,1,1\n",
     "line 2: TIMESTAMP"},
    {TRACE_AZURE, "TIMESTAMP,ContextTokens,GeneratedTokens\n12.5,1,1\n", "line 2: TIMESTAMP"},
    {TRACE_MOONCAKE, "[1]\n", "line 1: not one JSON object"},
    {TRACE_MOONCAKE, "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1} x\n",
     "line 1: not one JSON object"},
    {TRACE_MOONCAKE, "{\"timestamp\": 0, \"input_length\": 1, \"output_le", "line 1: not one"},
    {TRACE_MOONCAKE, "\n{\"timestamp\": 0, \"input_length\": 1}\n", "line 2: no \"output_length\""},
    {TRACE_MOONCAKE, "{\"timestamp\": \"0\", \"input_length\": 1, \"output_length\": 1}\n",
     "\"timestamp\" is not a number"},
    {TRACE_MOONCAKE, "{\"timestamp\": -1, \"input_length\": 1, \"output_length\": 1}\n",
     "\"timestamp\" is -1"},
    {TRACE_MOONCAKE, "{\"timestamp\": 0, \"input_length\": -1, \"output_length\": 1}\n",
     "input_length is -1"},
    {TRACE_MOONCAKE,
     "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": 3}\n",
     "\"hash_ids\" is not a list"},
    {TRACE_MOONCAKE,
     "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [0.5]}\n",
     "\"hash_ids\" holds"},
};

static void test_bad_traces(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    rows_path(path, folder, "t");
    for (size_t i = 0; i < sizeof bad_traces / sizeof bad_traces[0]; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(bad_traces[i].text, f);
        fclose(f);
        struct trace t;
        struct err e = {0};
        assert_int_equal(trace_read(path, bad_traces[i].format, &t, NULL, &e), ERR_INPUT);
        assert_null(t.items);
        if (strncmp(e.text, path, strlen(path)) != 0 ||
            strstr(e.text, bad_traces[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", e.text, bad_traces[i].says);
        }
    }
    struct trace t;
    struct err e = {0};
    assert_int_equal(trace_read(folder, TRACE_CSV, &t, NULL, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "is a folder"));
    assert_int_equal(trace_read("no/such/file", TRACE_CSV, &t, NULL, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "No such file"));
    rows_folder_remove(folder);
}

/* A NUL in a number, and a line without end. */
static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    FILE *f = fopen(rows_path(path, folder, "t"), "w");
    assert_non_null(f);
    fputs("arrival_s,input_tokens,output_tokens\n0,1", f);
    putc('\0', f);
    fputs("2,1\n", f);
    fclose(f);
    struct trace t;
    struct err e = {0};
    assert_int_equal(trace_read(path, TRACE_CSV, &t, NULL, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "line 2: input_tokens is '1?2', not a number"));
    f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < (2 << 20); i++) {
        putc('[', f);
    }
    fclose(f);
    assert_int_equal(trace_read(path, TRACE_MOONCAKE, &t, NULL, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "line 1: longer than"));
    rows_folder_remove(folder);
}

struct shared {
    const char *file;
    enum trace_format format;
    size_t n, n_blocks;
    int64_t span_ns, input_tokens, output_tokens;
};

/* Sums counted by an independent reader (Python's csv and json modules). */
static const struct shared shared_traces[] = {
    {"azure2023_conv.csv", TRACE_AZURE, 19366, 0, 3501721937000, 22361870, 4088665},
    {"azure2023_code.csv", TRACE_AZURE, 8819, 0, 3435948056000, 18059974, 245896},
    {"mooncake_conversation.jsonl", TRACE_MOONCAKE, 12031, 288500, 3536999000000, 144793823,
     4122048},
};

static void test_shared_traces(void **state)
{
    (void)state;
    const char *data = getenv("WILLMSIM_DATA");
    for (size_t i = 0; i < sizeof shared_traces / sizeof shared_traces[0]; i++) {
        const struct shared *want = &shared_traces[i];
        char path[512];
        snprintf(path, sizeof path, "%s/traces/%s", data != NULL ? data : "../shared/data",
                 want->file);
        if (access(path, R_OK) != 0) {
            skip();
        }
        struct trace_notes notes;
        struct trace t = read_good(path, want->format, &notes);
        int64_t input = 0, output = 0;
        size_t blocks = 0;
        for (size_t k = 0; k < t.n; k++) {
            input += t.items[k].input_tokens;
            output += t.items[k].output_tokens;
            assert_int_equal(t.items[k].n_blocks > 0 ? t.items[k].first_block : blocks, blocks);
            blocks += t.items[k].n_blocks;
        }
        assert_int_equal(t.n, want->n);
        assert_int_equal(t.items[t.n - 1].arrival_ns, want->span_ns);
        assert_int_equal(input, want->input_tokens);
        assert_int_equal(output, want->output_tokens);
        assert_int_equal(t.n_blocks, want->n_blocks);
        assert_int_equal(blocks, want->n_blocks);
        assert_int_equal(notes.zero_input + notes.zero_output, 0);
        assert_false(notes.was_unsorted);
        trace_free(&t);
    }
}

int test_trace_reader(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_azure),
        cmocka_unit_test(test_mooncake),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_bad_traces),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_shared_traces),
    };
    return cmocka_run_group_tests_name("trace_reader", tests, NULL, NULL);
}
