/* slice_slot.c - see slice_slot.h.
 *
 * A policy file is one of the testbed's rrmPolicy.json (and then the policy is oai-willm), or
 * {"policy": WORD, ...its options, "tree": [slices]} with slices as in a scenario.
 */
#include "tools/slice_slot.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/nr_tables.h"
#include "models/nr_tbs.h"

/* --- Files ------------------------------------------------------------------------------------ */

struct tree_slice {
    const char *id, *parent, *service;
    double min_pct, max_pct, dedicated_pct, priority;
    int64_t sst, sd;
};

struct tree_file {
    struct json_list tree;
};

#define FIELD(object, member, json_type, ...)                                                      \
    {                                                                                              \
        .key = #member, .type = (json_type), .offset = offsetof(struct object, member),            \
        __VA_ARGS__                                                                                \
    }
#define SPEC(title, object, text)                                                                  \
    {                                                                                              \
        .name = (title), .doc = (text), .size = sizeof(struct object), .fields = object##_fields   \
    }

static const struct json_field tree_slice_fields[] = {
    FIELD(tree_slice, id, JSON_STR, .doc = "Name of the slice."),
    FIELD(tree_slice, parent, JSON_STR, .def = "null", .doc = "Its branch; left out: a branch."),
    FIELD(tree_slice, min_pct, JSON_NUM, .max = 100, .def = "0", .doc = "Minimum in percent."),
    FIELD(tree_slice, max_pct, JSON_NUM, .max = 100, .def = "100", .doc = "Maximum in percent."),
    FIELD(tree_slice, dedicated_pct, JSON_NUM, .max = 100, .def = "0",
          .doc = "Part of the minimum that others never get, in percent of the carrier."),
    FIELD(tree_slice, priority, JSON_NUM, .max = 100, .above_min = true, .def = "1",
          .doc = "Factor pi of Algorithm 1."),
    FIELD(tree_slice, sst, JSON_INT, .max = 255, .def = "1", .doc = "S-NSSAI: SST."),
    FIELD(tree_slice, sd, JSON_INT, .min = -1, .max = 16777215, .def = "-1",
          .doc = "S-NSSAI: SD, -1: none."),
    FIELD(tree_slice, service, JSON_STR, .def = "null", .doc = "LLM service."),
    {.key = NULL}};
static const struct json_spec tree_slice_spec = SPEC("slice", tree_slice, "A slice.");

static const struct json_field tree_file_fields[] = {FIELD(tree_file, tree, JSON_LIST, .max = 1000,
                                                           .spec = &tree_slice_spec, .def = "[]",
                                                           .doc = "Branches and fruits."),
                                                     {.key = NULL}};
static const struct json_spec tree_file_spec = SPEC("tree", tree_file, "The slice tree.");

static const struct json_field demand_ue_fields[] = {
    FIELD(demand_ue, ue, JSON_INT, .max = 1e6, .doc = "Number of the UE."),
    FIELD(demand_ue, slice, JSON_STR, .def = "null", .doc = "Id of its slice; left out: none."),
    FIELD(demand_ue, rnti, JSON_STR, .def = "null",
          .doc = "RNTI (\"0x1234\"), instead of slice: what ueSliceMapping says."),
    FIELD(demand_ue, backlog_bytes, JSON_INT, .max = 1e12, .doc = "Bytes that wait."),
    FIELD(demand_ue, mcs, JSON_INT, .max = 28, .doc = "MCS index."),
    FIELD(demand_ue, thr, JSON_NUM, .max = 1e15, .def = "0",
          .doc = "Average bytes per opportunity so far; 0: nothing yet."),
    FIELD(demand_ue, idle, JSON_BOOL, .def = "false",
          .doc = "Whether an idle grant is due (backlog_bytes 0)."),
    FIELD(demand_ue, cqi, JSON_INT, .max = 15, .def = "0", .doc = "CQI."),
    FIELD(demand_ue, max_prb, JSON_INT, .max = SLOT_PRB_MAX, .def = "0",
          .doc = "Most PRB that its power allows; 0: the carrier."),
    FIELD(demand_ue, last_slot, JSON_INT, .min = -1e9, .max = -1, .def = "-1",
          .doc = "When it was last served; this slot is slot 0."),
    FIELD(demand_ue, server_queue, JSON_INT, .max = 1e9, .def = "0",
          .doc = "Requests waiting at its server."),
    {.key = NULL}};
static const struct json_spec demand_ue_spec = SPEC("ue", demand_ue, "A UE.");

