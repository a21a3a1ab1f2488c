/* fit_gpu.c - fits the kernel forms of models/llm_kernel.c to the measured kernel tables and
 * writes the section `kernels` of the profiles that have such tables.
 *
 *     WILLMSIM_DATA=DIR build/tools/fit_gpu [PROFILES]        (make build/tools/fit_gpu)
 *
 * reads DIR/inference/kernels/ and PROFILES/NAME.json (bench/profiles), and rewrites those files.
 * Every fifth row of a table (the 5th, 10th, ... in the file's order) is held out. The loss is the
 * mean of |ln(predicted / measured)| over the other rows, which aims at the median; GSL's
 * Nelder-Mead minimizes it, since tiles and maxima leave it without derivatives. Nothing is drawn:
 * the same tables give the same profiles. Errors are those of the rounded numbers that are written.
 */
#include <cjson/cJSON.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/llm_internal.h"
#include "tools/fit_gpu_profile.h"
#include "tools/fit_gpu_tables.h"

enum { PARAMETERS_MAX = 16 };

/* --- Fitting ---------------------------------------------------------------------------------- */

/* A form with parameters p > 0; `given`: what it does not fit. */
typedef double form(const double *p, const struct sample *s, const void *given);

struct problem {
    const struct table *table;
    form *predict;
    const void *given;
    int n; /* parameters */
};

static double problem_loss(const gsl_vector *x, void *arg)
{
    const struct problem *problem = arg;
    double p[PARAMETERS_MAX];
    for (int i = 0; i < problem->n; i++) {
        p[i] = exp(gsl_vector_get(x, (size_t)i));
    }
    double sum = 0.0;
    int n = 0;
    for (int i = 0; i < problem->table->n; i++) {
        const struct sample *s = &problem->table->rows[i];
        if (!s->held_out) {
            sum += fabs(log(problem->predict(p, s, problem->given) / s->seconds));
            n++;
        }
    }
    return isfinite(sum) ? sum / n : 1e9;
}

/* Improves p; the simplex starts anew a few times, as it tends to collapse. Returns the loss. */
static double problem_fit(struct problem *problem, double *p)
{
    size_t n = (size_t)problem->n;
    gsl_vector *x = gsl_vector_alloc(n);
    gsl_vector *step = gsl_vector_alloc(n);
    gsl_multimin_function f = {problem_loss, n, problem};
    gsl_multimin_fminimizer *m =
        gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, n);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < n; i++) {
            gsl_vector_set(x, i, log(p[i]));
        }
        gsl_vector_set_all(step, round == 0 ? 0.3 : 0.15);
        gsl_multimin_fminimizer_set(m, &f, x, step);
        for (int i = 0; i < 400 && gsl_multimin_fminimizer_iterate(m) == 0 &&
                        gsl_multimin_fminimizer_size(m) > 1e-3;
             i++) {
        }
        for (size_t i = 0; i < n; i++) {
            p[i] = exp(gsl_vector_get(m->x, i));
        }
    }
    double loss = m->fval;
    gsl_multimin_fminimizer_free(m);
    gsl_vector_free(x);
    gsl_vector_free(step);
    return loss;
}

/* From several starts: the best. */
static double problem_fit_best(struct problem *problem, const double (*starts)[PARAMETERS_MAX],
                               int n_starts, double *best)
{
    double best_loss = INFINITY;
    for (int i = 0; i < n_starts; i++) {
        double p[PARAMETERS_MAX];
        memcpy(p, starts[i], sizeof p);
        double loss = problem_fit(problem, p);
        if (loss < best_loss) {
            best_loss = loss;
            memcpy(best, p, (size_t)problem->n * sizeof *best);
        }
    }
    return best_loss;
}

static double rounded(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    return strtod(text, NULL);
}

