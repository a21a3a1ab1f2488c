/* llm_cost.c - the time of engine steps: coefficients from a card and a profile, one step, and
 * runs of decode steps added up in closed form.
 *
 * Invariants (tests/models/llm.c names them):
 *   L1 llm_decode_run_ns(n, ctx, s) is the sum over i < s of llm_step_ns of n sequences at
 *      context ctx + i n, to the nanosecond;
 *   L2 time grows with tokens, context, sequences and steps;
 *   L3 results are integers of integers: the same on every machine for the same coefficients.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "models/llm.h"
#include "models/llm_internal.h"

/* Sums of products of token counts and femtoseconds do not fit 64 bits. */
typedef __int128 wide; /* NOLINT: the language has no name for it */

/* Most of their quotients fit, and 64 bits divide several times as fast. */
static wide wide_div(wide a, wide b)
{
    if (a >= 0 && a <= INT64_MAX && b > 0 && b <= INT64_MAX) {
        return (wide)((uint64_t)a / (uint64_t)b);
    }
    return a / b;
}

#define FS_PER_NS 1000000LL
#define FS_PER_S  1e15

/* What an engine does whatever the GPU. */
struct engine_traits {
    double memory_utilization;
    double reserve_bytes; /* per GPU */
    int64_t pass_tokens;
};

static struct engine_traits engine_traits(enum llm_engine engine)
{
    switch (engine) {
    case LLM_VLLM:
        /* vLLM's gpu_memory_utilization defaults to 0.9. The reserve is what its run on an RTX
         * 4090 left out: 0.9 x 25.25 GB - 16.06 GB of weights - 41 408 tokens x 131 072 B
         * (LLMServingSim, vLLM 0.19, max_num_batched_tokens 2048). */
        return (struct engine_traits){0.9, 1.24e9, 0};
    case LLM_LLAMA_CPP:
    case LLM_OLLAMA:
        /* n_ubatch is 512 by default. Assumed 0.6 GB: compute buffers of 0.2 to 0.5 GB in the
         * logs of 7B models, and the CUDA context. */
        return (struct engine_traits){1.0, 0.6e9, 512};
    case LLM_TINYCHAT:
        /* Assumed as vLLM's reserve: a PyTorch process without a memory pool of its own. */
        return (struct engine_traits){1.0, 1.24e9, 0};
    case LLM_ENGINE_COUNT:
        break;
    }
    return (struct engine_traits){1.0, 0.0, 0};
}

static bool entry_has(const struct gpu_efficiency *entry, enum llm_quant quant)
{
    const char *const *words = entry->quants.items;
    for (size_t i = 0; i < entry->quants.n; i++) {
        if (strcmp(words[i], llm_quant_words[quant]) == 0) {
            return true;
        }
    }
    return false;
}

static const struct gpu_efficiency *entry_find(const struct gpu_profile *gpu,
                                               enum llm_engine engine, enum llm_quant quant,
                                               int64_t tensor_parallel)
{
    const struct gpu_efficiency *list = gpu->efficiency.items;
    for (size_t i = 0; i < gpu->efficiency.n; i++) {
        if ((enum llm_engine)list[i].engine == engine &&
            list[i].tensor_parallel == tensor_parallel && entry_has(&list[i], quant)) {
            return &list[i];
        }
    }
    return NULL;
}

