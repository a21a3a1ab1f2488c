/* capacity.c - looks at values, and searches. */
#include "tools/capacity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/store.h"
#include "models/llm.h"
#include "tools/run_one.h"

const char *const stage_words[STAGES] = {"uplink", "queue", "compute", "downlink"};

int capacity_values(const struct capacity *c)
{
    return c->has_range ? c->plan->varies[c->plan->n_varies - 1].n : 1;
}

/* The i-th value in the order of the search: the hard ones last. */
static int place_of(const struct capacity *c, int at)
{
    return c->smallest ? capacity_values(c) - 1 - at : at;
}

const char *capacity_value(const struct capacity *c, int at)
{
    return c->plan->varies[c->plan->n_varies - 1].values[place_of(c, at)];
}

int64_t capacity_point(const struct capacity *c, int64_t config, int at)
{
    return config * capacity_values(c) + place_of(c, at) + 1;
}

/* --- One run ---------------------------------------------------------------------------------- */

/* What the summary does not read is not stored. */
static int drop_ue(void *self, const struct ue_record *row)
{
    (void)self, (void)row;
    return 0;
}
static int drop_ran(void *self, const struct ran_record *row)
{
    (void)self, (void)row;
    return 0;
}
static int drop_server(void *self, const struct server_record *row)
{
    (void)self, (void)row;
    return 0;
}
static int drop_decision(void *self, const struct decision_record *row)
{
    (void)self, (void)row;
    return 0;
}

/* Runs into a store at `path`, which is left closed. */
static int run_into(struct capacity *c, const struct load *load, const char *path, struct err *e)
{
    struct run_one run = {.stop = c->stop};
    int rc = store_open(path, STORE_CREATE, &run.store, e);
    if (rc != 0) {
        return rc;
    }
    run.sink = store_sink(run.store);
    run.sink.ue = drop_ue;
    run.sink.ran = drop_ran;
    run.sink.server = drop_server;
    run.sink.decision = drop_decision;
    struct run_result result;
    rc = run_one(&run, load, &result, e);
    if (rc == 0 && !result.complete) {
        rc = e->code = ERR_INTERRUPTED;
    }
    struct err close_error = {0};
    int closed = store_close(run.store, &close_error);
    if (rc == 0 && closed != 0) {
        *e = close_error;
        rc = closed;
    }
    return rc;
}

static int do_run(struct capacity *c, int64_t run_id, double values[METRICS], struct err *e)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%lld.sqlite", c->folder, (long long)run_id);
    struct load load;
    int rc = sweep_plan_load(c->plan, run_id, false, &load, e);
    if (rc == 0) {
        rc = run_into(c, &load, path, e);
        load_free(&load);
    }
    struct store *store = NULL;
    rc = rc != 0 ? rc : store_open(path, STORE_READ, &store, e);
    if (rc == 0) {
        struct summary_options options = summary_defaults();
        struct summary sum;
        rc = summary_compute(store, &options, &sum, e);
        if (rc == 0) {
            metric_values(&sum, values);
            summary_free(&sum);
        }
    }
    store_close(store, NULL);
    unlink(path);
    return rc;
}

/* --- One value -------------------------------------------------------------------------------- */

static double mean_of(const double *values, int64_t reps, int metric)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t r = 0; r < reps; r++) {
        double v = values[r * METRICS + metric];
        sum += isnan(v) ? 0 : v;
        n += !isnan(v);
    }
    return n > 0 ? sum / (double)n : NAN;
}

static void judge(const struct capacity *c, const double *values, double *column,
                  struct capacity_probe *probe)
{
    int64_t reps = c->plan->reps;
    probe->meets = true;
    for (int i = 0; i < c->n_slos; i++) {
        for (int64_t r = 0; r < reps; r++) {
            column[r] = values[r * METRICS + c->slos[i].metric];
        }
        probe->slos[i] = slo_judge(&c->slos[i], column, reps, c->confidence);
        probe->meets = probe->meets && probe->slos[i].holds;
    }
    double queue = mean_of(values, reps, metric_of(METRIC_QUEUE, METRIC_MEAN));
    queue = isnan(queue) ? 0 : queue;
    probe->stage_ms[STAGE_UPLINK] = mean_of(values, reps, metric_of(METRIC_UPLINK, METRIC_MEAN));
    probe->stage_ms[STAGE_QUEUE] = queue;
    probe->stage_ms[STAGE_COMPUTE] =
        mean_of(values, reps, metric_of(METRIC_INFERENCE, METRIC_MEAN)) - queue;
    probe->stage_ms[STAGE_DOWNLINK] =
        mean_of(values, reps, metric_of(METRIC_DOWNLINK, METRIC_MEAN));
}

