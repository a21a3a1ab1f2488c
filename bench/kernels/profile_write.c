/* profile_write.c - a GPU profile from the fits. Peak rates are the best that any microbenchmark
 * reached; a share of them times them is what was fitted (at most the whole rate). Each number says
 * "Measured", "Derived from" or "Assumed". */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "bench/kernels/calibrate.h"

/* The words of a profile that a format's entry is for. */
static const char *const words[] = {"\"f16\", \"bf16\"", "\"w8a16\"", "\"w4a16\", \"awq\"",
                                    "\"w8a8\"", "\"fp8\""};
static const char *const rates[] = {"f16", "f16", "f16", "int8", "fp8"};

static bool is_f16_rate(int format)
{
    return strcmp(rates[format], "f16") == 0;
}

struct peaks {
    double bandwidth, flops[KERNEL_FORMATS]; /* of a format's rate */
};

static double inverse(double seconds)
{
    return seconds > 0.0 ? 1.0 / seconds : 0.0;
}

/* Bytes of KV per token and layer, and operations of a pair in all heads of a layer. */
static double kv_bytes(const struct llm_card *card)
{
    return 4.0 * (double)(card->kv_heads * card->head_dim);
}

static double pair_flops(const struct llm_card *card)
{
    return 4.0 * (double)(card->heads * card->head_dim);
}

static struct peaks peaks_of(const struct kernel_backend *b, const struct llm_card *card,
                             const struct calibration *c)
{
    const struct suite *half = &c->suite[KERNEL_HALF];
    struct peaks p = {fmax(half->copy_bytes_per_s, half->read_bytes_per_s), {0}};
    double f16 = pair_flops(card) * inverse(c->fit[KERNEL_HALF].pair_s.value);
    p.bandwidth = fmax(p.bandwidth, kv_bytes(card) * inverse(c->fit[KERNEL_HALF].context_s.value));
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        if (!b->has[f]) {
            continue;
        }
        for (int i = 0; i < c->suite[f].n; i++) {
            const struct suite_point *q = &c->suite[f].point[i];
            if (q->kind < SUITE_HEAD) {
                double n;
                double k;
                suite_shape(card, q->kind, &n, &k);
                double m = (double)q->sequences * q->tokens;
                double bytes = fit_gemm_bytes((enum kernel_format)f, m, n, k);
                p.flops[f] = fmax(p.flops[f], 2.0 * m * n * k / q->seconds);
                p.bandwidth = fmax(p.bandwidth, bytes / q->seconds);
            }
        }
        f16 = is_f16_rate(f) ? fmax(f16, p.flops[f]) : f16;
    }
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        p.flops[f] = is_f16_rate(f) ? f16 : p.flops[f];
    }
    return p;
}

static void put_number(FILE *out, const char *indent, const char *key, double value,
                       const char *after)
{
    fprintf(out, "%s\"%s\": ", indent, key);
    json_print_number(out, value);
    fprintf(out, "%s\n", after);
}

static void put_string(FILE *out, const char *indent, const char *key, const char *value,
                       const char *after)
{
    fprintf(out, "%s\"%s\": ", indent, key);
    json_print_string(out, value);
    fprintf(out, "%s\n", after);
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

static void put_fit(FILE *out, const char *indent, const char *key, const struct fit_quality *q)
{
    fprintf(out,
            "%s\"%s\": {\"rows_fitted\": %d, \"rows_held_out\": %d, \"error_fitted_pct\": ", indent,
            key, q->rows_fitted, q->rows_held_out);
    json_print_number(out, q->error_fitted_pct);
    fprintf(out, ", \"error_held_out_pct\": ");
    json_print_number(out, q->error_held_out_pct);
    fprintf(out, "},\n");
}

static double percent(const struct fit_value *v)
{
    return v->value > 0.0 ? 100.0 * v->error / v->value : 0.0;
}

/* A share of a rate; where nothing grew with size, the whole rate: the term then hardly counts. */
static double share(double rate, double peak)
{
    return rate > 0.0 && rate < peak ? rate / peak : 1.0;
}

static void put_efficiency(FILE *out, const struct kernel_backend *b)
{
    fprintf(out, "    \"efficiency\": [\n");
    bool more = false;
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        if (b->has[f]) {
            fprintf(out, "%s        {\n            \"engine\": \"vllm\",\n", more ? ",\n" : "");
            fprintf(out, "            \"quants\": [%s],\n            \"kernels\": true,\n",
                    words[f]);
            fprintf(out, "            \"rate\": \"%s\",\n", rates[f]);
            put_string(out, "            ", "source",
                       "Measured: kernels of willmsim calibrate, below; one pass a step, as vLLM, "
                       "but no vLLM was run",
                       "");
            fprintf(out, "        }");
            more = true;
        }
    }
    fprintf(out, "\n    ],\n");
}

