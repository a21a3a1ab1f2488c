/* half.h - 16-bit floating-point numbers on the host: bf16, the upper half of a float, and f16 (11
 * bits of precision, exponents from -14). Both round to nearest, ties to even. */
#ifndef BENCH_KERNELS_HALF_H
#define BENCH_KERNELS_HALF_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline float half_of_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t half_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* A number with `digits` binary digits after the leading one and exponents from `least` up:
 * what f16 (10, -14) and e4m3 (3, -6) hold. */
static inline float half_round(float value, int digits, int least)
{
    int exponent;
    frexpf(value, &exponent);
    exponent = exponent - 1 < least ? least : exponent - 1;
    return ldexpf(rintf(ldexpf(value, digits - exponent)), exponent - digits);
}

static inline uint16_t half_to_f16(float value)
{
    float r = half_round(value, 10, -14);
    uint16_t sign = signbit(r) ? 0x8000 : 0;
    float a = fabsf(r);
    if (a < 0x1p-14F) {
        return (uint16_t)(sign | (uint16_t)ldexpf(a, 24));
    }
    if (!(a < 65536.0F)) { /* f16 ends at 65504 */
        return (uint16_t)(sign | 0x7c00);
    }
    int exponent;
    float mantissa = frexpf(a, &exponent);
    return (uint16_t)(sign | ((exponent + 14) << 10) | (int)ldexpf(2.0F * mantissa - 1.0F, 10));
}

static inline float half_of_f16(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float mantissa = (float)(half & 1023);
    float size = exponent == 31  ? (mantissa > 0.0F ? NAN : INFINITY)
                 : exponent == 0 ? ldexpf(mantissa, -24)
                                 : ldexpf(1024.0F + mantissa, exponent - 25);
    return half & 0x8000 ? -size : size;
}

#endif