/* All replications of a value, on all threads. */
static int look_at(struct capacity *c, int64_t config, int at, struct capacity_probe *probe,
                   struct err *e)
{
    int64_t reps = c->plan->reps;
    double *values = calloc((size_t)(reps * (METRICS + 1)), sizeof *values);
    if (values == NULL) {
        return err_memory(e, "a capacity search");
    }
    int64_t first = (capacity_point(c, config, at) - 1) * reps + 1;
    struct err failed = {0};
    *probe = (struct capacity_probe){.at = at};
#pragma omp parallel for num_threads(c->threads) schedule(dynamic, 1) default(shared)
    for (int64_t r = 0; r < reps; r++) {
        struct err mine = {0};
        bool go_on;
#pragma omp critical(capacity)
        go_on = failed.code == 0;
        int rc = go_on ? do_run(c, first + r, values + r * METRICS, &mine) : 0;
#pragma omp critical(capacity)
        {
            if (rc != 0 && failed.code == 0) {
                failed = mine;
                failed.code = rc;
            }
            c->runs++;
            progress_note(&c->progress, c->runs, capacity_value(c, c->has_range ? at : 0));
        }
    }
    if (failed.code == 0) {
        judge(c, values, values + reps * METRICS, probe);
    } else {
        *e = failed;
    }
    free(values);
    return failed.code;
}

/* --- The search ------------------------------------------------------------------------------- */

/* The probe of a value, made when it is not there yet; NULL: an error. */
static const struct capacity_probe *probe_at(struct capacity *c, struct capacity_config *config,
                                             int at, struct err *e)
{
    int i = 0;
    while (i < config->n_probes && config->probes[i].at < at) {
        i++;
    }
    if (i < config->n_probes && config->probes[i].at == at) {
        return &config->probes[i];
    }
    struct capacity_probe probe;
    int rc = look_at(c, config->number, at, &probe, e);
    if (rc != 0) {
        return NULL;
    }
    struct capacity_probe *more =
        realloc(config->probes, (size_t)(config->n_probes + 1) * sizeof *more);
    if (more == NULL) {
        err_memory(e, "a capacity search");
        return NULL;
    }
    config->probes = more;
    memmove(&more[i + 1], &more[i], (size_t)(config->n_probes - i) * sizeof *more);
    more[i] = probe;
    config->n_probes++;
    return &more[i];
}

/* The answer, and the least that fails, as numbers of values; -1 and n: there is none. */
static int bisect(struct capacity *c, struct capacity_config *config, int *best, int *fails,
                  struct err *e)
{
    int n = capacity_values(c);
    *best = -1;
    *fails = n;
    for (int at = 0; *fails == n && *best < n - 1;) {
        const struct capacity_probe *p = probe_at(c, config, at, e);
        if (p == NULL) {
            return e->code;
        }
        *(p->meets ? best : fails) = at;
        at = at >= (n - 1) / 2 ? n - 1 : 2 * at + 1;
    }
    while (*fails - *best > 1) {
        int at = *best + (*fails - *best) / 2;
        const struct capacity_probe *p = probe_at(c, config, at, e);
        if (p == NULL) {
            return e->code;
        }
        *(p->meets ? best : fails) = at;
    }
    return 0;
}

/* The middle of the widest stretch without a probe among the values from..to; -1: none. */
static int widest_gap(const struct capacity_config *config, int from, int to)
{
    int middle = -1, widest = 0, last = from - 1;
    for (int i = 0; i <= config->n_probes; i++) {
        int at = i < config->n_probes ? config->probes[i].at : to + 1;
        at = at > to ? to + 1 : at;
        if (at <= last) {
            continue;
        }
        if (at - last - 1 > widest) {
            widest = at - last - 1;
            middle = last + (at - last) / 2;
        }
        last = at;
    }
    return middle;
}

