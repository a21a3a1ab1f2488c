/* verb_figures.c - willmsim figures: the papers' figures from a result file, as pictures and as one
 * page. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "base/json.h"
#include "datasets/targets.h"
#include "tools/call.h"
#include "tools/figures.h"
#include "tools/gnuplot.h"
#include "tools/results.h"
#include "tools/verbs.h"

enum { FIGURES_MAX = 64 };

struct figures_call {
    bool wanted[FIGURES_MAX];
    bool all; /* whatever the file has the rows for */
    bool report, json;
    enum gnuplot_format format;
    const char *db, *normal, *out;
    int64_t run_id;
};

static void print_help(void)
{
    printf(
        "usage: willmsim figures DB --out DIR [--fig 6,7,...] [--format svg|png|pdf] [--report]\n"
        "                        [--normal DB2] [--run N] [--json]\n"
        "Draws the papers' figures from a result file, measured or simulated, with gnuplot:\n"
        "DIR/figure-6.svg and so on. The same rows give the same SVG, byte for byte.\n"
        "  --out DIR     folder for the pictures; made when it is not there\n"
        "  --fig LIST    which, joined with commas; 'willmsim list figures' has them all\n"
        "                (default: those that the file has the rows for)\n"
        "  --format F    svg (default), png or pdf\n"
        "  --report      also DIR/report.html: one page with the figures, the scenario and its\n"
        "                numbers, which needs no other file\n"
        "  --normal DB2  a run without slices, for the upper panels of 9, 10, 17, 18 and 19\n"
        "  --run N       one run of a file that has several (default: all together)\n"
        "  --json        one JSON object: what was drawn, and what could not be\n");
}

static int read_list(const char *verb, const char *list, struct figures_call *call)
{
    const char *words[FIGURES_MAX + 1];
    for (int i = 0; i < figures_n; i++) {
        words[i] = figures[i].word;
    }
    words[figures_n] = "all";
    call->all = false;
    for (const char *at = list;; at++) {
        char word[16];
        size_t length = strcspn(at, ",");
        if (length == 0) {
            return call_wrong(verb, "--fig: a number is missing in '%s'; write --fig 6,7", list);
        }
        snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : 15, at);
        int found = call_word(verb, "--fig", word, words, figures_n + 1);
        if (found < 0) {
            return 2;
        }
        for (int i = 0; i < figures_n; i++) {
            call->wanted[i] |= found == i || found == figures_n;
        }
        at += length;
        if (*at == '\0') {
            return 0;
        }
    }
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct figures_call *call)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"fig", required_argument, NULL, 'f'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"format", required_argument, NULL, 'F'},
                                            {"report", no_argument, NULL, 'r'},
                                            {"normal", required_argument, NULL, 'n'},
                                            {"run", required_argument, NULL, 'R'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int word = 0;
        switch (option) {
        case 'f':
            if (read_list(argv[0], optarg, call) != 0) {
                return 2;
            }
            break;
        case 'o':
            call->out = optarg;
            break;
        case 'F':
            word = call_word(argv[0], "--format", optarg, gnuplot_format_words, 3);
            if (word < 0) {
                return 2;
            }
            call->format = (enum gnuplot_format)word;
            break;
        case 'r':
            call->report = true;
            break;
        case 'n':
            call->normal = optarg;
            break;
        case 'R':
            if (call_int(argv[0], "--run", optarg, 1, INT64_MAX, &call->run_id) != 0) {
                return 2;
            }
            break;
        case 'j':
            call->json = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        return call_wrong(argv[0], "it takes one result file; write 'willmsim figures DB --out "
                                   "DIR'");
    }
    if (call->out[0] == '\0') {
        return call_wrong(argv[0], "--out is missing; write --out DIR, the folder for the figures");
    }
    call->db = argv[optind];
    return -1;
}

/* "simulated: slices-30-60-90, seed 1", with what a reader has to know of the runs. */
static int heading_make(const struct figure_source *source, const char *origin,
                        struct text *heading, int64_t *incomplete, struct err *e)
{
    static const char sql[] =
        "SELECT count(*), sum(complete = 0), count(DISTINCT scenario), min(scenario), "
        "count(DISTINCT seed), min(seed) FROM runs WHERE {run}";
    sqlite3_stmt *row = NULL;
    int rc = figure_prepare(source, sql, &row, e);
    if (rc != 0) {
        return rc;
    }
    int step = sqlite3_step(row);
    int64_t runs = 0;
    if (step == SQLITE_ROW) {
        runs = sqlite3_column_int64(row, 0);
        *incomplete = sqlite3_column_int64(row, 1);
        const char *scenario = (const char *)sqlite3_column_text(row, 3);
        int64_t scenarios = sqlite3_column_int64(row, 2);
        text_add(heading, "%s: ", origin);
        bool imported = scenario != NULL && (strncmp(scenario, "measured: ", 10) == 0 ||
                                             strncmp(scenario, "simulated: ", 11) == 0);
        if (imported) { /* the heading says it already */
            scenario = strchr(scenario, ' ') + 1;
        }
        if (scenarios > 1) {
            text_add(heading, "%" PRId64 " scenarios", scenarios);
        } else {
            text_add(heading, "%.120s", scenario != NULL ? scenario : "");
        }
        if (runs > 1) {
            text_add(heading, ", %" PRId64 " runs", runs);
        } else if (!imported && strcmp(origin, "measured") != 0) {
            text_add(heading, ", seed %lld", (long long)sqlite3_column_int64(row, 5));
        }
        if (*incomplete > 0) {
            text_add(heading, ", INCOMPLETE");
        }
        step = sqlite3_step(row);
    }
    rc = figure_rows_end(source, row, step, e);
    if (rc == 0 && runs == 0) {
        rc = source->run_id != 0
                 ? err_input(e, store_path(source->store), "runs",
                             "no run %" PRId64 "; 'willmsim export DB runs' shows which there are",
                             source->run_id)
                 : err_input(e, store_path(source->store), "runs", "the file holds no run");
    }
    return rc;
}

