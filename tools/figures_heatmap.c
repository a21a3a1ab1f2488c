/* figures_heatmap.c - figures 20 and 21: a mean over requests in cells of two other quantities. The
 * paper filled empty cells with the mean of all; here they stay empty. Its bin edges cannot be
 * recovered, only their numbers: cells are equal parts of the range that the file has. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tools/figures.h"
#include "tools/gnuplot.h"

/* Figure 20 has 28 columns and 23 rows; figure 21 cuts the request bytes into 60 equal bins. */
enum { LATENCY_COLUMNS = 28, LATENCY_ROWS = 23, SLICE_COLUMNS = 60, SLICE_ROWS_MAX = 16 };
enum { COLUMNS_MAX = 60, ROWS_MAX = 23, NAME_BYTES = 64 };

struct axis {
    double lo, hi;
    int bins;
};

struct cells {
    struct axis x, y;
    double sum[ROWS_MAX][COLUMNS_MAX];
    int64_t n[ROWS_MAX][COLUMNS_MAX];
    int64_t requests;
    char names[SLICE_ROWS_MAX][NAME_BYTES];
    int64_t row_n[SLICE_ROWS_MAX];
    double row_sum[SLICE_ROWS_MAX];
};

/* Five stops of viridis (Smith, van der Walt; matplotlib, CC0), which runs evenly from dark to
 * light for all kinds of colour vision. */
static const char palette[] = "set palette defined (0 '#440154', 0.25 '#3B528B', 0.5 '#21918C', "
                              "0.75 '#5EC962', 1 '#FDE725')\n";

static int bin_of(const struct axis *a, double value)
{
    if (a->hi <= a->lo) {
        return 0;
    }
    int bin = (int)((value - a->lo) / (a->hi - a->lo) * a->bins);
    return bin < 0 ? 0 : bin >= a->bins ? a->bins - 1 : bin;
}

static double edge_of(const struct axis *a, double bin)
{
    double width = a->hi > a->lo ? (a->hi - a->lo) / a->bins : 1;
    return a->lo + bin * width;
}

/* SQL of the two figures: first the ranges, then the rows (x, y or slice, value). */
#define REQUESTS_20                                                                                \
    " FROM requests WHERE {run} AND status = 'completed' AND ul_sched_bytes IS NOT NULL AND "      \
    "uplink_bytes IS NOT NULL AND done_ns IS NOT NULL AND born_ns IS NOT NULL"
#define REQUESTS_21                                                                                \
    " FROM requests WHERE {run} AND status = 'completed' AND slice_id <> '' AND ul_bler IS NOT "   \
    "NULL AND uplink_bytes IS NOT NULL"

static int ranges_read(const struct figure_job *job, const char *sql, struct cells *c,
                       struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source, sql, &row, e);
    if (rc != 0) {
        return rc;
    }
    int step = sqlite3_step(row);
    if (step == SQLITE_ROW) {
        c->requests = sqlite3_column_int64(row, 0);
        c->x.lo = sqlite3_column_double(row, 1);
        c->x.hi = sqlite3_column_double(row, 2);
        c->y.lo = sqlite3_column_double(row, 3);
        c->y.hi = sqlite3_column_double(row, 4);
        step = sqlite3_step(row);
    }
    rc = figure_rows_end(&job->source, row, step, e);
    return rc == 0 && c->requests == 0 ? figure_lacks(job, e, "the file has none") : rc;
}

/* Rows of a slice are neighbours; -1: no more room. */
static int slice_row(struct cells *c, int *n, const char *name)
{
    if (*n == 0 || strncmp(c->names[*n - 1], name, NAME_BYTES - 1) != 0) {
        if (*n == SLICE_ROWS_MAX) {
            return -1;
        }
        snprintf(c->names[(*n)++], NAME_BYTES, "%s", name);
    }
    return *n - 1;
}