static double share(double value)
{
    return rounded(fmin(value, 1.0));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double error_quantile(const struct problem *problem, const double *p, bool held_out,
                             double quantile, int64_t *rows)
{
    double *errors = malloc((size_t)problem->table->n * sizeof *errors);
    if (errors == NULL) {
        exit(1);
    }
    int n = 0;
    for (int i = 0; i < problem->table->n; i++) {
        const struct sample *s = &problem->table->rows[i];
        if (s->held_out == held_out) {
            errors[n++] = 100.0 * fabs(problem->predict(p, s, problem->given) / s->seconds - 1.0);
        }
    }
    qsort(errors, (size_t)n, sizeof *errors, compare_doubles);
    double value = n > 0 ? errors[(int)(quantile * (n - 1))] : 0.0;
    free(errors);
    if (rows != NULL) {
        *rows = n;
    }
    return round(value * 100.0) / 100.0;
}

static struct gpu_fit problem_report(const char *gpu, const char *what,
                                     const struct problem *problem, const double *p)
{
    struct gpu_fit fit;
    fit.error_fitted_pct = error_quantile(problem, p, false, 0.5, &fit.rows_fitted);
    fit.error_held_out_pct = error_quantile(problem, p, true, 0.5, &fit.rows_held_out);
    printf("| %s | %s | %lld | %.1f | %lld | %.1f | %.1f |\n", gpu, what,
           (long long)fit.rows_fitted, fit.error_fitted_pct, (long long)fit.rows_held_out,
           fit.error_held_out_pct, error_quantile(problem, p, true, 0.9, NULL));
    fflush(stdout);
    return fit;
}

/* --- The forms' parameters -------------------------------------------------------------------- */

struct gemm_given {
    struct gpu_speed speed;
    double few_rows;
};

static struct gpu_gemm gemm_of(const double *p, double few_rows)
{
    return (struct gpu_gemm){.launch_s = rounded(p[0] * 1e-6),
                             .depth_s = rounded(p[1] * 1e-9),
                             .memory = share(p[2]),
                             .tile_large = share(p[3]),
                             .tile_medium = share(p[4]),
                             .tile_small = share(p[5]),
                             .quantization = share(p[6]),
                             .sharpness = rounded(fmin(fmax(p[7], 1.0), 16.0)),
                             .cache_bytes = rounded(p[8] * 1e6),
                             .cache_speedup = rounded(fmin(fmax(p[9], 1.0), 100.0)),
                             .few_rows = few_rows,
                             .few_launch_s = few_rows > 0.0 ? rounded(p[10] * 1e-6) : 0.0,
                             .few_depth_s = few_rows > 0.0 ? rounded(p[11] * 1e-9) : 0.0,
                             .few_memory = few_rows > 0.0 ? share(p[12]) : 1.0,
                             .few_rate = few_rows > 0.0 ? share(p[13]) : 1.0};
}

/* The same without rounding: the simplex does not like stairs. */
static double predict_gemm(const double *p, const struct sample *s, const void *given)
{
    const struct gemm_given *g = given;
    struct gpu_gemm gemm = {.launch_s = p[0] * 1e-6,
                            .depth_s = p[1] * 1e-9,
                            .memory = fmin(p[2], 1.0),
                            .tile_large = fmin(p[3], 1.0),
                            .tile_medium = fmin(p[4], 1.0),
                            .tile_small = fmin(p[5], 1.0),
                            .quantization = fmin(p[6], 1.0),
                            .sharpness = fmin(fmax(p[7], 1.0), 16.0),
                            .cache_bytes = p[8] * 1e6,
                            .cache_speedup = fmin(fmax(p[9], 1.0), 100.0),
                            .few_rows = g->few_rows};
    if (g->few_rows > 0.0) {
        gemm.few_launch_s = p[10] * 1e-6;
        gemm.few_depth_s = p[11] * 1e-9;
        gemm.few_memory = fmin(p[12], 1.0);
        gemm.few_rate = fmin(p[13], 1.0);
    }
    return gpu_gemm_s(&gemm, &g->speed, s->m, s->n, s->k, NULL);
}

static struct gpu_gemm gemm_fit(const char *gpu, const char *what, const struct table *t,
                                const struct gpu_speed *speed, struct gpu_fit *fit)
{
    static const double few[] = {0, 1, 4, 8, 16, 32, 64, 128};
    static const double starts[][PARAMETERS_MAX] = {
        {2.5, 0.2, 0.85, 0.7, 0.6, 0.5, 0.5, 3.0, 20.0, 1.5, 2.5, 0.2, 0.8, 0.5},
        {10.0, 0.05, 0.8, 0.8, 0.7, 0.6, 0.5, 1.5, 40.0, 3.0, 8.0, 0.5, 0.8, 0.5},
    };
    double best[PARAMETERS_MAX] = {0};
    double best_loss = INFINITY;
    struct gemm_given given = {.speed = *speed};
    given.speed.repeated = true;
    struct problem problem = {t, predict_gemm, &given, 14};
    double best_few = 0.0;
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        double p[PARAMETERS_MAX];
        given.few_rows = few[i];
        problem.n = few[i] > 0.0 ? 14 : 10;
        double loss = problem_fit_best(&problem, starts, 2, p);
        /* Another kernel for few rows must earn its four numbers. */
        if (loss < 0.97 * best_loss) {
            best_loss = loss;
            best_few = few[i];
            memcpy(best, p, sizeof best);
        }
    }
    given.few_rows = best_few;
    *fit = problem_report(gpu, what, &problem, best);
    return gemm_of(best, best_few);
}

