/* profile_write.c - a GPU profile from the fits: peak rates are the best that any microbenchmark
 * reached, so that every share of them is at most 1 and the products of both are what was fitted.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "bench/kernels/calibrate.h"

/* Card precision of a format, and the words of a profile that its entry is for. */
static const enum llm_quant quants[] = {LLM_BF16, LLM_W8A16, LLM_W4A16, LLM_W8A8, LLM_FP8};
static const char *const words[] = {"\"f16\", \"bf16\"", "\"w8a16\"", "\"w4a16\", \"awq\"",
                                    "\"w8a8\"", "\"fp8\""};
static const char *const rates[] = {"f16", "f16", "f16", "int8", "fp8"};

/* What a step reads of the weights: all but the embedding, of which it reads a few rows. */
static double weights_read_bytes(const struct llm_card *card, enum kernel_format f)
{
    double embedding = card->tied_embeddings ? 0.0 : 2.0 * card->head_parameters;
    return llm_weights_bytes(card, quants[f]) - 2.0 * card->vision_parameters - embedding;
}

static double matrix_flops(const struct llm_card *card, const struct fit *f)
{
    return 2.0 * card->layer_parameters / f->token_compute_s.value;
}

static double pair_flops(const struct llm_card *card, const struct fit *f)
{
    return f->pair_s.value > 0.0
               ? 4.0 * (double)(card->heads * card->head_dim * card->layers) / f->pair_s.value
               : 0.0;
}

static double context_bytes_per_s(const struct llm_card *card, const struct fit *f)
{
    return f->context_s.value > 0.0 ? llm_kv_bytes_per_token(card) / f->context_s.value : 0.0;
}

struct peaks {
    double bandwidth, flops[KERNEL_FORMATS]; /* of a format's rate */
};

static struct peaks peaks_of(const struct kernel_backend *b, const struct llm_card *card,
                             const struct calibration *c)
{
    struct peaks p = {fmax(c->suite[0].copy_bytes_per_s, c->suite[0].read_bytes_per_s), {0}};
    for (int i = 0; i < KERNEL_FORMATS; i++) {
        const struct fit *f = &c->fit[i];
        if (b->has[i]) {
            p.bandwidth = fmax(p.bandwidth, weights_read_bytes(card, (enum kernel_format)i) /
                                                f->weights_s.value);
            p.bandwidth = fmax(p.bandwidth, context_bytes_per_s(card, f));
            p.flops[i] = fmax(p.flops[i], matrix_flops(card, f));
            p.flops[KERNEL_HALF] = fmax(p.flops[KERNEL_HALF], pair_flops(card, f));
        }
    }
    for (int i = KERNEL_W8A16; i <= KERNEL_W4A16; i++) { /* they multiply in 16 bits */
        p.flops[KERNEL_HALF] = fmax(p.flops[KERNEL_HALF], p.flops[i]);
    }
    p.flops[KERNEL_W8A16] = p.flops[KERNEL_W4A16] = p.flops[KERNEL_HALF];
    return p;
}

static void put_number(FILE *out, const char *key, double value)
{
    fprintf(out, "            \"%s\": ", key);
    json_print_number(out, value);
    fprintf(out, ",\n");
}

static void put_value(FILE *out, const char *indent, const char *key, double value,
                      const char *source, const char *after)
{
    fprintf(out, "%s\"%s\": {\"value\": ", indent, key);
    json_print_number(out, value);
    fprintf(out, ", \"source\": ");
    json_print_string(out, source);
    fprintf(out, "}%s\n", after);
}

static double percent(const struct fit_value *v)
{
    return v->value > 0.0 ? 100.0 * v->error / v->value : 0.0;
}

/* A share of a rate; where nothing grew with size, the whole rate: the term then vanishes. */
static double share(double rate, double peak)
{
    return rate > 0.0 && rate < peak ? rate / peak : 1.0;
}

