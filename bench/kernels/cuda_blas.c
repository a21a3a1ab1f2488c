/* cuda_blas.c - matrix products through cuBLAS and cuBLASLt.
 *
 * The libraries count columns first: a row-by-row W (rows x cols) is to them cols x rows, and
 * y = W x of a batch is the product of its transpose with x (cols x tokens), rows x tokens.
 */
#include <cublasLt.h>
#include <cublas_v2.h>
#include <stdlib.h>

#include "bench/kernels/cuda.h"

/* cuBLASLt's choice for a shape; made once, when it is first seen. */
struct plan {
    int64_t rows, cols, tokens;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algorithm;
};

enum {
    PLANS = 256,         /* more than a calibration has shapes */
    WORKSPACE = 32 << 20 /* bytes; what cuBLAS's manual advises for Hopper */
};

struct cuda_blas {
    cublasHandle_t handle;
    cublasLtHandle_t lt;
    cudaStream_t stream;
    void *workspace;
    struct plan plans[PLANS];
    int n, next; /* when all are taken, the oldest makes room */
};

static const char *status_text(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return NULL;
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "cuBLAS: out of memory";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "cuBLAS: this product is not supported on this GPU";
    case CUBLAS_STATUS_ARCH_MISMATCH:
        return "cuBLAS: the GPU is too old for this product";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "cuBLAS: invalid value";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "cuBLAS: cannot start";
    default:
        return "cuBLAS: the product failed";
    }
}

const char *cuda_blas_open(struct cuda_blas **blas, cudaStream_t stream)
{
    struct cuda_blas *b = calloc(1, sizeof *b);
    *blas = b;
    if (b == NULL) {
        return "out of memory";
    }
    b->stream = stream;
    const char *wrong = status_text(cublasCreate(&b->handle));
    if (wrong == NULL) {
        wrong = status_text(cublasSetStream(b->handle, stream));
    }
    if (wrong == NULL) {
        wrong = status_text(cublasLtCreate(&b->lt));
    }
    if (wrong == NULL && cudaMalloc(&b->workspace, WORKSPACE) != cudaSuccess) {
        wrong = "out of memory";
    }
    if (wrong ==
        NULL) { /* both libraries run on the one stream; none may allocate while it records */
        wrong = status_text(cublasSetWorkspace(b->handle, b->workspace, WORKSPACE));
    }
    return wrong;
}

static void plan_free(struct plan *p)
{
    cublasLtMatmulDescDestroy(p->product);
    cublasLtMatrixLayoutDestroy(p->w);
    cublasLtMatrixLayoutDestroy(p->x);
    cublasLtMatrixLayoutDestroy(p->y);
    *p = (struct plan){0};
}

void cuda_blas_close(struct cuda_blas *b)
{
    if (b == NULL) {
        return;
    }
    for (int i = 0; i < b->n; i++) {
        plan_free(&b->plans[i]);
    }
    if (b->lt != NULL) {
        cublasLtDestroy(b->lt);
    }
    if (b->handle != NULL) {
        cublasDestroy(b->handle);
    }
    cudaFree(b->workspace);
    free(b);
}

const char *cuda_blas_half(struct cuda_blas *b, const void *w, const void *x, void *y, int64_t rows,
                           int64_t cols, int64_t tokens, bool bf16)
{
    const float one = 1.0F;
    const float zero = 0.0F;
    cudaDataType_t type = bf16 ? CUDA_R_16BF : CUDA_R_16F;
    return status_text(cublasGemmEx(b->handle, CUBLAS_OP_T, CUBLAS_OP_N, (int)rows, (int)tokens,
                                    (int)cols, &one, w, type, (int)cols, x, type, (int)cols, &zero,
                                    y, type, (int)rows, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

const char *cuda_blas_int8(struct cuda_blas *b, const void *w, const void *x, int32_t *y,
                           int64_t rows, int64_t cols, int64_t tokens)
{
    const int32_t one = 1;
    const int32_t zero = 0;
    return status_text(cublasGemmEx(b->handle, CUBLAS_OP_T, CUBLAS_OP_N, (int)rows, (int)tokens,
                                    (int)cols, &one, w, CUDA_R_8I, (int)cols, x, CUDA_R_8I,
                                    (int)cols, &zero, y, CUDA_R_32I, (int)rows, CUBLAS_COMPUTE_32I,
                                    CUBLAS_GEMM_DEFAULT));
}

/* e4m3 needs the transposed form, which is ours. Sums may be kept short (fast accumulation), as
 * serving engines do. */
static const char *plan_make(struct cuda_blas *b, struct plan *p)
{
    const cublasOperation_t transposed = CUBLAS_OP_T;
    const int8_t fast = 1;
    const size_t most = WORKSPACE;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t found = {0};
    int n = 0;
    cublasStatus_t s = cublasLtMatmulDescCreate(&p->product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatmulDescSetAttribute(p->product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                           sizeof transposed);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatmulDescSetAttribute(p->product, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast,
                                           sizeof fast);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatrixLayoutCreate(&p->w, CUDA_R_8F_E4M3, (uint64_t)p->cols, (uint64_t)p->rows,
                                       p->cols);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatrixLayoutCreate(&p->x, CUDA_R_8F_E4M3, (uint64_t)p->cols,
                                       (uint64_t)p->tokens, p->cols);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatrixLayoutCreate(&p->y, CUDA_R_32F, (uint64_t)p->rows, (uint64_t)p->tokens,
                                       p->rows);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatmulPreferenceCreate(&preference);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatmulPreferenceSetAttribute(
            preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most);
    }
    if (s == CUBLAS_STATUS_SUCCESS) {
        s = cublasLtMatmulAlgoGetHeuristic(b->lt, p->product, p->w, p->x, p->y, p->y, preference, 1,
                                           &found, &n);
    }
    if (preference != NULL) {
        cublasLtMatmulPreferenceDestroy(preference);
    }
    if (s == CUBLAS_STATUS_SUCCESS && n < 1) {
        s = CUBLAS_STATUS_NOT_SUPPORTED;
    }
    p->algorithm = found.algo;
    return status_text(s);
}

/* The plan of a shape; NULL with *wrong set when there can be none. */
static struct plan *plan_find(struct cuda_blas *b, int64_t rows, int64_t cols, int64_t tokens,
                              const char **wrong)
{
    for (int i = 0; i < b->n; i++) {
        struct plan *p = &b->plans[i];
        if (p->rows == rows && p->cols == cols && p->tokens == tokens) {
            return p;
        }
    }
    struct plan fresh = {.rows = rows, .cols = cols, .tokens = tokens};
    *wrong = plan_make(b, &fresh);
    if (*wrong != NULL) {
        plan_free(&fresh);
        return NULL;
    }
    struct plan *place = &b->plans[b->next];
    if (b->n == PLANS) {
        plan_free(place);
    } else {
        b->n++;
    }
    *place = fresh;
    b->next = (b->next + 1) % PLANS;
    return place;
}

const char *cuda_blas_fp8(struct cuda_blas *b, const void *w, const void *x, float *y, int64_t rows,
                          int64_t cols, int64_t tokens)
{
    const float one = 1.0F;
    const float zero = 0.0F;
    const char *wrong = NULL;
    const struct plan *p = plan_find(b, rows, cols, tokens, &wrong);
    if (p == NULL) {
        return wrong;
    }
    return status_text(cublasLtMatmul(b->lt, p->product, &one, w, p->w, x, p->x, &zero, y, p->y, y,
                                      p->y, &p->algorithm, b->workspace, WORKSPACE, b->stream));
}