static double predict_prefill(const double *p, const struct sample *s, const void *given)
{
    struct gpu_attention a = {.prefill_launch_s = p[0] * 1e-6,
                              .prefill_key_s = p[1] * 1e-9,
                              .prefill = fmin(p[2], 1.0),
                              .prefill_memory = fmin(p[3], 1.0)};
    return gpu_prefill_attention_s(&a, given, &s->heads, s->batch, s->past, s->tokens);
}

static double predict_decode(const double *p, const struct sample *s, const void *given)
{
    struct gpu_attention a = {.decode_launch_s = p[0] * 1e-6,
                              .decode_key_s = p[1] * 1e-9,
                              .decode_base_s = p[2] * 1e-6,
                              .decode_sequence_s = p[3] * 1e-9,
                              .decode_memory = fmin(p[4], 1.0)};
    return gpu_decode_attention_s(&a, given, &s->heads, s->batch, s->batch * s->context);
}

struct mixed_given {
    struct gpu_speed speed;
    struct gpu_attention prefill;
};

static double predict_mixed(const double *p, const struct sample *s, const void *given)
{
    const struct mixed_given *g = given;
    struct gpu_attention a = g->prefill;
    a.mixed_sequence_s = p[0] * 1e-9;
    a.mixed_memory = fmin(p[1], 1.0);
    a.mixed_key_s = p[2] * 1e-9;
    a.mixed_far_bytes = p[3] * 1e6;
    a.mixed_far_memory = p[4];
    double prompts = gpu_prefill_attention_s(&a, &g->speed, &s->heads, 1.0, s->past, s->tokens);
    return gpu_mixed_attention_s(&a, &g->speed, &s->heads, prompts, s->batch,
                                 s->batch * s->context);
}

static double predict_small(const double *p, const struct sample *s, const void *given)
{
    (void)given;
    struct gpu_small small = {.launch_s = p[0] * 1e-6,
                              .launch_token_s = p[1] * 1e-9,
                              .base_s = p[2] * 1e-6,
                              .token_s = p[3] * 1e-9};
    return gpu_small_s(&small, s->m);
}

static void prefill_fit(const char *gpu, const struct table *t, const struct gpu_speed *speed,
                        struct gpu_attention *a, struct gpu_fit *fit)
{
    double p[4] = {9.0, 1.0, 0.5, 0.7};
    struct problem problem = {t, predict_prefill, speed, 4};
    problem_fit(&problem, p);
    *fit = problem_report(gpu, "attention, prefill", &problem, p);
    a->prefill_launch_s = rounded(p[0] * 1e-6);
    a->prefill_key_s = rounded(p[1] * 1e-9);
    a->prefill = share(p[2]);
    a->prefill_memory = share(p[3]);
    a->prefill_fit = fit;
}

static void decode_fit(const char *gpu, const struct table *t, const struct gpu_speed *speed,
                       struct gpu_attention *a, struct gpu_fit *fit)
{
    static const double starts[][PARAMETERS_MAX] = {{10.0, 1.0, 10.0, 150.0, 0.8},
                                                    {9.0, 3.0, 13.0, 100.0, 0.95},
                                                    {13.0, 2.5, 16.0, 300.0, 0.95}};
    double p[5];
    struct problem problem = {t, predict_decode, speed, 5};
    problem_fit_best(&problem, starts, 3, p);
    *fit = problem_report(gpu, "attention, decode", &problem, p);
    a->decode_launch_s = rounded(p[0] * 1e-6);
    a->decode_key_s = rounded(p[1] * 1e-9);
    a->decode_base_s = rounded(p[2] * 1e-6);
    a->decode_sequence_s = rounded(p[3] * 1e-9);
    a->decode_memory = share(p[4]);
    a->decode_fit = fit;
}

static void mixed_fit(const char *gpu, const struct table *t, const struct gpu_speed *speed,
                      struct gpu_attention *a, struct gpu_fit *fit)
{
    double p[5] = {600.0, 0.6, 20.0, 800.0, 0.5};
    struct mixed_given given = {*speed, *a};
    struct problem problem = {t, predict_mixed, &given, 5};
    problem_fit(&problem, p);
    *fit = problem_report(gpu, "attention, mixed", &problem, p);
    a->mixed_sequence_s = rounded(p[0] * 1e-9);
    a->mixed_memory = share(p[1]);
    a->mixed_key_s = rounded(p[2] * 1e-9);
    a->mixed_far_bytes = rounded(p[3] * 1e6);
    a->mixed_far_memory = rounded(p[4]);
    a->mixed_fit = fit;
}

