/* cell_block.c - a transport block of either direction: where its PRB lie, whether it decodes, what
 * becomes of it after the last round. See cell.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/draw.h"
#include "base/units.h"
#include "sim/air.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/world.h"

/* Parts that a block with interfered PRB is looked at in. */
#define CELL_SUBBANDS 16
/* Above code rate 0.95 a UE need not decode (38.214 5.1.3), and here nobody does. */
#define MAX_RATE_X10240 9728
/* Modulation whose mutual information stands for a whole carrier. Assumed: 16QAM, the middle one.
 */
#define CQI_QM 4
/* What a disturbed slot takes of a block's SNR: more than any block has to spare. */
#define DISTURBANCE_DB 60.0

/* --- Transmission ----------------------------------------------------------------------------- */

double cell_wideband_snr_db(struct cell *cell, struct ue_radio *u, int64_t slot)
{
    struct air *air = cell->stage.world->air;
    if (air == NULL)
        return channel_snr_db(&u->d[RADIO_DL].channel, slot * cell->common->frame.slot_ns);
    struct air_block b = {.cell = cell->index,
                          .ue = u->ue,
                          .direction = RADIO_DL,
                          .slot = slot,
                          .qm = CQI_QM,
                          .n_prb = cell->common->grid[RADIO_DL].n_prb};
    return air_sinr_db(air, &b);
}

double cell_headroom_db(struct cell *cell, struct ue_radio *u, int64_t t_ns)
{
    struct air *air = cell->stage.world->air;
    return air != NULL ? air_headroom_db(air, cell->index, u->ue, t_ns)
                       : channel_snr_db(&u->headroom, t_ns);
}

int32_t cell_max_prb(struct cell *cell, struct ue_radio *u)
{
    const struct cell_common *k = cell->common;
    int32_t most = k->grid[RADIO_UL].n_prb;
    if (cell->stage.world->air == NULL)
        return most;
    double prb = floor(ratio_of_db(cell_headroom_db(cell, u, cell->slot * k->frame.slot_ns)));
    /* The smallest grant is always possible: then the SNR falls below the target. */
    int32_t least = (int32_t)k->config->min_grant_prb;
    return prb >= most ? most : prb <= least ? least : (int32_t)prb;
}

/* An uplink slot in which the gNB receives nothing. A draw per cell and slot: who sends, and how
 * much, changes nothing. */
static bool disturbed(const struct cell *cell, int64_t slot)
{
    const struct scenario_radio *r = cell->common->config;
    return r->ul_disturbed_share > 0.0 &&
           slot % r->ul_disturbed_period_slots == r->ul_disturbed_offset_slots &&
           draw_uniform(cell->stage.world->seed, DRAW_DISTURBANCE, (uint32_t)cell->index,
                        (uint64_t)slot) < r->ul_disturbed_share;
}

/* What the phone's power falls short of, against a grant of the least PRB. */
static double power_shortfall_db(const struct cell_common *k, const struct harq *h)
{
    if (k->config->ul_power_step == 0)
        return 0.0;
    return nr_power_step_limit_db(db_of_ratio((double)h->n_prb / (double)k->config->min_grant_prb));
}

/* The command that came with a block's grant. A phone at its highest power takes none upwards
 * (38.213 clause 7.1.1). */
static void take_command(const struct cell_common *k, struct ue_radio *u, const struct harq *h)
{
    bool highest = db_of_ratio(h->n_prb) + u->power_db >= k->config->ul_power_headroom_db;
    if (h->tpc_db < 0 || !highest)
        u->power_db = (int16_t)(u->power_db + h->tpc_db);
}

static double transmission_snr_db(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                                  const struct harq *h, int64_t slot)
{
    const struct cell_common *k = cell->common;
    struct air *air = cell->stage.world->air;
    if (air != NULL) {
        struct air_block b = {.cell = cell->index,
                              .ue = u->ue,
                              .direction = d,
                              .slot = slot,
                              .qm = k->grid[d].qm[h->mcs],
                              .prb_start = h->prb_start,
                              .n_prb = h->n_prb};
        double sinr = air_sinr_db(air, &b);
        return d == RADIO_UL ? sinr - power_shortfall_db(k, h) : sinr;
    }
    double snr = channel_snr_db(&u->d[d].channel, slot * k->frame.slot_ns);
    if (d == RADIO_UL) {
        /* One power amplifier: past its headroom each PRB gets less. */
        double over = db_of_ratio(h->n_prb) + u->power_db - k->config->ul_power_headroom_db;
        snr += u->power_db;
        if (over > 0.0)
            snr -= over;
        snr -= power_shortfall_db(k, h);
    }
    return snr;
}

