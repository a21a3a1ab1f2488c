/* llm.h - what an LLM costs on a GPU: model cards, GPU profiles, step time, memory.
 *
 * Cards are JSON files in models/cards/, profiles in bench/profiles/; both are read strictly by
 * table (base/json.h). Every number of a profile names where it comes from. The model is a
 * roofline with measured efficiencies; docs/models/inference.md has the equations and how far
 * they are from measurements.
 *
 * One engine step runs T tokens, S of whose sequences end the step with a new token. Its time is
 *
 *   step + S sequence + V vision
 *     + max(floor, max(weights + T token_memory, T token_compute + S head_compute)
 *                  + pairs attention + context kv)
 *
 * where the profile gives shares of peak rates. Where it has measured kernels (struct llm_layers),
 * max(...) is instead the sum over the layers' kernels: a curve over T, a curve over S, and
 * attention, which is affine in pairs and context. There `pairs` counts (query, key) pairs of
 * prompt tokens, `context` the tokens that the decoding sequences attend to, and each factor is one
 * of the *_fs coefficients below. They are integers of femtoseconds, so that a step is exact
 * integer arithmetic, rounded once to nanoseconds: this is what lets llm_decode_run_ns() add up
 * thousands of rounded steps without walking through them.
 */
#ifndef MODELS_LLM_H
#define MODELS_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* Weight and activation precisions, CLI.md's words. */
enum llm_quant {
    LLM_F16,
    LLM_BF16,
    LLM_FP8,
    LLM_W8A8,
    LLM_W8A16,
    LLM_W4A16,
    LLM_AWQ,
    LLM_Q8_0,
    LLM_Q4_0,
    LLM_Q4_K_M,
    LLM_QUANT_COUNT
};
extern const char *const llm_quant_words[]; /* NULL-terminated, in enum order */

/* Precision of the KV cache. */
enum llm_kv { LLM_KV_16, LLM_KV_8, LLM_KV_COUNT };
extern const char *const llm_kv_words[]; /* NULL-terminated, in enum order */

/* Serving engines: they differ in how much of the hardware they reach. */
enum llm_engine { LLM_VLLM, LLM_LLAMA_CPP, LLM_TINYCHAT, LLM_OLLAMA, LLM_ENGINE_COUNT };
extern const char *const llm_engine_words[];

/* How an image becomes tokens. */
enum llm_vision { LLM_VISION_NONE, LLM_VISION_LLAVA15, LLM_VISION_LLAVA16 };

/* What a precision does to a model: measured perplexity differentials, and the factors of the
 * edge-inference paper (models/llm_card.c derives them where a card does not say). */
struct llm_accuracy {
    int quant;               /* enum llm_quant */
    double perplexity_delta; /* against 16 bits */
    double alpha, beta;      /* memory and time against 16 bits; 0: derived */
    const char *source;
};

struct llm_card {
    const char *name;
    const char *tag_of; /* Ollama tag: the card it stands for; NULL else */
    int64_t layers, hidden, ffn, heads, kv_heads, head_dim, vocab;
    bool gated_mlp, tied_embeddings;
    double other_parameters;                          /* norms, biases, positions */
    double vision_parameters, vision_flops_per_image; /* one encoder pass; 0: no vision */
    int vision;                                       /* enum llm_vision */
    int default_quant;                                /* enum llm_quant */
    struct json_list accuracy;                        /* struct llm_accuracy */
    const char *source;
    /* derived by llm_card_load */
    double parameters;       /* all, vision excluded */
    double layer_parameters; /* weights of the transformer layers */
    double head_parameters;  /* LM head */
};

struct gpu_profile; /* opaque: models/llm_internal.h knows its shape */

/* How one model runs on one GPU (or a tensor-parallel group) in one engine and precision. */
struct llm_setup {
    const struct gpu_profile *gpu;
    const struct llm_card *card;
    enum llm_quant quant;
    enum llm_engine engine;
    int tensor_parallel; /* 1: one GPU */
    enum llm_kv kv;
};

/* Time over a count of rows: knots in femtoseconds, linear between them. */
enum { LLM_KNOTS = 117 };
struct llm_curve {
    int64_t fs[LLM_KNOTS];
    int64_t compute_from; /* from this count on it is bound by arithmetic */
};

/* Femtoseconds of a step whose kernels were measured, all layers together. */
struct llm_layers {
    struct llm_curve tokens;    /* products and small kernels of the layers */
    struct llm_curve sequences; /* LM head and sampler */
    /* attention of prompts */
    int64_t prompt_fs, prompt_key_fs, pair_fs, prompt_token_fs, prompt_kv_fs;
    /* of decoding sequences alone: the larger of `few` and `many`; with prompts: `mixed` */
    int64_t few_fs, few_key_fs, many_fs, many_sequence_fs, many_kv_fs;
    int64_t mixed_sequence_fs, mixed_kv_fs, mixed_key_fs, mixed_far_fs, mixed_far_tokens;
};

