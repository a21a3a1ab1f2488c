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

struct gpu_profile {
    const char *name, *source;
    struct gpu_value memory_bytes, bandwidth_bytes_per_s;
    struct gpu_compute compute;
    struct gpu_value vision; /* share of the f16 rate in the image encoder */
    struct gpu_value cold_load_bytes_per_s;
    struct gpu_value link_bytes_per_s, link_latency_s; /* between the GPUs of a group */
    struct json_list efficiency;                       /* struct gpu_efficiency */
};

/* Path of DIR/NAME.json, or of NAME.json in the shipped folder when `dir` is NULL. ERR_INPUT with
 * the nearest known name when there is none; `what` is "GPU" or "model". */
int llm_file_find(const char *dir, const char *shipped, const char *what, const char *name,
                  char *path, size_t bytes, struct err *e);

#endif
