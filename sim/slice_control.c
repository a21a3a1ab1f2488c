/* slice_control.c - see slice_control.h. */
#include "sim/slice_control.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

/* --- From the scenario ------------------------------------------------------------------------ */

int slice_control_tree(const struct scenario *sc, struct arena *a, struct slice_tree *tree,
                       struct err *e)
{
    const struct scenario_slice *from = sc->slices.tree.items;
    size_t n = sc->slices.tree.n;
    struct slice *to = arena_array(a, n > 0 ? n : 1, sizeof *to);
    if (to == NULL)
        return err_memory(e, "the slices");
    for (size_t i = 0; i < n; i++)
        to[i] = (struct slice){
            .id = from[i].id,
            .parent = from[i].parent != NULL ? scenario_slice_index(sc, from[i].parent) : -1,
            .min_ratio = from[i].min_pct / 100.0,
            .max_ratio = from[i].max_pct / 100.0,
            .dedicated_ratio = from[i].dedicated_pct / 100.0,
            .priority = from[i].priority,
            .sst = (int)from[i].sst,
            .sd = (int)from[i].sd,
            .service = from[i].service != NULL ? from[i].service : ""};
    *tree = (struct slice_tree){.slices = to,
                                .n = (int)n,
                                .ul_min_ratio = sc->slices.ul_min_ratio,
                                .ul_max_ratio = sc->slices.ul_max_ratio};
    return 0;
}

static void apply(const struct slice_change *c, struct slice_tree *tree)
{
    struct slice *s = &tree->slices[c->slice];
    if (c->min_ratio >= 0.0)
        s->min_ratio = c->min_ratio;
    if (c->max_ratio >= 0.0)
        s->max_ratio = c->max_ratio;
    if (c->priority > 0.0)
        s->priority = c->priority;
    tree->version++;
}

static double ratio_of_pct(double pct)
{
    return pct < 0.0 ? -1.0 : pct / 100.0;
}

/* The schedule by time; of equals in the order of the scenario. `number` (may be NULL) tells which
 * entry of the scenario each is. */
static int make_changes(const struct scenario *sc, struct arena *a, struct slice_change **changes,
                        size_t **number, struct err *e)
{
    const struct scenario_slice_change *from = sc->slices.schedule.items;
    size_t n = sc->slices.schedule.n;
    struct slice_change *to = arena_array(a, n > 0 ? n : 1, sizeof *to);
    size_t *numbers = arena_array(a, n > 0 ? n : 1, sizeof *numbers);
    if (to == NULL || numbers == NULL)
        return err_memory(e, "the slices' schedule");
    for (size_t i = 0; i < n; i++) {
        struct slice_change c = {.at_ns = ns_of_s(from[i].at_s),
                                 .slice = scenario_slice_index(sc, from[i].slice),
                                 .min_ratio = ratio_of_pct(from[i].min_pct),
                                 .max_ratio = ratio_of_pct(from[i].max_pct),
                                 .priority = from[i].priority};
        size_t at = i;
        for (; at > 0 && to[at - 1].at_ns > c.at_ns; at--) {
            to[at] = to[at - 1];
            numbers[at] = numbers[at - 1];
        }
        to[at] = c;
        numbers[at] = i;
    }
    *changes = to;
    if (number != NULL)
        *number = numbers;
    return 0;
}

/* --- Checking --------------------------------------------------------------------------------- */

static struct text place_of_change(size_t i)
{
    struct text place = {0};
    text_add(&place, "slices.schedule");
    text_add_index(&place, i);
    return place;
}

