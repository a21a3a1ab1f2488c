/* phy.h - what the files of `willmsim phy` share. */
#ifndef TOOLS_PHY_H
#define TOOLS_PHY_H

#include <stdbool.h>

/* A call, as its options left it; the defaults are in verb_phy.c. */
struct phy_call {
    bool csv, json;
    int table, mcs, qm_word; /* qm = 2 (qm_word + 1) */
    double rate;
    int prb, symbols, dmrs, overhead_word, scaling, layers; /* overhead = 6 overhead_word */
    int tbs_bits;
    double snr_db;
    int cqi_table, n_tx;
    int combining, decoder; /* enum nr_combining, enum nr_decoder */
    int ul;                 /* 0: downlink */
    int scs_word;           /* spacing = 15 << scs_word kHz */
    const char *tdd, *special_text;
    double bler;
    unsigned given; /* bit i: option i of the table was given */
};

/* Reads a finite number in [min, max]. Returns 0, or 2 with the line printed. */
int phy_number(const char *verb, const char *place, const char *text, double min, double max,
               double *out);

/* Copies CSV from standard input to standard output with a result column. Returns the exit
 * status. phy_csv_bler takes what optional columns leave open from the call. */
int phy_csv_tbs(const char *verb);
int phy_csv_bler(const char *verb, const struct phy_call *call);

/* IP goodput of one UE that always has data, and what was assumed. */
int phy_throughput(const char *verb, const struct phy_call *call);

#endif
