/* cuda_device.h - what the .cu files stand on: the words of a kernel, 16-bit numbers, sums over a
 * warp, the tensor cores' product.
 *
 * The files are written in the part of the language that C has too. nvcc compiles them for GPUs;
 * tests/kernels compiles them as C, with these words defined by its emulator (tests/kernels/
 * emulate.h), which runs the threads of a block one by one from barrier to barrier. A kernel takes
 * one struct by value, called `a`, and every thread of a warp comes to the same warp operations.
 */
#ifndef BENCH_KERNELS_CUDA_DEVICE_H
#define BENCH_KERNELS_CUDA_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/kernels/cuda.h"

enum { WARP = 32 };

#ifdef __CUDACC__

#include <cuda_fp16.h>

#define DEVICE static __device__ __forceinline__
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define KERNEL(name, type, threads)                                                                \
    static __global__ void __launch_bounds__(threads) name(const struct type a)
#define LAUNCH(name, x, y, z, threads, stream, args)                                               \
    name<<<dim3((unsigned)(x), (unsigned)(y), (unsigned)(z)), (threads), 0, (stream)>>>(args)

DEVICE float shuffle_xor(float value, int mask)
{
    return __shfl_xor_sync(0xffffffffU, value, mask);
}

DEVICE float f16_to_float(uint16_t bits)
{
    return __half2float(__ushort_as_half(bits));
}

DEVICE uint16_t f16_of_float(float value)
{
    return __half_as_ushort(__float2half_rn(value));
}

/* c += a b: a is 16 x 16, b 16 x 8, c 16 x 8 (PTX ISA, mma.m16n8k16: who holds what). sm_75 has
 * half of it, and no bf16. */
DEVICE void tensor_multiply(float c[4], const uint32_t a[4], const uint32_t b[2], bool bf16)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    if (bf16) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, "
                     "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
                     "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
#elif defined(__CUDA_ARCH__)
    if (bf16) {
        __trap();
    }
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
                 "{%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
                 "{%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

#else
#include "tests/kernels/emulate.h"
#endif

DEVICE uint32_t bits_of_float(float value)
{
    union {
        float number;
        uint32_t bits;
    } u;
    u.number = value;
    return u.bits;
}

DEVICE float float_of_bits(uint32_t bits)
{
    union {
        float number;
        uint32_t bits;
    } u;
    u.bits = bits;
    return u.number;
}

DEVICE float half_load(uint32_t bits, bool bf16)
{
    return bf16 ? float_of_bits(bits << 16) : f16_to_float((uint16_t)bits);
}

/* Round to nearest, ties to even. */
DEVICE uint32_t half_store(float value, bool bf16)
{
    uint32_t bits = bits_of_float(value);
    return bf16 ? (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16 : f16_of_float(value);
}

/* Two neighbours in one word, the first one low. */
DEVICE float pair_low(uint32_t pair, bool bf16)
{
    return half_load(pair & 0xffffU, bf16);
}

DEVICE float pair_high(uint32_t pair, bool bf16)
{
    return half_load(pair >> 16, bf16);
}

DEVICE uint32_t pair_of(float low, float high, bool bf16)
{
    return half_store(low, bf16) | half_store(high, bf16) << 16;
}

/* Sum over a warp, to every lane. */
DEVICE float warp_sum(float value)
{
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        value += shuffle_xor(value, mask);
    }
    return value;
}

DEVICE float warp_max(float value)
{
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        value = fmaxf(value, shuffle_xor(value, mask));
    }
    return value;
}

/* Over a block of `threads`, to every thread; `space` holds a number a warp. */
DEVICE float block_sum(float value, float *space, int threads)
{
    value = warp_sum(value);
    if (threadIdx.x % WARP == 0) {
        space[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    value = 0.0F;
    for (int i = 0; i < threads / WARP; i++) {
        value += space[i];
    }
    __syncthreads();
    return value;
}

DEVICE float block_max(float value, float *space, int threads)
{
    value = warp_max(value);
    if (threadIdx.x % WARP == 0) {
        space[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    value = space[0];
    for (int i = 1; i < threads / WARP; i++) {
        value = fmaxf(value, space[i]);
    }
    __syncthreads();
    return value;
}

#endif
