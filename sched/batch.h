/* batch.h - batching policies: what a serving engine runs in its next step.
 *
 * Two halves. A *policy* decides: it reads a view, fills an action and owns only its own state;
 * it never computes a time. A *batch* is the state machine that every server has whatever its
 * policy: it keeps requests, queues and KV blocks, asks the policy, checks that the answer keeps
 * the contract, and carries it out. A server (sim/server.c) adds the clock:
 *
 *   on arrival        batch_arrive(); when idle: step
 *   step              action = batch_decide(now); none: idle
 *                     an event at now + batch_run_ns(action->steps)
 *   on arrival while  steps = batch_steps_until(now - started) are all that this run does:
 *   a run is under    the event moves to started + batch_run_ns(steps)
 *   way
 *   on the event      batch_advance(steps); finished requests leave; step
 *
 * Time that a token appears: started + batch_run_ns(k) for the k-th step of the run.
 *
 * A request knows prompt + generated tokens. `computed` of them are in the KV cache. Running
 * t of the others in a step adds t to `computed`; when all known tokens are computed the step
 * ends with one more generated token. So a prompt of p tokens is prefilled with p tokens in one
 * or several steps, the last of which gives the first token of the answer; a decode step runs 1
 * token; the last token generated is never computed. A preempted request drops its KV and
 * computes prompt + generated again (recompute), or its KV waits on the host (swap): the step that
 * puts it there and the step that brings it back last longer by the copy.
 *
 * Three things are the owner's to give or not: a prefix cache (batch_prefix.h; a request that
 * names prefix blocks starts with those that are cached already computed), room on the host for
 * swapped KV, and shares of the slices (struct batch_share).
 *
 *                batch_arrive                 admit (batch_decide)
 *   [new] ------------------> WAITING ------------------------------> RUNNING
 *     |                          ^                                    |    |
 *     | batch_arrive             '------------------------------------'    | output_tokens
 *     v                            preempt (batch_decide): KV given back   v generated (advance)
 *   [refused]                                                              DONE
 *
 * Invariants (tests/sched/batch.c names them):
 *   B1 KV blocks in use are the sum of what running requests hold and of the cached prefixes, and
 *      never exceed the pool; those on the host never exceed its room;
 *   B2 every accepted request finishes, once, with exactly output_tokens generated;
 *   B3 no token is lost or made: tokens run + tokens found in the cache = prompt + output - 1 -
 *      those whose KV came with the request + those dropped by preemption (swapped ones are not);
 *   B4 a request is in exactly one of: waiting, running, done;
 *   B5 a run of `steps` steps leaves the same state as that many decisions of one step;
 *   B6 a policy's limits hold: sequences running, tokens per step, requests waiting;
 *   B7 decisions are a function of the view and of earlier decisions alone;
 *   B8 under a policy that governs, no slice takes more than its largest share of blocks and
 *      sequences, and none takes what is left of another's smallest share.
 */
#ifndef SCHED_BATCH_H
#define SCHED_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/pool.h"
#include "models/kv_pool.h"
#include "models/llm.h"
#include "sched/batch_prefix.h"

enum batch_state { BATCH_WAITING, BATCH_RUNNING, BATCH_DONE };

/* What every step looks at is the first cache line. */
struct batch_request {
    /* the owner's: given to batch_arrive() */
    _Alignas(CACHE_LINE) uint64_t owner; /* whatever names the request to the server */
    int64_t prompt_tokens;               /* image tokens included, >= 1 */
    int64_t output_tokens;               /* wanted, >= 1 */
    int32_t slice;                       /* -1: none */
    int32_t n_prefix;                    /* of the ids below */
    bool prefilled; /* another engine has made the first token and hands its prompt's KV over */

    /* the batch's */
    uint8_t state;     /* enum batch_state */
    bool caches;       /* it goes on to fill the cache */
    bool seen;         /* the image encoder has run */
    int32_t n_shared;  /* entries of the prefix cache that it uses */
    int64_t computed;  /* tokens in the KV cache */
    int64_t generated; /* tokens of the answer so far */
    int64_t kv_blocks; /* held, apart from cached prefixes */