static int entry_missing(const struct llm_setup *s, enum llm_engine engine, struct err *e)
{
    struct text quants = {0};
    struct text engines = {0};
    for (int i = 0; i < LLM_QUANT_COUNT; i++) {
        if (entry_find(s->gpu, engine, (enum llm_quant)i, 1) != NULL) {
            text_add(&quants, "%s%s", quants.length > 0 ? ", " : "", llm_quant_words[i]);
        }
    }
    for (int i = 0; i < LLM_ENGINE_COUNT; i++) {
        enum llm_engine other = i == LLM_OLLAMA ? LLM_LLAMA_CPP : (enum llm_engine)i;
        if (entry_find(s->gpu, other, s->quant, 1) != NULL) {
            text_add(&engines, "%s%s", engines.length > 0 ? ", " : "", llm_engine_words[i]);
        }
    }
    if (quants.length == 0) {
        return err_input(e, NULL, NULL, "%s does not run on %s; engines for %s there: %s",
                         llm_engine_words[s->engine], s->gpu->name, llm_quant_words[s->quant],
                         engines.length > 0 ? engines.chars : "none");
    }
    return err_input(e, NULL, NULL, "%s does not run %s on %s; use %s, or one of these engines: %s",
                     llm_engine_words[s->engine], llm_quant_words[s->quant], s->gpu->name,
                     quants.chars, engines.length > 0 ? engines.chars : "none");
}

static int64_t fs_of_s(double seconds)
{
    return (int64_t)llround(seconds * FS_PER_S);
}

/* Bytes of weights that one step reads: not the embedding table, of which it reads a few rows. */
static double read_bytes(const struct llm_card *card, enum llm_quant quant)
{
    double all = llm_weights_bytes(card, quant) - card->vision_parameters * 2.0;
    if (card->tied_embeddings) {
        return all;
    }
    struct llm_card without = *card;
    without.parameters -= card->head_parameters;
    return llm_weights_bytes(&without, quant) - card->vision_parameters * 2.0;
}

static void cost_times(const struct llm_setup *s, const struct gpu_efficiency *entry,
                       struct llm_cost *cost)
{
    const struct llm_card *card = s->card;
    const struct gpu_profile *gpu = s->gpu;
    double n = (double)s->tensor_parallel;
    double layers = (double)card->layers;
    double bandwidth = n * gpu->bandwidth_bytes_per_s.value;
    double f16 = gpu->compute.f16_flops.value;
    double reduce = 0.0;
    double step = entry->step_s + layers * entry->layer_s;
    if (entry->tensor_parallel != s->tensor_parallel) {
        /* Two all-reduces of the hidden state per layer, as a ring: 2 (n-1)/n of the bytes. */
        reduce = layers * 2.0 * (2.0 * (n - 1.0) / n) * (double)card->hidden * 2.0 /
                 gpu->link_bytes_per_s.value;
        step += layers * 2.0 * gpu->link_latency_s.value;
    }
    cost->step_fs = fs_of_s(step);
    cost->sequence_fs = fs_of_s(entry->sequence_s);
    /* The image encoder is not split over the group. */
    cost->vision_fs = fs_of_s(card->vision_flops_per_image / (f16 * gpu->vision.value));
    cost->source = entry->source;
    if (entry->kernels) {
        llm_layers_make(s, reduce, cost);
        return;
    }
    double matrix = n * gpu_rate_of(&gpu->compute, entry->rate) * entry->prefill;

    /* 2 floating-point operations per weight and token; 4 x heads x head_dim per layer and pair
     * (queries with keys, weights with values). */
    double token_compute = 2.0 * card->layer_parameters / matrix;
    double pair_flops = 4.0 * (double)(card->heads * card->head_dim) * layers;
    cost->floor_fs = fs_of_s(layers * entry->layer_floor_s);
    cost->weights_fs = fs_of_s(read_bytes(card, s->quant) / (bandwidth * entry->decode));
    cost->token_memory_fs = fs_of_s(entry->token_s + reduce);
    cost->token_compute_fs = fs_of_s(token_compute + reduce);
    cost->head_compute_fs = fs_of_s(2.0 * card->head_parameters / matrix);
    cost->attention_fs = fs_of_s(pair_flops / (n * f16 * entry->prefill_attention));
    cost->kv_fs = fs_of_s(cost->kv_bytes_per_token / (bandwidth * entry->decode_kv));
}

