/* fit_gpu_tables.h - reads the measured kernel tables (WILLMSIM_DATA, inference/kernels/), for the
 * program that fits the kernel forms to them and for the tests of that fit. Every fifth row of a
 * table is marked as held out. */
#ifndef TOOLS_FIT_GPU_TABLES_H
#define TOOLS_FIT_GPU_TABLES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/llm_internal.h"

enum { LINE_BYTES = 512 };

struct sample {
    double batch, past, tokens, context; /* attention; context: per sequence */
    struct gpu_heads heads;
    double m, n, k; /* products */
    double seconds;
    bool held_out;
};

struct table {
    struct sample *rows;
    int n, room;
};

static inline void table_add(struct table *t, struct sample s)
{
    if (t->n == t->room) {
        t->room = t->room == 0 ? 1024 : 2 * t->room;
        t->rows = realloc(t->rows, (size_t)t->room * sizeof *t->rows);
        if (t->rows == NULL) {
            fputs("out of memory\n", stderr);
            exit(1);
        }
    }
    s.held_out = t->n % 5 == 4;
    t->rows[t->n++] = s;
}

/* NULL: not there; the tables are then empty. */
static inline FILE *table_open(const char *name)
{
    const char *data = getenv("WILLMSIM_DATA");
    char path[1024];
    snprintf(path, sizeof path, "%s/inference/kernels/%s", data != NULL ? data : "../shared/data",
             name);
    return fopen(path, "r");
}

static inline void table_close(FILE *f)
{
    if (f != NULL) {
        fclose(f);
    }
}

/* A table of gemm.csv: gpu, framework, version and precision. */
struct gemm_key {
    const char *gpu, *framework, *version, *dtype;
};

static inline struct table gemm_read(const struct gemm_key *key)
{
    struct table t = {0};
    FILE *f = table_open("gemm.csv");
    char line[LINE_BYTES];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char gpu[32];
        char framework[32];
        char version[32];
        char dtype[32];
        struct sample s = {0};
        double ms;
        if (sscanf(line, "%31[^,],%31[^,],%31[^,],%31[^,],%lf,%lf,%lf,%lf", gpu, framework, version,
                   dtype, &s.m, &s.n, &s.k, &ms) == 8 &&
            strcmp(gpu, key->gpu) == 0 && strcmp(framework, key->framework) == 0 &&
            strcmp(version, key->version) == 0 && strcmp(dtype, key->dtype) == 0 && s.m >= 1.0) {
            s.seconds = ms * 1e-3;
            table_add(&t, s);
        }
    }
    table_close(f);
    return t;
}

/* context_attention.csv (prefill) or generation_attention.csv. */
static inline struct table attention_read(const char *gpu_name, const char *version, bool prefill)
{
    struct table t = {0};
    FILE *f = table_open(prefill ? "context_attention.csv" : "generation_attention.csv");
    char line[LINE_BYTES];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char gpu[32];
        char v[32];
        char kv[32];
        struct sample s = {0};
        double isl;
        double step;
        double ms;
        if (sscanf(line, "%31[^,],VLLM,%31[^,],%lf,%lf,%lf,%lf,%lf,%lf,bfloat16,%31[^,],%lf", gpu,
                   v, &s.batch, &isl, &step, &s.heads.query, &s.heads.kv, &s.heads.dim, kv,
                   &ms) == 10 &&
            strcmp(gpu, gpu_name) == 0 && strcmp(v, version) == 0 && strcmp(kv, "bfloat16") == 0) {
            s.tokens = isl;
            s.past = step;
            s.context = isl + step;
            s.seconds = ms * 1e-3;
            table_add(&t, s);
        }
    }
    table_close(f);
    return t;
}

/* LLMServingSim's profiles of Llama-3.1-8B: NAME is profile_NAME_Llama-3.1-8B_bf16_PART.csv. */
static inline FILE *layers_open(const char *name, const char *part)
{
    char file[256];
    snprintf(file, sizeof file, "profile_%s_Llama-3.1-8B_bf16_%s.csv", name, part);
    return table_open(file);
}

enum attention_part { PART_PREFILL, PART_DECODE, PART_MIXED };

static inline struct table layer_attention_read(const char *name, enum attention_part part)
{
    struct table t = {0};
    FILE *f = layers_open(name, "attention");
    char line[LINE_BYTES];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        struct sample s = {.heads = {32.0, 8.0, 128.0}};
        double us;
        if (sscanf(line, "%lf,%lf,%lf,%lf,%lf", &s.tokens, &s.past, &s.batch, &s.context, &us) !=
            5) {
            continue;
        }
        enum attention_part is = s.batch == 0.0    ? PART_PREFILL
                                 : s.tokens == 0.0 ? PART_DECODE
                                                   : PART_MIXED;
        if (is == part) {
            s.batch = part == PART_PREFILL ? 1.0 : s.batch;
            s.seconds = us * 1e-6;
            table_add(&t, s);
        }
    }
    table_close(f);
    return t;
}

