/* batch_continuous.c - continuous batching with paged KV and chunked prefill, as vLLM 0.19 does it
 * (vllm/v1/core/sched/scheduler.py), and the same twice for `disaggregated`.
 *
 * Every step has a budget of tokens. Running requests come first, in the order of admission: a
 * decoding one takes one token, one whose prompt is not computed yet takes as much of it as the
 * budget leaves. KV blocks are taken for the tokens of the step only; when a request finds none,
 * the last admitted request is preempted (its KV is dropped and computed again, or swapped to the
 * host; it waits at the head of the queue), if need be the request itself. Only when nobody was
 * preempted do waiting requests join, while the budget, the sequences and the blocks last.
 *
 * Under `order` priority the more urgent come first in both, and the least urgent are preempted
 * first (vLLM's priority scheduling); nobody who runs is preempted for one who waits. Under
 * `order` backlog those join first whose slice has the fewest bytes waiting for the radio: a token
 * that has to wait for the air need not be made yet.
 *
 * A slice's share bounds what its requests hold, and keeps its smallest share free for it. Who is
 * kept out by the share alone keeps out those behind it in its own slice, and nobody else. A
 * request that lacks blocks preempts only where that gives it some: in its own slice, or in one
 * above its smallest share.
 *
 * The first in rank always finds blocks once all that may be preempted are: batch_arrive() has
 * refused what could not fit alone. So every request finishes. */
#include <stdlib.h>
#include <string.h>

#include "sched/batch.h"

struct state {
    struct batch_disaggregated o; /* continuous: its pool alone */
    int32_t rank[]; /* scratch of a decision: indices of the running, first in rank first */
};

static int check_pool(const struct batch_continuous *o, const char *file, const char *place,
                      struct err *e)
{
    if (o->max_num_batched_tokens < o->max_num_seqs) {
        return err_input(e, file, place,
                         "max_num_batched_tokens %lld is less than max_num_seqs %lld; write at "
                         "least as many (vLLM asks for the same)",
                         (long long)o->max_num_batched_tokens, (long long)o->max_num_seqs);
    }
    return 0;
}

static int check_continuous(const void *object, const char *file, const char *place, struct err *e)
{
    return check_pool(object, file, place, e);
}

static int check_disaggregated(const void *object, const char *file, const char *place,
                               struct err *e)
{
    return check_pool(&((const struct batch_disaggregated *)object)->pool, file, place, e);
}

static const char *const order_words[] = {"arrival", "priority", "backlog", NULL};
static const char *const preemption_words[] = {"recompute", "swap", NULL};

/* Both tables begin with the same rows; batch_continuous stands first in batch_disaggregated. */
#define POOL_FIELDS                                                                                \
    {.key = "max_num_batched_tokens",                                                              \
     .type = JSON_INT,                                                                             \
     .offset = offsetof(struct batch_continuous, max_num_batched_tokens),                          \
     .min = 1,                                                                                     \
     .max = 1e6,                                                                                   \
     .def = "2048",                                                                                \
     .doc = "tokens per step, vLLM's default"},                                                    \
        {.key = "max_num_seqs",                                                                    \
         .type = JSON_INT,                                                                         \
         .offset = offsetof(struct batch_continuous, max_num_seqs),                                \
         .min = 1,                                                                                 \
         .max = 65536,                                                                             \
         .def = "256",                                                                             \
         .doc = "sequences per step, vLLM's default"},                                             \
        {.key = "max_queue",                                                                       \
         .type = JSON_INT,                                                                         \
         .offset = offsetof(struct batch_continuous, max_queue),                                   \
         .max = 1e9,                                                                               \
         .def = "0",                                                                               \
         .doc = "requests that may wait; a further one is refused. 0: any number, as vLLM"},       \
        {.key = "order",                                                                           \
         .type = JSON_WORD,                                                                        \
         .words = order_words,                                                                     \
         .offset = offsetof(struct batch_continuous, order),                                       \
         .def = "\"arrival\"",                                                                     \
         .doc = "who joins first: by arrival (vLLM's default); by the slices' priority (vLLM's "   \
                "priority scheduling: the least urgent are preempted first); or by backlog: "      \
                "those whose slice has the fewest bytes waiting for the radio"},                   \
        {.key = "preemption",                                                                      \
         .type = JSON_WORD,                                                                        \
         .words = preemption_words,                                                                \
         .offset = offsetof(struct batch_continuous, preemption),                                  \
         .def = "\"recompute\"",                                                                   \
         .doc = "what becomes of a preempted request's KV: dropped and computed again (vLLM), or " \
                "swapped to the host as long as servers[].swap_space_gib lasts"},                  \
    {                                                                                              \
        .key = "prefix_caching", .type = JSON_BOOL,                                                \
        .offset = offsetof(struct batch_continuous, prefix_caching), .def = "true",                \
        .doc = "KV of prompt prefixes stays in the pool until its blocks are needed, and is not "  \
               "computed again. Only traces that name prefix blocks (trace-mooncake) have any. "   \
               "vLLM's default: true"                                                              \
    }

