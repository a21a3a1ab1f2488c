/* llm_internal.h - the shape of a GPU profile, for the files of models/ that make costs of it. */
#ifndef MODELS_LLM_INTERNAL_H
#define MODELS_LLM_INTERNAL_H

#include "models/llm.h"

/* A number and where it comes from. */
struct gpu_value {
    double value;
    const char *source;
};

/* Which of the peak rates a precision computes at. */
enum gpu_rate { GPU_RATE_F16, GPU_RATE_F16_ACC16, GPU_RATE_INT8, GPU_RATE_FP8 };

/* Dense peak rates; NULL: the GPU does not have it. */
struct gpu_compute {
    struct gpu_value f16_flops;              /* 16-bit inputs, 32-bit accumulation */
    const struct gpu_value *f16_acc16_flops; /* 16-bit accumulation, where it is faster */
    const struct gpu_value *int8_ops;
    const struct gpu_value *fp8_flops;
};

/* How much of the peak an engine reaches with some precisions. */
struct gpu_efficiency {
    int engine;               /* enum llm_engine */
    struct json_list quants;  /* const char *: words of llm_quant_words */
    int64_t tensor_parallel;  /* GPUs that this entry was measured on */
    bool kernels;             /* times come from the profile's kernels; no shares below */
    int rate;                 /* enum gpu_rate of the matrix products */
    double prefill;           /* share of that rate in matrix products */
    double prefill_attention; /* share of the f16 rate in the attention of a prompt */
    double decode;            /* share of the bandwidth when reading weights */
    double decode_kv;         /* share of the bandwidth when reading KV */
    double step_s, layer_s;   /* time that nothing hides, per step and per layer and step */
    double layer_floor_s;     /* a step takes at least this per layer: launching it */
    double sequence_s;        /* per sequence that gets a token */
    double token_s;           /* per token, while the step is bound by memory */
    const char *source;
};

/* --- Kernels: forms in llm_kernel.c, parameters fitted by tools/fit_gpu.c --------------------- */

enum { GPU_TILES = 3 };

/* How well a form meets the table it was fitted to: every fifth row was held out. */
struct gpu_fit {
    int64_t rows_fitted, rows_held_out;
    double error_fitted_pct, error_held_out_pct; /* medians of absolute errors */
};

/* One measured product: m rows, a matrix of n outputs and k inputs. */
struct gpu_gemm_row {
    int64_t m, n, k;
    double s;
};

/* Matrix products m x k by k x n of one precision. */
struct gpu_gemm {
    struct json_list quants;                    /* const char *: words of llm_quant_words */
    int rate;                                   /* enum gpu_rate that the shares are of */
    double launch_s, depth_s;                   /* once, and per k */
    double memory;                              /* share of the bandwidth */
    double tile_large, tile_medium, tile_small; /* share of the rate by tile */
    double quantization;                        /* 1: whole waves of tiles; 0: none */
    double sharpness;                           /* of the knee between memory and compute */
    double few_rows;                            /* up to this m another kernel runs; 0: none */
    double few_launch_s, few_depth_s;           /* its own times and shares */
    double few_memory, few_rate;
    double cache_bytes, cache_speedup; /* of a benchmark's weights; not used for models */
    struct json_list table; /* struct gpu_gemm_row, by (n, k), then by rising m: a product of such a
                               shape takes what lines between its rows say, not the form */
    const struct gpu_fit *fit; /* NULL: not fitted */
    const char *source;
};

/* Attention, one layer. Of prompts: launch + key x keys + arithmetic + bytes. Of decoding
 * sequences: the larger of launch + key x context of one, and base + sequence x batch + bytes. Of
 * both together: launch + sqrt(work^2 + (mixed_key x context of one)^2), where work is that of the
 * prompts + mixed_sequence x batch + bytes, those beyond mixed_far_bytes taking longer. */
