/* fit_gpu_profile.h - writes what tools/fit_gpu.c has fitted, as the section `kernels` of a
 * profile; models/llm_profile_kernels.c reads it. */
#ifndef TOOLS_FIT_GPU_PROFILE_H
#define TOOLS_FIT_GPU_PROFILE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "models/llm_internal.h"
#include "tools/fit_gpu_tables.h"

static inline void put_fit(cJSON *o, const char *key, const struct gpu_fit *fit)
{
    if (fit != NULL) {
        cJSON *f = cJSON_AddObjectToObject(o, key);
        cJSON_AddNumberToObject(f, "rows_fitted", (double)fit->rows_fitted);
        cJSON_AddNumberToObject(f, "rows_held_out", (double)fit->rows_held_out);
        cJSON_AddNumberToObject(f, "error_fitted_pct", fit->error_fitted_pct);
        cJSON_AddNumberToObject(f, "error_held_out_pct", fit->error_held_out_pct);
    }
}

static inline void put_gemm(cJSON *list, const struct precision *p, const struct gpu_gemm *g,
                            const struct gpu_fit *fit, const char *source)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(list, o);
    cJSON *quants = cJSON_AddArrayToObject(o, "quants");
    for (int i = 0; i < 2 && p->quants[i] != NULL; i++) {
        cJSON_AddItemToArray(quants, cJSON_CreateString(p->quants[i]));
    }
    cJSON_AddStringToObject(o, "rate", gpu_rate_words[p->rate]);
    cJSON_AddNumberToObject(o, "launch_s", g->launch_s);
    cJSON_AddNumberToObject(o, "depth_s", g->depth_s);
    cJSON_AddNumberToObject(o, "memory", g->memory);
    cJSON_AddNumberToObject(o, "tile_large", g->tile_large);
    cJSON_AddNumberToObject(o, "tile_medium", g->tile_medium);
    cJSON_AddNumberToObject(o, "tile_small", g->tile_small);
    cJSON_AddNumberToObject(o, "quantization", g->quantization);
    cJSON_AddNumberToObject(o, "sharpness", g->sharpness);
    cJSON_AddNumberToObject(o, "cache_bytes", g->cache_bytes);
    cJSON_AddNumberToObject(o, "cache_speedup", g->cache_speedup);
    if (g->few_rows > 0.0) {
        cJSON_AddNumberToObject(o, "few_rows", g->few_rows);
        cJSON_AddNumberToObject(o, "few_launch_s", g->few_launch_s);
        cJSON_AddNumberToObject(o, "few_depth_s", g->few_depth_s);
        cJSON_AddNumberToObject(o, "few_memory", g->few_memory);
        cJSON_AddNumberToObject(o, "few_rate", g->few_rate);
    }
    put_fit(o, "fit", fit);
    cJSON_AddStringToObject(o, "source", source);
}

static inline void put_attention(cJSON *kernels, const struct gpu_attention *a)
{
    cJSON *o = cJSON_AddObjectToObject(kernels, "attention");
    cJSON_AddNumberToObject(o, "prefill_launch_s", a->prefill_launch_s);
    cJSON_AddNumberToObject(o, "prefill_key_s", a->prefill_key_s);
    cJSON_AddNumberToObject(o, "prefill", a->prefill);
    cJSON_AddNumberToObject(o, "prefill_memory", a->prefill_memory);
    cJSON_AddNumberToObject(o, "decode_launch_s", a->decode_launch_s);
    cJSON_AddNumberToObject(o, "decode_key_s", a->decode_key_s);
    cJSON_AddNumberToObject(o, "decode_base_s", a->decode_base_s);
    cJSON_AddNumberToObject(o, "decode_sequence_s", a->decode_sequence_s);
    cJSON_AddNumberToObject(o, "decode_memory", a->decode_memory);
    cJSON_AddNumberToObject(o, "mixed_sequence_s", a->mixed_sequence_s);
    cJSON_AddNumberToObject(o, "mixed_memory", a->mixed_memory);
    cJSON_AddNumberToObject(o, "mixed_key_s", a->mixed_key_s);
    cJSON_AddNumberToObject(o, "mixed_far_bytes", a->mixed_far_bytes);
    cJSON_AddNumberToObject(o, "mixed_far_memory", a->mixed_far_memory);
    put_fit(o, "prefill_fit", a->prefill_fit);
    put_fit(o, "decode_fit", a->decode_fit);
    put_fit(o, "mixed_fit", a->mixed_fit);
    cJSON_AddStringToObject(o, "source", a->source);
}

static inline void put_small(cJSON *kernels, const char *key, const struct gpu_small *s)
{
    cJSON *o = cJSON_AddObjectToObject(kernels, key);
    cJSON_AddNumberToObject(o, "launch_s", s->launch_s);
    cJSON_AddNumberToObject(o, "launch_token_s", s->launch_token_s);
    cJSON_AddNumberToObject(o, "base_s", s->base_s);
    cJSON_AddNumberToObject(o, "token_s", s->token_s);
    put_fit(o, "fit", s->fit);
    cJSON_AddStringToObject(o, "source", s->source);
}

/* Indented by 4, as the shipped profiles are. */
static inline void print_json(FILE *out, const cJSON *node, int depth)
{
    bool list = cJSON_IsArray(node);
    if (cJSON_IsString(node)) {
        json_print_string(out, node->valuestring);
    } else if (cJSON_IsNumber(node)) {
        json_print_number(out, node->valuedouble);
    } else if (list || cJSON_IsObject(node)) {
        fputc(list ? '[' : '{', out);
        for (const cJSON *item = node->child; item != NULL; item = item->next) {
            fprintf(out, "%s\n%*s", item == node->child ? "" : ",", 4 * (depth + 1), "");
            if (!list) {
                json_print_string(out, item->string);
                fputs(": ", out);
            }
            print_json(out, item, depth + 1);
        }
        fprintf(out, "\n%*s%c", 4 * depth, "", list ? ']' : '}');
    } else {
        fputs(cJSON_IsTrue(node) ? "true" : "false", out);
    }
}

#endif
