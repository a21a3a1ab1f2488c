/* figures_learning.c - figure 13: how a phone learns which slice keeps its answers at the target.
 * Above, the latency of each request, coloured by the slice that was chosen, with its moving mean
 * and the target; below, the slice of each round; beneath the titles, mean and variance by thirds.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tools/figures.h"
#include "tools/gnuplot.h"

enum {
    ARMS_MAX = 64,
    NAME_BYTES = 64,
    MOVING = 25,       /* requests in the moving mean */
    POINTS_MAX = 4000, /* drawn; all count */
};

static const char *const colours[] = {FIGURE_SKY,    FIGURE_VERMILLION, FIGURE_GREEN,
                                      FIGURE_PURPLE, FIGURE_ORANGE,     FIGURE_BLUE,
                                      FIGURE_YELLOW, FIGURE_BLACK};
enum { COLOURS = sizeof colours / sizeof colours[0] };

struct round {
    double latency_s;
    int arm;
};

/* The rounds of one phone, the first that learns. */
struct phone {
    int64_t run_id, ue_id;
    char kind[NAME_BYTES], names[ARMS_MAX][NAME_BYTES];
    int n_arms;
    double target_s;
    struct round *rounds;
    size_t n, room;
};

struct third {
    double mean, variance;
};

static int add_round(struct phone *p, struct round round, struct err *e)
{
    if (p->n == p->room) {
        size_t room = p->room > 0 ? 2 * p->room : 256;
        struct round *rounds = realloc(p->rounds, room * sizeof *rounds);
        if (rounds == NULL) {
            return err_memory(e, "drawing how a phone learns");
        }
        p->rounds = rounds;
        p->room = room;
    }
    p->rounds[p->n++] = round;
    return 0;
}

static void copy_name(char to[NAME_BYTES], sqlite3_stmt *row, int column)
{
    const char *name = (const char *)sqlite3_column_text(row, column);
    snprintf(to, NAME_BYTES, "%s", name != NULL ? name : "");
}

/* The scenario that a run keeps says which groups learn, and among what. */
static int read_phone(const struct figure_job *job, struct phone *p, struct err *e)
{
    static const char sql[] =
        "SELECT run_id, ue_id, json_extract(g.value, '$.slice_choice.kind'),"
        " coalesce(json_extract(g.value, '$.slice_target_s'), 2),"
        " json_array_length(g.value, '$.slice_arms'), a.key, slice_id, (done_ns - born_ns) / 1e9"
        " FROM requests JOIN runs USING (run_id),"
        " json_each(CASE WHEN json_valid(scenario_text) THEN scenario_text ELSE '{}' END, '$.ues') "
        "g,"
        " json_each(g.value, '$.slice_arms') a"
        " WHERE {run} AND json_extract(g.value, '$.id') = ue_group AND a.value = slice_id"
        " AND json_extract(g.value, '$.slice_choice.kind') IS NOT NULL AND status = 'completed'"
        " ORDER BY run_id, ue_id, born_ns, request_id";
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source, sql, &row, e), step = SQLITE_DONE;
    if (rc != 0) {
        return rc;
    }
    while (rc == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t run_id = sqlite3_column_int64(row, 0), ue_id = sqlite3_column_int64(row, 1);
        int arm = sqlite3_column_int(row, 5);
        double latency_s = sqlite3_column_double(row, 7);
        if (p->n > 0 && (run_id != p->run_id || ue_id != p->ue_id)) {
            step = SQLITE_DONE;
            break;
        }
        if (arm >= ARMS_MAX || !isfinite(latency_s) || fabs(latency_s) > 1e12) {
            continue;
        }
        p->run_id = run_id;
        p->ue_id = ue_id;
        copy_name(p->kind, row, 2);
        p->target_s = sqlite3_column_double(row, 3);
        p->n_arms = sqlite3_column_int(row, 4);
        copy_name(p->names[arm], row, 6);
        rc = add_round(p, (struct round){latency_s, arm}, e);
    }
    int end = figure_rows_end(&job->source, row, rc == 0 ? step : SQLITE_DONE, e);
    return rc == 0 ? end : rc;
}

static struct third third_of(const struct phone *p, size_t k)
{
    struct third t = {0};
    size_t from = p->n * k / 3, to = p->n * (k + 1) / 3;
    double n = (double)(to - from);
    for (size_t i = from; i < to; i++) {
        t.mean += p->rounds[i].latency_s / n;
    }
    for (size_t i = from; i < to; i++) {
        double off = p->rounds[i].latency_s - t.mean;
        t.variance += off * off / (n - 1.0);
    }
    return t;
}

/* Round, latency, arm, moving mean. */
static void write_data(const struct phone *p, FILE *out)
{
    size_t stride = p->n / POINTS_MAX + 1;
    double sum = 0.0;
    fputs("$rounds << EOD\n", out);
    for (size_t i = 0; i < p->n; i++) {
        sum += p->rounds[i].latency_s - (i >= MOVING ? p->rounds[i - MOVING].latency_s : 0.0);
        double of = i + 1 < MOVING ? (double)(i + 1) : MOVING;
        if (i % stride == 0) {
            fprintf(out, "%zu %.6g %d %.6g\n", i + 1, p->rounds[i].latency_s, p->rounds[i].arm,
                    sum / of);
        }
    }
    fputs("EOD\n", out);
}