/* Tenths of a dB, in the steps that are reported. */
static int reported(const struct cell_common *k, double snr_db)
{
    double step = k->snr_step_db;
    double db = step > 0.0 ? step * (double)lround(snr_db / step) : snr_db;
    return (int)lround(10.0 * db);
}

/* What the uplink receiver makes of a block that arrives at `snr` dB: the SNR that its decoder
 * alone would need. */
static double ul_detected_db(const struct cell_common *k, const struct harq *h, double snr)
{
    int qm = k->grid[RADIO_UL].qm[h->mcs];
    if (k->config->ul_evm != 0)
        snr = nr_evm_snr_db(nr_evm_limit(qm), snr);
    if (k->config->ul_frequency_error_hz > 0.0)
        snr = nr_phase_snr_db(&k->ul_phase[h->kind], qm, snr);
    return snr - nr_receiver_loss_db((enum nr_receiver)k->config->ul_receiver, qm);
}

/* Two power-controlled UEs on the same PRB: each is the other's interference at its own received
 * power. The block sees clean and interfered PRB side by side. */
static double overlapped_db(const struct cell_common *k, const struct harq *h,
                            enum radio_direction d, double snr)
{
    double sinr[CELL_SUBBANDS];
    double ratio = ratio_of_db(snr);
    double hit = db_of_ratio(ratio / (1.0 + ratio));
    for (int i = 0; i < CELL_SUBBANDS; i++)
        sinr[i] = i * h->n_prb < h->overlap_prb * CELL_SUBBANDS ? hit : snr;
    return nr_effective_snr_db(k->grid[d].qm[h->mcs], sinr, CELL_SUBBANDS);
}

/* nr_error_curve(), which takes five times as long. */
static struct nr_error_curve curve_of(struct cell *cell, int qm, int rate, int32_t bytes)
{
    uint64_t of = (uint64_t)bytes << 32 | (uint64_t)rate << 8 | (uint64_t)qm;
    /* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4). */
    struct cell_curve *memo =
        &cell->work->curves[of * 0x9e3779b97f4a7c15U >> (64 - CELL_CURVE_BITS)];
    if (memo->of != of) {
        memo->of = of;
        memo->curve =
            nr_error_curve((enum nr_decoder)cell->common->config->decoder, qm, rate, 8 * bytes);
    }
    return memo->curve;
}

bool cell_transmission_fails(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                             struct harq *h, int64_t slot)
{
    const struct cell_common *k = cell->common;
    struct ue_direction *ud = &u->d[d];
    bool loop = d == RADIO_UL && k->config->ul_power_control == 1;
    if (loop)
        take_command(k, u, h);
    double snr = transmission_snr_db(cell, u, d, h, slot);
    ud->last_snr_x10 = reported(k, snr);
    if (loop)
        u->tpc_db = (int8_t)nr_tpc_db(ud->last_snr_x10, k->tpc_target_x10);
    if (d == RADIO_UL) {
        snr = ul_detected_db(k, h, snr);
        if (disturbed(cell, slot))
            snr -= DISTURBANCE_DB;
    }
    if (h->overlap_prb > 0)
        snr = overlapped_db(k, h, d, snr);
    if (h->round < 2)
        ud->rounds[h->round]++;
    /* A block sized for other PRB than it is sent on has another code rate. */
    int rate = k->grid[d].r_x10240[h->mcs] * h->tbs_prb / h->n_prb;
    double effective = snr;
    if (h->round == 0) {
        h->u = draw_uniform(cell->stage.world->seed, DRAW_BLOCK_ERROR, u->ue,
                            (uint64_t)slot << 1 | (uint64_t)d);
        h->snr = snr;
    } else {
        if (h->round == 1)
            h->snr = ratio_of_db(h->snr);
        h->snr += ratio_of_db(snr);
        effective = db_of_ratio(h->snr / (h->round + 1));
        if (rate <= MAX_RATE_X10240)
            effective += nr_harq_gain_db((enum nr_combining)k->config->combining,
                                         k->grid[d].qm[h->mcs], rate, h->round + 1);
        else if (k->config->combining == NR_COMBINING_IR)
            rate /= h->round + 1; /* each round brings bits that no other brought */
    }
    struct nr_error_curve curve = curve_of(cell, k->grid[d].qm[h->mcs], rate, h->tb_bytes);
    /* The same u in every round: a block that failed once is one of the unlucky ones, so that the
     * share of blocks failing after n rounds is the BLER at the SNR of n rounds. */
    bool fails = rate > MAX_RATE_X10240 || h->u < nr_error_bler(curve, effective);
    if (fails) {
        cell->sums[d].all.errors++;
        if (h->slice >= 0)
            cell->sums[d].slices[h->slice].errors++;
    }
    return fails;
}

