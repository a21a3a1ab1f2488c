/* trace_item.h - one request of a trace, however the trace was written. */
#ifndef SIM_TRACE_ITEM_H
#define SIM_TRACE_ITEM_H

#include <stddef.h>
#include <stdint.h>

/* Readers (datasets/) fill an array of these in arrival order; traffic sources (sim/) replay it.
 * arrival_ns counts from the trace's first request. */
struct trace_item {
    int64_t arrival_ns;
    int64_t input_tokens;  /* >= 1 */
    int64_t output_tokens; /* >= 1 */
    uint32_t first_block;  /* prefix blocks: index into trace.blocks */
    uint32_t n_blocks;     /* 0 when the trace has none */
};

struct trace {
    struct trace_item *items;
    size_t n;
    int64_t *blocks; /* prefix-block ids of all items, one after the other */
    size_t n_blocks;
    int64_t block_tokens; /* tokens a prefix block stands for (Mooncake: 512), 0 when none */
};

#endif