int llm_cost_make(const struct llm_setup *s, struct llm_cost *cost, struct err *e)
{
    *cost = (struct llm_cost){0};
    enum llm_engine engine = s->engine == LLM_OLLAMA ? LLM_LLAMA_CPP : s->engine;
    if (s->tensor_parallel < 1 || s->card->heads % s->tensor_parallel != 0) {
        return err_input(e, NULL, NULL,
                         "%d GPUs cannot share the %lld heads of %s; use a divisor of %lld",
                         s->tensor_parallel, (long long)s->card->heads, s->card->name,
                         (long long)s->card->heads);
    }
    if (engine == LLM_LLAMA_CPP && s->tensor_parallel > 1) {
        return err_input(e, NULL, NULL,
                         "%s splits a model by layers, which %d GPUs work through in turn; use 1 "
                         "GPU, or vllm",
                         llm_engine_words[s->engine], s->tensor_parallel);
    }
    const struct gpu_efficiency *entry = entry_find(s->gpu, engine, s->quant, s->tensor_parallel);
    if (entry == NULL) {
        entry = entry_find(s->gpu, engine, s->quant, 1);
    }
    if (entry == NULL) {
        return entry_missing(s, engine, e);
    }
    struct engine_traits traits = engine_traits(s->engine);
    double n = (double)s->tensor_parallel;
    cost->memory_bytes = n * s->gpu->memory_bytes.value;
    cost->weights_bytes = llm_weights_bytes(s->card, s->quant);
    cost->kv_bytes_per_token = llm_kv_bytes_per_token(s->card) * (s->kv == LLM_KV_8 ? 0.5 : 1.0);
    cost->reserve_bytes = n * traits.reserve_bytes;
    cost->memory_utilization = traits.memory_utilization;
    cost->cold_load_bytes_per_s = s->gpu->cold_load_bytes_per_s.value;
    cost->pass_tokens = traits.pass_tokens;
    if (llm_kv_tokens(cost, 0.0) < 1) {
        return err_input(e, NULL, NULL,
                         "%s in %s needs %.1f GB of weights and %.1f GB beside them, and %s may "
                         "use %.1f GB of %d x %s; use a smaller precision or more GPUs",
                         s->card->name, llm_quant_words[s->quant], cost->weights_bytes / 1e9,
                         cost->reserve_bytes / 1e9, llm_engine_words[s->engine],
                         cost->memory_bytes * cost->memory_utilization / 1e9, s->tensor_parallel,
                         s->gpu->name);
    }
    cost_times(s, entry, cost);
    return 0;
}

static int64_t kv_tokens_beside(const struct llm_cost *cost, double memory_utilization,
                                double reserve_bytes)
{
    double share = memory_utilization > 0.0 ? memory_utilization : cost->memory_utilization;
    double left = cost->memory_bytes * share - cost->weights_bytes - reserve_bytes;
    return left > 0.0 ? (int64_t)floor(left / cost->kv_bytes_per_token) : 0;
}

int64_t llm_kv_tokens(const struct llm_cost *cost, double memory_utilization)
{
    return kv_tokens_beside(cost, memory_utilization, cost->reserve_bytes);
}

int64_t llm_kv_tokens_unreserved(const struct llm_cost *cost, double memory_utilization)
{
    return kv_tokens_beside(cost, memory_utilization, 0.0);
}

/* The parts of a step, femtoseconds: overhead + max(line[0], line[1]). With every further step of a
 * decode run line[i] rises by slope[i]. */
struct step {
    wide memory, compute; /* matrix products, either way */
    wide rest;            /* attention and KV: added to the larger of the two */
    wide overhead;
    wide line[2], slope[2];
};

/* Matrix products of one pass of `tokens` tokens, `sequences` of which need the LM head. */
static void step_pass(const struct llm_cost *c, int64_t tokens, int64_t sequences, int64_t times,
                      struct step *s)
{
    wide memory = (wide)c->weights_fs + (wide)c->token_memory_fs * tokens;
    wide compute = (wide)c->token_compute_fs * tokens + (wide)c->head_compute_fs * sequences;
    /* The larger counts; both are kept so that llm_step_bound() can tell which it was. */
    if (memory >= compute) {
        s->memory += memory * times;
    } else {
        s->compute += compute * times;
    }
    s->line[0] += (wide)c->floor_fs * times;
    s->overhead += (wide)c->step_fs * times;
}

