/* batch_run.c - the state machine of a serving engine: queues, KV blocks, progress of requests.
 * Its states, its contract with the policy and its invariants stand in batch.h; what a policy
 * breaks is an assertion here. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sched/batch.h"

static struct batch_request *request_at(struct batch *b, uint32_t handle)
{
    return pool_at(&b->requests, handle);
}

static struct batch_view batch_look(const struct batch *b, int64_t now_ns)
{
    return (struct batch_view){
        .now_ns = now_ns,
        .requests = (const struct batch_request *)b->requests.items,
        .waiting = b->waiting + b->head,
        .n_waiting = b->n_waiting,
        .running = b->running,
        .n_running = b->n_running,
        .kv_total = b->kv.total,
        .kv_free = kv_pool_left(&b->kv) + batch_prefix_idle_blocks(&b->prefix),
        .block_tokens = b->kv.block_tokens,
        .prefix = b->prefix.entry_tokens > 0 ? &b->prefix : NULL,
        .shares = b->shares,
        .backlog_bytes = b->backlog_bytes,
        .n_slices = b->n_slices,
    };
}

int batch_init(struct batch *b, const struct batch_policy *policy, const void *options,
               int64_t kv_tokens, int64_t block_tokens, struct err *e)
{
    *b = (struct batch){.policy = policy};
    kv_pool_init(&b->kv, kv_tokens, block_tokens);
    kv_pool_init(&b->host, 0, block_tokens);
    b->state = policy->create(options);
    if (b->state == NULL || pool_init(&b->requests, sizeof(struct batch_request), 0) != 0) {
        batch_free(b);
        return err_memory(e, "making a batch");
    }
    b->max_running = policy->max_running(b->state);
    size_t n = (size_t)b->max_running;
    b->running = calloc(n, sizeof *b->running);
    b->finished = calloc(n, sizeof *b->finished);
    b->chunks = calloc(n, sizeof *b->chunks);
    b->action.preempt = calloc(n, sizeof *b->action.preempt);
    b->action.admit = calloc(n, sizeof *b->action.admit);
    b->action.work = calloc(n, sizeof *b->action.work);
    if (b->running == NULL || b->finished == NULL || b->chunks == NULL ||
        b->action.preempt == NULL || b->action.admit == NULL || b->action.work == NULL) {
        batch_free(b);
        return err_memory(e, "making a batch");
    }
    return 0;
}

void batch_free(struct batch *b)
{
    if (b->state != NULL) {
        b->policy->destroy(b->state);
    }
    pool_free(&b->requests);
    batch_prefix_free(&b->prefix);
    free(b->shares);
    free(b->waiting);
    free(b->running);
    free(b->finished);
    free(b->chunks);
    free(b->action.preempt);
    free(b->action.admit);
    free(b->action.work);
    *b = (struct batch){0};
}

void batch_set_host(struct batch *b, int64_t tokens, double copy_block_ns)
{
    kv_pool_init(&b->host, tokens, b->kv.block_tokens);
    b->copy_block_ns = copy_block_ns;
}

int batch_set_prefix(struct batch *b, int64_t entry_tokens, struct err *e)
{
    return batch_prefix_init(&b->prefix, b->kv.total, entry_tokens, b->kv.block_tokens, e);
}

int batch_set_shares(struct batch *b, const struct batch_share *shares, int32_t n, struct err *e)
{
    if (!b->policy->governs || n == 0) {
        return 0;
    }
    b->shares = calloc((size_t)n, sizeof *b->shares);
    if (b->shares == NULL) {
        return err_memory(e, "the shares of a server");
    }
    memcpy(b->shares, shares, (size_t)n * sizeof *shares);
    b->n_slices = n;
    for (int32_t i = 0; i < n; i++) {
        b->shares[i].blocks = b->shares[i].running = 0;
    }
    return 0;
}

/* The slice's share, or NULL when there is none. */
static struct batch_share *share_of(const struct batch *b, const struct batch_request *r)
{
    return b->shares != NULL && r->slice >= 0 ? &b->shares[r->slice] : NULL;
}

