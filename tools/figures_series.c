/* figures_series.c - figures 9, 10, 17, 18 and 19: what the RAN recorded over time. Panels from top
 * to bottom as in the paper: normal (records without a slice), slice-enabled (records with one) and
 * slice-distinguished (the same, a colour per slice). A panel without records is left out. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/thin.h"
#include "tools/figures.h"
#include "tools/gnuplot.h"

static const struct kind {
    const char *sql;
    const char *label;
    const char *target;  /* its published mean is target TARGET-mean-normal, and so on */
    double level_height; /* above 0: the paper shows points; the finest levels that are told
                            apart */
    double threshold;    /* dashed line: at or below it nothing but idle grants */
    const char *threshold_text;
} kinds[] = {
/* The 58 metrics hold a slice's limits, not its name: where the name is missing, the limit is it.
 */
#define SLICE "coalesce(slice_id, 'max ' || CAST(secondary_slice_max_pct AS INTEGER) || ' %')"
#define RECORDS(value)                                                                             \
    "SELECT " SLICE ", gnb_timestamp_ms, " value " FROM ran_records WHERE {run} AND " value        \
    " IS NOT NULL AND gnb_timestamp_ms BETWEEN -9007199254740992 AND 9007199254740992"
    /* An idle grant has 10 PRB, OpenAirInterface's min_grant_prb (docs/models/radio-mac.md). */
    [SERIES_PRB] = {RECORDS("ulsch_current_rbs"), "PRB", NULL, 1, 10, "basic data: 10 PRB or less"},
    /* 10 PRB, 13 symbols, MCS 9: 233 bytes (the same page). */
    [SERIES_BYTES] = {RECORDS("ulsch_current_bytes"), "bytes", NULL, 1, 233,
                      "basic data: 233 bytes or less"},
    [SERIES_SNR] = {RECORDS("pusch_snr_x10"), "PUSCH SNR, 0.1 dB", "snr", 0, 0, NULL},
    [SERIES_HEADROOM] = {RECORDS("ph_db"), "headroom for one PRB, dB", "headroom", 0, 0, NULL},
    [SERIES_THROUGHPUT] = {RECORDS("ul_throughput"), "UL_THR, bytes/opportunity", "ul-thr", 0, 0,
                           NULL},
};

/* Colours of slices, in the order of their names. */
static const char *const colours[] = {FIGURE_SKY,    FIGURE_VERMILLION, FIGURE_GREEN,
                                      FIGURE_PURPLE, FIGURE_ORANGE,     FIGURE_BLUE,
                                      FIGURE_YELLOW, FIGURE_BLACK};
enum { SLICES_MAX = sizeof colours / sizeof colours[0], NAME_BYTES = 64 };

enum { NORMAL, ENABLED, WHOLE }; /* series of the upper panels */

struct slice_series {
    char name[NAME_BYTES];
    struct thin columns;
};

struct readings {
    const struct kind *kind;
    struct thin whole[WHOLE];
    struct slice_series slices[SLICES_MAX];
    int n_slices;
};

static int series_make(const struct kind *kind, struct thin *s, struct err *e)
{
    return thin_make(s, kind->level_height > 0, kind->level_height)
               ? 0
               : err_memory(e, "drawing a series");
}

static int slice_find(const struct figure_job *job, struct readings *r, const char *name,
                      struct slice_series **out, struct err *e)
{
    for (int i = 0; i < r->n_slices; i++) {
        if (strncmp(r->slices[i].name, name, NAME_BYTES - 1) == 0) {
            *out = &r->slices[i];
            return 0;
        }
    }
    if (r->n_slices == SLICES_MAX) {
        return figure_lacks(job, e, "there are more than %d slices, which it has no colours for",
                            SLICES_MAX);
    }
    *out = &r->slices[r->n_slices];
    snprintf((*out)->name, NAME_BYTES, "%s", name);
    int rc = series_make(r->kind, &(*out)->columns, e);
    r->n_slices += rc == 0;
    return rc;
}

static int row_add(const struct figure_job *job, struct readings *r, bool only_normal,
                   sqlite3_stmt *row, struct err *e)
{
    const char *slice = (const char *)sqlite3_column_text(row, 0);
    int64_t t_ms = sqlite3_column_int64(row, 1);
    double value = sqlite3_column_double(row, 2);
    if (!isfinite(value)) {
        return 0;
    }
    if (slice == NULL || slice[0] == '\0') {
        thin_add(&r->whole[NORMAL], t_ms, value);
        return 0;
    }
    if (only_normal) {
        return 0;
    }
    struct slice_series *series = NULL;
    int rc = slice_find(job, r, slice, &series, e);
    if (rc == 0) {
        thin_add(&r->whole[ENABLED], t_ms, value);
        thin_add(&series->columns, t_ms, value);
    }
    return rc;
}

