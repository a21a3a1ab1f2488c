/* verb_calibrate.c - willmsim calibrate: a GPU profile measured on the machine at hand. */
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/data_dir.h"
#include "bench/kernels/backend_load.h"
#include "bench/kernels/calibrate.h"
#include "tools/call.h"
#include "tools/verbs.h"

enum { OPTION_CPU = 1, OPTION_OUT, OPTION_QUICK, OPTION_THREADS };

struct call {
    const char *verb, *out;
    int64_t threads;
    bool cpu, quick;
};

static void print_help(void)
{
    printf("usage: willmsim calibrate --cpu --out PROFILE.json [--threads N] [--quick]\n"
           "Times the kernels of a decoder on this machine, checks their results, fits a profile\n"
           "that 'estimate' and scenarios can use, and compares what it predicts with the\n"
           "decoder itself.\n\n"
           "  --cpu          the processor (the only device this version measures)\n"
           "  --out FILE     the profile; the file's name without .json names the GPU\n"
           "  --threads N    of the processor (1: its own time is measured, so that other\n"
           "                 programs hardly disturb)\n"
           "  --quick        a toy decoder, a few seconds: to see that it works\n");
}

static int take_option(struct call *call, int option, const char *value)
{
    switch (option) {
    case OPTION_CPU:
        call->cpu = true;
        return 0;
    case OPTION_OUT:
        call->out = value;
        return 0;
    case OPTION_THREADS:
        return call_int(call->verb, "--threads", value, 1, 1024, &call->threads);
    default:
        call->quick = true;
        return 0;
    }
}

/* Splits FILE.json into folder and name. Returns 0, or 2 with the line printed. */
static int split_out(const struct call *call, char dir[1024], char name[64])
{
    if (call->out == NULL) {
        return call_wrong(call->verb, "--out is missing; name the profile to write, such as "
                                      "'my-gpu.json'");
    }
    const char *slash = strrchr(call->out, '/');
    const char *base = slash == NULL ? call->out : slash + 1;
    size_t length = strlen(base);
    if (length < 6 || length >= 64 || strcmp(base + length - 5, ".json") != 0) {
        return call_wrong(call->verb, "--out: '%s' must end in NAME.json, NAME shorter than 59",
                          call->out);
    }
    snprintf(name, 64, "%.*s", (int)(length - 5), base);
    size_t folder = slash == NULL ? 0 : (size_t)(slash - call->out);
    if (folder >= 1024) {
        return call_wrong(call->verb, "--out: the path is too long");
    }
    snprintf(dir, 1024, "%.*s", (int)folder, call->out);
    if (folder == 0) {
        snprintf(dir, 1024, "%s", slash == NULL ? "." : "/");
    }
    return 0;
}

static int calibrate(const struct call *call, const char *dir, const char *name, struct err *e)
{
    /* About half a minute of one core. */
    struct calibrate_size size = {5, 192, 8, 400};
    const char *model = "decoder-small";
    const char *folder = "bench/kernels/cards";
    if (call->quick) {
        size = (struct calibrate_size){5, 128, 8, 200};
        model = "decoder-tiny";
    }
    char cards[1024];
    struct arena arena = {0};
    struct llm_card card;
    struct kernel_backend backend;
    struct calibration result;
    uint64_t seed = 1;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed || seed == 0) {
        seed = 1;
    }
    int rc =
        data_dir_path(folder, cards, sizeof cards) == 0
            ? llm_card_load(cards, model, &arena, &card, e)
            : err_work(e, folder, NULL, "no such folder beside the program; set WILLMSIM_HOME");
    if (rc == 0) {
        omp_set_num_threads((int)call->threads);
        rc = backend_load("cpu", 0, &backend, e);
    }
    if (rc == 0) {
        rc = calibrate_run(&backend, &card, &size, dir, name, seed, &result, e);
    }
    if (rc == 0) {
        calibrate_print(stdout, &backend, &card, &result);
    }
    arena_free(&arena);
    return rc;
}

int verb_calibrate(int argc, char **argv)
{
    static const struct option options[] = {
        {"cpu", no_argument, NULL, OPTION_CPU},
        {"out", required_argument, NULL, OPTION_OUT},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"quick", no_argument, NULL, OPTION_QUICK},
        {"help", no_argument, NULL, CALL_HELP},
        {0},
    };
    struct call call = {.verb = argv[0], .threads = 1};
    int option;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        if (option == CALL_WRONG) {
            return 2;
        }
        if (option == CALL_HELP) {
            print_help();
            return 0;
        }
        int rc = take_option(&call, option, optarg);
        if (rc != 0) {
            return rc;
        }
    }
    if (optind < argc) {
        return call_wrong(argv[0], "'%s' stands alone; the profile's name goes after --out",
                          argv[optind]);
    }
    if (!call.cpu) {
        return call_wrong(argv[0], "--cpu is missing; this version measures processors only");
    }
    char dir[1024];
    char name[64];
    int rc = split_out(&call, dir, name);
    if (rc != 0) {
        return rc;
    }
    gsl_set_error_handler_off(); /* fits report what fails */
    struct err e = {0};
    rc = calibrate(&call, dir, name, &e);
    return rc == 0 ? 0 : call_fail(&e);
}
