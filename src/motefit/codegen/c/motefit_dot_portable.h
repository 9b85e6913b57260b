/* Portable C: any processor. */
#ifndef MOTEFIT_DOT_PORTABLE_H
#define MOTEFIT_DOT_PORTABLE_H

#include <stdint.h>

static inline int32_t mf_dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

/* Two columns, as mf_dot_2x2 reads them. */
typedef struct {
    const int8_t *x0, *x1;
} mf_columns;

static inline mf_columns mf_pack(const int8_t *x0, const int8_t *x1, int32_t n, uint32_t *packed)
{
    const mf_columns columns = {x0, x1};
    (void)n;
    (void)packed;
    return columns;
}

/* Sums of two columns with two rows: x0 w0, x0 w1, x1 w0, x1 w1. */
static inline void mf_dot_2x2(mf_columns x, const int8_t *w0, const int8_t *w1, int32_t n,
                              int32_t sums[4])
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t i = 0; i < n; i++) {
        a += x.x0[i] * w0[i];
        b += x.x0[i] * w1[i];
        c += x.x1[i] * w0[i];
        d += x.x1[i] * w1[i];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Adds (x + offset) w of four channels to their sums. */
static inline void mf_multiply_4(const int8_t *x, const int8_t *w, int32_t offset, int32_t sums[4])
{
    for (int32_t i = 0; i < 4; i++) {
        sums[i] += (x[i] + offset) * w[i];
    }
}

#endif
