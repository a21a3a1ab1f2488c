/* cell_stream.c - the byte stream of one UE in one direction: segmentation, in-order delivery,
 * ranges to repeat (RLC AM, 38.322; reordering is PDCP's, 38.323).
 *
 * A request enters as a segment whose length counts the headers of its IP packets; transport
 * blocks carry ranges [begin, end) of the stream. */
#include <stdlib.h>
#include <string.h>

#include "sim/cell.h"
#include "sim/ue.h"
#include "sim/world.h"

int64_t stream_waiting(const struct stream *s)
{
    return s->end - s->sent + s->repeat_bytes;
}

void stream_enter(struct cell *cell, struct ue_radio *u, enum radio_direction d, uint32_t request,
                  int64_t app_bytes, unsigned flags)
{
    struct world *w = cell->stage.world;
    const struct cell_common *k = cell->common;
    struct stream *s = &u->d[d].stream;
    const struct request *r = world_request(w, request);
    int64_t taken = r->at[d == RADIO_UL ? STAGE_RADIO_UL : STAGE_RADIO_DL].bytes;
    int64_t tunnel = w->groups[r->group].tunnel_bytes;
    int64_t full = k->packet_payload_bytes - tunnel;
    int64_t packets = (flags & CHUNK_CONTROL) != 0
                          ? 1
                          : (taken + full - 1) / full - (taken - app_bytes + full - 1) / full;
    uint32_t handle = pool_take(&cell->work->segments);
    if (handle == POOL_NONE) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    struct segment *seg = pool_at(&cell->work->segments, handle);
    *seg = (struct segment){.request = request,
                            .next = POOL_NONE,
                            .flags = flags,
                            .begin = s->end,
                            .end = s->end + app_bytes + packets * (k->packet_header_bytes + tunnel),
                            .app_bytes = app_bytes};
    s->end = seg->end;
    if (s->head == POOL_NONE)
        s->head = handle;
    else
        ((struct segment *)pool_at(&cell->work->segments, s->tail))->next = handle;
    s->tail = handle;
}

int64_t stream_take(struct stream *s, int64_t bytes, int64_t *begin)
{
    if (s->repeat.n > 0) {
        struct range *first = &s->repeat.items[0];
        int64_t n = first->end - first->begin < bytes ? first->end - first->begin : bytes;
        *begin = first->begin;
        first->begin += n;
        s->repeat_bytes -= n;
        if (first->begin == first->end) {
            s->repeat.n--;
            memmove(first, first + 1, (size_t)s->repeat.n * sizeof *first);
        }
        return n;
    }
    int64_t n = s->end - s->sent < bytes ? s->end - s->sent : bytes;
    *begin = s->sent;
    s->sent += n;
    return n;
}

/* Room for one more; false when memory ran out. */
static bool ranges_grow(struct cell *cell, struct ranges *r)
{
    if (r->n < r->capacity)
        return true;
    int capacity = r->capacity == 0 ? 8 : 2 * r->capacity;
    struct range *items = realloc(r->items, (size_t)capacity * sizeof *items);
    if (items == NULL) {
        cell->stage.world->sink_error = ERR_MEMORY;
        return false;
    }
    r->items = items;
    r->capacity = capacity;
    return true;
}

void stream_repeat(struct cell *cell, struct stream *s, struct range range)
{
    if (!ranges_grow(cell, &s->repeat))
        return;
    s->repeat.items[s->repeat.n++] = range;
    s->repeat_bytes += range.end - range.begin;
}

uint32_t stream_request(const struct cell *cell, const struct stream *s, int64_t offset)
{
    for (uint32_t handle = s->head; handle != POOL_NONE;) {
        const struct segment *seg = pool_at(&cell->work->segments, handle);
        if (offset < seg->end)
            return seg->request;
        handle = seg->next;
    }
    return POOL_NONE;
}

/* Notes [begin, end) as arrived: moves `received` on, or keeps the range for later. */
static void arrive(struct cell *cell, struct stream *s, int64_t begin, int64_t end)
{
    struct ranges *a = &s->ahead;
    if (begin > s->received) {
        if (!ranges_grow(cell, a))
            return;
        int i = a->n;
        while (i > 0 && a->items[i - 1].begin > begin)
            i--;
        memmove(&a->items[i + 1], &a->items[i], (size_t)(a->n - i) * sizeof *a->items);
        a->items[i] = (struct range){begin, end};
        a->n++;
        return;
    }
    if (end > s->received)
        s->received = end;
    int used = 0;
    while (used < a->n && a->items[used].begin <= s->received) {
        if (a->items[used].end > s->received)
            s->received = a->items[used].end;
        used++;
    }
    if (used == 0)
        return;
    a->n -= used;
    memmove(a->items, a->items + used, (size_t)a->n * sizeof *a->items);
}

void stream_arrive(struct cell *cell, struct ue_radio *u, enum radio_direction d, int64_t begin,
                   int64_t bytes)
{
    struct world *w = cell->stage.world;
    struct stream *s = &u->d[d].stream;
    enum stage_index index = d == RADIO_UL ? STAGE_RADIO_UL : STAGE_RADIO_DL;
    arrive(cell, s, begin, begin + bytes);
    while (s->head != POOL_NONE) {
        struct segment *seg = pool_at(&cell->work->segments, s->head);
        if (s->received <= seg->begin)
            return;
        bool whole = s->received >= seg->end;
        int64_t app = whole
                          ? seg->app_bytes
                          : (int64_t)((double)seg->app_bytes * (double)(s->received - seg->begin) /
                                      (double)(seg->end - seg->begin));
        int64_t fresh = app - seg->app_delivered;
        seg->app_delivered = app;
        uint32_t request = seg->request;
        unsigned flags = whole ? seg->flags : 0;
        if (whole) {
            uint32_t next = seg->next;
            pool_give(&cell->work->segments, s->head);
            s->head = next;
        }
        struct request *r = world_request(w, request);
        cell_count_payload(cell, d, r->slice, fresh);
        if (d == RADIO_UL && (flags & CHUNK_LAST) != 0)
            r->ul_bler = u->d[d].la.bler;
        if (fresh > 0 || flags != 0)
            stage_pass(w, index, request, fresh, flags);
        if (!whole)
            return;
    }
}

void stream_free(struct stream *s)
{
    free(s->ahead.items);
    free(s->repeat.items);
}
