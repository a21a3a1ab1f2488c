/* sweep_plan.c - see sweep_plan.h. */
#include "tools/sweep_plan.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tools/version.h"

enum { SEED_BYTES = 32 };

int64_t sweep_plan_point(const struct sweep_plan *plan, int64_t run_id)
{
    return (run_id - 1) / plan->reps + 1;
}

static int64_t seed_of(const struct sweep_plan *plan, int64_t run_id)
{
    return plan->seed + (run_id - 1) % plan->reps;
}

const char *sweep_plan_value(const struct sweep_plan *plan, int64_t point, int k)
{
    int64_t rest = point - 1;
    for (int i = plan->n_varies - 1; i > k; i--) {
        rest /= plan->varies[i].n;
    }
    return plan->varies[k].values[rest % plan->varies[k].n];
}

/* Names the combination in a message about it. */
static int at_point(const struct sweep_plan *plan, int64_t point, int rc, struct err *e)
{
    if (rc != ERR_INPUT || plan->n_varies == 0 || e == NULL) {
        return rc;
    }
    struct text where = {0};
    for (int k = 0; k < plan->n_varies; k++) {
        text_add(&where, "%s%s=%.60s", k > 0 ? ", " : "", plan->varies[k].path,
                 sweep_plan_value(plan, point, k));
    }
    struct err inner = *e;
    return err_input(e, NULL, NULL, "%s (with %s)", inner.text, where.chars);
}

/* The assignments of a run: --set, --vary, then the seed. NULL: out of memory. */
static const char **sets_of(const struct sweep_plan *plan, int64_t run_id, int n, struct arena *a)
{
    int64_t point = sweep_plan_point(plan, run_id);
    const char **sets = arena_array(a, (size_t)n, sizeof *sets);
    char *seed = arena_alloc(a, SEED_BYTES);
    if (sets == NULL || seed == NULL) {
        return NULL;
    }
    int at = 0;
    for (; at < plan->n_sets; at++) {
        sets[at] = plan->sets[at];
    }
    for (int k = 0; k < plan->n_varies; k++, at++) {
        const char *value = sweep_plan_value(plan, point, k);
        size_t bytes = strlen(plan->varies[k].path) + strlen(value) + 2;
        char *set = arena_alloc(a, bytes);
        if (set == NULL) {
            return NULL;
        }
        snprintf(set, bytes, "%s=%s", plan->varies[k].path, value);
        sets[at] = set;
    }
    snprintf(seed, SEED_BYTES, "seed=%" PRId64, seed_of(plan, run_id));
    sets[at] = seed;
    return sets;
}

int sweep_plan_load(struct sweep_plan *plan, int64_t run_id, bool with_world, struct load *load,
                    struct err *e)
{
    int n = plan->n_sets + plan->n_varies + 1;
    struct arena arena = {0};
    const char **sets = sets_of(plan, run_id, n, &arena);
    int rc;
    *load = (struct load){0};
    if (sets == NULL) {
        rc = err_memory(e, "the values of a run");
    } else {
        /* Without a seed it is still the scenario's: find_seed() asks for it. */
        n -= plan->seed < 0 ? 1 : 0;
        rc = load_read_shared(plan->scenario, sets, n, &plan->traces, with_world, load, e);
        rc = at_point(plan, sweep_plan_point(plan, run_id), rc, e);
    }
    arena_free(&arena);
    return rc;
}

/* The scenario's own: of the first combination, or, where that cannot be built (which may be a
 * finding: capacity.h), of the scenario as it is. */
static int find_seed(struct sweep_plan *plan, struct err *e)
{
    struct load load;
    int rc = sweep_plan_load(plan, 1, false, &load, e);
    if (rc == 0) {
        plan->seed = load.scenario.seed;
        load_free(&load);
        return 0;
    }
    struct scenario sc;
    if (scenario_load(plan->scenario, plan->sets, plan->n_sets, &sc, NULL) == 0) {
        plan->seed = sc.seed;
        scenario_free(&sc);
        rc = 0;
    }
    return rc;
}

