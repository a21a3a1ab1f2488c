/* scenario.c - pins what a scenario file means: the testbed's defaults, --set, paths, names, and
 * the slices of the testbed's own policy files. What is refused: tests/sim/scenario_bad.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "models/llm.h"
#include "models/nr_error.h"
#include "sched/batch.h"
#include "sched/radio.h"
#include "sim/scenario.h"
#include "sim/scenario_tables.h"

#define GOOD "tests/sim/bad/good.json"

static const char smallest[] =
    "{\"name\": \"s\", \"duration_s\": 2, \"radio\": {}, \"cells\": [{\"id\": \"c\"}],"
    " \"transport\": {}, \"core\": {},"
    " \"servers\": [{\"id\": \"g\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.1-8b\"}],"
    " \"ues\": [{\"id\": \"u\", \"cell\": \"c\", \"server\": \"g\","
    " \"traffic\": {\"kind\": \"willm-client\"}}]}";

static int home(void **state)
{
    (void)state;
    return setenv("WILLMSIM_HOME", ".", 0);
}

static void load(const char *path, const char *const *sets, int n, struct scenario *sc)
{
    struct err e = {0};
    if (scenario_load(path, sets, n, sc, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static void load_text(const char *text, struct scenario *sc)
{
    char path[] = "/tmp/willmsim-scenario-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    load(path, NULL, 0, sc);
    unlink(path);
}

/* The radio that an empty object means is the testbed's. */
static void test_defaults_are_the_testbed(void **state)
{
    (void)state;
    struct scenario sc;
    load_text(smallest, &sc);
    const struct scenario_radio *r = sc.radio;
    assert_int_equal(r->scs_khz, 30);
    assert_int_equal(r->n_prb, 106);
    assert_string_equal(r->tdd, "DDDDDDDSUU");
    assert_int_equal(r->special_dl_symbols, 6);
    assert_int_equal(r->special_ul_symbols, 4);
    assert_int_equal(r->dl_symbols, 13);
    assert_int_equal(r->dl_dmrs_re, 12);
    assert_int_equal(r->ul_symbols, 13);
    assert_int_equal(r->ul_special_symbols, 3);
    assert_int_equal(r->ul_dmrs_re, 18);
    assert_int_equal(r->max_mcs_dl, 28);
    assert_int_equal(r->k2_slots, 6);
    assert_int_equal(r->sr_period_slots, 10);
    assert_int_equal(r->sr_offset_slots, 7);
    assert_true(r->idle_grant_ms == 5.0);
    assert_int_equal(r->min_grant_prb, 10);
    assert_int_equal(r->min_grant_mcs, 9);
    assert_int_equal(r->max_ues_per_slot, 0);
    assert_int_equal(r->harq_processes, 16);
    assert_int_equal(r->harq_rounds, 4);
    assert_int_equal(r->la_min_blocks, 9);
    assert_true(r->pf_ewma == 0.0005);
    assert_int_equal(r->decoder, NR_DECODER_IT5);
    assert_int_equal(r->combining, NR_COMBINING_IR);
    assert_int_equal(r->channel_ul.index, CHANNEL_TESTBED);
    const struct channel_testbed *channel = r->channel_ul.options;
    assert_true(channel->mean_snr_db == 15.0 && channel->step_db == 0.5);
    assert_string_equal(r->policy.word, "proportional-fair");
    assert_true(sc.transport->rate_mbps == 1000.0);
    assert_int_equal(sc.core->gtpu_header_bytes, 44);
    assert_true(sc.engine.skip_idle_slots && sc.output.requests);
    assert_true(sc.output.ran_records_ms == 0.0);
    assert_int_equal(sc.seed, 1);

    const struct scenario_server *s = sc.servers.items;
    assert_int_equal(s->quant, 0);
    assert_int_equal(s->engine, LLM_VLLM);
    assert_string_equal(s->batching.word, "continuous");
    assert_true(s->loaded && s->memory_utilization == 0.9);
    assert_int_equal(s->kv_block_tokens, 16);

    const struct scenario_ues *u = sc.ues.items;
    assert_int_equal(u->count, 1);
    assert_string_equal(u->slice, "");
    assert_int_equal(u->slice_cycle.n, 0);
    assert_int_equal(u->traffic.index, TRAFFIC_WILLM_CLIENT);
    const struct traffic_willm *w = u->traffic.options;
    assert_true(w->period_s == 5.0);
    assert_int_equal(w->mode, MODE_IMAGE);
    assert_int_equal(w->display_encoding, DISPLAY_JPEG);
    assert_int_equal(w->base_width * w->base_height, 640 * 480);
    assert_int_equal(w->jpeg_quality, 95);
    assert_int_equal(w->coefficients.n, 6);
    assert_true(((const double *)w->coefficients.items)[5] == 0.5);
    assert_int_equal(w->word_counts.n, 4);
    assert_int_equal(((const int64_t *)w->word_counts.items)[3], 200);
    scenario_free(&sc);
}

