/* bursts.c - see bursts.h. */
#include "datasets/bursts.h"

#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The series is resampled to this for the autocorrelation: a hundredth of the period that the
 * testbed's requests have would do. */
#define STEP_S 0.02

/* What of a gap between bursts is looked at: the peak's and the next trough's neighbourhoods are
 * not decay. Gaps of other lengths are not one request's (a request was missed, or came late). */
#define DECAY_MARGIN_S   0.1
#define DECAY_MIN_S      3.0
#define DECAY_MAX_S      5.5
#define DECAY_MIN_POINTS 16
#define DECAY_SAMPLES    60
/* tau is looked for between these; the testbed's average forgets in 3.3 s (600 opportunities a
 * second, weight 0.0005). */
#define TAU_MIN_S 0.2
#define TAU_MAX_S 30.0

struct bursts_options bursts_defaults(void)
{
    return (struct bursts_options){.threshold = 40.0, .settle_s = 1.0, .gap_s = 5.0};
}

static const struct bursts_quartiles no_quartiles = {NAN, NAN, NAN};

/* Sorts what it is given. */
static struct bursts_quartiles quartiles_of(double *values, size_t n)
{
    if (n == 0) {
        return no_quartiles;
    }
    gsl_sort(values, 1, n);
    return (struct bursts_quartiles){.q1 = gsl_stats_quantile_from_sorted_data(values, 1, n, 0.25),
                                     .median = gsl_stats_median_from_sorted_data(values, 1, n),
                                     .q3 = gsl_stats_quantile_from_sorted_data(values, 1, n, 0.75)};
}

/* --- Pieces and bursts ------------------------------------------------------------------------ */

struct piece {
    const struct bursts_point *points;
    size_t n;
    size_t first_burst, n_bursts;
};

/* End of the piece that begins at `begin`. */
static size_t piece_end(const struct bursts_point *points, size_t n, size_t begin, double gap_s)
{
    size_t end = begin + 1;
    while (end < n && points[end].t_s - points[end - 1].t_s <= gap_s) {
        end++;
    }
    return end;
}

/* Appends the bursts of a piece to items; there is room for one per two points. */
static size_t find_in(const struct piece *piece, const struct bursts_options *o,
                      struct burst *items)
{
    size_t n = 0;
    bool rising = false;
    struct burst b = {.start_s = piece->points[0].t_s, .trough = piece->points[0].value};
    for (size_t i = 1; i < piece->n; i++) {
        const struct bursts_point *p = &piece->points[i];
        if (!rising && p->value <= b.trough) {
            b.start_s = p->t_s;
            b.trough = p->value;
        } else if (!rising && p->value - b.trough > o->threshold) {
            rising = true;
            b.peak_s = p->t_s;
            b.peak = p->value;
        } else if (rising && p->value >= b.peak) {
            b.peak_s = p->t_s;
            b.peak = p->value;
        } else if (rising && p->t_s - b.peak_s > o->settle_s) {
            items[n++] = b;
            rising = false;
            b.start_s = p->t_s;
            b.trough = p->value;
        }
    }
    if (rising) {
        items[n++] = b;
    }
    return n;
}

static void measure(struct bursts *out, const struct piece *pieces, size_t n_pieces, double *work)
{
    const struct burst *b = out->items;
    for (size_t i = 0; i < out->n; i++) {
        work[i] = b[i].peak_s - b[i].start_s;
    }
    out->rise_s = quartiles_of(work, out->n);
    for (size_t i = 0; i < out->n; i++) {
        work[i] = b[i].peak - b[i].trough;
    }
    out->jump = quartiles_of(work, out->n);
    for (size_t i = 0; i < out->n; i++) {
        work[i] = b[i].trough;
    }
    out->trough = quartiles_of(work, out->n);
    for (size_t i = 0; i < out->n; i++) {
        work[i] = b[i].peak;
    }
    out->peak = quartiles_of(work, out->n);
    size_t periods = 0;
    for (size_t p = 0; p < n_pieces; p++) {
        for (size_t i = 1; i < pieces[p].n_bursts; i++) {
            size_t at = pieces[p].first_burst + i;
            work[periods++] = b[at].peak_s - b[at - 1].peak_s;
        }
    }
    out->period_s = quartiles_of(work, periods);
}

/* --- Sampling --------------------------------------------------------------------------------- */

/* The value at t, between the points on both sides of it; *at is where the last call ended, so
 * that a walk costs nothing. */
static double value_at(const struct bursts_point *points, size_t n, double t, size_t *at)
{
    while (*at + 2 < n && points[*at + 1].t_s < t) {
        (*at)++;
    }
    const struct bursts_point *a = &points[*at];
    const struct bursts_point *b = &points[*at + 1];
    if (!(b->t_s > a->t_s)) {
        return a->value;
    }
    double part = (t - a->t_s) / (b->t_s - a->t_s);
    part = part < 0.0 ? 0.0 : part > 1.0 ? 1.0 : part;
    return a->value + part * (b->value - a->value);
}

