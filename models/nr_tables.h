/* nr_tables.h - MCS and CQI tables of 3GPP TS 38.214.
 *
 * MCS: tables 5.1.3.1-1 (64QAM), -2 (256QAM), -3 (low spectral efficiency). CQI: tables
 * 5.2.2.1-2, -3, -4. Tables are named 1, 2, 3 as in those clauses.
 */
#ifndef MODELS_NR_TABLES_H
#define MODELS_NR_TABLES_H

struct nr_mcs {
    int qm;       /* bits per symbol: 2, 4, 6, 8 */
    int r_x10240; /* 10 x 1024 x code rate (the tables have halves: 682.5) */
};

/* Highest MCS index of a table (28, 27, 28); -1 for an unknown table. */
int nr_mcs_max(int table);

/* Entry of a table; qm = 0 for an index or table that does not exist. */
struct nr_mcs nr_mcs(int table, int index);

/* The same for CQI 0..15 (CQI 0: qm = 0, "out of range"). */
struct nr_mcs nr_cqi(int table, int cqi);

#endif