struct gpu_attention {
    double prefill_launch_s, prefill_key_s, prefill, prefill_memory;
    double decode_launch_s, decode_key_s, decode_base_s, decode_sequence_s, decode_memory;
    double mixed_sequence_s, mixed_memory, mixed_key_s, mixed_far_bytes, mixed_far_memory;
    const struct gpu_fit *prefill_fit, *decode_fit, *mixed_fit; /* NULL: not fitted */
    const char *source;
};

/* Kernels that only move data: the larger of launch + launch_token x tokens, and base + token x
 * tokens. */
struct gpu_small {
    double launch_s, launch_token_s, base_s, token_s;
    const struct gpu_fit *fit;
    const char *source;
};

struct gpu_kernels {
    struct gpu_value multiprocessors;
    struct json_list gemm; /* struct gpu_gemm */
    struct gpu_attention attention;
    struct gpu_small between; /* of a layer: two norms, rotary embedding, activation */
    struct gpu_small sampler; /* tokens: the sequences that get one */
};

/* What a kernel runs on, in the units of the forms. */
struct gpu_speed {
    double bandwidth, flops, multiprocessors;
    double weight_bytes, activation_bytes; /* per element of the inputs */
    bool repeated;                         /* a benchmark that uses the same weights again */
};

struct gpu_heads {
    double query, kv, dim;
};

double gpu_gemm_s(const struct gpu_gemm *g, const struct gpu_speed *speed, double m, double n,
                  double k, bool *compute_bound);
/* (query, key) pairs that are computed for `tokens` of a prompt after `past`, tiles filled up. */
double gpu_prefill_pairs(double past, double tokens);
double gpu_prefill_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                               const struct gpu_heads *heads, double batch, double past,
                               double tokens);
/* `context`: summed over the batch. */
double gpu_decode_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                              const struct gpu_heads *heads, double batch, double context);
/* Both: prompts_s is what gpu_prefill_attention_s() gives for the prompts alone. */
double gpu_mixed_attention_s(const struct gpu_attention *a, const struct gpu_speed *speed,
                             const struct gpu_heads *heads, double prompts_s, double batch,
                             double context);
double gpu_small_s(const struct gpu_small *s, double tokens);

double gpu_rate_of(const struct gpu_compute *compute, int rate);
/* The speed at which a precision's products run: peak rates, bytes per weight and activation. */
struct gpu_speed gpu_speed_of(const struct gpu_profile *gpu, int rate, enum llm_quant quant);

struct gpu_profile {
    const char *name, *source;
    struct gpu_value memory_bytes, bandwidth_bytes_per_s;
    struct gpu_compute compute;
    struct gpu_value vision; /* share of the f16 rate in the image encoder */
    struct gpu_value cold_load_bytes_per_s;
    struct gpu_value link_bytes_per_s, link_latency_s; /* between the GPUs of a group */
    struct json_list efficiency;                       /* struct gpu_efficiency */
    const struct gpu_kernels *kernels;                 /* NULL: no kernel was measured */
    const struct gpu_value *usd_per_hour;              /* NULL: nobody says */
};

/* For the tables that read a profile (llm_profile.c, llm_profile_kernels.c). */
extern const char *const gpu_rate_words[]; /* NULL-terminated, in enum gpu_rate's order */
extern const struct json_spec gpu_value_spec, gpu_kernels_spec;
int gpu_quants_check(const struct json_list *quants, const char *file, const char *place,
                     struct err *e);
/* Fills cost->layers. token_s: what each token adds besides (all-reduces). */
void llm_layers_make(const struct llm_setup *setup, double token_s, struct llm_cost *cost);
int64_t llm_curve_fs(const struct llm_curve *curve, int64_t count);
/* The products of a precision; NULL when it was not measured. */
const struct gpu_gemm *gpu_gemm_find(const struct gpu_kernels *kernels, const char *quant);

/* Path of DIR/NAME.json, or of NAME.json in the shipped folder when `dir` is NULL. ERR_INPUT with
 * the nearest known name when there is none; `what` is "GPU" or "model". */
int llm_file_find(const char *dir, const char *shipped, const char *what, const char *name,
                  char *path, size_t bytes, struct err *e);

#endif
