/* llm_layers.c - adds kernels up to layers and layers to a step: fills the part of struct llm_cost
 * that is used where the profile has measured kernels. Tensor parallel splits columns of the first
 * and rows of the second product of each pair (Megatron), and heads. */
#include <math.h>

#include "models/llm_internal.h"

#define FS_PER_S 1e15

static int64_t fs_of_s(double seconds)
{
    return (int64_t)llround(seconds * FS_PER_S);
}

/* Knots lie closer where tiles and few rows make steps; between them time is interpolated. */
static const struct segment {
    int64_t from, step, count;
} segments[] = {{0, 1, 32}, {32, 16, 30}, {512, 64, 24}, {2048, 1024, 30}};
enum { SEGMENTS = sizeof segments / sizeof segments[0] };

static int64_t knot_at(int i)
{
    for (int s = 0; s < SEGMENTS; s++) {
        if (i < segments[s].count || s == SEGMENTS - 1) {
            return segments[s].from + i * segments[s].step;
        }
        i -= (int)segments[s].count;
    }
    return 0;
}

int64_t llm_curve_fs(const struct llm_curve *curve, int64_t count)
{
    int i = 0;
    const struct segment *s = segments;
    while (s < segments + SEGMENTS - 1 && count >= s->from + s->count * s->step) {
        i += (int)s->count;
        s++;
    }
    int64_t whole = (count - s->from) / s->step;
    if (whole >= s->count) { /* beyond the last knot: as between the last two */
        whole = s->count - 1;
    }
    i += (int)whole;
    int64_t rest = count - s->from - whole * s->step;
    __int128 rise = curve->fs[i + 1] - curve->fs[i];
    return curve->fs[i] + (int64_t)(rise * rest / s->step);
}

/* Several times the same product, and how many rows it has is the curve's argument. */
struct product {
    const struct gpu_gemm *gemm;
    struct gpu_speed speed;
    double n, k, times;
};

static void curve_make(struct llm_curve *curve, const struct product *products, int n_products,
                       const struct gpu_small *small, double small_times)
{
    curve->fs[0] = 0;
    curve->compute_from = INT64_MAX;
    for (int i = 1; i < LLM_KNOTS; i++) {
        double rows = (double)knot_at(i);
        double total = small_times * gpu_small_s(small, rows);
        double compute_s = 0.0;
        for (int p = 0; p < n_products; p++) {
            bool compute;
            double s = products[p].times * gpu_gemm_s(products[p].gemm, &products[p].speed, rows,
                                                      products[p].n, products[p].k, &compute);
            total += s;
            compute_s += compute ? s : 0.0;
        }
        int64_t fs = fs_of_s(total);
        /* Where another kernel takes over, a fit may fall; a step never gets shorter by work. */
        curve->fs[i] = fs > curve->fs[i - 1] ? fs : curve->fs[i - 1] + 1;
        if (compute_s > 0.5 * total && curve->compute_from == INT64_MAX) {
            curve->compute_from = knot_at(i);
        }
    }
}

static void attention_make(const struct llm_setup *s, struct llm_cost *cost)
{
    const struct gpu_attention *a = &s->gpu->kernels->attention;
    double layers = (double)s->card->layers;
    double n = (double)s->tensor_parallel;
    double bandwidth = s->gpu->bandwidth_bytes_per_s.value;
    double query = (double)(s->card->heads * s->card->head_dim) / n;
    /* Fewer KV heads than GPUs: each GPU holds one. */
    double kv = fmax((double)s->card->kv_heads / n, 1.0) * (double)s->card->head_dim;
    double kv_bytes = 4.0 * kv * (s->kv == LLM_KV_8 ? 0.5 : 1.0); /* keys and values of a token */
    double kv_s = layers * kv_bytes / bandwidth;
    struct llm_layers *l = &cost->layers;
    l->prompt_fs = fs_of_s(layers * a->prefill_launch_s);
    l->prompt_key_fs = fs_of_s(layers * a->prefill_key_s);
    l->pair_fs = fs_of_s(layers * 4.0 * query / (s->gpu->compute.f16_flops.value * a->prefill));
    l->prompt_token_fs = fs_of_s(layers * 4.0 * query / (bandwidth * a->prefill_memory));
    l->prompt_kv_fs = fs_of_s(kv_s / a->prefill_memory);
    l->few_fs = fs_of_s(layers * a->decode_launch_s);
    l->few_key_fs = fs_of_s(layers * a->decode_key_s);
    l->many_fs = fs_of_s(layers * a->decode_base_s);
    l->many_sequence_fs = fs_of_s(layers * a->decode_sequence_s);
    l->many_kv_fs = fs_of_s(kv_s / a->decode_memory);
    l->mixed_sequence_fs = fs_of_s(layers * a->mixed_sequence_s);
    l->mixed_kv_fs = fs_of_s(kv_s / a->mixed_memory);
    l->mixed_key_fs = fs_of_s(layers * a->mixed_key_s);
    l->mixed_far_fs = fs_of_s(kv_s / a->mixed_far_memory);
    l->mixed_far_tokens = (int64_t)(a->mixed_far_bytes / kv_bytes);
}

void llm_layers_make(const struct llm_setup *s, double token_s, struct llm_cost *cost)
{
    const struct llm_card *card = s->card;
    const struct gpu_kernels *kernels = s->gpu->kernels;
    const struct gpu_gemm *gemm = gpu_gemm_find(kernels, llm_quant_words[s->quant]);
    struct gpu_speed speed = gpu_speed_of(s->gpu, gemm->rate, s->quant);
    double n = (double)s->tensor_parallel;
    double layers = (double)card->layers;
    double hidden = (double)card->hidden;
    double query = (double)(card->heads * card->head_dim) / n;
    double kv = fmax((double)card->kv_heads / n, 1.0) * (double)card->head_dim;
    double ffn = (double)card->ffn / n;
    struct product products[] = {
        {gemm, speed, query + 2.0 * kv, hidden, layers},
        {gemm, speed, hidden, query, layers},
        {gemm, speed, ffn * (card->gated_mlp ? 2.0 : 1.0), hidden, layers},
        {gemm, speed, hidden, ffn, layers},
    };
    struct gpu_small between = kernels->between;
    between.launch_token_s += token_s / layers;
    between.token_s += token_s / layers;
    cost->layered = true;
    curve_make(&cost->layers.tokens, products, 4, &between, layers);
    /* The LM head stays in 16 bits. */
    const struct gpu_gemm *head_gemm = gpu_gemm_find(kernels, llm_quant_words[LLM_BF16]);
    bool wide = head_gemm != NULL;
    struct product head = {wide ? head_gemm : gemm,
                           wide ? gpu_speed_of(s->gpu, head_gemm->rate, LLM_BF16) : speed,
                           (double)card->vocab / n, hidden, 1.0};
    curve_make(&cost->layers.sequences, &head, 1, &kernels->sampler, 1.0);
    attention_make(s, cost);
}
