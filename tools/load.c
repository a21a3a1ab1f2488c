/* load.c - brings a scenario into memory so that run_scenario() can only fail at work. */
#include "tools/load.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/trace_reader.h"
#include "sim/run.h"
#include "sim/world.h"

struct trace_cached {
    struct trace_cached *next;
    char *path;
    enum trace_format format;
    struct trace trace;
};

/* The trace of a file, read now or before. A trace that was read once never moves or changes, so
 * threads share it without a lock. */
static int cache_find(struct trace_cache *cache, const char *path, enum trace_format format,
                      struct trace *out, struct err *e)
{
    for (const struct trace_cached *c = cache->head; c != NULL; c = c->next) {
        if (c->format == format && strcmp(c->path, path) == 0) {
            *out = c->trace;
            return 0;
        }
    }
    struct trace_cached *fresh = calloc(1, sizeof *fresh);
    char *copy = strdup(path);
    if (fresh == NULL || copy == NULL) {
        free(fresh);
        free(copy);
        return err_memory(e, "the traces");
    }
    int rc = trace_read(path, format, &fresh->trace, NULL, e);
    if (rc != 0) {
        free(fresh);
        free(copy);
        return rc;
    }
    fresh->path = copy;
    fresh->format = format;
    fresh->next = cache->head;
    cache->head = fresh;
    *out = fresh->trace;
    return 0;
}

void trace_cache_free(struct trace_cache *cache)
{
    while (cache->head != NULL) {
        struct trace_cached *next = cache->head->next;
        trace_free(&cache->head->trace);
        free(cache->head->path);
        free(cache->head);
        cache->head = next;
    }
}

/* `cache` NULL: the load has its own. */
static int read_traces(struct load *load, struct trace_cache *cache, struct err *e)
{
    struct scenario *sc = &load->scenario;
    const struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n; i++) {
        enum trace_format format = TRACE_CSV;
        switch ((enum traffic_kind)groups[i].traffic.index) {
        case TRAFFIC_TRACE_AZURE:
            format = TRACE_AZURE;
            break;
        case TRAFFIC_TRACE_MOONCAKE:
            format = TRACE_MOONCAKE;
            break;
        case TRAFFIC_TRACE_CSV:
            break;
        default:
            continue;
        }
        const struct traffic_trace *options = groups[i].traffic.options;
        const char *path = scenario_path(sc, options->path);
        if (path == NULL) {
            return err_memory(e, "the path of a trace");
        }
        int rc = 0;
        if (cache == NULL) {
            rc = trace_read(path, format, &load->traces[i], NULL, e);
        } else {
#pragma omp critical(trace_cache)
            rc = cache_find(cache, path, format, &load->traces[i], e);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* What only shows when the world is built (a model that does not fit into its GPU's memory) is
 * found here, before a result file of an earlier run is replaced. */
static int try_world(const struct load *load, struct err *e)
{
    struct run_options options = {.seed = (uint64_t)load->scenario.seed, .traces = load->traces};
    struct world world;
    int rc = world_make(&world, &load->scenario, &options, e);
    if (rc == 0) {
        world_free(&world);
    }
    return rc;
}

static int read_all(const char *path, const char *const *sets, int n_sets,
                    struct trace_cache *cache, bool with_world, struct load *load, struct err *e)
{
    memset(load, 0, sizeof *load);
    int rc = scenario_load(path, sets, n_sets, &load->scenario, e);
    if (rc != 0) {
        memset(load, 0, sizeof *load);
        return rc;
    }
    load->n_traces = load->scenario.ues.n;
    load->shared = cache != NULL;
    load->traces = calloc(load->n_traces > 0 ? load->n_traces : 1, sizeof load->traces[0]);
    rc = load->traces == NULL ? err_memory(e, "the traces") : read_traces(load, cache, e);
    if (rc == 0 && with_world) {
        rc = try_world(load, e);
    }
    if (rc != 0) {
        load_free(load);
    }
    return rc;
}

int load_read(const char *path, const char *const *sets, int n_sets, struct load *load,
              struct err *e)
{
    return read_all(path, sets, n_sets, NULL, true, load, e);
}

int load_read_shared(const char *path, const char *const *sets, int n_sets,
                     struct trace_cache *cache, bool with_world, struct load *load, struct err *e)
{
    return read_all(path, sets, n_sets, cache, with_world, load, e);
}

void load_free(struct load *load)
{
    for (size_t i = 0; load->traces != NULL && !load->shared && i < load->n_traces; i++) {
        trace_free(&load->traces[i]);
    }
    free(load->traces);
    scenario_free(&load->scenario);
    memset(load, 0, sizeof *load);
}
