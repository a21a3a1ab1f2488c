/* figures_report.c - one HTML page with figures, what was run and its numbers. It needs no other
 * file and no network: pictures are inline SVG, the style stands in the page. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "datasets/summary.h"
#include "datasets/targets.h"
#include "tools/figures.h"

/* --- Reading a picture back ------------------------------------------------------------------- */

int figure_read(const char *path, char **text, struct err *e)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return err_work(e, path, NULL, "cannot be read: %s", strerror(errno));
    }
    size_t bytes = 0, room = 1 << 16;
    char *all = malloc(room);
    while (all != NULL) {
        bytes += fread(all + bytes, 1, room - 1 - bytes, in);
        if (bytes < room - 1) {
            break;
        }
        char *grown = realloc(all, 2 * room);
        if (grown == NULL) {
            free(all);
        }
        all = grown;
        room *= 2;
    }
    bool bad = ferror(in) != 0;
    fclose(in);
    if (all == NULL || bad) {
        free(all);
        return all == NULL ? err_memory(e, "reading a picture")
                           : err_work(e, path, NULL, "cannot be read");
    }
    all[bytes] = '\0';
    *text = all;
    return 0;
}

/* --- HTML ------------------------------------------------------------------------------------- */

/* As text or within double quotes; what is no UTF-8 or no letter becomes '?'. */
static void escape(FILE *out, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c != '\0') {
        size_t bytes = utf8_sequence(c, strnlen((const char *)c, UTF8_LONGEST));
        if (bytes == 0 || (*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f) {
            fputc('?', out);
        } else if (*c == '&') {
            fputs("&amp;", out);
        } else if (*c == '<') {
            fputs("&lt;", out);
        } else if (*c == '>') {
            fputs("&gt;", out);
        } else if (*c == '"') {
            fputs("&quot;", out);
        } else {
            fwrite(c, 1, bytes, out);
        }
        c += bytes > 0 ? bytes : 1;
    }
}

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:76rem;"
    "margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}\n"
    "figure{margin:1.5rem 0}figcaption{color:#333}\n"
    ".wide{overflow-x:auto}.wide svg{min-width:44rem;width:100%;height:auto}\n"
    "table{border-collapse:collapse}caption{text-align:left;font-weight:600;padding:.4rem 0}\n"
    "th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:right}\n"
    "th:first-child,td:first-child,.text td,.text th{text-align:left}\n"
    "pre{overflow-x:auto;background:#f6f6f6;padding:.7rem;font-size:.85rem}\n"
    ".misses{color:#a33a00;font-weight:600}.holds{color:#00674d}\n";

/* The beginning of a table that scrolls by itself on a narrow screen. Columns joined with "|". */
static void table_begin(FILE *out, const char *caption, const char *columns, bool text)
{
    fprintf(out, "<div class=\"wide\" tabindex=\"0\"><table%s><caption>",
            text ? " class=\"text\"" : "");
    escape(out, caption);
    fputs("</caption>\n<thead><tr>", out);
    for (const char *c = columns; *c != '\0'; c += *c == '|') {
        int length = (int)strcspn(c, "|");
        fprintf(out, "<th scope=\"col\">%.*s</th>", length, c);
        c += length;
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void table_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

static void row_begin(FILE *out, const char *name)
{
    fputs("<tr><th scope=\"row\">", out);
    escape(out, name);
    fputs("</th>", out);
}

static void cell_number(FILE *out, double value, int decimals)
{
    if (isfinite(value)) {
        fprintf(out, "<td>%.*f</td>", decimals, value);
    } else {
        fputs("<td>-</td>", out);
    }
}

static void cell_text(FILE *out, const char *text)
{
    fputs("<td>", out);
    escape(out, text);
    fputs("</td>", out);
}

/* An SVG of gnuplot within a page: without its XML heading, with ids of its own ("6-gpPt0"), since
 * every picture brings the same, and with the caption for who cannot see it. */
static void svg_write(FILE *out, const char *svg, const char *word, const char *caption)
{
    static const char *const before_id[] = {"id=\"", "id='", "href=\"#", "href='#", "url(#"};
    const char *at = strstr(svg, "<svg");
    if (at == NULL) {
        return;
    }
    fputs("<svg role=\"img\" aria-label=\"", out);
    escape(out, caption);
    fputc('"', out);
    at += strlen("<svg");
    while (*at != '\0') {
        size_t i = 0, n = sizeof before_id / sizeof before_id[0];
        while (i < n && strncmp(at, before_id[i], strlen(before_id[i])) != 0) {
            i++;
        }
        /* "id=" may end another name, such as "gnuplot_gid=". */
        bool whole = i < n && (before_id[i][0] != 'i' || at[-1] == ' ');
        if (whole) {
            fprintf(out, "%sf%s-", before_id[i], word);
            at += strlen(before_id[i]);
        } else {
            fputc(*at++, out);
        }
    }
}

/* --- The sections ----------------------------------------------------------------------------- */

static int runs_write(const struct figure_job *job, FILE *out, struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source,
                            "SELECT run_id, scenario, seed, version, complete, sim_ns / 1e9, "
                            "completed, failed FROM runs WHERE {run} ORDER BY run_id LIMIT 50",
                            &row, e);
    if (rc != 0) {
        return rc;
    }
    table_begin(out, "Runs in the file (at most 50 are listed)",
                "run|scenario|seed|version|complete|s simulated|completed|failed", true);
    int step = 0;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        fprintf(out, "<tr><th scope=\"row\">%" PRId64 "</th>",
                (int64_t)sqlite3_column_int64(row, 0));
        for (int i = 1; i < 8; i++) {
            const char *text = i == 4 ? (sqlite3_column_int(row, i) != 0 ? "yes" : "NO")
                                      : (const char *)sqlite3_column_text(row, i);
            cell_text(out, text != NULL ? text : "-");
        }
        fputs("</tr>\n", out);
    }
    table_end(out);
    return figure_rows_end(&job->source, row, step, e);
}