static int source_read(const struct figure_job *job, const struct figure_source *source,
                       bool only_normal, struct readings *r, struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(source, r->kind->sql, &row, e);
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        rc = row_add(job, r, only_normal, row, e);
    }
    if (rc != 0) {
        sqlite3_finalize(row);
        return rc;
    }
    return figure_rows_end(source, row, step, e);
}

static int compare_slices(const void *a, const void *b)
{
    const struct slice_series *x = a, *y = b;
    return strverscmp(x->name, y->name);
}

static int readings_read(const struct figure_job *job, struct readings *r, struct err *e)
{
    int rc = series_make(r->kind, &r->whole[NORMAL], e);
    rc = rc != 0 ? rc : series_make(r->kind, &r->whole[ENABLED], e);
    rc = rc != 0 ? rc : source_read(job, &job->source, false, r, e);
    if (rc == 0 && job->normal.store != NULL) {
        if (r->whole[NORMAL].n > 0) {
            return figure_lacks(job, e,
                                "the file has records without a slice itself; leave "
                                "--normal out");
        }
        rc = source_read(job, &job->normal, true, r, e);
    }
    if (rc == 0 && r->whole[NORMAL].n + r->whole[ENABLED].n == 0) {
        rc = figure_lacks(job, e, "the file has none; run with output.ran_records_ms above 0");
    }
    qsort(r->slices, (size_t)r->n_slices, sizeof r->slices[0], compare_slices);
    return rc;
}

/* --- The picture ------------------------------------------------------------------------------ */

/* Seconds since the first point of a panel: measured stamps count from 1970. */
static double seconds(int64_t ms, int64_t from_ms)
{
    return (double)(ms - from_ms) / 1000.0;
}

/* Least and greatest value of each column, as one line; it is broken where the series pauses for
 * longer than four times the spacing of the panel's columns. */
static void write_range(const struct thin *s, const struct thin *panel, FILE *out)
{
    int64_t occupied = 0;
    for (int64_t c = panel->first; c <= panel->last; c++) {
        occupied += thin_at(panel, c)->occupied;
    }
    int64_t pause_ms =
        4 * (panel->to_ms - panel->from_ms + panel->width_ms) / (occupied > 0 ? occupied : 1);
    int64_t last_ms = 0;
    bool begun = false;
    for (int64_t c = s->first; c <= s->last; c++) {
        const struct thin_column *column = thin_at(s, c);
        if (!column->occupied) {
            continue;
        }
        int64_t t_ms = c * s->width_ms + s->width_ms / 2;
        t_ms = t_ms < s->from_ms ? s->from_ms : t_ms > s->to_ms ? s->to_ms : t_ms;
        if (begun && t_ms - last_ms > pause_ms) {
            fputs("\n", out);
        }
        double t_s = seconds(t_ms, panel->from_ms);
        fprintf(out, "%.3f %.6g\n", t_s, column->min);
        if (column->max > column->min) {
            fprintf(out, "%.3f %.6g\n", t_s, column->max);
        }
        last_ms = t_ms;
        begun = true;
    }
}

/* Which values occurred, as dashes as long as columns in a row had them, but no shorter than can be
 * seen: middle, value, begin and end in s. */
static void write_points(const struct thin *s, const struct thin *panel, FILE *out)
{
    double end_s = seconds(panel->to_ms, panel->from_ms);
    for (int level = 0; level < THIN_LEVELS; level++) {
        for (int64_t c = s->first; c <= s->last; c++) {
            double value = thin_level(s, c, level);
            int64_t begin = c;
            while (!isnan(value) && c < s->last && thin_level(s, c + 1, level) == value) {
                c++;
            }
            if (!isnan(value)) {
                double from = fmax(seconds(begin * s->width_ms, panel->from_ms), 0);
                double to = fmin(seconds((c + 1) * s->width_ms, panel->from_ms), end_s);
                double middle = (from + to) / 2, half = fmax((to - from) / 2, end_s / 600);
                fprintf(out, "%.3f %.6g %.3f %.3f\n", middle, value, fmax(middle - half, 0),
                        fmin(middle + half, end_s));
            }
        }
    }
}