/* Rows of the table that were not held out: what a form only approximates. */
static void put_table(FILE *out, const struct llm_card *card, const struct suite *s, bool with_head)
{
    fprintf(out, "                \"table\": [");
    const char *before = "\n";
    for (int kind = 0; kind <= (with_head ? SUITE_HEAD : SUITE_HEAD - 1); kind++) {
        double n;
        double k;
        suite_shape(card, (enum suite_kind)kind, &n, &k);
        for (int i = 0; i < s->n; i++) {
            const struct suite_point *p = &s->point[i];
            if ((int)p->kind != kind || p->held_out) {
                continue;
            }
            fprintf(out,
                    "%s                    {\"m\": %d, \"n\": %.0f, \"k\": %.0f, \"s\": ", before,
                    p->sequences * p->tokens, n, k);
            json_print_number(out, p->seconds);
            fprintf(out, "}");
            before = ",\n";
        }
    }
    fprintf(out, "\n                ],\n");
}

static void put_gemm(FILE *out, const struct llm_card *card, const struct peaks *p,
                     const struct calibration *c, enum kernel_format f)
{
    const char *indent = "                ";
    const struct fit_gemm *g = &c->fit[f].gemm;
    char source[700];
    snprintf(source, sizeof source,
             "Measured: the table, at the shapes of %s; straight lines between its rows miss those "
             "held out by %.1f %% (median). Derived from it, for other shapes: the form; standard "
             "errors: few_launch_s %.1f %%, few_memory %.1f %%, few_rate %.1f %%; R2 %.4f",
             card->name, g->table.error_held_out_pct, percent(&g->launch_s), percent(&g->byte_s),
             percent(&g->flop_s), g->quality.r2);
    double memory = share(inverse(g->byte_s.value), p->bandwidth);
    double rate = share(inverse(g->flop_s.value), p->flops[f]);
    fprintf(out, "            {\n%s\"quants\": [%s],\n%s\"rate\": \"%s\",\n", indent, words[f],
            indent, rates[f]);
    put_number(out, indent, "launch_s", g->launch_s.value, ",");
    put_number(out, indent, "memory", memory, ",");
    put_number(out, indent, "tile_large", rate, ",");
    put_number(out, indent, "tile_medium", rate, ",");
    put_number(out, indent, "tile_small", rate, ",");
    put_number(out, indent, "sharpness", g->sharpness, ",");
    /* One form for all counts: that without tiles. */
    put_number(out, indent, "few_rows", 1e6, ",");
    put_number(out, indent, "few_launch_s", g->launch_s.value, ",");
    put_number(out, indent, "few_memory", memory, ",");
    put_number(out, indent, "few_rate", rate, ",");
    put_fit(out, indent, "fit", &g->quality);
    put_table(out, card, &c->suite[f], f == KERNEL_HALF);
    put_string(out, indent, "source", source, "");
    fprintf(out, "            }");
}

static void put_attention(FILE *out, const struct llm_card *card, const struct peaks *p,
                          const struct fit *f)
{
    const char *indent = "            ";
    char source[700];
    snprintf(source, sizeof source,
             "Measured: attention of %s; standard errors: prefill_launch_s %.1f %%, prefill_memory "
             "%.1f %%, prefill %.1f %%, decode_base_s %.1f %%, decode_sequence_s %.1f %%, "
             "decode_memory %.1f %%; R2: prompts %.4f, decoding %.4f. Assumed: mixed_*, as "
             "decoding; no step of both was run",
             card->name, percent(&f->prompt_s), percent(&f->prompt_token_s), percent(&f->pair_s),
             percent(&f->decode_s), percent(&f->sequence_s), percent(&f->context_s), f->prompt.r2,
             f->decode.r2);
    /* A token of a prompt: queries in, outputs out, keys and values. */
    double token_bytes = 4.0 * (double)(card->heads * card->head_dim) +
                         4.0 * (double)(card->kv_heads * card->head_dim);
    double prompt_memory = share(token_bytes * inverse(f->prompt_token_s.value), p->bandwidth);
    double decode_memory = share(kv_bytes(card) * inverse(f->context_s.value), p->bandwidth);
    fprintf(out, "        \"attention\": {\n");
    put_number(out, indent, "prefill_launch_s", f->prompt_s.value, ",");
    put_number(out, indent, "prefill",
               share(pair_flops(card) * inverse(f->pair_s.value), p->flops[KERNEL_HALF]), ",");
    put_number(out, indent, "prefill_memory", prompt_memory, ",");
    put_number(out, indent, "decode_base_s", f->decode_s.value, ",");
    put_number(out, indent, "decode_sequence_s", f->sequence_s.value, ",");
    put_number(out, indent, "decode_memory", decode_memory, ",");
    put_number(out, indent, "mixed_sequence_s", f->sequence_s.value, ",");
    put_number(out, indent, "mixed_memory", decode_memory, ",");
    put_number(out, indent, "mixed_far_bytes", 1e15, ",");
    put_number(out, indent, "mixed_far_memory", 1.0, ",");
    put_fit(out, indent, "prefill_fit", &f->prompt);
    put_fit(out, indent, "decode_fit", &f->decode);
    put_string(out, indent, "source", source, "");
    fprintf(out, "        },\n");
}