static void latency_row(FILE *out, const char *key, int64_t n, const struct summary_latency *l,
                        const struct summary_share *share)
{
    row_begin(out, key);
    fprintf(out, "<td>%" PRId64 "</td>", n);
    cell_number(out, l->uplink.mean, 1);
    cell_number(out, share->uplink, 1);
    cell_number(out, l->inference.mean, 1);
    cell_number(out, share->inference, 1);
    cell_number(out, l->downlink.mean, 1);
    cell_number(out, share->downlink, 1);
    cell_number(out, l->e2e.mean, 1);
    cell_number(out, l->e2e.p50, 1);
    cell_number(out, l->e2e.p95, 1);
    cell_number(out, l->e2e.p99, 1);
    fputs("</tr>\n", out);
}

static void slices_write(const struct summary *sum, FILE *out)
{
    if (sum->n_slices == 0) {
        return;
    }
    table_begin(out, "Slices",
                "slice|requests|end to end, ms|uplink %|inference %|downlink %|UL PRB %|UL BLER %|"
                "LAREI|LSEQ",
                false);
    for (size_t i = 0; i < sum->n_slices; i++) {
        const struct summary_slice *s = &sum->slices[i];
        row_begin(out, s->id);
        fprintf(out, "<td>%" PRId64 "</td>", s->requests);
        cell_number(out, s->e2e_ms.mean, 1);
        cell_number(out, s->share_pct.uplink, 1);
        cell_number(out, s->share_pct.inference, 1);
        cell_number(out, s->share_pct.downlink, 1);
        cell_number(out, 100 * s->prb_share, 2);
        cell_number(out, 100 * s->ul_bler, 2);
        cell_number(out, s->larei, 4);
        cell_number(out, s->lseq, 4);
        fputs("</tr>\n", out);
    }
    table_end(out);
}

static int summary_write(const struct figure_job *job, FILE *out, struct err *e)
{
    struct summary_options options = summary_defaults();
    struct summary sum;
    options.run_id = job->source.run_id;
    int rc = summary_compute(job->source.store, &options, &sum, e);
    if (rc != 0) {
        return rc;
    }
    fputs("<h2>Summary</h2>\n", out);
    table_begin(out, "Latency of completed requests, ms: means and shares of the end-to-end time",
                "group|n|uplink|uplink %|inference|inference %|downlink|downlink %|end to end|"
                "end to end p50|p95|p99",
                false);
    for (size_t i = 0; i < sum.n_groups; i++) {
        const struct summary_group *g = &sum.groups[i];
        latency_row(out, g->key, g->n, &g->latency_ms, &g->share_pct);
    }
    latency_row(out, "all", sum.completed, &sum.latency_ms, &sum.share_pct);
    table_end(out);
    slices_write(&sum, out);
    fputs("<p>", out);
    escape(out, sum.definition);
    fputs("</p>\n", out);
    summary_free(&sum);
    return 0;
}

static void figures_write(const struct figure_drawn *drawn, size_t n, FILE *out)
{
    fputs("<h2>Figures</h2>\n", out);
    for (size_t i = 0; i < n; i++) {
        const struct figure_drawn *d = &drawn[i];
        if (d->svg == NULL) {
            continue;
        }
        fprintf(out, "<figure id=\"figure-%s\"><div class=\"wide\" tabindex=\"0\">\n",
                d->figure->word);
        svg_write(out, d->svg, d->figure->word, d->caption);
        fprintf(out, "</div>\n<figcaption><b>Figure %s. ", d->figure->word);
        escape(out, d->figure->title);
        fputs(".</b> ", out);
        escape(out, d->caption);
        fputs("</figcaption></figure>\n", out);
    }
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        if (drawn[i].lacks != NULL) {
            fputs(first ? "<h2>Not drawn</h2>\n<ul>\n" : "", out);
            first = false;
            fprintf(out, "<li>Figure %s needs ", drawn[i].figure->word);
            escape(out, drawn[i].figure->needs);
            fputs(".</li>\n", out);
        }
    }
    fputs(first ? "" : "</ul>\n", out);
}

