/* verb_estimate.c - willmsim estimate: time and memory of one inference operating point.
 *
 * B prompts of P tokens are prefilled together; then B sequences decode until each has N tokens.
 * No queue and no policy: that is what scenarios are for. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "base/units.h"
#include "models/llm.h"
#include "tools/call.h"
#include "tools/verbs.h"

enum {
    OPTION_GPU = 1,
    OPTION_MODEL,
    OPTION_QUANT,
    OPTION_ENGINE,
    OPTION_KV,
    OPTION_TP,
    OPTION_BATCH,
    OPTION_PROMPT,
    OPTION_OUTPUT,
    OPTION_JSON
};

enum { BATCH_MOST = 65536, TOKENS_MOST = 10000000 };

struct call {
    const char *verb, *gpu, *model;
    int quant, engine; /* -1: not given */
    int kv;            /* enum llm_kv */
    int64_t tp, batch, prompt, output;
    bool json;
};

struct estimate {
    struct llm_card card;
    const struct gpu_profile *gpu;
    enum llm_quant quant;
    enum llm_engine engine;
    struct llm_cost cost;
    double ttft_s, tpot_s;
    int64_t kv_tokens, max_batch;
    const char *bound_prefill, *bound_decode;
};

static void print_help(void)
{
    printf(
        "usage: willmsim estimate --gpu G --model M [--quant Q] [--engine E] [--kv BITS] [--tp N]\n"
        "                         --batch B --prompt P --output N [--json]\n"
        "Time and memory of one operating point: B prompts of P tokens are prefilled together,\n"
        "then B sequences decode until each has N tokens.\n\n"
        "  --gpu G      GPU profile ('willmsim list gpus')\n"
        "  --model M    model card ('willmsim list models')\n"
        "  --quant Q    f16 bf16 fp8 w8a8 w8a16 w4a16 awq q8_0 q4_0 q4_k_m (the model's own)\n"
        "  --engine E   vllm llama.cpp tinychat ollama (ollama for its tags, llama.cpp for\n"
        "               q8_0, q4_0 and q4_k_m, else vllm)\n"
        "  --kv BITS    precision of the KV cache, 16 or 8 (16)\n"
        "  --tp N       GPUs that share each layer (1)\n"
        "  --batch B    sequences\n"
        "  --prompt P   tokens of a prompt, an image's included\n"
        "  --output N   tokens of an answer\n"
        "  --json       print one JSON object\n\n"
        "TTFT is when all B have their first token, TPOT the mean time between the later ones\n"
        "of a sequence. max_batch is how many such sequences fit beside the weights.\n");
}

static int count_words(const char *const *words)
{
    int n = 0;
    while (words[n] != NULL) {
        n++;
    }
    return n;
}

/* Takes one option's value. Returns 0, or 2 with the line printed. */
static int take_option(struct call *call, int option, const char *value)
{
    switch (option) {
    case OPTION_GPU:
        call->gpu = value;
        return 0;
    case OPTION_MODEL:
        call->model = value;
        return 0;
    case OPTION_QUANT:
        call->quant = call_word(call->verb, "precision", value, llm_quant_words, LLM_QUANT_COUNT);
        return call->quant < 0 ? 2 : 0;
    case OPTION_ENGINE:
        call->engine =
            call_word(call->verb, "engine", value, llm_engine_words, count_words(llm_engine_words));
        return call->engine < 0 ? 2 : 0;
    case OPTION_KV:
        call->kv = call_word(call->verb, "KV precision", value, llm_kv_words, LLM_KV_COUNT);
        return call->kv < 0 ? 2 : 0;
    case OPTION_TP:
        return call_int(call->verb, "tp", value, 1, 1024, &call->tp);
    case OPTION_BATCH:
        return call_int(call->verb, "batch", value, 1, BATCH_MOST, &call->batch);
    case OPTION_PROMPT:
        return call_int(call->verb, "prompt", value, 1, TOKENS_MOST, &call->prompt);
    case OPTION_OUTPUT:
        return call_int(call->verb, "output", value, 1, TOKENS_MOST, &call->output);
    default:
        call->json = true;
        return 0;
    }
}

