/* reference.h - the radio once more, from docs/models/radio-mac.md alone and as plainly as can be:
 * every slot is walked, averages are multiplied at every opportunity, every received byte is a
 * flag. For tests/sim/reference.c.
 *
 * It takes from a run when bytes entered the radio and how many, and nothing else. It shares with
 * the program the models of block sizes, block errors, reports and the channel (tests/models pins
 * them), and none of sim/cell*.c. Proportional fair without slices only. */
#ifndef TESTS_SIM_REFERENCE_H
#define TESTS_SIM_REFERENCE_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "base/units.h"
#include "models/channel.h"
#include "models/nr_error.h"
#include "models/nr_mac.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "sched/radio.h"
#include "tests/sim/rows.h"

enum { UES = 4, PROCESSES = 16, ROUNDS = 8, LOSSES = 4096, DL = RADIO_DL, UL = RADIO_UL };

/* --- What there is ---------------------------------------------------------------------------- */

/* A request in one direction: which bytes of the stream, when it enters and when it has passed. */
struct message {
    int64_t id, in_ns, out_ns, bytes, begin, end;
    size_t row;
    int64_t blocks, block_prb, block_bytes; /* that began with a byte of it */
    double bler;                            /* filtered, when it had passed */
};

struct block {
    enum { FREE, GRANTED, SENT, WAITS } state;
    int rounds;           /* sent so far */
    int64_t slot;         /* of its coming or last transmission */
    int64_t acknowledged; /* downlink: slot in which the gNB knows */
    bool failed, reports;
    int symbols, mcs, prb;
    int64_t bytes, begin, payload, padding, report;
    double luck, snr_db[ROUNDS];
};

struct lost {
    int64_t begin, end, known; /* slot in which the sender knows */
};

struct side { /* of a UE: one direction */
    struct message *messages;
    size_t n_messages;
    int64_t end, sent;               /* of the stream */
    struct lost lost[LOSSES];        /* in the order of their loss */
    int n_lost, n_known, n_repeated; /* known to the sender; sent again in full */
    char *have;                      /* the receiver's bytes */
    int64_t received;                /* without a gap */
    struct block block[PROCESSES];
    struct channel channel;
    int mcs;
    double bler;
    int64_t look_frame, look_first, look_second; /* at the last look */
    int64_t first, second;                       /* rounds decoded */
    double *thr;                                 /* by opportunity */
    double *scheduled;                           /* bytes, by opportunity */
    int64_t last_slot, last_opportunity;
    int64_t current_bytes, current_prb, sdus, snr_x10;
};

struct phone {
    struct side side[2];
    int64_t estimate, granted; /* what the gNB believes, and has granted */
    bool report_due;
    int64_t due_from; /* first slot in which it may ask */
    int64_t asked;    /* slot of its last scheduling request */
    bool request_seen;
    int64_t last_report, last_new;
    int cqi;
};

struct totals {
    int64_t prb, blocks, again, again1, lost, errors, bytes, bytes_again, padding, mcs;
};

struct radio {
    const struct scenario_radio *c;
    uint64_t seed;
    int64_t slot_ns, frame_slots, slots;
    int64_t mtu, headers; /* of an IP packet */
    int64_t idle, periodic, retx, status, cqi;
    struct phone *phones;
    int n;
    bool *occasion;     /* a scheduling request may be sent in this slot */
    int64_t *number[2]; /* opportunities of a direction before a slot */
    struct totals totals[2];
    int dcis_left; /* in the PDCCH of this slot */
};

/* --- Slots and sizes -------------------------------------------------------------------------- */

static char slot_letter(const struct radio *r, int64_t n)
{
    return strcmp(r->c->tdd, "fdd") == 0 ? 'F' : r->c->tdd[(size_t)n % strlen(r->c->tdd)];
}

static int symbols_of(const struct radio *r, int d, int64_t n)
{
    char letter = slot_letter(r, n);
    int64_t dl = letter == 'S'                    ? r->c->special_dl_symbols - 1
                 : letter == 'D' || letter == 'F' ? r->c->dl_symbols
                                                  : 0;
    int64_t ul = letter == 'S'                    ? r->c->ul_special_symbols
                 : letter == 'U' || letter == 'F' ? r->c->ul_symbols
                                                  : 0;
    /* A sounding reference signal takes one. */
    if (r->c->srs_period_slots > 0 && n % r->c->srs_period_slots == r->c->srs_offset_slots)
        ul -= ul > 1;
    return (int)(d == DL ? dl : ul);
}