static void put_entry(FILE *out, const struct llm_card *card, const struct peaks *p,
                      const struct calibration *c, enum kernel_format i)
{
    const struct fit *f = &c->fit[i];
    char source[700];
    snprintf(source, sizeof source,
             "Measured: microbenchmarks of willmsim calibrate at the shapes of %s, its own kernels "
             "(no vLLM was run); standard errors: weights %.1f %%, token_s %.1f %%, prefill %.1f "
             "%%, prefill_attention %.1f %%, decode_kv %.1f %%, sequence_s %.1f %%, step_s %.1f "
             "%%; R2: matrices %.4f, prompt attention %.4f, decode attention %.4f. token_s, "
             "sequence_s and step_s are of that model's size",
             card->name, percent(&f->weights_s), percent(&f->token_s), percent(&f->token_compute_s),
             percent(&f->pair_s), percent(&f->context_s), percent(&f->sequence_s),
             percent(&f->step_s), f->r2_matrices, f->r2_prompt, f->r2_decode);
    fprintf(out, "        {\n            \"engine\": \"vllm\",\n            \"quants\": [%s],\n",
            words[i]);
    fprintf(out, "            \"rate\": \"%s\",\n", rates[i]);
    put_number(out, "prefill", share(matrix_flops(card, f), p->flops[i]));
    put_number(out, "prefill_attention", share(pair_flops(card, f), p->flops[KERNEL_HALF]));
    put_number(out, "decode",
               share(weights_read_bytes(card, i) / f->weights_s.value, p->bandwidth));
    put_number(out, "decode_kv", share(context_bytes_per_s(card, f), p->bandwidth));
    put_number(out, "step_s", f->step_s.value);
    put_number(out, "sequence_s", f->sequence_s.value);
    put_number(out, "token_s", f->token_s.value);
    fprintf(out, "            \"source\": ");
    json_print_string(out, source);
    fprintf(out, "\n        }");
}

static void put_profile(FILE *out, const struct kernel_backend *b, const struct llm_card *card,
                        const struct calibration *c, const char *name)
{
    struct peaks p = peaks_of(b, card, c);
    char source[400];
    snprintf(source, sizeof source, "measured by willmsim calibrate on %s", b->device);
    if (c->loop_points > 0) {
        size_t at = strlen(source);
        snprintf(source + at, sizeof source - at,
                 "; its reference decoder at %d points that the fit did not see: median error "
                 "%.1f %%, p90 %.1f %%",
                 c->loop_points, c->median_error, c->p90_error);
    }
    fprintf(out, "{\n    \"name\": ");
    json_print_string(out, name);
    fprintf(out, ",\n    \"source\": ");
    json_print_string(out, source);
    fprintf(out, ",\n");
    put_value(out, "    ", "memory_bytes", b->memory_bytes, "Measured: as the system reports it",
              ",");
    put_value(out, "    ", "bandwidth_bytes_per_s", p.bandwidth,
              "Measured: the best of copying, reading, products of one token and cached attention",
              ",");
    fprintf(out, "    \"compute\": {\n");
    put_value(out, "        ", "f16_flops", p.flops[KERNEL_HALF],
              "Measured: the best of matrix products and prompt attention",
              b->has[KERNEL_W8A8] || b->has[KERNEL_FP8] ? "," : "");
    if (b->has[KERNEL_W8A8]) {
        put_value(out, "        ", "int8_ops", p.flops[KERNEL_W8A8], "Measured: matrix products",
                  b->has[KERNEL_FP8] ? "," : "");
    }
    if (b->has[KERNEL_FP8]) {
        put_value(out, "        ", "fp8_flops", p.flops[KERNEL_FP8], "Measured: matrix products",
                  "");
    }
    fprintf(out, "    },\n");
    put_value(out, "    ", "vision", 0.3, "Assumed: as the shipped profiles; not measured", ",");
    put_value(out, "    ", "cold_load_bytes_per_s", 2.5e9,
              "Assumed: PCIe 4.0 NVMe read, page cache cold; not measured", ",");
    put_value(out, "    ", "link_bytes_per_s", 25e9,
              "Assumed: PCIe 4.0 x16, one direction; not measured", ",");
    put_value(out, "    ", "link_latency_s", 3e-5,
              "Assumed: an all-reduce of a few KiB over PCIe; not measured", ",");
    fprintf(out, "    \"efficiency\": [\n");
    bool more = false;
    for (int i = 0; i < KERNEL_FORMATS; i++) {
        if (b->has[i]) {
            fprintf(out, more ? ",\n" : "");
            put_entry(out, card, &p, c, (enum kernel_format)i);
            more = true;
        }
    }
    fprintf(out, "\n    ]\n}\n");
}

int profile_write(const struct kernel_backend *b, const struct llm_card *card,
                  const struct calibration *c, const char *dir, const char *name, struct err *e)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s.json", dir, name);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        return err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    put_profile(out, b, card, c, name);
    bool wrong = ferror(out) != 0;
    wrong = fclose(out) != 0 || wrong;
    return wrong ? err_work(e, path, NULL, "cannot be written: %s", strerror(errno)) : 0;
}
