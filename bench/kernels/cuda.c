/* cuda.c - the kernels on an NVIDIA GPU: memory, streams, events, and which kernel does what.
 *
 * Everything is queued on one stream; stop() and the reads wait for it. Weights and activations are
 * bf16, or f16 before sm_80, which has no bf16 products. 16-bit products are cuBLAS's, as in
 * serving engines. W8A16 and W4A16 are expanded inside our own product with few tokens and before
 * cuBLAS's with many. W8A8 and FP8 round the activations per token, multiply in the library and
 * scale afterwards; FP8 needs sm_89.
 *
 * Invariants:
 *   C1 after a failure `error` says which call, and nothing more is launched;
 *   C2 scratch only grows, and never while work that uses it is queued (growing waits).
 */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kernels/cuda.h"
#include "bench/kernels/half.h"

enum {
    SCRATCH_HALF,   /* expanded weights */
    SCRATCH_ROUND,  /* activations of 8 bits */
    SCRATCH_SCALES, /* theirs, a token */
    SCRATCH_SUMS,   /* products before they are scaled */
    SCRATCH_SPLITS, /* cached attention */
    SCRATCHES
};

struct cuda {
    cudaStream_t stream;
    cudaEvent_t before, after;
    struct cuda_blas *blas;
    struct {
        void *memory;
        size_t bytes;
    } scratch[SCRATCHES];
    uint32_t *sink;
    int multiprocessors;
    bool bf16;
};

static struct cuda *cuda_of(struct kernel_backend *b)
{
    return b->state;
}

static bool fine(const struct kernel_backend *b)
{
    return b->error[0] == '\0';
}

/* Keeps the first failure. */
static bool check(struct kernel_backend *b, cudaError_t rc, const char *what)
{
    if (rc != cudaSuccess && fine(b)) {
        snprintf(b->error, sizeof b->error, "%s: %s", what, cudaGetErrorString(rc));
    }
    return rc == cudaSuccess;
}

static void launched(struct kernel_backend *b, const char *what)
{
    check(b, cudaGetLastError(), what);
}

static void blas_check(struct kernel_backend *b, const char *wrong)
{
    if (wrong != NULL && fine(b)) {
        snprintf(b->error, sizeof b->error, "%s", wrong);
    }
}

static void *cuda_alloc(struct kernel_backend *b, size_t bytes)
{
    void *memory = NULL;
    if (!fine(b) || !check(b, cudaMalloc(&memory, bytes > 0 ? bytes : 1), "allocating")) {
        return NULL;
    }
    check(b, cudaMemsetAsync(memory, 0, bytes, cuda_of(b)->stream), "clearing");
    return memory;
}

static void cuda_release(struct kernel_backend *b, void *memory)
{
    (void)b;
    cudaFree(memory); /* waits for what is queued; NULL is nothing */
}

static void *scratch(struct kernel_backend *b, int which, size_t bytes)
{
    struct cuda *c = cuda_of(b);
    if (bytes > c->scratch[which].bytes) {
        cudaFree(c->scratch[which].memory);
        c->scratch[which].memory = cuda_alloc(b, bytes);
        c->scratch[which].bytes = c->scratch[which].memory == NULL ? 0 : bytes;
    }
    return c->scratch[which].memory;
}

/* The host's memory may change as soon as this returns, so it waits. */
static void cuda_write(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    if (fine(b) &&
        check(b, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cuda_of(b)->stream),
              "writing")) {
        check(b, cudaStreamSynchronize(cuda_of(b)->stream), "writing");
    }
}

static void read_back(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    if (fine(b) &&
        check(b, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda_of(b)->stream),
              "reading")) {
        check(b, cudaStreamSynchronize(cuda_of(b)->stream), "reading");
    }
}

static void cuda_copy(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    if (fine(b)) {
        check(b, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda_of(b)->stream),
              "copying");
    }
}

static void cuda_act_write(struct kernel_backend *b, void *to, const float *from, size_t n)
{
    uint16_t *halves = malloc(n * sizeof *halves);
    if (halves == NULL) {
        check(b, cudaErrorMemoryAllocation, "writing");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        halves[i] = b->half_is_bf16 ? half_to_bf16(from[i]) : half_to_f16(from[i]);
    }
    cuda_write(b, to, halves, n * sizeof *halves);
    free(halves);
}

