/* blas.c - cuBLAS's products as its manual defines them, column by column, in double precision; and
 * its refusals: the alignments that 8-bit products need. */
#include <stdlib.h>
#include <string.h>

#include "bench/kernels/half.h"
#include "tests/kernels/emulate/cublasLt.h"

struct emulate_product {
    cublasOperation_t trans_a;
};
struct emulate_layout {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t ld;
};
struct emulate_preference {
    size_t workspace;
};

static char token[1]; /* what handles point to */

static double e4m3(uint8_t bits)
{
    int exponent = bits >> 3 & 15;
    double mantissa = bits & 7;
    double size = exponent == 0 ? ldexp(mantissa, -9) : ldexp(8.0 + mantissa, exponent - 10);
    return bits & 0x80 ? -size : size;
}

static double element(const void *from, cudaDataType_t type, int64_t at)
{
    switch (type) {
    case CUDA_R_16F:
        return (double)half_of_f16(((const uint16_t *)from)[at]);
    case CUDA_R_16BF:
        return (double)half_of_bf16(((const uint16_t *)from)[at]);
    case CUDA_R_8I:
        return (double)((const int8_t *)from)[at];
    default:
        return e4m3(((const uint8_t *)from)[at]);
    }
}

static void put(void *to, cudaDataType_t type, int64_t at, double value)
{
    switch (type) {
    case CUDA_R_16F:
        ((uint16_t *)to)[at] = half_to_f16((float)value);
        break;
    case CUDA_R_16BF:
        ((uint16_t *)to)[at] = half_to_bf16((float)value);
        break;
    case CUDA_R_32I:
        ((int32_t *)to)[at] = (int32_t)value;
        break;
    default:
        ((float *)to)[at] = (float)value;
        break;
    }
}

/* C (m x n) = A' B, A k x m, B k x n. */
static void multiply(int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                     cudaDataType_t type, int64_t lda, int64_t ldb, void *c, cudaDataType_t c_type,
                     int64_t ldc)
{
    double *column = malloc((size_t)k * sizeof *column);
    double *columns = malloc((size_t)(n * k) * sizeof *columns);
    for (int64_t j = 0; columns != NULL && j < n * k; j++) {
        columns[j] = element(b, type, j / k * ldb + j % k);
    }
    for (int64_t i = 0; column != NULL && columns != NULL && i < m; i++) {
        for (int64_t l = 0; l < k; l++) {
            column[l] = element(a, type, i * lda + l);
        }
        for (int64_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (int64_t l = 0; l < k; l++) {
                sum += column[l] * columns[j * k + l];
            }
            put(c, c_type, j * ldc + i, sum);
        }
    }
    free(column);
    free(columns);
}

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = (cublasHandle_t)(void *)token;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    (void)handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    (void)handle;
    (void)stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes)
{
    (void)handle;
    return workspace != NULL && bytes > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t trans_a,
                            cublasOperation_t trans_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType_t a_type, int lda, const void *b,
                            cudaDataType_t b_type, int ldb, const void *beta, void *c,
                            cudaDataType_t c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm)
{
    (void)handle;
    (void)algorithm;
    bool whole = compute == CUBLAS_COMPUTE_32I;
    bool scaled = whole ? *(const int32_t *)alpha == 1 && *(const int32_t *)beta == 0
                        : *(const float *)alpha == 1.0F && *(const float *)beta == 0.0F;
    if (trans_a != CUBLAS_OP_T || trans_b != CUBLAS_OP_N || a_type != b_type || !scaled ||
        lda < k || ldb < k || ldc < m || whole != (a_type == CUDA_R_8I) ||
        c_type != (whole ? CUDA_R_32I : a_type) || (whole && (lda % 4 != 0 || ldc % 4 != 0))) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    multiply(m, n, k, a, b, a_type, lda, ldb, c, c_type, ldc);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    return cublasCreate(handle);
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    return cublasDestroy(handle);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *product, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    *product = calloc(1, sizeof **product);
    return *product != NULL && compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product)
{
    free(product);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes)
{
    if (attribute == CUBLASLT_MATMUL_DESC_TRANSA) {
        memcpy(&product->trans_a, value, bytes);
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    *layout = malloc(sizeof **layout);
    if (*layout == NULL) {
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
    **layout = (struct emulate_layout){type, rows, cols, ld};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    free(layout);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    *preference = calloc(1, sizeof **preference);
    return *preference != NULL ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    free(preference);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    (void)attribute;
    memcpy(&preference->workspace, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int asked,
                                              cublasLtMatmulHeuristicResult_t found[], int *n)
{
    (void)handle;
    (void)preference;
    (void)found;
    /* The manual's table for e4m3: A transposed, sizes and leading dimensions in sixteens. */
    bool right = product->trans_a == CUBLAS_OP_T && a->type == CUDA_R_8F_E4M3 &&
                 b->type == CUDA_R_8F_E4M3 && c->type == CUDA_R_32F && d->type == CUDA_R_32F &&
                 a->rows == b->rows && d->rows == a->cols && d->cols == b->cols &&
                 a->rows % 16 == 0 && a->cols % 16 == 0 && b->cols % 16 == 0 && a->ld % 16 == 0 &&
                 b->ld % 16 == 0 && asked == 1;
    *n = right ? 1 : 0;
    return right ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                              const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                              const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t *algorithm, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream)
{
    (void)handle;
    (void)product;
    (void)c_layout;
    (void)algorithm;
    (void)stream;
    if (*(const float *)alpha != 1.0F || *(const float *)beta != 0.0F || c != d ||
        workspace == NULL || workspace_bytes == 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    multiply((int64_t)d_layout->rows, (int64_t)d_layout->cols, (int64_t)a_layout->rows, a, b,
             CUDA_R_8F_E4M3, a_layout->ld, b_layout->ld, d, CUDA_R_32F, d_layout->ld);
    return CUBLAS_STATUS_SUCCESS;
}