static void write_points(const struct phone *p, const char *column, double size, FILE *out)
{
    for (int arm = 0; arm < p->n_arms && arm < ARMS_MAX; arm++) {
        fprintf(out,
                "$rounds using ($3==%d?$1:NaN):%s with points pt 7 ps %g lc rgb '%s' notitle, ",
                arm, column, size, colours[arm % COLOURS]);
    }
}

static void write_plots(const struct phone *p, const struct third thirds[3], FILE *out)
{
    size_t pulls[ARMS_MAX] = {0};
    for (size_t i = 0; i < p->n; i++) {
        pulls[p->rounds[i].arm]++;
    }
    figure_style(out);
    fprintf(out,
            "set xrange [0.5:%.1f]\nset lmargin at screen 0.13\nset rmargin at screen 0.97\n"
            "set tmargin at screen 0.86\nset bmargin at screen 0.45\n"
            "set ylabel 'latency, s'\nset yrange [0:*]\nset format x ''\n"
            "set key top right horizontal\n",
            (double)p->n + 0.5);
    for (int k = 0; k < 3; k++) {
        fprintf(out,
                "set label %d 'mean %.3g s, variance %.3g s²' at graph %.4f,graph 1.04 center "
                "noenhanced textcolor rgb '#333333'\n",
                k + 1, thirds[k].mean, thirds[k].variance, (2 * k + 1) / 6.0);
        if (k > 0) {
            size_t before = p->n * (size_t)k / 3;
            double at = (double)before + 0.5;
            fprintf(out,
                    "set arrow %d from %.1f,graph 0 to %.1f,graph 1 nohead lw 0.7 lc rgb "
                    "'#999999'\n",
                    k, at, at);
        }
    }
    fputs("plot ", out);
    write_points(p, "2", 0.45, out);
    fprintf(out,
            "$rounds using 1:4 with lines lw 2 lc rgb '#000000' title 'moving mean of %d', "
            "%.9g with lines dt 2 lw 1.5 lc rgb '#777777' title 'target'\n",
            (int)MOVING, p->target_s);
    fputs("unset label\nset format x '%g'\nset xlabel 'round'\nset ylabel ''\nunset key\n"
          "set tmargin at screen 0.40\nset bmargin at screen 0.12\n"
          "set ytics (",
          out);
    for (int arm = 0; arm < p->n_arms && arm < ARMS_MAX; arm++) {
        char label[NAME_BYTES + 64], all[32];
        snprintf(label, sizeof label, "%s\nn=%s", p->names[arm],
                 figure_count((int64_t)pulls[arm], all));
        fputs(arm > 0 ? ", " : "", out);
        gnuplot_quote(out, label);
        fprintf(out, " %d", arm);
    }
    fprintf(out, ")\nset yrange [-0.5:%.1f]\nplot ", p->n_arms - 0.5);
    write_points(p, "3", 0.6, out);
    fputs("NaN notitle\nunset multiplot\n", out);
}

/* The arm of most rounds of the last third, and its part of them in percent. */
static int settled(const struct phone *p, double *part_pct)
{
    size_t pulls[ARMS_MAX] = {0}, from = p->n * 2 / 3;
    int most = 0;
    for (size_t i = from; i < p->n; i++) {
        pulls[p->rounds[i].arm]++;
    }
    for (int arm = 1; arm < ARMS_MAX; arm++) {
        most = pulls[arm] > pulls[most] ? arm : most;
    }
    *part_pct = 100.0 * (double)pulls[most] / (double)(p->n - from);
    return most;
}

int figure_learning_write(const struct figure_job *job, struct figure_page *page, struct err *e)
{
    struct phone *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_memory(e, "drawing how a phone learns");
    }
    int rc = read_phone(job, p, e);
    if (rc == 0 && p->n < 6) {
        rc = figure_lacks(job, e, "this file has %zu", p->n);
    }
    if (rc == 0) {
        struct third thirds[3] = {third_of(p, 0), third_of(p, 1), third_of(p, 2)};
        double part_pct;
        char detail[256], count[32];
        int arm = settled(p, &part_pct);
        page->width = 960;
        page->height = 640;
        snprintf(detail, sizeof detail, "%s, UE %lld, %s rounds, target %.3g s", p->kind,
                 (long long)p->ue_id, figure_count((int64_t)p->n, count), p->target_s);
        write_data(p, page->script);
        figure_multiplot(job, page, detail);
        write_plots(p, thirds, page->script);
        text_add(&page->caption,
                 "%s rounds of UE %lld with %s; latency of the first, second and last third: mean "
                 "%.4g, %.4g, %.4g s, variance %.3g, %.3g, %.3g s^2. In the last third %s has %.1f "
                 "%% of the rounds.",
                 figure_count((int64_t)p->n, count), (long long)p->ue_id, p->kind, thirds[0].mean,
                 thirds[1].mean, thirds[2].mean, thirds[0].variance, thirds[1].variance,
                 thirds[2].variance, p->names[arm], part_pct);
    }
    free(p->rounds);
    free(p);
    return rc;
}
