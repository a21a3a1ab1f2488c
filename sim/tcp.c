/* tcp.c - see tcp.h. */
#include "sim/tcp.h"

#include <string.h>

#include "base/units.h"
#include "sim/scenario.h"
#include "sim/stage.h"
#include "sim/ue.h"
#include "sim/world.h"

/* Linux: TCP_INIT_CWND (RFC 6928), hystart_low_window, HYSTART_MIN_SAMPLES and its delay bounds,
 * TCP_MAX_QUICKACKS, TCP_DELACK_MIN. */
#define INITIAL_SEGMENTS     10
#define HYSTART_LOW_SEGMENTS 16
#define HYSTART_SAMPLES      8
#define HYSTART_DELAY_MIN_NS (4 * NS_PER_MS)
#define HYSTART_DELAY_MAX_NS (16 * NS_PER_MS)
#define QUICK_ACKS           16
#define DELAYED_ACK_NS       (40 * NS_PER_MS)

enum note_kind { NOTE_SYN, NOTE_SYN_ACK, NOTE_ACK, NOTE_SEGMENT };

/* Something in order on its way: a control chunk's content, or a segment that is not acknowledged.
 */
struct note {
    uint32_t next;
    uint8_t kind;
    int64_t offset; /* acknowledged up to here; end of the segment */
    int64_t time;   /* when the segment was sent (for ACK: the one that caused it) */
};

struct queue {
    uint32_t head, tail;
};

struct half {
    /* sender */
    int64_t given, sent, acked;
    bool last;
    double window; /* congestion window, bytes */
    bool slow_start;
    int64_t rtt_min, round_end, round_rtt;
    int round_samples;
    struct queue segments; /* sent, not yet arrived */
    /* receiver */
    int64_t received;
    int64_t heard; /* send time of the newest segment that has arrived */
    int quick;     /* acknowledgements sent at once so far */
    int unacked;   /* segments since the last one */
    bool timer;
};

struct tcp_flow {
    uint32_t request, serial;
    int64_t tunnel_bytes; /* of every packet, taken from the segment */
    bool open, closed;
    struct half half[2];
    struct queue control[2]; /* under way to the server (TCP_UP), to the UE (TCP_DOWN) */
    int under_way;
};

static struct tcp_flow *flow_of(const struct tcp *tcp, uint32_t request)
{
    return pool_at(&tcp->flows, world_request(tcp->world, request)->flow);
}

/* --- Queues ----------------------------------------------------------------------------------- */

static void put(struct tcp *tcp, struct queue *q, struct note n)
{
    uint32_t handle = pool_take(&tcp->notes);
    if (handle == POOL_NONE) {
        tcp->world->sink_error = ERR_MEMORY;
        return;
    }
    n.next = POOL_NONE;
    *(struct note *)pool_at(&tcp->notes, handle) = n;
    if (q->head == POOL_NONE)
        q->head = handle;
    else
        ((struct note *)pool_at(&tcp->notes, q->tail))->next = handle;
    q->tail = handle;
}

static struct note take(struct tcp *tcp, struct queue *q)
{
    uint32_t handle = q->head;
    struct note n = *(struct note *)pool_at(&tcp->notes, handle);
    q->head = n.next;
    pool_give(&tcp->notes, handle);
    return n;
}

