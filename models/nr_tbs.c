/* nr_tbs.c - transport-block size by 3GPP TS 38.214 5.1.3.2, in integers.
 *
 * N_info = N_RE R Qm v S is kept as the fraction num / den, den = 10240 or 2 or 4 times that, so
 * that "<= 3824", floor(log2) and round() are decided on the exact value.
 */
#include "models/nr_tbs.h"

#include <stdbool.h>

enum {
    RATE_ONE = 10240,     /* code rate 1 in units of r_x10240 */
    SMALL_INFO = 3824,    /* largest N_info of step 3 */
    RE_PER_PRB_MAX = 156, /* step 1 */
};

/* Table 5.1.3.2-1. */
static const int16_t small_tbs[] = {
    24,   32,   40,   48,   56,   64,   72,   80,   88,   96,   104,  112,  120,  128,  136,  144,
    152,  160,  168,  176,  184,  192,  208,  224,  240,  256,  272,  288,  304,  320,  336,  352,
    368,  384,  408,  432,  456,  480,  504,  528,  552,  576,  608,  640,  672,  704,  736,  768,
    808,  848,  888,  928,  984,  1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416,
    1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536,
    2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824};
enum { SMALL_TBS = (int)(sizeof small_tbs / sizeof *small_tbs) };

static int floor_log2(int64_t x) /* x >= 1 */
{
    return 63 - __builtin_clzll((unsigned long long)x);
}

/* Index of the smallest entry of table 5.1.3.2-1 that is not less than `bits` (<= 3824). */
static int small_tbs_index(int64_t bits)
{
    int low = 0;
    int n = SMALL_TBS;
    while (n > 1) {
        int half = n / 2;
        low += small_tbs[low + half - 1] < bits ? half : 0;
        n -= half;
    }
    return low;
}

int32_t nr_tbs_bits(const struct nr_tbs_input *in)
{
    int64_t re_per_prb = 12LL * in->n_symbols - in->dmrs_re_per_prb - in->overhead_re;
    if (re_per_prb <= 0 || in->n_prb <= 0 || in->qm <= 0 || in->r_x10240 <= 0 || in->layers <= 0 ||
        in->tb_scaling < 0 || in->tb_scaling > 2) {
        return 0;
    }
    if (re_per_prb > RE_PER_PRB_MAX) {
        re_per_prb = RE_PER_PRB_MAX;
    }
    int64_t den = (int64_t)RATE_ONE << in->tb_scaling;
    int64_t num = re_per_prb * in->n_prb * in->r_x10240 * in->qm * in->layers;

    if (num <= SMALL_INFO * den) { /* step 3 */
        int64_t info = num / den;
        int n = info < 1 ? 3 : floor_log2(info) - 6;
        n = n < 3 ? 3 : n;
        int64_t quantised = info >> n << n;
        return small_tbs[small_tbs_index(quantised < 24 ? 24 : quantised)];
    }
    /* Step 4. round() has ties upwards: floor(x + 1/2). */
    int64_t over = num - 24 * den;
    int n = floor_log2(over / den) - 5;
    int64_t step = 1LL << n;
    int64_t quantised = (2 * over + step * den) / (2 * step * den) * step;
    quantised = quantised < 3840 ? 3840 : quantised;
    int64_t blocks = 1;
    if (4 * in->r_x10240 <= RATE_ONE) {
        blocks = (quantised + 24 + 3815) / 3816;
    } else if (quantised > 8424) {
        blocks = (quantised + 24 + 8423) / 8424;
    }
    int64_t per_block = (quantised + 24 + 8 * blocks - 1) / (8 * blocks);
    return (int32_t)(8 * blocks * per_block - 24);
}

double nr_tbs_info_bits(int32_t tbs_bits)
{
    if (tbs_bits <= 24) {
        return 24.0;
    }
    int log2_bits = floor_log2(tbs_bits);
    if (tbs_bits > SMALL_INFO) { /* N'_info is rounded to a step, the size then a little up */
        int32_t step = 1 << (log2_bits - 5);
        int32_t quantised = tbs_bits / step * step;
        return quantised + 24.0;
    }
    /* N_info is cut down to a step, then taken up to the next size of the table. */
    int32_t step = log2_bits > 9 ? 1 << (log2_bits - 6) : 8;
    int32_t below = small_tbs[small_tbs_index(tbs_bits) - 1];
    int32_t low = (below / step + 1) * step;
    int32_t high = (tbs_bits / step + 1) * step;
    return (low + high) / 2.0;
}

int nr_base_graph(int32_t tbs_bits, int r_x10240)
{
    /* 38.212 7.2.2 (DL-SCH), 6.2.2 (UL-SCH): R <= 0.67 is r <= 6860.8. */
    bool second =
        tbs_bits <= 292 || (tbs_bits <= 3824 && r_x10240 <= 6860) || 4 * r_x10240 <= RATE_ONE;
    return second ? 2 : 1;
}

int32_t nr_crc_bits(int32_t tbs_bits)
{
    return tbs_bits > 3824 ? 24 : 16; /* 38.212 7.2.1, 6.2.1 */
}

int nr_code_blocks(int32_t tbs_bits, int r_x10240)
{
    int32_t bits = tbs_bits + nr_crc_bits(tbs_bits);
    int32_t largest = nr_base_graph(tbs_bits, r_x10240) == 1 ? 8448 : 3840; /* 38.212 5.2.2 */
    return bits <= largest ? 1 : (bits + largest - 24 - 1) / (largest - 24);
}
