/* Pins: policy oai-willm against worked examples of the testbed's code (three of them built in, all
 * of them when the shared data are there), each quirk on and off, and over random slots what
 * sched/radio_oai_willm.c promises (O1 to O3). Transport blocks are checked with models/nr_tbs.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/draw.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "tests/sched/radio_ask.h"

enum { MAX_UES = 8, MAX_SLICES = 8, CARRIER = 106 };

/* --- Asking ----------------------------------------------------------------------------------- */

static int32_t ask(const char *options, const struct radio_view *view, struct radio_grant *grants)
{
    return radio_ask("oai-willm", options, view, grants);
}

static int32_t tb_bytes(enum radio_direction d, int mcs, int n_prb)
{
    struct nr_mcs m = nr_mcs(1, mcs);
    struct nr_tbs_input in = {.qm = m.qm,
                              .r_x10240 = m.r_x10240,
                              .n_prb = n_prb,
                              .n_symbols = 13,
                              .dmrs_re_per_prb = d == RADIO_UL ? 18 : 12,
                              .layers = 1};
    return nr_tbs_bits(&in) / 8;
}

static int32_t prb_for(enum radio_direction d, int mcs, int64_t bytes)
{
    int32_t prb = 1;
    while (prb < CARRIER && tb_bytes(d, mcs, prb) < bytes) {
        prb++;
    }
    return prb;
}

/* The downlink scheduler adds 12 bytes of MAC headers to what is waiting. */
static struct radio_ue_view ue_of(enum radio_direction d, int branch, int64_t bytes, int mcs)
{
    return (struct radio_ue_view){.branch = branch,
                                  .fruit = -1,
                                  .backlog_bytes = bytes,
                                  .mcs = mcs,
                                  .thr = 100,
                                  .pf_bytes = 100,
                                  .prb_for_backlog =
                                      prb_for(d, mcs, bytes + (d == RADIO_DL ? 12 : 0)),
                                  .max_prb = CARRIER,
                                  .last_slot = -1,
                                  .service = ""};
}

static struct radio_view view_of(enum radio_direction d, const struct slice_tree *tree,
                                 const struct radio_ue_view *ues, int32_t n)
{
    return (struct radio_view){.direction = d,
                               .slot = 1000,
                               .carrier_prb = CARRIER,
                               .n_prb = CARRIER,
                               .min_grant_prb = d == RADIO_UL ? 10 : 5,
                               .max_grants = 4,
                               .slices = tree,
                               .ues = ues,
                               .n_ues = n};
}

static struct slice slice_of(int parent, int sst, double min_pct, double max_pct)
{
    struct slice s = radio_slice(parent, min_pct / 100, max_pct / 100);
    s.sst = sst;
    return s;
}

/* --- The worked examples ---------------------------------------------------------------------- */

/* Rows of one example (one slot): id,dir,inputs,derived1,derived2,prb_before,prb_final,tb_bytes. */
struct example {
    char id[8];
    struct slice slices[MAX_SLICES];
    struct slice_tree tree;
    struct radio_ue_view ues[MAX_UES];
    int32_t before[MAX_UES], final[MAX_UES], tb[MAX_UES];
    int n;
    struct radio_view view;
};

static void read_ul(struct example *x, const char *inputs)
{
    double min, max;
    int t, mcs, bytes;
    if (sscanf(inputs,
               "slice2 min=%lf max=%lf; T=max_rbSize=%d; mcs=%d; 13sym dmrs18 1 layer; B=%d", &min,
               &max, &t, &mcs, &bytes) != 5) {
        fail_msg("%s: \"%s\" is not understood", x->id, inputs);
    }
    x->tree.ul_min_ratio = min / 100;
    x->tree.ul_max_ratio = max / 100;
    x->ues[0] = ue_of(RADIO_UL, -1, bytes, mcs);
    x->ues[0].max_prb = t < 90 ? t : CARRIER;
    x->n = 1;
}

