/* cublas_v2.h - the part of cuBLAS that bench/kernels/cuda_blas.c calls; blas.c computes it. */
#ifndef TESTS_KERNELS_EMULATE_CUBLAS_V2_H
#define TESTS_KERNELS_EMULATE_CUBLAS_V2_H

#include <stdint.h>

#include "tests/kernels/emulate/cuda_runtime_api.h"

typedef enum { /* NOLINTBEGIN: cuBLAS's names */
               CUBLAS_STATUS_SUCCESS = 0,
               CUBLAS_STATUS_NOT_INITIALIZED = 1,
               CUBLAS_STATUS_ALLOC_FAILED = 3,
               CUBLAS_STATUS_INVALID_VALUE = 7,
               CUBLAS_STATUS_ARCH_MISMATCH = 8,
               CUBLAS_STATUS_NOT_SUPPORTED = 15
} cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 } cublasOperation_t;
typedef enum { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_32I = 72 } cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1 } cublasGemmAlgo_t;
typedef struct emulate_blas *cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t *handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t trans_a,
                            cublasOperation_t trans_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType_t a_type, int lda, const void *b,
                            cudaDataType_t b_type, int ldb, const void *beta, void *c,
                            cudaDataType_t c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm); /* NOLINTEND */

#endif