static void count(struct cell_totals *t, const struct harq *h)
{
    t->prb_used += h->n_prb;
    t->bytes_scheduled += h->tb_bytes;
    if (h->round == 0) {
        t->blocks++;
        t->mcs_sum += h->mcs;
        t->bytes_padding += h->padding;
    } else {
        t->blocks_retx++;
        t->blocks_retx1 += h->round == 1;
        t->bytes_retx += h->tb_bytes;
    }
}

void cell_count(struct cell *cell, const struct ue_radio *u, enum radio_direction d,
                const struct harq *h)
{
    if (cell->stage.world->air != NULL)
        air_sent(cell->stage.world->air, cell->index, u->ue, d, cell->slot, h->n_prb);
    count(&cell->sums[d].all, h);
    if (h->slice >= 0)
        count(&cell->sums[d].slices[h->slice], h);
}

void cell_count_payload(struct cell *cell, enum radio_direction d, int slice, int64_t bytes)
{
    cell->sums[d].all.bytes_payload += bytes;
    if (slice >= 0)
        cell->sums[d].slices[slice].bytes_payload += bytes;
}

void cell_block_lost(struct cell *cell, struct ue_radio *u, enum radio_direction d, uint8_t process)
{
    struct ue_direction *ud = &u->d[d];
    struct harq *h = &ud->harq[process];
    h->state = HARQ_FREE;
    ud->free_mask = (uint16_t)(ud->free_mask | 1u << process);
    cell->sums[d].all.blocks_lost++;
    if (h->slice >= 0)
        cell->sums[d].slices[h->slice].blocks_lost++;
    if (h->payload > 0)
        cell_act(cell, cell->slot + cell->common->rlc_slots,
                 (struct action){.kind = ACTION_RLC,
                                 .direction = (uint8_t)d,
                                 .ue = u->ue,
                                 .range = {h->start, h->start + h->payload}});
}

/* PRB for a retransmission in a slot with this kind of symbols; 0 when its size is not possible
 * there (a retransmission has the size of the first transmission, 38.214 5.1.3.2). */
static int retx_prb(const struct cell *cell, enum radio_direction d, const struct harq *h, int kind)
{
    if (h->kind == kind)
        return h->n_prb;
    const struct nr_grid *g = &cell->common->grid[d];
    int prb = nr_grid_prb_for(g, kind, h->mcs, h->tb_bytes);
    return nr_grid_bytes(g, kind, h->mcs, prb) == h->tb_bytes ? prb : 0;
}

/* --- The PRB of one slot ---------------------------------------------------------------------- */

void cell_plan_add(struct cell_plan *plan, struct harq *h, int32_t prb_start)
{
    if (prb_start < 0) {
        prb_start = plan->used;
        plan->used += h->n_prb;
    }
    h->prb_start = (int16_t)prb_start;
    plan->grants_left--;
    plan->dcis_used++;
    plan->blocks[plan->n++] = h;
}

int cell_plan_retx(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                   struct ue_direction *ud, int kind)
{
    int process = __builtin_ctz(ud->retx_mask);
    struct harq *h = &ud->harq[process];
    int prb = retx_prb(cell, d, h, kind);
    /* A block that ran over taken PRB at first (oai-willm) fits into no slot without doing so
     * again, which it does where it comes first. */
    bool alone = plan->n == 0 && prb > plan->end_prb - plan->pucch_low;
    int room = (alone ? plan->carrier_prb : plan->end_prb) - plan->used;
    if (prb == 0 || prb > room || plan->grants_left == 0)
        return -1;
    h->n_prb = (int16_t)prb;
    if (h->kind != kind)
        h->tbs_prb = (int16_t)prb;
    h->kind = (uint8_t)kind;
    ud->retx_mask = (uint16_t)(ud->retx_mask & ~(1u << process));
    cell_plan_add(plan, h, -1);
    return process;
}

/* Bits of PRB [first, behind) that lie in a word of 64, in which there are some. */
static uint64_t range_bits(int32_t first, int32_t behind, int word)
{
    int begin = first > 64 * word ? first - 64 * word : 0;
    int end = behind - 64 * word;
    uint64_t below_end = end < 64 ? (1ULL << end) - 1 : ~0ULL;
    return below_end & ~0ULL << begin;
}

static uint64_t prb_bits(const struct harq *h, int word)
{
    return range_bits(h->prb_start, h->prb_start + h->n_prb, word);
}

static void mark_prb(uint64_t *map, int32_t first, int32_t behind)
{
    for (int word = first / 64; first < behind && word <= (behind - 1) / 64; word++)
        map[word] |= range_bits(first, behind, word);
}

