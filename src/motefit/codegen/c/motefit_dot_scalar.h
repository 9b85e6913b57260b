/* What portable C and the DSP extension share: sums become int8 one by one. */
#ifndef MOTEFIT_DOT_SCALAR_H
#define MOTEFIT_DOT_SCALAR_H

#include "motefit_kernels.h"

/* How the sums of one channel become int8: twice a sum's product with the mantissa, plus `offset`,
 * falls by `bits`. That is the kernels' second rounding, halves up, and their zero point. */
typedef struct {
    int32_t mantissa, offset, bits;
} mf_finish;

static inline mf_finish mf_finish_of(const mf_output *to, mf_multiplier by)
{
    const mf_finish finish = {by.mantissa, (1 + 2 * to->zero_point) * (1 << -by.exponent),
                              1 - by.exponent};
    return finish;
}

static inline int32_t mf_step(int32_t sum, mf_finish by)
{
    return mf_saturate((mf_high_multiply_sum(sum, by.mantissa) * 2 + by.offset) >> by.bits);
}

/* Writes the outputs of four pixels in one channel. */
static inline void mf_finish_4(const mf_output *to, const int32_t sums[4], int32_t channel,
                               const int32_t places[4], int8_t *out)
{
    const mf_finish by = mf_finish_of(to, to->scale[channel * to->scale_step]);
    int32_t a = mf_step(sums[0], by), b = mf_step(sums[1], by);
    int32_t c = mf_step(sums[2], by), d = mf_step(sums[3], by);
    if (to->is_narrow) {
        a = mf_clamp(a, to->low, to->high);
        b = mf_clamp(b, to->low, to->high);
        c = mf_clamp(c, to->low, to->high);
        d = mf_clamp(d, to->low, to->high);
    }
    out[places[0]] = (int8_t)a;
    out[places[1]] = (int8_t)b;
    out[places[2]] = (int8_t)c;
    out[places[3]] = (int8_t)d;
}

/* Writes the outputs of one pixel in four channels. */
static inline void mf_finish_channels(const mf_output *to, const int32_t sums[4], int32_t c,
                                      int8_t *out)
{
    const mf_multiplier *by = to->scale + c * to->scale_step;
    int32_t a = mf_step(sums[0], mf_finish_of(to, *by));
    by += to->scale_step;
    int32_t b = mf_step(sums[1], mf_finish_of(to, *by));
    by += to->scale_step;
    int32_t d = mf_step(sums[2], mf_finish_of(to, *by));
    by += to->scale_step;
    int32_t e = mf_step(sums[3], mf_finish_of(to, *by));
    if (to->is_narrow) {
        a = mf_clamp(a, to->low, to->high);
        b = mf_clamp(b, to->low, to->high);
        d = mf_clamp(d, to->low, to->high);
        e = mf_clamp(e, to->low, to->high);
    }
    out[0] = (int8_t)a;
    out[1] = (int8_t)b;
    out[2] = (int8_t)d;
    out[3] = (int8_t)e;
}

/* Adds the taps of eight channels of one pixel, from channel c on, and writes the outputs. */
static inline void mf_depthwise_8(const mf_output *to, int32_t c, const int8_t *x,
                                  const int8_t *weight, const mf_tap *tap, const mf_tap *end,
                                  int32_t offset, int8_t *out)
{
    for (int32_t stop = c + 8; c < stop; c += 4) {
        int32_t sums[4];
        mf_taps_4(x + c, weight + c, tap, end, offset, to->bias + c, sums);
        mf_finish_channels(to, sums, c, out + c);
    }
}

static inline void mf_add_all(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                              int32_t count, int is_narrow, int8_t *out)
{
    const mf_binary_layer by = *layer; /* what is written to `out` cannot change a copy */
    const int32_t lift_a = MF_ADD_SHIFT + by.scale_a.exponent;
    const int32_t lift_b = MF_ADD_SHIFT + by.scale_b.exponent;
    const int32_t zero_a = by.zero_a * (1 << lift_a), zero_b = by.zero_b * (1 << lift_b);
    const int32_t offset = (1 + 2 * by.zero_point) * (1 << -by.scale.exponent);
    const int8_t *end = a + count;
    while (a != end) {
        const int32_t from_a = mf_shift_left(*a++, lift_a) - zero_a;
        const int32_t from_b = mf_shift_left(*b++, lift_b) - zero_b;
        const int32_t sum = mf_high_multiply_sum(from_a, by.scale_a.mantissa) +
                            mf_high_multiply_sum(from_b, by.scale_b.mantissa);
        int32_t step = mf_high_multiply_sum(sum, by.scale.mantissa);
        step += step >> 31; /* halves away from zero */
        step = mf_saturate((int16_t)((step * 2 + offset) >> (1 - by.scale.exponent)));
        *out++ = (int8_t)(is_narrow ? mf_clamp(step, by.low, by.high) : step);
    }
}

/* Adds numbers as LiteRT's vector code does. Each operand falls before its product, by no more
 * than MF_ADD_SHIFT, so that no digit is lost. */
static inline void mf_add_run(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                              int32_t count, int8_t *out)
{
    if (layer->low > INT8_MIN || layer->high < INT8_MAX) {
        mf_add_all(layer, a, b, count, 1, out);
    } else {
        mf_add_all(layer, a, b, count, 0, out);
    }
}

#endif
