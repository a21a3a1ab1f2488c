/* source.c - traffic: when a UE asks, and for what. The sizes are models/traffic.h's. */
#include <math.h>

#include "base/draw.h"
#include "base/units.h"
#include "models/traffic.h"
#include "sim/trace_item.h"
#include "sim/ue.h"
#include "sim/world.h"

static const struct traffic_trace *trace_options(const struct ue *ue)
{
    return ue->group->traffic.index >= TRAFFIC_TRACE_AZURE ? ue->group->traffic.options : NULL;
}

bool source_blocks(const struct ue *ue)
{
    return ue->group->traffic.index == TRAFFIC_WILLM_CLIENT;
}

/* --- When ------------------------------------------------------------------------------------- */

static int64_t next_willm(const struct ue *ue)
{
    const struct world *w = ue->stage.world;
    const struct traffic_willm *t = ue->group->traffic.options;
    int64_t now = world_now(w);
    if (ue->asked == 0)
        /* UEs do not start in step: each somewhere in the spread. */
        return ns_of_s(t->start_spread_s * draw_uniform(w->seed, DRAW_ARRIVAL, ue->index, 0));
    /* Testbed: when the previous returned and at least a period passed. */
    int64_t due = ue->last_asked_ns + ns_of_s(t->period_s);
    return due > now ? due : now;
}

static int64_t next_poisson(struct ue *ue, double rate_hz)
{
    ue->next_arrival_ns +=
        traffic_poisson_gap_ns(rate_hz, ue->stage.world->seed, ue->index, ue->asked);
    return ue->next_arrival_ns;
}

/* First item of the group's trace at or after the window's start. */
static int64_t trace_first(const struct trace *trace, const struct traffic_trace *t)
{
    int64_t start = ns_of_s(t->start_s);
    int64_t low = 0;
    int64_t high = (int64_t)trace->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (trace->items[middle].arrival_ns < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The UEs of a group take the items of its trace in turn. */
static int64_t next_trace(struct ue *ue)
{
    const struct traffic_trace *t = trace_options(ue);
    const struct trace *trace = &ue->stage.world->traces[ue->group_index];
    int64_t item = trace_first(trace, t) + ue->member + (int64_t)ue->asked * ue->group->count;
    if (item >= (int64_t)trace->n)
        return NS_NEVER;
    int64_t since = trace->items[item].arrival_ns - ns_of_s(t->start_s);
    if (t->window_s > 0.0 && since >= ns_of_s(t->window_s))
        return NS_NEVER;
    ue->trace_next = item;
    return llround((double)since / t->rate_scale);
}

int64_t source_next(struct ue *ue)
{
    switch ((enum traffic_kind)ue->group->traffic.index) {
    case TRAFFIC_WILLM_CLIENT:
        return next_willm(ue);
    case TRAFFIC_POISSON:
        return next_poisson(ue,
                            ((const struct traffic_poisson *)ue->group->traffic.options)->rate_hz);
    case TRAFFIC_EDGE:
        return next_poisson(ue, ((const struct traffic_edge *)ue->group->traffic.options)->rate_hz);
    case TRAFFIC_TRACE_AZURE:
    case TRAFFIC_TRACE_MOONCAKE:
    case TRAFFIC_TRACE_CSV:
        return next_trace(ue);
    case TRAFFIC_KINDS:
        break;
    }
    return NS_NEVER;
}

/* --- What ------------------------------------------------------------------------------------- */

static void fill_willm(const struct ue *ue, struct request *r)
{
    const struct world *w = ue->stage.world;
    const struct traffic_willm *t = ue->group->traffic.options;
    struct traffic_willm_request q;
    traffic_willm_request(t, w->seed, ue->index, ue->asked, &q);
    r->mode = (uint8_t)t->mode;
    r->resolution = q.resolution;
    r->tx_width = (int32_t)q.tx_width;
    r->tx_height = (int32_t)q.tx_height;
    r->rx_width = (int32_t)q.rx_width;
    r->rx_height = (int32_t)q.rx_height;
    r->expected_words = (int32_t)q.expected_words;
    r->actual_words = (int32_t)q.answer_words;
    r->uplink_bytes = q.up_bytes;
    r->downlink_bytes = q.down_bytes;
    r->text_bytes = q.answer_text_bytes;
    r->input_tokens = q.prompt_tokens; /* the server adds those of the picture */
    r->output_tokens = q.answer_tokens;
}

/* Text both ways: so many bytes a token, and a header. */
static void fill_text(struct request *r, int64_t input, int64_t output, double bytes_per_token,
                      int64_t overhead)
{
    r->mode = MODE_TEXT;
    r->input_tokens = input;
    r->output_tokens = output;
    r->uplink_bytes = traffic_text_bytes(input, bytes_per_token) + overhead;
    r->text_bytes = traffic_text_bytes(output, bytes_per_token);
    r->downlink_bytes = r->text_bytes + overhead;
}

/* One of a list, by a uniform. */
static int64_t pick(const struct json_list *list, double uniform)
{
    return ((const int64_t *)list->items)[(size_t)(uniform * (double)list->n)];
}

/* Tokens as indices of so many bits, nothing around them. */
static int64_t bytes_of(int64_t tokens, double bits)
{
    return llround(ceil((double)tokens * bits / 8.0));
}

static void fill_edge(const struct ue *ue, struct request *r)
{
    const struct world *w = ue->stage.world;
    const struct traffic_edge *t = ue->group->traffic.options;
    const double *deadline_s = t->deadline_s.items;
    double bits = w->scenario->edge->bits_per_token;
    struct draw d;
    draw_at(&d, w->seed, DRAW_REQUEST, ue->index, ue->asked);
    r->mode = MODE_TEXT;
    r->input_tokens = pick(&t->input_tokens, gsl_rng_uniform(&d.rng));
    r->output_tokens = pick(&t->output_tokens, gsl_rng_uniform(&d.rng));
    r->uplink_bytes = bytes_of(r->input_tokens, bits);
    r->downlink_bytes = r->text_bytes = bytes_of(r->output_tokens, bits);
    double longer_s = deadline_s[t->deadline_s.n - 1] - deadline_s[0];
    r->deadline_ns = ns_of_s(deadline_s[0] + longer_s * gsl_rng_uniform(&d.rng));
    r->accuracy = t->accuracy_max * gsl_rng_uniform(&d.rng);
}

void source_fill(struct ue *ue, struct request *r)
{
    const struct world *w = ue->stage.world;
    if (ue->group->traffic.index == TRAFFIC_WILLM_CLIENT) {
        fill_willm(ue, r);
    } else if (ue->group->traffic.index == TRAFFIC_EDGE) {
        fill_edge(ue, r);
    } else if (ue->group->traffic.index == TRAFFIC_POISSON) {
        const struct traffic_poisson *t = ue->group->traffic.options;
        struct draw d;
        draw_at(&d, w->seed, DRAW_REQUEST, ue->index, ue->asked);
        int64_t input = length_draw(&t->input_tokens, &d);
        int64_t output = length_draw(&t->output_tokens, &d);
        fill_text(r, input, output, t->bytes_per_token, t->overhead_bytes);
    } else {
        const struct traffic_trace *t = trace_options(ue);
        const struct trace_item *item = &w->traces[ue->group_index].items[ue->trace_next];
        fill_text(r, item->input_tokens, item->output_tokens, t->bytes_per_token,
                  t->overhead_bytes);
        r->first_block = item->first_block;
        r->n_blocks = item->n_blocks;
    }
}
