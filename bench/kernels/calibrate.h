/* calibrate.h - from microbenchmarks to a GPU profile, and the loop closed with the decoder.
 *
 * The microbenchmarks time the decoder's kernels one by one, and the whole decoder beside them, all
 * in turn, round after round (suite.c); the fit turns the kernels' times into the forms of
 * models/llm_kernel.c (fit.c); the profile that holds them is written (profile_write.c), read back
 * by the simulator's own reader and asked to predict the whole decoder at points that no
 * microbenchmark had (calibrate.c). docs/models/calibration.md has the equations.
 */
#ifndef BENCH_KERNELS_CALIBRATE_H
#define BENCH_KERNELS_CALIBRATE_H

#include <stdio.h>

#include "bench/kernels/check.h"
#include "bench/kernels/decoder.h"

enum { SUITE_POINTS_MOST = 400, SUITE_ROUNDS_MOST = 32 };

/* What a point runs. The first ones are the matrices of enum decoder_matrix. */
enum suite_kind {
    SUITE_HEAD = DECODER_MATRICES,
    SUITE_BETWEEN, /* norms, rotation and KV store, gate, additions */
    SUITE_ENDS,    /* embedding, last norm, sampling, the tokens to the host */
    SUITE_PROMPT,  /* attention of prompts */
    SUITE_DECODE,  /* attention to the cache */
    SUITE_TTFT,    /* the whole decoder */
    SUITE_TPOT,
    SUITE_KINDS
};

struct suite_point {
    enum suite_kind kind;
    int32_t sequences, tokens, past; /* tokens of each sequence */
    bool held_out;                   /* of the fit */
    double seconds;                  /* median over the rounds; of one layer, but for the head, the
                                        ends and the whole decoder */
};

struct suite {
    double copy_bytes_per_s, read_bytes_per_s, launch_s, launch_graph_s;
    struct suite_point point[SUITE_POINTS_MOST];
    int n;
};

/* A coefficient and its standard error. */
struct fit_value {
    double value, error;
};

/* How well a form meets its points: errors are medians of absolute percentages. */
struct fit_quality {
    int rows_fitted, rows_held_out;
    double error_fitted_pct, error_held_out_pct, r2;
};

/* Products: launch + (memory^p + compute^p)^(1/p), seconds per byte and per operation. `quality` is
 * the form's; `table` how well straight lines between the fitted rows meet those held out. */
struct fit_gemm {
    struct fit_value launch_s, byte_s, flop_s;
    double sharpness;
    struct fit_quality quality, table;
};

/* The larger of two lines in the count. */
struct fit_small {
    struct fit_value launch_s, launch_token_s, base_s, token_s;
    struct fit_quality quality;
};

struct fit {
    struct fit_gemm gemm;
    struct fit_small between, ends;
    struct fit_value prompt_s, prompt_token_s, pair_s; /* pair_s: per (query, key) pair, in tiles */
    struct fit_value decode_s, sequence_s, context_s;
    struct fit_quality prompt, decode;
};

struct calibrate_size {
    int32_t repeats, tokens_most, sequences_most, context_most;
};

struct loop_point {
    bool decode;
    int32_t sequences, tokens; /* tokens: of each prompt, or cached when decoding starts */
    double measured_s, predicted_s;
};

enum { LOOP_POINTS_MOST = 24, LOOP_STEPS = 8 };

struct calibration {
    struct suite suite[KERNEL_FORMATS];
    struct fit fit[KERNEL_FORMATS];
    struct loop_point loop[LOOP_POINTS_MOST];
    int loop_points;
    double check_worst, decoder_deviation;
    double median_error, p90_error;
};

/* Lists the points of the layers' products for these sizes; when `whole`, also of all other kernels
 * and of the loop: those run in 16 bits whatever the format of the weights. */
void suite_plan(const struct calibrate_size *size, bool whole, struct suite *s);
/* Times what is listed. */
int suite_run(struct decoder *d, const struct calibrate_size *size, struct suite *s, struct err *e);

/* Output and inner size of a matrix, or of the LM head. */
void suite_shape(const struct llm_card *card, enum suite_kind kind, double *n, double *k);
/* Bytes that a product moves: weights once, activations in and out. */
double fit_gemm_bytes(enum kernel_format format, double m, double n, double k);
/* Fits what was planned. ERR_WORK when the measurements admit no fit. */
int fit_make(const struct llm_card *card, enum kernel_format format, const struct suite *s,
             struct fit *f, struct err *e);

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