/* Branches: "s1 min40 max70", "s1 40/70" or "4 slices min 0/20/30/40 max 100/50/60/70", where slice
 * 0 is that of UEs without a branch. */
static void read_branches(struct example *x, const char *inputs)
{
    double a[8];
    const char *s1 = strstr(inputs, "s1 ");
    int n = 1;
    if (s1 != NULL && (sscanf(s1, "s1 min%lf max%lf", &a[0], &a[1]) == 2 ||
                       sscanf(s1, "s1 %lf/%lf", &a[0], &a[1]) == 2)) {
        x->slices[0] = slice_of(-1, 1, a[0], a[1]);
    } else if (sscanf(inputs, "4 slices min %lf/%lf/%lf/%lf max %lf/%lf/%lf/%lf", &a[0], &a[1],
                      &a[2], &a[3], &a[4], &a[5], &a[6], &a[7]) == 8) {
        for (n = 0; n < 3; n++) {
            x->slices[n] = slice_of(-1, n + 1, a[n + 1], a[n + 5]);
        }
    } else {
        fail_msg("%s: \"%s\" is not understood", x->id, inputs);
    }
    x->tree.n = n;
}

static void read_dl(struct example *x, const char *inputs)
{
    int k, branch, bytes, mcs, min, max;
    double priority, coef;
    const char *at = strstr(inputs, "; UE");
    if (at == NULL || sscanf(at, "; UE%d slice=%d bytes=%d mcs=%d prio=%lf fruit[%d..%d] coef=%lf",
                             &k, &branch, &bytes, &mcs, &priority, &min, &max, &coef) != 8) {
        fail_msg("%s: \"%s\" is not understood", x->id, inputs);
    }
    if (x->tree.n == 0) {
        read_branches(x, inputs);
    }
    assert_int_equal(k, x->n);
    struct radio_ue_view *ue = &x->ues[x->n++];
    *ue = ue_of(RADIO_DL, branch - 1, bytes, mcs);
    ue->thr = ue->pf_bytes / coef;
    if (min > 0 || max < 100 || priority != 1.0) {
        ue->fruit = x->tree.n;
        x->slices[x->tree.n] = slice_of(branch - 1, 1, min, max);
        x->slices[x->tree.n++].priority = priority;
    }
}

static void read_row(struct example *x, char *line)
{
    char *cell[8];
    for (int i = 0; i < 8; i++) {
        cell[i] = line == NULL ? NULL : strsep(&line, ",");
        assert_non_null(cell[i]);
    }
    snprintf(x->id, sizeof x->id, "%s", cell[0]);
    int at = x->n;
    if (strcmp(cell[1], "UL") == 0) {
        read_ul(x, cell[2]);
        x->view = view_of(RADIO_UL, &x->tree, x->ues, x->n);
    } else {
        read_dl(x, cell[2]);
        x->view = view_of(RADIO_DL, &x->tree, x->ues, x->n);
    }
    x->final[at] = atoi(cell[6]);
    x->before[at] = cell[5][0] != '\0' ? atoi(cell[5]) : x->final[at];
    x->tb[at] = atoi(cell[7]);
    x->tree.slices = x->slices;
}

static void check_example(const struct example *x)
{
    struct radio_grant grants[MAX_UES];
    int32_t n = ask(NULL, &x->view, grants);
    if (n != x->n) {
        fail_msg("%s: %d grants, not %d", x->id, n, x->n);
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t ue = grants[i].ue;
        int32_t tb = tb_bytes(x->view.direction, x->ues[ue].mcs, grants[i].tbs_prb);
        if (grants[i].n_prb != x->final[ue] || grants[i].tbs_prb != x->before[ue] ||
            tb != x->tb[ue]) {
            fail_msg("%s: UE %d has %d PRB, block of %d PRB and %d bytes, not %d, %d and %d", x->id,
                     ue, grants[i].n_prb, grants[i].tbs_prb, tb, x->final[ue], x->before[ue],
                     x->tb[ue]);
        }
    }
}

