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

#define MF_PACK_COPIES 0 /* whether mf_pack copies a column */

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

/* Numbers of a plane and of weights: of how many channels, how far apart neighbors are, how many
 * weights are in a run, and how many numbers may be read beyond a plane, since four pixels are
 * computed at a time. */
typedef int8_t mf_number;
#define MF_LANES 1
#define MF_APART 1
#define MF_RUN(taps) (taps)
#define MF_BEYOND(stride) (3 * (stride))

static inline void mf_spread(const int8_t *x, int32_t step, int32_t count, int32_t lanes,
                             int32_t size, mf_number *to)
{
    (void)lanes;
    (void)size;
    for (; count > 0; count--) {
        *to++ = *x;
        x += step;
    }
}

/* What a depthwise kernel multiplies: `runs` of `taps` neighbors, one run `hop` numbers after the
 * other; the windows of pixels are `step` numbers apart. */
typedef struct {
    const mf_number *weight;
    int32_t runs, taps, hop, step;
    int32_t weights, size; /* of one channel, and of its plane */
} mf_stencil;

static inline mf_stencil mf_stencil_of(const mf_number *weight, int32_t runs, int32_t taps,
                                       int32_t hop, int32_t step, int32_t size)
{
    const mf_stencil of = {weight, runs, taps, hop, step, runs * taps, size};
    return of;
}

static inline void mf_next_channel(mf_stencil *of) { of->weight += of->weights; }

/* Sums of four pixels of one channel. */
static inline void mf_stencil_4(const mf_stencil *of, const mf_number *x, int32_t bias,
                                int32_t sums[4])
{
    const int32_t step = of->step;
    const mf_number *w = of->weight;
    int32_t a = bias, b = bias, c = bias, d = bias;
    for (int32_t run = 0; run < of->runs; run++) {
        const mf_number *value = x + run * of->hop, *end = w + of->taps;
        while (w != end) {
            const int32_t weight = *w++;
            a += value[0] * weight;
            b += value[step] * weight;
            c += value[2 * step] * weight;
            d += value[3 * step] * weight;
            value++;
        }
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

#include "motefit_dot_scalar.h"

#endif
