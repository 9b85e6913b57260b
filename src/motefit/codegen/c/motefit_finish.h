/* How a sum of products becomes int8, one at a time. */
#ifndef MOTEFIT_FINISH_H
#define MOTEFIT_FINISH_H

#include <stdint.h>

#include "motefit_kernels.h"

/* A sum at the output's scale, halves up. */
static inline int32_t mf_scaled_up(int32_t sum, mf_multiplier by)
{
    if (by.exponent >= 0) { /* rare: the output's scale is finer than the products' */
        return mf_multiply_up(sum, by);
    }
    return ((mf_high_multiply_sum(sum, by.mantissa) >> (-1 - by.exponent)) + 1) >> 1;
}

static inline int8_t mf_limited(const mf_output *to, int32_t scaled)
{
    return (int8_t)mf_clamp(scaled + to->zero_point, to->low, to->high);
}

static inline int8_t mf_finish_up(const mf_output *to, int32_t sum, int32_t channel)
{
    return mf_limited(to, mf_scaled_up(sum, to->scale[channel * to->scale_step]));
}

static inline int8_t mf_finish_away(const mf_output *to, int32_t sum, int32_t channel)
{
    return mf_limited(to, mf_multiply_away(sum, to->scale[channel * to->scale_step]));
}

/* How the sums of one channel become int8: twice a sum's product with the mantissa, plus `offset`,
 * falls by `bits`. That is the kernels' second rounding, halves up, and their zero point. */
typedef struct {
    int32_t mantissa, offset, bits;
} mf_finish;

static inline mf_finish mf_finish_of(const mf_output *to, int32_t channel)
{
    const mf_multiplier by = to->scale[channel * to->scale_step];
    const int32_t falls = mf_max(-by.exponent, 0); /* always so in layers that are not odd */
    const mf_finish finish = {by.mantissa, (1 + 2 * to->zero_point) * (1 << falls), 1 + falls};
    return finish;
}

/* Halves away from zero only where the sum falls. */
static inline int32_t mf_step_of_twice(int32_t twice, mf_finish by, int away)
{
    int32_t high = mf_high_multiply_twice(twice, by.mantissa);
    if (away) {
        high += high >> 31;
    }
    return mf_saturate((high * 2 + by.offset) >> by.bits);
}

static inline int32_t mf_step(int32_t sum, mf_finish by)
{
    return mf_step_of_twice(2 * sum, by, 0);
}

static inline void mf_limit_all(int32_t low, int32_t high, int32_t count, int8_t *out)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = (int8_t)mf_clamp(out[i], low, high);
    }
}

/* Channels of a depthwise convolution that are computed at a time. */
typedef struct {
    const mf_output *to;
    int32_t channel, lanes;
    int32_t is_away; /* whether they are channels of LiteRT's scalar code, or its output is odd */
} mf_block;

/* Writes up to four pixels of one of them, `step` bytes apart. */
MF_ALONE static void mf_finish_some(const mf_block *block, int32_t lane, const int32_t *sums,
                                    int32_t count, int32_t step, int8_t *out)
{
    const int32_t channel = block->channel + lane;
    for (int32_t i = 0; i < mf_min(count, 4); i++) {
        *out = block->is_away ? mf_finish_away(block->to, sums[i], channel)
                              : mf_finish_up(block->to, sums[i], channel);
        out += step;
    }
}

#endif
