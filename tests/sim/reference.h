/* reference.h - the radio once more, from docs/models/radio-mac.md alone and as plainly as can be:
 * every slot is walked, averages are multiplied at every opportunity, every received byte is a
 * flag. For tests/sim/reference.c.
 *
 * It takes from a run when bytes entered the radio and how many, and nothing else. It shares with
 * the program the models of block sizes, block errors, reports and the channel (tests/models pins
 * them), and none of sim/cell*.c. Proportional fair without slices only. */
#ifndef TESTS_SIM_REFERENCE_H
#define TESTS_SIM_REFERENCE_H

#include "tests/sim/reference_blocks.h"

/* --- Scheduling ------------------------------------------------------------------------------- */

static int look(const struct radio *r, struct side *s, int64_t n, int cap)
{
    int64_t frame = n / r->frame_slots;
    int mcs = s->mcs < cap ? s->mcs : cap;
    if (frame - s->look_frame < r->c->la_update_frames)
        return mcs;
    int64_t first = s->first - s->look_first;
    int64_t second = s->second - s->look_second;
    if (first > 0)
        s->bler =
            r->c->la_filter * s->bler + (1 - r->c->la_filter) * (double)second / (double)first;
    if (s->bler < r->c->la_lower && first > r->c->la_min_blocks)
        s->mcs = mcs < cap ? mcs + 1 : mcs;
    else if ((s->bler > r->c->la_upper && mcs > 6) || (first <= 3 && mcs > 9))
        s->mcs = mcs - 1;
    else
        s->mcs = mcs;
    s->look_frame = frame;
    s->look_first = s->first;
    s->look_second = s->second;
    return s->mcs;
}

struct candidate {
    int ue, mcs, prb;
    bool idle;
    double key;
    int64_t last_slot;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    if (a->idle != b->idle)
        return a->idle;
    if (a->idle)
        return a->last_slot < b->last_slot || (a->last_slot == b->last_slot && a->ue < b->ue);
    return a->key > b->key || (a->key == b->key && a->ue < b->ue);
}

/* The lowest-numbered process in this state. */
static struct block *block_in(const struct radio *r, struct side *s, int state)
{
    for (int i = 0; i < r->c->harq_processes; i++)
        if ((int)s->block[i].state == state)
            return &s->block[i];
    return NULL;
}

/* PRB for the same block again; 0: its size does not exist in such a slot. */
static int again_prb(const struct radio *r, int d, const struct block *b, int symbols)
{
    if (b->symbols == symbols)
        return b->prb;
    int prb = fewest_prb(r, d, b->mcs, symbols, b->bytes);
    return size_of(r, d, b->mcs, symbols, prb) == b->bytes ? prb : 0;
}

/* Puts a block on the air in slot `at`. */
static void place(struct radio *r, struct phone *p, int d, struct block *b, int64_t at, int prb)
{
    struct side *s = &p->side[d];
    b->slot = at;
    b->prb = prb;
    b->symbols = symbols_of(r, d, at);
    b->state = d == UL ? GRANTED : SENT;
    b->command = p->command;
    s->last_slot = at;
    s->last_opportunity = r->number[d][at];
    s->scheduled[s->last_opportunity] += (double)b->bytes;
    if (d == UL)
        return;
    int64_t feedback = at + r->c->k1_slots;
    while (symbols_of(r, UL, feedback) == 0)
        feedback++;
    b->acknowledged = feedback + 1;
    count_sent(r, DL, s, b);
}

/* From when a phone's silence counts: from its last block, or from the first U slot of that block's
 * frame. */
static int64_t silent_since(const struct radio *r, const struct phone *p)
{
    int64_t last = p->side[UL].last_slot;
    const char *first_ul = strchr(r->c->tdd, 'U');
    if (!r->c->idle_grant_by_frame || last < 0 || first_ul == NULL)
        return last;
    return last / r->frame_slots * r->frame_slots + (first_ul - r->c->tdd);
}

static bool wants(const struct radio *r, const struct phone *p, int d, int64_t at)
{
    if (d == DL)
        return waiting(&p->side[DL]) > 0;
    return p->request_seen || p->estimate > p->granted ||
           (r->idle > 0 && at - silent_since(r, p) >= r->idle);
}

/* How many grants may be idle ones: while data wait, half of them and what data cannot use; a
 * single one goes to whoever has waited longest (docs/models/slicing.md, what every policy keeps).
 */
static int idle_grants(const struct candidate *list, int n, int grants)
{
    int n_data = 0;
    int64_t data_last = INT64_MAX;
    int64_t idle_last = INT64_MAX;
    for (int i = 0; i < n; i++) {
        int64_t *last = list[i].idle ? &idle_last : &data_last;
        *last = list[i].last_slot < *last ? list[i].last_slot : *last;
        n_data += !list[i].idle;
    }
    if (n_data == 0)
        return grants;
    if (grants == 1)
        return data_last < idle_last ? 0 : 1;
    return grants / 2 > grants - n_data ? grants / 2 : grants - n_data;
}

