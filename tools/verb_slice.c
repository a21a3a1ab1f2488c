/* verb_slice.c - willmsim slice: one slot's PRB under a policy file, for a demand written by hand.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "tools/call.h"
#include "tools/slice_slot.h"
#include "tools/verbs.h"

static const struct radio_grant *grant_of(const struct slot *s, int ue)
{
    for (int32_t i = 0; i < s->n_grants; i++) {
        if (s->ue_of[s->grants[i].ue] == ue) {
            return &s->grants[i];
        }
    }
    return NULL;
}

static int32_t slice_sum(const struct slot *s, int slice)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < s->n_grants; i++) {
        const struct radio_ue_view *v = &s->views[s->grants[i].ue];
        sum += v->branch == slice || v->fruit == slice ? s->grants[i].n_prb : 0;
    }
    return sum;
}

static int32_t granted(const struct slot *s)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < s->n_grants; i++) {
        sum += s->grants[i].n_prb;
    }
    return sum;
}

static void print_json(const struct slot *s, const char *policy)
{
    printf("{\"policy\": ");
    json_print_string(stdout, policy);
    printf(", \"direction\": \"%s\", \"n_prb\": %d, \"granted_prb\": %d, \"grants\": [",
           demand_directions[s->view.direction], s->view.n_prb, granted(s));
    for (int i = 0; i < (int)s->demand->ues.n; i++) {
        const struct demand_ue *ue = (const struct demand_ue *)s->demand->ues.items + i;
        const struct radio_grant *g = grant_of(s, i);
        printf("%s\n  {\"ue\": %lld, \"slice\": ", i > 0 ? "," : "", (long long)ue->ue);
        if (s->slice[i] >= 0) {
            json_print_string(stdout, s->tree->slices[s->slice[i]].id);
        } else {
            printf("null");
        }
        printf(", \"n_prb\": %d, \"prb_start\": ", g != NULL ? g->n_prb : 0);
        if (g != NULL && g->prb_start >= 0) {
            printf("%d", g->prb_start);
        } else {
            printf("null");
        }
        printf(", \"tbs_prb\": %d, \"tb_bytes\": %d}", g != NULL ? g->tbs_prb : 0,
               g != NULL ? demand_block_bytes(s->demand, ue, g->tbs_prb) : 0);
    }
    printf("],\n \"slices\": [");
    for (int i = 0; i < s->tree->n; i++) {
        const struct slice *slice = &s->tree->slices[i];
        printf("%s\n  {\"id\": ", i > 0 ? "," : "");
        json_print_string(stdout, slice->id);
        printf(", \"min_prb\": %d, \"max_prb\": %d, \"n_prb\": %d}",
               slice_prb(slice->min_ratio, s->view.n_prb),
               slice_prb(slice->max_ratio, s->view.n_prb), slice_sum(s, i));
    }
    printf("]}\n");
}

static void print_table(const struct slot *s, const char *policy)
{
    printf("%s, %s, %d PRB free, %d granted\n", policy, demand_directions[s->view.direction],
           s->view.n_prb, granted(s));
    printf("%6s  %-12s %4s %12s %6s %6s %10s\n", "ue", "slice", "mcs", "backlog", "PRB", "first",
           "block");
    for (int i = 0; i < (int)s->demand->ues.n; i++) {
        const struct demand_ue *ue = (const struct demand_ue *)s->demand->ues.items + i;
        const struct radio_grant *g = grant_of(s, i);
        printf("%6lld  %-12s %4lld %10lld B %6d ", (long long)ue->ue,
               s->slice[i] >= 0 ? s->tree->slices[s->slice[i]].id : "-", (long long)ue->mcs,
               (long long)ue->backlog_bytes, g != NULL ? g->n_prb : 0);
        if (g != NULL && g->prb_start >= 0) {
            printf("%6d ", g->prb_start);
        } else {
            printf("%6s ", "any");
        }
        printf("%8d B\n", g != NULL ? demand_block_bytes(s->demand, ue, g->tbs_prb) : 0);
    }
    if (s->tree->n > 0) {
        printf("%-20s %6s %6s %6s\n", "slice", "min", "max", "PRB");
    }
    for (int i = 0; i < s->tree->n; i++) {
        const struct slice *slice = &s->tree->slices[i];
        printf("%-20s %6d %6d %6d\n", slice->id, slice_prb(slice->min_ratio, s->view.n_prb),
               slice_prb(slice->max_ratio, s->view.n_prb), slice_sum(s, i));
    }
}

/* --- The call --------------------------------------------------------------------------------- */