static struct gpu_small small_fit(const char *gpu, const char *what, const struct table *t,
                                  struct gpu_fit *fit)
{
    static const double starts[][PARAMETERS_MAX] = {{10.0, 1.0, 5.0, 50.0},
                                                    {25.0, 300.0, 1.0, 1000.0}};
    double p[4];
    struct problem problem = {t, predict_small, NULL, 4};
    problem_fit_best(&problem, starts, 2, p);
    *fit = problem_report(gpu, what, &problem, p);
    return (struct gpu_small){.launch_s = rounded(p[0] * 1e-6),
                              .launch_token_s = rounded(p[1] * 1e-9),
                              .base_s = rounded(p[2] * 1e-6),
                              .token_s = rounded(p[3] * 1e-9),
                              .fit = fit};
}

/* --- Profiles --------------------------------------------------------------------------------- */

enum { DONOR = 0, DONOR_ADA = 1, DONOR_HOPPER = 2 }; /* targets whose numbers others take */

struct result {
    double bandwidth;
    struct gpu_attention attention;
    struct gpu_small between, sampler;
    struct gpu_fit fits[5]; /* prefill, decode, mixed, between, sampler */
};

static cJSON *fit_products(const struct target *target, const struct gpu_profile *gpu)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < PRECISIONS; i++) {
        const struct precision *p = &precisions[i];
        struct table t = {0};
        char source[256];
        if (target->layers != NULL && i == 0) {
            t = layer_gemm_read(target->layers);
            snprintf(source, sizeof source,
                     "Fitted to the layer profile of Llama-3.1-8B, vLLM 0.19 (LLMServingSim), LM "
                     "head included");
        } else if (target->framework[i] != NULL) {
            struct gemm_key key = {target->csv, target->framework[i], target->version[i], p->dtype};
            t = gemm_read(&key);
            snprintf(source, sizeof source, "Fitted to gemm.csv (AIConfigurator): %s %s %s",
                     key.framework, key.version, key.dtype);
        }
        if (t.n > 0) {
            struct gpu_speed speed = gpu_speed_of(gpu, p->rate, p->quant);
            speed.multiprocessors = target->multiprocessors;
            struct gpu_fit fit;
            char what[32];
            snprintf(what, sizeof what, "products, %s", p->quants[p->quants[1] != NULL]);
            struct gpu_gemm gemm = gemm_fit(target->name, what, &t, &speed, &fit);
            put_gemm(list, p, &gemm, &fit, source);
        }
        free(t.rows);
    }
    return list;
}

static void fit_attention(const struct target *target, const struct gpu_profile *gpu,
                          const struct result *all, struct result *r)
{
    struct gpu_speed speed = gpu_speed_of(gpu, GPU_RATE_F16, LLM_BF16);
    struct gpu_attention *a = &r->attention;
    struct table prefill = {0};
    struct table decode = {0};
    if (target->layers != NULL) {
        struct table mixed = layer_attention_read(target->layers, PART_MIXED);
        prefill = layer_attention_read(target->layers, PART_PREFILL);
        decode = layer_attention_read(target->layers, PART_DECODE);
        prefill_fit(target->name, &prefill, &speed, a, &r->fits[0]);
        decode_fit(target->name, &decode, &speed, a, &r->fits[1]);
        mixed_fit(target->name, &mixed, &speed, a, &r->fits[2]);
        a->source = "Fitted to the layer profile of Llama-3.1-8B, vLLM 0.19 (LLMServingSim)";
        free(mixed.rows);
    } else if (target->attention == NULL) {
        *a = all[DONOR_ADA].attention;
        a->prefill_fit = a->decode_fit = a->mixed_fit = NULL;
        a->source = "Assumed: times and shares of RTX 4090, the same architecture; no table";
    } else {
        const struct gpu_attention *hopper = &all[DONOR_HOPPER].attention;
        a->prefill_launch_s = hopper->prefill_launch_s;
        a->prefill_key_s = hopper->prefill_key_s;
        a->prefill = hopper->prefill;
        a->prefill_memory = hopper->prefill_memory;
        if (target->prefill) {
            prefill = attention_read(target->csv, target->attention, true);
            prefill_fit(target->name, &prefill, &speed, a, &r->fits[0]);
        }
        decode = attention_read(target->csv, target->attention, false);
        decode_fit(target->name, &decode, &speed, a, &r->fits[1]);
        const struct gpu_attention *d = &all[DONOR].attention;
        a->mixed_sequence_s = d->mixed_sequence_s;
        a->mixed_key_s = d->mixed_key_s;
        a->mixed_far_bytes = d->mixed_far_bytes;
        a->mixed_far_memory = d->mixed_far_memory;
        a->mixed_memory = share(a->decode_memory * d->mixed_memory / d->decode_memory);
        a->source =
            target->prefill
                ? "Fitted to context_attention.csv and generation_attention.csv (AIConfigurator, "
                  "vLLM); mixed assumed by its ratio to decode on RTX PRO 6000"
                : "decode fitted to generation_attention.csv (AIConfigurator, vLLM); prefill as "
                  "H100's: the rows of this GPU in context_attention.csv are up to 2.6 times its "
                  "peak rate; mixed assumed by its ratio to decode on RTX PRO 6000";
    }
    free(prefill.rows);
    free(decode.rows);
}