/* Attention of prompts, and of the sequences that decode beside them. */
static wide layers_prompts(const struct llm_layers *l, const struct llm_chunk *chunks, int n_chunks,
                           int64_t n_decode, int64_t context_tokens)
{
    wide work = 0;
    int64_t longest = 0;
    for (int i = 0; i < n_chunks; i++) {
        int64_t n = chunks[i].tokens;
        int64_t keys = chunks[i].past + n;
        if (n == 0) {
            continue;
        }
        longest = keys > longest ? keys : longest;
        work += (wide)(int64_t)gpu_prefill_pairs((double)chunks[i].past, (double)n) * l->pair_fs +
                (wide)n * l->prompt_token_fs + (wide)keys * l->prompt_kv_fs;
    }
    work += (wide)longest * l->prompt_key_fs;
    if (n_decode == 0) {
        return l->prompt_fs + work;
    }
    int64_t far = context_tokens > l->mixed_far_tokens ? context_tokens - l->mixed_far_tokens : 0;
    work += (wide)n_decode * l->mixed_sequence_fs + (wide)context_tokens * l->mixed_kv_fs +
            (wide)far * l->mixed_far_fs;
    double one = (double)context_tokens * (double)l->mixed_key_fs / (double)n_decode;
    /* Square roots are correctly rounded everywhere (L3). */
    return l->prompt_fs + (wide)sqrt((double)work * (double)work + one * one);
}

static struct step layers_parts(const struct llm_cost *c, const struct llm_chunk *chunks,
                                int n_chunks, int64_t n_decode, int64_t context_tokens)
{
    const struct llm_layers *l = &c->layers;
    struct step s = {0};
    int64_t tokens = n_decode;
    int64_t sequences = n_decode;
    for (int i = 0; i < n_chunks; i++) {
        tokens += chunks[i].tokens;
        sequences += chunks[i].tokens > 0;
    }
    if (tokens == 0) {
        return s;
    }
    wide products = (wide)llm_curve_fs(&l->tokens, tokens) + llm_curve_fs(&l->sequences, sequences);
    *(tokens >= l->tokens.compute_from ? &s.compute : &s.memory) = products;
    s.overhead = (wide)c->step_fs + (wide)c->sequence_fs * sequences;
    if (tokens > n_decode) {
        s.rest = layers_prompts(l, chunks, n_chunks, n_decode, context_tokens);
        s.line[1] = products + s.rest;
        return s;
    }
    /* context_tokens grows by n_decode a step: the quotient then by 1, exactly. */
    wide few = l->few_fs + wide_div((wide)context_tokens * l->few_key_fs, n_decode);
    wide many =
        l->many_fs + (wide)n_decode * l->many_sequence_fs + (wide)context_tokens * l->many_kv_fs;
    s.rest = few > many ? few : many;
    s.line[0] = products + few;
    s.line[1] = products + many;
    s.slope[0] = l->few_key_fs;
    s.slope[1] = (wide)l->many_kv_fs * n_decode;
    return s;
}

