/* load.c - brings a scenario into memory so that run_scenario() can only fail at work. */
#include "tools/load.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/trace_reader.h"
#include "sim/run.h"
#include "sim/world.h"

static int read_traces(struct load *load, struct err *e)
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
        int rc = trace_read(path, format, &load->traces[i], NULL, e);
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

int load_read(const char *path, const char *const *sets, int n_sets, struct load *load,
              struct err *e)
{
    memset(load, 0, sizeof *load);
    int rc = scenario_load(path, sets, n_sets, &load->scenario, e);
    if (rc != 0) {
        memset(load, 0, sizeof *load);
        return rc;
    }
    load->n_traces = load->scenario.ues.n;
    load->traces = calloc(load->n_traces > 0 ? load->n_traces : 1, sizeof load->traces[0]);
    rc = load->traces == NULL ? err_memory(e, "the traces") : read_traces(load, e);
    if (rc == 0) {
        rc = try_world(load, e);
    }
    if (rc != 0) {
        load_free(load);
    }
    return rc;
}

void load_free(struct load *load)
{
    for (size_t i = 0; load->traces != NULL && i < load->n_traces; i++) {
        trace_free(&load->traces[i]);
    }
    free(load->traces);
    scenario_free(&load->scenario);
    memset(load, 0, sizeof *load);
}