int sweep_plan_make(struct sweep_plan *plan, struct err *e)
{
    int rc = vary_check(plan->varies, plan->n_varies, e);
    if (rc != 0) {
        return rc;
    }
    plan->n_points = 1;
    for (int k = 0; k < plan->n_varies; k++) {
        plan->n_points *= plan->varies[k].n;
        if (plan->n_points * plan->reps > SWEEP_RUNS_MAX) {
            return err_input(e, "sweep", "--vary",
                             "more than %d runs in all; vary less or take fewer replications",
                             SWEEP_RUNS_MAX);
        }
    }
    plan->n_runs = plan->n_points * plan->reps;
    if (plan->seed < 0) {
        rc = find_seed(plan, e);
        if (rc != 0) {
            return rc;
        }
    }
    return plan->seed > INT64_MAX - plan->reps
               ? err_input(e, "sweep", "--seed", "is too large; write a smaller number")
               : 0;
}

void sweep_plan_free(struct sweep_plan *plan)
{
    trace_cache_free(&plan->traces);
}

/* --- Rows ------------------------------------------------------------------------------------- */

/* The loaded combination's text with another seed: what sweep_plan_load() would make of it. */
static char *text_with_seed(const struct sweep_rows *r, int64_t seed, struct arena *a)
{
    const char *text = r->load.scenario.text;
    cJSON *root = NULL;
    char set[32], *copy = NULL;
    snprintf(set, sizeof set, "seed=%" PRId64, seed);
    if (json_read_text(NULL, text, strlen(text), &root, NULL) == 0 &&
        json_set(root, set, NULL) == 0) {
        char *printed = cJSON_Print(root);
        copy = printed == NULL ? NULL : arena_strdup(a, printed);
        cJSON_free(printed);
    }
    json_delete(root);
    return copy;
}

static int rows_next(void *self, struct sweep_row *row, struct err *e)
{
    struct sweep_rows *r = self;
    struct sweep_plan *plan = r->plan;
    if (r->next > plan->n_runs) {
        return 0;
    }
    int64_t run = r->next++;
    int64_t rep = (run - 1) % plan->reps + 1;
    if (rep == 1) {
        if (r->loaded) {
            load_free(&r->load);
        }
        int rc = sweep_plan_load(plan, run, r->with_world, &r->load, e);
        r->loaded = rc == 0;
        if (rc != 0) {
            return rc;
        }
    }
    arena_free(&r->arena);
    *row = (struct sweep_row){
        .run_id = run,
        .point = sweep_plan_point(plan, run),
        .rep = rep,
        .seed = seed_of(plan, run),
        .scenario = r->load.scenario.name,
        .scenario_text = text_with_seed(r, seed_of(plan, run), &r->arena),
        .version = version_text(),
        .n_values = plan->n_varies > 0 ? plan->n_varies : 1,
    };
    const char **paths = arena_array(&r->arena, (size_t)row->n_values, sizeof *paths);
    const char **values = arena_array(&r->arena, (size_t)row->n_values, sizeof *values);
    char *seed = arena_alloc(&r->arena, 32);
    if (row->scenario_text == NULL || paths == NULL || values == NULL || seed == NULL) {
        return err_memory(e, "the runs of a sweep");
    }
    for (int k = 0; k < plan->n_varies; k++) {
        paths[k] = plan->varies[k].path;
        values[k] = sweep_plan_value(plan, row->point, k);
    }
    if (plan->n_varies == 0) {
        /* Replications alone vary the seed. */
        snprintf(seed, 32, "%" PRId64, row->seed);
        paths[0] = "seed";
        values[0] = seed;
    }
    row->paths = paths;
    row->values = values;
    return 1;
}

struct sweep_source sweep_plan_rows(struct sweep_plan *plan, bool with_world,
                                    struct sweep_rows *state)
{
    *state = (struct sweep_rows){.plan = plan, .with_world = with_world, .next = 1};
    return (struct sweep_source){rows_next, state};
}

int sweep_plan_try(struct sweep_plan *plan, struct err *e)
{
    int rc = 0;
    for (int64_t point = 1; point <= plan->n_points && rc == 0; point++) {
        struct load load;
        rc = sweep_plan_load(plan, (point - 1) * plan->reps + 1, true, &load, e);
        if (rc == 0) {
            load_free(&load);
        }
    }
    return rc;
}

void sweep_rows_free(struct sweep_rows *state)
{
    if (state->loaded) {
        load_free(&state->load);
    }
    arena_free(&state->arena);
    *state = (struct sweep_rows){0};
}
