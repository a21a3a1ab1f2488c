/* scenario.c - reads a scenario, applies --set, and checks what the tables cannot: names that
 * point at each other, and files. */
#include "sim/scenario.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sched/slice.h"
#include "sim/scenario_tables.h"
#include "sim/server_plan.h"
#include "sim/slice_control.h"

#define DATA_PREFIX  "$WILLMSIM_DATA/"
#define DATA_DEFAULT "../shared/data"

enum { NAME_MAX_CHARS = 64, PHONES_MAX = 1000000 };

/* Names that a word of the scenario may be. */
struct names {
    const char **items;
    int n;
};

struct checker {
    struct scenario *sc;
    struct names cells, slices, servers, groups;
    int *parents; /* of the slices: index, -1: a branch */
    const struct server_plan *plans;
    struct err *e;
};

#define FAIL_AT(c, place, ...) err_input((c)->e, (c)->sc->file, (place)->chars, __VA_ARGS__)

/* "list[index].key". */
static struct text place_of(const char *list, size_t index, const char *key)
{
    struct text t = {0};
    text_add_key(&t, list);
    text_add_index(&t, index);
    if (key != NULL) {
        text_add_key(&t, key);
    }
    return t;
}

static int names_find(const struct names *names, const char *name)
{
    for (int i = 0; i < names->n; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* `name` is not one of `names`: says which it could have been. */
static int fail_unknown(const struct checker *c, const struct text *place, const char *what,
                        const char *name, const struct names *names)
{
    const char *near = err_nearest(name, names->items, names->n);
    if (near != NULL) {
        return FAIL_AT(c, place, "there is no %s \"%s\"; did you mean \"%s\"?", what, name, near);
    }
    if (names->n == 0) {
        return FAIL_AT(c, place, "there is no %s \"%s\"; there is none at all", what, name);
    }
    struct text list = {0};
    for (int i = 0; i < names->n && list.length < 300; i++) {
        text_add(&list, "%s%s", i > 0 ? ", " : "", names->items[i]);
    }
    return FAIL_AT(c, place, "there is no %s \"%s\"; there is: %s", what, name, list.chars);
}

/* --- Ids -------------------------------------------------------------------------------------- */

static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            return true;
        }
    }
    return false;
}

/* Ids of a list of structs whose first member is the id: unique, short, and words that can stand
 * in a table. */
static int collect_ids(struct checker *c, const char *key, const struct json_list *list,
                       size_t item_bytes, struct names *names)
{
    names->items = arena_array(&c->sc->arena, list->n, sizeof *names->items);
    if (names->items == NULL) {
        return err_memory(c->e, "checking a scenario");
    }
    for (size_t i = 0; i < list->n; i++) {
        const char *id = *(const char *const *)((const char *)list->items + i * item_bytes);
        struct text place = place_of(key, i, "id");
        if (strlen(id) > NAME_MAX_CHARS) {
            return FAIL_AT(c, &place, "is longer than %d bytes; shorten it", NAME_MAX_CHARS);
        }
        if (has_control(id)) {
            return FAIL_AT(c, &place, "\"%s\" has a control character; leave it out", id);
        }
        if (strcmp(id, "*") == 0) {
            return FAIL_AT(c, &place, "\"*\" stands for all of them; choose another name");
        }
        int twin = names_find(names, id);
        if (twin >= 0) {
            return FAIL_AT(c, &place, "\"%s\" is the id of %s[%d] already; choose another", id, key,
                           twin);
        }
        names->items[names->n++] = id;
    }
    return 0;
}

/* The name becomes part of a file's name. */
static int check_name(const struct checker *c)
{
    const char *name = c->sc->name;
    struct text place = {0};
    text_add_key(&place, "name");
    size_t known =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (name[known] != '\0' || name[0] == '.' || name[0] == '-') {
        return FAIL_AT(c, &place,
                       "\"%.100s\" cannot be part of a file name; use letters, digits, '-', '_' "
                       "and '.', beginning with a letter or digit",
                       name);
    }
    if (known > NAME_MAX_CHARS) {
        return FAIL_AT(c, &place, "is longer than %d bytes; shorten it", NAME_MAX_CHARS);
    }
    return 0;
}

/* --- Slices ----------------------------------------------------------------------------------- */

