/* cell_work.c - what the cells of one world share while they work: pools, and room for one slot's
 * decision. See cell.h. */
#include <stdlib.h>

#include "sim/cell.h"
#include "sim/scenario.h"

int cell_work_init(struct cell_work *work, const struct cell_common *k,
                   const struct slice_tree *tree, uint32_t room)
{
    const struct radio_policy *policy = radio_policies[k->config->policy.index];
    *work = (struct cell_work){0};
    bool good = pool_init(&work->segments, sizeof(struct segment), 64) == 0 &&
                pool_init(&work->actions, sizeof(struct action), 64) == 0 &&
                cell_work_grow(work, k, room) == 0;
    if (good && k->config->retx_in_slices) {
        work->retx_prb = calloc((size_t)tree->n + 1, sizeof *work->retx_prb);
        good = work->retx_prb != NULL;
    }
    for (int d = 0; d < 2 && good && policy->create != NULL; d++) {
        work->policy_state[d] = policy->create(k->config->policy.options, k->grid[d].n_prb, tree);
        good = work->policy_state[d] != NULL;
    }
    if (!good)
        cell_work_free(work, k);
    return good ? 0 : ERR_MEMORY;
}

void cell_work_free(struct cell_work *work, const struct cell_common *k)
{
    const struct radio_policy *policy =
        k->config != NULL ? radio_policies[k->config->policy.index] : NULL;
    for (int d = 0; d < 2; d++)
        if (work->policy_state[d] != NULL && policy != NULL && policy->destroy != NULL)
            policy->destroy(work->policy_state[d]);
    free(work->views);
    free(work->view_ue);
    free(work->grants);
    free(work->retx_prb);
    pool_free(&work->segments);
    pool_free(&work->actions);
    *work = (struct cell_work){0};
}

bool cell_grow(void *items, size_t n, size_t bytes)
{
    void **at = items;
    void *grown = realloc(*at, n * bytes);
    if (grown != NULL)
        *at = grown;
    return grown != NULL;
}

int cell_work_grow(struct cell_work *work, const struct cell_common *k, uint32_t room)
{
    if (room <= work->room)
        return 0;
    if (!cell_grow(&work->views, room, sizeof *work->views) ||
        !cell_grow(&work->view_ue, room, sizeof *work->view_ue) ||
        !cell_grow(&work->grants, room + (size_t)k->max_ues_per_slot, sizeof *work->grants))
        return ERR_MEMORY;
    work->room = room;
    return 0;
}

void cell_work_change(struct cell *cell, struct cell_work *work)
{
    for (int d = 0; d < 2; d++)
        if (cell->policy_state[d] == cell->work->policy_state[d])
            cell->policy_state[d] = work->policy_state[d];
    cell->work = work;
}
