/* reference_blocks.h - tests/sim/reference.h below the scheduler: slots and sizes, what waits in a
 * stream of bytes, and what becomes of a block on the air. */
#ifndef TESTS_SIM_REFERENCE_BLOCKS_H
#define TESTS_SIM_REFERENCE_BLOCKS_H

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
    int command; /* uplink: dB, with its grant */
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
    int power, command; /* dB: added up so far; of the next grants */
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
    int *power = &r->phones[ue].power;
    if (d == UL && r->c->ul_power_control == 1 &&
        (b->command <= 0 || 10.0 * log10(b->prb) + *power < r->c->ul_power_headroom_db))
        *power += b->command;
    if (d == UL)
        snr_db = fmin(snr_db + *power, snr_db + r->c->ul_power_headroom_db - 10.0 * log10(b->prb));
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
    if (d == UL && r->c->ul_power_control == 1) {
        double off = (double)s->snr_x10 / 10.0 - r->c->ul_tpc_target_db;
        r->phones[ue].command = off > 3.0 ? -1 : off >= -3.0 ? 0 : off >= -9.0 ? 1 : 3;
    }
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

#endif