static int check_names(const struct scenario *sc, struct arena *a, struct err *e)
{
    const struct scenario_slice_change *changes = sc->slices.schedule.items;
    const struct scenario_slice *slices = sc->slices.tree.items;
    const char **ids = arena_array(a, sc->slices.tree.n + 1, sizeof *ids);
    if (ids == NULL)
        return err_memory(e, "the slices' schedule");
    for (size_t i = 0; i < sc->slices.tree.n; i++)
        ids[i] = slices[i].id;
    for (size_t i = 0; i < sc->slices.schedule.n; i++) {
        if (scenario_slice_index(sc, changes[i].slice) >= 0)
            continue;
        struct text place = place_of_change(i);
        text_add_key(&place, "slice");
        const char *near = err_nearest(changes[i].slice, ids, (int)sc->slices.tree.n);
        if (near != NULL)
            return err_input(e, sc->file, place.chars,
                             "there is no slice \"%s\"; did you mean \"%s\"?", changes[i].slice,
                             near);
        return err_input(e, sc->file, place.chars, "there is no slice \"%s\"; name one of the tree",
                         changes[i].slice);
    }
    return 0;
}

/* The tree is right after each change. The testbed's own policy files may be wrong from the start
 * (slice_rrm_load reads them as they are); then only the slice that changes is looked at. */
static int check_changes(const struct scenario *sc, struct arena *a, struct err *e)
{
    struct slice_tree tree = {0};
    struct slice_change *changes = NULL;
    size_t *number = NULL;
    int rc = slice_control_tree(sc, a, &tree, e);
    rc = rc == 0 ? make_changes(sc, a, &changes, &number, e) : rc;
    if (rc != 0 || changes == NULL || number == NULL || tree.slices == NULL)
        return rc;
    bool right = slice_tree_check(&tree, NULL, "slices.tree", NULL) == 0;
    for (size_t i = 0; i < sc->slices.schedule.n && rc == 0; i++) {
        struct text place = place_of_change(number[i]);
        struct err inner = {0};
        apply(&changes[i], &tree);
        struct slice one = tree.slices[changes[i].slice];
        one.parent = -1;
        struct slice_tree alone = {.slices = &one, .n = 1};
        if (slice_tree_check(right ? &tree : &alone, NULL, "slices.tree", &inner) != 0)
            rc = err_input(e, sc->file, place.chars, "after this change: %s", inner.text);
    }
    return rc;
}

static int check_mode(const struct scenario *sc, struct err *e)
{
    if (sc->radio == NULL || sc->radio->mode != RADIO_MODE_SEPARATED)
        return 0;
    const struct radio_policy *p = radio_policies[sc->radio->policy.index];
    if (p->keeps_tree == NULL)
        return err_input(e, sc->file, "radio.mode",
                         "separated needs a policy that keeps to the slices' shares, and %s does "
                         "not; write another policy, or \"embedded\"",
                         p->word);
    if (!radio_policy_keeps_tree(p, sc->radio->policy.options)) {
        struct text place = {0};
        text_add(&place, "radio.policy.%s", p->keeps_tree);
        return err_input(
            e, sc->file, place.chars,
            "mode separated needs it true: the policy must keep to the slices' shares");
    }
    if (sc->slices.tree.n == 0)
        return err_input(e, sc->file, "radio.mode",
                         "separated divides the carrier between slices, and there is none; add "
                         "slices.tree, or write \"embedded\"");
    return 0;
}

int slice_control_check(const struct scenario *sc, struct err *e)
{
    struct arena a = {0};
    int rc = check_names(sc, &a, e);
    rc = rc == 0 ? check_changes(sc, &a, e) : rc;
    rc = rc == 0 ? check_mode(sc, e) : rc;
    arena_free(&a);
    return rc;
}

/* --- What waits ------------------------------------------------------------------------------- */

static const struct nr_grid *grid_of(const struct slice_control *c, const struct slice_side *s)
{
    return &c->world->cell_common.grid[s->direction];
}

/* Which of the grid's kinds of slot has most symbols. */
static int full_kind(const struct nr_grid *g)
{
    int best = 0;
    for (int i = 1; i < g->kinds; i++)
        if (g->symbols[i] > g->symbols[best])
            best = i;
    return best;
}