static const struct json_field continuous_fields[] = {POOL_FIELDS, {.key = NULL}};

const struct json_spec batch_continuous_options = {
    .name = "batch_continuous",
    .doc = "Requests join and leave at every step.",
    .size = sizeof(struct batch_continuous),
    .fields = continuous_fields,
    .check = check_continuous,
};

static const struct json_field disaggregated_fields[] = {
    POOL_FIELDS,
    {.key = "transfer_gbytes_per_s",
     .type = JSON_NUM,
     .offset = offsetof(struct batch_disaggregated, transfer_gbytes_per_s),
     .min = 0,
     .above_min = true,
     .max = 1e5,
     .def = "25",
     .doc = "rate of the link that carries KV from the prompt pool to the answer pool, in 1e9 "
            "bytes a second. Assumed 25: a 200 Gbit/s InfiniBand link, as between the machines of "
            "Splitwise (ISCA'24)"},
    {.key = "transfer_latency_us",
     .type = JSON_NUM,
     .offset = offsetof(struct batch_disaggregated, transfer_latency_us),
     .max = 1e9,
     .def = "10",
     .doc = "delay of each transfer in us. Assumed: setting up one RDMA operation"},
    {.key = NULL},
};

const struct json_spec batch_disaggregated_options = {
    .name = "batch_disaggregated",
    .doc = "Prompts on one pool of GPUs, answers on another.",
    .size = sizeof(struct batch_disaggregated),
    .fields = disaggregated_fields,
    .check = check_disaggregated,
};

static void *state_create(const void *options, size_t bytes)
{
    int64_t seqs = 256;
    if (options != NULL) {
        seqs = ((const struct batch_continuous *)options)->max_num_seqs;
    }
    struct state *s = calloc(1, sizeof *s + (size_t)seqs * sizeof s->rank[0]);
    if (s == NULL) {
        return NULL;
    }
    for (int32_t i = 0; i < seqs; i++) {
        s->rank[i] = i;
    }
    if (options != NULL) {
        memcpy(&s->o, options, bytes);
        return s;
    }
    s->o.pool.max_num_batched_tokens = 2048;
    s->o.pool.max_num_seqs = 256;
    s->o.pool.prefix_caching = true;
    if (bytes == sizeof s->o) {
        s->o.transfer_gbytes_per_s = 25.0;
        s->o.transfer_latency_us = 10.0;
    }
    return s;
}

static void *continuous_create(const void *options)
{
    return state_create(options, sizeof(struct batch_continuous));
}

static void *disaggregated_create(const void *options)
{
    return state_create(options, sizeof(struct batch_disaggregated));
}

static int32_t continuous_max_running(const void *state)
{
    return (int32_t)((const struct state *)state)->o.pool.max_num_seqs;
}

static bool continuous_accept(const void *state, const struct batch_view *view,
                              const struct batch_request *request)
{
    const struct batch_continuous *o = &((const struct state *)state)->o.pool;
    (void)request;
    return o->max_queue == 0 || view->n_waiting < o->max_queue;
}

/* --- What is left to give in this step -------------------------------------------------------- */

enum { SLICE_WORDS = 16 }; /* a tree has at most 1000 slices; bit 0: none */

struct budget {
    const struct batch_view *view;
    struct batch_action *action;
    int64_t tokens, blocks;
    int32_t seqs;
    uint64_t closed[SLICE_WORDS]; /* slices whose next request found no room in their share */
};

static bool is_closed(const struct budget *left, int32_t slice)
{
    return (left->closed[(slice + 1) / 64] >> ((slice + 1) % 64) & 1) != 0;
}

/* What the decision so far has changed of a slice's share, counted from the action: decisions hold
 * few entries, and there is no memory to take. */