static bool has_pdcch(const struct radio *r, int64_t n)
{
    char letter = slot_letter(r, n);
    return letter == 'D' || letter == 'F' || (letter == 'S' && r->c->special_dl_symbols > 0);
}

static struct nr_mcs mcs_of(const struct radio *r, int d, int mcs)
{
    return nr_mcs((int)(d == DL ? r->c->mcs_table_dl : r->c->mcs_table_ul), mcs);
}

static int64_t size_of(const struct radio *r, int d, int mcs, int symbols, int prb)
{
    struct nr_mcs m = mcs_of(r, d, mcs);
    /* A special slot's few symbols have DMRS of their own. */
    bool few = r->c->ul_special_symbols < r->c->ul_symbols && symbols <= r->c->ul_special_symbols;
    int64_t dmrs_ul = few ? r->c->ul_special_dmrs_re : r->c->ul_dmrs_re;
    struct nr_tbs_input in = {.qm = m.qm,
                              .r_x10240 = m.r_x10240,
                              .n_prb = prb,
                              .n_symbols = symbols,
                              .dmrs_re_per_prb = (int)(d == DL ? r->c->dl_dmrs_re : dmrs_ul),
                              .layers = 1};
    return nr_tbs_bits(&in) / 8;
}

static int fewest_prb(const struct radio *r, int d, int mcs, int symbols, int64_t bytes)
{
    int prb = 1;
    while (prb < r->c->n_prb && size_of(r, d, mcs, symbols, prb) < bytes)
        prb++;
    return prb;
}

/* --- Streams ---------------------------------------------------------------------------------- */

#define HEADER_BYTES 6 /* MAC subheader 3, RLC AM 3 */
#define REPORT_BYTES 2 /* short BSR and its subheader, 38.321 6.1.3.1 */

static int64_t waiting(const struct side *s)
{
    int64_t bytes = s->end - s->sent;
    for (int i = s->n_repeated; i < s->n_known; i++)
        bytes += s->lost[i].end - s->lost[i].begin;
    return bytes;
}

/* One range goes into a block: what RLC repeats before everything else. */
static void take(struct side *s, int64_t room, struct block *b)
{
    int64_t *begin = &s->sent;
    int64_t end = s->end;
    if (s->n_repeated < s->n_known) {
        begin = &s->lost[s->n_repeated].begin;
        end = s->lost[s->n_repeated].end;
    }
    b->begin = *begin;
    b->payload = room < 0 ? 0 : end - *begin < room ? end - *begin : room;
    *begin += b->payload;
    if (begin != &s->sent && *begin == end)
        s->n_repeated++;
}

static void deliver(const struct radio *r, struct side *s, const struct block *b, int64_t n)
{
    s->sdus++;
    memset(s->have + b->begin, 1, (size_t)b->payload);
    while (s->have[s->received])
        s->received++;
    for (size_t i = 0; i < s->n_messages; i++) {
        struct message *m = &s->messages[i];
        if (m->out_ns < 0 && m->end > 0 && m->end <= s->received) {
            m->out_ns = n * r->slot_ns;
            m->bler = s->bler;
        }
    }
}

static void report_trigger(struct phone *p, int64_t from)
{
    if (p->report_due)
        return;
    p->report_due = true;
    p->due_from = from;
}

/* What came during slot n - 1. */
static void enter(const struct radio *r, struct phone *p, int d, int64_t n)
{
    struct side *s = &p->side[d];
    for (size_t i = 0; i < s->n_messages; i++) {
        struct message *m = &s->messages[i];
        if (m->in_ns / r->slot_ns != n - 1)
            continue;
        if (d == UL && waiting(s) == 0)
            report_trigger(p, n);
        int64_t payload = r->mtu - r->headers;
        int64_t packets = (m->bytes + payload - 1) / payload;
        m->begin = s->end;
        m->end = s->end + m->bytes + packets * (r->headers + 3 + 1); /* PDCP, SDAP */
        s->end = m->end;
    }
}

/* --- Blocks ----------------------------------------------------------------------------------- */

/* Element by element: symbols 0, 3, 6 or 0, 4, 8 or 0, 5, 10 hold the DMRS of 8 and 9, of 10 and
 * 11, of 12 to 14 symbols; 0 and 4 those of 5 to 7; 0 that of fewer. */