static void put_small(FILE *out, const char *key, const char *what, const struct llm_card *card,
                      const struct fit_small *f, const char *after)
{
    const char *indent = "            ";
    char source[400];
    snprintf(source, sizeof source,
             "Measured: %s of %s, of whose width it is; standard errors: launch_s %.1f %%, "
             "launch_token_s %.1f %%, base_s %.1f %%, token_s %.1f %%; R2 %.4f",
             what, card->name, percent(&f->launch_s), percent(&f->launch_token_s),
             percent(&f->base_s), percent(&f->token_s), f->quality.r2);
    fprintf(out, "        \"%s\": {\n", key);
    put_number(out, indent, "launch_s", f->launch_s.value, ",");
    put_number(out, indent, "launch_token_s", f->launch_token_s.value, ",");
    put_number(out, indent, "base_s", f->base_s.value, ",");
    put_number(out, indent, "token_s", f->token_s.value, ",");
    put_fit(out, indent, "fit", &f->quality);
    put_string(out, indent, "source", source, "");
    fprintf(out, "        }%s\n", after);
}

static void put_kernels(FILE *out, const struct kernel_backend *b, const struct llm_card *card,
                        const struct peaks *p, const struct calibration *c)
{
    const struct fit *half = &c->fit[KERNEL_HALF];
    fprintf(out, "    \"kernels\": {\n");
    put_value(out, "        ", "multiprocessors", b->multiprocessors,
              "Measured: as the driver reports them; of a processor, its threads", ",");
    fprintf(out, "        \"gemm\": [\n");
    bool more = false;
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        if (b->has[f]) {
            fprintf(out, more ? ",\n" : "");
            put_gemm(out, card, p, c, (enum kernel_format)f);
            more = true;
        }
    }
    fprintf(out, "\n        ],\n");
    put_attention(out, card, p, half);
    put_small(out, "between", "what lies between the products of a layer", card, &half->between,
              ",");
    put_small(out, "sampler", "embedding, last norm, sampling and waiting for the tokens", card,
              &half->ends, "");
    fprintf(out, "    }\n}\n");
}

static void put_compute(FILE *out, const struct kernel_backend *b, const struct peaks *p)
{
    bool int8 = b->has[KERNEL_W8A8];
    bool fp8 = b->has[KERNEL_FP8];
    const char *source = "Measured: the best of matrix products";
    fprintf(out, "    \"compute\": {\n");
    put_value(out, "        ", "f16_flops", p->flops[KERNEL_HALF],
              "Measured: the best of matrix products and prompt attention", int8 || fp8 ? "," : "");
    if (int8) {
        put_value(out, "        ", "int8_ops", p->flops[KERNEL_W8A8], source, fp8 ? "," : "");
    }
    if (fp8) {
        put_value(out, "        ", "fp8_flops", p->flops[KERNEL_FP8], source, "");
    }
    fprintf(out, "    },\n");
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
    fprintf(out, "{\n");
    put_string(out, "    ", "name", name, ",");
    put_string(out, "    ", "source", source, ",");
    put_value(out, "    ", "memory_bytes", b->memory_bytes, "Measured: as the system reports it",
              ",");
    put_value(out, "    ", "bandwidth_bytes_per_s", p.bandwidth,
              "Measured: the best of copying, reading, products and cached attention", ",");
    put_compute(out, b, &p);
    put_value(out, "    ", "vision", 0.3, "Assumed: as the shipped profiles; not measured", ",");
    put_value(out, "    ", "cold_load_bytes_per_s", 2.5e9,
              "Assumed: PCIe 4.0 NVMe read, page cache cold; not measured", ",");
    put_value(out, "    ", "link_bytes_per_s", 25e9,
              "Assumed: PCIe 4.0 x16, one direction; not measured", ",");
    put_value(out, "    ", "link_latency_s", 3e-5,
              "Assumed: an all-reduce of a few KiB over PCIe; not measured", ",");
    put_efficiency(out, b);
    put_kernels(out, b, card, &p, c);
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
