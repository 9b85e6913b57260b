/* Integer LSTM with gemmlowp's logistic function and hyperbolic tangent of int16 numbers. */
#include <stddef.h>

#include "motefit_dot.h"
#include "motefit_kernels.h"

#define ONE 32767

static int32_t clamp_16(int32_t x) { return mf_clamp(x, INT16_MIN, INT16_MAX); }

/* Product of fractions: halves up, saturating. */
static int32_t times(int32_t a, int32_t b) { return mf_min((a * b + (1 << 14)) >> 15, ONE); }

static int32_t times_power(int32_t a, int32_t exponent)
{
    return exponent < 0 ? mf_halves_away(a, -exponent) : clamp_16(mf_shift_left(a, exponent));
}

/* exp on [-1/4, 0) by its Taylor polynomial about -1/8, without integer bits. */
static int32_t exponential_of_quarter(int32_t a)
{
    const int32_t constant = 28918, third = 10923; /* exp(-1/8), 1/3 */
    const int32_t x = a + (1 << 12);
    const int32_t square = times(x, x);
    const int32_t cube = times(square, x), fourth = times(square, square);
    const int32_t tail =
        times_power(times(times_power(fourth, -2) + cube, third) + square, -1);
    return clamp_16(constant + times(x + tail, constant));
}

/* The exponential of a number that is not positive, without integer bits. */
static int32_t exponential(int32_t a, int32_t integer_bits)
{
    /* exp(-1/4), exp(-1/2), exp(-1), ... exp(-16) */
    static const int16_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
    const int32_t fractional_bits = 15 - integer_bits;
    const int32_t quarter = 1 << (fractional_bits - 2);
    const int32_t part = (a & (quarter - 1)) - quarter;
    const int32_t remainder = part - a;
    int32_t result = exponential_of_quarter(times_power(part, integer_bits));
    if (a == 0) {
        return ONE;
    }
    for (int32_t exponent = -2; exponent < mf_min(integer_bits, 5); exponent++) {
        if (remainder & (1 << (fractional_bits + exponent))) {
            result = times(result, factors[exponent + 2]);
        }
    }
    return integer_bits > 5 && a < -(1 << (fractional_bits + 5)) ? 0 : result;
}

/* 2 / (1 + a) of a fraction in [0, 1], with 2 integer bits. */
static int32_t reciprocal(int32_t a)
{
    const int32_t half = (a + ONE + 1) >> 1;
    int32_t x = 23130 + times(half, -15420); /* 48/17 - 32/17 half */
    for (int32_t i = 0; i < 3; i++) {
        x += times_power(times(x, (1 << 13) - times(half, x)), 2);
    }
    return x;
}

/* 1 / (1 + exp(-x)), x with 3 integer bits. */
static int32_t logistic(int32_t x)
{
    if (x == 0) {
        return 1 << 14;
    }
    const int32_t positive = times_power(reciprocal(exponential(x < 0 ? x : -x, 3)), 1);
    return x > 0 ? positive : ONE - positive;
}

/* tanh(x), x with the given integer bits. */
static int32_t hyperbolic_tangent(int32_t x, int32_t integer_bits)
{
    if (x == 0) {
        return 0;
    }
    const int32_t twice = exponential(x < 0 ? x : -x, integer_bits + 1);
    const int32_t size = times_power(reciprocal(twice) - (1 << 13), 2);
    return x < 0 ? -size : size;
}

static int32_t gate(const mf_lstm_layer *layer, int32_t kind, int32_t unit, const int8_t *x,
                    const int8_t *hidden)
{
    const int32_t row = kind * layer->units + unit;
    const int32_t sum = layer->bias[row] + mf_dot(x, layer->weight + row * layer->inputs,
                                                  layer->inputs);
    int32_t value = clamp_16(mf_multiply_away(sum, layer->gate[kind]));
    if (hidden != NULL) {
        const int8_t *weights = layer->recurrent + row * layer->units;
        const int32_t back = layer->recurrent_bias[row] + mf_dot(hidden, weights, layer->units);
        value += mf_multiply_away(back, layer->recurrent_gate[kind]);
    }
    return clamp_16(value);
}

void mf_lstm(const mf_lstm_layer *layer, const int8_t *x, int16_t *cells, int8_t *out)
{
    const int8_t *hidden = NULL; /* zeros */
    for (int32_t unit = 0; unit < layer->units; unit++) {
        cells[unit] = 0;
    }
    for (int32_t step = 0; step < layer->steps; step++) {
        for (int32_t unit = 0; unit < layer->units; unit++) {
            const int32_t enter = logistic(gate(layer, 0, unit, x, hidden));
            const int32_t forget = logistic(gate(layer, 1, unit, x, hidden));
            const int32_t added = hyperbolic_tangent(gate(layer, 2, unit, x, hidden), 3);
            const int32_t leave = logistic(gate(layer, 3, unit, x, hidden));
            const int32_t cell = clamp_16(mf_halves_away(forget * cells[unit], 15) +
                                          mf_halves_away(enter * added, layer->cell_shift));
            const int32_t shown = leave * hyperbolic_tangent(cell, layer->cell_integer_bits);
            const int32_t value = mf_multiply_away(shown, layer->hidden);
            cells[unit] = (int16_t)cell;
            out[unit] = (int8_t)mf_clamp(value + layer->hidden_zero_point, INT8_MIN, INT8_MAX);
        }
        hidden = out;
        out += layer->units;
        x += layer->inputs;
    }
}