static struct step step_parts(const struct llm_cost *c, const struct llm_chunk *chunks,
                              int n_chunks, int64_t n_decode, int64_t context_tokens)
{
    if (c->layered) {
        return layers_parts(c, chunks, n_chunks, n_decode, context_tokens);
    }
    struct step s = {0};
    int64_t tokens = n_decode;
    int64_t sequences = n_decode;
    for (int i = 0; i < n_chunks; i++) {
        int64_t n = chunks[i].tokens;
        tokens += n;
        sequences += n > 0;
        wide pairs = (wide)n * chunks[i].past + (wide)n * (n + 1) / 2;
        s.rest += pairs * c->attention_fs;
    }
    if (tokens == 0) {
        return s;
    }
    s.rest += (wide)context_tokens * c->kv_fs;
    s.overhead = (wide)c->sequence_fs * sequences;
    int64_t left = tokens;
    if (c->pass_tokens > 0 && tokens > c->pass_tokens) {
        int64_t full = (tokens - 1) / c->pass_tokens;
        step_pass(c, c->pass_tokens, 0, full, &s);
        left -= full * c->pass_tokens;
    }
    step_pass(c, left, sequences, 1, &s);
    s.line[1] = s.memory + s.compute + s.rest;
    s.slope[1] = (wide)c->kv_fs * n_decode;
    return s;
}

static wide step_fs(const struct step *s)
{
    return s->overhead + (s->line[0] > s->line[1] ? s->line[0] : s->line[1]);
}

static int64_t ns_of_fs(wide fs)
{
    return (int64_t)wide_div(fs + FS_PER_NS / 2, FS_PER_NS);
}

int64_t llm_step_ns(const struct llm_cost *cost, const struct llm_chunk *chunks, int n_chunks,
                    int64_t n_decode, int64_t context_tokens, int64_t vision_passes)
{
    struct step s = step_parts(cost, chunks, n_chunks, n_decode, context_tokens);
    return ns_of_fs(step_fs(&s) + (wide)cost->vision_fs * vision_passes);
}

const char *llm_step_bound(const struct llm_cost *cost, const struct llm_chunk *chunks,
                           int n_chunks, int64_t n_decode, int64_t context_tokens)
{
    struct step s = step_parts(cost, chunks, n_chunks, n_decode, context_tokens);
    if (!cost->layered && s.line[1] < s.line[0]) {
        return "launch";
    }
    /* The rest of a prompt is arithmetic, that of a decode step is reading. */
    return s.memory + (n_chunks == 0 ? s.rest : 0) >= s.compute + (n_chunks > 0 ? s.rest : 0)
               ? "memory"
               : "compute";
}

/* Sum over i < n of floor((a i + b) / m), all nonnegative: the whole parts of a/m and b/m are
 * taken out, and what is left counts lattice points under a line of slope below 1, which seen
 * from the other axis is a shorter problem of the same kind. */
static wide floor_sum_wide(wide n, wide m, wide a, wide b)
{
    wide sum = 0;
    while (n > 0) {
        sum += n * (n - 1) / 2 * (a / m) + n * (b / m);
        a %= m;
        b %= m;
        wide top = a * n + b; /* the line's height at n, times m */
        if (top < m) {
            break;
        }
        n = top / m;
        b = top % m;
        wide swap = m;
        m = a;
        a = swap;
    }
    return sum;
}

/* Sum over i < n of floor((a i + b) / FS_PER_NS). The numbers of real runs fit 64 bits, whose
 * divisions are several times as fast: after the first step all are below n FS_PER_NS. */
static wide floor_sum(wide n_wide, wide a_wide, wide b_wide)
{
    if (n_wide <= 0) {
        return 0;
    }
    if (n_wide >= 1LL << 40 || a_wide >= 1LL << 62 || b_wide >= 1LL << 62) {
        return floor_sum_wide(n_wide, FS_PER_NS, a_wide, b_wide);
    }
    uint64_t n = (uint64_t)n_wide;
    uint64_t a = (uint64_t)a_wide;
    uint64_t b = (uint64_t)b_wide;
    uint64_t m = FS_PER_NS;
    wide sum = n_wide * (n_wide - 1) / 2 * (wide)(a / FS_PER_NS) + n_wide * (wide)(b / FS_PER_NS);
    a %= FS_PER_NS;
    b %= FS_PER_NS;
    for (;;) {
        uint64_t top = a * n + b; /* < 2^40 x 10^6 + 10^6 */
        if (top < m || a == 0) {  /* the second says no more than the first */
            return sum;
        }
        n = top / m;
        b = top % m;
        uint64_t swap = m;
        m = a;
        a = swap;
        sum += (wide)n * (wide)(n - 1) / 2 * (wide)(a / m) + (wide)n * (wide)(b / m);
        a %= m;
        b %= m;
    }
}