static void share_changes(const struct budget *left, int32_t slice, int64_t *blocks,
                          int32_t *running)
{
    const struct batch_view *view = left->view;
    const struct batch_action *a = left->action;
    for (int32_t i = 0; i < a->n_work; i++) {
        const struct batch_request *r = &view->requests[a->work[i].request];
        *blocks += r->slice == slice ? batch_lacking(view, r, a->work[i].tokens) : 0;
    }
    for (int32_t i = 0; i < a->n_preempt; i++) {
        const struct batch_request *r = &view->requests[view->running[a->preempt[i]]];
        *blocks -= r->slice == slice ? batch_charged(view, r) : 0;
        *running -= r->slice == slice ? 1 : 0;
    }
    for (int32_t i = 0; i < a->n_admit; i++) {
        if (view->requests[view->waiting[a->admit[i].waiting]].slice == slice) {
            /* its work counts from the end of the prefix, whose entries are whole blocks */
            *blocks += a->admit[i].prefix > 0 ? a->admit[i].prefix * view->prefix->entry_blocks : 0;
            *running += 1;
        }
    }
}

/* CAPPED: its own largest share is full; KEPT: the rest is kept for others' smallest shares. */
enum room { ROOM, ROOM_CAPPED, ROOM_KEPT, ROOM_FULL };

/* May a request of this slice take so many blocks and sequences more? */
static enum room room_for(const struct budget *left, int32_t slice, int64_t blocks, int32_t seqs)
{
    if (left->blocks < blocks || left->seqs < seqs) {
        return ROOM_FULL;
    }
    const struct batch_view *view = left->view;
    int64_t others_blocks = 0;
    int32_t others_seqs = 0;
    for (int32_t s = 0; view->shares != NULL && s < view->n_slices; s++) {
        const struct batch_share *share = &view->shares[s];
        int64_t has = share->blocks;
        int32_t runs = share->running;
        share_changes(left, s, &has, &runs);
        if (s == slice) {
            if (has + blocks > share->max_blocks ||
                (seqs > 0 && runs + seqs > share->max_running)) {
                return ROOM_CAPPED;
            }
        } else {
            others_blocks += has < share->min_blocks ? share->min_blocks - has : 0;
            others_seqs += runs < share->min_running ? share->min_running - runs : 0;
        }
    }
    bool kept = (blocks > 0 && left->blocks - blocks < others_blocks) ||
                (seqs > 0 && left->seqs - seqs < others_seqs);
    return kept ? ROOM_KEPT : ROOM;
}

/* --- Who runs --------------------------------------------------------------------------------- */

static double key_of(const struct state *s, const struct batch_view *view,
                     const struct batch_request *r)
{
    if (s->o.pool.order == BATCH_BY_PRIORITY) {
        return -r->priority;
    }
    bool backlog = s->o.pool.order == BATCH_BY_BACKLOG && view->backlog_bytes != NULL;
    return backlog && r->slice >= 0 ? (double)view->backlog_bytes[r->slice] : 0.0;
}

/* Ranks who runs: by priority, else by admission, as rank[] stands from the beginning. Whoever
 * joined stays nearly in order. */
static void rank_running(struct state *s, const struct batch_view *view)
{
    if (s->o.pool.order != BATCH_BY_PRIORITY) {
        return;
    }
    for (int32_t i = 0; i < view->n_running; i++) {
        double priority = view->requests[view->running[i]].priority;
        int32_t at = i;
        while (at > 0 && view->requests[view->running[s->rank[at - 1]]].priority < priority) {
            s->rank[at] = s->rank[at - 1];
            at--;
        }
        s->rank[at] = i;
    }
}

/* Blocks that preempting it gives: prefixes that it shares may have other users, who are charged
 * for them as well where there are shares. */
static int64_t released(const struct batch_view *view, const struct batch_request *r)
{
    return view->shares != NULL ? batch_charged(view, r) : r->kv_blocks;
}

/* Blocks that are free as far as the policy counts. Where slices have shares, each request counts
 * with the prefixes that it uses, as if it had them alone: what a slice has left must not hang on
 * whether another keeps using the same prefix. */
static int64_t free_blocks(const struct batch_view *view)
{
    if (view->shares == NULL || view->prefix == NULL) {
        return view->kv_free;
    }
    int64_t left = view->kv_total;
    for (int32_t i = 0; i < view->n_running; i++) {
        left -= batch_charged(view, &view->requests[view->running[i]]);
    }
    return left;
}

