/* llm_kernel.c - the time of single GPU kernels: matrix products, attention, and the small kernels
 * between them. Forms and their parameters; tools/fit_gpu.c fits them to measured tables, and
 * llm_layers.c adds them up to layers. */
#include <math.h>

#include "models/llm_internal.h"

/* Output tiles that a library's kernels come in. Which one runs is the library's choice; the model
 * takes the fastest, as an autotuner would. */
static const double tile_rows[GPU_TILES] = {128.0, 128.0, 64.0};
static const double tile_columns[GPU_TILES] = {256.0, 128.0, 64.0};

/* (a^p + b^p)^(1/p): the larger of the two, rounded off where they meet. */
static double soft_max(double a, double b, double p)
{
    double high = fmax(a, b);
    double low = fmin(a, b);
    return high <= 0.0 ? 0.0 : high * pow(1.0 + pow(low / high, p), 1.0 / p);
}

/* Seconds of a product whose shape is in the table: a straight line between the two rows around m,
 * or through the last two beyond them; negative when there is no such shape. */
static double table_s(const struct gpu_gemm *g, double m, double n, double k)
{
    const struct gpu_gemm_row *rows = g->table.items;
    const struct gpu_gemm_row *low = NULL;
    const struct gpu_gemm_row *high = NULL;
    for (size_t i = 0; i < g->table.n; i++) {
        if ((double)rows[i].n != n || (double)rows[i].k != k) {
            continue;
        }
        if (high == NULL || (double)high->m < m) { /* until two rows enclose m */
            low = high;
            high = &rows[i];
        }
    }
    if (high == NULL) {
        return -1.0;
    }
    if (low == NULL) {
        return high->s;
    }
    double slope = (high->s - low->s) / (double)(high->m - low->m);
    double s = low->s + slope * (m - (double)low->m);
    /* Noise may let a table end falling. */
    return m > (double)high->m ? fmax(s, high->s) : s;
}

double gpu_gemm_s(const struct gpu_gemm *g, const struct gpu_speed *speed, double m, double n,
                  double k, bool *compute_bound)
{
    double weights = n * k * speed->weight_bytes;
    double bytes = weights + m * k * speed->activation_bytes + m * n * 2.0;
    bool few = m <= g->few_rows;
    double memory = bytes / (speed->bandwidth * (few ? g->few_memory : g->memory));
    if (speed->repeated && g->cache_bytes > 0.0) {
        /* What a benchmark multiplies by again and again stays in the cache when it fits. */
        double cached = 1.0 / (1.0 + pow(weights / g->cache_bytes, 4.0));
        memory *= 1.0 - cached + cached / g->cache_speedup;
    }
    double compute = INFINITY;
    if (few) {
        compute = 2.0 * m * n * k / (speed->flops * g->few_rate);
    } else {
        const double share[GPU_TILES] = {g->tile_large, g->tile_medium, g->tile_small};
        for (int i = 0; i < GPU_TILES; i++) {
            double tiles = ceil(m / tile_rows[i]) * ceil(n / tile_columns[i]);
            double waves = tiles / speed->multiprocessors;
            /* Whole waves of tiles, softened: kernels also split along k. */
            waves = g->quantization * ceil(waves) + (1.0 - g->quantization) * waves;
            double wave_flops = 2.0 * tile_rows[i] * tile_columns[i] * k * speed->multiprocessors;
            compute = fmin(compute, waves * wave_flops / (speed->flops * share[i]));
        }
    }
    if (compute_bound != NULL) {
        *compute_bound = compute > memory;
    }
    double measured = g->table.n > 0 ? table_s(g, m, n, k) : -1.0;
    if (measured >= 0.0) {
        return measured;
    }
    double fixed = few ? g->few_launch_s + k * g->few_depth_s : g->launch_s + k * g->depth_s;
    return fixed + soft_max(memory, compute, g->sharpness);
}

/* Queries are taken in tiles; a tile meets every key up to its last query. */
enum { QUERY_TILE = 128 };

double gpu_prefill_pairs(double past, double tokens)
{
    double tiles = floor(tokens / QUERY_TILE);
    double rest = tokens - tiles * QUERY_TILE;
    double keys = tiles * past + QUERY_TILE * tiles * (tiles + 1.0) / 2.0;
    return QUERY_TILE * (keys + (rest > 0.0 ? past + tokens : 0.0));
}

double gpu_prefill_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                               const struct gpu_heads *heads, double batch, double past,
                               double tokens)
{
    double query = heads->query * heads->dim;
    double kv = heads->kv * heads->dim;
    double flops = 4.0 * query * batch * gpu_prefill_pairs(past, tokens);
    double bytes = batch * 2.0 * (tokens * 2.0 * query + (past + tokens) * 2.0 * kv);
    double compute = flops / (speed->flops * a->prefill);
    double memory = bytes / (speed->bandwidth * a->prefill_memory);
    return a->prefill_launch_s + a->prefill_key_s * (past + tokens) + compute + memory;
}

double gpu_decode_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                              const struct gpu_heads *heads, double batch, double context)
{
    double bytes = context * 2.0 * heads->kv * heads->dim * 2.0;
    double few = a->decode_launch_s + a->decode_key_s * context / batch;
    double many = a->decode_base_s + a->decode_sequence_s * batch +
                  bytes / (speed->bandwidth * a->decode_memory);
    return fmax(few, many);
}

double gpu_mixed_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                             const struct gpu_heads *heads, double prompts_s, double batch,
                             double context)
{
    double bytes = context * 2.0 * heads->kv * heads->dim * 2.0;
    double far = fmax(bytes - a->mixed_far_bytes, 0.0) / a->mixed_far_memory;
    double work = prompts_s - a->prefill_launch_s + a->mixed_sequence_s * batch +
                  (bytes / a->mixed_memory + far) / speed->bandwidth;
    double one = a->mixed_key_s * context / batch;
    return a->prefill_launch_s + sqrt(work * work + one * one);
}

double gpu_small_s(const struct gpu_small *s, double tokens)
{
    return fmax(s->launch_s + tokens * s->launch_token_s, s->base_s + tokens * s->token_s);
}

double gpu_rate_of(const struct gpu_compute *c, int rate)
{
    switch (rate) {
    case GPU_RATE_F16_ACC16:
        return c->f16_acc16_flops->value;
    case GPU_RATE_INT8:
        return c->int8_ops->value;
    case GPU_RATE_FP8:
        return c->fp8_flops->value;
    default:
        return c->f16_flops.value;
    }
}

struct gpu_speed gpu_speed_of(const struct gpu_profile *gpu, int rate, enum llm_quant quant)
{
    struct gpu_speed speed = {.bandwidth = gpu->bandwidth_bytes_per_s.value};
    speed.flops = gpu_rate_of(&gpu->compute, rate);
    speed.multiprocessors = gpu->kernels != NULL ? gpu->kernels->multiprocessors.value : 1.0;
    speed.weight_bytes = llm_bytes_per_weight(quant);
    speed.activation_bytes = rate == GPU_RATE_INT8 || rate == GPU_RATE_FP8 ? 1.0 : 2.0;
    return speed;
}