static inline struct table layer_gemm_read(const char *name)
{
    static const struct {
        const char *layer;
        double n, k;
    } shapes[] = {{"qkv_proj", 6144, 4096},
                  {"o_proj", 4096, 4096},
                  {"gate_up_proj", 28672, 4096},
                  {"down_proj", 4096, 14336},
                  {"lm_head", 128256, 4096}};
    struct table t = {0};
    static const char *const parts[] = {"dense", "per_sequence"};
    for (int p = 0; p < 2; p++) {
        FILE *f = layers_open(name, parts[p]);
        char line[LINE_BYTES];
        while (f != NULL && fgets(line, sizeof line, f) != NULL) {
            char layer[32];
            struct sample s = {0};
            double us;
            if (sscanf(line, "%31[^,],%lf,%lf", layer, &s.m, &us) != 3) {
                continue;
            }
            for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
                if (strcmp(layer, shapes[i].layer) == 0) {
                    s.n = shapes[i].n;
                    s.k = shapes[i].k;
                    s.seconds = us * 1e-6;
                    table_add(&t, s);
                }
            }
        }
        table_close(f);
    }
    return t;
}

/* The small kernels of a layer, summed over those with the same number of tokens; or the sampler.
 */
static inline struct table layer_small_read(const char *name, bool sampler)
{
    struct table t = {0};
    FILE *f = layers_open(name, sampler ? "per_sequence" : "dense");
    char line[LINE_BYTES];
    double sum[4096] = {0};
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char layer[32];
        double tokens;
        double us;
        if (sscanf(line, "%31[^,],%lf,%lf", layer, &tokens, &us) != 3 || tokens >= 4096.0) {
            continue;
        }
        double times = strcmp(layer, "layernorm") == 0                                    ? 2.0
                       : strcmp(layer, "rotary_emb") == 0 || strcmp(layer, "act_fn") == 0 ? 1.0
                                                                                          : 0.0;
        sum[(int)tokens] += us * (sampler ? strcmp(layer, "sampler") == 0 : times);
    }
    table_close(f);
    for (int i = 0; i < 4096; i++) {
        if (sum[i] > 0.0) {
            table_add(&t, (struct sample){.m = i, .seconds = sum[i] * 1e-6});
        }
    }
    return t;
}

/* --- Which profile is fitted to which tables --- */

struct precision {
    const char *dtype, *quants[2]; /* the word of gemm.csv; ours */
    enum llm_quant quant;          /* whose bytes */
    int rate;
};

static const struct precision precisions[] = {
    {"bfloat16", {"f16", "bf16"}, LLM_BF16, GPU_RATE_F16},
    {"fp8", {"fp8", NULL}, LLM_FP8, GPU_RATE_FP8},
    {"int8_wo", {"w8a16", NULL}, LLM_W8A16, GPU_RATE_F16},
    {"int4_wo", {"w4a16", "awq"}, LLM_W4A16, GPU_RATE_F16},
    {"sq", {"w8a8", NULL}, LLM_W8A8, GPU_RATE_INT8},
};
enum { PRECISIONS = sizeof precisions / sizeof precisions[0] };

/* Which tables a profile is fitted to. Of several versions: vLLM where it was measured, the
 * newest; for L40S 1.0.0, since 1.3.0rc20 reads 101 MB of bf16 weights at 1.9 TB/s from a memory
 * of 0.86 TB/s: they came from its cache. */
struct target {
    const char *name;
    double multiprocessors;
    const char *multiprocessors_source;
    const char *csv;    /* name in gemm.csv and the attention tables; NULL: none */
    const char *layers; /* name of the layer profile; NULL: none */
    const char *framework[PRECISIONS], *version[PRECISIONS];
    const char *attention; /* version; NULL: not measured, or not credible (H200's prompts) */
    bool prefill;          /* prompts are credible */
};

#define WHITEPAPER(what) "datasheet: NVIDIA " what " architecture whitepaper"
static const struct target targets[] = {
    {.name = "rtxpro6000",
     .multiprocessors = 188,
     .multiprocessors_source = WHITEPAPER("RTX Blackwell PRO"),
     .layers = "RTXPRO6000"},
    {.name = "rtx4090",
     .multiprocessors = 128,
     .multiprocessors_source = WHITEPAPER("Ada"),
     .layers = "RTX4090"},
    {.name = "h100-sxm",
     .multiprocessors = 132,
     .multiprocessors_source = WHITEPAPER("H100"),
     .csv = "h100_sxm",
     .framework = {"VLLM", "VLLM"},
     .version = {"0.19.0", "0.19.0"},
     .attention = "0.19.0",
     .prefill = true},
    {.name = "h200",
     .multiprocessors = 132,
     .multiprocessors_source = "datasheet: the chip of H100 SXM",
     .csv = "h200_sxm",
     .framework = {"VLLM", "VLLM", "TRTLLM", "TRTLLM", "TRTLLM"},
     .version = {"0.19.0", "0.19.0", "1.2.0rc5", "1.2.0rc5", "1.2.0rc5"},
     .attention = "0.19.0"},
    {.name = "a100-sxm",
     .multiprocessors = 108,
     .multiprocessors_source = WHITEPAPER("A100"),
     .csv = "a100_sxm",
     .framework = {"VLLM", NULL, "TRTLLM", "TRTLLM", "TRTLLM"},
     .version = {"0.14.0", NULL, "1.0.0", "1.0.0", "1.0.0"},
     .attention = "0.14.0",
     .prefill = true},
    {.name = "l40s",
     .multiprocessors = 142,
     .multiprocessors_source = WHITEPAPER("Ada"),
     .csv = "l40s",
     .framework = {"TRTLLM", "TRTLLM", "TRTLLM", "TRTLLM", "TRTLLM"},
     .version = {"1.0.0", "1.0.0", "1.0.0", "1.0.0", "1.0.0"}},
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

#endif