/* --- Autocorrelation -------------------------------------------------------------------------- */

static size_t samples_in(const struct piece *p)
{
    double span = p->points[p->n - 1].t_s - p->points[0].t_s;
    return p->n < 2 || !(span > 0.0) ? 0 : (size_t)(span / STEP_S) + 1;
}

/* Adds a piece to sums[lag]: the products of what lies `lag` samples apart. Not divided by their
 * number, so that of two lags as good the shorter one wins. */
static void add_products(const double *x, size_t n, double *sums, size_t lags)
{
    for (size_t lag = 0; lag < lags && lag < n; lag++) {
        double sum = 0.0;
        for (size_t i = lag; i < n; i++) {
            sum += x[i] * x[i - lag];
        }
        sums[lag] += sum;
    }
}

static int autocorrelate(const struct piece *pieces, size_t n_pieces, double mean, double *period_s,
                         struct err *e)
{
    enum { LAGS = (int)(BURSTS_MAX_LAG_S / STEP_S) + 1 };
    *period_s = NAN;
    size_t most = 0;
    for (size_t p = 0; p < n_pieces; p++) {
        size_t n = samples_in(&pieces[p]);
        most = n > most ? n : most;
    }
    if (most < 2) {
        return 0;
    }
    double *x = malloc(most * sizeof *x);
    double *sums = calloc(LAGS, sizeof *sums);
    if (x == NULL || sums == NULL) {
        free(x);
        free(sums);
        return err_memory(e, "an autocorrelation");
    }
    for (size_t p = 0; p < n_pieces; p++) {
        const struct piece *piece = &pieces[p];
        size_t n = samples_in(piece);
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            double t = piece->points[0].t_s + STEP_S * (double)i;
            x[i] = value_at(piece->points, piece->n, t, &at) - mean;
        }
        add_products(x, n, sums, LAGS);
    }
    size_t best = 0;
    for (size_t lag = (size_t)(BURSTS_MIN_LAG_S / STEP_S); lag + 1 < LAGS; lag++) {
        bool peak = sums[lag] > sums[lag - 1] && sums[lag] >= sums[lag + 1] && sums[lag] > 0.0;
        if (peak && (best == 0 || sums[lag] > sums[best])) {
            best = lag;
        }
    }
    if (best > 0) {
        *period_s = STEP_S * (double)best;
    }
    free(x);
    free(sums);
    return 0;
}

/* --- Decay ------------------------------------------------------------------------------------ */

struct decays {
    double (*y)[DECAY_SAMPLES]; /* evenly over each gap */
    double *span_s;
    size_t n;
    double *floors; /* of the last fit */
};

/* Least squares of y = floor + A exp(-t/tau) in one gap: linear once tau is given. */
static double fit_gap(const double *y, double span_s, double tau_s, double *floor)
{
    double se = 0.0, see = 0.0, sy = 0.0, sey = 0.0, n = DECAY_SAMPLES;
    double decay = exp(-span_s / (n - 1.0) / tau_s);
    double power = 1.0;
    for (int i = 0; i < DECAY_SAMPLES; i++, power *= decay) {
        se += power;
        see += power * power;
        sy += y[i];
        sey += power * y[i];
    }
    double a = (n * sey - se * sy) / (n * see - se * se);
    *floor = (sy - a * se) / n;
    double error = 0.0;
    power = 1.0;
    for (int i = 0; i < DECAY_SAMPLES; i++, power *= decay) {
        double miss = *floor + a * power - y[i];
        error += miss * miss;
    }
    return error;
}

static double fit_all(struct decays *d, double log_tau)
{
    double error = 0.0;
    for (size_t i = 0; i < d->n; i++) {
        error += fit_gap(d->y[i], d->span_s[i], exp(log_tau), &d->floors[i]);
    }
    return error;
}

/* Gaps between neighbouring bursts of a piece that are long and dense enough. A later gap begins
 * later: the points are walked over once. */
static void gather(struct decays *d, const struct piece *piece, const struct burst *bursts)
{
    size_t first = 0;
    for (size_t i = 1; i < piece->n_bursts; i++) {
        double from = bursts[piece->first_burst + i - 1].peak_s + DECAY_MARGIN_S;
        double to = bursts[piece->first_burst + i].start_s - DECAY_MARGIN_S;
        while (first < piece->n && piece->points[first].t_s < from) {
            first++;
        }
        size_t end = first;
        while (end < piece->n && piece->points[end].t_s <= to) {
            end++;
        }
        if (to - from <= DECAY_MIN_S || to - from >= DECAY_MAX_S ||
            end - first < DECAY_MIN_POINTS) {
            continue;
        }
        const struct bursts_point *points = &piece->points[first];
        double begin = points[0].t_s;
        double span = points[end - first - 1].t_s - begin;
        size_t at = 0;
        for (int k = 0; k < DECAY_SAMPLES; k++) {
            d->y[d->n][k] =
                value_at(points, end - first, begin + span * k / (DECAY_SAMPLES - 1.0), &at);
        }
        d->span_s[d->n++] = span;
    }
}

