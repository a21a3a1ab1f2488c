/* figures_latency.c - figures 6, 7 and 8: where the latency of a request goes, by the size of its
 * picture or by its slice. Three panels: how each part is distributed, its mean with the standard
 * error, and its share of the end-to-end time. Definitions: datasets/summary.h. */
#include <assert.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tools/figures.h"
#include "tools/gnuplot.h"

enum part { PART_E2E, PART_UPLINK, PART_INFERENCE, PART_DOWNLINK, PARTS };

static const struct {
    const char *word, *colour;
    int dash, point;
} parts[PARTS] = {
    [PART_E2E] = {"end to end", FIGURE_BLACK, 1, 7},
    [PART_UPLINK] = {"uplink", FIGURE_VERMILLION, 2, 9},
    [PART_INFERENCE] = {"inference", FIGURE_BLUE, 3, 5},
    [PART_DOWNLINK] = {"downlink", FIGURE_ORANGE, 4, 11},
};

/* As many groups as labels have room for. */
enum { GROUPS_MAX = 12, KEY_BYTES = 64 };

struct part_stats { /* ms */
    double mean, standard_error, p5, q1, median, q3, p95;
    double share_pct; /* of the sum of end to end */
};

struct group {
    char key[KEY_BYTES];
    int64_t n;
    int64_t pixels_lo, pixels_hi; /* of its pictures; 0: not known */
    char size_lo[24], size_hi[24];
    struct part_stats parts[PARTS];
};

struct groups {
    struct group items[GROUPS_MAX];
    int n;
    int64_t requests;
    double *values[PARTS]; /* of the group being read */
    size_t room;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return strverscmp(x->key, y->key); /* R2 before R10 */
}

/* Hyndman and Fan's type 7, as datasets/summary.h has it. */
static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t low = (size_t)at;
    double high = low + 1 < n ? sorted[low + 1] : sorted[low];
    return sorted[low] + (at - (double)low) * (high - sorted[low]);
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

/* The numbers of a group whose rows are all read; sorts its values. */
static void group_finish(struct groups *g)
{
    struct group *group = &g->items[g->n - 1];
    size_t n = (size_t)group->n;
    double e2e = sum_of(g->values[PART_E2E], n);
    for (int p = 0; p < PARTS; p++) {
        double *v = g->values[p];
        struct part_stats *s = &group->parts[p];
        double sum = sum_of(v, n), squares = 0;
        s->mean = sum / (double)n;
        for (size_t i = 0; i < n; i++) {
            squares += (v[i] - s->mean) * (v[i] - s->mean);
        }
        s->standard_error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : 0;
        s->share_pct = 100 * sum / e2e; /* every request took time: groups_read() */
        qsort(v, n, sizeof *v, compare_doubles);
        s->p5 = quantile(v, n, 0.05);
        s->q1 = quantile(v, n, 0.25);
        s->median = quantile(v, n, 0.5);
        s->q3 = quantile(v, n, 0.75);
        s->p95 = quantile(v, n, 0.95);
    }
}

static int values_grow(struct groups *g, struct err *e)
{
    size_t more = g->room == 0 ? 1024 : 2 * g->room;
    for (int p = 0; p < PARTS; p++) {
        double *grown = realloc(g->values[p], more * sizeof *grown);
        if (grown == NULL) {
            return err_memory(e, "reading the latencies of a store");
        }
        g->values[p] = grown;
    }
    g->room = more;
    return 0;
}

/* Widens the range of picture sizes of a group by "640x480". */
static void group_add_size(struct group *group, const char *size)
{
    long width = 0, height = 0;
    char *end = NULL;
    if (size == NULL) {
        return;
    }
    width = strtol(size, &end, 10);
    if (*end != 'x' || width <= 0 || (height = strtol(end + 1, &end, 10)) <= 0 || *end != '\0' ||
        width > 100000 || height > 100000) {
        return;
    }
    int64_t pixels = (int64_t)width * height;
    if (group->pixels_lo == 0 || pixels < group->pixels_lo) {
        group->pixels_lo = pixels;
        snprintf(group->size_lo, sizeof group->size_lo, "%ldx%ld", width, height);
    }
    if (pixels > group->pixels_hi) {
        group->pixels_hi = pixels;
        snprintf(group->size_hi, sizeof group->size_hi, "%ldx%ld", width, height);
    }
}