static void write_series(const struct readings *r, const char *block, const struct thin *s,
                         const struct thin *panel, FILE *out)
{
    fprintf(out, "$%s << EOD\n", block);
    if (r->kind->level_height > 0) {
        write_points(s, panel, out);
    } else {
        write_range(s, panel, out);
    }
    fputs("EOD\n", out);
}

static const char *const panel_words[] = {"normal", "slice-enabled", "slice-distinguished"};

struct layout {
    int panels, index;
};

/* One panel: what stands above it, the published band, its place and its axes. */
struct panel {
    struct text title, published;
    bool has_band;
    double band_lo, band_hi;
    double low, high; /* of the axis */
};

static void panel_begin(struct layout *layout, const struct readings *r, const struct thin *s,
                        struct panel *p, FILE *out)
{
    static const double top = 0.86, bottom = 0.09, between = 0.085;
    double height = (top - bottom - between * (layout->panels - 1)) / layout->panels;
    double upper = top - (height + between) * layout->index;
    p->low = p->has_band ? fmin(s->min, p->band_lo) : s->min;
    p->high = p->has_band ? fmax(s->max, p->band_hi) : s->max;
    double margin = p->high > p->low ? 0.08 * (p->high - p->low) : 1;
    bool near_zero = p->low >= 0 && p->low < 5 * margin;
    p->low = near_zero ? 0 : p->low - margin;
    p->high += margin;
    fprintf(out,
            "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
            "set lmargin at screen 0.085\nset rmargin at screen 0.985\n"
            "set xrange [0:%.9g]\nset yrange [%.6g:%.6g]\nunset object\nset label 1 ",
            upper, upper - height, fmax(seconds(s->to_ms, s->from_ms), 0.001), p->low, p->high);
    gnuplot_quote(out, p->title.chars);
    fputs(" at graph 0,1.09 left noenhanced font ',11'\nset ylabel ", out);
    gnuplot_quote(out, r->kind->label);
    fputs(" offset 0.5,0 font ',11'\n", out);
    if (p->has_band) {
        fprintf(out,
                "set object 1 rectangle from graph 0,first %.9g to graph 1,first %.9g behind fc "
                "rgb '#999999' fs transparent solid 0.30 noborder\n",
                p->band_lo, p->band_hi);
    }
    fputs("set key at graph 1,1.13 right center horizontal samplen 2 font ',10'\n", out);
    layout->index++;
    if (layout->index == layout->panels) {
        fputs("set xlabel 's' offset 0,0.5\n", out);
    }
}

/* A series in `plot`: points are as high as 1/50 of the panel. */
static void plot_series(const struct readings *r, const struct panel *p, const char *block,
                        const char *colour, FILE *out)
{
    if (r->kind->level_height > 0) {
        double half = (p->high - p->low) / 100;
        fprintf(out,
                "$%s using 1:2:3:4:($2-%.6g):($2+%.6g) with boxxyerror fs solid 1 noborder "
                "lc rgb '%s'",
                block, half, half, colour);
    } else {
        fprintf(out, "$%s using 1:2 with lines lw 0.8 lc rgb '%s'", block, colour);
    }
}

/* Number, mean, deviation, least and greatest, as the paper notes them in its panels. */
static void describe(const char *word, const struct thin *s, struct text *out)
{
    char count[32];
    text_add(out, "%s: n = %s, mean %.5g, std %.4g, min %.5g, max %.5g", word,
             figure_count(s->n, count), s->mean, thin_std(s), s->min, s->max);
}

/* Mean and deviation that were published, as a band behind the line. */
static void panel_published(const struct figure_job *job, const struct readings *r, int which,
                            struct panel *p)
{
    static const char *const groups[WHOLE] = {"normal", "slices"};
    struct figure_band mean, std;
    char id[64];
    if (r->kind->target == NULL) {
        return;
    }
    snprintf(id, sizeof id, "%s-mean-%s", r->kind->target, groups[which]);
    bool known = figure_published(job, id, &mean);
    snprintf(id, sizeof id, "%s-std-%s", r->kind->target, groups[which]);
    if (!known || !figure_published(job, id, &std)) {
        return;
    }
    p->has_band = true;
    p->band_lo = mean.lo - std.hi;
    p->band_hi = mean.hi + std.hi;
    text_add(&p->published, "published: mean %g, std %g", mean.lo, std.hi);
}