static const struct scenario_slice *slice_at(const struct scenario *sc, int i)
{
    return (const struct scenario_slice *)sc->slices.tree.items + i;
}

/* Slice `i` comes back to itself by way of its parents. */
static bool in_circle(const struct checker *c, int i)
{
    int at = c->parents[i];
    for (int steps = 0; at >= 0 && at != i && steps < c->slices.n; steps++) {
        at = c->parents[at];
    }
    return at == i;
}

static int fail_circle(const struct checker *c, int i, const struct text *place)
{
    struct text way = {0};
    int at = i;
    do {
        text_add(&way, "%s -> ", c->slices.items[at]);
        at = c->parents[at];
    } while (at != i && way.length < 300);
    text_add(&way, "%s", c->slices.items[at]);
    return FAIL_AT(c, place, "slices form a circle: %s; a branch has no parent", way.chars);
}

/* Minima of the branches (parent -1), or of the fruits of one branch. */
static int check_minima(const struct checker *c, int parent)
{
    double sum = 0.0;
    for (int i = 0; i < c->slices.n; i++) {
        if (c->parents[i] != parent) {
            continue;
        }
        sum += slice_at(c->sc, i)->min_pct;
        if (sum > 100.0 + 1e-9) {
            struct text place = place_of("slices.tree", (size_t)i, "min_pct");
            return parent < 0
                       ? FAIL_AT(c, &place,
                                 "the minima of the branches sum to %g %% and more; lower them to "
                                 "at most 100",
                                 sum)
                       : FAIL_AT(c, &place,
                                 "the minima of the fruits of \"%s\" sum to %g %% and more; lower "
                                 "them to at most 100",
                                 c->slices.items[parent], sum);
        }
    }
    return 0;
}

static int find_parents(struct checker *c)
{
    c->parents = arena_array(&c->sc->arena, (size_t)c->slices.n, sizeof *c->parents);
    if (c->parents == NULL) {
        return err_memory(c->e, "checking a scenario");
    }
    for (int i = 0; i < c->slices.n; i++) {
        const char *parent = slice_at(c->sc, i)->parent;
        c->parents[i] = parent == NULL ? -1 : names_find(&c->slices, parent);
        if (parent != NULL && c->parents[i] < 0) {
            struct text place = place_of("slices.tree", (size_t)i, "parent");
            return fail_unknown(c, &place, "slice", parent, &c->slices);
        }
    }
    return 0;
}

static int check_depth(const struct checker *c, int i)
{
    struct text place = place_of("slices.tree", (size_t)i, "parent");
    int parent = c->parents[i];
    if (in_circle(c, i)) {
        return fail_circle(c, i, &place);
    }
    /* A parent in a circle is reported where the circle is. */
    if (parent >= 0 && c->parents[parent] >= 0 && !in_circle(c, parent)) {
        return FAIL_AT(c, &place,
                       "\"%s\" is a fruit itself; hang \"%s\" on a branch, a slice without parent",
                       c->slices.items[parent], c->slices.items[i]);
    }
    return 0;
}

static int check_tree(struct checker *c)
{
    int rc = collect_ids(c, "slices.tree", &c->sc->slices.tree, sizeof(struct scenario_slice),
                         &c->slices);
    rc = rc == 0 ? find_parents(c) : rc;
    for (int i = 0; i < c->slices.n && rc == 0; i++) {
        rc = check_depth(c, i);
    }
    rc = rc == 0 ? check_minima(c, -1) : rc;
    for (int i = 0; i < c->slices.n && rc == 0; i++) {
        rc = c->parents[i] < 0 ? check_minima(c, i) : 0;
    }
    return rc;
}