/* The keys that may be left out; those of the UEs after the slot's own. */
static void print_optional(const struct json_spec *spec)
{
    for (const struct json_field *f = spec->fields; f->key != NULL; f++) {
        if (f->def != NULL) {
            printf("  %-18s %s\n", f->key, f->doc);
        }
    }
    for (const struct json_field *f = spec->fields; f->key != NULL; f++) {
        if (f->spec != NULL) {
            printf("More keys of one of \"%s\":\n", f->key);
            print_optional(f->spec);
        }
    }
}

static void print_help(void)
{
    printf(
        "usage: willmsim slice --policy FILE --demand FILE [--json]\n"
        "Shares out one slot's PRB.\n"
        "  --policy FILE      {\"policy\": WORD, ...its options, \"tree\": [slices]}, or one of\n"
        "                     the testbed's rrmPolicy.json (then the policy is oai-willm)\n"
        "  --policy-sub FILE  its rrmPolicy_sub.json\n"
        "  --strict           refuse a rrmPolicy.json with contradictions\n"
        "  --demand FILE      {\"n_prb\": 106, \"direction\": \"dl\", \"ues\": [{\"ue\": 0,\n"
        "                     \"slice\": ID, \"backlog_bytes\": N, \"mcs\": M, \"thr\": T}]}\n"
        "  --json             print one JSON object\n"
        "More keys of a demand:\n");
    print_optional(&demand_spec);
}

int verb_slice(int argc, char **argv)
{
    enum { POLICY = 1000, SUB, DEMAND, JSON, STRICT };
    static const struct option options[] = {{"policy", required_argument, NULL, POLICY},
                                            {"policy-sub", required_argument, NULL, SUB},
                                            {"demand", required_argument, NULL, DEMAND},
                                            {"json", no_argument, NULL, JSON},
                                            {"strict", no_argument, NULL, STRICT},
                                            {"help", no_argument, NULL, CALL_HELP},
                                            {0}};
    const char *policy_path = NULL;
    const char *sub_path = NULL;
    const char *demand_path = NULL;
    bool json = false;
    bool strict = false;
    int option;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case POLICY:
            policy_path = optarg;
            break;
        case SUB:
            sub_path = optarg;
            break;
        case DEMAND:
            demand_path = optarg;
            break;
        case JSON:
            json = true;
            break;
        case STRICT:
            strict = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (optind < argc) {
        return call_wrong(argv[0], "unexpected word '%s'; files go after --policy and --demand",
                          argv[optind]);
    }
    if (policy_path == NULL || demand_path == NULL) {
        return call_wrong(argv[0],
                          "%s is missing; write 'willmsim slice --policy FILE --demand "
                          "FILE'",
                          policy_path == NULL ? "--policy" : "--demand");
    }
    struct arena a = {0};
    struct err e = {0};
    struct policy_file policy = {0};
    struct demand demand = {0};
    struct slot slot = {0};
    int rc = policy_file_read(&policy, policy_path, sub_path, strict, &a, &e);
    if (rc == 0) {
        rc = json_load(demand_path, &demand_spec, &demand, &a, &e);
    }
    if (rc == 0) {
        demand_complete(&demand);
        rc = slot_serve(&slot, &policy, &demand, demand_path, &a, &e);
    }
    if (rc == 0 && json) {
        print_json(&slot, policy.policy->word);
    } else if (rc == 0) {
        print_table(&slot, policy.policy->word);
    }
    arena_free(&a);
    return rc == 0 ? 0 : call_fail(&e);
}
