/* bench_decoder.c - the calibration loop on the processor: microbenchmarks, fit, profile, and what
 * the profile predicts against the reference decoder. The profile goes into a temporary folder. */
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "bench/kernels/backend_load.h"
#include "bench/kernels/calibrate.h"

int main(void)
{
    /* As `willmsim calibrate --cpu`; the data are the same each time. */
    const struct calibrate_size size = {5, 192, 8, 400};
    const uint64_t seed = 20240501;
    char dir[] = "/tmp/willmsim-decoder-XXXXXX";
    char path[64];
    char cards[1024];
    struct arena arena = {0};
    struct llm_card card;
    struct kernel_backend backend = {0};
    static struct calibration result;
    struct err e = {0};
    gsl_set_error_handler_off();
    omp_set_num_threads(1); /* then processor time is measured: other programs hardly disturb */
    int rc = mkdtemp(dir) == NULL ? err_work(&e, dir, NULL, "cannot be made") : 0;
    if (rc != 0) {
        fprintf(stderr, "bench_decoder: %s\n", e.text);
        return 1;
    }
    rc = data_dir_path("bench/kernels/cards", cards, sizeof cards) == 0
             ? llm_card_load(cards, "decoder-small", &arena, &card, &e)
             : err_work(&e, "bench/kernels/cards", NULL, "not found; set WILLMSIM_HOME");
    if (rc == 0) {
        rc = backend_load("cpu", 0, &backend, &e);
    }
    if (rc == 0) {
        rc = calibrate_run(&backend, &card, &size, dir, "cpu", seed, &result, &e);
    }
    if (rc == 0) {
        calibrate_print(stdout, &backend, &card, &result);
    } else {
        fprintf(stderr, "bench_decoder: %s\n", e.text);
    }
    if (backend.close != NULL) {
        backend.close(&backend);
    }
    snprintf(path, sizeof path, "%s/cpu.json", dir);
    unlink(path);
    rmdir(dir);
    arena_free(&arena);
    return rc == 0 ? 0 : 1;
}