static int folder_make(const char *folder, struct err *e)
{
    struct stat st;
    if (mkdir(folder, 0777) == 0) {
        return 0;
    }
    if (errno == EEXIST && stat(folder, &st) == 0 && S_ISDIR(st.st_mode)) {
        return 0;
    }
    return err_input(e, folder, NULL, "cannot be made: %s; name a folder in one that exists",
                     errno == EEXIST ? "there is a file of that name" : strerror(errno));
}

/* Terminal and body in one script, into `path`. */
static int draw(const struct figure *figure, const struct figure_page *page, const char *body,
                enum gnuplot_format format, const char *path, struct err *e)
{
    char *script = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&script, &bytes);
    if (out == NULL) {
        return err_memory(e, "drawing a figure");
    }
    char name[32];
    snprintf(name, sizeof name, "figure%s", figure->word);
    for (char *at = strchr(name, '-'); at != NULL; at = strchr(at, '-')) {
        *at = '_'; /* gnuplot takes no other signs in names */
    }
    gnuplot_terminal(out, format, name, page->width, page->height);
    fputs(body, out);
    int rc =
        fclose(out) != 0 ? err_memory(e, "drawing a figure") : gnuplot_draw(script, bytes, path, e);
    free(script);
    return rc;
}

/* Draws one figure; leaves its SVG in `drawn->svg` for the report when one is wanted. */
static int figure_draw(const struct figures_call *call, const struct figure_job *job,
                       struct figure_drawn *drawn, struct err *e)
{
    struct figure_page page = {0};
    char *body = NULL;
    size_t bytes = 0;
    page.script = open_memstream(&body, &bytes);
    if (page.script == NULL) {
        return err_memory(e, "drawing a figure");
    }
    int rc = job->figure->write(job, &page, e);
    if (fclose(page.script) != 0 && rc == 0) {
        rc = err_memory(e, "drawing a figure");
    }
    char path[PATH_MAX], svg[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/figure-%s.%s", call->out, job->figure->word,
                          gnuplot_format_words[call->format]);
    int svg_length = snprintf(svg, sizeof svg, "%s/.figure-%s.svg", call->out, job->figure->word);
    if (rc == 0 && (length >= PATH_MAX || svg_length >= PATH_MAX)) {
        rc = err_input(e, call->out, NULL, "the path is too long; name another folder");
    }
    rc = rc != 0 ? rc : draw(job->figure, &page, body, call->format, path, e);
    if (rc == 0 && call->report && call->format == GNUPLOT_SVG) {
        rc = figure_read(path, &drawn->svg, e);
    } else if (rc == 0 && call->report) {
        rc = draw(job->figure, &page, body, GNUPLOT_SVG, svg, e);
        rc = rc != 0 ? rc : figure_read(svg, &drawn->svg, e);
        unlink(svg);
    }
    free(body);
    if (rc == 0) {
        drawn->path = strdup(path);
        drawn->caption = strdup(page.caption.chars);
        if (drawn->path == NULL || drawn->caption == NULL) {
            rc = err_memory(e, "drawing a figure");
        }
    }
    return rc;
}

static void print_json(const struct figures_call *call, const char *origin,
                       const struct figure_drawn *drawn, int n, const char *report)
{
    printf("{\"db\": ");
    json_print_string(stdout, call->db);
    printf(", \"origin\": \"%s\", \"figures\": [", origin);
    bool first = true;
    for (int i = 0; i < n; i++) {
        if (drawn[i].path != NULL) {
            printf("%s{\"figure\": \"%s\", \"file\": ", first ? "" : ", ", drawn[i].figure->word);
            json_print_string(stdout, drawn[i].path);
            printf(", \"caption\": ");
            json_print_string(stdout, drawn[i].caption);
            printf("}");
            first = false;
        }
    }
    printf("], \"missing\": [");
    first = true;
    for (int i = 0; i < n; i++) {
        if (drawn[i].lacks != NULL) {
            printf("%s{\"figure\": \"%s\", \"why\": ", first ? "" : ", ", drawn[i].figure->word);
            json_print_string(stdout, drawn[i].lacks);
            printf("}");
            first = false;
        }
    }
    printf("], \"report\": ");
    if (report != NULL) {
        json_print_string(stdout, report);
    } else {
        printf("null");
    }
    printf("}\n");
}