static void cuda_act_read(struct kernel_backend *b, float *to, const void *from, size_t n)
{
    uint16_t *halves = calloc(n, sizeof *halves);
    if (halves == NULL) {
        check(b, cudaErrorMemoryAllocation, "reading");
        return;
    }
    read_back(b, halves, from, n * sizeof *halves);
    for (size_t i = 0; i < n; i++) {
        to[i] = b->half_is_bf16 ? half_of_bf16(halves[i]) : half_of_f16(halves[i]);
    }
    free(halves);
}

static void cuda_ids_read(struct kernel_backend *b, int32_t *to, const int32_t *from, size_t n)
{
    read_back(b, to, from, n * sizeof *to);
}

static void cuda_start(struct kernel_backend *b)
{
    if (fine(b)) {
        check(b, cudaEventRecord(cuda_of(b)->before, cuda_of(b)->stream), "timing");
    }
}

static double cuda_stop(struct kernel_backend *b)
{
    struct cuda *c = cuda_of(b);
    float ms = 0.0F;
    if (fine(b) && check(b, cudaEventRecord(c->after, c->stream), "timing") &&
        check(b, cudaEventSynchronize(c->after), "running")) {
        check(b, cudaEventElapsedTime(&ms, c->before, c->after), "timing");
    }
    return (double)ms / 1e3;
}

static void cuda_read_through(struct kernel_backend *b, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(b);
    if (fine(b)) {
        /* Eight blocks of 256 threads fill a multiprocessor of every generation. */
        cuda_read_launch(from, bytes / 16 * 16, c->sink, 8 * c->multiprocessors, c->stream);
        launched(b, "read_through");
    }
}

/* Weights that multiply 16-bit activations, expanded first where they are narrower. */
static void linear_wide(struct kernel_backend *b, const struct kernel_matrix *w, const void *x,
                        void *y, int64_t tokens)
{
    struct cuda *c = cuda_of(b);
    const void *values = w->values;
    if (w->format != KERNEL_HALF) {
        uint16_t *expanded =
            scratch(b, SCRATCH_HALF, (size_t)(w->rows * w->cols) * sizeof *expanded);
        if (expanded == NULL) {
            return;
        }
        cuda_expand_launch(w, expanded, c->bf16, c->stream);
        launched(b, "expanding weights");
        values = expanded;
    }
    blas_check(b, cuda_blas_half(c->blas, values, x, y, w->rows, w->cols, tokens, c->bf16));
}

/* Both 8 bits wide. The libraries' 8-bit products want tokens in sixteens. */
static void linear_narrow(struct kernel_backend *b, const struct kernel_matrix *w, const void *x,
                          void *y, int64_t tokens)
{
    struct cuda *c = cuda_of(b);
    bool fp8 = w->format == KERNEL_FP8;
    int64_t padded = tokens <= 32 ? 32 : (tokens + 15) / 16 * 16;
    uint8_t *rounded = scratch(b, SCRATCH_ROUND, (size_t)(padded * w->cols));
    float *scales = scratch(b, SCRATCH_SCALES, (size_t)padded * sizeof *scales);
    void *sums = scratch(b, SCRATCH_SUMS, (size_t)(padded * w->rows) * sizeof(int32_t));
    if (rounded == NULL || scales == NULL || sums == NULL) {
        return;
    }
    cuda_round_launch(x, rounded, scales, tokens, padded, w->cols, fp8, c->bf16, c->stream);
    launched(b, "rounding activations");
    blas_check(b,
               fp8 ? cuda_blas_fp8(c->blas, w->values, rounded, sums, w->rows, w->cols, padded)
                   : cuda_blas_int8(c->blas, w->values, rounded, sums, w->rows, w->cols, padded));
    cuda_scale_launch(sums, w->scales, scales, y, tokens, w->rows, fp8, c->bf16, c->stream);
    launched(b, "scaling products");
}

static void cuda_linear(struct kernel_backend *b, const struct kernel_matrix *w, const void *x,
                        void *y, int64_t tokens)
{
    struct cuda *c = cuda_of(b);
    if (!fine(b)) {
        return;
    }
    if (w->format == KERNEL_W8A8 || w->format == KERNEL_FP8) {
        linear_narrow(b, w, x, y, tokens);
    } else if (w->format != KERNEL_HALF && tokens <= CUDA_GEMV_TOKENS) {
        cuda_gemv_launch(w, x, y, tokens, c->bf16, c->stream);
        launched(b, "expanding product");
    } else {
        linear_wide(b, w, x, y, tokens);
    }
}