static void test_stages_may_be_left_out(void **state)
{
    (void)state;
    struct scenario sc;
    load_text("{\"name\": \"s\", \"duration_s\": 2,"
              " \"servers\": [{\"id\": \"g\", \"gpu\": \"l4\", \"model\": \"llama-3.2-1b\"}],"
              " \"ues\": [{\"id\": \"u\", \"server\": \"*\","
              " \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\"}}]}",
              &sc);
    assert_null(sc.radio);
    assert_null(sc.transport);
    assert_null(sc.core);
    assert_int_equal(sc.cells.n, 0);
    assert_int_equal(sc.slices.tree.n, 0);
    const struct scenario_ues *u = sc.ues.items;
    assert_string_equal(u->cell, "");
    assert_string_equal(u->server, "*");
    assert_int_equal(((const struct traffic_willm *)u->traffic.options)->mode, MODE_TEXT);
    assert_string_equal(sc.description, "");
    assert_string_equal(sc.slices.rrm_policy, "");
    scenario_free(&sc);
}

static void test_names_become_structs(void **state)
{
    (void)state;
    struct scenario sc;
    load(GOOD, NULL, 0, &sc);
    assert_string_equal(sc.file, GOOD);
    assert_int_equal(scenario_slice_index(&sc, "embb"), 0);
    assert_int_equal(scenario_slice_index(&sc, "1222"), 3);
    assert_int_equal(scenario_slice_index(&sc, "none"), -1);
    const struct scenario_slice *slices = sc.slices.tree.items;
    assert_null(slices[0].parent);
    assert_string_equal(slices[3].parent, "embb");
    assert_true(slices[3].max_pct == 60.0);
    assert_string_equal(slices[3].service, "");
    const struct scenario_ues *u = sc.ues.items;
    assert_int_equal(u[1].slice_cycle.n, 2);
    assert_string_equal(((const char *const *)u[1].slice_cycle.items)[1], "1222");
    assert_int_equal(u[1].traffic.index, TRAFFIC_POISSON);
    const struct traffic_poisson *p = u[1].traffic.options;
    assert_int_equal(p->input_tokens.index, LENGTH_LOGNORMAL);
    assert_true(((const struct length_lognormal *)p->input_tokens.options)->median == 200.0);
    assert_int_equal(p->output_tokens.index, LENGTH_UNIFORM);
    assert_int_equal(u[2].traffic.index, TRAFFIC_TRACE_CSV);
    assert_string_equal(((const struct traffic_trace *)u[2].traffic.options)->path,
                        "tests/sim/bad/trace.csv");
    const struct scenario_server *servers = sc.servers.items;
    assert_int_equal(servers[0].engine, LLM_OLLAMA);
    scenario_free(&sc);
    scenario_free(&sc); /* again is harmless */
}

/* --set: one value, every item of a list, a whole object, a word; and the text that is stored. */
static void test_set(void **state)
{
    (void)state;
    const char *const sets[] = {"radio.n_prb=51",
                                "ues.count=7",
                                "ues.0.prepare_ms=2.5",
                                "radio.policy.kind=max-cqi",
                                "servers[1].batching={\"kind\": \"fifo\"}",
                                "name=other"};
    struct scenario sc;
    load(GOOD, sets, 6, &sc);
    assert_int_equal(sc.radio->n_prb, 51);
    const struct scenario_ues *u = sc.ues.items;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(u[i].count, 7);
    }
    assert_true(u[0].prepare_ms == 2.5 && u[1].prepare_ms == 10.0);
    assert_string_equal(sc.radio->policy.word, "max-cqi");
    assert_string_equal(((const struct scenario_server *)sc.servers.items)[1].batching.word,
                        "fifo");
    assert_string_equal(sc.name, "other");

    cJSON *root = NULL;
    struct err e = {0};
    assert_int_equal(json_read_text("text", sc.text, strlen(sc.text), &root, &e), 0);
    const cJSON *radio = cJSON_GetObjectItemCaseSensitive(root, "radio");
    assert_true(cJSON_GetObjectItemCaseSensitive(radio, "n_prb")->valuedouble == 51.0);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(root, "name")->valuestring, "other");
    json_delete(root);
    scenario_free(&sc);
}