static void plot_threshold(const struct readings *r, bool in_key, FILE *out)
{
    if (r->kind->threshold <= 0) {
        return;
    }
    fprintf(out, ", %g with lines dt 2 lw 1.2 lc rgb '#000000' ", r->kind->threshold);
    if (in_key) {
        fputs("title ", out);
        gnuplot_quote(out, r->kind->threshold_text);
    } else {
        fputs("notitle", out);
    }
}

static void write_whole(const struct figure_job *job, const struct readings *r, int which,
                        struct layout *layout, struct figure_page *page)
{
    static const char *const blocks[WHOLE] = {"normal", "enabled"};
    static const char *const whole_colours[WHOLE] = {"#555555", FIGURE_BLUE};
    const struct thin *s = &r->whole[which];
    struct panel p = {0};
    if (s->n == 0) {
        return;
    }
    describe(panel_words[which], s, &p.title);
    panel_published(job, r, which, &p);
    text_add(&page->caption, "%s%s%s%s.", page->caption.length > 0 ? " " : "", p.title.chars,
             p.has_band ? "; " : "", p.published.chars);
    write_series(r, blocks[which], s, s, page->script);
    panel_begin(layout, r, s, &p, page->script);
    fputs("plot ", page->script);
    plot_series(r, &p, blocks[which], whole_colours[which], page->script);
    fputs(" notitle", page->script);
    if (p.has_band) { /* its edges are seen also where the line covers it */
        static const char edge[] = "with lines dt 2 lw 1.6 lc rgb '" FIGURE_ORANGE "'";
        fprintf(page->script, ", %.9g %s title ", p.band_lo, edge);
        gnuplot_quote(page->script, p.published.chars);
        fprintf(page->script, ", %.9g %s notitle", p.band_hi, edge);
    }
    plot_threshold(r, true, page->script);
    fputs("\n", page->script);
}

static void write_slices(const struct readings *r, struct layout *layout, struct figure_page *page)
{
    const struct thin *whole = &r->whole[ENABLED];
    struct panel p = {0};
    if (r->n_slices == 0) {
        return;
    }
    char block[32], count[32];
    for (int i = 0; i < r->n_slices; i++) {
        snprintf(block, sizeof block, "slice%d", i);
        write_series(r, block, &r->slices[i].columns, whole, page->script);
    }
    text_add(&p.title, "%s", panel_words[2]);
    panel_begin(layout, r, whole, &p, page->script);
    fputs("plot ", page->script);
    for (int i = 0; i < r->n_slices; i++) {
        const struct thin *s = &r->slices[i].columns;
        struct text name = {0};
        text_add(&name, "%s: n = %s, mean %.4g", r->slices[i].name, figure_count(s->n, count),
                 s->mean);
        text_add(&page->caption, " Slice %s.", name.chars);
        if (r->n_slices > 3) { /* no room for more */
            text_cut(&name, strlen(r->slices[i].name));
        }
        snprintf(block, sizeof block, "slice%d", i);
        fputs(i > 0 ? ", " : "", page->script);
        plot_series(r, &p, block, colours[i], page->script);
        fputs(" notitle, NaN with lines lw 4 lc rgb ", page->script);
        fprintf(page->script, "'%s' title ", colours[i]);
        gnuplot_quote(page->script, name.chars);
    }
    plot_threshold(r, false, page->script);
    fputs("\n", page->script);
}

int figure_series_write(const struct figure_job *job, struct figure_page *page, struct err *e)
{
    struct readings *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return err_memory(e, "drawing a series");
    }
    r->kind = &kinds[job->figure->variant];
    int rc = readings_read(job, r, e);
    if (rc == 0) {
        struct layout layout = {.panels = (r->whole[NORMAL].n > 0) + 2 * (r->n_slices > 0)};
        char detail[320], count[32];
        page->width = 960;
        page->height = 130 + 190 * layout.panels;
        snprintf(detail, sizeof detail, "%s records%s%s",
                 figure_count(r->whole[NORMAL].n + r->whole[ENABLED].n, count),
                 job->normal_heading[0] != '\0' ? "\nnormal is " : "", job->normal_heading);
        figure_style(page->script);
        figure_multiplot(job, page, detail);
        write_whole(job, r, NORMAL, &layout, page);
        write_whole(job, r, ENABLED, &layout, page);
        write_slices(r, &layout, page);
        fputs("unset multiplot\n", page->script);
    }
    for (int i = 0; i < WHOLE; i++) {
        thin_free(&r->whole[i]);
    }
    for (int i = 0; i < SLICES_MAX; i++) {
        thin_free(&r->slices[i].columns);
    }
    free(r);
    return rc;
}