/* What link adaptation would choose now, without moving it. */
static int mcs_of(const struct slice_control *c, const struct slice_side *s,
                  const struct ue_radio *u)
{
    const struct nr_grid *g = grid_of(c, s);
    int mcs = u->d[s->direction].la.mcs;
    bool capped = c->world->cell_common.la.rule == NR_LA_BLER_WINDOW;
    if (capped && s->direction == RADIO_DL && u->cqi_report >= 0) {
        int cap = c->world->cell_common.cqi_mcs[RADIO_DL][u->cqi];
        mcs = mcs < cap ? mcs : cap;
    }
    return mcs < g->mcs_max ? mcs : g->mcs_max;
}

/* Fills bytes, prb and demand: what the gNB knows to wait now. */
static void measure(struct slice_control *c, const struct slice_side *s)
{
    const struct world *w = c->world;
    const struct cell *cell = w->cells[s->cell];
    const struct nr_grid *g = grid_of(c, s);
    int n = w->slices.n;
    for (int i = 0; i <= n; i++) {
        c->bytes[i] = 0;
        c->prb[i] = 0.0;
    }
    for (uint32_t i = 0; i < cell->n_ues; i++) {
        const struct ue_radio *u = cell->ues[i];
        int64_t waiting = s->direction == RADIO_DL ? stream_waiting(&u->d[RADIO_DL].stream)
                                                   : u->estimate - u->sched_bytes;
        if (!u->attached || waiting <= 0)
            continue;
        int slice = world_slice_of(w, u->ue, u->group, world_now(w));
        slice = slice >= 0 ? slice : n;
        double per_prb = nr_grid_bytes(g, full_kind(g), mcs_of(c, s, u), g->n_prb);
        c->bytes[slice] += waiting;
        c->prb[slice] += (double)waiting * g->n_prb / per_prb;
    }
    for (int i = 0; i <= n; i++)
        c->demand[i] = c->prb[i] / c->period_prb[s->direction];
}

/* --- Records ---------------------------------------------------------------------------------- */

static void write_decision(struct slice_control *c, const struct slice_side *s, double gap)
{
    struct world *w = c->world;
    double period_s = s_of_ns(c->period_ns);
    for (int i = 0; i <= w->slices.n; i++) {
        if (c->bytes[i] == 0 && !(s->answer[i] > 0.0))
            continue;
        /* Bytes of one PRB, over the slice's UEs as their bytes wait. */
        double per_prb = c->bytes[i] > 0 ? (double)c->bytes[i] / c->prb[i] : 0.0;
        double rate = c->share[i] * c->period_prb[s->direction] * per_prb / period_s;
        struct decision_record row = {.time_ns = world_now(w),
                                      .age_ns = world_now(w) - s->answer_since,
                                      .cell = w->cells[s->cell]->id,
                                      .direction = s->direction == RADIO_DL ? "dl" : "ul",
                                      .slice_id = i < w->slices.n ? w->slices.slices[i].id : NULL,
                                      .demand_bytes = c->bytes[i],
                                      .rate = fmin(rate, (double)c->bytes[i] / period_s),
                                      .decided_share = s->answer[i],
                                      .share = c->share[i],
                                      .optimal_share = c->optimum[i],
                                      .gap = gap,
                                      .solver_gap = s->answer_gap};
        int rc = w->sink->decision(w->sink->self, &row);
        if (rc != 0 && w->sink_error == 0)
            w->sink_error = rc;
    }
}

/* What is in force against what would be best now. */
static void report(struct slice_control *c, const struct slice_side *s)
{
    const struct world *w = c->world;
    if (w->sink == NULL || w->sink->decision == NULL)
        return;
    measure(c, s);
    separated_pose(&c->programme, &w->slices, c->demand);
    separated_optimum(&c->programme, c->optimum);
    separated_fluid(&c->programme, &s->tree, c->share);
    double gap = c->programme.n_leaves > 0 ? separated_gap(&c->programme, c->share) : NAN;
    write_decision(c, s, gap);
}