/* Columns: key, picture, and since birth: server_in, last_token, done. Rows of a key are
 * neighbours. (SQLite takes the differences: where they leave 64 bits it goes on with a real
 * number.) */
static int row_add(const struct figure_job *job, struct groups *g, sqlite3_stmt *row, struct err *e)
{
    const char *key = (const char *)sqlite3_column_text(row, 0);
    char word[KEY_BYTES];
    snprintf(word, sizeof word, "%s", key);
    if (g->n == 0 || strcmp(g->items[g->n - 1].key, word) != 0) {
        if (g->n > 0) {
            group_finish(g);
        }
        if (g->n == GROUPS_MAX) {
            return figure_lacks(job, e,
                                "there are more than %d groups, which the figure has no "
                                "room for",
                                GROUPS_MAX);
        }
        struct group *fresh = &g->items[g->n++];
        *fresh = (struct group){0};
        memcpy(fresh->key, word, sizeof word);
    }
    struct group *group = &g->items[g->n - 1];
    size_t at = (size_t)group->n;
    if (at == g->room && values_grow(g, e) != 0) {
        return ERR_MEMORY;
    }
    double uplink = sqlite3_column_double(row, 2), token = sqlite3_column_double(row, 3);
    double done = sqlite3_column_double(row, 4);
    const double times[PARTS] = {[PART_E2E] = done,
                                 [PART_UPLINK] = uplink,
                                 [PART_INFERENCE] = token - uplink,
                                 [PART_DOWNLINK] = done - token};
    for (int p = 0; p < PARTS; p++) {
        assert(g->values[p] != NULL);
        g->values[p][at] = times[p] / (double)NS_PER_MS;
    }
    group->n++;
    g->requests++;
    group_add_size(group, (const char *)sqlite3_column_text(row, 1));
    return 0;
}

static int groups_read(const struct figure_job *job, struct groups *g, struct err *e)
{
    static const char *const sql[] = {
#define REQUESTS(key, picture, mode)                                                               \
    "SELECT " key ", " picture ", server_in_ns - born_ns, last_token_ns - born_ns, "               \
    "done_ns - born_ns FROM requests WHERE {run} AND status = 'completed' AND " mode key           \
    " <> '' AND server_in_ns IS NOT NULL AND last_token_ns IS NOT NULL AND done_ns > born_ns "     \
    "ORDER BY " key ", run_id, request_id"
        [LATENCY_UPLINK] = REQUESTS("resolution", "tx_image", "mode = 'image_request' AND "),
        [LATENCY_DOWNLINK] = REQUESTS("resolution", "rx_image", "mode = 'text_request' AND "),
        [LATENCY_SLICES] = REQUESTS("slice_id", "NULL", ""),
    };
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source, sql[job->figure->variant], &row, e);
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        rc = row_add(job, g, row, e);
    }
    if (rc != 0) {
        sqlite3_finalize(row);
        return rc;
    }
    rc = figure_rows_end(&job->source, row, step, e);
    if (rc != 0) {
        return rc;
    }
    if (g->n == 0) {
        return figure_lacks(job, e, "the file has none");
    }
    group_finish(g);
    qsort(g->items, (size_t)g->n, sizeof g->items[0], compare_groups);
    return 0;
}

/* --- The picture ------------------------------------------------------------------------------ */

/* Parts stand beside each other around the group's number. */
static const double part_offset[PARTS] = {-0.3, -0.1, 0.1, 0.3};

/* On a logarithmic axis: nothing is less than a microsecond. */
static double positive_ms(double ms)
{
    return fmax(ms, 1e-3);
}

static void write_data(const struct groups *g, FILE *out)
{
    for (int p = 0; p < PARTS; p++) {
        fprintf(out, "$part%d << EOD\n", p);
        for (int i = 0; i < g->n; i++) {
            const struct part_stats *s = &g->items[i].parts[p];
            double low = positive_ms(s->mean - s->standard_error);
            fprintf(out, "%d %g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", i + 1,
                    i + 1 + part_offset[p], positive_ms(s->p5), positive_ms(s->q1),
                    positive_ms(s->median), positive_ms(s->q3), positive_ms(s->p95),
                    positive_ms(s->mean), low, positive_ms(s->mean + s->standard_error),
                    s->share_pct);
        }
        fputs("EOD\n", out);
    }
}