const char *const demand_directions[] = {"dl", "ul", NULL};
static const struct json_field demand_fields[] = {
    FIELD(demand, n_prb, JSON_INT, .min = 1, .max = SLOT_PRB_MAX, .doc = "PRB of the carrier."),
    FIELD(demand, direction, JSON_WORD, .words = demand_directions, .doc = "dl or ul."),
    FIELD(demand, ues, JSON_LIST, .min = 1, .max = 10000, .spec = &demand_ue_spec, .doc = "UEs."),
    FIELD(demand, taken, JSON_INTS, .max = SLOT_PRB_MAX - 1, .def = "[]",
          .doc = "PRB that are not free, counted from 0."),
    FIELD(demand, max_grants, JSON_INT, .max = SLOT_PRB_MAX, .def = "0",
          .doc = "UEs that the slot may serve; 0: n_prb / 24, as the testbed."),
    FIELD(demand, min_grant_prb, JSON_INT, .max = SLOT_PRB_MAX, .def = "0",
          .doc = "Smallest grant; 0: the testbed's, 10 up and 5 down."),
    FIELD(demand, mcs_table, JSON_INT, .min = 1, .max = 3, .def = "1",
          .doc = "Table 5.1.3.1-1, -2 or -3 of 38.214."),
    FIELD(demand, symbols, JSON_INT, .min = 1, .max = 14, .def = "13", .doc = "Data symbols."),
    FIELD(demand, dmrs_re, JSON_INT, .min = -1, .max = 144, .def = "-1",
          .doc = "DMRS elements per PRB; -1: the testbed's, 18 up and 12 down."),
    FIELD(demand, overhead_bytes, JSON_INT, .min = -1, .max = 1000, .def = "-1",
          .doc = "MAC headers added to the backlog; -1: the testbed's, 0 up and 12 down."),
    {.key = NULL}};
const struct json_spec demand_spec = SPEC("demand", demand, "What waits in a slot.");

/* --- The policy ------------------------------------------------------------------------------- */

