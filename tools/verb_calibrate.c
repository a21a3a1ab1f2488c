/* verb_calibrate.c - willmsim calibrate: a GPU profile measured on the machine at hand. */
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/data_dir.h"
#include "bench/kernels/backend_load.h"
#include "bench/kernels/calibrate.h"
#include "tools/call.h"
#include "tools/verbs.h"

enum { OPTION_CPU = 1, OPTION_GPU, OPTION_MODEL, OPTION_OUT, OPTION_QUICK, OPTION_THREADS };

struct call {
    const char *verb, *out, *model;
    int64_t threads, gpu_index; /* 0 and -1: not given */
    bool cpu, quick;
};

static void print_help(void)
{
    printf("usage: willmsim calibrate [--gpu-index I | --cpu [--threads N]] --out PROFILE.json\n"
           "                          [--model NAME] [--quick]\n"
           "Times the kernels of a decoder on this machine, checks their results, fits a profile\n"
           "that 'estimate' and scenarios can use, and compares what it predicts with the\n"
           "decoder itself.\n\n"
           "  --gpu-index I  NVIDIA GPU number I (0); needs a build with CUDA\n"
           "  --cpu          the processor instead\n"
           "  --out FILE     the profile; the file's name without .json names the GPU\n"
           "  --model NAME   the decoder's shape: a model card (llama-3.2-1b on a GPU,\n"
           "                 decoder-small on the processor)\n"
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
    case OPTION_GPU:
        return call_int(call->verb, "--gpu-index", value, 0, 1023, &call->gpu_index);
    case OPTION_MODEL:
        call->model = value;
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

/* The decoder's card: one of the benchmark's own, or a model's. */
static int load_card(const struct call *call, struct arena *arena, struct llm_card *card,
                     struct err *e)
{
    static const char *const own[] = {"decoder-tiny", "decoder-small"};
    const char *folder = "bench/kernels/cards";
    const char *model = call->quick ? own[0] : call->cpu ? own[1] : "llama-3.2-1b";
    model = call->model != NULL ? call->model : model;
    if (strcmp(model, own[0]) != 0 && strcmp(model, own[1]) != 0) {
        return llm_card_load(NULL, model, arena, card, e);
    }
    char cards[1024];
    return data_dir_path(folder, cards, sizeof cards) == 0
               ? llm_card_load(cards, model, arena, card, e)
               : err_work(e, folder, NULL, "no such folder beside the program; set WILLMSIM_HOME");
}

static struct calibrate_size choose_size(const struct call *call, const struct llm_card *card,
                                         const struct kernel_backend *b)
{
    if (call->quick) {
        return (struct calibrate_size){5, 128, 8, 200};
    }
    if (call->cpu) { /* about half a minute of one core */
        return (struct calibrate_size){5, 192, 8, 400};
    }
    /* Up to 32 sequences of 4096 tokens, their KV in a quarter of the memory. */
    struct calibrate_size size = {15, 2048, 32, 4096};
    double token_bytes = llm_kv_bytes_per_token(card);
    while (size.sequences_most > 8 &&
           token_bytes * size.sequences_most * size.context_most > b->memory_bytes / 4.0) {
        size.sequences_most /= 2;
    }
    return size;
}

static int calibrate(const struct call *call, const char *dir, const char *name, struct err *e)
{
    struct arena arena = {0};
    struct llm_card card;
    struct kernel_backend backend = {0};
    struct calibration *result = calloc(1, sizeof *result);
    uint64_t seed = 1;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed || seed == 0) {
        seed = 1;
    }
    int rc = result == NULL ? err_memory(e, "calibrating") : load_card(call, &arena, &card, e);
    if (rc == 0) {
        omp_set_num_threads(call->threads > 0 ? (int)call->threads : 1);
        int index = call->gpu_index > 0 ? (int)call->gpu_index : 0;
        rc = backend_load(call->cpu ? "cpu" : "cuda", index, &backend, e);
    }
    if (rc == 0) {
        struct calibrate_size size = choose_size(call, &card, &backend);
        rc = calibrate_run(&backend, &card, &size, dir, name, seed, result, e);
    }
    if (rc == 0) {
        calibrate_print(stdout, &backend, &card, result);
    }
    if (backend.close != NULL) {
        backend.close(&backend);
    }
    free(result);
    arena_free(&arena);
    return rc;
}

/* Options that do not go together. Returns 0, or 2 with the line printed. */
static int check_call(const struct call *call)
{
    if (call->cpu && call->gpu_index >= 0) {
        return call_wrong(call->verb, "--cpu and --gpu-index exclude each other; give one of them");
    }
    if (!call->cpu && call->threads > 0) {
        return call_wrong(call->verb, "--threads is of the processor; add --cpu");
    }
    if (call->quick && call->model != NULL) {
        return call_wrong(call->verb, "--quick runs its own toy decoder; leave --model out");
    }
    return 0;
}

int verb_calibrate(int argc, char **argv)
{
    static const struct option options[] = {
        {"cpu", no_argument, NULL, OPTION_CPU},
        {"gpu-index", required_argument, NULL, OPTION_GPU},
        {"model", required_argument, NULL, OPTION_MODEL},
        {"out", required_argument, NULL, OPTION_OUT},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"quick", no_argument, NULL, OPTION_QUICK},
        {"help", no_argument, NULL, CALL_HELP},
        {0},
    };
    struct call call = {.verb = argv[0], .gpu_index = -1};
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
    char dir[1024];
    char name[64];
    int rc = check_call(&call);
    if (rc == 0) {
        rc = split_out(&call, dir, name);
    }
    if (rc != 0) {
        return rc;
    }
    gsl_set_error_handler_off(); /* fits report what fails */
    struct err e = {0};
    rc = calibrate(&call, dir, name, &e);
    return rc == 0 ? 0 : call_fail(&e);
}
