/* What portable C and the DSP extension share: sums become int8 one by one. */
#ifndef MOTEFIT_DOT_SCALAR_H
#define MOTEFIT_DOT_SCALAR_H

#include "motefit_finish.h"

/* Writes the outputs of four pixels in one channel, `step` bytes apart. */
static inline void mf_finish_4(const mf_output *to, mf_finish by, const int32_t sums[4],
                               int32_t step, int8_t *out)
{
    int32_t a = mf_step(sums[0], by), b = mf_step(sums[1], by);
    int32_t c = mf_step(sums[2], by), d = mf_step(sums[3], by);
    if (to->is_narrow) {
        a = mf_clamp(a, to->low, to->high);
        b = mf_clamp(b, to->low, to->high);
        c = mf_clamp(c, to->low, to->high);
        d = mf_clamp(d, to->low, to->high);
    }
    out[0] = (int8_t)a;
    out[step] = (int8_t)b;
    out[2 * step] = (int8_t)c;
    out[3 * step] = (int8_t)d;
}

static inline void mf_fill(mf_number *to, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        to[i] = (mf_number)value;
    }
}

/* A line of pixels in one channel, four at a time. */
MF_ALONE static void mf_line_1(const mf_stencil *stencil, const mf_block *block, int32_t lane,
                               const mf_number *x, int32_t count, int32_t step, int8_t *out)
{
    const mf_stencil of = *stencil;
    const mf_output *to = block->to;
    const mf_finish by = mf_finish_of(to, block->channel + lane);
    const int32_t bias = to->bias[block->channel + lane];
    const int32_t whole = block->is_away || to->is_odd ? INT32_MAX : 4;
    for (; count > 0; count -= 4) {
        int32_t sums[4];
        mf_stencil_4(&of, x, bias, sums);
        if (count < whole) {
            const int32_t some[4] = {sums[0], sums[1], sums[2], sums[3]};
            mf_finish_some(block, lane, some, count, step, out);
        } else {
            mf_finish_4(to, by, sums, step, out);
        }
        x += 4 * of.step;
        out += 4 * step;
    }
}

/* A line of pixels whose windows, and outputs, have the same step. */
static inline void mf_line(const mf_stencil *stencil, const mf_block *block, const mf_number *x,
                           int32_t count, int32_t step, int8_t *out)
{
    mf_stencil of = *stencil;
    for (int32_t lane = 0; lane < block->lanes; lane++) {
        mf_line_1(&of, block, lane, x, count, step, out + lane);
        mf_next_channel(&of);
        x += of.size;
    }
}

static inline void mf_add_all(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                              int32_t count, int is_narrow, int8_t *out)
{
    const mf_binary_layer by = *layer; /* what is written to `out` cannot change a copy */
    const int32_t lift_a = 1 + MF_ADD_SHIFT + by.scale_a.exponent; /* to twice an operand */
    const int32_t lift_b = 1 + MF_ADD_SHIFT + by.scale_b.exponent;
    const int32_t zero_a = by.zero_a * (1 << lift_a), zero_b = by.zero_b * (1 << lift_b);
    const int32_t offset = (1 + 2 * by.zero_point) * (1 << -by.scale.exponent);
    const int8_t *end = a + count;
    while (a != end) {
        const int32_t from_a = mf_shift_left(*a++, lift_a) - zero_a;
        const int32_t from_b = mf_shift_left(*b++, lift_b) - zero_b;
        const int32_t sum = mf_high_multiply_twice(from_a, by.scale_a.mantissa) +
                            mf_high_multiply_twice(from_b, by.scale_b.mantissa);
        int32_t step = mf_high_multiply_twice(2 * sum, by.scale.mantissa);
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