static void test_data_path(void **state)
{
    (void)state;
    char *before = getenv("WILLMSIM_DATA");
    before = before != NULL ? strdup(before) : NULL;
    struct scenario sc = {0};
    unsetenv("WILLMSIM_DATA");
    assert_string_equal(scenario_path(&sc, "$WILLMSIM_DATA/a/b.csv"), "../shared/data/a/b.csv");
    setenv("WILLMSIM_DATA", "/x", 1);
    assert_string_equal(scenario_path(&sc, "$WILLMSIM_DATA/a/b.csv"), "/x/a/b.csv");
    assert_string_equal(scenario_path(&sc, "a/$WILLMSIM_DATA/b"), "a/$WILLMSIM_DATA/b");
    setenv("WILLMSIM_DATA", "tests/sim", 1);
    const char *set = "ues.2.traffic.path=$WILLMSIM_DATA/bad/trace.csv";
    scenario_free(&sc);
    load(GOOD, &set, 1, &sc);
    scenario_free(&sc);
    if (before != NULL) {
        setenv("WILLMSIM_DATA", before, 1);
    } else {
        unsetenv("WILLMSIM_DATA");
    }
    free(before);
}

/* The testbed's own files, with their own faults (min above max), load as they are. */
static void test_testbed_policy_files(void **state)
{
    (void)state;
    struct scenario sc = {0};
    const char *path = scenario_path(&sc, "$WILLMSIM_DATA/willm/policies/HEAD_rrmPolicy.json");
    assert_non_null(path);
    bool there = access(path, R_OK) == 0;
    scenario_free(&sc);
    if (!there) {
        skip();
    }
    const char *const sets[] = {
        "slices={\"rrm_policy\": \"$WILLMSIM_DATA/willm/policies/HEAD_rrmPolicy.json\"}",
        "ues.0={\"id\": \"a\", \"cell\": \"*\", \"server\": \"*\", \"traffic\": {\"kind\": "
        "\"willm-client\"}}",
        "ues.1={\"id\": \"b\", \"cell\": \"*\", \"server\": \"*\", \"traffic\": {\"kind\": "
        "\"willm-client\"}}",
    };
    load(GOOD, sets, 3, &sc);
    const struct scenario_slice *slices = sc.slices.tree.items;
    assert_int_equal(sc.slices.tree.n, 5); /* three branches, two fruits */
    int fruits = 0;
    for (size_t i = 0; i < sc.slices.tree.n; i++) {
        fruits += slices[i].parent != NULL ? 1 : 0;
        assert_int_equal(scenario_slice_index(&sc, slices[i].id), (int)i);
    }
    assert_int_equal(fruits, 2);
    assert_true(slices[0].min_pct == 20.0 && slices[0].max_pct == 50.0);
    assert_true(slices[1].min_pct > slices[1].max_pct); /* 70 above 50, as published */
    scenario_free(&sc);
}

/* Words of the tables against the enums that they index. */
static void test_words_follow_the_enums(void **state)
{
    (void)state;
    const struct json_field *servers = NULL;
    for (const struct json_field *f = scenario_spec.fields; f->key != NULL; f++) {
        servers = strcmp(f->key, "servers") == 0 ? f : servers;
    }
    assert_non_null(servers);
    const struct json_field *quant = NULL;
    for (const struct json_field *f = servers->spec->fields; f->key != NULL; f++) {
        quant = strcmp(f->key, "quant") == 0 ? f : quant;
    }
    assert_non_null(quant);
    assert_string_equal(quant->words[0], "default");
    for (int i = 0; i < LLM_QUANT_COUNT; i++) {
        assert_string_equal(quant->words[i + 1], llm_quant_words[i]);
    }
    assert_null(quant->words[LLM_QUANT_COUNT + 1]);

    assert_string_equal(scenario_traffic_variants[TRAFFIC_WILLM_CLIENT].word, "willm-client");
    assert_string_equal(scenario_traffic_variants[TRAFFIC_POISSON].word, "poisson");
    assert_string_equal(scenario_traffic_variants[TRAFFIC_TRACE_AZURE].word, "trace-azure");
    assert_string_equal(scenario_traffic_variants[TRAFFIC_TRACE_MOONCAKE].word, "trace-mooncake");
    assert_string_equal(scenario_traffic_variants[TRAFFIC_TRACE_CSV].word, "trace-csv");
    assert_null(scenario_traffic_variants[TRAFFIC_KINDS].word);
}

int test_scenario(void);
int test_scenario(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_the_testbed),
        cmocka_unit_test(test_stages_may_be_left_out),
        cmocka_unit_test(test_names_become_structs),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_data_path),
        cmocka_unit_test(test_testbed_policy_files),
        cmocka_unit_test(test_words_follow_the_enums),
    };
    return cmocka_run_group_tests_name("scenario", tests, home, NULL);
}
