/* nr_tbs.h - transport-block size, 3GPP TS 38.214 clause 5.1.3.2 (6.1.4.2 for uplink), bit-exact.
 *
 * Integer arithmetic throughout, so that no rounding differs from the standard's.
 */
#ifndef MODELS_NR_TBS_H
#define MODELS_NR_TBS_H

#include <stdint.h>

struct nr_tbs_input {
    int qm;
    int r_x10240; /* 10 x 1024 x code rate */
    int n_prb;
    int n_symbols;       /* PDSCH/PUSCH symbols in the slot */
    int dmrs_re_per_prb; /* N_DMRS of the clause */
    int overhead_re;     /* N_oh: 0, 6, 12, 18 */
    int tb_scaling;      /* 0: S = 1, 1: S = 0.5, 2: S = 0.25 (table 5.1.3.2-2) */
    int layers;
};

/* Transport-block size in bits; 0 when the input leaves no resource elements. */
int32_t nr_tbs_bits(const struct nr_tbs_input *in);

/* The inverse: middle of the range of N_info (information bits before quantisation) that clause
 * 5.1.3.2 rounds to this size. Dividing it by the code rate tells how many coded bits the block
 * was given, where only its size is known. */
double nr_tbs_info_bits(int32_t tbs_bits);

/* LDPC base graph of a block: 1 or 2 (38.212 7.2.2, 6.2.2). */
int nr_base_graph(int32_t tbs_bits, int r_x10240);

/* CRC bits of a transport block: 24 above 3824 bits, else 16 (38.212 7.2.1, 6.2.1). */
int32_t nr_crc_bits(int32_t tbs_bits);

/* Number of LDPC code blocks a transport block is cut into (38.212 5.2.2; base graph by 7.2.2). */
int nr_code_blocks(int32_t tbs_bits, int r_x10240);

#endif
