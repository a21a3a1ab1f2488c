/* values.c - sorting a column of numbers. */
#include "datasets/values.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The bits of a double as an integer of the same order: a negative number has all of them turned
 * over, another only its sign. */
static uint64_t ordered_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Byte by byte from the lowest, passing over bytes that all have in common: qsort() took most
 * of the time of a summary of 10^6 requests. */
double *values_sort(double *values, double *spare, size_t n)
{
    enum { FEW = 512, BYTES = sizeof(double), BYTE_VALUES = 256 };
    if (n < FEW) {
        qsort(values, n, sizeof *values, double_compare);
        return values;
    }
    size_t counts[BYTES][BYTE_VALUES] = {0};
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = ordered_bits(values[i]);
        for (int byte = 0; byte < BYTES; byte++) {
            counts[byte][bits >> 8 * byte & 0xff]++;
        }
    }
    for (int byte = 0; byte < BYTES; byte++) {
        size_t *at = counts[byte], sum = 0;
        if (at[ordered_bits(values[0]) >> 8 * byte & 0xff] == n) {
            continue;
        }
        for (int v = 0; v < BYTE_VALUES; v++) {
            size_t count = at[v];
            at[v] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++) {
            spare[at[ordered_bits(values[i]) >> 8 * byte & 0xff]++] = values[i];
        }
        double *swap = values;
        values = spare;
        spare = swap;
    }
    return values;
}