/* Coefficients made once per setup, so that a step costs a few multiplications. */
struct llm_cost {
    /* Memory of the whole group. */
    double memory_bytes;
    double weights_bytes; /* vision encoder included */
    double kv_bytes_per_token;
    double reserve_bytes;         /* activations, CUDA context and graphs of the engine */
    double memory_utilization;    /* share of the memory that the engine takes by default */
    double cold_load_bytes_per_s; /* disk to GPU memory */

    /* Time, femtoseconds; see the top of the file. */
    int64_t step_fs, floor_fs, weights_fs, sequence_fs;
    int64_t token_memory_fs, token_compute_fs, head_compute_fs;
    int64_t attention_fs, kv_fs, vision_fs;
    bool layered; /* the profile has kernels: `layers` count, and of the above only step, sequence
                     and vision */
    struct llm_layers layers;
    int64_t pass_tokens; /* the engine runs at most this many tokens at once and splits what is
                            longer (llama.cpp's n_ubatch); 0: it does not split */

    const char *source; /* of the efficiencies that were used */
};

/* Reads DIR/NAME.json. `dir` NULL: the shipped folder. A tag's card is that of the model it
 * stands for, with the tag's own name, precision and image rule. */
int llm_card_load(const char *dir, const char *name, struct arena *a, struct llm_card *card,
                  struct err *e);
int gpu_profile_load(const char *dir, const char *name, struct arena *a,
                     const struct gpu_profile **gpu, struct err *e);

const char *gpu_profile_name(const struct gpu_profile *gpu);
const char *gpu_profile_source(const struct gpu_profile *gpu);
/* US dollars per hour of one GPU; NAN: the profile does not say. */
double gpu_profile_usd_per_hour(const struct gpu_profile *gpu);
/* Bytes of memory of one GPU as the driver reports them. */
double gpu_profile_memory_bytes(const struct gpu_profile *gpu);

/* Fills the coefficients. ERR_INPUT when the precision is not possible there or the weights do
 * not fit into the memory. */
int llm_cost_make(const struct llm_setup *setup, struct llm_cost *cost, struct err *e);

/* Tokens of KV that fit beside the weights and the engine's reserve when the engine may use this
 * share of the memory (0: the engine's default). Never negative. */
int64_t llm_kv_tokens(const struct llm_cost *cost, double memory_utilization);
/* The same from card, profile and share alone, without the reserve. */
int64_t llm_kv_tokens_unreserved(const struct llm_cost *cost, double memory_utilization);

/* Time of one engine step in ns that prefills chunks (chunk i adds `tokens` to a sequence that
 * already has `past` tokens) together with one decode token for each of n_decode sequences whose
 * contexts (the new token included) sum to context_tokens, and runs `vision_passes` passes of the
 * image encoder. Any part may be empty; a step of nothing takes no time. */
struct llm_chunk {
    int64_t past, tokens;
};
int64_t llm_step_ns(const struct llm_cost *cost, const struct llm_chunk *chunks, int n_chunks,
                    int64_t n_decode, int64_t context_tokens, int64_t vision_passes);

/* What such a step waits for: "compute", "memory" or "launch" (the floor). */
const char *llm_step_bound(const struct llm_cost *cost, const struct llm_chunk *chunks,
                           int n_chunks, int64_t n_decode, int64_t context_tokens);

/* Time in ns of `steps` decode steps in a row of n sequences whose contexts sum to
 * context_tokens at the first step and grow by n a step: equal, to the nanosecond, to adding
 * llm_step_ns() step by step (each step is rounded on its own). Takes O(log) of the numbers. */
int64_t llm_decode_run_ns(const struct llm_cost *cost, int64_t n_decode, int64_t context_tokens,
                          int64_t steps);

/* The smallest number of steps, from 1 to max_steps, whose run lasts at least elapsed_ns: where a
 * run that something interrupts after elapsed_ns ends. max_steps when none does. */
int64_t llm_decode_steps_until(const struct llm_cost *cost, int64_t n_decode,
                               int64_t context_tokens, int64_t max_steps, int64_t elapsed_ns);

/* Image tokens and vision encoder passes of an image of w x h pixels for this card's tiling. */
void llm_image_tokens(const struct llm_card *card, int64_t w, int64_t h, int64_t *tokens,
                      int64_t *passes);

/* What the card says of a precision; NULL: nothing. */
const struct llm_accuracy *llm_accuracy_of(const struct llm_card *card, enum llm_quant quant);
/* Memory (alpha) and compute time (beta) against 16-bit weights and activations: the card's own
 * numbers, or bits of a weight / 16, and that times bits of an activation / 16. */
double llm_alpha(const struct llm_card *card, enum llm_quant quant);
double llm_beta(const struct llm_card *card, enum llm_quant quant);

/* Bytes that a weight of the transformer layers takes. */
double llm_bytes_per_weight(enum llm_quant quant);
/* Bytes of all weights, the vision encoder (f16) included. */
double llm_weights_bytes(const struct llm_card *card, enum llm_quant quant);
/* KV bytes per token of a card (f16 KV). */
double llm_kv_bytes_per_token(const struct llm_card *card);

#endif