/* What was published of a target, as a person writes it. */
static void cell_published(FILE *out, const struct target_result *r)
{
    struct text t = {0};
    if (isfinite(r->lo) && isfinite(r->hi)) {
        text_add(&t, r->lo == r->hi ? "%.5g" : "%.5g to %.5g", r->lo, r->hi);
    } else if (isfinite(r->hi)) {
        text_add(&t, "at most %.5g", r->hi);
    } else if (isfinite(r->lo)) {
        text_add(&t, "at least %.5g", r->lo);
    } else {
        text_add(&t, "%s", r->target->expect.word);
    }
    cell_text(out, t.chars);
}

static void target_row(const struct target_result *r, FILE *out)
{
    struct text verdict = {0}, here = {0};
    text_add(&verdict, "%s", target_verdict_words[r->verdict]);
    if (r->verdict == TARGET_MISSES) {
        text_add(&verdict, " by %.3g %s", r->misses_by, r->miss_unit != NULL ? r->miss_unit : "");
    }
    if (r->verdict != TARGET_NOT_COMPARABLE) {
        text_add(&here, r->least == r->most ? "%.4g" : "%.4g to %.4g", r->least, r->most);
    }
    row_begin(out, r->target->what);
    fprintf(out, "<td class=\"%s\">",
            r->verdict == TARGET_HOLDS    ? "holds"
            : r->verdict == TARGET_MISSES ? "misses"
                                          : "none");
    escape(out, verdict.chars);
    fputs("</td>", out);
    cell_text(out, here.chars);
    cell_published(out, r);
    cell_text(out, r->target->unit != NULL ? r->target->unit : "");
    cell_text(out, r->verdict == TARGET_NOT_COMPARABLE ? r->why : r->target->source);
    fputs("</tr>\n", out);
}

static int targets_write(const struct figure_job *job, FILE *out, struct err *e)
{
    struct targets_report report = {0};
    int rc = targets_judge(job->source.store, job->targets, NULL, &report, e);
    if (rc == 0) {
        struct text caption = {0};
        text_add(&caption,
                 "All runs of the file against %s: %zu hold, %zu miss, %zu not comparable",
                 report.targets, report.counts[TARGET_HOLDS], report.counts[TARGET_MISSES],
                 report.counts[TARGET_NOT_COMPARABLE]);
        fputs("<h2>Published numbers</h2>\n", out);
        table_begin(out, caption.chars, "what|verdict|here|published|unit|source, or why not",
                    true);
        for (int v = TARGET_HOLDS; v <= TARGET_NOT_COMPARABLE; v++) {
            for (size_t i = 0; i < report.n; i++) {
                if ((int)report.items[i].verdict == v) {
                    target_row(&report.items[i], out);
                }
            }
        }
        table_end(out);
    }
    targets_report_free(&report);
    return rc;
}

/* The text of each different scenario, as it was run. */
static int scenarios_write(const struct figure_job *job, FILE *out, struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source,
                            "SELECT scenario, scenario_text, scenario_sha256 FROM runs WHERE {run} "
                            "GROUP BY scenario_sha256 ORDER BY min(run_id) LIMIT 10",
                            &row, e);
    if (rc != 0) {
        return rc;
    }
    fputs("<h2>Scenario</h2>\n", out);
    int step = 0;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        const char *cells[3];
        for (int i = 0; i < 3; i++) {
            const char *text = (const char *)sqlite3_column_text(row, i);
            cells[i] = text != NULL ? text : "";
        }
        fputs("<details><summary>", out);
        escape(out, cells[0]);
        fputs(", as it was run</summary>\n<p>SHA-256 ", out);
        escape(out, cells[2]);
        fputs("</p>\n<pre>", out);
        escape(out, cells[1]);
        fputs("</pre></details>\n", out);
    }
    return figure_rows_end(&job->source, row, step, e);
}

static int page_write(const struct figure_job *job, const struct figure_drawn *drawn, size_t n,
                      FILE *out, struct err *e)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    escape(out, job->heading);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
    escape(out, job->heading);
    fputs("</h1>\n", out);
    if (job->normal_heading[0] != '\0') {
        fputs("<p>The panels \"normal\" are ", out);
        escape(out, job->normal_heading);
        fputs(".</p>\n", out);
    }
    int rc = runs_write(job, out, e);
    rc = rc != 0 ? rc : summary_write(job, out, e);
    if (rc == 0) {
        figures_write(drawn, n, out);
        rc = targets_write(job, out, e);
        rc = rc != 0 ? rc : scenarios_write(job, out, e);
    }
    fputs("</main>\n</body>\n</html>\n", out);
    return rc;
}

int figure_report(const struct figure_job *job, const struct figure_drawn *drawn, size_t n,
                  const char *path, struct err *e)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.part", path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        return err_input(e, path, NULL, "the path is too long; name another folder");
    }
    FILE *out = fopen(beside, "wb");
    if (out == NULL) {
        return err_work(e, beside, NULL, "cannot be made: %s", strerror(errno));
    }
    int rc = page_write(job, drawn, n, out, e);
    bool written = fflush(out) == 0 && ferror(out) == 0;
    if (fclose(out) != 0 || !written || (rc == 0 && rename(beside, path) != 0)) {
        rc = rc != 0 ? rc : err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    if (rc != 0) {
        unlink(beside);
    }
    return rc;
}