/* --- Events ----------------------------------------------------------------------------------- */

enum control_event { CONTROL_CHANGE, CONTROL_DECIDE, CONTROL_ENFORCE };

static void enforce(struct slice_control *c, struct slice_side *s)
{
    const struct scenario_radio *r = c->world->cell_common.config;
    int64_t prb = s->direction == RADIO_DL ? r->min_grant_prb_dl : r->min_grant_prb;
    double grant = (double)prb / (double)r->n_prb;
    separated_enforce(&c->world->slices, s->answer, fmin(grant, 1.0), &s->tree);
}

static void change(struct slice_control *c, int i)
{
    apply(&c->changes[i], &c->world->slices);
    for (int k = 0; k < c->n_sides; k++)
        enforce(c, &c->sides[k]);
    if (i + 1 < c->n_changes)
        engine_at(&c->entity, c->changes[i + 1].at_ns, &c->entity, CONTROL_CHANGE, (uint64_t)i + 1);
}

static void decide(struct slice_control *c)
{
    for (int k = 0; k < c->n_sides; k++) {
        struct slice_side *s = &c->sides[k];
        /* What is about to be replaced, at its oldest; with a delay of a whole period the row of
         * its coming into force has just said so. */
        if (s->answer_since >= 0 && c->delay_ns < c->period_ns)
            report(c, s);
        measure(c, s);
        separated_pose(&c->programme, &c->world->slices, c->demand);
        if (separated_solve(&c->programme, s->pending) != 0)
            c->world->sink_error = ERR_MEMORY;
        s->pending_gap = separated_gap(&c->programme, s->pending);
        s->pending_since = world_now(c->world);
    }
}

static void enforce_all(struct slice_control *c)
{
    size_t bytes = ((size_t)c->world->slices.n + 1) * sizeof *c->sides->answer;
    for (int k = 0; k < c->n_sides; k++) {
        struct slice_side *s = &c->sides[k];
        memcpy(s->answer, s->pending, bytes);
        s->answer_gap = s->pending_gap;
        s->answer_since = s->pending_since;
        enforce(c, s);
        report(c, s);
    }
}

static void control_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct slice_control *c = (struct slice_control *)self;
    switch ((enum control_event)kind) {
    case CONTROL_CHANGE:
        change(c, (int)arg);
        break;
    case CONTROL_DECIDE:
        decide(c);
        /* Before the next decision, should the delay be a whole period. */
        engine_at(self, world_now(c->world) + c->delay_ns, self, CONTROL_ENFORCE, arg);
        engine_at(self, (int64_t)(arg + 1) * c->period_ns, self, CONTROL_DECIDE, arg + 1);
        break;
    case CONTROL_ENFORCE:
        enforce_all(c);
        break;
    }
}

/* --- Making and ending ------------------------------------------------------------------------ */

bool slice_control_wanted(const struct scenario *sc)
{
    return sc->slices.schedule.n > 0 ||
           (sc->radio != NULL && sc->radio->mode == RADIO_MODE_SEPARATED);
}

/* PRB of a carrier in one period; a slot with fewer symbols counts by its resource elements. */
static double prb_of_period(const struct slice_control *c, enum radio_direction d)
{
    const struct cell_common *k = &c->world->cell_common;
    const struct nr_grid *g = &k->grid[d];
    const uint8_t *symbols = d == RADIO_DL ? k->frame.dl_symbols : k->frame.ul_symbols;
    const struct scenario_radio *r = k->config;
    double dmrs = (double)(d == RADIO_DL ? r->dl_dmrs_re : r->ul_dmrs_re);
    double full = 12.0 * g->symbols[full_kind(g)] - dmrs;
    bool special = d == RADIO_UL && r->ul_special_symbols < r->ul_symbols;
    double slots = 0.0;
    for (int i = 0; i < k->frame.period; i++) {
        double own =
            special && symbols[i] <= r->ul_special_symbols ? (double)r->ul_special_dmrs_re : dmrs;
        if (symbols[i] > 0)
            slots += fmax(12.0 * symbols[i] - own, 0.0) / full;
    }
    double pattern_ns = (double)(k->frame.slot_ns * k->frame.period);
    return slots * g->n_prb * (double)c->period_ns / pattern_ns;
}