static void check_lines(char **lines, int n)
{
    int i = 0;
    while (i < n) {
        struct example x = {0};
        size_t id = strcspn(lines[i], ",");
        int j = i;
        while (j < n && strncmp(lines[j], lines[i], id + 1) == 0) {
            j++;
        }
        for (; i < j; i++) {
            char line[512];
            snprintf(line, sizeof line, "%s", lines[i]);
            read_row(&x, line);
        }
        check_example(&x);
    }
}

/* Three rows of the table below, so that there is a check without the shared data. */
static void test_examples_built_in(void **state)
{
    (void)state;
    char *lines[] = {
        "U1,UL,slice2 min=30 max=40; T=max_rbSize=90; mcs=9; 13sym dmrs18 1 layer; B=1000000 "
        "bytes,min_rb=10,max_rb=36,,36,816",
        "U8,UL,slice2 min=0 max=5; T=max_rbSize=90; mcs=9; 13sym dmrs18 1 layer; B=1000000 "
        "bytes,min_rb=10,max_rb=4,,4,92",
        "D5,DL,s1 40/70; fruit prio 1.2; UE0 slice=1 bytes=1000 mcs=9 prio=1.2 fruit[0..80] "
        "coef=1.0,slice_limits=s0:64 s1:74 ,rbStart=0,43,51,1024",
    };
    check_lines(lines, 3);
}

static void test_examples(void **state)
{
    (void)state;
    char path[1024];
    const char *data = getenv("WILLMSIM_DATA");
    snprintf(path, sizeof path, "%s/willm/slice_examples.csv",
             data != NULL ? data : "../shared/data");
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        skip();
    }
    static char text[64][512];
    char *lines[64];
    int n = 0;
    assert_non_null(fgets(text[0], sizeof text[0], f)); /* the header */
    while (n < 64 && fgets(text[n], sizeof text[n], f) != NULL) {
        text[n][strcspn(text[n], "\r\n")] = '\0';
        lines[n] = text[n];
        n++;
    }
    fclose(f);
    assert_true(n >= 10);
    check_lines(lines, n);
}

/* --- Quirks ----------------------------------------------------------------------------------- */

static void expect_grant(const struct radio_grant *g, int32_t ue, int32_t start, int32_t n_prb,
                         int32_t tbs_prb)
{
    if (g->ue != ue || g->prb_start != start || g->n_prb != n_prb || g->tbs_prb != tbs_prb) {
        fail_msg("UE %d from %d, %d PRB, block of %d; not UE %d from %d, %d PRB, block of %d",
                 g->ue, g->prb_start, g->n_prb, g->tbs_prb, ue, start, n_prb, tbs_prb);
    }
}

