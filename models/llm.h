/* llm.h - what an LLM costs on a GPU: model cards, GPU profiles, prefill and decode time, memory.
 *
 * Cards are JSON files in models/cards/, profiles in bench/profiles/; both are read strictly by
 * table (base/json.h). Every number of a profile names where it comes from.
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

/* Serving engines: they differ in how much of the hardware they reach. */
enum llm_engine { LLM_VLLM, LLM_LLAMA_CPP, LLM_TINYCHAT, LLM_OLLAMA, LLM_ENGINE_COUNT };
extern const char *const llm_engine_words[];

enum llm_vision { LLM_VISION_NONE, LLM_VISION_LLAVA15, LLM_VISION_LLAVA16 };

struct llm_card {
    const char *name;
    const char *tag_of; /* Ollama tag: the card it stands for; NULL else */
    int64_t layers, hidden, ffn, heads, kv_heads, head_dim, vocab;
    bool gated_mlp, tied_embeddings;
    double vision_parameters, vision_flops_per_image; /* one encoder pass; 0: no vision */
    int vision;                                       /* enum llm_vision */
    int default_quant;                                /* enum llm_quant */
    const char *source;
    /* derived by llm_card_load */
    double parameters;       /* all, vision excluded */
    double layer_parameters; /* weights of the transformer layers */
    double head_parameters;  /* LM head */
};

struct gpu_profile; /* opaque: models/llm_profile.c knows its shape */

/* How one model runs on one GPU (or a tensor-parallel group) in one engine and precision. */
struct llm_setup {
    const struct gpu_profile *gpu;
    const struct llm_card *card;
    enum llm_quant quant;
    enum llm_engine engine;
    int tensor_parallel; /* 1: one GPU */
};

/* Coefficients made once per setup, so that a step costs a few multiplications. */
struct llm_cost {
    double weights_bytes;         /* all GPUs together, vision encoder included */
    double kv_bytes_per_token;    /* all GPUs together */
    double prefill_fixed_s;       /* a: launches and what does not scale */
    double prefill_token_s;       /* b: linear part, per prompt token (compute bound) */
    double prefill_token2_s;      /* c: attention, per (prompt token)^2 */
    double decode_fixed_s;        /* weights once, launches, LM head */
    double decode_ctx_s;          /* per token of context summed over the batch */
    double decode_seq_s;          /* per sequence in the batch */
    double decode_compute_seq_s;  /* compute-bound floor per sequence: max with the memory time */
    double vision_pass_s;         /* one vision encoder pass */
    double memory_bytes;          /* of the group */
    double cold_load_bytes_per_s; /* disk to GPU memory */
};

/* Reads DIR/NAME.json. `dir` NULL: the shipped folder (llm_data_dir). */
int llm_card_load(const char *dir, const char *name, struct arena *a, struct llm_card *card,
                  struct err *e);
int gpu_profile_load(const char *dir, const char *name, struct arena *a,
                     const struct gpu_profile **gpu, struct err *e);

const char *gpu_profile_name(const struct gpu_profile *gpu);
const char *gpu_profile_source(const struct gpu_profile *gpu);
/* Bytes of memory of one GPU as the driver reports them. */
double gpu_profile_memory_bytes(const struct gpu_profile *gpu);

/* Fills the coefficients. ERR_INPUT when the precision is not possible there or the weights do
 * not fit into the memory. */
int llm_cost_make(const struct llm_setup *setup, struct llm_cost *cost, struct err *e);

/* Time of one engine step in ns that prefills chunks (chunk i adds `tokens` to a sequence that
 * already has `past` tokens) together with one decode token for each of n_decode sequences whose
 * contexts sum to context_tokens, and runs `images` vision passes. Any part may be empty. */
struct llm_chunk {
    int64_t past, tokens;
};
int64_t llm_step_ns(const struct llm_cost *cost, const struct llm_chunk *chunks, int n_chunks,
                    int64_t n_decode, int64_t context_tokens, int64_t vision_passes);

/* Time in ns of `steps` decode steps in a row of n sequences whose contexts sum to
 * context_tokens at the first step and grow by n a step: equal, to the nanosecond, to adding
 * llm_step_ns() step by step (each step is rounded on its own). */
int64_t llm_decode_run_ns(const struct llm_cost *cost, int64_t n_decode, int64_t context_tokens,
                          int64_t steps);

/* Image tokens and vision encoder passes of an image of w x h pixels for this card's tiling. */
void llm_image_tokens(const struct llm_card *card, int64_t w, int64_t h, int64_t *tokens,
                      int64_t *passes);

/* Bytes a weight takes, KV bytes per token of a card (f16 KV), perplexity differential or NAN. */
double llm_bytes_per_weight(enum llm_quant quant);
double llm_kv_bytes_per_token(const struct llm_card *card);

#endif