/* Slot n gives out the PRB of slot `at`. */
static void schedule(struct radio *r, int d, int64_t n, int64_t at)
{
    const struct scenario_radio *c = r->c;
    int symbols = symbols_of(r, d, at);
    int prb_left = (int)c->n_prb;
    if (d == UL)
        prb_left -= (int)c->pucch_prb;
    /* Slot 19 of every second frame, at 30 kHz; slot 9 at 15. */
    int64_t in_period =
        c->prach_period_frames > 0 ? at % (c->prach_period_frames * r->frame_slots) : -1;
    if (d == UL && in_period == c->prach_frame * r->frame_slots +
                                    (c->prach_subframe + 1) * r->frame_slots / 10 - 1)
        prb_left -= (int)c->prach_prb;
    int blocks_left = (int)(c->max_ues_per_slot > 0 ? c->max_ues_per_slot : c->n_prb / 24);
    blocks_left = blocks_left < r->dcis_left ? blocks_left : r->dcis_left;
    int floor_prb = (int)(d == UL ? c->min_grant_prb : c->min_grant_prb_dl);
    struct candidate list[UES];
    int n_list = 0;
    for (int ue = 0; ue < r->n; ue++) {
        struct phone *p = &r->phones[ue];
        struct side *s = &p->side[d];
        struct block *again = block_in(r, s, WAITS);
        if (again != NULL) {
            int prb = again_prb(r, d, again, symbols);
            if (prb > 0 && prb <= prb_left && blocks_left > 0) {
                place(r, p, d, again, at, prb);
                prb_left -= prb;
                blocks_left--;
                r->dcis_left--;
            }
        } else if (block_in(r, s, FREE) != NULL && wants(r, p, d, at)) {
            int cap = (int)(d == UL ? c->max_mcs_ul : c->max_mcs_dl);
            if (d == DL) {
                int table = (int)c->mcs_table_dl;
                p->cqi = nr_cqi_of_snr(
                    (enum nr_decoder)c->decoder, table,
                    channel_snr_db(&s->channel, n / r->cqi * r->cqi * r->slot_ns), (int)c->n_prb);
                int of_cqi = nr_mcs_of_cqi(table, table, p->cqi);
                cap = of_cqi < cap ? of_cqi : cap;
            }
            struct candidate *x = &list[n_list++];
            int64_t missing = d == DL ? waiting(s) : p->estimate - p->granted;
            *x = (struct candidate){.ue = ue, .mcs = look(r, s, n, cap), .last_slot = s->last_slot};
            x->idle = missing <= 0;
            if (x->idle && x->mcs > c->min_grant_mcs)
                x->mcs = (int)c->min_grant_mcs;
            x->prb = x->idle ? 0 : fewest_prb(r, d, x->mcs, symbols, missing + HEADER_BYTES);
            x->prb = x->prb < floor_prb ? floor_prb : x->prb;
            struct nr_mcs m = mcs_of(r, d, x->mcs);
            struct nr_tbs_input one = {
                .qm = m.qm, .r_x10240 = m.r_x10240, .n_prb = 1, .n_symbols = 10, .layers = 1};
            double thr = s->thr[r->number[d][at]];
            x->key = thr > 0.0 ? nr_tbs_bits(&one) / 8.0 / thr : HUGE_VAL;
        }
    }
    int idle_left = idle_grants(list, n_list, blocks_left);
    while (n_list > 0 && blocks_left > 0 && prb_left >= floor_prb) {
        int best = 0;
        for (int i = 1; i < n_list; i++)
            if (before(&list[i], &list[best]))
                best = i;
        struct candidate x = list[best];
        list[best] = list[--n_list];
        if (x.idle && idle_left-- <= 0)
            continue;
        blocks_left--;
        r->dcis_left--;
        struct phone *p = &r->phones[x.ue];
        struct block *b = block_in(r, &p->side[d], FREE);
        int prb = x.prb < prb_left ? x.prb : prb_left;
        *b = (struct block){.mcs = x.mcs, .bytes = size_of(r, d, x.mcs, symbols, prb)};
        if (d == UL) {
            p->granted += b->bytes;
            p->request_seen = false;
        } else {
            take(&p->side[DL], b->bytes - HEADER_BYTES, b);
            b->padding = b->bytes - HEADER_BYTES - b->payload;
        }
        place(r, p, d, b, at, prb);
        prb_left -= prb;
    }
    for (int ue = 0; ue < r->n; ue++) {
        struct side *s = &r->phones[ue].side[d];
        int64_t i = r->number[d][at];
        s->thr[i + 1] = (1.0 - c->pf_ewma) * s->thr[i] + c->pf_ewma * s->scheduled[i];
    }
}

static void walk_slot(struct radio *r, int64_t n)
{
    r->dcis_left = r->c->pdcch_dcis > 0 ? (int)r->c->pdcch_dcis : INT32_MAX;
    for (int ue = 0; ue < r->n; ue++) {
        enter(r, &r->phones[ue], UL, n);
        enter(r, &r->phones[ue], DL, n);
        send_uplink(r, &r->phones[ue], n);
        decode(r, ue, n);
        hear(r, &r->phones[ue], n);
    }
    for (int64_t ul = n + r->c->k2_slots; has_pdcch(r, n) && ul < n + r->c->k2_slots + 64; ul++) {
        int64_t pdcch = ul - r->c->k2_slots;
        while (!has_pdcch(r, pdcch))
            pdcch--;
        if (pdcch == n && symbols_of(r, UL, ul) > 0)
            schedule(r, UL, n, ul);
    }
    if (symbols_of(r, DL, n) > 0)
        schedule(r, DL, n, n);
}

#endif