static int find_policy(const cJSON *word, const char *file, const struct radio_policy **policy,
                       struct err *e)
{
    if (!cJSON_IsString(word)) {
        return err_input(e, file, "policy", "must be a word; see 'willmsim list policies'");
    }
    *policy = radio_policy_find(word->valuestring);
    if (*policy != NULL) {
        return 0;
    }
    const char *known[64];
    int n = 0;
    while (n < 64 && radio_policies[n] != NULL) {
        known[n] = radio_policies[n]->word;
        n++;
    }
    const char *near = err_nearest(word->valuestring, known, n);
    return err_input(e, file, "policy", "unknown policy \"%s\"; %s%s%s", word->valuestring,
                     near != NULL ? "did you mean \"" : "see 'willmsim list policies'",
                     near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int find_slice(const struct slice_tree *tree, const char *id, const char *file,
                      const char *place, int *index, struct err *e)
{
    *index = slice_find(tree, id);
    return *index >= 0 ? 0
                       : err_input(e, file, place,
                                   "there is no slice \"%s\"; write one of the %d "
                                   "that the policy has, or leave the key out",
                                   id, tree->n);
}

static int make_tree(const struct json_list *list, const char *file, struct arena *a,
                     struct slice_tree *tree, struct err *e)
{
    const struct tree_slice *from = list->items;
    tree->n = (int)list->n;
    tree->slices = arena_array(a, list->n, sizeof *tree->slices);
    if (tree->slices == NULL) {
        return err_memory(e, "reading slices");
    }
    for (int i = 0; i < tree->n; i++) {
        tree->slices[i] = (struct slice){.id = from[i].id,
                                         .parent = -1,
                                         .min_ratio = from[i].min_pct / 100.0,
                                         .max_ratio = from[i].max_pct / 100.0,
                                         .dedicated_ratio = from[i].dedicated_pct / 100.0,
                                         .priority = from[i].priority,
                                         .sst = (int)from[i].sst,
                                         .sd = (int)from[i].sd,
                                         .service = from[i].service};
    }
    for (int i = 0; i < tree->n; i++) {
        struct slice *s = &tree->slices[i];
        char place[32];
        snprintf(place, sizeof place, "tree[%d].parent", i);
        if (from[i].parent != NULL &&
            find_slice(tree, from[i].parent, file, place, &s->parent, e)) {
            return ERR_INPUT;
        }
    }
    return slice_tree_check(tree, file, "tree", e);
}

/* {"policy": WORD, ...options, "tree": [...]}; takes the tree out of `root`. */
static int read_own(cJSON *root, const char *file, struct arena *a, struct policy_file *p,
                    struct err *e)
{
    int rc = find_policy(cJSON_GetObjectItemCaseSensitive(root, "policy"), file, &p->policy, e);
    if (rc != 0) {
        return rc;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(root, "policy");
    cJSON *holder = cJSON_CreateObject();
    cJSON *tree = cJSON_DetachItemFromObjectCaseSensitive(root, "tree");
    if (holder == NULL || (tree != NULL && !cJSON_AddItemToObject(holder, "tree", tree))) {
        cJSON_Delete(tree);
        cJSON_Delete(holder);
        return err_memory(e, "reading the policy");
    }
    struct tree_file bound;
    rc = json_bind(holder, &tree_file_spec, &bound, file, "", a, e);
    cJSON_Delete(holder);
    if (rc == 0) {
        rc = make_tree(&bound.tree, file, a, &p->rrm.tree, e);
    }
    p->options = arena_alloc(a, p->policy->options->size);
    if (rc == 0 && p->options == NULL) {
        rc = err_memory(e, "reading the policy");
    }
    return rc != 0 ? rc : json_bind(root, p->policy->options, p->options, file, "", a, e);
}

int policy_file_read(struct policy_file *p, const char *file, const char *sub, bool strict,
                     struct arena *a, struct err *e)
{
    cJSON *root = NULL;
    int rc = json_read_file(file, &root, e);
    if (rc != 0) {
        return rc;
    }
    if (cJSON_GetObjectItemCaseSensitive(root, "policy") == NULL) {
        p->policy = radio_policy_find("oai-willm");
        rc = slice_rrm_load(file, sub, strict, a, &p->rrm, e);
    } else if (sub != NULL) {
        rc = err_input(e, file, NULL,
                       "--policy-sub goes with one of the testbed's rrmPolicy.json only; leave it "
                       "out");
    } else {
        rc = read_own(root, file, a, p, e);
    }
    json_delete(root);
    return rc;
}

/* --- The slot --------------------------------------------------------------------------------- */

int32_t demand_block_bytes(const struct demand *d, const struct demand_ue *ue, int32_t n_prb)
{
    struct nr_mcs mcs = nr_mcs((int)d->mcs_table, (int)ue->mcs);
    struct nr_tbs_input in = {.qm = mcs.qm,
                              .r_x10240 = mcs.r_x10240,
                              .n_prb = n_prb,
                              .n_symbols = (int)d->symbols,
                              .dmrs_re_per_prb = (int)d->dmrs_re,
                              .layers = 1};
    return nr_tbs_bits(&in) / 8;
}

/* TBS of 1 PRB and 10 symbols without DMRS: the testbed's PF numerator. */
static double pf_bytes(const struct demand *d, const struct demand_ue *ue)
{
    struct demand one = *d;
    one.symbols = 10;
    one.dmrs_re = 0;
    return demand_block_bytes(&one, ue, 1);
}

static int32_t prb_for(const struct demand *d, const struct demand_ue *ue)
{
    int32_t prb = 1;
    while (prb < d->n_prb &&
           demand_block_bytes(d, ue, prb) < ue->backlog_bytes + d->overhead_bytes) {
        prb++;
    }
    return prb;
}

void demand_complete(struct demand *d)
{
    bool ul = d->direction == RADIO_UL;
    if (d->max_grants == 0) {
        d->max_grants = d->n_prb < 24 ? 1 : d->n_prb / 24;
    }
    if (d->min_grant_prb == 0) {
        d->min_grant_prb = ul ? 10 : 5;
    }
    if (d->dmrs_re < 0) {
        d->dmrs_re = ul ? 18 : 12;
    }
    if (d->overhead_bytes < 0) {
        d->overhead_bytes = ul ? 0 : 12;
    }
}

static int find_ue_slice(const struct policy_file *p, const struct demand_ue *ue, const char *file,
                         const char *place, int *slice, struct err *e)
{
    *slice = -1;
    if (ue->slice != NULL) {
        return find_slice(&p->rrm.tree, ue->slice, file, place, slice, e);
    }
    for (int i = 0; ue->rnti != NULL && i < p->rrm.n_mappings; i++) {
        const struct slice_mapping *m = &p->rrm.mappings[i];
        if (m->rnti == strtoul(ue->rnti, NULL, 16)) {
            *slice = m->fruit >= 0 ? m->fruit : m->branch;
        }
    }
    return 0;
}

static int check_ue(const struct demand *d, int i, const char *file, struct err *e)
{
    const struct demand_ue *ue = (const struct demand_ue *)d->ues.items + i;
    char place[32];
    snprintf(place, sizeof place, "ues[%d]", i);
    if (i > 0 && ue->ue <= ue[-1].ue) {
        return err_input(e, file, place, "UE %lld comes after UE %lld; list them in rising order",
                         (long long)ue->ue, (long long)ue[-1].ue);
    }
    if (nr_mcs((int)d->mcs_table, (int)ue->mcs).qm == 0) {
        return err_input(e, file, place, "table %lld has no MCS %lld; write 0 to %d",
                         (long long)d->mcs_table, (long long)ue->mcs,
                         nr_mcs_max((int)d->mcs_table));
    }
    if (ue->idle && ue->backlog_bytes > 0) {
        return err_input(e, file, place, "an idle UE has no backlog; write \"backlog_bytes\": 0");
    }
    if (ue->slice != NULL && ue->rnti != NULL) {
        return err_input(e, file, place, "has both \"slice\" and \"rnti\"; keep one");
    }
    return 0;
}

static void view_ue(struct slot *s, int i)
{
    const struct demand *d = s->demand;
    const struct demand_ue *ue = (const struct demand_ue *)d->ues.items + i;
    int slice = s->slice[i];
    int parent = slice >= 0 ? s->tree->slices[slice].parent : -1;
    const char *service = slice >= 0 ? s->tree->slices[slice].service : NULL;
    s->ue_of[s->view.n_ues] = i;
    s->views[s->view.n_ues++] = (struct radio_ue_view){
        .ue = (uint32_t)ue->ue,
        .fruit = parent >= 0 ? slice : -1,
        .branch = parent >= 0 ? parent : slice,
        .backlog_bytes = ue->backlog_bytes,
        .idle_grant = ue->idle,
        .mcs = (int)ue->mcs,
        .cqi = (int)ue->cqi,
        .thr = ue->thr,
        .pf_bytes = pf_bytes(d, ue),
        .prb_for_backlog = prb_for(d, ue),
        .max_prb = (int32_t)(ue->max_prb > 0 && ue->max_prb < d->n_prb ? ue->max_prb : d->n_prb),
        .last_slot = ue->last_slot,
        .service = service != NULL ? service : "",
        .server_queue = ue->server_queue};
}

static int take_prb(struct slot *s, const char *file, struct err *e)
{
    const struct demand *d = s->demand;
    const int64_t *taken = d->taken.items;
    int32_t left = (int32_t)d->n_prb;
    for (size_t i = 0; i < d->taken.n; i++) {
        char place[32];
        snprintf(place, sizeof place, "taken[%zu]", i);
        if (taken[i] >= d->n_prb) {
            return err_input(e, file, place, "there is no PRB %lld; write 0 to %lld",
                             (long long)taken[i], (long long)d->n_prb - 1);
        }
        uint64_t bit = 1ULL << (taken[i] % 64);
        left -= (s->taken[taken[i] / 64] & bit) == 0;
        s->taken[taken[i] / 64] |= bit;
    }
    s->view.n_prb = left;
    return 0;
}

static int make_slot(struct slot *s, const struct policy_file *p, const struct demand *d,
                     const char *file, struct arena *a, struct err *e)
{
    size_t n = d->ues.n;
    s->demand = d;
    s->tree = &p->rrm.tree;
    s->slice = arena_array(a, n, sizeof *s->slice);
    s->ue_of = arena_array(a, n, sizeof *s->ue_of);
    s->views = arena_array(a, n, sizeof *s->views);
    if (s->slice == NULL || s->ue_of == NULL || s->views == NULL) {
        return err_memory(e, "reading the demand");
    }
    s->view = (struct radio_view){.direction = (enum radio_direction)d->direction,
                                  .carrier_prb = (int32_t)d->n_prb,
                                  .taken = s->taken,
                                  .min_grant_prb = (int32_t)d->min_grant_prb,
                                  .max_grants = (int32_t)d->max_grants,
                                  .slices = s->tree,
                                  .ues = s->views};
    int rc = take_prb(s, file, e);
    for (int i = 0; rc == 0 && i < (int)n; i++) {
        const struct demand_ue *ue = (const struct demand_ue *)d->ues.items + i;
        char place[32];
        snprintf(place, sizeof place, "ues[%d].slice", i);
        rc = check_ue(d, i, file, e);
        if (rc == 0) {
            rc = find_ue_slice(p, ue, file, place, &s->slice[i], e);
        }
        if (rc == 0 && (ue->backlog_bytes > 0 || ue->idle)) {
            view_ue(s, i);
        }
    }
    return rc;
}

int slot_serve(struct slot *s, const struct policy_file *p, const struct demand *d,
               const char *file, struct arena *a, struct err *e)
{
    int rc = make_slot(s, p, d, file, a, e);
    if (rc != 0) {
        return rc;
    }
    void *state = p->policy->create(p->options, s->view.carrier_prb, s->tree);
    if (state == NULL) {
        return err_memory(e, "making the policy");
    }
    s->n_grants = p->policy->allocate(state, &s->view, s->grants);
    p->policy->destroy(state);
    return 0;
}