/* Looks beyond the answer, and below it. A value far above could be costly: at most twice it. */
static int check_more(struct capacity *c, struct capacity_config *config, int best, int fails,
                      struct err *e)
{
    int n = capacity_values(c);
    for (int i = 0; i < c->checks; i++) {
        int to = 2 * fails + 1 < n - 1 ? 2 * fails + 1 : n - 1;
        int at = i % 2 == 0 && fails < n ? widest_gap(config, fails, to) : -1;
        at = at < 0 && best > 0 ? widest_gap(config, 0, best) : at;
        if (at >= 0 && probe_at(c, config, at, e) == NULL) {
            return e->code;
        }
    }
    return 0;
}

/* By which part of its limit an objective is missed. */
static double excess(const struct slo *slo, const struct slo_result *r)
{
    if (r->holds) {
        return -1;
    }
    double by = slo->at_most ? r->bound - slo->limit : slo->limit - r->bound;
    /* A replication without the number: its bound, over the others, may be within the limit. */
    return isnan(by) || by <= 0 ? INFINITY : by / (slo->limit > 0 ? slo->limit : 1);
}

enum {
    UP = 1 << STAGE_UPLINK,
    WAIT = 1 << STAGE_QUEUE,
    WORK = 1 << STAGE_COMPUTE,
    DOWN = 1 << STAGE_DOWNLINK
};

/* The stages that a metric has time of: an objective about the uplink is not broken by the GPU. */
static int stages_of(int metric)
{
    static const struct {
        const char *word; /* of the metric up to its dot */
        int stages;
    } known[] = {{"uplink", UP},
                 {"ul", UP},
                 {"share.uplink", UP},
                 {"downlink", DOWN},
                 {"dl", DOWN},
                 {"share.downlink", DOWN},
                 {"queue", WAIT},
                 {"tpot", WORK},
                 {"inference", WAIT | WORK},
                 {"gpu", WORK},
                 {"ttft", WAIT | WORK},
                 {"share.inference", WAIT | WORK},
                 {"transport", UP | DOWN}};
    struct metric_name name = metric_name(metric);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].word);
        if (strncmp(name.word, known[i].word, n) == 0 &&
            (name.word[n] == '.' || name.word[n] == '\0')) {
            return known[i].stages;
        }
    }
    return UP | WAIT | WORK | DOWN;
}

/* What gives way first, from the lightest value to the least that fails. */
static void find_cause(const struct capacity *c, struct capacity_config *config)
{
    const struct capacity_probe *fails = &config->probes[config->fails];
    const struct capacity_probe *light = &config->probes[0];
    double most = -1;
    for (int i = 0; i < c->n_slos; i++) {
        double by = excess(&c->slos[i], &fails->slos[i]);
        if (by >= 0 && by > most) {
            most = by;
            config->first_slo = i;
        }
    }
    double largest = -INFINITY;
    int stages = stages_of(c->slos[config->first_slo].metric);
    for (int s = 0; s < STAGES; s++) {
        if ((stages >> s & 1) == 0) {
            continue;
        }
        /* When already the lightest fails there is no growth: then the longest stage. */
        double grown = fails->stage_ms[s] - (fails == light ? 0 : light->stage_ms[s]);
        if (grown > largest) {
            largest = grown;
            config->stage = (enum stage)s;
        }
    }
}

static int search_config(struct capacity *c, struct capacity_config *config, struct err *e)
{
    int best, fails;
    int rc = bisect(c, config, &best, &fails, e);
    rc = rc == 0 && c->has_range ? check_more(c, config, best, fails, e) : rc;
    if (rc != 0) {
        return rc;
    }
    bool failed = false;
    for (int i = 0; i < config->n_probes; i++) {
        const struct capacity_probe *p = &config->probes[i];
        config->monotone = config->monotone && !(failed && p->meets);
        failed = failed || !p->meets;
        config->best = p->at == best ? i : config->best;
        config->fails = p->at == fails ? i : config->fails;
    }
    if (config->fails >= 0) {
        find_cause(c, config);
    }
    return 0;
}

/* --- Cost ------------------------------------------------------------------------------------- */

static double price_of(const struct capacity *c, const char *gpu)
{
    for (int i = 0; i < c->n_costs; i++) {
        if (strcmp(c->costs[i].gpu, gpu) == 0) {
            return c->costs[i].usd_per_hour;
        }
    }
    struct arena arena = {0};
    const struct gpu_profile *profile = NULL;
    double usd = gpu_profile_load(NULL, gpu, &arena, &profile, NULL) == 0
                     ? gpu_profile_usd_per_hour(profile)
                     : NAN;
    arena_free(&arena);
    return usd;
}

