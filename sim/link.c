/* link.c - see link.h. */
#include "sim/link.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/parts.h"
#include "sim/world.h"

struct link_chunk {
    uint32_t request;
    uint32_t index; /* enum stage_index */
    int64_t bytes;
    unsigned flags;
};

const size_t link_chunk_bytes = sizeof(struct link_chunk);

/* Packets needed for the first `bytes` of a message, with so many bytes in a full one. */
static int64_t packets(int64_t bytes, int64_t payload)
{
    return (bytes + payload - 1) / payload;
}

static void link_accept(struct stage *stage, enum stage_index index, uint32_t request,
                        int64_t bytes, unsigned flags)
{
    struct link *link = (struct link *)stage;
    struct world *w = stage->world;
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    /* stage_pass() has already counted these bytes as taken. */
    int64_t taken = r->at[index].bytes;
    int64_t tunnel = w->groups[r->group].tunnel_bytes;
    const struct link_rule *rule = link->rule;
    int64_t payload = rule->payload_bytes - tunnel;
    int64_t n = (flags & CHUNK_CONTROL) != 0
                    ? 1
                    : packets(taken, payload) - packets(taken - bytes, payload);
    int64_t wire = bytes + (rule->header_bytes + tunnel) * n;
    int64_t start = now > link->busy_until_ns ? now : link->busy_until_ns;
    link->busy_until_ns = start + llround((double)wire * 8.0 / rule->bits_per_ns);
    int64_t *kept = request_held(r, index);
    *kept += bytes;
    if (flags == 0)
        return;
    int64_t held = *kept;
    *kept = 0;
    if (rule->parts != NULL) {
        parts_send(rule->parts, link, index, request, held, flags,
                   link->busy_until_ns + rule->delay_ns);
        return;
    }
    uint32_t handle = pool_take(&w->chunks);
    if (handle == POOL_NONE) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    struct link_chunk *c = pool_at(&w->chunks, handle);
    *c = (struct link_chunk){.request = request, .index = index, .bytes = held, .flags = flags};
    engine_at(&stage->entity, link->busy_until_ns + rule->delay_ns, &stage->entity, 0, handle);
}

static void link_out(struct entity *self, uint32_t kind, uint64_t arg)
{
    (void)kind;
    struct link *link = (struct link *)self;
    struct world *w = link->stage.world;
    struct link_chunk c = *(struct link_chunk *)pool_at(&w->chunks, (uint32_t)arg);
    pool_give(&w->chunks, (uint32_t)arg);
    stage_pass(w, c.index, c.request, c.bytes, c.flags);
}

struct link_rule link_rule_of(double rate_mbps, double delay_ns, int64_t payload_bytes,
                              int64_t header_bytes)
{
    return (struct link_rule){.bits_per_ns = rate_mbps * 1e6 / 1e9,
                              .delay_ns = llround(delay_ns),
                              .payload_bytes = payload_bytes,
                              .header_bytes = header_bytes};
}

void link_init(struct link *link, struct world *w, uint32_t entity_id, const struct link_rule *rule)
{
    memset(link, 0, sizeof *link);
    link->stage.entity =
        (struct entity){.engine = w->engine, .handle = link_out, .id = entity_id, .seq = 0};
    link->stage.world = w;
    link->stage.accept = link_accept;
    link->rule = rule;
}