/* Most blocks that a request of this slice could ever hold. */
static int64_t blocks_most(const struct batch *b, const struct batch_request *r)
{
    const struct batch_share *own = share_of(b, r);
    int64_t most = b->kv.total;
    for (int32_t i = 0; i < b->n_slices; i++) {
        most -= &b->shares[i] != own ? b->shares[i].min_blocks : 0;
    }
    return own != NULL && own->max_blocks < most ? own->max_blocks : most;
}

bool batch_fits(const struct batch *b, const struct batch_request *r)
{
    return kv_pool_blocks(&b->kv, r->prompt_tokens + r->output_tokens - 1) <= blocks_most(b, r);
}

/* Room that a queue of all live requests needs to be put in the middle with as much left before
 * it as may be preempted at once, and one after it. */
static int64_t waiting_least(const struct batch *b)
{
    return 2 * ((int64_t)b->requests.live + b->max_running + 1);
}

/* Moves the queue to the middle of its array, or of a larger one when there is too little room. */
static bool waiting_center(struct batch *b)
{
    int64_t least = waiting_least(b);
    if (b->waiting_room < least) {
        int64_t room = 2 * least;
        if (room > INT32_MAX) {
            return false;
        }
        uint32_t *larger = calloc((size_t)room, sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        int32_t head = (int32_t)((room - b->n_waiting) / 2);
        if (b->n_waiting > 0) {
            memcpy(larger + head, b->waiting + b->head, (size_t)b->n_waiting * sizeof *larger);
        }
        free(b->waiting);
        b->waiting = larger;
        b->head = head;
        b->waiting_room = (int32_t)room;
        return true;
    }
    int32_t head = (b->waiting_room - b->n_waiting) / 2;
    memmove(b->waiting + head, b->waiting + b->head, (size_t)b->n_waiting * sizeof *b->waiting);
    b->head = head;
    return true;
}

enum batch_verdict batch_arrive(struct batch *b, int64_t now_ns,
                                const struct batch_request *request, uint32_t *handle)
{
    assert(request->prompt_tokens >= 1 && request->output_tokens >= 1);
    struct batch_request fresh = *request;
    fresh.state = BATCH_WAITING;
    fresh.sequence = b->arrivals;
    assert(!fresh.prefilled || fresh.output_tokens > 1);
    fresh.generated = fresh.prefilled ? 1 : 0;
    fresh.computed = fresh.prefilled ? fresh.prompt_tokens : 0;
    fresh.kv_blocks = fresh.swapped = fresh.n_shared = 0;
    fresh.caches = false;
    fresh.seen = fresh.vision_passes == 0 || fresh.prefilled;
    fresh.preemptions = 0;

    *handle = POOL_NONE;
    struct batch_view view = batch_look(b, now_ns);
    enum batch_verdict verdict = BATCH_ACCEPTED;
    if (!batch_fits(b, &fresh)) {
        verdict = BATCH_TOO_LONG;
    } else if (!b->policy->accept(b->state, &view, &fresh)) {
        verdict = BATCH_QUEUE_FULL;
    }
    if (verdict != BATCH_ACCEPTED) {
        b->stats.refused++;
        return verdict;
    }
    uint32_t taken = pool_take(&b->requests);
    if (taken == POOL_NONE) {
        return BATCH_NO_MEMORY;
    }
    bool back_full = b->head + b->n_waiting == b->waiting_room;
    if ((back_full || b->waiting_room < waiting_least(b)) && !waiting_center(b)) {
        pool_give(&b->requests, taken);
        return BATCH_NO_MEMORY;
    }
    *request_at(b, taken) = fresh;
    b->waiting[b->head + b->n_waiting++] = taken;
    b->arrivals++;
    b->stats.accepted++;
    *handle = taken;
    return BATCH_ACCEPTED;
}

void batch_hold_last(struct batch *b)
{
    assert(b->held < b->n_waiting);
    b->held++;
}

void batch_release(struct batch *b)
{
    b->held = 0;
}

void batch_forget(struct batch *b)
{
    assert(b->n_running == 0 && b->host.used == 0);
    while (b->prefix.n_idle > 0) {
        batch_prefix_evict(&b->prefix);
        kv_pool_give(&b->kv, b->prefix.entry_blocks);
    }
    assert(b->kv.used == 0);
}

/* Takes the blocks that a running request needs for `tokens` tokens in the cache. */
static void request_hold(struct batch *b, struct batch_request *r, int64_t tokens)
{
    int64_t shared = r->n_shared * b->prefix.entry_blocks;
    int64_t lacking = kv_pool_blocks(&b->kv, tokens) - shared - r->kv_blocks;
    if (lacking <= 0) {
        return;
    }
    while (kv_pool_left(&b->kv) < lacking && b->prefix.n_idle > 0) {
        batch_prefix_evict(&b->prefix);
        kv_pool_give(&b->kv, b->prefix.entry_blocks);
    }
    bool fits = kv_pool_take(&b->kv, lacking);
    assert(fits); /* B1: the policy counted the blocks */
    (void)fits;
    r->kv_blocks += lacking;
    struct batch_share *share = share_of(b, r);
    if (share != NULL) {
        share->blocks += lacking;
        assert(share->blocks <= share->max_blocks); /* B8 */
    }
}

/* Gives back what a request that no longer runs held. */
static void request_let_go(struct batch *b, struct batch_request *r)
{
    kv_pool_give(&b->kv, r->kv_blocks);
    struct batch_share *share = share_of(b, r);
    if (share != NULL) {
        share->blocks -= r->kv_blocks + r->n_shared * b->prefix.entry_blocks;
        share->running--;
    }
    r->kv_blocks = 0;
    batch_prefix_release(&b->prefix, r->prefix, r->n_shared);
    r->n_shared = 0;
    r->caches = false;
}

/* What becomes of the KV of a preempted request: it waits on the host, or is dropped. */
static void preempt_kv(struct batch *b, struct batch_request *r)
{
    int64_t blocks = r->kv_blocks + r->n_shared * b->prefix.entry_blocks;
    if (b->action.swap && blocks > 0 && kv_pool_take(&b->host, blocks)) {
        r->swapped = blocks;
        b->copied_blocks += blocks;
        b->stats.swapped_blocks += blocks;
    } else {
        b->stats.dropped_tokens += r->computed;
        r->computed = 0;
    }
    request_let_go(b, r);
}

/* Prompt blocks that are whole now go into the cache, and the request uses them from there. */
static void request_cache(struct batch *b, struct batch_request *r)
{
    const struct batch_prefix *c = &b->prefix;
    while (r->caches && r->n_shared < r->n_prefix &&
           (r->n_shared + 1) * c->entry_tokens <= r->computed) {
        if (!batch_prefix_add(&b->prefix, r->prefix[r->n_shared])) {
            r->caches = false; /* another request was faster; this one's copy stays its own */
            return;
        }
        r->n_shared++;
        r->kv_blocks -= c->entry_blocks;
    }
}

/* Takes the preempted out of `running`; they end up at the front of b->finished, which is empty
 * here, in the order of admission. */
static void preempt_take(struct batch *b)
{
    const struct batch_action *a = &b->action;
    for (int32_t i = 0; i < a->n_preempt; i++) {
        assert(a->preempt[i] >= 0 && a->preempt[i] < b->n_running);
        struct batch_request *r = request_at(b, b->running[a->preempt[i]]);
        assert(r->state == BATCH_RUNNING); /* named once */
        b->stats.preemptions++;
        r->state = BATCH_WAITING;
        r->preemptions++;
        preempt_kv(b, r);
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < b->n_running; i++) {
        if (request_at(b, b->running[i])->state == BATCH_RUNNING) {
            b->running[kept++] = b->running[i];
        } else {
            b->finished[b->n_finished++] = b->running[i];
        }
    }
    b->n_running = kept;
}

static void preempt_queue(struct batch *b)
{
    int32_t n = b->n_finished;
    if (b->head < n) {
        bool moved = waiting_center(b); /* batch_arrive() made the room: no allocation here */
        assert(moved && b->head >= n);
        (void)moved;
    }
    b->head -= n;
    b->n_waiting += n;
    memcpy(b->waiting + b->head, b->finished, (size_t)n * sizeof *b->waiting);
    b->n_finished = 0;
}

/* A request that joins starts with the prefixes that are cached, or gets its KV from the host. All
 * are used before anyone takes blocks, so that none is evicted in between. */
static void admit_prefix(struct batch *b, struct batch_request *r, int32_t prefix)
{
    r->caches = b->prefix.entry_tokens > 0 && prefix >= 0 && r->n_prefix > 0 && r->computed == 0;
    if (r->caches && prefix > 0) {
        assert(prefix <= r->n_prefix);
        batch_prefix_use(&b->prefix, r->prefix, prefix);
        r->n_shared = prefix;
        r->computed = prefix * b->prefix.entry_tokens;
        struct batch_share *share = share_of(b, r);
        if (share != NULL) {
            share->blocks += prefix * b->prefix.entry_blocks;
        }
        assert(r->computed < r->prompt_tokens); /* P3 */
        b->stats.hit_tokens += r->computed;
    }
    b->copied_blocks += r->swapped;
    kv_pool_give(&b->host, r->swapped);
    r->swapped = 0;
}

static void admit_all(struct batch *b)
{
    const struct batch_action *a = &b->action;
    uint32_t *queue = b->waiting + b->head;
    assert(b->n_running + a->n_admit <= b->max_running); /* B6 */
    for (int32_t i = 0; i < a->n_admit; i++) {
        int32_t at = a->admit[i].waiting;
        assert(at >= 0 && at < b->n_waiting);
        assert(i == 0 || at > a->admit[i - 1].waiting);
        struct batch_request *r = request_at(b, queue[at]);
        r->state = BATCH_RUNNING;
        admit_prefix(b, r, a->admit[i].prefix);
        b->running[b->n_running++] = queue[at];
        struct batch_share *share = share_of(b, r);
        if (share != NULL) {
            share->running++;
            assert(share->running <= share->max_running); /* B8 */
        }
    }
    for (int32_t i = 0; i < a->n_admit; i++) {
        request_hold(b, request_at(b, queue[a->admit[i].waiting]), a->admit[i].reserve_tokens);
    }
    if (a->n_admit == 0) {
        return;
    }
    if (a->admit[a->n_admit - 1].waiting == a->n_admit - 1) { /* the first in the queue */
        b->head += a->n_admit;
    } else {
        int32_t kept = 0;
        for (int32_t i = 0; i < b->n_waiting; i++) {
            if (request_at(b, queue[i])->state == BATCH_WAITING) {
                queue[kept++] = queue[i];
            }
        }
    }
    b->n_waiting -= a->n_admit;
}

/* Blocks of the first step, and the step as the cost model sees it. */
static void work_prepare(struct batch *b)
{
    const struct batch_action *a = &b->action;
    assert(a->n_work > 0 && a->n_work <= b->n_running && a->steps >= 1);
    b->n_chunks = 0;
    b->n_decode = b->context_tokens = b->vision_passes = 0;
    for (int32_t i = 0; i < a->n_work; i++) {
        struct batch_request *r = request_at(b, a->work[i].request);
        int64_t tokens = a->work[i].tokens;
        assert(r->state == BATCH_RUNNING && tokens >= 1 && tokens <= batch_left(r));
        request_hold(b, r, r->computed + tokens);
        if (batch_decodes(r)) {
            b->n_decode++;
            b->context_tokens += r->computed + 1;
            assert(a->steps <= r->output_tokens - r->generated);
        } else {
            b->chunks[b->n_chunks++] = (struct llm_chunk){r->computed, tokens};
            b->vision_passes += r->seen ? 0 : r->vision_passes;
        }
    }
    assert(a->steps == 1 || (b->n_chunks == 0 && a->n_admit == 0 && a->n_preempt == 0));
}

const struct batch_action *batch_decide(struct batch *b, int64_t now_ns)
{
    for (int32_t i = 0; i < b->n_finished; i++) {
        pool_give(&b->requests, b->finished[i]);
    }
    b->n_finished = 0;
    struct batch_action *a = &b->action;
    a->n_preempt = a->n_admit = a->n_work = 0;
    a->swap = false;
    a->steps = 1;
    b->copied_blocks = 0;
    if (!batch_has_work(b)) {
        return NULL;
    }
    struct batch_view view = batch_look(b, now_ns);
    view.n_waiting -= b->held;
    b->policy->decide(b->state, &view, a);
    preempt_take(b);
    admit_all(b);
    preempt_queue(b);
    work_prepare(b);
    return a;
}

int64_t batch_run_ns(const struct batch *b, const struct llm_cost *cost, int64_t steps)
{
    assert(steps >= 1 && steps <= b->action.steps);
    /* Only a first step has copies: whoever is preempted or admitted makes a run of one step. */
    int64_t copy_ns = llround((double)b->copied_blocks * b->copy_block_ns);
    if (b->n_chunks == 0) {
        return copy_ns + llm_decode_run_ns(cost, b->n_decode, b->context_tokens, steps);
    }
    return copy_ns + llm_step_ns(cost, b->chunks, b->n_chunks, b->n_decode, b->context_tokens,
                                 b->vision_passes);
}

int64_t batch_steps_until(const struct batch *b, const struct llm_cost *cost, int64_t elapsed_ns)
{
    if (b->action.steps == 1) {
        return 1;
    }
    return llm_decode_steps_until(cost, b->n_decode, b->context_tokens, b->action.steps,
                                  elapsed_ns);
}

void batch_advance(struct batch *b, int64_t steps)
{
    const struct batch_action *a = &b->action;
    assert(steps >= 1 && steps <= a->steps);
    b->stats.steps += steps;
    b->stats.sequence_steps += steps * a->n_work;
    for (int32_t i = 0; i < a->n_work; i++) {
        struct batch_request *r = request_at(b, a->work[i].request);
        int64_t made;
        if (batch_decodes(r)) {
            request_hold(b, r, r->computed + steps);
            r->computed += steps;
            made = steps;
        } else {
            r->seen = true;
            r->computed += a->work[i].tokens;
            request_cache(b, r);
            b->stats.prefill_tokens += a->work[i].tokens;
            made = batch_left(r) == 0 ? 1 : 0;
        }
        r->generated += made;
        b->stats.decode_tokens += made;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < b->n_running; i++) {
        struct batch_request *r = request_at(b, b->running[i]);
        if (r->generated < r->output_tokens) {
            b->running[kept++] = b->running[i];
            continue;
        }
        r->state = BATCH_DONE;
        request_let_go(b, r);
        b->stats.finished++;
        b->finished[b->n_finished++] = b->running[i];
    }
    b->n_running = kept;
}

int64_t batch_blocks_at(const struct batch *b, int64_t step)
{
    const struct batch_action *a = &b->action;
    int64_t used = b->kv.used;
    for (int32_t i = 0; i < a->n_work && step > 1; i++) {
        const struct batch_request *r = batch_at(b, a->work[i].request);
        int64_t lacking = kv_pool_blocks(&b->kv, r->computed + step) - r->kv_blocks -
                          r->n_shared * b->prefix.entry_blocks;
        used += lacking > 0 ? lacking : 0;
    }
    while (used > b->kv.total) { /* idle prefixes have made room */
        used -= b->prefix.entry_blocks;
    }
    return used;
}
