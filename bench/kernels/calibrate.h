/* calibrate.h - from microbenchmarks to a GPU profile, and the loop closed with the decoder.
 *
 * The microbenchmarks time the decoder's parts one by one (suite.c); the fit turns them into the
 * coefficients of models/llm.h (fit.c); the profile that holds them is written, read back by the
 * simulator's own reader and asked to predict the whole decoder at points that no microbenchmark
 * had (calibrate.c). docs/models/calibration.md has the equations.
 */
#ifndef BENCH_KERNELS_CALIBRATE_H
#define BENCH_KERNELS_CALIBRATE_H

#include <stdio.h>

#include "bench/kernels/check.h"
#include "bench/kernels/decoder.h"

enum { SUITE_POINTS = 12, LOOP_POINTS_MOST = 24 };

/* One microbenchmark at one size; seconds for all layers, median of the repeats. */
struct suite_point {
    double tokens, sequences, context, seconds;
};

struct suite_list {
    struct suite_point point[SUITE_POINTS];
    int n;
};

struct suite {
    double copy_bytes_per_s, read_bytes_per_s, launch_s, launch_graph_s;
    struct suite_list matrices; /* layers' matrices and LM head */
    struct suite_list between;  /* norms, rotation and KV store, gate, adds */
    struct suite_list prompt;   /* attention of prompts: tokens */
    struct suite_list decode;   /* attention to the cache: sequences, context summed */
    struct suite_list ends;     /* embedding, sampling: sequences */
};

/* A coefficient and its standard error. */
struct fit_value {
    double value, error;
};

struct fit {
    struct fit_value weights_s, token_s, token_compute_s; /* max(w + T t, T c) */
    struct fit_value pair_s;                              /* per (query, key) pair */
    struct fit_value step_s, sequence_s, context_s;       /* of attention to the cache and ends */
    double r2_matrices, r2_prompt, r2_decode;
};

struct calibrate_size {
    int32_t repeats, tokens_most, sequences_most, context_most;
};

struct loop_point {
    bool decode;
    int32_t sequences, tokens; /* tokens: of each prompt, or cached when decoding starts */
    double measured_s, predicted_s;
};

struct calibration {
    struct suite suite[KERNEL_FORMATS];
    struct fit fit[KERNEL_FORMATS];
    struct loop_point loop[LOOP_POINTS_MOST];
    int loop_points;
    double check_worst, decoder_deviation;
    double median_error, p90_error;
};

/* Times the decoder's parts. */
int suite_run(struct decoder *d, const struct calibrate_size *size, struct suite *s, struct err *e);
/* ERR_WORK when the measurements admit no fit. */
int fit_make(const struct llm_card *card, const struct suite *s, struct fit *f, struct err *e);

/* Everything; writes the profile DIR/NAME.json. */
int calibrate_run(struct kernel_backend *b, const struct llm_card *card,
                  const struct calibrate_size *size, const char *dir, const char *name,
                  uint64_t seed, struct calibration *c, struct err *e);
void calibrate_print(FILE *out, const struct kernel_backend *b, const struct llm_card *card,
                     const struct calibration *c);

/* profile_write.c: DIR/NAME.json from the fits. */
int profile_write(const struct kernel_backend *b, const struct llm_card *card,
                  const struct calibration *c, const char *dir, const char *name, struct err *e);

#endif