static int cells_read(const struct figure_job *job, const char *sql, bool by_slice, struct cells *c,
                      struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source, sql, &row, e);
    if (rc != 0) {
        return rc;
    }
    int slices = 0, step = 0;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        double value = sqlite3_column_double(row, 2);
        int x = bin_of(&c->x, sqlite3_column_double(row, 0)), y = 0;
        if (by_slice) {
            y = slice_row(c, &slices, (const char *)sqlite3_column_text(row, 1));
            if (y < 0) {
                sqlite3_finalize(row);
                return figure_lacks(job, e,
                                    "there are more than %d slices, which it has no room "
                                    "for",
                                    SLICE_ROWS_MAX);
            }
            c->row_n[y]++;
            c->row_sum[y] += value;
        } else {
            y = bin_of(&c->y, sqlite3_column_double(row, 1));
        }
        c->sum[y][x] += value;
        c->n[y][x]++;
    }
    if (by_slice) {
        c->y = (struct axis){0, slices, slices};
    }
    return figure_rows_end(&job->source, row, step, e);
}

/* x, y, width, height, mean of each cell with requests. */
static void write_cells(const struct cells *c, double scale, FILE *out)
{
    fputs("$cells << EOD\n", out);
    for (int y = 0; y < c->y.bins; y++) {
        for (int x = 0; x < c->x.bins; x++) {
            if (c->n[y][x] > 0) {
                fprintf(out, "%.9g %.9g %.9g %.9g %.9g\n", edge_of(&c->x, x), edge_of(&c->x, x + 1),
                        edge_of(&c->y, y), edge_of(&c->y, y + 1),
                        c->sum[y][x] / (double)c->n[y][x] * scale);
            }
        }
    }
    fputs("EOD\n", out);
}

static void write_begin(const struct figure_job *job, const struct cells *c,
                        struct figure_page *page)
{
    char detail[64], count[32], title[512];
    FILE *out = page->script;
    snprintf(detail, sizeof detail, "n = %s completed requests", figure_count(c->requests, count));
    snprintf(title, sizeof title, "Figure %s. %s\n%s; %s", job->figure->word, job->figure->title,
             job->heading, detail);
    figure_style(out);
    fputs("set title ", out);
    gnuplot_quote(out, title);
    fprintf(out,
            "\nunset key\nunset grid\n%sset style fill solid 1 noborder\n"
            "set cblabel noenhanced\nset rmargin at screen 0.84\nset format x '%%g'\nset format y "
            "'%%g'\n"
            "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n",
            palette, edge_of(&c->x, 0), edge_of(&c->x, c->x.bins), edge_of(&c->y, 0),
            edge_of(&c->y, c->y.bins));
}

static void write_plot(const struct cells *c, double scale, FILE *out)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int y = 0; y < c->y.bins; y++) {
        for (int x = 0; x < c->x.bins; x++) {
            double mean = c->n[y][x] > 0 ? c->sum[y][x] / (double)c->n[y][x] * scale : NAN;
            lo = fmin(lo, mean);
            hi = fmax(hi, mean);
        }
    }
    if (hi <= lo) {
        fprintf(out, "set cbrange [%.9g:%.9g]\n", lo - 0.5, lo + 0.5); /* all cells the same */
    }
    fputs("plot $cells using (($1+$2)/2):(($3+$4)/2):1:2:3:4:5 with boxxyerror lc palette "
          "notitle\n",
          out);
}

static int latency_heatmap(const struct figure_job *job, struct cells *c, struct figure_page *page,
                           struct err *e)
{
    c->x.bins = LATENCY_COLUMNS;
    c->y.bins = LATENCY_ROWS;
    int rc = ranges_read(job,
                         "SELECT count(*), min(done_ns - born_ns) / 1e9, max(done_ns - born_ns) / "
                         "1e9, min(ul_sched_bytes) / 1e3, max(ul_sched_bytes) / 1e3" REQUESTS_20,
                         c, e);
    rc =
        rc != 0
            ? rc
            : cells_read(
                  job,
                  "SELECT (done_ns - born_ns) / 1e9, ul_sched_bytes / 1e3, uplink_bytes" REQUESTS_20
                  " ORDER BY run_id, request_id",
                  false, c, e);
    if (rc != 0) {
        return rc;
    }
    page->width = 860;
    page->height = 560;
    write_cells(c, 1e-3, page->script);
    write_begin(job, c, page);
    fputs("set xlabel 'end-to-end latency, s'\n"
          "set ylabel 'uplink bytes scheduled for the request, kB'\n"
          "set cblabel 'mean bytes of the request, kB' offset 1.5,0\n",
          page->script);
    write_plot(c, 1e-3, page->script);
    char count[32];
    text_add(&page->caption,
             "%s requests in %d x %d cells; latency %.3g to %.3g s, scheduled bytes %.4g to %.4g "
             "kB. Empty cells had no request. The paper's bin edges are not published.",
             figure_count(c->requests, count), LATENCY_COLUMNS, LATENCY_ROWS, c->x.lo, c->x.hi,
             c->y.lo, c->y.hi);
    return 0;
}