void cell_plan_close(struct cell_plan *plan)
{
    uint64_t once[CELL_PRB_WORDS] = {0};
    uint64_t twice[CELL_PRB_WORDS] = {0};
    /* Assumed: some phone's PUCCH stands on each of its PRB; nobody sends a preamble. */
    mark_prb(once, 0, plan->pucch_low);
    mark_prb(once, plan->carrier_prb - plan->pucch_high, plan->carrier_prb);
    for (int32_t i = 0; i < plan->n; i++) {
        struct harq *h = plan->blocks[i];
        h->overlap_prb = 0;
        for (int word = h->prb_start / 64; word <= (h->prb_start + h->n_prb - 1) / 64; word++) {
            uint64_t bits = prb_bits(h, word);
            twice[word] |= once[word] & bits;
            once[word] |= bits;
        }
    }
    if ((twice[0] | twice[1] | twice[2] | twice[3] | twice[4]) == 0)
        return;
    for (int32_t i = 0; i < plan->n; i++) {
        struct harq *h = plan->blocks[i];
        for (int word = h->prb_start / 64; word <= (h->prb_start + h->n_prb - 1) / 64; word++)
            h->overlap_prb =
                (int16_t)(h->overlap_prb + __builtin_popcountll(twice[word] & prb_bits(h, word)));
    }
}

/* PRB of the retransmissions in a plan, by slice and for branches with their fruits'. */
static const int32_t *count_retx(struct cell *cell, const struct cell_plan *plan)
{
    const struct slice_tree *tree = &cell->stage.world->slices;
    if (cell->work->retx_prb == NULL)
        return NULL;
    memset(cell->work->retx_prb, 0, (size_t)tree->n * sizeof *cell->work->retx_prb);
    for (int32_t i = 0; i < plan->n; i++) {
        const struct harq *h = plan->blocks[i];
        if (h->slice < 0)
            continue;
        cell->work->retx_prb[h->slice] += h->n_prb;
        int branch = tree->slices[h->slice].parent;
        if (branch >= 0)
            cell->work->retx_prb[branch] += h->n_prb;
    }
    return cell->work->retx_prb;
}

int32_t cell_ask_policy(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                        int64_t slot, int32_t min_prb, int32_t n)
{
    struct radio_view view = {.direction = d,
                              .slot = slot,
                              .carrier_prb = plan->carrier_prb,
                              .n_prb = plan->end_prb - plan->used,
                              .min_grant_prb = min_prb,
                              .max_grants = plan->grants_left,
                              .retx_prb = count_retx(cell, plan),
                              .slices = cell->trees[d],
                              .ues = cell->work->views,
                              .n_ues = n};
    if (n == 0 || view.n_prb < min_prb || view.max_grants == 0)
        return 0;
    if (plan->end_prb < plan->carrier_prb) {
        mark_prb(plan->taken, 0, plan->used);
        mark_prb(plan->taken, plan->end_prb, plan->carrier_prb);
        view.taken = plan->taken;
    }
    int32_t n_grants = cell->policy->allocate(cell->policy_state[d], &view, cell->work->grants);
    assert(n_grants >= 0 && n_grants <= view.max_grants);
    int64_t packed = 0;
    for (int32_t i = 0; i < n_grants; i++) {
        const struct radio_grant *g = &cell->work->grants[i];
        assert(g->n_prb > 0 && g->tbs_prb > 0 && g->ue >= 0 && g->ue < n);
        assert(g->prb_start + g->n_prb <= view.carrier_prb && g->tbs_prb <= view.carrier_prb);
        for (int32_t j = 0; j < i; j++)
            assert(cell->work->grants[j].ue != g->ue);
        packed += g->prb_start < 0 ? g->n_prb : 0;
    }
    assert(packed <= view.n_prb);
    (void)packed;
    return n_grants;
}

struct harq *cell_new_block(struct cell *cell, struct cell_plan *plan, enum radio_direction d,
                            const struct radio_grant *grant, int kind, uint8_t *process)
{
    const struct radio_ue_view *v = &cell->work->views[grant->ue];
    struct ue_direction *ud = &cell->ues[cell->work->view_ue[grant->ue]]->d[d];
    *process = (uint8_t)__builtin_ctz(ud->free_mask);
    ud->free_mask = (uint16_t)(ud->free_mask & ~(1u << *process));
    struct harq *h = &ud->harq[*process];
    *h = (struct harq){.kind = (uint8_t)kind,
                       .mcs = (uint8_t)v->mcs,
                       .n_prb = (int16_t)grant->n_prb,
                       .tbs_prb = (int16_t)grant->tbs_prb,
                       .by_la = v->mcs == ud->la.mcs,
                       .request = POOL_NONE,
                       .slice = (int16_t)(v->fruit >= 0 ? v->fruit : v->branch),
                       .tb_bytes =
                           nr_grid_bytes(&cell->common->grid[d], kind, v->mcs, grant->tbs_prb)};
    cell_plan_add(plan, h, grant->prb_start);
    return h;
}
