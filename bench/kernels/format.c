/* format.c - rounding and packing of weights. */
#include "bench/kernels/format.h"

#include <math.h>
#include <stdlib.h>

#include "bench/kernels/half.h"

size_t format_value_bytes(enum kernel_format format, int64_t rows, int64_t cols)
{
    size_t n = (size_t)(rows * cols);
    return format == KERNEL_HALF ? 2 * n : format == KERNEL_W4A16 ? n / 2 : n;
}

size_t format_scales(enum kernel_format format, int64_t rows, int64_t cols)
{
    switch (format) {
    case KERNEL_W4A16:
        return (size_t)(rows * (cols / KERNEL_GROUP));
    case KERNEL_W8A16:
    case KERNEL_W8A8:
    case KERNEL_FP8:
        return (size_t)rows;
    default:
        return 0;
    }
}

static uint8_t e4m3_of(float value)
{
    float r = half_round(value, 3, -6);
    uint8_t sign = signbit(r) ? 0x80 : 0;
    float a = fabsf(r);
    if (a < 0x1p-6F) {
        return (uint8_t)(sign | (uint8_t)ldexpf(a, 9));
    }
    int exponent;
    float mantissa = frexpf(a, &exponent);
    return (uint8_t)(sign | ((exponent + 6) << 3) | (int)ldexpf(2.0F * mantissa - 1.0F, 3));
}

static float largest(const float *from, int64_t n)
{
    float top = 1e-20F;
    for (int64_t i = 0; i < n; i++) {
        top = fabsf(from[i]) > top ? fabsf(from[i]) : top;
    }
    return top;
}

static void pack_half(bool bf16, const float *from, size_t n, uint16_t *values, float *rounded)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = bf16 ? half_to_bf16(from[i]) : half_to_f16(from[i]);
        if (rounded != NULL) {
            rounded[i] = bf16 ? half_of_bf16(values[i]) : half_round(from[i], 10, -14);
        }
    }
}

/* One group of n numbers with one scale. 4-bit numbers lie in pairs, the even one low, plus 8. */
static float pack_group(enum kernel_format format, const float *from, int64_t n, uint8_t *values,
                        float *rounded)
{
    float top = format == KERNEL_FP8 ? 448.0F : format == KERNEL_W4A16 ? 7.0F : 127.0F;
    float scale = largest(from, n) / top;
    for (int64_t i = 0; i < n; i++) {
        float scaled = from[i] / scale;
        float kept = format == KERNEL_FP8 ? half_round(scaled, 3, -6) : rintf(scaled);
        if (format == KERNEL_FP8) {
            values[i] = e4m3_of(scaled);
        } else if (format == KERNEL_W4A16) {
            uint8_t digit = (uint8_t)((int)kept + 8);
            values[i / 2] = (uint8_t)(i % 2 == 0 ? digit : values[i / 2] | digit << 4);
        } else {
            values[i] = (uint8_t)(int8_t)kept;
        }
        if (rounded != NULL) {
            rounded[i] = kept * scale;
        }
    }
    return scale;
}

void format_pack(enum kernel_format format, bool bf16, const float *from, int64_t rows,
                 int64_t cols, void *values, float *scales, float *rounded)
{
    if (format == KERNEL_HALF) {
        pack_half(bf16, from, (size_t)(rows * cols), values, rounded);
        return;
    }
    int64_t group = format == KERNEL_W4A16 ? KERNEL_GROUP : cols;
    for (int64_t g = 0; g < rows * (cols / group); g++) {
        uint8_t *to = (uint8_t *)values + (format == KERNEL_W4A16 ? g * group / 2 : g * group);
        scales[g] = pack_group(format, from + g * group, group, to,
                               rounded == NULL ? NULL : rounded + g * group);
    }
}

bool format_upload(struct kernel_backend *b, enum kernel_format format, const float *from,
                   int64_t rows, int64_t cols, struct kernel_matrix *m, float *rounded)
{
    size_t value_bytes = format_value_bytes(format, rows, cols);
    size_t scale_bytes = format_scales(format, rows, cols) * sizeof(float);
    void *values = malloc(value_bytes);
    float *scales = malloc(scale_bytes + sizeof(float));
    *m = (struct kernel_matrix){.format = format, .rows = rows, .cols = cols};
    m->values = b->alloc(b, value_bytes);
    m->scales = scale_bytes > 0 ? b->alloc(b, scale_bytes) : NULL;
    bool ok = values != NULL && scales != NULL && m->values != NULL &&
              (scale_bytes == 0 || m->scales != NULL);
    if (ok) {
        format_pack(format, b->half_is_bf16, from, rows, cols, values, scales, rounded);
        b->write(b, m->values, values, value_bytes);
        if (scale_bytes > 0) {
            b->write(b, m->scales, scales, scale_bytes);
        }
    }
    free(values);
    free(scales);
    return ok;
}

void format_release(struct kernel_backend *b, struct kernel_matrix *m)
{
    b->release(b, m->values);
    b->release(b, m->scales);
    *m = (struct kernel_matrix){0};
}

float format_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (float)((*state * 0x2545f4914f6cdd1dU) >> 40) * 0x1p-23F - 1.0F;
}

const char *format_word(enum kernel_format format)
{
    static const char *const words[] = {"bf16", "w8a16", "w4a16", "w8a8", "fp8"};
    return words[format];
}