/* A run of decode steps: the flat line counts for `knot` steps, then the steep one. */
struct decode_run {
    struct step s;
    int steep, flat;
    wide knot; /* of a run without end */
};

static struct decode_run decode_run_of(const struct llm_cost *cost, int64_t n_decode,
                                       int64_t context_tokens)
{
    struct decode_run r = {.s = step_parts(cost, NULL, 0, n_decode, context_tokens)};
    const struct step *s = &r.s;
    r.steep = s->slope[1] >= s->slope[0]; /* the line that is larger in the end */
    r.flat = 1 - r.steep;
    if (s->line[r.steep] < s->line[r.flat]) {
        wide gain = s->slope[r.steep] - s->slope[r.flat];
        wide gap = s->line[r.flat] - s->line[r.steep];
        r.knot = gain == 0 ? INT64_MAX : wide_div(gap + gain - 1, gain);
    }
    return r;
}

static int64_t decode_run_ns(const struct decode_run *r, int64_t steps)
{
    const struct step *s = &r->s;
    wide knot = r->knot < steps ? r->knot : (wide)steps;
    wide start = s->overhead + s->line[r->flat] + FS_PER_NS / 2;
    wide total = knot > 0 ? floor_sum(knot, s->slope[r->flat], start) : 0;
    start = s->overhead + s->line[r->steep] + s->slope[r->steep] * knot + FS_PER_NS / 2;
    return (int64_t)(total + floor_sum((wide)steps - knot, s->slope[r->steep], start));
}

int64_t llm_decode_run_ns(const struct llm_cost *cost, int64_t n_decode, int64_t context_tokens,
                          int64_t steps)
{
    if (steps <= 0 || n_decode <= 0) {
        return 0;
    }
    struct decode_run r = decode_run_of(cost, n_decode, context_tokens);
    return decode_run_ns(&r, steps);
}

/* Steps of a run without knots that last about elapsed_ns, where each is by `slope` longer than the
 * one before: the root of steps first + steps^2 slope / 2, written so that a slope of 0 is no
 * special case. */
static int64_t steps_about(const struct decode_run *r, int64_t elapsed_ns, int64_t max_steps)
{
    double first = (double)step_fs(&r->s) / (double)FS_PER_NS;
    double slope = (double)r->s.slope[r->steep] / (double)FS_PER_NS;
    double elapsed = (double)elapsed_ns;
    double steps = 2.0 * elapsed / (first + sqrt(first * first + 2.0 * slope * elapsed));
    return steps >= (double)max_steps ? max_steps : steps > 1.0 ? (int64_t)steps : 1;
}

int64_t llm_decode_steps_until(const struct llm_cost *cost, int64_t n_decode,
                               int64_t context_tokens, int64_t max_steps, int64_t elapsed_ns)
{
    int64_t low = 1;
    int64_t high = max_steps > 1 ? max_steps : 1;
    if (low == high || n_decode <= 0 || elapsed_ns <= 0) {
        return elapsed_ns <= 0 ? 1 : high;
    }
    struct decode_run r = decode_run_of(cost, n_decode, context_tokens);
    /* A good guess is off by a step; a bad one only makes the search longer. */
    int64_t at = steps_about(&r, elapsed_ns, high);
    for (int64_t reach = 1; low <= at && at < high; reach *= 2) {
        if (decode_run_ns(&r, at) >= elapsed_ns) {
            high = at;
            at -= reach;
        } else {
            low = at + 1;
            at += reach;
        }
    }
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (decode_run_ns(&r, middle) >= elapsed_ns) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
