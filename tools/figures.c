/* figures.c - the table of figures, and what they are written with. */
#include "tools/figures.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "datasets/targets_measure.h"
#include "tools/gnuplot.h"

/* Titles follow the paper's captions (WiLLM, arXiv 2506.19030). A new figure: one function, one
 * line here. */
const struct figure figures[] = {
    {"6", "Uplink scenario: latency by resolution",
     "completed requests of mode image_request with a resolution group", LATENCY_UPLINK,
     figure_latency_write},
    {"7", "Downlink scenario: latency by resolution",
     "completed requests of mode text_request with a resolution group", LATENCY_DOWNLINK,
     figure_latency_write},
    {"8", "Latency by slice", "completed requests with a slice", LATENCY_SLICES,
     figure_latency_write},
    {"9", "Uplink PRB of a transport block over time", "RAN records with ulsch_current_rbs",
     SERIES_PRB, figure_series_write},
    {"10", "Uplink bytes of a transport block over time", "RAN records with ulsch_current_bytes",
     SERIES_BYTES, figure_series_write},
    {"13", "Learning a slice: latency and choice by round",
     "six completed requests of a phone whose scenario has slice_choice", 0, figure_learning_write},
    {"17", "PUSCH SNR over time", "RAN records with pusch_snr_x10", SERIES_SNR,
     figure_series_write},
    {"18", "Power headroom over time", "RAN records with ph_db", SERIES_HEADROOM,
     figure_series_write},
    {"19", "Uplink throughput UL_THR over time", "RAN records with ul_throughput",
     SERIES_THROUGHPUT, figure_series_write},
    {"20", "Request bytes by latency and scheduled uplink bytes",
     "completed requests with ul_sched_bytes", HEATMAP_LATENCY, figure_heatmap_write},
    {"21", "Uplink block errors by slice and request bytes",
     "completed requests with a slice and ul_bler", HEATMAP_SLICES, figure_heatmap_write},
    /* Of the edge-inference paper (OT-GAH), whose captions these follow. */
    {"ot8", "Edge inference: completion rate over arrival rate, by batching",
     "a sweep of servers.model, edge.policy.kind and ues.0.traffic.rate_hz", EDGE_BY_RATE,
     figure_edge_write},
    {"ot9", "Edge inference: completed requests of an epoch over its duration",
     "a sweep of servers.model, edge.policy.kind and edge.epoch_s", EDGE_EPOCH_COUNT,
     figure_edge_write},
    {"ot10", "Edge inference: completion rate over the duration of an epoch",
     "a sweep of servers.model, edge.policy.kind and edge.epoch_s", EDGE_EPOCH_RATE,
     figure_edge_write},
    {"ot11", "Edge inference: completion rate over deadlines",
     "a sweep of servers.model, edge.policy.kind and ues.0.traffic.deadline_s", EDGE_BY_DEADLINE,
     figure_edge_write},
    {"ot12", "Edge inference: completion rate over arrival rate, by precision",
     "a sweep of servers.model, servers.quant and ues.0.traffic.rate_hz", EDGE_BY_QUANT,
     figure_edge_write},
    {"ot13", "Edge inference: completion rate over accuracy (perplexities unverified)",
     "a sweep of servers.model, servers.edge.perplexity_delta and ues.0.traffic.accuracy_max",
     EDGE_BY_ACCURACY, figure_edge_write},
    {"ot-continuous", "Edge inference at the calibrated cost: epochs and continuous batching",
     "a sweep of edge.policy.kind, servers.0.batching.max_queue and ues.0.traffic.rate_hz",
     EDGE_CONTINUOUS, figure_edge_write},
};
const int figures_n = sizeof figures / sizeof figures[0];

int figure_lacks(const struct figure_job *job, struct err *e, const char *format, ...)
{
    char why[512], place[32];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(place, sizeof place, "figure %s", job->figure->word);
    err_work(e, store_path(job->source.store), place, "needs %s; %s", job->figure->needs, why);
    if (e != NULL) {
        e->code = ERR_CHECK;
    }
    return ERR_CHECK;
}