static int check_call(const struct call *call)
{
    const char *missing = call->gpu == NULL     ? "--gpu"
                          : call->model == NULL ? "--model"
                          : call->batch == 0    ? "--batch"
                          : call->prompt == 0   ? "--prompt"
                          : call->output == 0   ? "--output"
                                                : NULL;
    if (missing != NULL) {
        return call_wrong(call->verb, "%s is missing; see 'willmsim estimate --help'", missing);
    }
    return 0;
}

static enum llm_engine engine_of(const struct call *call, const struct estimate *est)
{
    if (call->engine >= 0) {
        return (enum llm_engine)call->engine;
    }
    if (est->card.tag_of != NULL) {
        return LLM_OLLAMA;
    }
    bool gguf = est->quant == LLM_Q8_0 || est->quant == LLM_Q4_0 || est->quant == LLM_Q4_K_M;
    return gguf ? LLM_LLAMA_CPP : LLM_VLLM;
}

/* The times of the operating point. */
static int estimate_times(const struct call *call, struct arena *a, struct estimate *est,
                          struct err *e)
{
    struct llm_chunk *chunks = arena_array(a, (size_t)call->batch, sizeof *chunks);
    if (chunks == NULL) {
        return err_memory(e, "estimating");
    }
    for (int64_t i = 0; i < call->batch; i++) {
        chunks[i] = (struct llm_chunk){0, call->prompt};
    }
    int n = (int)call->batch;
    int64_t context = call->batch * (call->prompt + 1); /* of the first decode step */
    int64_t steps = call->output > 1 ? call->output - 1 : 1;
    est->ttft_s = s_of_ns(llm_step_ns(&est->cost, chunks, n, 0, 0, 0));
    est->tpot_s = s_of_ns(llm_decode_run_ns(&est->cost, n, context, steps)) / (double)steps;
    est->bound_prefill = llm_step_bound(&est->cost, chunks, n, 0, 0);
    est->bound_decode = llm_step_bound(&est->cost, NULL, 0, n, context + call->batch * (steps / 2));
    return 0;
}

static int estimate_make(const struct call *call, struct arena *a, struct estimate *est,
                         struct err *e)
{
    int rc = llm_card_load(NULL, call->model, a, &est->card, e);
    if (rc == 0) {
        rc = gpu_profile_load(NULL, call->gpu, a, &est->gpu, e);
    }
    if (rc != 0) {
        return rc;
    }
    est->quant = (enum llm_quant)(call->quant >= 0 ? call->quant : est->card.default_quant);
    est->engine = engine_of(call, est);
    struct llm_setup setup = {.gpu = est->gpu, .card = &est->card};
    setup.quant = est->quant;
    setup.engine = est->engine;
    setup.kv = (enum llm_kv)call->kv;
    setup.tensor_parallel = (int)call->tp;
    rc = llm_cost_make(&setup, &est->cost, e);
    if (rc != 0) {
        return rc;
    }
    est->kv_tokens = llm_kv_tokens(&est->cost, 0.0);
    est->max_batch = est->kv_tokens / (call->prompt + call->output - 1);
    return estimate_times(call, a, est, e);
}

static void print_pair(const char *key, double value)
{
    printf("\"%s\": ", key);
    json_print_number(stdout, value);
    printf(", ");
}

static void print_text(const char *key, const char *value, const char *after)
{
    printf("\"%s\": ", key);
    json_print_string(stdout, value);
    printf("%s", after);
}