static void test_uplink(void **state)
{
    (void)state;
    struct radio_grant g[MAX_UES];
    struct slice s[] = {slice_of(-1, 1, 0, 100), slice_of(0, 1, 50, 30), slice_of(0, 1, 0, 90)};
    struct slice_tree tree = {.slices = s, .n = 3};
    struct radio_ue_view ues[3] = {ue_of(RADIO_UL, 0, 1000000, 9), ue_of(RADIO_UL, 0, 1000000, 9),
                                   ue_of(RADIO_UL, 0, 1000000, 9)};
    ues[0].fruit = 1;
    ues[1].fruit = 2;
    ues[1].thr = 50; /* first */
    struct radio_view v = view_of(RADIO_UL, &tree, ues, 1);
    /* 30 % of 90 by the UE's own fruit; slice2 goes before it. */
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, 0, 27, 27);
    tree.ul_max_ratio = 0.6;
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, 0, 54, 54);
    tree.ul_max_ratio = 0;

    /* Taken: PRB 0 and 1, 40 to 59. The wide grant runs over the latter and to 90 % of 90 PRB; the
     * next one starts behind it and ends at the carrier's edge. */
    uint64_t taken[2] = {3, 0};
    for (int p = 40; p < 60; p++) {
        taken[0] |= 1ULL << p;
    }
    v.taken = taken;
    v.n_prb = 84;
    v.n_ues = 3;
    assert_int_equal(ask(NULL, &v, g), 1); /* 84 - 81 PRB left: less than the smallest grant */
    expect_grant(&g[0], 1, 2, 81, 81);
    v.n_prb = 106;
    ues[2].branch = -1;
    assert_int_equal(ask(NULL, &v, g), 2);
    expect_grant(&g[1], 0, 83, 23, 23); /* 27, cut at the edge */
    /* Looking: 38 free PRB from 2 and 46 from 60, of which the fruits have 90 % and 30 %. */
    v.n_prb = 84;
    assert_int_equal(ask("{\"ul_ignore_taken\": false}", &v, g), 3);
    expect_grant(&g[0], 1, 2, 34, 34);
    expect_grant(&g[1], 0, 60, 13, 13);
    expect_grant(&g[2], 2, 73, 33, 33);
    assert_int_equal(ask("{\"ul_window_prb\": 50}", &v, g), 3);
    expect_grant(&g[0], 1, 2, 45, 45);
    expect_grant(&g[1], 0, 60, 15, 15);
    expect_grant(&g[2], 2, 75, 31, 31); /* 50, cut at the edge */

    /* The minimum that the code means: 50 % of 90, and then the maximum wins. */
    v = view_of(RADIO_UL, &tree, ues, 1);
    ues[0].prb_for_backlog = 3;
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, 0, 10, 10);
    assert_int_equal(ask("{\"ul_min_inert\": false}", &v, g), 1);
    expect_grant(&g[0], 0, 0, 27, 27);

    /* Idle grants first, in the order of the UEs; a start that leaves just 10 PRB is refused. */
    for (int i = 0; i < 3; i++) {
        ues[i] = ue_of(RADIO_UL, -1, 1000000, 9);
        ues[i].idle_grant = i > 0;
    }
    v.n_ues = 3;
    assert_int_equal(ask(NULL, &v, g), 3);
    expect_grant(&g[0], 1, 0, 10, 10);
    expect_grant(&g[1], 2, 10, 10, 10);
    expect_grant(&g[2], 0, 20, 86, 86);
    assert_int_equal(ask("{\"idle_first\": false}", &v, g), 2);
    expect_grant(&g[0], 0, 0, 90, 90);
    expect_grant(&g[1], 1, 90, 10, 10);
    ues[0].idle_grant = true;
    taken[0] = taken[1] = 0;
    for (int p = 0; p < 96; p++) {
        taken[p / 64] |= 1ULL << (p % 64);
    }
    v.taken = taken;
    v.n_prb = 10;
    assert_int_equal(ask(NULL, &v, g), 0);
    assert_int_equal(ask("{\"ul_ignore_taken\": false}", &v, g), 1);
    expect_grant(&g[0], 0, 96, 10, 10);
    ues[0].idle_grant = false;
    v.taken = NULL;
    /* No bitmap: the first PRB are taken. */
    v.n_prb = 50;
    assert_int_equal(ask(NULL, &v, g), 3);
    expect_grant(&g[0], 1, 56, 10, 10);
}