/* Slices from the testbed's own policy files; they take the place of `tree`, as they are. */
static int read_rrm(struct checker *c)
{
    struct scenario *sc = c->sc;
    bool has_sub = sc->slices.rrm_policy_sub[0] != '\0';
    const char *path = scenario_path(sc, sc->slices.rrm_policy);
    const char *sub = has_sub ? scenario_path(sc, sc->slices.rrm_policy_sub) : NULL;
    if (path == NULL || (has_sub && sub == NULL)) {
        return err_memory(c->e, "reading a slice policy");
    }
    struct slice_rrm rrm = {0};
    int rc = slice_rrm_load(path, sub, false, &sc->arena, &rrm, c->e);
    if (rc != 0) {
        return rc;
    }
    size_t n = (size_t)rrm.tree.n;
    struct scenario_slice *slices = arena_array(&sc->arena, n, sizeof *slices);
    c->slices.items = arena_array(&sc->arena, n, sizeof *c->slices.items);
    if (slices == NULL || c->slices.items == NULL) {
        return err_memory(c->e, "reading a slice policy");
    }
    for (size_t i = 0; i < n; i++) {
        const struct slice *s = &rrm.tree.slices[i];
        slices[i] = (struct scenario_slice){
            .id = s->id,
            .parent = s->parent >= 0 ? rrm.tree.slices[s->parent].id : NULL,
            .min_pct = 100.0 * s->min_ratio,
            .max_pct = 100.0 * s->max_ratio,
            .priority = s->priority,
            .sst = s->sst,
            .sd = s->sd,
            .service = s->service != NULL ? s->service : "",
        };
        c->slices.items[c->slices.n++] = s->id;
    }
    sc->slices.tree = (struct json_list){slices, n};
    sc->slices.ul_min_ratio = rrm.tree.ul_min_ratio;
    sc->slices.ul_max_ratio = rrm.tree.ul_max_ratio;
    return 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

static int check_trace(struct checker *c, const struct text *place, const char *path)
{
    const char *full = scenario_path(c->sc, path);
    if (full == NULL) {
        return err_memory(c->e, "checking a scenario");
    }
    struct stat status;
    if (stat(full, &status) != 0) {
        if (strncmp(path, DATA_PREFIX, strlen(DATA_PREFIX)) == 0) {
            return FAIL_AT(c, place, "%s: %s; set WILLMSIM_DATA to the folder of the measurements",
                           full, strerror(errno));
        }
        return FAIL_AT(c, place, "%s: %s; check the path", full, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return FAIL_AT(c, place, "%s is not a file; name the trace's file", full);
    }
    if (access(full, R_OK) != 0) {
        return FAIL_AT(c, place, "%s: %s; check its permissions", full, strerror(errno));
    }
    return 0;
}

/* --- Who uses whom ---------------------------------------------------------------------------- */

/* The cards and the profile exist and are right, the precisions are possible and the models fit. */
static int check_server(struct checker *c, size_t i)
{
    int rc = server_models_fill(c->sc, i, &c->sc->arena, c->e);
    if (rc != 0) {
        return rc;
    }
    const struct scenario_server *s = (const struct scenario_server *)c->sc->servers.items + i;
    struct server_plan *plans = arena_array(&c->sc->arena, s->models.n, sizeof *plans);
    if (plans == NULL) {
        return err_memory(c->e, "checking a scenario");
    }
    int64_t memory_bytes;
    return server_plan_make(c->sc, i, &c->sc->arena, plans, &c->plans, &memory_bytes, c->e);
}

static int check_servers(struct checker *c)
{
    const struct scenario *sc = c->sc;
    int rc = collect_ids(c, "servers", &sc->servers, sizeof(struct scenario_server), &c->servers);
    for (size_t i = 0; i < sc->servers.n && rc == 0; i++) {
        rc = check_server(c, i);
    }
    return rc;
}

static int check_cells(struct checker *c)
{
    const struct scenario *sc = c->sc;
    struct text place = {0};
    text_add_key(&place, "cells");
    if (sc->radio != NULL && sc->cells.n == 0) {
        return FAIL_AT(c, &place, "a radio needs at least one cell; add {\"id\": \"gnb0\"}");
    }
    if (sc->radio == NULL && sc->cells.n > 0) {
        return FAIL_AT(c, &place, "cells need a radio; add \"radio\": {} or leave the cells out");
    }
    return collect_ids(c, "cells", &sc->cells, sizeof(struct scenario_cell), &c->cells);
}

static int check_group_cell(const struct checker *c, const struct scenario_ues *u, size_t i)
{
    struct text place = place_of("ues", i, "cell");
    if (c->sc->radio == NULL) {
        return u->cell[0] == '\0'
                   ? 0
                   : FAIL_AT(c, &place, "the scenario has no radio; leave the cell out");
    }
    if (u->cell[0] == '\0') {
        return FAIL_AT(c, &place, "is missing; name a cell, or \"*\" for all in turn");
    }
    if (strcmp(u->cell, "*") != 0 && names_find(&c->cells, u->cell) < 0) {
        return fail_unknown(c, &place, "cell", u->cell, &c->cells);
    }
    return 0;
}

static int check_group_slices(const struct checker *c, const struct scenario_ues *u, size_t i)
{
    if (u->slice[0] != '\0' && names_find(&c->slices, u->slice) < 0) {
        struct text place = place_of("ues", i, "slice");
        return fail_unknown(c, &place, "slice", u->slice, &c->slices);
    }
    const char *const *arms = u->slice_arms.items;
    for (size_t k = 0; k < u->slice_arms.n; k++) {
        if (names_find(&c->slices, arms[k]) < 0) {
            struct text place = place_of("ues", i, "slice_arms");
            text_add_index(&place, k);
            return fail_unknown(c, &place, "slice", arms[k], &c->slices);
        }
        for (size_t other = 0; other < k; other++) {
            if (strcmp(arms[other], arms[k]) == 0) {
                struct text place = place_of("ues", i, "slice_arms");
                text_add_index(&place, k);
                return FAIL_AT(c, &place, "\"%s\" is slice_arms[%zu] already; name each slice once",
                               arms[k], other);
            }
        }
    }
    const char *const *cycle = u->slice_cycle.items;
    for (size_t k = 0; k < u->slice_cycle.n; k++) {
        if (names_find(&c->slices, cycle[k]) < 0) {
            struct text place = place_of("ues", i, "slice_cycle");
            text_add_index(&place, k);
            return fail_unknown(c, &place, "slice", cycle[k], &c->slices);
        }
    }
    return 0;
}

/* Some server that the group may use has the model it asks for. */
static int check_group_model(const struct checker *c, const struct scenario_ues *u, size_t i)
{
    const struct scenario_server *servers = c->sc->servers.items;
    struct names known = {0};
    size_t room = 0;
    for (size_t k = 0; k < c->sc->servers.n; k++) {
        if (strcmp(u->server, "*") != 0 && strcmp(u->server, servers[k].id) != 0) {
            continue;
        }
        if (server_model_index(&servers[k], u) >= 0) {
            return 0;
        }
        room += servers[k].models.n;
    }
    known.items = arena_array(&c->sc->arena, room, sizeof *known.items);
    if (known.items == NULL) {
        return err_memory(c->e, "checking a scenario");
    }
    for (size_t k = 0; k < c->sc->servers.n; k++) {
        const struct scenario_model *models = servers[k].models.items;
        bool may = strcmp(u->server, "*") == 0 || strcmp(u->server, servers[k].id) == 0;
        for (size_t m = 0; may && m < servers[k].models.n; m++) {
            if (names_find(&known, models[m].id) < 0) {
                known.items[known.n++] = models[m].id;
            }
        }
    }
    struct text place = place_of("ues", i, "model");
    return fail_unknown(c, &place, "model on its server", u->model, &known);
}

static int check_group(struct checker *c, const struct scenario_ues *u, size_t i)
{
    int rc = check_group_cell(c, u, i);
    if (rc == 0) {
        rc = check_group_slices(c, u, i);
    }
    if (rc == 0 && strcmp(u->server, "*") != 0 && names_find(&c->servers, u->server) < 0) {
        struct text place = place_of("ues", i, "server");
        rc = fail_unknown(c, &place, "server", u->server, &c->servers);
    }
    rc = rc == 0 ? check_group_model(c, u, i) : rc;
    if (rc == 0 && u->traffic.index >= TRAFFIC_TRACE_AZURE) {
        struct text place = place_of("ues", i, "traffic.path");
        rc = check_trace(c, &place, ((const struct traffic_trace *)u->traffic.options)->path);
    }
    return rc;
}

static int check_scenario(struct scenario *sc, struct err *e)
{
    struct checker c = {.sc = sc, .e = e};
    int rc = check_name(&c);
    rc = rc == 0 ? check_cells(&c) : rc;
    rc = rc == 0 ? (sc->slices.rrm_policy[0] != '\0' ? read_rrm(&c) : check_tree(&c)) : rc;
    rc = rc == 0 ? slice_control_check(sc, e) : rc;
    rc = rc == 0 ? check_servers(&c) : rc;
    rc = rc == 0 ? scenario_edge_check(sc, e) : rc;
    rc = rc == 0 ? collect_ids(&c, "ues", &sc->ues, sizeof(struct scenario_ues), &c.groups) : rc;
    const struct scenario_ues *groups = sc->ues.items;
    int64_t phones = 0;
    for (size_t i = 0; i < sc->ues.n && rc == 0; i++) {
        rc = check_group(&c, &groups[i], i);
        phones += groups[i].count;
    }
    if (rc == 0 && phones > PHONES_MAX) {
        struct text place = {0};
        text_add_key(&place, "ues");
        rc = FAIL_AT(&c, &place, "%lld phones in all; write at most %d", (long long)phones,
                     PHONES_MAX);
    }
    return rc;
}

/* --- Loading ---------------------------------------------------------------------------------- */

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* The tables leave NULL where a string may be left out; scenario.h promises "" for most. */
static void fill_empty(struct scenario *sc)
{
    sc->description = or_empty(sc->description);
    sc->slices.rrm_policy = or_empty(sc->slices.rrm_policy);
    sc->slices.rrm_policy_sub = or_empty(sc->slices.rrm_policy_sub);
    struct scenario_slice *slices = sc->slices.tree.items;
    for (size_t i = 0; i < sc->slices.tree.n; i++) {
        slices[i].service = or_empty(slices[i].service);
    }
    struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n; i++) {
        groups[i].cell = or_empty(groups[i].cell);
        groups[i].slice = or_empty(groups[i].slice);
        groups[i].model = or_empty(groups[i].model);
    }
}

static int load_tree(const char *path, cJSON *root, const char *const *sets, int n_sets,
                     struct scenario *sc, struct err *e)
{
    int rc = 0;
    for (int i = 0; i < n_sets && rc == 0; i++) {
        rc = json_set(root, sets[i], e);
    }
    struct arena arena = {0};
    if (rc == 0) {
        rc = json_bind(root, &scenario_spec, sc, path, "", &arena, e);
    }
    sc->arena = arena; /* json_bind() cleared the struct */
    if (rc != 0) {
        return rc;
    }
    char *text = cJSON_Print(root);
    sc->text = text == NULL ? NULL : arena_strdup(&sc->arena, text);
    cJSON_free(text);
    sc->file = arena_strdup(&sc->arena, path);
    if (sc->text == NULL || sc->file == NULL) {
        return err_memory(e, "reading a scenario");
    }
    fill_empty(sc);
    return check_scenario(sc, e);
}

int scenario_load(const char *path, const char *const *sets, int n_sets, struct scenario *sc,
                  struct err *e)
{
    *sc = (struct scenario){0};
    cJSON *root = NULL;
    int rc = json_read_file(path, &root, e);
    if (rc == 0) {
        rc = load_tree(path, root, sets, n_sets, sc, e);
    }
    json_delete(root);
    if (rc != 0) {
        scenario_free(sc);
    }
    return rc;
}

void scenario_free(struct scenario *sc)
{
    arena_free(&sc->arena);
    *sc = (struct scenario){0};
}

const char *scenario_path(struct scenario *sc, const char *path)
{
    return scenario_path_in(&sc->arena, path);
}

const char *scenario_path_in(struct arena *a, const char *path)
{
    size_t prefix = strlen(DATA_PREFIX);
    if (strncmp(path, DATA_PREFIX, prefix) != 0) {
        return path;
    }
    const char *folder = getenv("WILLMSIM_DATA");
    if (folder == NULL || folder[0] == '\0') {
        folder = DATA_DEFAULT;
    }
    size_t bytes = strlen(folder) + 1 + strlen(path + prefix) + 1;
    char *full = arena_alloc(a, bytes);
    if (full != NULL) {
        snprintf(full, bytes, "%s/%s", folder, path + prefix);
    }
    return full;
}

int scenario_slice_index(const struct scenario *sc, const char *id)
{
    const struct scenario_slice *slices = sc->slices.tree.items;
    for (size_t i = 0; i < sc->slices.tree.n; i++) {
        if (strcmp(slices[i].id, id) == 0) {
            return (int)i;
        }
    }
    return -1;
}