static int slice_heatmap(const struct figure_job *job, struct cells *c, struct figure_page *page,
                         struct err *e)
{
    c->x.bins = SLICE_COLUMNS;
    int rc = ranges_read(
        job, "SELECT count(*), min(uplink_bytes) / 1e3, max(uplink_bytes) / 1e3, 0, 0" REQUESTS_21,
        c, e);
    rc = rc != 0 ? rc
                 : cells_read(job,
                              "SELECT uplink_bytes / 1e3, slice_id, ul_bler" REQUESTS_21
                              " ORDER BY slice_id, run_id, request_id",
                              true, c, e);
    if (rc != 0) {
        return rc;
    }
    page->width = 960;
    page->height = 220 + 60 * c->y.bins;
    write_cells(c, 100, page->script);
    write_begin(job, c, page);
    char count[32];
    text_add(&page->caption, "%s requests of %.4g to %.4g kB;", figure_count(c->requests, count),
             c->x.lo, c->x.hi);
    fputs("set xlabel 'bytes of the request, kB'\nset ylabel 'slice'\n"
          "set cblabel 'mean UL BLER, %' offset 1.5,0\nset ytics (",
          page->script);
    for (int y = 0; y < c->y.bins; y++) {
        char label[128];
        snprintf(label, sizeof label, "%s\nn=%s", c->names[y], figure_count(c->row_n[y], count));
        fputs(y > 0 ? ", " : "", page->script);
        gnuplot_quote(page->script, label);
        fprintf(page->script, " %.1f", y + 0.5);
        text_add(&page->caption, "%s slice %s (n = %s) %.2f %%", y > 0 ? "," : " mean UL BLER of",
                 c->names[y], figure_count(c->row_n[y], count),
                 100 * c->row_sum[y] / (double)c->row_n[y]);
    }
    fputs(")\n", page->script);
    text_add(&page->caption, ".");
    struct figure_band least, most;
    if (figure_published(job, "request-bytes-least", &least) &&
        figure_published(job, "request-bytes-most", &most)) {
        struct figure_band band = {least.lo, most.hi};
        text_add(&page->caption, " Published range of request bytes: %.4g to %.4g kB (dashed).",
                 band.lo / 1e3, band.hi / 1e3);
        fprintf(page->script,
                "set arrow 1 from %.9g,graph 0 to %.9g,graph 1 nohead front dt 2 lc rgb '#000000'\n"
                "set arrow 2 from %.9g,graph 0 to %.9g,graph 1 nohead front dt 2 lc rgb '#000000'\n"
                "set xrange [%.9g:%.9g]\n",
                band.lo / 1e3, band.lo / 1e3, band.hi / 1e3, band.hi / 1e3,
                fmin(edge_of(&c->x, 0), band.lo / 1e3 - 0.5),
                fmax(edge_of(&c->x, c->x.bins), band.hi / 1e3 + 0.5));
    }
    write_plot(c, 100, page->script);
    return 0;
}

int figure_heatmap_write(const struct figure_job *job, struct figure_page *page, struct err *e)
{
    struct cells *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_memory(e, "drawing a heatmap");
    }
    int rc = job->figure->variant == HEATMAP_SLICES ? slice_heatmap(job, c, page, e)
                                                    : latency_heatmap(job, c, page, e);
    free(c);
    return rc;
}
