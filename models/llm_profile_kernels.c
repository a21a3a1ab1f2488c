/* llm_profile_kernels.c - reads the kernels of a GPU profile: what tools/fit_gpu.c writes. */
#include <stddef.h>
#include <string.h>

#include "models/llm_internal.h"

#define NUMBER(thing, member, most, text)                                                          \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct thing, member), .max = (most), \
        .def = "0", .doc = (text)                                                                  \
    }
#define POSITIVE(thing, member, most, text)                                                        \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct thing, member), .max = (most), \
        .above_min = true, .doc = (text)                                                           \
    }
#define COUNT(thing, member, text)                                                                 \
    {                                                                                              \
        .key = #member, .type = JSON_INT, .offset = offsetof(struct thing, member), .max = 1e9,    \
        .doc = (text)                                                                              \
    }
#define FIT(thing, member, text)                                                                   \
    {                                                                                              \
        .key = #member, .type = JSON_OPTIONAL, .offset = offsetof(struct thing, member),           \
        .spec = &fit_spec, .doc = (text)                                                           \
    }
#define SOURCE(thing)                                                                              \
    {                                                                                              \
        .key = "source", .type = JSON_STR, .offset = offsetof(struct thing, source),               \
        .doc = "the table that it was fitted to, or \"Assumed: why\""                              \
    }

static const struct json_field fit_fields[] = {
    COUNT(gpu_fit, rows_fitted, "rows that the fit saw"),
    COUNT(gpu_fit, rows_held_out, "every fifth row of the table, which it did not see"),
    NUMBER(gpu_fit, error_fitted_pct, 1e6, "median absolute error on the former"),
    NUMBER(gpu_fit, error_held_out_pct, 1e6, "and on the latter"),
    {.key = NULL},
};

static const struct json_spec fit_spec = {
    .name = "gpu_fit",
    .doc = "How well a form meets its table.",
    .size = sizeof(struct gpu_fit),
    .fields = fit_fields,
};

static const struct json_field row_fields[] = {
    COUNT(gpu_gemm_row, m, "rows of the product"),
    COUNT(gpu_gemm_row, n, "outputs"),
    COUNT(gpu_gemm_row, k, "inputs"),
    POSITIVE(gpu_gemm_row, s, 1000, "seconds"),
    {.key = NULL},
};

static const struct json_spec row_spec = {
    .name = "gpu_gemm_row",
    .doc = "A measured product.",
    .size = sizeof(struct gpu_gemm_row),
    .fields = row_fields,
};

static const struct json_field gemm_fields[] = {
    {.key = "quants",
     .type = JSON_STRS,
     .offset = offsetof(struct gpu_gemm, quants),
     .doc = "precisions that these products are for"},
    {.key = "rate",
     .type = JSON_WORD,
     .offset = offsetof(struct gpu_gemm, rate),
     .words = gpu_rate_words,
     .def = "\"f16\"",
     .doc = "peak rate that the shares are of"},
    NUMBER(gpu_gemm, launch_s, 1, "time that every product takes"),
    NUMBER(gpu_gemm, depth_s, 1, "time per element of the inner dimension"),
    POSITIVE(gpu_gemm, memory, 1, "share of the bandwidth"),
    POSITIVE(gpu_gemm, tile_large, 1, "share of the rate with tiles of 128 x 256"),
    POSITIVE(gpu_gemm, tile_medium, 1, "with tiles of 128 x 128"),
    POSITIVE(gpu_gemm, tile_small, 1, "with tiles of 64 x 64"),
    NUMBER(gpu_gemm, quantization, 1, "1: whole waves of tiles run; 0: parts of them too"),
    {.key = "sharpness",
     .type = JSON_NUM,
     .offset = offsetof(struct gpu_gemm, sharpness),
     .min = 1,
     .max = 100,
     .doc = "of the knee between memory and compute; 1: they add"},
    NUMBER(gpu_gemm, few_rows, 1e6, "up to so many rows another kernel runs; 0: none"),
    NUMBER(gpu_gemm, few_launch_s, 1, "time that each of its products takes"),
    NUMBER(gpu_gemm, few_depth_s, 1, "time per element of its inner dimension"),
    {.key = "few_memory",
     .type = JSON_NUM,
     .offset = offsetof(struct gpu_gemm, few_memory),
     .max = 1,
     .above_min = true,
     .def = "1",
     .doc = "its share of the bandwidth"},
    {.key = "few_rate",
     .type = JSON_NUM,
     .offset = offsetof(struct gpu_gemm, few_rate),
     .max = 1,
     .above_min = true,
     .def = "1",
     .doc = "its share of the rate"},
    NUMBER(gpu_gemm, cache_bytes, 1e12,
           "weights that stay in the cache from one run of the benchmark to the next; a model's do "
           "not"),
    {.key = "cache_speedup",
     .type = JSON_NUM,
     .offset = offsetof(struct gpu_gemm, cache_speedup),
     .min = 1,
     .max = 1000,
     .def = "1",
     .doc = "how much faster those are read"},
    {.key = "table",
     .type = JSON_LIST,
     .offset = offsetof(struct gpu_gemm, table),
     .spec = &row_spec,
     .max = 100000,
     .def = "[]",
     .doc = "measured products, by shape and rising m; lines between them come before the form"},
    FIT(gpu_gemm, fit, "how well it meets the table"),
    SOURCE(gpu_gemm),
    {.key = NULL},
};

