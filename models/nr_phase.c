/* nr_phase.c - see nr_phase.h. */
#include "models/nr_phase.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "models/nr_error.h"

/* Distance between the DMRS symbols of a PUSCH of so many symbols, counted from its first, 0: only
 * the first. 38.211 table 6.4.1.1.3-3, PUSCH mapping type B, dmrs-AdditionalPosition pos2. */
static const int dmrs_step[NR_PHASE_LAGS + 1] = {0, 0, 0, 0, 0, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5};
/* And how many there are. */
static const int dmrs_count[NR_PHASE_LAGS + 1] = {1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3};

void nr_phase_init(struct nr_phase *p, int symbols, int dmrs_re, double turn)
{
    memset(p, 0, sizeof *p);
    symbols = symbols < 1 ? 1 : symbols > NR_PHASE_LAGS ? NR_PHASE_LAGS : symbols;
    double left = fmax(0.0, 12.0 - (double)dmrs_re / dmrs_count[symbols]);
    int dmrs = 0; /* the last one so far */
    for (int l = 0; l < symbols; l++) {
        bool is_dmrs = l == 0 || (dmrs_step[symbols] > 0 && l % dmrs_step[symbols] == 0 &&
                                  l / dmrs_step[symbols] < dmrs_count[symbols]);
        if (is_dmrs)
            dmrs = l;
        int lag = l - dmrs;
        p->share[lag] += is_dmrs ? left : 12.0;
        p->n = lag + 1 > p->n ? lag + 1 : p->n;
    }
    for (int lag = 0; lag < p->n; lag++) {
        double chord = 2.0 * sin(lag * turn / 2.0);
        p->noise[lag] = chord * chord;
    }
}

double nr_phase_snr_db(const struct nr_phase *p, int qm, double snr_db)
{
    double sinr_db[NR_PHASE_LAGS];
    double noise = 1.0 / ratio_of_db(snr_db);
    for (int lag = 0; lag < p->n; lag++)
        sinr_db[lag] = -db_of_ratio(noise + p->noise[lag]);
    return nr_effective_snr_weighted_db(qm, sinr_db, p->share, p->n);
}

double nr_evm_limit(int qm)
{
    return qm <= 2 ? 0.175 : qm == 4 ? 0.125 : qm == 6 ? 0.08 : 0.035;
}

double nr_power_step_limit_db(double step_db)
{
    double tolerance = step_db < 2.0    ? 2.0
                       : step_db < 3.0  ? 2.5
                       : step_db < 4.0  ? 3.0
                       : step_db < 10.0 ? 3.5
                       : step_db < 15.0 ? 4.0
                                        : 5.0;
    return fmin(tolerance, fmax(step_db, 0.0));
}

double nr_evm_snr_db(double evm, double snr_db)
{
    return -db_of_ratio(1.0 / ratio_of_db(snr_db) + evm * evm);
}