static void empty(struct tcp *tcp, struct queue *q)
{
    while (q->head != POOL_NONE)
        take(tcp, q);
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Control chunk to the end that data of direction `to` arrives at. */
static void send_control(struct tcp *tcp, struct tcp_flow *f, enum tcp_direction to, struct note n)
{
    put(tcp, &f->control[to], n);
    f->under_way++;
    stage_pass(tcp->world, to == TCP_UP ? STAGE_UE_TX : STAGE_SERVER, f->request, 0,
               CHUNK_CONTROL | CHUNK_PUSH);
}

static void send_data(struct tcp *tcp, struct tcp_flow *f, enum tcp_direction d)
{
    struct half *h = &f->half[d];
    while (f->open && !f->closed && h->sent < h->given) {
        double window =
            h->window < (double)tcp->window_bytes ? h->window : (double)tcp->window_bytes;
        if ((double)(h->sent - h->acked) >= window)
            return;
        int64_t mss = tcp->mss_bytes - f->tunnel_bytes;
        int64_t n = h->given - h->sent < mss ? h->given - h->sent : mss;
        h->sent += n;
        put(tcp, &h->segments,
            (struct note){.kind = NOTE_SEGMENT, .offset = h->sent, .time = world_now(tcp->world)});
        bool last = h->last && h->sent == h->given;
        stage_pass(tcp->world, d == TCP_UP ? STAGE_UE_TX : STAGE_SERVER, f->request, n,
                   CHUNK_PUSH | (last ? CHUNK_LAST : 0));
    }
}

void tcp_send(struct tcp *tcp, uint32_t request, enum tcp_direction d, int64_t bytes, bool last)
{
    struct tcp_flow *f = flow_of(tcp, request);
    f->half[d].given += bytes;
    f->half[d].last = last;
    send_data(tcp, f, d);
}

static void start_half(const struct tcp *tcp, struct half *h)
{
    h->window = (double)(INITIAL_SEGMENTS * tcp->mss_bytes);
    h->slow_start = true;
    h->rtt_min = NS_NEVER;
    h->round_rtt = NS_NEVER;
    h->segments.head = POOL_NONE;
}

void tcp_open(struct tcp *tcp, uint32_t request)
{
    uint32_t handle = pool_take(&tcp->flows);
    if (handle == POOL_NONE) {
        tcp->world->sink_error = ERR_MEMORY;
        return;
    }
    struct tcp_flow *f = pool_at(&tcp->flows, handle);
    world_request(tcp->world, request)->flow = handle;
    f->request = request;
    f->serial = ++tcp->serial;
    f->tunnel_bytes = tcp->world->groups[world_request(tcp->world, request)->group].tunnel_bytes;
    start_half(tcp, &f->half[TCP_UP]);
    start_half(tcp, &f->half[TCP_DOWN]);
    f->control[TCP_UP].head = f->control[TCP_DOWN].head = POOL_NONE;
    f->open = !tcp->handshake;
    if (tcp->handshake)
        send_control(tcp, f, TCP_UP,
                     (struct note){.kind = NOTE_SYN, .time = world_now(tcp->world)});
}

/* --- Acknowledging ---------------------------------------------------------------------------- */

static enum tcp_direction other(enum tcp_direction d)
{
    return d == TCP_UP ? TCP_DOWN : TCP_UP;
}

static void acknowledge(struct tcp *tcp, struct tcp_flow *f, enum tcp_direction d)
{
    struct half *h = &f->half[d];
    h->unacked = 0;
    h->quick++;
    send_control(tcp, f, other(d),
                 (struct note){.kind = NOTE_ACK, .offset = h->received, .time = h->heard});
}

void tcp_data(struct tcp *tcp, uint32_t request, enum tcp_direction d)
{
    struct tcp_flow *f = flow_of(tcp, request);
    struct half *h = &f->half[d];
    struct note segment = take(tcp, &h->segments);
    h->received = segment.offset;
    h->heard = segment.time;
    h->unacked++;
    if (h->last && h->received == h->given && d == TCP_DOWN)
        return; /* the answer is complete: the UE closes, its last acknowledgement delays nobody */
    if (h->quick < QUICK_ACKS || h->unacked >= 2) {
        acknowledge(tcp, f, d);
    } else if (!h->timer) {
        h->timer = true;
        engine_at(&tcp->entity, world_now(tcp->world) + DELAYED_ACK_NS, &tcp->entity, (uint32_t)d,
                  (uint64_t)f->serial << 32 | world_request(tcp->world, request)->flow);
    }
}

/* A delayed acknowledgement is due, unless its flow is gone or all is acknowledged. */
static void tcp_timer(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct tcp *tcp = (struct tcp *)self;
    struct tcp_flow *f = pool_at(&tcp->flows, (uint32_t)arg);
    if (f->serial != arg >> 32 || f->closed)
        return;
    f->half[kind].timer = false;
    if (f->half[kind].unacked > 0)
        acknowledge(tcp, f, (enum tcp_direction)kind);
}

/* HyStart's delay test (tcp_cubic.c, hystart_update). */
static void hystart(const struct tcp *tcp, struct half *h, int64_t rtt)
{
    if (h->acked > h->round_end) {
        h->round_end = h->sent;
        h->round_rtt = NS_NEVER;
        h->round_samples = 0;
    }
    if (rtt < h->rtt_min)
        h->rtt_min = rtt;
    if (h->round_samples < HYSTART_SAMPLES) {
        h->round_samples++;
        if (rtt < h->round_rtt)
            h->round_rtt = rtt;
        return;
    }
    int64_t slack = h->rtt_min / 8;
    slack = slack < HYSTART_DELAY_MIN_NS ? HYSTART_DELAY_MIN_NS : slack;
    slack = slack > HYSTART_DELAY_MAX_NS ? HYSTART_DELAY_MAX_NS : slack;
    if (h->window >= (double)(HYSTART_LOW_SEGMENTS * tcp->mss_bytes) &&
        h->round_rtt > h->rtt_min + slack)
        h->slow_start = false;
}

static void acked(struct tcp *tcp, struct tcp_flow *f, enum tcp_direction d, struct note n)
{
    struct half *h = &f->half[d];
    int64_t fresh = n.offset - h->acked;
    h->acked = n.offset;
    if (h->slow_start)
        hystart(tcp, h, world_now(tcp->world) - n.time);
    if (h->slow_start)
        h->window += (double)fresh;
    else
        h->window += (double)tcp->mss_bytes * (double)fresh / h->window;
    send_data(tcp, f, d);
}

static void flow_end(struct tcp *tcp, struct tcp_flow *f)
{
    for (int d = 0; d < 2; d++) {
        empty(tcp, &f->half[d].segments);
        empty(tcp, &f->control[d]);
    }
    f->serial = 0; /* timers that still come find nobody */
    pool_give(&tcp->flows, world_request(tcp->world, f->request)->flow);
}

void tcp_control(struct tcp *tcp, uint32_t request, enum tcp_direction d)
{
    struct tcp_flow *f = flow_of(tcp, request);
    struct note n = take(tcp, &f->control[d]);
    f->under_way--;
    if (f->closed) {
        if (f->under_way == 0) {
            flow_end(tcp, f);
            pool_give(&tcp->world->requests, request);
        }
        return;
    }
    switch ((enum note_kind)n.kind) {
    case NOTE_SYN:
        send_control(tcp, f, TCP_DOWN, (struct note){.kind = NOTE_SYN_ACK, .time = n.time});
        break;
    case NOTE_SYN_ACK:
        f->open = true;
        f->half[TCP_UP].rtt_min = world_now(tcp->world) - n.time;
        send_data(tcp, f, TCP_UP);
        break;
    case NOTE_ACK:
        acked(tcp, f, other(d), n);
        break;
    case NOTE_SEGMENT:
        break;
    }
}

bool tcp_close(struct tcp *tcp, uint32_t request)
{
    struct tcp_flow *f = flow_of(tcp, request);
    f->closed = true;
    if (f->under_way > 0)
        return false;
    flow_end(tcp, f);
    return true;
}

/* --- Making ----------------------------------------------------------------------------------- */

int tcp_init(struct tcp *tcp, struct world *w, uint32_t entity_id)
{
    const struct scenario_transport *t = w->scenario->transport;
    memset(tcp, 0, sizeof *tcp);
    tcp->entity =
        (struct entity){.engine = w->engine, .handle = tcp_timer, .id = entity_id, .seq = 0};
    tcp->world = w;
    tcp->mss_bytes = t->mtu_bytes - transport_header_bytes(t);
    tcp->window_bytes = t->tcp_window_bytes;
    tcp->handshake = t->tcp_handshake;
    int rc = pool_init(&tcp->flows, sizeof(struct tcp_flow), 16);
    return rc != 0 ? rc : pool_init(&tcp->notes, sizeof(struct note), 256);
}

void tcp_free(struct tcp *tcp)
{
    pool_free(&tcp->flows);
    pool_free(&tcp->notes);
}
