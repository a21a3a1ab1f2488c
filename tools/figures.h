/* figures.h - the papers' figures, drawn from any result file.
 *
 * A figure is a line in the table of figures.c and one function, which reads what it needs with SQL
 * or in one pass over rows, and writes the body of a gnuplot script: its data as blocks within the
 * script, never more than a few thousand points however many rows there are. It does not ask
 * whether rows were measured or simulated: figure_origin() does, once, for the heading.
 *
 * A figure whose rows or columns the file does not have returns ERR_CHECK through figure_lacks();
 * the others are drawn nevertheless.
 */
#ifndef TOOLS_FIGURES_H
#define TOOLS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "datasets/store.h"

struct sqlite3_stmt;
struct targets;

/* Colours of Okabe and Ito (2008), which all kinds of colour vision tell apart. */
#define FIGURE_BLACK      "#000000"
#define FIGURE_ORANGE     "#E69F00"
#define FIGURE_SKY        "#56B4E9"
#define FIGURE_GREEN      "#009E73"
#define FIGURE_YELLOW     "#F0E442"
#define FIGURE_BLUE       "#0072B2"
#define FIGURE_VERMILLION "#D55E00"
#define FIGURE_PURPLE     "#CC79A7"

/* What the rows are read from. */
struct figure_source {
    struct store *store; /* NULL: none */
    int64_t run_id;      /* 0: all runs */
};

/* A range or a number that somebody published. */
struct figure_band {
    double lo, hi; /* equal: a number */
};

struct figure_job {
    const struct figure *figure;
    struct figure_source source;
    struct figure_source normal;   /* a run without slices to set beside it */
    const struct targets *targets; /* published numbers (datasets/targets.h) */
    const char *heading;           /* "simulated: slices-30-60-90, seed 1" */
    const char *normal_heading;    /* the same of `normal`; "": none */
    const char *origin;            /* "simulated", "measured", ... */
};

/* What a figure fills. */
struct figure_page {
    FILE *script; /* body, without terminal and output */
    int width, height;
    struct text
        caption; /* what there is to see, with its numbers: alt text and legend of a report */
};

struct figure {
    const char *word;  /* "6" */
    const char *title; /* without "Figure 6." */
    const char *needs; /* what a file must have for it */
    int variant;       /* which of the figures that one function draws */
    int (*write)(const struct figure_job *job, struct figure_page *page, struct err *e);
};

extern const struct figure figures[];
extern const int figures_n;

/* --- What figures are written with -------------------------------------------------------------*/

/* Fills `e` with one line "DB: figure 8: needs ..., format" and returns ERR_CHECK. */
int figure_lacks(const struct figure_job *job, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A statement over the source; "{run}" in `sql` becomes "run_id = N" or "1". */
int figure_prepare(const struct figure_source *source, const char *sql, struct sqlite3_stmt **row,
                   struct err *e);

/* ERR_WORK unless the last step of `row` was the end of the rows; finalizes it. */
int figure_rows_end(const struct figure_source *source, struct sqlite3_stmt *row, int step,
                    struct err *e);

/* The heading of the whole figure, two lines, as gnuplot's multiplot title: call it after width and
 * height are set. `detail` follows the heading's second line (may be ""). */
void figure_multiplot(const struct figure_job *job, struct figure_page *page, const char *detail);

/* Border, grid and tics as all figures have them. */
void figure_style(FILE *script);

/* What the target of that id (datasets/published_targets.json) says was published; a bound from
 * above alone begins at 0. false: no such target, or no number. */
bool figure_published(const struct figure_job *job, const char *id, struct figure_band *band);

/* Is the file measured, simulated, or both? The only place that decides it: a run that `import`
 * wrote has a scenario that begins with "measured: ", or with "simulated: " where the rows it read
 * say so, or a version that begins with "import"; every other run is simulated. */
int figure_origin(struct store *s, const char **origin, struct err *e);

/* "12 345" with thin groups, for labels. Returns `out`. */
char *figure_count(int64_t n, char out[32]);

/* --- The figures -------------------------------------------------------------------------------*/

enum figure_latency { LATENCY_UPLINK, LATENCY_DOWNLINK, LATENCY_SLICES };
int figure_latency_write(const struct figure_job *job, struct figure_page *page, struct err *e);

enum figure_series { SERIES_PRB, SERIES_BYTES, SERIES_SNR, SERIES_HEADROOM, SERIES_THROUGHPUT };
int figure_series_write(const struct figure_job *job, struct figure_page *page, struct err *e);

enum figure_heatmap { HEATMAP_LATENCY, HEATMAP_SLICES };
int figure_heatmap_write(const struct figure_job *job, struct figure_page *page, struct err *e);

/* Of a sweep of edge scenarios (docs/models/edge.md). */
enum figure_edge {
    EDGE_BY_RATE,
    EDGE_EPOCH_COUNT,
    EDGE_EPOCH_RATE,
    EDGE_BY_DEADLINE,
    EDGE_BY_QUANT,
    EDGE_BY_ACCURACY,
    EDGE_CONTINUOUS
};
int figure_edge_write(const struct figure_job *job, struct figure_page *page, struct err *e);
int figure_learning_write(const struct figure_job *job, struct figure_page *page, struct err *e);

/* --- The report --------------------------------------------------------------------------------*/

/* What became of a figure that was asked for. */
struct figure_drawn {
    const struct figure *figure;
    char *path;    /* of the picture; NULL: not drawn */
    char *caption; /* what it shows */
    char *lacks;   /* not drawn: why, one line */
    char *svg;     /* for a report */
};

/* The whole of a file as text, to be freed. */
int figure_read(const char *path, char **text, struct err *e);

/* Writes the page `path`, whole or not at all: figures with their SVG inline, what was run, the
 * summary's tables, the published targets. */
int figure_report(const struct figure_job *job, const struct figure_drawn *drawn, size_t n,
                  const char *path, struct err *e);

#endif