static void write_xtics(const struct groups *g, FILE *out)
{
    fprintf(out, "set xrange [0.5:%g]\nset xtics (", g->n + 0.5);
    for (int i = 0; i < g->n; i++) {
        const struct group *group = &g->items[i];
        char label[160], count[32];
        bool one_size = group->pixels_lo == group->pixels_hi;
        snprintf(label, sizeof label, "%s%s%s%s%s\nn=%s", group->key,
                 group->pixels_lo > 0 ? "\n" : "", group->size_lo,
                 one_size || group->pixels_lo == 0 ? "" : "-", one_size ? "" : group->size_hi,
                 figure_count(group->n, count));
        fputs(i > 0 ? ", " : "", out);
        gnuplot_quote(out, label);
        fprintf(out, " %d", i + 1);
    }
    fputs(") font ',9'\n", out);
}

static void panel(FILE *out, int index, const char *title)
{
    static const double left[] = {0.055, 0.385, 0.715};
    fprintf(out,
            "set lmargin at screen %g\nset rmargin at screen %g\n"
            "set tmargin at screen 0.80\nset bmargin at screen 0.23\nset title ",
            left[index], left[index] + 0.275);
    gnuplot_quote(out, title);
    fputs(" font ',11' offset 0,-0.4\n", out);
}

/* The axis of the first two panels: whole decades around what they show. */
static void write_decades(const struct groups *g, FILE *out)
{
    double lo = INFINITY, hi = positive_ms(0);
    for (int i = 0; i < g->n; i++) {
        for (int p = 0; p < PARTS; p++) {
            const struct part_stats *s = &g->items[i].parts[p];
            lo = fmin(lo, fmin(positive_ms(s->p5), positive_ms(s->mean - s->standard_error)));
            hi = fmax(hi, fmax(positive_ms(s->p95), positive_ms(s->mean + s->standard_error)));
        }
    }
    double first = floor(log10(lo));
    fprintf(out, "set yrange [%.0e:%.0e]\n", pow(10, first),
            pow(10, fmax(ceil(log10(hi)), first + 1)));
}

static void write_distribution(FILE *out)
{
    panel(out, 0, "Distribution\n(box: quartiles; whiskers: 5 to 95 %)");
    fputs("set ylabel 'ms' offset 1.5,0\nset logscale y 10\nset format y '%g'\n"
          "set boxwidth 0.15 absolute\nunset key\nplot ",
          out);
    for (int p = 0; p < PARTS; p++) {
        fprintf(out,
                "%s$part%d using 2:4:3:7:6 with candlesticks whiskerbars 0.6 lw 1 lc rgb '%s' fs "
                "solid 0.45 border notitle, '' using 2:5:($2-0.08):($2+0.08):($5*0.98):($5*1.02) "
                "with boxxyerror fs solid 1 noborder lc rgb '%s' notitle",
                p > 0 ? ", " : "", p, parts[p].colour, p == PART_E2E ? "#FFFFFF" : "#000000");
    }
    fputs("\n", out);
}

static void write_means(FILE *out)
{
    panel(out, 1, "Mean and standard error\n ");
    fputs("set key at screen 0.5,0.045 center center horizontal maxcols 4 width 2 samplen 3 font "
          "',11'\nplot ",
          out);
    for (int p = 0; p < PARTS; p++) {
        double x = 0.3 * part_offset[p]; /* beside each other where they are nearly the same */
        fprintf(out,
                "%s$part%d using ($1+%g):9:(0):($10-$9) with vectors nohead lw 2.5 lc rgb '%s' "
                "notitle, '' using ($1+%g):8 with linespoints lw 1.6 dt %d pt %d ps 0.7 lc rgb "
                "'%s' title '%s'",
                p > 0 ? ", " : "", p, x, parts[p].colour, x, parts[p].dash, parts[p].point,
                parts[p].colour, parts[p].word);
    }
    fputs("\n", out);
}

