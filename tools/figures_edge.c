/* figures_edge.c - the edge-inference paper's figures 8 to 13, and the comparison with continuous
 * batching: completion rates over what a sweep varies (docs/models/edge.md has the sweeps).
 *
 * A point of a figure is a combination of the sweep; its rate is a ratio of sums over the seeds. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tools/figures.h"
#include "tools/gnuplot.h"

enum { PATHS_MAX = 4, SERIES_MAX = 24, KEY_BYTES = 96 };

/* What a figure is drawn over, and what tells its lines apart. */
static const struct edge_figure {
    const char *x, *x_label;
    const char *lines[2]; /* paths; NULL: none */
    bool per_epoch;       /* completed requests of an epoch instead of the rate */
} shapes[] = {
    [EDGE_BY_RATE] = {"ues.0.traffic.rate_hz",
                      "arrival rate, requests/s",
                      {"servers.model", "edge.policy.kind"},
                      false},
    [EDGE_EPOCH_COUNT] = {"edge.epoch_s",
                          "duration of an epoch, s",
                          {"servers.model", "edge.policy.kind"},
                          true},
    [EDGE_EPOCH_RATE] = {"edge.epoch_s",
                         "duration of an epoch, s",
                         {"servers.model", "edge.policy.kind"},
                         false},
    [EDGE_BY_DEADLINE] = {"ues.0.traffic.deadline_s",
                          "deadline and duration of an epoch, s",
                          {"servers.model", "edge.policy.kind"},
                          false},
    [EDGE_BY_QUANT] = {"ues.0.traffic.rate_hz",
                       "arrival rate, requests/s",
                       {"servers.model", "servers.quant"},
                       false},
    [EDGE_BY_ACCURACY] = {"ues.0.traffic.accuracy_max",
                          "largest accuracy that requests ask for",
                          {"servers.model", "servers.edge.perplexity_delta"},
                          false},
    [EDGE_CONTINUOUS] = {"ues.0.traffic.rate_hz",
                         "arrival rate, requests/s",
                         {"edge.policy.kind", "servers.0.batching.max_queue"},
                         false},
};

struct point {
    double x, y;
    int line;
};

struct lines {
    char keys[SERIES_MAX][KEY_BYTES];
    int n;
    struct point *points;
    size_t n_points;
    double least, most; /* of y */
};

/* The paths that were varied are those of the figure, and no others. */
static int check_paths(const struct figure_job *job, const struct edge_figure *shape, struct err *e)
{
    sqlite3_stmt *row = NULL;
    int rc =
        figure_prepare(&job->source, "SELECT DISTINCT path FROM sweep_points WHERE {run}", &row, e);
    if (rc != 0) {
        return rc;
    }
    int step = 0, known = 0, others = 0;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        const char *path = (const char *)sqlite3_column_text(row, 0);
        bool is = strcmp(path, shape->x) == 0;
        for (int k = 0; k < 2; k++) {
            is = is || (shape->lines[k] != NULL && strcmp(path, shape->lines[k]) == 0);
        }
        known += is;
        others += !is;
    }
    rc = figure_rows_end(&job->source, row, step, e);
    return rc != 0 || (known == 3 && others == 0)
               ? rc
               : figure_lacks(job, e, "the file is not a sweep over these and nothing else");
}

/* Index of a line; -1: there are too many. */
static int line_of(struct lines *l, const char *key)
{
    for (int i = 0; i < l->n; i++) {
        if (strcmp(l->keys[i], key) == 0) {
            return i;
        }
    }
    if (l->n == SERIES_MAX) {
        return -1;
    }
    snprintf(l->keys[l->n], KEY_BYTES, "%s", key);
    return l->n++;
}

/* "gah" as the paper calls it; a queue's limit matters to servers that batch by themselves. NULL:
 * this point is another one's twin. */
static const char *name_line(int variant, const char *a, const char *b, char key[KEY_BYTES])
{
    bool straight = strcmp(a, "at-once") == 0, unlimited = strcmp(b, "0") == 0;
    const char *quantizer = variant == EDGE_BY_ACCURACY ? "dPPL " : "";
    if (variant == EDGE_CONTINUOUS && !straight) {
        snprintf(key, KEY_BYTES, "%s", a);
        return unlimited ? key : NULL;
    }
    if (variant == EDGE_CONTINUOUS) {
        snprintf(key, KEY_BYTES, unlimited ? "continuous" : "continuous, queue of %s", b);
        return key;
    }
    snprintf(key, KEY_BYTES, "%s, %s%s", a, quantizer, b);
    return key;
}

/* x of a varied value: a number, or a list of one. */
static double number_of(const char *value)
{
    return strtod(value + (value[0] == '[' ? 1 : 0), NULL);
}