static int make_side(struct slice_control *c, struct slice_side *s)
{
    struct world *w = c->world;
    size_t n = (size_t)w->slices.n;
    s->pending = arena_array(&w->arena, n + 1, sizeof *s->pending);
    s->answer = arena_array(&w->arena, n + 1, sizeof *s->answer);
    s->answer_since = -1;
    s->tree = w->slices;
    s->tree.slices = arena_array(&w->arena, n + 1, sizeof *s->tree.slices);
    if (s->pending == NULL || s->answer == NULL || s->tree.slices == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        s->tree.slices[i] = w->slices.slices[i];
    return 0;
}

int slice_control_init(struct slice_control *c, struct world *w, struct err *e)
{
    const struct scenario *sc = w->scenario;
    *c = (struct slice_control){.world = w, .n_changes = (int)sc->slices.schedule.n};
    c->entity = (struct entity){.engine = w->engine, .handle = control_handle};
    int rc = make_changes(sc, &w->arena, &c->changes, NULL, e);
    if (rc != 0 || sc->radio == NULL || sc->radio->mode != RADIO_MODE_SEPARATED)
        return rc;
    size_t n = (size_t)w->slices.n + 1;
    c->period_ns = llround(sc->radio->separated_period_ms * 1e6);
    c->delay_ns = llround(sc->radio->separated_delay_ms * 1e6);
    c->n_sides = 2 * (int)sc->cells.n;
    c->sides = arena_array(&w->arena, (size_t)c->n_sides, sizeof *c->sides);
    c->prb = arena_array(&w->arena, n, sizeof *c->prb);
    c->bytes = arena_array(&w->arena, n, sizeof *c->bytes);
    c->demand = arena_array(&w->arena, n, sizeof *c->demand);
    c->share = arena_array(&w->arena, n, sizeof *c->share);
    c->optimum = arena_array(&w->arena, n, sizeof *c->optimum);
    bool good = c->sides != NULL && c->prb != NULL && c->bytes != NULL && c->demand != NULL &&
                c->share != NULL && c->optimum != NULL &&
                separated_init(&c->programme, w->slices.n) == 0;
    for (int i = 0; i < c->n_sides && good; i++) {
        c->sides[i].cell = i / 2;
        c->sides[i].direction = i % 2 == 0 ? RADIO_DL : RADIO_UL;
        good = make_side(c, &c->sides[i]) == 0;
    }
    return good ? 0 : err_memory(e, "the slices' decision engine");
}

void slice_control_free(struct slice_control *c)
{
    separated_free(&c->programme);
}

void slice_control_start(struct slice_control *c)
{
    if (c->n_changes > 0)
        engine_at(&c->entity, c->changes[0].at_ns, &c->entity, CONTROL_CHANGE, 0);
    if (c->n_sides == 0)
        return;
    c->period_prb[RADIO_DL] = prb_of_period(c, RADIO_DL);
    c->period_prb[RADIO_UL] = prb_of_period(c, RADIO_UL);
    engine_at(&c->entity, c->period_ns, &c->entity, CONTROL_DECIDE, 1);
}

const struct slice_tree *slice_control_of(const struct world *w, int cell, enum radio_direction d)
{
    const struct slice_control *c = w->control;
    return c != NULL && c->n_sides > 0 ? &c->sides[2 * cell + (d == RADIO_UL)].tree : &w->slices;
}