static void cuda_embed(struct kernel_backend *b, const struct kernel_matrix *table,
                       const int32_t *ids, void *y, int64_t tokens)
{
    if (fine(b)) {
        cuda_embed_launch(table->values, table->rows, table->cols, ids, y, tokens,
                          cuda_of(b)->stream);
        launched(b, "embed");
    }
}

static void cuda_norm(struct kernel_backend *b, const void *x, const void *gain, void *y,
                      int64_t tokens, int64_t width)
{
    if (fine(b)) {
        cuda_norm_launch(x, gain, y, tokens, width, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "norm");
    }
}

static void cuda_rotate_store(struct kernel_backend *b, void *qkv, const struct kernel_attention *a,
                              const struct kernel_batch *batch)
{
    if (fine(b)) {
        cuda_rotate_store_launch(qkv, a, batch, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "rotate_store");
    }
}

static void cuda_attend_prompt(struct kernel_backend *b, const void *qkv,
                               const struct kernel_attention *a, const struct kernel_batch *batch,
                               void *y)
{
    if (fine(b)) {
        cuda_attend_prompt_launch(qkv, a, batch, y, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "attend_prompt");
    }
}

static void cuda_attend_decode(struct kernel_backend *b, const void *qkv,
                               const struct kernel_attention *a, const struct kernel_batch *batch,
                               void *y)
{
    float *splits =
        scratch(b, SCRATCH_SPLITS, cuda_attend_decode_floats(a, batch) * sizeof *splits);
    if (fine(b)) {
        cuda_attend_decode_launch(qkv, a, batch, y, splits, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "attend_decode");
    }
}

static void cuda_gate(struct kernel_backend *b, const void *gate_up, void *y, int64_t tokens,
                      int64_t ffn)
{
    if (fine(b)) {
        cuda_gate_launch(gate_up, y, tokens, ffn, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "gate");
    }
}

static void cuda_add(struct kernel_backend *b, const void *x, void *y, int64_t n)
{
    if (fine(b)) {
        cuda_add_launch(x, y, n, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "add");
    }
}

static void cuda_sample(struct kernel_backend *b, const void *logits, int32_t *ids,
                        int64_t sequences, int64_t vocab)
{
    if (fine(b)) {
        cuda_sample_launch(logits, ids, sequences, vocab, cuda_of(b)->bf16, cuda_of(b)->stream);
        launched(b, "sample");
    }
}

static bool cuda_record(struct kernel_backend *b)
{
    return fine(b) &&
           cudaStreamBeginCapture(cuda_of(b)->stream, cudaStreamCaptureModeRelaxed) == cudaSuccess;
}

static void cuda_replay(struct kernel_backend *b)
{
    struct cuda *c = cuda_of(b);
    cudaGraph_t graph = NULL;
    cudaGraphExec_t run = NULL;
    check(b, cudaStreamEndCapture(c->stream, &graph), "recording"); /* even after a failure */
    if (fine(b) && check(b, cudaGraphInstantiateWithFlags(&run, graph, 0), "recording")) {
        check(b, cudaGraphUpload(run, c->stream), "recording");
        cuda_start(b);
        check(b, cudaGraphLaunch(run, c->stream), "replaying");
    }
    if (run != NULL) {
        cudaGraphExecDestroy(run); /* after what is running has ended */
    }
    if (graph != NULL) {
        cudaGraphDestroy(graph);
    }
}

enum { EMPTY_KERNELS = 200 };

static void launch_empty(struct kernel_backend *b)
{
    for (int i = 0; i < EMPTY_KERNELS; i++) {
        cuda_empty_launch(cuda_of(b)->stream);
    }
}

static double cuda_launch_s(struct kernel_backend *b, bool graph)
{
    launch_empty(b); /* warms up */
    if (graph && !cuda_record(b)) {
        return -1.0;
    }
    if (!graph) {
        cuda_start(b);
    }
    launch_empty(b);
    if (graph) {
        cuda_replay(b);
    }
    double seconds = cuda_stop(b);
    launched(b, "empty");
    return fine(b) ? seconds / EMPTY_KERNELS : -1.0;
}