static double turned_db(const struct radio *r, const struct block *b, int qm, double snr_db)
{
    static const int second[15] = {0, 0, 0, 0, 0, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5};
    const int n = b->symbols;
    const int dmrs = n < 5 ? 1 : n < 8 ? 2 : 3;
    const bool special =
        n <= r->c->ul_special_symbols && r->c->ul_special_symbols < r->c->ul_symbols;
    const int pilots = (int)(special ? r->c->ul_special_dmrs_re : r->c->ul_dmrs_re) / dmrs;
    double db[14 * 12];
    int elements = 0;
    int last = 0;
    for (int symbol = 0; symbol < n; symbol++) {
        bool is_dmrs = symbol == 0 || symbol == second[n] || (dmrs == 3 && symbol == 2 * second[n]);
        if (is_dmrs)
            last = symbol;
        double angle = 2.0 * M_PI * r->c->ul_frequency_error_hz * (symbol - last) *
                       (double)r->slot_ns / 1e9 / 14.0;
        double error = 2.0 - 2.0 * cos(angle);
        for (int i = is_dmrs ? pilots : 0; i < 12; i++)
            db[elements++] = -10.0 * log10(pow(10.0, -snr_db / 10.0) + error);
    }
    return nr_effective_snr_db(qm, db, elements);
}

/* One transmission, in slot n. */
static bool fails(struct radio *r, int ue, int d, struct block *b, int64_t n)
{
    struct side *s = &r->phones[ue].side[d];
    struct nr_mcs m = mcs_of(r, d, b->mcs);
    double snr_db = channel_snr_db(&s->channel, n * r->slot_ns);
    if (d == UL && 10.0 * log10(b->prb) > r->c->ul_power_headroom_db)
        snr_db -= 10.0 * log10(b->prb) - r->c->ul_power_headroom_db;
    if (d == UL && r->c->ul_power_step == 1) {
        double step = 10.0 * log10((double)b->prb / (double)r->c->min_grant_prb);
        snr_db -= step <= 0.0   ? 0.0
                  : step <= 2.0 ? step
                  : step < 3.0  ? fmin(step, 2.5)
                  : step < 4.0  ? 3.0
                  : step < 10.0 ? 3.5
                  : step < 15.0 ? 4.0
                                : 5.0;
    }
    s->snr_x10 = (int64_t)round(2.0 * snr_db) * 5;
    if (d == UL && r->c->ul_evm == 1) {
        double evm = m.qm == 2 ? 17.5 : m.qm == 4 ? 12.5 : m.qm == 6 ? 8.0 : 3.5;
        snr_db = -10.0 * log10(pow(10.0, -snr_db / 10.0) + evm * evm / 1e4);
    }
    if (d == UL && r->c->ul_frequency_error_hz > 0.0)
        snr_db = turned_db(r, b, m.qm, snr_db);
    if (d == UL)
        snr_db -= nr_receiver_loss_db((enum nr_receiver)r->c->ul_receiver, m.qm);
    if (d == UL && r->c->ul_disturbed_share > 0.0 &&
        n % r->c->ul_disturbed_period_slots == r->c->ul_disturbed_offset_slots &&
        draw_uniform(r->seed, DRAW_DISTURBANCE, 0, (uint64_t)n) < r->c->ul_disturbed_share)
        snr_db -= 60.0;
    b->snr_db[b->rounds++] = snr_db;
    if (b->rounds == 1) {
        b->luck = draw_uniform(r->seed, DRAW_BLOCK_ERROR, (uint32_t)ue, (uint64_t)(2 * n + d));
        s->first++;
    } else {
        double sum = 0.0;
        for (int i = 0; i < b->rounds; i++)
            sum += pow(10.0, b->snr_db[i] / 10.0);
        snr_db = 10.0 * log10(sum / b->rounds) +
                 nr_harq_gain_db((enum nr_combining)r->c->combining, m.qm, m.r_x10240, b->rounds);
        s->second += b->rounds == 2;
    }
    struct nr_error_curve curve =
        nr_error_curve((enum nr_decoder)r->c->decoder, m.qm, m.r_x10240, (int32_t)(8 * b->bytes));
    b->failed = b->luck < nr_error_bler(curve, snr_db);
    r->totals[d].errors += b->failed;
    return b->failed;
}