static int check_gemm(const void *object, const char *file, const char *place, struct err *e)
{
    const struct gpu_gemm *g = object;
    const struct gpu_gemm_row *rows = g->table.items;
    for (size_t i = 1; i < g->table.n; i++) {
        bool same = rows[i].n == rows[i - 1].n && rows[i].k == rows[i - 1].k;
        if (same && rows[i].m <= rows[i - 1].m) {
            return err_input(e, file, place,
                             "table[%zu] has m %lld after %lld; the rows of a shape go by rising m",
                             i, (long long)rows[i].m, (long long)rows[i - 1].m);
        }
    }
    return gpu_quants_check(&g->quants, file, place, e);
}

static const struct json_spec gemm_spec = {
    .name = "gpu_gemm",
    .doc = "Matrix products of one precision.",
    .size = sizeof(struct gpu_gemm),
    .fields = gemm_fields,
    .check = check_gemm,
};

static const struct json_field attention_fields[] = {
    NUMBER(gpu_attention, prefill_launch_s, 1, "of a prompt: time that it always takes"),
    NUMBER(gpu_attention, prefill_key_s, 1, "per key of the longest sequence"),
    POSITIVE(gpu_attention, prefill, 1, "share of the f16 rate, tiles of 128 queries filled up"),
    POSITIVE(gpu_attention, prefill_memory, 1, "share of the bandwidth"),
    NUMBER(gpu_attention, decode_launch_s, 1, "of few decoding sequences: time that it takes"),
    NUMBER(gpu_attention, decode_key_s, 1, "per key of one of them"),
    NUMBER(gpu_attention, decode_base_s, 1, "of many: time that it takes"),
    NUMBER(gpu_attention, decode_sequence_s, 1, "per sequence"),
    POSITIVE(gpu_attention, decode_memory, 1, "share of the bandwidth when reading KV"),
    NUMBER(gpu_attention, mixed_sequence_s, 1, "per decoding sequence in a step with prompts"),
    POSITIVE(gpu_attention, mixed_memory, 1, "its share of the bandwidth"),
    NUMBER(gpu_attention, mixed_key_s, 1, "per key of one of them, overlapping the rest"),
    NUMBER(gpu_attention, mixed_far_bytes, 1e15, "KV bytes from which it slows down"),
    POSITIVE(gpu_attention, mixed_far_memory, 1e6,
             "share of the bandwidth that the bytes beyond cost on top"),
    FIT(gpu_attention, prefill_fit, "how well prompts meet their table"),
    FIT(gpu_attention, decode_fit, "how well decoding meets its table"),
    FIT(gpu_attention, mixed_fit, "how well steps of both meet theirs"),
    SOURCE(gpu_attention),
    {.key = NULL},
};

static const struct json_spec attention_spec = {
    .name = "gpu_attention",
    .doc = "Attention of one layer.",
    .size = sizeof(struct gpu_attention),
    .fields = attention_fields,
};

static const struct json_field small_fields[] = {
    NUMBER(gpu_small, launch_s, 1, "with few tokens: time at no token"),
    NUMBER(gpu_small, launch_token_s, 1, "time per token"),
    NUMBER(gpu_small, base_s, 1, "with many: time at no token"),
    NUMBER(gpu_small, token_s, 1, "time per token; the larger of the two counts"),
    FIT(gpu_small, fit, "how well it meets the table"),
    SOURCE(gpu_small),
    {.key = NULL},
};

static const struct json_spec small_spec = {
    .name = "gpu_small",
    .doc = "Kernels that only move data.",
    .size = sizeof(struct gpu_small),
    .fields = small_fields,
};

#define PART(member, part, text)                                                                   \
    {                                                                                              \
        .key = #member, .type = JSON_OBJECT, .offset = offsetof(struct gpu_kernels, member),       \
        .spec = &(part), .doc = (text)                                                             \
    }

static const struct json_field kernels_fields[] = {
    PART(multiprocessors, gpu_value_spec, "streaming multiprocessors"),
    {.key = "gemm",
     .type = JSON_LIST,
     .offset = offsetof(struct gpu_kernels, gemm),
     .spec = &gemm_spec,
     .min = 1,
     .max = 100,
     .doc = "matrix products by precision"},
    PART(attention, attention_spec, "attention, 16-bit KV"),
    PART(between, small_spec, "the rest of a layer: two norms, rotary embedding, activation"),
    PART(sampler, small_spec, "choosing the tokens"),
    {.key = NULL},
};

const struct json_spec gpu_kernels_spec = {
    .name = "gpu_kernels",
    .doc = "Measured kernels.",
    .size = sizeof(struct gpu_kernels),
    .fields = kernels_fields,
};

const struct gpu_gemm *gpu_gemm_find(const struct gpu_kernels *kernels, const char *quant)
{
    const struct gpu_gemm *list = kernels->gemm.items;
    for (size_t i = 0; i < kernels->gemm.n; i++) {
        const char *const *words = list[i].quants.items;
        for (size_t k = 0; k < list[i].quants.n; k++) {
            if (strcmp(words[k], quant) == 0) {
                return &list[i];
            }
        }
    }
    return NULL;
}