static void cuda_close(struct kernel_backend *b)
{
    struct cuda *c = cuda_of(b);
    if (c == NULL) {
        return;
    }
    cuda_blas_close(c->blas);
    for (int i = 0; i < SCRATCHES; i++) {
        cudaFree(c->scratch[i].memory);
    }
    cudaFree(c->sink);
    if (c->before != NULL) {
        cudaEventDestroy(c->before);
    }
    if (c->after != NULL) {
        cudaEventDestroy(c->after);
    }
    if (c->stream != NULL) {
        cudaStreamDestroy(c->stream);
    }
    free(c);
    b->state = NULL;
}

/* Attributes, not cudaDeviceProp: its layout changes with the version. */
static bool device_read(struct kernel_backend *b, int index, int *sm, int *multiprocessors)
{
    int major = 0;
    int minor = 0;
    int cache = 0;
    size_t free_bytes = 0;
    size_t bytes = 0;
    struct cudaDeviceProp properties;
    bool ok =
        check(b, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index),
              "device") &&
        check(b, cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index),
              "device") &&
        check(b, cudaDeviceGetAttribute(multiprocessors, cudaDevAttrMultiProcessorCount, index),
              "device") &&
        check(b, cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, index), "device") &&
        check(b, cudaGetDeviceProperties(&properties, index), "device") &&
        check(b, cudaMemGetInfo(&free_bytes, &bytes), "device");
    if (!ok) {
        return false;
    }
    *sm = 10 * major + minor;
    snprintf(b->device, sizeof b->device, "%.90s, sm_%d, %d multiprocessors", properties.name, *sm,
             *multiprocessors);
    b->memory_bytes = (double)bytes;
    b->cache_bytes = (double)cache;
    if (*sm < 75) {
        snprintf(b->error, sizeof b->error,
                 "%.90s is sm_%d; the kernels are built for sm_75 and later", properties.name, *sm);
        return false;
    }
    return true;
}

static bool state_make(struct kernel_backend *b, int index)
{
    struct cuda *c = calloc(1, sizeof *c);
    int sm = 0;
    b->state = c;
    if (c == NULL || !check(b, cudaSetDevice(index), "device") ||
        !device_read(b, index, &sm, &c->multiprocessors) ||
        !check(b, cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "device") ||
        !check(b, cudaEventCreate(&c->before), "device") ||
        !check(b, cudaEventCreate(&c->after), "device") ||
        !check(b, cudaMalloc((void **)&c->sink, sizeof *c->sink), "device")) {
        return false;
    }
    blas_check(b, cuda_blas_open(&c->blas, c->stream));
    c->bf16 = sm >= 80;
    b->multiprocessors = c->multiprocessors;
    b->half_is_bf16 = c->bf16;
    b->has[KERNEL_HALF] = b->has[KERNEL_W8A16] = b->has[KERNEL_W4A16] = true;
    b->has[KERNEL_W8A8] = true;
    b->has[KERNEL_FP8] = sm >= 89;
    return fine(b);
}

kernel_open_function kernel_module_open;

bool kernel_module_open(struct kernel_backend *b, int index)
{
    int n = 0;
    if (!check(b, cudaGetDeviceCount(&n), "looking for GPUs")) {
        return false;
    }
    if (index < 0 || index >= n) {
        snprintf(b->error, sizeof b->error, "there are %d, counted from 0", n);
        return false;
    }
    if (!state_make(b, index)) {
        cuda_close(b);
        return false;
    }
    b->word = "cuda";
    b->act_bytes = sizeof(uint16_t);
    b->close = cuda_close;
    b->alloc = cuda_alloc;
    b->release = cuda_release;
    b->write = cuda_write;
    b->copy = cuda_copy;
    b->act_write = cuda_act_write;
    b->act_read = cuda_act_read;
    b->ids_read = cuda_ids_read;
    b->start = cuda_start;
    b->stop = cuda_stop;
    b->record = cuda_record;
    b->replay = cuda_replay;
    b->read_through = cuda_read_through;
    b->linear = cuda_linear;
    b->embed = cuda_embed;
    b->norm = cuda_norm;
    b->rotate_store = cuda_rotate_store;
    b->attend_prompt = cuda_attend_prompt;
    b->attend_decode = cuda_attend_decode;
    b->gate = cuda_gate;
    b->add = cuda_add;
    b->sample = cuda_sample;
    b->launch_s = cuda_launch_s;
    return true;
}
