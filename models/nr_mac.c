/* nr_mac.c - see nr_mac.h. */
#include "models/nr_mac.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/nr_tables.h"
#include "models/nr_tbs.h"

void nr_decay_init(struct nr_decay *d, double a)
{
    d->a = a;
    for (int k = 0; k < NR_DECAY_TABLE; k++)
        d->power[k] = pow(1.0 - a, k);
}

static double decay(const struct nr_decay *d, int64_t k)
{
    return k < NR_DECAY_TABLE ? d->power[k] : pow(1.0 - d->a, (double)k);
}

double nr_thr_at(const struct nr_thr *t, const struct nr_decay *d, int64_t now)
{
    int64_t k = now - t->last;
    if (k <= 0)
        return t->value;
    return decay(d, k) * t->value + d->a * decay(d, k - 1) * (double)t->bytes;
}

void nr_thr_add(struct nr_thr *t, const struct nr_decay *d, int64_t now, int64_t bytes)
{
    if (now > t->last) {
        t->value = nr_thr_at(t, d, now);
        t->last = now;
        t->bytes = 0;
    }
    t->bytes += bytes;
}

void nr_la_init(struct nr_la *la, const struct nr_la_config *config)
{
    memset(la, 0, sizeof *la);
    la->mcs = config->start_mcs;
    la->bler = config->start_bler;
}

/* Takes the window since the last look into the filtered BLER; first rounds in it, or -1 when none
 * is due. */
static int64_t look(struct nr_la *la, const struct nr_la_config *config, int64_t frame,
                    uint64_t first, uint64_t second)
{
    if ((int32_t)((uint32_t)frame - la->last_frame) < config->update_frames)
        return -1;
    int64_t blocks = (uint32_t)first - la->first0;
    int64_t retx = (uint32_t)second - la->second0;
    double window = blocks > 0 ? (double)retx / (double)blocks : la->bler;
    la->bler = config->filter * la->bler + (1.0 - config->filter) * window;
    la->last_frame = (uint32_t)frame;
    la->first0 = (uint32_t)first;
    la->second0 = (uint32_t)second;
    return blocks;
}

int nr_la_mcs(struct nr_la *la, const struct nr_la_config *config, int64_t frame, uint64_t first,
              uint64_t second, int cap)
{
    int mcs = la->mcs < cap ? la->mcs : cap;
    int64_t blocks = look(la, config, frame, first, second);
    if (blocks < 0)
        return mcs;
    if (la->bler < config->lower && mcs < cap && blocks > config->min_blocks)
        mcs++;
    else if ((la->bler > config->upper && mcs > config->min_mcs_up) ||
             (blocks <= 3 && mcs > config->idle_mcs))
        mcs--;
    la->mcs = mcs;
    return mcs;
}

void nr_la_set(struct nr_la *la, const struct nr_la_config *config, int64_t frame, uint64_t first,
               uint64_t second, int mcs)
{
    (void)look(la, config, frame, first, second);
    la->mcs = mcs;
}

void nr_la_heard(struct nr_la *la, const struct nr_la_config *config, int mcs, int mcs_max,
                 bool failed)
{
    if (failed && mcs > 0)
        la->offset_db -= config->step_db;
    else if (!failed && mcs < mcs_max)
        la->offset_db += config->step_db * config->target / (1.0 - config->target);
}

int nr_tpc_db(int snr_x10, int target_x10)
{
    enum { WINDOW_X10 = 30 };
    int off = snr_x10 - target_x10;
    return off > WINDOW_X10 ? -1 : off < -3 * WINDOW_X10 ? 3 : off < -WINDOW_X10 ? 1 : 0;
}

int64_t nr_bsr_report(int64_t bytes)
{
    static const int32_t level[] = {0,     10,    14,    20,    28,    38,     53,    74,
                                    102,   142,   198,   276,   384,   535,    745,   1038,
                                    1446,  2014,  2806,  3909,  5446,  7587,   10570, 14726,
                                    20516, 28581, 39818, 55474, 77284, 107669, 150000};
    for (unsigned i = 0; i < sizeof level / sizeof level[0]; i++)
        if (bytes <= level[i])
            return level[i];
    return 300000;
}

int nr_grid_init(struct nr_grid *g, const struct nr_grid_config *config, struct err *e)
{
    memset(g, 0, sizeof *g);
    g->n_prb = config->n_prb;
    g->mcs_max = config->mcs_max;
    g->kinds = config->kinds;
    memcpy(g->symbols, config->symbols, sizeof g->symbols);
    size_t mcs_n = (size_t)g->mcs_max + 1;
    g->bytes = malloc((size_t)g->kinds * mcs_n * ((size_t)g->n_prb + 1) * sizeof *g->bytes);
    g->pf_bytes = malloc(mcs_n * sizeof *g->pf_bytes);
    g->qm = malloc(2 * mcs_n * sizeof *g->qm);
    if (g->bytes == NULL || g->pf_bytes == NULL || g->qm == NULL) {
        nr_grid_free(g);
        return err_memory(e, "transport-block sizes");
    }
    g->r_x10240 = g->qm + mcs_n;
    int32_t *out = g->bytes;
    for (int kind = 0; kind < g->kinds; kind++) {
        for (int mcs = 0; mcs <= g->mcs_max; mcs++) {
            struct nr_mcs m = nr_mcs(config->mcs_table, mcs);
            g->qm[mcs] = m.qm;
            g->r_x10240[mcs] = m.r_x10240;
            struct nr_tbs_input in = {.qm = m.qm,
                                      .r_x10240 = m.r_x10240,
                                      .n_prb = 1,
                                      .n_symbols = 10,
                                      .layers = config->layers};
            g->pf_bytes[mcs] = nr_tbs_bits(&in) / 8.0;
            in.n_symbols = g->symbols[kind];
            in.dmrs_re_per_prb = g->symbols[kind] <= config->short_symbols
                                     ? config->short_dmrs_re
                                     : config->dmrs_re_per_prb;
            *out++ = 0;
            for (in.n_prb = 1; in.n_prb <= g->n_prb; in.n_prb++)
                *out++ = nr_tbs_bits(&in) / 8;
        }
    }
    return 0;
}

void nr_grid_free(struct nr_grid *g)
{
    free(g->bytes);
    free(g->pf_bytes);
    free(g->qm);
    memset(g, 0, sizeof *g);
}

int nr_grid_kind(const struct nr_grid *g, int symbols)
{
    for (int kind = 0; kind < g->kinds; kind++)
        if (g->symbols[kind] == symbols)
            return kind;
    return 0;
}

int nr_grid_prb_for(const struct nr_grid *g, int kind, int mcs, int64_t bytes)
{
    const int32_t *row = &g->bytes[((int64_t)kind * (g->mcs_max + 1) + mcs) * (g->n_prb + 1)];
    int low = 1;
    int high = g->n_prb;
    if (bytes > row[high])
        return high;
    while (low < high) { /* block sizes do not fall as PRB are added */
        int middle = (low + high) / 2;
        if (row[middle] >= bytes)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