/* Preempting it would give blocks to a request of this slice. */
static bool helps(const struct budget *left, const struct batch_request *victim, int32_t slice,
                  enum room why)
{
    const struct batch_share *shares = left->view->shares;
    if (shares == NULL || victim->slice == slice) {
        return true;
    }
    if (why == ROOM_CAPPED) {
        return false;
    }
    if (victim->slice < 0) {
        return true;
    }
    int64_t has = shares[victim->slice].blocks;
    int32_t runs = 0;
    share_changes(left, victim->slice, &has, &runs);
    return has > shares[victim->slice].min_blocks;
}

static bool is_preempted(const struct batch_action *a, int32_t at)
{
    for (int32_t k = 0; k < a->n_preempt; k++) {
        if (a->preempt[k] == at) {
            return true;
        }
    }
    return false;
}

/* Takes the last in rank behind `rank` out whom it helps to take out; false: there is none. */
static bool preempt_last(const struct state *s, struct budget *left, int32_t rank, int32_t slice,
                         enum room why)
{
    const struct batch_view *view = left->view;
    struct batch_action *a = left->action;
    for (int32_t i = view->n_running; --i > rank;) {
        int32_t at = s->rank[i];
        const struct batch_request *r = &view->requests[view->running[at]];
        if (!is_preempted(a, at) && helps(left, r, slice, why)) {
            left->blocks += released(view, r);
            left->seqs++;
            a->preempt[a->n_preempt++] = at;
            return true;
        }
    }
    return false;
}

static void run_running(const struct state *s, struct budget *left)
{
    const struct batch_view *view = left->view;
    struct batch_action *a = left->action;
    for (int32_t i = 0; i < view->n_running && left->tokens > 0; i++) {
        int32_t at = s->rank[i];
        if (is_preempted(a, at)) {
            continue;
        }
        const struct batch_request *r = &view->requests[view->running[at]];
        int64_t tokens = batch_left(r) < left->tokens ? batch_left(r) : left->tokens;
        int64_t lacking = batch_lacking(view, r, tokens);
        enum room room = lacking == 0 ? ROOM : room_for(left, r->slice, lacking, 0);
        bool more = true;
        while (room != ROOM && more) {
            more = preempt_last(s, left, i, r->slice, room);
            room = more ? room_for(left, r->slice, lacking, 0) : room;
        }
        /* All others gone, the first has the pool but for prefixes, and those are idle now. */
        if (room == ROOM || i == 0) {
            left->blocks -= lacking;
            left->tokens -= tokens;
            a->work[a->n_work++] = (struct batch_work){view->running[at], tokens};
        } else {
            left->blocks += released(view, r);
            a->preempt[a->n_preempt++] = at;
        }
    }
}

/* --- Who joins -------------------------------------------------------------------------------- */

/* The next of those who wait: by key, then by place in the queue; -1: none is left. */
static int32_t next_waiting(const struct state *s, const struct budget *left, int32_t last)
{
    const struct batch_view *view = left->view;
    if (s->o.pool.order == BATCH_BY_ARRIVAL) {
        do {
            last++;
        } while (last < view->n_waiting &&
                 is_closed(left, view->requests[view->waiting[last]].slice));
        return last < view->n_waiting ? last : -1;
    }
    double after = last < 0 ? 0.0 : key_of(s, view, &view->requests[view->waiting[last]]);
    double best_key = 0.0;
    int32_t best = -1;
    for (int32_t i = 0; i < view->n_waiting; i++) {
        const struct batch_request *r = &view->requests[view->waiting[i]];
        if (is_closed(left, r->slice)) {
            continue;
        }
        double key = key_of(s, view, r);
        bool behind = last < 0 || key > after || (key == after && i > last);
        if (behind && (best < 0 || key < best_key)) {
            best = i;
            best_key = key;
        }
    }
    return best;
}

/* Puts an admission where its place in the queue asks for (batch.h: increasing). */
static void admit(struct batch_action *a, struct batch_admit one)
{
    int32_t at = a->n_admit++;
    while (at > 0 && a->admit[at - 1].waiting > one.waiting) {
        a->admit[at] = a->admit[at - 1];
        at--;
    }
    a->admit[at] = one;
}