static int read_points(const struct figure_job *job, const struct edge_figure *shape,
                       struct lines *l, struct err *e)
{
    static const char sql[] =
        "SELECT x.value, a.value, b.value, sum(arrived), sum(completed), count(*), "
        "max(json_extract(scenario_text, '$.duration_s')) FROM sweep_points x "
        "JOIN sweep_points a ON a.run_id = x.run_id AND a.path = ?2 "
        "JOIN sweep_points b ON b.run_id = x.run_id AND b.path = ?3 "
        "JOIN runs ON runs.run_id = x.run_id "
        "WHERE x.path = ?1 AND complete = 1 GROUP BY x.point ORDER BY x.point";
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(&job->source, sql, &row, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_text(row, 1, shape->x, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 2, shape->lines[0], -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 3, shape->lines[1], -1, SQLITE_STATIC);
    int step = 0;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        char key[KEY_BYTES];
        const char *a = (const char *)sqlite3_column_text(row, 1);
        const char *b = (const char *)sqlite3_column_text(row, 2);
        if (name_line(job->figure->variant, a, b, key) == NULL) {
            continue;
        }
        int line = line_of(l, key);
        struct point *more = realloc(l->points, (l->n_points + 1) * sizeof *more);
        l->points = more != NULL ? more : l->points;
        if (more == NULL || line < 0) {
            sqlite3_finalize(row);
            return line < 0 ? figure_lacks(job, e, "there are more than %d lines", SERIES_MAX)
                            : err_memory(e, "drawing a figure");
        }
        struct point p = {.x = number_of((const char *)sqlite3_column_text(row, 0)), .line = line};
        double done = (double)sqlite3_column_int64(row, 4);
        double epochs = sqlite3_column_double(row, 5) * sqlite3_column_double(row, 6) / p.x;
        p.y = done / (shape->per_epoch ? epochs : (double)sqlite3_column_int64(row, 3));
        l->least = l->n_points == 0 || p.y < l->least ? p.y : l->least;
        l->most = l->n_points == 0 || p.y > l->most ? p.y : l->most;
        l->points[l->n_points++] = p;
    }
    rc = figure_rows_end(&job->source, row, step, e);
    return rc == 0 && l->n_points == 0 ? figure_lacks(job, e, "no run of it is complete") : rc;
}

static void write_script(const struct figure_job *job, const struct edge_figure *shape,
                         const struct lines *l, struct figure_page *page)
{
    static const char *const colours[] = {FIGURE_BLUE,  FIGURE_VERMILLION, FIGURE_GREEN,
                                          FIGURE_BLACK, FIGURE_ORANGE,     FIGURE_PURPLE,
                                          FIGURE_SKY};
    FILE *out = page->script;
    char title[512];
    page->width = 860;
    page->height = 520;
    for (int i = 0; i < l->n; i++) {
        fprintf(out, "$line%d << EOD\n", i);
        for (size_t k = 0; k < l->n_points; k++) {
            if (l->points[k].line == i) {
                fprintf(out, "%.9g %.9g\n", l->points[k].x, l->points[k].y);
            }
        }
        fputs("EOD\n", out);
    }
    snprintf(title, sizeof title, "Figure %s. %s\n%s", job->figure->word, job->figure->title,
             job->heading);
    figure_style(out);
    fputs("set title ", out);
    gnuplot_quote(out, title);
    fputs("\nset key outside right top\nset xlabel ", out);
    gnuplot_quote(out, shape->x_label);
    fprintf(out, "\nset ylabel '%s'\nset yrange [0:%s]\nplot ",
            shape->per_epoch ? "completed requests of an epoch" : "completed, of all that arrived",
            shape->per_epoch ? "*" : "1");
    for (int i = 0; i < l->n; i++) {
        fprintf(out, "%s$line%d using 1:2 with linespoints lw 1.6 pt %d dt %d lc rgb '%s' title ",
                i > 0 ? ", " : "", i, 4 + i % 10, 1 + i / 7, colours[i % 7]);
        gnuplot_quote(out, l->keys[i]);
    }
    fputs("\n", out);
}

int figure_edge_write(const struct figure_job *job, struct figure_page *page, struct err *e)
{
    const struct edge_figure *shape = &shapes[job->figure->variant];
    struct lines l = {0};
    int rc = check_paths(job, shape, e);
    rc = rc == 0 ? read_points(job, shape, &l, e) : rc;
    if (rc == 0) {
        write_script(job, shape, &l, page);
        text_add(&page->caption, "%d lines of %zu points, %.3g to %.3g.%s", l.n, l.n_points,
                 l.least, l.most,
                 job->figure->variant == EDGE_BY_ACCURACY
                     ? " Perplexity differentials are unverified."
                     : "");
    }
    free(l.points);
    return rc;
}