/* Draws what is wanted; a figure that the file has no rows for stops no other. */
static int draw_all(const struct figures_call *call, const struct figure_job *template,
                    struct figure_drawn *drawn, int *n, struct err *e)
{
    int status = 0;
    for (int i = 0; i < figures_n; i++) {
        if (!call->all && !call->wanted[i]) {
            continue;
        }
        struct figure_job job = *template;
        struct figure_drawn *one = &drawn[(*n)++];
        job.figure = one->figure = &figures[i];
        int rc = figure_draw(call, &job, one, e);
        if (rc == ERR_CHECK) {
            if (!call->json) {
                fprintf(stderr, "willmsim: %s\n", e->text);
            }
            one->lacks = strdup(e->text);
            status = call->all ? status : 1;
        } else if (rc != 0) {
            return call_fail(e);
        } else if (!call->json) {
            printf("%s\n", one->path);
        }
    }
    return status;
}

static int figures_run(const struct figures_call *call, const struct figure_job *sources,
                       struct err *e)
{
    struct figure_job job = *sources;
    struct text heading = {0}, normal_heading = {0};
    int64_t incomplete = 0, normal_incomplete = 0;
    const char *normal_origin = NULL;
    int rc = figure_origin(job.source.store, &job.origin, e);
    rc = rc != 0 ? rc : heading_make(&job.source, job.origin, &heading, &incomplete, e);
    if (rc == 0 && job.normal.store != NULL) {
        rc = figure_origin(job.normal.store, &normal_origin, e);
        rc = rc != 0
                 ? rc
                 : heading_make(&job.normal, normal_origin, &normal_heading, &normal_incomplete, e);
    }
    rc = rc != 0 ? rc : gnuplot_check(e);
    rc = rc != 0 ? rc : folder_make(call->out, e);
    if (rc != 0) {
        return call_fail(e);
    }
    job.heading = heading.chars;
    job.normal_heading = normal_heading.chars;
    struct figure_drawn drawn[FIGURES_MAX] = {0};
    int n = 0, made = 0;
    int status = draw_all(call, &job, drawn, &n, e);
    for (int i = 0; i < n; i++) {
        made += drawn[i].path != NULL;
    }
    if (made == 0 && status == 0) {
        fprintf(stderr, "willmsim: %s: the file has the rows of no figure\n", call->db);
        status = 1;
    }
    char report[PATH_MAX];
    bool reported = false;
    if (call->report && (e->code == 0 || e->code == ERR_CHECK) && made > 0) {
        snprintf(report, sizeof report, "%s/report.html", call->out);
        rc = figure_report(&job, drawn, (size_t)n, report, e);
        reported = rc == 0;
        status = rc != 0 ? call_fail(e) : status;
        if (reported && !call->json) {
            printf("%s\n", report);
        }
    }
    if (call->json && (e->code == 0 || e->code == ERR_CHECK)) {
        print_json(call, job.origin, drawn, n, reported ? report : NULL);
    }
    for (int i = 0; i < n; i++) {
        free(drawn[i].path);
        free(drawn[i].caption);
        free(drawn[i].lacks);
        free(drawn[i].svg);
    }
    results_warn(call->db, incomplete);
    if (call->normal != NULL) {
        results_warn(call->normal, normal_incomplete);
    }
    return status;
}

/* The published numbers that come with the program. */
static int published_load(struct targets *targets, struct err *e)
{
    static const char name[] = "datasets/published_targets.json";
    char path[PATH_MAX];
    if (data_dir_path(name, path, sizeof path) != 0) {
        return err_work(e, name, NULL,
                        "this file of the program is nowhere; set WILLMSIM_HOME to the folder "
                        "that holds it");
    }
    return targets_load(path, targets, e);
}

int verb_figures(int argc, char **argv)
{
    struct figures_call call = {.all = true, .out = ""};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    struct err e = {0};
    struct targets targets = {0};
    struct figure_job job = {.source.run_id = call.run_id, .targets = &targets};
    int rc = store_open(call.db, STORE_READ, &job.source.store, &e);
    rc = rc != 0 ? rc : published_load(&targets, &e);
    if (rc == 0 && call.normal != NULL) {
        rc = store_open(call.normal, STORE_READ, &job.normal.store, &e);
    }
    status = rc != 0 ? call_fail(&e) : figures_run(&call, &job, &e);
    store_close(job.source.store, NULL);
    store_close(job.normal.store, NULL);
    targets_free(&targets);
    return status;
}