/* Cached prefix entries that a request starts from, and what they change of its needs. */
static int32_t prefix_of(const struct state *s, const struct batch_view *view,
                         const struct batch_request *r, int64_t *tokens, int64_t *idle_blocks)
{
    *tokens = *idle_blocks = 0;
    if (view->prefix == NULL || !s->o.pool.prefix_caching || r->n_prefix == 0 || r->computed > 0) {
        return 0;
    }
    int64_t whole = (r->prompt_tokens - 1) / view->prefix->entry_tokens; /* P3 */
    int32_t n = r->n_prefix < whole ? r->n_prefix : (int32_t)whole;
    int32_t idle;
    n = batch_prefix_match(view->prefix, r->prefix, n, &idle);
    *tokens = n * view->prefix->entry_tokens;
    *idle_blocks = idle * view->prefix->entry_blocks;
    return n;
}

static void run_waiting(const struct state *s, struct budget *left)
{
    const struct batch_view *view = left->view;
    struct batch_action *a = left->action;
    for (int32_t i = -1; left->tokens > 0 && (i = next_waiting(s, left, i)) >= 0;) {
        const struct batch_request *r = &view->requests[view->waiting[i]];
        int64_t hit;
        int64_t idle_blocks;
        int32_t prefix = prefix_of(s, view, r, &hit, &idle_blocks);
        int64_t known = batch_left(r) - hit;
        int64_t tokens = known < left->tokens ? known : left->tokens;
        int64_t lacking = batch_lacking(view, r, hit + tokens);
        if (hit > 0 && view->shares == NULL) {
            /* Idle prefixes count as free until they are used. */
            lacking += idle_blocks - batch_blocks(view, hit);
        }
        enum room room = room_for(left, r->slice, lacking, 1);
        if (room == ROOM_FULL) {
            return;
        }
        if (room != ROOM) {
            left->closed[(r->slice + 1) / 64] |= 1ULL << ((r->slice + 1) % 64);
        } else {
            left->blocks -= lacking;
            left->seqs--;
            left->tokens -= tokens;
            admit(a, (struct batch_admit){.waiting = i, .prefix = prefix});
            a->work[a->n_work++] = (struct batch_work){view->waiting[i], tokens};
        }
    }
}

static void continuous_decide(void *state, const struct batch_view *view,
                              struct batch_action *action)
{
    struct state *s = state;
    struct budget left = {.view = view,
                          .action = action,
                          .tokens = s->o.pool.max_num_batched_tokens,
                          .blocks = free_blocks(view),
                          .seqs = (int32_t)s->o.pool.max_num_seqs - view->n_running};
    action->swap = s->o.pool.preemption == 1;
    rank_running(s, view);
    run_running(s, &left);
    if (action->n_preempt > 0) {
        return;
    }
    run_waiting(s, &left);
    if (action->n_admit > 0) {
        return;
    }
    /* Who is next may change with the radio, at every step. */
    if (s->o.pool.order == BATCH_BY_BACKLOG && view->n_waiting > 0) {
        return;
    }
    for (int32_t i = 0; i < view->n_running; i++) {
        if (!batch_decodes(&view->requests[view->running[i]])) {
            return;
        }
    }
    /* All decode, and whoever waits could not join: blocks only get fewer until one finishes. */
    struct batch_view still = *view;
    still.kv_free = free_blocks(view);
    if (view->n_waiting > 0 && view->prefix != NULL) {
        /* Except where a prefix is dropped that one of them would have used: the first part of its
         * prompt may need fewer blocks then. */
        int64_t unused = view->kv_free - batch_prefix_idle_blocks(view->prefix);
        still.kv_free = unused < still.kv_free ? unused : still.kv_free;
    }
    action->steps = batch_decode_steps(&still);
    action->steps = action->steps > 0 ? action->steps : 1;
}

const struct batch_policy batch_continuous = {
    .word = "continuous",
    .doc = "requests join and leave at every step, with paged KV and chunked prefill, as vLLM",
    .options = &batch_continuous_options,
    .governs = true,
    .create = continuous_create,
    .destroy = free,
    .max_running = continuous_max_running,
    .accept = continuous_accept,
    .decide = continuous_decide,
};

const struct batch_policy batch_disaggregated = {
    .word = "disaggregated",
    .doc = "prompts on one pool of GPUs, answers on another, with the KV sent across",
    .options = &batch_disaggregated_options,
    .governs = true,
    .two_pools = true,
    .create = disaggregated_create,
    .destroy = free,
    .max_running = continuous_max_running,
    .accept = continuous_accept,
    .decide = continuous_decide,
};