static void count_sent(struct radio *r, int d, struct side *s, const struct block *b)
{
    struct totals *t = &r->totals[d];
    t->prb += b->prb;
    t->bytes += b->bytes;
    if (b->rounds == 0) {
        t->blocks++;
        t->mcs += b->mcs;
        t->padding += b->padding;
    } else {
        t->again++;
        t->again1 += b->rounds == 1;
        t->bytes_again += b->bytes;
    }
    s->current_bytes = b->bytes;
    s->current_prb = b->prb;
    for (size_t i = 0; i < s->n_messages; i++) {
        struct message *m = &s->messages[i];
        if (b->payload > 0 && b->begin >= m->begin && b->begin < m->end) {
            m->blocks++;
            m->block_prb += b->prb;
            m->block_bytes += b->bytes;
        }
    }
}

/* The last round has failed, as the gNB knows in slot n. */
static void lose(struct radio *r, int d, struct side *s, struct block *b, int64_t n)
{
    r->totals[d].lost++;
    b->state = FREE;
    if (b->payload == 0)
        return;
    assert_true(s->n_lost < LOSSES);
    s->lost[s->n_lost++] = (struct lost){b->begin, b->begin + b->payload, n + r->status};
}

/* Step 1, results of slot n - 1. */
static void decode(struct radio *r, int ue, int64_t n)
{
    struct phone *p = &r->phones[ue];
    for (int i = 0; i < PROCESSES; i++) {
        struct side *u = &p->side[UL];
        struct block *b = &u->block[i];
        if (b->state != SENT || b->slot != n - 1)
            continue;
        bool failed = fails(r, ue, UL, b, n - 1);
        if (failed && b->rounds < r->c->harq_rounds) {
            b->state = WAITS;
            continue;
        }
        p->granted -= b->bytes;
        if (failed) {
            lose(r, UL, u, b, n);
            continue;
        }
        b->state = FREE;
        p->estimate = b->reports ? b->report : p->estimate - b->payload;
        p->estimate = p->estimate > 0 ? p->estimate : 0;
        if (b->payload > 0)
            deliver(r, u, b, n);
    }
    struct side *s = &p->side[DL];
    for (int i = 0; i < PROCESSES; i++) {
        struct block *b = &s->block[i];
        if (b->state == SENT && b->slot == n - 1 && !fails(r, ue, DL, b, n - 1))
            deliver(r, s, b, n);
    }
    /* Several can be acknowledged at once: the one sent first comes first. */
    for (int64_t sent = n < 64 ? 0 : n - 64; sent < n; sent++)
        for (int i = 0; i < PROCESSES; i++) {
            struct block *b = &s->block[i];
            if (b->state != SENT || b->slot != sent || b->acknowledged != n)
                continue;
            if (b->failed && b->rounds == r->c->harq_rounds)
                lose(r, DL, s, b, n);
            else
                b->state = b->failed ? WAITS : FREE;
        }
}

/* Step 1, what has become known: scheduling requests, RLC status, the timer of reports. */
static void hear(const struct radio *r, struct phone *p, int64_t n)
{
    if (p->asked == n - 1)
        p->request_seen = true;
    for (int d = 0; d < 2; d++) {
        struct side *s = &p->side[d];
        while (s->n_known < s->n_lost && s->lost[s->n_known].known == n) {
            if (d == UL && waiting(s) == 0)
                report_trigger(p, n + 1);
            s->n_known++;
        }
    }
    if (waiting(&p->side[UL]) > 0 && n - p->last_new == r->retx)
        report_trigger(p, n + 1);
}

/* Step 1, the UE's blocks of slot n. */
static void send_uplink(struct radio *r, struct phone *p, int64_t n)
{
    struct side *s = &p->side[UL];
    for (int i = 0; i < PROCESSES; i++) {
        struct block *b = &s->block[i];
        if (b->state != GRANTED || b->slot != n)
            continue;
        b->state = SENT;
        if (b->rounds == 0) {
            b->reports = p->report_due || (waiting(s) > 0 && n - p->last_report >= r->periodic);
            int64_t report = b->reports ? REPORT_BYTES : 0;
            take(s, b->bytes - HEADER_BYTES - report, b);
            int64_t left = b->bytes - report - b->payload - (b->payload > 0 ? HEADER_BYTES : 0);
            if (!b->reports && left >= REPORT_BYTES) {
                b->reports = true;
                left -= REPORT_BYTES;
            }
            b->padding = left;
            if (b->reports) {
                b->report = nr_bsr_report(waiting(s));
                p->last_report = n;
                p->report_due = false;
            }
            p->last_new = n;
        }
        count_sent(r, UL, s, b);
    }
    if (p->report_due && p->due_from <= n && r->occasion[n])
        p->asked = n;
}

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