    /* the owner's again */
    const int64_t *prefix; /* ids of the prompt's prefix blocks; the batch keeps the pointer */
    int64_t arrived_ns;
    double priority;       /* larger is more urgent; 1 when nothing says otherwise */
    int64_t vision_passes; /* of the image encoder, before the first prompt token */

    /* and the batch's */
    uint64_t sequence; /* order of arrival */
    int64_t swapped;   /* blocks on the host */
    int32_t preemptions;
};

/* Tokens that are known and not computed: 1 when the request decodes. */
static inline int64_t batch_left(const struct batch_request *r)
{
    return r->prompt_tokens + r->generated - r->computed;
}

/* A request whose next step is a decode step: its prompt is computed and nothing was dropped. */
static inline bool batch_decodes(const struct batch_request *r)
{
    return r->generated > 0 && batch_left(r) == 1;
}

/* What of the pool and of the sequences a slice gets. A cached prefix that several requests use is
 * charged in full to each of them, as if it had a copy of its own: what a slice has and has left
 * does not hang on what another does with the same prefix. */
struct batch_share {
    int64_t min_blocks, max_blocks;
    int32_t min_running, max_running;
    int64_t blocks; /* charged now: those of its running requests and of the prefixes they use */
    int32_t running;
};

struct batch_view {
    int64_t now_ns;
    const struct batch_request *requests; /* by handle */
    const uint32_t *waiting;              /* handles: preempted ones first, then by arrival */
    int32_t n_waiting;
    const uint32_t *running; /* handles in the order of admission */
    int32_t n_running;
    int64_t kv_total, block_tokens;
    int64_t kv_free;                   /* blocks, those of idle prefixes included */
    const struct batch_prefix *prefix; /* NULL: no cache */
    const struct batch_share *shares;  /* by slice; NULL: nobody has one */
    const int64_t *backlog_bytes; /* by slice: answers that wait for the radio; NULL: no radio */
    int32_t n_slices;
};

/* Blocks that a request with `tokens` tokens in the cache holds. */
static inline int64_t batch_blocks(const struct batch_view *view, int64_t tokens)
{
    return (tokens + view->block_tokens - 1) / view->block_tokens;
}

/* Blocks that a running request is charged to its slice for. */
static inline int64_t batch_charged(const struct batch_view *view, const struct batch_request *r)
{
    return r->kv_blocks + (r->n_shared > 0 ? r->n_shared * view->prefix->entry_blocks : 0);
}

/* Blocks that a request lacks for `tokens` more tokens. */
static inline int64_t batch_lacking(const struct batch_view *view, const struct batch_request *r,
                                    int64_t tokens)
{
    int64_t held = batch_charged(view, r);
    int64_t blocks = batch_blocks(view, r->computed + tokens);
    return blocks > held ? blocks - held : 0;
}

struct batch_admit {
    int32_t waiting;        /* index into view->waiting, increasing */
    int64_t reserve_tokens; /* KV to take now and hold; 0: blocks are taken as tokens come */
    int32_t prefix;         /* cached prefix entries to start from */
};

struct batch_work {
    uint32_t request; /* running, admitted ones included; at most once */
    int64_t tokens;   /* from 1 to batch_left() */
};

/* What the policy answers. The arrays have room for max_running entries. The batch carries it
 * out in this order: preempt, admit, work. */
struct batch_action {
    int32_t *preempt; /* indices into view->running, any order */
    struct batch_admit *admit;
    struct batch_work *work;
    int32_t n_preempt, n_admit, n_work;
    bool swap; /* the preempted keep their KV on the host, as long as there is room */
    /* How many times this same work may be repeated when nothing arrives. More than 1 only when
     * every work is a decode step and nothing is admitted or preempted; no request may finish
     * before the last of these steps, and their KV blocks must fit. */
    int64_t steps;
};