/* The tau with the least error: coarsely over its range, then a golden-section search around the
 * best. */
static double best_tau(struct decays *d)
{
    enum { STEPS = 50, ITERATIONS = 40 };
    const double golden = 0.6180339887498949;
    double start = log(TAU_MIN_S);
    double step = (log(TAU_MAX_S) - start) / STEPS;
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i <= STEPS; i++) {
        double error = fit_all(d, start + step * i);
        if (error < least) {
            least = error;
            best = i;
        }
    }
    double low = start + step * (best - 1), high = start + step * (best + 1);
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double at_a = fit_all(d, a), at_b = fit_all(d, b);
    for (int i = 0; i < ITERATIONS; i++) {
        if (at_a < at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - golden * (high - low);
            at_a = fit_all(d, a);
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + golden * (high - low);
            at_b = fit_all(d, b);
        }
    }
    double log_tau = (low + high) / 2.0;
    (void)fit_all(d, log_tau); /* leaves the floors */
    return exp(log_tau);
}

static int fit_decay(struct bursts *out, const struct piece *pieces, size_t n_pieces, struct err *e)
{
    out->tau_s = NAN;
    out->floor = no_quartiles;
    if (out->n < 2) {
        return 0;
    }
    struct decays d = {.y = malloc(out->n * sizeof *d.y),
                       .span_s = malloc(out->n * sizeof *d.span_s),
                       .floors = malloc(out->n * sizeof *d.floors)};
    bool good = d.y != NULL && d.span_s != NULL && d.floors != NULL;
    for (size_t p = 0; good && p < n_pieces; p++) {
        gather(&d, &pieces[p], out->items);
    }
    out->n_decays = d.n;
    if (good && d.n > 0) {
        out->tau_s = best_tau(&d);
        out->floor = quartiles_of(d.floors, d.n);
    }
    free(d.y);
    free(d.span_s);
    free(d.floors);
    return good ? 0 : err_memory(e, "fitting a decay");
}

/* --- All of it -------------------------------------------------------------------------------- */

static void look(const struct bursts_point *points, size_t n, struct bursts *out)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += points[i].value;
    }
    out->mean = sum / (double)n;
    out->min = out->max = points[0].value;
    for (size_t i = 0; i < n; i++) {
        double away = points[i].value - out->mean;
        squares += away * away;
        out->min = fmin(out->min, points[i].value);
        out->max = fmax(out->max, points[i].value);
    }
    out->std = sqrt(squares / (double)n);
}

int bursts_find(const struct bursts_point *points, size_t n, const struct bursts_options *o,
                struct arena *arena, struct bursts *out, struct err *e)
{
    *out = (struct bursts){.n_points = n,
                           .mean = NAN,
                           .std = NAN,
                           .min = NAN,
                           .max = NAN,
                           .rise_s = no_quartiles,
                           .jump = no_quartiles,
                           .period_s = no_quartiles,
                           .trough = no_quartiles,
                           .peak = no_quartiles,
                           .autocorrelation_s = NAN,
                           .tau_s = NAN,
                           .floor = no_quartiles};
    if (n == 0) {
        return 0;
    }
    look(points, n, out);
    for (size_t i = 0; i < n; i = piece_end(points, n, i, o->gap_s)) {
        out->n_pieces++;
    }
    struct piece *pieces = arena_array(arena, out->n_pieces, sizeof *pieces);
    out->items = arena_array(arena, n / 2 + 1, sizeof *out->items);
    double *work = malloc((n / 2 + 1) * sizeof *work);
    if (pieces == NULL || out->items == NULL || work == NULL) {
        free(work);
        return err_memory(e, "looking for bursts");
    }
    size_t p = 0;
    for (size_t i = 0; i < n; p++) {
        size_t end = piece_end(points, n, i, o->gap_s);
        pieces[p] = (struct piece){.points = &points[i], .n = end - i, .first_burst = out->n};
        pieces[p].n_bursts = find_in(&pieces[p], o, &out->items[out->n]);
        out->n += pieces[p].n_bursts;
        i = end;
    }
    measure(out, pieces, out->n_pieces, work);
    free(work);
    int rc = autocorrelate(pieces, out->n_pieces, out->mean, &out->autocorrelation_s, e);
    return rc != 0 ? rc : fit_decay(out, pieces, out->n_pieces, e);
}
