/* replay.c - see replay.h. */
#include "sim/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sched/choice.h"

/* Rewards of one replay, by UE group. */
struct tally {
    const struct scenario *scenario;
    struct choice_arm *groups;
};

static bool is_offline(const struct scenario_ues *g)
{
    return g->slice_choice.word != NULL && choice_policies[g->slice_choice.index]->replays;
}

int replay_arms(const struct scenario *sc)
{
    const struct scenario_ues *groups = sc->ues.items;
    size_t most = 0;
    for (size_t i = 0; i < sc->ues.n; i++)
        if (is_offline(&groups[i]) && groups[i].slice_arms.n > most)
            most = groups[i].slice_arms.n;
    return (int)most;
}

static int hear(void *self, const struct request_record *row)
{
    struct tally *t = self;
    const struct scenario_ues *groups = t->scenario->ues.items;
    size_t i = 0;
    while (strcmp(groups[i].id, row->ue_group) != 0)
        i++;
    bool completed = row->done_ns != RECORD_NO_INT && strcmp(row->status, "completed") == 0;
    if (is_offline(&groups[i]))
        choice_learn(&t->groups[i], completed ? choice_reward(s_of_ns(row->done_ns - row->born_ns),
                                                              groups[i].slice_target_s)
                                              : 0.0);
    return 0;
}

static int replay(const struct scenario *sc, const struct run_options *options, int arm, int *arms,
                  struct tally *t, struct err *e)
{
    const struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n; i++) {
        t->groups[i] = (struct choice_arm){0};
        int last = (int)groups[i].slice_arms.n - 1;
        arms[i] = !is_offline(&groups[i]) ? -1 : arm < last ? arm : last;
    }
    /* What is heard is the rows of requests, whatever the run itself stores. */
    struct record_sink sink = {.self = t, .request = hear};
    struct scenario heard = *sc;
    heard.output.requests = true;
    struct run_options again = *options;
    struct run_result result;
    again.sink = &sink;
    again.arms = arms;
    int rc = run_scenario(&heard, &again, &result, e);
    return rc == 0 && !result.complete ? ERR_INTERRUPTED : rc;
}

int replay_best(const struct scenario *sc, const struct run_options *options, int *arms,
                struct err *e)
{
    const struct scenario_ues *groups = sc->ues.items;
    int n = replay_arms(sc), rc = 0;
    if (n == 0 || sc->ues.n == 0)
        return 0;
    struct tally t = {.scenario = sc, .groups = calloc(sc->ues.n, sizeof *t.groups)};
    struct choice_arm *all = calloc((size_t)n * sc->ues.n, sizeof *all);
    if (t.groups == NULL || all == NULL) {
        free(t.groups);
        free(all);
        return err_memory(e, "the replays");
    }
    for (int arm = 0; arm < n && rc == 0; arm++) {
        rc = replay(sc, options, arm, arms, &t, e);
        for (size_t i = 0; i < sc->ues.n && rc == 0; i++)
            all[i * (size_t)n + (size_t)arm] = t.groups[i];
    }
    for (size_t i = 0; i < sc->ues.n && rc == 0; i++)
        arms[i] = is_offline(&groups[i])
                      ? choice_policies[groups[i].slice_choice.index]->choose(
                            NULL, all + i * (size_t)n, (int)groups[i].slice_arms.n, 0, NULL)
                      : -1;
    free(t.groups);
    free(all);
    return rc;
}