struct batch_policy {
    const char *word;
    const char *doc;
    const struct json_spec *options; /* NULL: none */
    bool governs;                    /* it keeps the slices' shares (B8) */
    bool two_pools;                  /* prompts run on one pool of GPUs, answers on another */
    /* State for one server. `options` NULL: all defaults. NULL: out of memory. */
    void *(*create)(const void *options);
    void (*destroy)(void *state);
    int32_t (*max_running)(const void *state);
    /* May this request join the queue? It is not in the view yet. */
    bool (*accept)(const void *state, const struct batch_view *view,
                   const struct batch_request *request);
    /* Fills the (empty, steps = 1) action. When something runs or waits, some work must come
     * out: a server has no other event to wake it. */
    void (*decide)(void *state, const struct batch_view *view, struct batch_action *action);
};

/* All policies; NULL-terminated. */
extern const struct batch_policy *const batch_policies[];

/* The policy of that word, or NULL. */
const struct batch_policy *batch_policy_find(const char *word);

/* For the scenario loader: one variant per policy, ended by word NULL, in the order of
 * batch_policies. */
extern const struct json_variant batch_policy_variants[];

struct batch_stats {
    int64_t steps;
    int64_t sequence_steps; /* sum over steps of the sequences in the step */
    int64_t prefill_tokens; /* prompt tokens run, recomputed ones included */
    int64_t decode_tokens;  /* tokens generated */
    int64_t accepted, finished;
    int64_t dropped_tokens; /* computed tokens lost to preemption */
    int64_t hit_tokens;     /* prompt tokens found in the prefix cache: not run */
    int64_t swapped_blocks; /* copied to the host; as many come back */
    int64_t preemptions, refused;
};

/* The state machine. Members may be read by the server; only batch_*() write them. Those of a usual
 * step stand before the others. */
struct batch {
    const struct batch_policy *policy;
    void *state;
    struct pool requests; /* struct batch_request */
    int32_t max_running;
    int32_t held; /* the last of those waiting, which the policy does not see when it decides */

    uint32_t *waiting; /* waiting[head .. head + n_waiting) */
    uint32_t *running;
    uint32_t *finished; /* by the last batch_advance(), in the order of admission */
    int32_t head, n_waiting, waiting_room;
    int32_t n_running, n_finished;
    int32_t n_chunks;
    struct llm_chunk *chunks;   /* prompt chunks of the last decision */
    struct batch_share *shares; /* by slice; NULL: none */

    struct kv_pool kv;
    int64_t n_decode, context_tokens; /* decoding sequences of the last decision, their contexts */
    int64_t copied_blocks;            /* to and from the host before it */
    int64_t vision_passes;            /* of its first step */

    struct batch_action action; /* the last decision */
    uint64_t arrivals;

    struct batch_stats stats;
    struct batch_prefix prefix;
    int32_t n_slices;
    const int64_t *backlog_bytes; /* the server's */
    struct kv_pool host;
    double copy_block_ns; /* a block over the host link */
};

/* An empty batch whose KV pool holds kv_tokens. `options` as for create(). */
int batch_init(struct batch *b, const struct batch_policy *policy, const void *options,
               int64_t kv_tokens, int64_t block_tokens, struct err *e);
void batch_free(struct batch *b);

/* Before the first request: room on the host for swapped KV, and what a block's copy takes; */
void batch_set_host(struct batch *b, int64_t tokens, double copy_block_ns);
/* prefix blocks of `entry_tokens`, a multiple of the pool's block; */
int batch_set_prefix(struct batch *b, int64_t entry_tokens, struct err *e);
/* the slices' shares, by slice: min and max members count. A policy that does not govern has none.
 */
int batch_set_shares(struct batch *b, const struct batch_share *shares, int32_t n, struct err *e);

/* Why a request was refused; BATCH_ACCEPTED: it was not. */
enum batch_verdict {
    BATCH_ACCEPTED,
    BATCH_TOO_LONG,   /* its prompt and answer never fit into the KV pool */
    BATCH_QUEUE_FULL, /* the policy does not take it */
    BATCH_NO_MEMORY,  /* of the simulator: the run is void */
};

