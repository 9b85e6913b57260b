/* Portable C: any processor. */
#ifndef MOTEFIT_DOT_PORTABLE_H
#define MOTEFIT_DOT_PORTABLE_H

#include <stdint.h>

#include "motefit_kernels.h"

static inline int32_t mf_dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

/* Four columns, as mf_dot_4 reads them. */
typedef struct {
    const int8_t *x[4];
} mf_columns;

/* Where column i may be gathered. */
static inline int8_t *mf_gathered(uint32_t *scratch, int32_t depth, int32_t i)
{
    return (int8_t *)scratch + i * depth;
}

static inline void mf_pack(mf_columns *columns, int32_t i, const int8_t *x, int32_t depth,
                           uint32_t *scratch)
{
    columns->x[i] = x;
    (void)depth;
    (void)scratch;
}

/* Sums of four columns with one row of weights. */
static inline void mf_dot_4(const mf_columns *columns, const int8_t *w, int32_t depth,
                            int32_t bias, int32_t sums[4])
{
    const int8_t *x0 = columns->x[0], *x1 = columns->x[1];
    const int8_t *x2 = columns->x[2], *x3 = columns->x[3];
    int32_t a = bias, b = bias, c = bias, d = bias;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t weight = w[i];
        a += x0[i] * weight;
        b += x1[i] * weight;
        c += x2[i] * weight;
        d += x3[i] * weight;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Sums of (x + offset) w of four channels over all taps, and their biases. */
static inline void mf_taps_4(const int8_t *x, const int8_t *w, const mf_tap *tap,
                             const mf_tap *end, int32_t offset, const int32_t bias[4],
                             int32_t sums[4])
{
    int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    for (; tap != end; tap++) {
        const int8_t *value = x + tap->x, *weight = w + tap->weight;
        a += (value[0] + offset) * weight[0];
        b += (value[1] + offset) * weight[1];
        c += (value[2] + offset) * weight[2];
        d += (value[3] + offset) * weight[3];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

#include "motefit_dot_scalar.h"

#endif