static void fit_small(const struct target *target, const struct result *all, struct result *r)
{
    if (target->layers != NULL) {
        struct table between = layer_small_read(target->layers, false);
        struct table sampler = layer_small_read(target->layers, true);
        r->between = small_fit(target->name, "between products", &between, &r->fits[3]);
        r->sampler = small_fit(target->name, "sampler", &sampler, &r->fits[4]);
        r->between.source = r->sampler.source =
            "Fitted to the layer profile of Llama-3.1-8B, vLLM 0.19 (LLMServingSim)";
        free(between.rows);
        free(sampler.rows);
        return;
    }
    double slower = all[DONOR].bandwidth / r->bandwidth;
    r->between = all[DONOR].between;
    r->sampler = all[DONOR].sampler;
    r->between.launch_token_s = rounded(r->between.launch_token_s * slower);
    r->between.token_s = rounded(r->between.token_s * slower);
    r->between.fit = r->sampler.fit = NULL;
    r->between.source = "Assumed: as on RTX PRO 6000, token_s by the bandwidth; no table";
    r->sampler.source = "Assumed: as on RTX PRO 6000; no table";
}

static int fit_target(const char *dir, const struct target *target, struct result *all,
                      struct arena *a)
{
    struct result *r = &all[target - targets];
    const struct gpu_profile *gpu;
    struct err e = {0};
    cJSON *root = NULL;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.json", dir, target->name);
    if (gpu_profile_load(dir, target->name, a, &gpu, &e) != 0 ||
        json_read_file(path, &root, &e) != 0) {
        fprintf(stderr, "fit_gpu: %s\n", e.text);
        return 2;
    }
    r->bandwidth = gpu->bandwidth_bytes_per_s.value;
    cJSON *kernels = cJSON_CreateObject();
    cJSON *multiprocessors = cJSON_AddObjectToObject(kernels, "multiprocessors");
    cJSON_AddNumberToObject(multiprocessors, "value", target->multiprocessors);
    cJSON_AddStringToObject(multiprocessors, "source", target->multiprocessors_source);
    cJSON_AddItemToObject(kernels, "gemm", fit_products(target, gpu));
    fit_attention(target, gpu, all, r);
    fit_small(target, all, r);
    put_attention(kernels, &r->attention);
    put_small(kernels, "between", &r->between);
    put_small(kernels, "sampler", &r->sampler);
    cJSON_DeleteItemFromObjectCaseSensitive(root, "kernels");
    cJSON_AddItemToObject(root, "kernels", kernels);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        fprintf(stderr, "fit_gpu: %s: cannot be written\n", path);
        return 1;
    }
    print_json(out, root, 0);
    fputc('\n', out);
    json_delete(root);
    return fclose(out) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct result all[TARGETS];
    struct arena a = {0};
    int rc = 0;
    FILE *f = table_open("gemm.csv");
    if (f == NULL) {
        fputs("fit_gpu: no inference/kernels/gemm.csv; set WILLMSIM_DATA\n", stderr);
        return 2;
    }
    table_close(f);
    puts("| GPU | kernels | rows fitted | median error % | held out | median error % | p90 % |");
    puts("| --- | --- | --- | --- | --- | --- | --- |");
    for (int i = 0; i < TARGETS && rc == 0; i++) {
        rc = fit_target(argc > 1 ? argv[1] : "bench/profiles", &targets[i], all, &a);
    }
    arena_free(&a);
    return rc;
}