static void test_downlink(void **state)
{
    (void)state;
    struct radio_grant g[MAX_UES];
    /* Three entries of one S-NSSAI, as in the testbed's rrmPolicy.json: the last one holds. */
    struct slice s[] = {slice_of(-1, 1, 20, 50), slice_of(-1, 1, 70, 50), slice_of(-1, 1, 40, 70),
                        slice_of(0, 1, 0, 50)};
    struct slice_tree tree = {.slices = s, .n = 4};
    struct radio_ue_view ues[2] = {ue_of(RADIO_DL, 0, 1000000, 9), ue_of(RADIO_DL, 0, 1000000, 9)};
    ues[0].fruit = 3;
    ues[1].thr = 1e6;
    struct radio_view v = view_of(RADIO_DL, &tree, ues, 1);
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, -1, 50, 75);
    assert_int_equal(ask("{\"dl_keep_block\": false}", &v, g), 1);
    expect_grant(&g[0], 0, -1, 50, 50);
    assert_int_equal(ask("{\"dl_one_more\": false}", &v, g), 1);
    expect_grant(&g[0], 0, -1, 50, 74);
    /* As a share, 50 % are 53 PRB. */
    assert_int_equal(ask("{\"dl_fruit_absolute\": false}", &v, g), 1);
    expect_grant(&g[0], 0, -1, 53, 75);
    /* As a slice of its own it has min(106, 53), for the silent slices have been served before it
     * and used nothing of their minima. */
    assert_int_equal(ask("{\"dl_last_match\": false}", &v, g), 1);
    expect_grant(&g[0], 0, -1, 50, 54);
    /* The fruit's cut leaves 24 of the slice's 74, and one more, to the next UE. */
    v.n_ues = 2;
    assert_int_equal(ask(NULL, &v, g), 2);
    expect_grant(&g[0], 0, -1, 50, 75);
    expect_grant(&g[1], 1, -1, 25, 25);
    /* A priority that asks for more than there is: the testbed's gNB stops, here it is cut. */
    s[3] = slice_of(0, 1, 0, 100);
    s[3].priority = 2;
    v.n_prb = 60;
    v.n_ues = 1;
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, -1, 60, 43);
    /* The first slice served leaves the other its minimum: 106 - 63, and one more. */
    struct slice two[] = {slice_of(-1, 1, 0, 100), slice_of(-1, 2, 60, 100)};
    struct slice_tree pair = {.slices = two, .n = 2};
    struct radio_ue_view many[6];
    for (int i = 0; i < 6; i++) {
        many[i] = ue_of(RADIO_DL, i == 5, 1000000, 9);
    }
    struct radio_view w = view_of(RADIO_DL, &pair, many + 4, 2);
    assert_int_equal(ask(NULL, &w, g), 2);
    expect_grant(&g[0], 0, -1, 44, 44);
    expect_grant(&g[1], 1, -1, 62, 62);
    /* The estimate looks at as many UEs as a slot serves: 4 x 6 PRB come before 27, 5 x 6 would
     * not, and take all four grants. */
    for (int i = 0; i < 6; i++) {
        many[i].prb_for_backlog = i == 5 ? 27 : 6;
    }
    w = view_of(RADIO_DL, &pair, many, 6);
    assert_int_equal(ask(NULL, &w, g), 4);
    for (int i = 0; i < 4; i++) {
        expect_grant(&g[i], i, -1, 6, 6);
    }
    /* Idle grants in the downlink, too. */
    ues[0].idle_grant = true;
    assert_int_equal(ask(NULL, &v, g), 1);
    expect_grant(&g[0], 0, -1, 5, 5);
}

/* The option table's defaults are those of a policy without options. */
static void test_defaults(void **state)
{
    (void)state;
    struct radio_ue_view ues[] = {ue_of(RADIO_UL, -1, 1000000, 9)};
    uint64_t taken[2] = {1ULL << 30, 0};
    for (int d = 0; d < 2; d++) {
        struct radio_view v = view_of((enum radio_direction)d, NULL, ues, 1);
        struct radio_grant a[2];
        struct radio_grant b[2];
        v.taken = taken;
        assert_int_equal(ask(NULL, &v, a), 1);
        assert_int_equal(ask("{}", &v, b), 1);
        assert_memory_equal(a, b, sizeof a[0]);
        assert_int_equal(a[0].n_prb, d == RADIO_UL ? 90 : 100);
    }
}

/* --- Random slots ----------------------------------------------------------------------------- */

static uint64_t draws;

static int32_t pick(int32_t from, int32_t to)
{
    return from + (int32_t)(draw_uniform(11, DRAW_POLICY, 0, draws++) * (to - from + 1));
}