/* The request could run alone: it never needs more blocks than the pool, or its slice's share, has.
 */
bool batch_fits(const struct batch *b, const struct batch_request *request);

/* A request arrives (the owner's members of *request are read). It waits; *handle names it until
 * the batch_decide() after it finished. */
enum batch_verdict batch_arrive(struct batch *b, int64_t now_ns,
                                const struct batch_request *request, uint32_t *handle);

/* The request that arrived last may not join before batch_release(): its engine is to run dry. It
 * counts as waiting when the policy takes or refuses the next. */
void batch_hold_last(struct batch *b);
void batch_release(struct batch *b);

/* Something runs, or waits and may join. */
static inline bool batch_has_work(const struct batch *b)
{
    return b->n_running > 0 || b->n_waiting > b->held;
}

/* Nothing runs: drops the prefix cache, as when the model leaves the memory. */
void batch_forget(struct batch *b);

/* Asks the policy and carries out preemptions and admissions. NULL: nothing to run. Not to be
 * called while a run is under way. */
const struct batch_action *batch_decide(struct batch *b, int64_t now_ns);

/* Time of the first `steps` steps of the decided run, ns, copies to and from the host included;
 * steps <= action->steps. */
int64_t batch_run_ns(const struct batch *b, const struct llm_cost *cost, int64_t steps);

/* Steps after which a run interrupted `elapsed_ns` after its start ends: from 1 to
 * action->steps. */
int64_t batch_steps_until(const struct batch *b, const struct llm_cost *cost, int64_t elapsed_ns);

/* The run did `steps` of its steps: tokens are computed and generated; finished requests stand in
 * b->finished and can be read until the next batch_decide(). */
void batch_advance(struct batch *b, int64_t steps);

/* Blocks of the pool that are in use during step number `step` (from 1) of the run. */
int64_t batch_blocks_at(const struct batch *b, int64_t step);

static inline const struct batch_request *batch_at(const struct batch *b, uint32_t handle)
{
    return pool_at(&b->requests, handle);
}

/* Nothing waits and nothing runs. */
static inline bool batch_idle(const struct batch *b)
{
    return b->n_waiting == 0 && b->n_running == 0;
}

/* The table of policies, X(name, word, what it does). One line here and one file,
 * sched/batch_NAME.c with batch_NAME and what it may be told, batch_NAME_options, make a policy. */
#define BATCH_POLICIES(X)                                                                          \
    X(fifo, "fifo", "one request at a time, in the order of arrival")                              \
    X(static, "static", "a batch of requests that starts and ends together")                       \
    X(parallel_slots, "parallel-slots",                                                            \
      "a fixed number of slots that decode together, as llama.cpp's server and Ollama")            \
    X(continuous, "continuous",                                                                    \
      "requests join and leave at every step, with paged KV and chunked prefill, as vLLM")         \
    X(disaggregated, "disaggregated",                                                              \
      "prompts on one pool of GPUs, answers on another, with the KV sent across")

#define BATCH_POLICY_DECLARE(name, policy_word, text)                                              \
    extern const struct batch_policy batch_##name;                                                 \
    extern const struct json_spec batch_##name##_options;
BATCH_POLICIES(BATCH_POLICY_DECLARE)
#undef BATCH_POLICY_DECLARE

enum batch_order { BATCH_BY_ARRIVAL, BATCH_BY_PRIORITY, BATCH_BY_BACKLOG };

struct batch_continuous {
    int64_t max_num_batched_tokens, max_num_seqs, max_queue;
    int order;      /* enum batch_order */
    int preemption; /* 0: recompute, 1: swap */
    bool prefix_caching;
};

struct batch_disaggregated {
    struct batch_continuous pool; /* of both */
    double transfer_gbytes_per_s, transfer_latency_us;
};

/* For policies: the steps for which all running requests may decode together - until the first
 * finishes or the blocks, or those of a slice's share, run out - when each of them decodes; 0 when
 * not even one step fits. */
int64_t batch_decode_steps(const struct batch_view *view);

#endif
