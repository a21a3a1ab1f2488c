/* llm_profile.c - GPU profiles: peak rates and the shares of them that engines reach. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "models/llm_internal.h"

const char *const gpu_rate_words[] = {"f16", "f16_acc16", "int8", "fp8", NULL};

static const struct json_field value_fields[] = {
    {.key = "value",
     .type = JSON_NUM,
     .offset = offsetof(struct gpu_value, value),
     .max = 1e18,
     .above_min = true,
     .doc = "the number"},
    {.key = "source",
     .type = JSON_STR,
     .offset = offsetof(struct gpu_value, source),
     .doc = "where it comes from, or \"Assumed: why\""},
    {.key = NULL},
};

const struct json_spec gpu_value_spec = {
    .name = "gpu_value",
    .doc = "A number and its source.",
    .size = sizeof(struct gpu_value),
    .fields = value_fields,
};

#define RATE(member, json_type, text)                                                              \
    {                                                                                              \
        .key = #member, .type = (json_type), .offset = offsetof(struct gpu_compute, member),       \
        .spec = &gpu_value_spec, .doc = (text)                                                     \
    }

static const struct json_field compute_fields[] = {
    RATE(f16_flops, JSON_OBJECT, "dense, 16-bit inputs, 32-bit accumulation, per second"),
    RATE(f16_acc16_flops, JSON_OPTIONAL, "dense, 16-bit accumulation, where it is faster"),
    RATE(int8_ops, JSON_OPTIONAL, "dense 8-bit integer"),
    RATE(fp8_flops, JSON_OPTIONAL, "dense 8-bit floating point"),
    {.key = NULL},
};

static const struct json_spec compute_spec = {
    .name = "gpu_compute",
    .doc = "Peak rates of one GPU.",
    .size = sizeof(struct gpu_compute),
    .fields = compute_fields,
};

#define SHARE(member, text)                                                                        \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct gpu_efficiency, member),       \
        .max = 1.0, .def = "0", .doc = (text)                                                      \
    }
#define SECONDS(member, text)                                                                      \
    {                                                                                              \
        .key = #member, .type = JSON_NUM, .offset = offsetof(struct gpu_efficiency, member),       \
        .max = 10.0, .def = "0", .doc = (text)                                                     \
    }

int gpu_quants_check(const struct json_list *quants, const char *file, const char *place,
                     struct err *e)
{
    const char *const *words = quants->items;
    for (size_t i = 0; i < quants->n; i++) {
        int q = 0;
        while (q < LLM_QUANT_COUNT && strcmp(words[i], llm_quant_words[q]) != 0) {
            q++;
        }
        if (q == LLM_QUANT_COUNT) {
            const char *near = err_nearest(words[i], llm_quant_words, LLM_QUANT_COUNT);
            return err_input(e, file, place,
                             "unknown precision \"%s\" in quants; did you mean "
                             "\"%s\"?",
                             words[i], near != NULL ? near : llm_quant_words[0]);
        }
    }
    return 0;
}

static int check_efficiency(const void *object, const char *file, const char *place, struct err *e)
{
    const struct gpu_efficiency *f = object;
    int rc = gpu_quants_check(&f->quants, file, place, e);
    if (rc != 0) {
        return rc;
    }
    bool all =
        f->prefill > 0.0 && f->prefill_attention > 0.0 && f->decode > 0.0 && f->decode_kv > 0.0;
    bool none = f->prefill + f->prefill_attention + f->decode + f->decode_kv + f->layer_floor_s +
                    f->token_s ==
                0.0;
    if (f->kernels ? !none : !all) {
        return err_input(e, file, place,
                         f->kernels ? "takes no shares, layer_floor_s or token_s: its times come "
                                      "from kernels"
                                    : "needs prefill, prefill_attention, decode and decode_kv, "
                                      "each above 0 and at most 1, or \"kernels\": true");
    }
    return 0;
}

static const struct json_field efficiency_fields[] = {
    {.key = "engine",
     .type = JSON_WORD,
     .offset = offsetof(struct gpu_efficiency, engine),
     .words = llm_engine_words,
     .doc = "serving engine; ollama uses the entries of llama.cpp"},
    {.key = "quants",
     .type = JSON_STRS,
     .offset = offsetof(struct gpu_efficiency, quants),
     .doc = "precisions that this entry is for"},
    {.key = "tensor_parallel",
     .type = JSON_INT,
     .offset = offsetof(struct gpu_efficiency, tensor_parallel),
     .min = 1,
     .max = 1024,
     .def = "1",
     .doc = "GPUs in the group that this entry was measured on"},
    {.key = "kernels",
     .type = JSON_BOOL,
     .offset = offsetof(struct gpu_efficiency, kernels),
     .def = "false",
     .doc = "times come from the profile's kernels, layer by layer"},
    {.key = "rate",
     .type = JSON_WORD,
     .offset = offsetof(struct gpu_efficiency, rate),
     .words = gpu_rate_words,
     .def = "\"f16\"",
     .doc = "peak rate that the matrix products are a share of"},
    SHARE(prefill, "share of that rate in matrix products"),
    SHARE(prefill_attention, "share of the f16 rate in the attention of a prompt"),
    SHARE(decode, "share of the bandwidth when reading weights"),
    SHARE(decode_kv, "share of the bandwidth when reading KV"),
    SECONDS(step_s, "time that nothing hides, per step"),
    SECONDS(layer_s, "time that nothing hides, per layer and step"),
    SECONDS(layer_floor_s, "least time of a step per layer: launching it"),
    SECONDS(sequence_s, "time per sequence that gets a token"),
    SECONDS(token_s, "time per token while the step is bound by memory"),
    {.key = "source",
     .type = JSON_STR,
     .offset = offsetof(struct gpu_efficiency, source),
     .doc = "measured or derived from which measurement, or \"Assumed: why\""},
    {.key = NULL},
};

static const struct json_spec efficiency_spec = {
    .name = "gpu_efficiency",
    .doc = "What one engine reaches with some precisions.",
    .size = sizeof(struct gpu_efficiency),
    .fields = efficiency_fields,
    .check = check_efficiency,
};

#define VALUE(member, text)                                                                        \
    {                                                                                              \
        .key = #member, .type = JSON_OBJECT, .offset = offsetof(struct gpu_profile, member),       \
        .spec = &gpu_value_spec, .doc = (text)                                                     \
    }

static const struct json_field profile_fields[] = {
    {.key = "name",
     .type = JSON_STR,
     .offset = offsetof(struct gpu_profile, name),
     .doc = "word of the GPU; the file's name"},
    {.key = "source",
     .type = JSON_STR,
     .offset = offsetof(struct gpu_profile, source),
     .doc = "how the profile was made, in one line"},
    VALUE(memory_bytes, "memory as the driver reports it"),
    VALUE(bandwidth_bytes_per_s, "peak memory bandwidth"),
    {.key = "compute",
     .type = JSON_OBJECT,
     .offset = offsetof(struct gpu_profile, compute),
     .spec = &compute_spec,
     .doc = "peak rates"},
    VALUE(vision, "share of the f16 rate in the image encoder"),
    VALUE(cold_load_bytes_per_s, "disk to GPU memory"),
    VALUE(link_bytes_per_s, "between two GPUs of a group, one direction"),
    VALUE(link_latency_s, "of one all-reduce of a few bytes"),
    {.key = "efficiency",
     .type = JSON_LIST,
     .offset = offsetof(struct gpu_profile, efficiency),
     .spec = &efficiency_spec,
     .min = 1,
     .max = 1000,
     .doc = "what engines reach; the first entry that fits is used"},
    {.key = "kernels",
     .type = JSON_OPTIONAL,
     .offset = offsetof(struct gpu_profile, kernels),
     .spec = &gpu_kernels_spec,
     .doc = "measured kernels; written by tools/fit_gpu.c"},
    {.key = "usd_per_hour",
     .type = JSON_OPTIONAL,
     .offset = offsetof(struct gpu_profile, usd_per_hour),
     .spec = &gpu_value_spec,
     .doc = "what one of it costs, US dollars per hour; `willmsim capacity` compares by it"},
    {.key = NULL},
};

static bool rate_known(const struct gpu_compute *c, int rate)
{
    return rate == GPU_RATE_F16 || (rate == GPU_RATE_F16_ACC16 && c->f16_acc16_flops != NULL) ||
           (rate == GPU_RATE_INT8 && c->int8_ops != NULL) ||
           (rate == GPU_RATE_FP8 && c->fp8_flops != NULL);
}

static int check_profile(const void *object, const char *file, const char *place, struct err *e)
{
    const struct gpu_profile *p = object;
    const struct gpu_efficiency *list = p->efficiency.items;
    for (size_t i = 0; i < p->efficiency.n; i++) {
        if (!rate_known(&p->compute, list[i].rate)) {
            return err_input(e, file, place,
                             "efficiency[%zu] uses the rate \"%s\", which compute does not give", i,
                             gpu_rate_words[list[i].rate]);
        }
        const char *const *words = list[i].quants.items;
        for (size_t k = 0; list[i].kernels && k < list[i].quants.n; k++) {
            if (p->kernels == NULL || gpu_gemm_find(p->kernels, words[k]) == NULL) {
                return err_input(e, file, place,
                                 "efficiency[%zu] takes times from kernels, which have no gemm "
                                 "for \"%s\"; give shares instead",
                                 i, words[k]);
            }
        }
    }
    const struct gpu_gemm *gemm = p->kernels != NULL ? p->kernels->gemm.items : NULL;
    for (size_t i = 0; gemm != NULL && i < p->kernels->gemm.n; i++) {
        if (!rate_known(&p->compute, gemm[i].rate)) {
            return err_input(e, file, place,
                             "kernels.gemm[%zu] uses the rate \"%s\", which compute does not give",
                             i, gpu_rate_words[gemm[i].rate]);
        }
    }
    return 0;
}

static const struct json_spec profile_spec = {
    .name = "gpu_profile",
    .doc = "A GPU.",
    .size = sizeof(struct gpu_profile),
    .fields = profile_fields,
    .check = check_profile,
};

int gpu_profile_load(const char *dir, const char *name, struct arena *a,
                     const struct gpu_profile **gpu, struct err *e)
{
    char path[1280];
    int rc = llm_file_find(dir, "bench/profiles", "GPU", name, path, sizeof path, e);
    if (rc != 0) {
        return rc;
    }
    struct gpu_profile *p = arena_alloc(a, sizeof *p);
    if (p == NULL) {
        return err_memory(e, "reading a GPU profile");
    }
    rc = json_load(path, &profile_spec, p, a, e);
    if (rc == 0 && strcmp(p->name, name) != 0) {
        rc = err_input(e, path, "name", "is \"%s\"; must be the file's name \"%s\"", p->name, name);
    }
    *gpu = rc == 0 ? p : NULL;
    return rc;
}

const char *gpu_profile_name(const struct gpu_profile *gpu)
{
    return gpu->name;
}

const char *gpu_profile_source(const struct gpu_profile *gpu)
{
    return gpu->source;
}

double gpu_profile_usd_per_hour(const struct gpu_profile *gpu)
{
    return gpu->usd_per_hour != NULL ? gpu->usd_per_hour->value : NAN;
}

double gpu_profile_memory_bytes(const struct gpu_profile *gpu)
{
    return gpu->memory_bytes.value;
}