static void check_placed(const struct radio_view *v, const struct radio_grant *g, int32_t n,
                         bool may_overlap)
{
    uint64_t taken[2] = {v->taken[0], v->taken[1]};
    int64_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        assert_true(g[i].prb_start >= 0 && g[i].prb_start + g[i].n_prb <= v->carrier_prb); /* O1 */
        sum += g[i].n_prb;
        for (int32_t p = g[i].prb_start; p < g[i].prb_start + g[i].n_prb; p++) {
            assert_true(may_overlap || (taken[p / 64] >> (p % 64) & 1) == 0); /* O2 */
            taken[p / 64] |= 1ULL << (p % 64);
        }
    }
    assert_true(may_overlap || sum <= v->n_prb);
}

static void check_downlink(const struct radio_view *v, const struct radio_grant *g, int32_t n)
{
    int64_t sum = 0;
    int32_t idle = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += g[i].n_prb;
        idle += v->ues[g[i].ue].idle_grant ? g[i].n_prb : 0;
    }
    assert_true(sum <= v->n_prb);
    for (int b = 0; b < v->slices->n; b++) {
        int32_t blocks = 0;
        int32_t served = 0;
        for (int32_t i = 0; i < n; i++) {
            if (v->ues[g[i].ue].branch == b && !v->ues[g[i].ue].idle_grant) {
                blocks = g[i].tbs_prb > blocks ? g[i].tbs_prb : blocks;
                served++;
            }
        }
        int32_t most = slice_prb(v->slices->slices[b].max_ratio, v->n_prb - idle) + 1;
        assert_true(served == 0 || blocks <= most); /* O3, of the first UE */
    }
}

static void test_random_slots(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct slice s[4];
        struct slice_tree tree = {.slices = s, .n = pick(0, 4)};
        int left = 100;
        for (int i = 0; i < tree.n; i++) {
            int min = pick(0, left);
            left -= min;
            s[i] = slice_of(-1, i + 1, min, pick(min, 100));
        }
        enum radio_direction d = pick(0, 1) == 0 ? RADIO_DL : RADIO_UL;
        struct radio_ue_view ues[MAX_UES];
        int32_t n_ues = pick(1, MAX_UES);
        for (int i = 0; i < n_ues; i++) {
            ues[i] = ue_of(d, tree.n > 0 ? pick(-1, tree.n - 1) : -1, pick(1, 3000), pick(0, 28));
            ues[i].thr = pick(0, 100);
            ues[i].idle_grant = pick(0, 4) == 0;
        }
        struct radio_view v = view_of(d, &tree, ues, n_ues);
        uint64_t taken[2] = {0, 0};
        int32_t from = pick(0, CARRIER - 1);
        int32_t to = pick(from, CARRIER - 1);
        for (int32_t p = from; p < to; p++) {
            taken[p / 64] |= 1ULL << (p % 64);
        }
        v.taken = taken;
        v.n_prb = CARRIER - (to - from);
        struct radio_grant g[MAX_UES];
        int32_t n = ask(NULL, &v, g);
        assert_in_range(n, 0, 4);
        for (int32_t i = 0; i < n; i++) {
            bool idle = ues[g[i].ue].idle_grant;
            assert_true(g[i].n_prb > 0 && (!idle || g[i].n_prb == v.min_grant_prb)); /* R3 */
        }
        if (d == RADIO_DL) {
            check_downlink(&v, g, n);
        } else {
            check_placed(&v, g, n, true);
            n = ask("{\"ul_ignore_taken\": false}", &v, g);
            check_placed(&v, g, n, false);
        }
    }
}

int test_radio_oai(void);

int test_radio_oai(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_built_in),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_uplink),
        cmocka_unit_test(test_downlink),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_random_slots),
    };
    return cmocka_run_group_tests_name("radio_oai", tests, NULL, NULL);
}