/* Every GPU of every server. */
static double cost_of(const struct capacity *c, const struct scenario *sc)
{
    const struct scenario_server *servers = sc->servers.items;
    double usd = 0;
    for (size_t i = 0; i < sc->servers.n; i++) {
        usd += price_of(c, servers[i].gpu) * (double)servers[i].tensor_parallel;
    }
    return usd;
}

/* What the choice goes by: dollars an hour, per unit of load where that is searched for. */
static double price_tag(const struct capacity *c, const struct capacity_config *config)
{
    double usd = config->usd_per_hour;
    double load = c->has_range && !c->smallest
                      ? strtod(capacity_value(c, config->probes[config->best].at), NULL)
                      : 1;
    return load > 0 ? usd / load : usd;
}

static void choose(struct capacity *c)
{
    double least = INFINITY;
    c->choice = -1;
    for (int64_t i = 0; i < c->n_configs; i++) {
        const struct capacity_config *config = &c->configs[i];
        if (!config->built || config->best < 0) {
            continue;
        }
        double price = price_tag(c, config);
        /* Where nobody knows a price, the first that meets. */
        price = isnan(price) ? 1e300 : price;
        if (price < least) {
            least = price;
            c->choice = i;
        }
    }
}

/* --- The whole -------------------------------------------------------------------------------- */

/* Reads every configuration at its lightest value, and the heaviest value of the first that can be
 * built. A model that does not fit is a finding and no error, unless nothing fits. */
static int try_configs(struct capacity *c, struct err *e)
{
    int64_t built = 0;
    for (int64_t i = 0; i < c->n_configs; i++) {
        struct capacity_config *config = &c->configs[i];
        *config = (struct capacity_config){.number = i,
                                           .usd_per_hour = NAN,
                                           .best = -1,
                                           .fails = -1,
                                           .first_slo = -1,
                                           .monotone = true};
        struct load load;
        int64_t reps = c->plan->reps;
        int rc = sweep_plan_load(c->plan, (capacity_point(c, i, 0) - 1) * reps + 1, true, &load, e);
        if (rc == 0) {
            config->usd_per_hour = cost_of(c, &load.scenario);
            config->built = true;
            load_free(&load);
            built++;
        } else if (rc != ERR_INPUT) {
            return rc;
        }
        snprintf(config->why_not, sizeof config->why_not, "%.500s", rc == 0 ? "" : e->text);
        int last = capacity_values(c) - 1;
        if (rc == 0 && built == 1 && last > 0) {
            rc = sweep_plan_load(c->plan, (capacity_point(c, i, last) - 1) * reps + 1, false, &load,
                                 e);
            if (rc != 0) {
                return rc;
            }
            load_free(&load);
        }
    }
    return built > 0 ? 0 : e->code;
}

int capacity_search(struct capacity *c, struct err *e)
{
    c->n_configs = c->plan->n_points / capacity_values(c);
    c->configs = calloc((size_t)c->n_configs, sizeof *c->configs);
    if (c->configs == NULL) {
        return err_memory(e, "a capacity search");
    }
    int rc = try_configs(c, e);
    if (rc != 0) {
        return rc;
    }
    const char *temporary = getenv("TMPDIR");
    bool usable = temporary != NULL && temporary[0] != '\0' && strlen(temporary) < 30;
    snprintf(c->folder, sizeof c->folder, "%s/willmsim-capacity-XXXXXX",
             usable ? temporary : "/tmp");
    if (mkdtemp(c->folder) == NULL) {
        c->folder[0] = '\0';
        return err_work(e, NULL, NULL,
                        "cannot make a folder for the runs; set TMPDIR to one that "
                        "can be written");
    }
    progress_start(&c->progress, c->quiet);
    for (int64_t i = 0; i < c->n_configs && rc == 0; i++) {
        if (c->configs[i].built) {
            rc = search_config(c, &c->configs[i], e);
        }
    }
    progress_end(&c->progress);
    if (rc == 0) {
        choose(c);
    }
    return rc;
}

void capacity_free(struct capacity *c)
{
    for (int64_t i = 0; c->configs != NULL && i < c->n_configs; i++) {
        free(c->configs[i].probes);
    }
    free(c->configs);
    c->configs = NULL;
    if (c->folder[0] != '\0') {
        rmdir(c->folder);
    }
}