int figure_prepare(const struct figure_source *source, const char *sql, sqlite3_stmt **row,
                   struct err *e)
{
    char run[48], text[1024];
    if (source->run_id != 0) {
        snprintf(run, sizeof run, "run_id = %" PRId64, source->run_id);
    } else {
        snprintf(run, sizeof run, "1");
    }
    const char *hole = strstr(sql, "{run}");
    snprintf(text, sizeof text, "%.*s%s%s", hole != NULL ? (int)(hole - sql) : (int)strlen(sql),
             sql, hole != NULL ? run : "", hole != NULL ? hole + strlen("{run}") : "");
    sqlite3 *db = store_db(source->store);
    if (sqlite3_prepare_v2(db, text, -1, row, NULL) != SQLITE_OK) {
        return err_work(e, store_path(source->store), NULL, "cannot be read: %s",
                        sqlite3_errmsg(db));
    }
    return 0;
}

int figure_rows_end(const struct figure_source *source, sqlite3_stmt *row, int step, struct err *e)
{
    int rc = 0;
    if (step != SQLITE_DONE) {
        rc = err_work(e, store_path(source->store), NULL, "cannot be read: %s",
                      sqlite3_errmsg(store_db(source->store)));
    }
    sqlite3_finalize(row);
    return rc;
}

int figure_origin(struct store *s, const char **origin, struct err *e)
{
    static const char sql[] =
        "SELECT count(*), count(*) FILTER (WHERE scenario LIKE 'measured: %' OR "
        "(version LIKE 'import%' AND scenario NOT LIKE 'simulated: %')) FROM runs";
    struct figure_source source = {.store = s};
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&source, sql, &row, e);
    if (rc != 0) {
        return rc;
    }
    int step = sqlite3_step(row);
    if (step == SQLITE_ROW) {
        int64_t runs = sqlite3_column_int64(row, 0), measured = sqlite3_column_int64(row, 1);
        *origin = measured == 0      ? "simulated"
                  : measured == runs ? "measured"
                                     : "measured and simulated";
        step = sqlite3_step(row);
    }
    return figure_rows_end(&source, row, step, e);
}

char *figure_count(int64_t n, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

void figure_style(FILE *script)
{
    fputs("set border 3 lw 0.7 lc rgb '#555555'\n"
          "set tics nomirror noenhanced textcolor rgb '#333333'\n"
          "set xlabel noenhanced\nset ylabel noenhanced\nset title noenhanced\n"
          "set key noenhanced\n"
          "set grid ytics lw 0.5 lc rgb '#dddddd'\n"
          "set style fill transparent solid 0.9 noborder\n",
          script);
}

void figure_multiplot(const struct figure_job *job, struct figure_page *page, const char *detail)
{
    char title[1024];
    snprintf(title, sizeof title, "Figure %s. %s\n%s%s%s", job->figure->word, job->figure->title,
             job->heading, detail[0] != '\0' ? "; " : "", detail);
    fputs("set multiplot title ", page->script);
    gnuplot_quote(page->script, title);
    fputs(" noenhanced font ',13'\n", page->script);
}

bool figure_published(const struct figure_job *job, const char *id, struct figure_band *band)
{
    const struct target *items = job->targets->list.items;
    for (size_t i = 0; i < job->targets->list.n; i++) {
        if (strcmp(items[i].id, id) != 0) {
            continue;
        }
        const struct expect_range *range = items[i].expect.options;
        const struct expect_value *value = items[i].expect.options;
        switch ((enum target_expect)items[i].expect.index) {
        case TARGET_RANGE:
            *band = (struct figure_band){range->lo, range->hi};
            return true;
        case TARGET_VALUE:
        case TARGET_AT_LEAST:
            *band = (struct figure_band){value->value, value->value};
            return true;
        case TARGET_AT_MOST:
            *band = (struct figure_band){0, value->value};
            return true;
        default:
            return false;
        }
    }
    return false;
}
