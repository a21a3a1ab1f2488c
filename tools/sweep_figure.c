/* sweep_figure.c - the summary of a sweep as bars, drawn by gnuplot. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/results.h"
#include "tools/sweep_summary.h"

enum { PANEL_PX = 260, WIDTH_PX = 760, LETTER_PX = 8, NAMES_MAX = 40 };

/* Is the program in one of the folders of PATH? */
static bool can_be_called(const char *program)
{
    const char *path = getenv("PATH");
    char name[4200];
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        snprintf(name, sizeof name, "%.*s/%s", (int)length, path, program);
        if (access(name, X_OK) == 0) {
            return true;
        }
        path += length + (path[length] == ':');
    }
    return false;
}

int sweep_figure_check(const char *path, struct err *e)
{
    if (!can_be_called("gnuplot")) {
        return err_work(e, "--figure", NULL,
                        "needs gnuplot, which is not there; install gnuplot-nox, or leave --figure "
                        "out");
    }
    const char *end = strrchr(path, '.');
    if (end == NULL || strcmp(end, ".svg") != 0) {
        return err_input(e, "--figure", path, "is an SVG file; write NAME.svg");
    }
    return results_check_folder(path, e);
}

/* A string for gnuplot in single quotes, which end only at the next one. */
static void quoted(FILE *out, const char *text)
{
    putc('\'', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        fputs(c == '\'' ? "'" : "", out);
        putc(c < 0x20 ? ' ' : c, out);
    }
    putc('\'', out);
}

static void put_data(const struct sweep_summary *s, int metric, int panel, FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fprintf(out, "$data%d << END_OF_DATA\n", panel);
    for (int64_t p = 1; p <= plan->n_points; p++) {
        const struct interval *m = &s->points[p - 1].metrics[metric];
        if (isnan(m->mean)) {
            continue;
        }
        fprintf(out, "%lld %.9g %.9g\n", (long long)p, m->mean, isnan(m->half) ? 0.0 : m->half);
    }
    fputs("END_OF_DATA\n", out);
}

static struct text label_of(const struct sweep_plan *plan, int64_t point)
{
    struct text label = {0};
    for (int k = 0; k < plan->n_varies; k++) {
        text_add(&label, "%s%.24s", k > 0 ? " " : "", sweep_plan_value(plan, point, k));
    }
    return label;
}

/* Names under the bars: aslant where they would run into each other, not under every bar where
 * there are very many. */
static void put_tics(const struct sweep_plan *plan, FILE *out)
{
    size_t longest = 1;
    for (int64_t p = 1; p <= plan->n_points; p++) {
        size_t length = label_of(plan, p).length;
        longest = length > longest ? length : longest;
    }
    bool crowded = (int64_t)longest * LETTER_PX * plan->n_points > WIDTH_PX;
    int64_t step = 1 + (plan->n_points - 1) / NAMES_MAX;
    fprintf(out, "set xtics %s noenhanced (", crowded ? "rotate by -35" : "norotate");
    for (int64_t p = 1; p <= plan->n_points; p += step) {
        fputs(p > 1 ? ", " : "", out);
        quoted(out, label_of(plan, p).chars);
        fprintf(out, " %lld", (long long)p);
    }
    fputs(")\n", out);
}

static void put_script(const struct sweep_summary *s, const int *shown, int n, const char *path,
                       FILE *out)
{
    const struct sweep_plan *plan = s->plan;
    fprintf(out,
            "set terminal svg size %d,%d dynamic font 'sans-serif,13' background 'white'\n"
            "set output ",
            WIDTH_PX, 60 + n * PANEL_PX);
    quoted(out, path);
    fputs("\nset border 3 lw 0.7 lc rgb '#555555'\nset tics nomirror textcolor rgb '#333333'\n"
          "set grid ytics lw 0.5 lc rgb '#dddddd'\nset style fill solid 0.85 noborder\n"
          "set boxwidth 0.6\nunset key\nset errorbars 3 front lw 1.4 lc rgb '#222222'\n",
          out);
    fprintf(out, "set xrange [0.4:%lld.6]\nset yrange [0:*]\n", (long long)plan->n_points);
    put_tics(plan, out);
    struct text axis = {0};
    for (int k = 0; k < plan->n_varies; k++) {
        text_add(&axis, "%s%s", k > 0 ? ", " : "", plan->varies[k].path);
    }
    struct text title = {0};
    text_add(&title, "%s: mean over %lld seeds and %g %% interval", s->scenario,
             (long long)plan->reps, 100 * s->confidence);
    fprintf(out, "set multiplot layout %d,1 title ", n);
    quoted(out, title.chars);
    fputs(" noenhanced\n", out);
    for (int i = 0; i < n; i++) {
        struct metric_name name = metric_name(shown[i]);
        struct text label = {0};
        text_add(&label, "%s%s%s", name.word, name.unit[0] != '\0' ? ", " : "", name.unit);
        put_data(s, shown[i], i, out);
        fputs("set ylabel ", out);
        quoted(out, label.chars);
        fputs(" noenhanced\n", out);
        if (i + 1 == n) {
            fputs("set xlabel ", out);
            quoted(out, axis.chars);
            fputs(" noenhanced\n", out);
        }
        fprintf(out, "plot $data%d using 1:2:3 with boxerrorbars lc rgb '#1b6ca8'\n", i);
    }
    fputs("unset multiplot\n", out);
}

int sweep_figure(const struct sweep_summary *s, const int *shown, int n, const char *path,
                 struct err *e)
{
    /* A metric that no run has (no radio) would be an empty picture, which gnuplot refuses. */
    int known[METRICS], n_known = 0;
    for (int i = 0; i < n; i++) {
        bool any = false;
        for (int64_t p = 0; p < s->plan->n_points; p++) {
            any = any || !isnan(s->points[p].metrics[shown[i]].mean);
        }
        if (any) {
            known[n_known++] = shown[i];
        }
    }
    if (n_known == 0) {
        return err_work(e, path, NULL, "there is nothing to draw: no run has these metrics");
    }
    FILE *gnuplot = popen("gnuplot 2>/dev/null", "w");
    if (gnuplot == NULL) {
        return err_work(e, path, NULL, "gnuplot cannot be called: %s", strerror(errno));
    }
    put_script(s, known, n_known, path, gnuplot);
    int status = pclose(gnuplot);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : err_work(e, path, NULL, "gnuplot could not draw it; is the place writable?");
}
