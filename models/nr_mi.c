/* nr_mi.c - reads the table of mutual information both ways. */
#include "models/nr_mi.h"

#include <math.h>

#include "models/nr_mi_table.inc"

static const double *table_row(int qm)
{
    int row = qm <= 2 ? 0 : qm >= 8 ? 3 : qm / 2 - 1;
    return nr_mi_table[row];
}

double nr_mi(int qm, double snr_db)
{
    const double *u = table_row(qm);
    double x = (snr_db - NR_MI_FIRST_DB) * NR_MI_PER_DB;
    int i = x >= NR_MI_POINTS - 2 ? NR_MI_POINTS - 2 : x > 0.0 ? (int)x : 0;
    return u[i] + (u[i + 1] - u[i]) * (x - i);
}

double nr_mi_snr_db(int qm, double u)
{
    const double *t = table_row(qm);
    int low = 0; /* t[low] <= u < t[low + n], or an end piece */
    int n = NR_MI_POINTS - 1;
    while (n > 1) {
        int half = n / 2;
        low += t[low + half] <= u ? half : 0;
        n -= half;
    }
    double x = low + (u - t[low]) / (t[low + 1] - t[low]);
    return NR_MI_FIRST_DB + x / NR_MI_PER_DB;
}

double nr_mi_slope(int qm, double snr_db)
{
    double u = nr_mi(qm, snr_db);
    double per_db = nr_mi(qm, snr_db + 0.5) - nr_mi(qm, snr_db - 0.5);
    return exp(u - exp(u)) * per_db;
}

double nr_mi_bits(double u)
{
    return -expm1(-exp(u));
}

double nr_mi_of_bits(double bits)
{
    return log(-log1p(-bits));
}