/* Shares, and as bands behind them what was published. */
static void write_shares(const struct figure_job *job, const struct groups *g, FILE *out,
                         struct text *published)
{
    static const char *const targets[][PARTS] = {
        [LATENCY_UPLINK] = {NULL, "uplink-uplink-share", "uplink-inference-share",
                            "uplink-downlink-share"},
        [LATENCY_DOWNLINK] = {NULL, "downlink-uplink-share", "downlink-inference-share",
                              "downlink-downlink-share"},
        [LATENCY_SLICES] = {NULL, "slices-uplink-share", "slices-inference-share",
                            "slices-downlink-share"},
    };
    int objects = 0;
    for (int p = PART_UPLINK; p < PARTS; p++) {
        struct figure_band band;
        if (figure_published(job, targets[job->figure->variant][p], &band)) {
            fprintf(out,
                    "set object %d rectangle from 0.5,%.9g to %g,%.9g behind fc rgb '%s' fs "
                    "transparent solid 0.22 border lc rgb '%s'\n",
                    ++objects, band.lo, g->n + 0.5, band.hi, parts[p].colour, parts[p].colour);
            text_add(published, "%s%s %g-%g", published->length > 0 ? ", " : "", parts[p].word,
                     band.lo, band.hi);
        }
    }
    struct text title = {0};
    text_add(published, "%s", published->length > 0 ? " %" : "");
    text_add(&title, "Share of end to end%s\n%s ",
             published->length > 0 ? "; bands: published" : "", published->chars);
    panel(out, 2, title.chars);
    fputs("set ylabel '%' offset 1.5,0\nunset logscale y\nset yrange [0:100]\n"
          "set boxwidth 0.22 absolute\nunset key\nplot ",
          out);
    for (int p = PART_UPLINK; p < PARTS; p++) {
        fprintf(out,
                "%s$part%d using ($1+%g):11 with boxes fs solid 0.9 noborder lc rgb '%s' "
                "notitle",
                p > PART_UPLINK ? ", " : "", p, 0.25 * (p - PART_INFERENCE), parts[p].colour);
    }
    if (g->n <= 6) {
        for (int p = PART_UPLINK; p < PARTS; p++) {
            fprintf(out,
                    ", $part%d using ($1+%g):11:(sprintf('%%.0f', $11)) with labels font ',8' "
                    "offset 0,0.5 notitle",
                    p, 0.25 * (p - PART_INFERENCE));
        }
    }
    fputs("\nunset multiplot\n", out);
}

static void write_caption(const struct groups *g, const struct text *published,
                          struct text *caption)
{
    char count[32];
    text_add(caption, "%s requests in %d group%s.", figure_count(g->requests, count), g->n,
             g->n == 1 ? "" : "s");
    for (int p = PART_UPLINK; p < PARTS; p++) {
        double lo = INFINITY, hi = -INFINITY;
        for (int i = 0; i < g->n; i++) {
            lo = fmin(lo, g->items[i].parts[p].share_pct);
            hi = fmax(hi, g->items[i].parts[p].share_pct);
        }
        if (lo <= hi) { /* else no time passed at all */
            text_add(caption, " %s %.1f to %.1f %% of the end-to-end time%s", parts[p].word, lo, hi,
                     p == PART_DOWNLINK ? "." : ",");
        }
    }
    if (published->length > 0) {
        text_add(caption, " Published: %s.", published->chars);
    }
}

int figure_latency_write(const struct figure_job *job, struct figure_page *page, struct err *e)
{
    struct groups g = {0};
    int rc = groups_read(job, &g, e);
    if (rc == 0) {
        char detail[64], count[32];
        struct text published = {0};
        page->width = 1200;
        page->height = 470;
        snprintf(detail, sizeof detail, "%s completed requests", figure_count(g.requests, count));
        write_data(&g, page->script);
        figure_style(page->script);
        figure_multiplot(job, page, detail);
        write_xtics(&g, page->script);
        write_decades(&g, page->script);
        write_distribution(page->script);
        write_means(page->script);
        write_shares(job, &g, page->script, &published);
        write_caption(&g, &published, &page->caption);
    }
    for (int p = 0; p < PARTS; p++) {
        free(g.values[p]);
    }
    return rc;
}