static void print_json(const struct call *call, const struct estimate *est)
{
    double n = (double)call->batch;
    printf("{");
    print_pair("ttft_ms", est->ttft_s * 1e3);
    print_pair("tpot_ms", est->tpot_s * 1e3);
    print_pair("prefill_tokens_per_s", n * (double)call->prompt / est->ttft_s);
    print_pair("decode_tokens_per_s", n / est->tpot_s);
    print_pair("weights_bytes", est->cost.weights_bytes);
    print_pair("kv_bytes_per_token", est->cost.kv_bytes_per_token);
    print_pair("kv_tokens", (double)est->kv_tokens);
    print_pair("kv_tokens_unreserved", (double)llm_kv_tokens_unreserved(&est->cost, 0.0));
    print_pair("max_batch", (double)est->max_batch);
    print_pair("alpha", llm_alpha(&est->card, est->quant));
    print_pair("beta", llm_beta(&est->card, est->quant));
    const struct llm_accuracy *accuracy = llm_accuracy_of(&est->card, est->quant);
    print_pair("perplexity_delta", accuracy != NULL ? accuracy->perplexity_delta : (double)NAN);
    printf("\"perplexity_source\": ");
    if (accuracy != NULL) {
        json_print_string(stdout, accuracy->source);
    } else {
        printf("null");
    }
    printf(", \"layered\": %s, ", est->cost.layered ? "true" : "false");
    printf("\"fits\": %s, ", call->batch <= est->max_batch ? "true" : "false");
    print_text("bound_prefill", est->bound_prefill, ", ");
    print_text("bound_decode", est->bound_decode, ", ");
    print_text("model", est->card.name, ", ");
    print_text("quant", llm_quant_words[est->quant], ", ");
    print_text("engine", llm_engine_words[est->engine], ", ");
    print_text("profile", gpu_profile_name(est->gpu), ", ");
    print_text("profile_source", gpu_profile_source(est->gpu), ", ");
    print_text("efficiency_source", est->cost.source, "}\n");
}

static void print_table(const struct call *call, const struct estimate *est)
{
    double n = (double)call->batch;
    printf("%s in %s on %lld x %s with %s: batch %lld, prompt %lld, output %lld\n", est->card.name,
           llm_quant_words[est->quant], (long long)call->tp, gpu_profile_name(est->gpu),
           llm_engine_words[est->engine], (long long)call->batch, (long long)call->prompt,
           (long long)call->output);
    printf("  TTFT     %12.3f ms   prefill %12.1f tokens/s   bound by %s\n", est->ttft_s * 1e3,
           n * (double)call->prompt / est->ttft_s, est->bound_prefill);
    printf("  TPOT     %12.3f ms   decode  %12.1f tokens/s   bound by %s\n", est->tpot_s * 1e3,
           n / est->tpot_s, est->bound_decode);
    printf("  weights  %12.3f GB   KV %.0f bytes per token, room for %lld tokens\n",
           est->cost.weights_bytes / 1e9, est->cost.kv_bytes_per_token, (long long)est->kv_tokens);
    printf("  without the engine's reserve of %.2f GB: room for %lld tokens\n",
           est->cost.reserve_bytes / 1e9, (long long)llm_kv_tokens_unreserved(&est->cost, 0.0));
    printf("  max batch %11lld      %s\n", (long long)est->max_batch,
           call->batch <= est->max_batch ? "" : "this batch does not fit: times only");
    printf("  profile: %s\n  efficiency: %s\n", gpu_profile_source(est->gpu), est->cost.source);
}

int verb_estimate(int argc, char **argv)
{
    static const struct option options[] = {
        {"gpu", required_argument, NULL, OPTION_GPU},
        {"model", required_argument, NULL, OPTION_MODEL},
        {"quant", required_argument, NULL, OPTION_QUANT},
        {"engine", required_argument, NULL, OPTION_ENGINE},
        {"kv", required_argument, NULL, OPTION_KV},
        {"tp", required_argument, NULL, OPTION_TP},
        {"batch", required_argument, NULL, OPTION_BATCH},
        {"prompt", required_argument, NULL, OPTION_PROMPT},
        {"output", required_argument, NULL, OPTION_OUTPUT},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, CALL_HELP},
        {0},
    };
    struct call call = {.verb = argv[0], .quant = -1, .engine = -1, .tp = 1};
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
        return call_wrong(argv[0], "'%s' stands alone; every value has an option before it",
                          argv[optind]);
    }
    int rc = check_call(&call);
    if (rc != 0) {
        return rc;
    }
    struct arena arena = {0};
    struct estimate est = {0};
    struct err e = {0};
    rc = estimate_make(&call, &arena, &est, &e);
    if (rc != 0) {
        rc = rc == ERR_INPUT ? call_wrong(argv[0], "%s", e.text) : call_fail(&e);
    } else if (call.json) {
        print_json(&call, &est);
    } else {
        print_table(&call, &est);
    }
    arena_free(&arena);
    return rc;
}
