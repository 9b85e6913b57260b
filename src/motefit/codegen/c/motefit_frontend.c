#include "motefit_frontend.h"

#include <string.h>

#if MF_FIXED
#include "motefit_frontend_fixed.h"
#else
#include "motefit_frontend_float.h"
#endif

static complex_number root_of_unity(const mf_frontend *f, int32_t k)
{
    const int32_t flipped = k >= f->roots;
    const mf_twiddle *entry = f->twiddles + 2 * (flipped ? k - f->roots : k);
    const complex_number root = {flipped ? -entry[0] : entry[0], flipped ? -entry[1] : entry[1]};
    return root;
}

/* Sample i, made louder by `gain`, times its weight. */
static mf_number windowed(const mf_frontend *f, const int16_t *samples, int32_t available, int32_t i,
                          int32_t gain)
{
    if (i >= available) {
        return 0;
    }
    const int32_t mirrored = f->window_period - i;
    return weighted(f, samples[i] * gain, f->window[i < mirrored ? i : mirrored]);
}

/* Writes the windowed frame as complex numbers in the order in which the DFT starts. */
static void load(const mf_frontend *f, const int16_t *samples, int32_t available,
                 int32_t gain, complex_number *z)
{
    const int even = f->points != f->frame_length;
    int32_t digits[MF_MOST_FACTORS] = {0};
    int32_t place = 0;
    for (int32_t i = 0; i < f->points; i++) {
        if (even) {
            z[place].re = windowed(f, samples, available, 2 * i, gain);
            z[place].im = windowed(f, samples, available, 2 * i + 1, gain);
        } else {
            z[place].re = windowed(f, samples, available, i, gain);
            z[place].im = 0;
        }
        int32_t span = f->points;
        for (int32_t k = 0; k < f->factor_count; k++) {
            const int32_t radix = f->factors[k];
            span /= radix;
            place += span;
            if (++digits[k] < radix) {
                break;
            }
            digits[k] = 0;
            place -= radix * span;
        }
    }
}

static void butterfly_4(complex_number *z, int32_t step)
{
    const complex_number a = z[0], b = z[step], c = z[2 * step], d = z[3 * step];
    const complex_number sum = {a.re + c.re, a.im + c.im}, gap = {a.re - c.re, a.im - c.im};
    const complex_number other = {b.re + d.re, b.im + d.im}, turn = {b.im - d.im, d.re - b.re};
    z[0].re = sum.re + other.re;
    z[0].im = sum.im + other.im;
    z[step].re = gap.re + turn.re;
    z[step].im = gap.im + turn.im;
    z[2 * step].re = sum.re - other.re;
    z[2 * step].im = sum.im - other.im;
    z[3 * step].re = gap.re - turn.re;
    z[3 * step].im = gap.im - turn.im;
}

/* A DFT of any radix by its definition. */
static void butterfly(const mf_frontend *f, complex_number *z, int32_t step, int32_t radix)
{
    const int32_t turn = f->frame_length / radix;
    complex_number in[MF_LARGEST_RADIX];
    for (int32_t j = 0; j < radix; j++) {
        in[j] = z[j * step];
    }
    for (int32_t i = 0; i < radix; i++) {
        complex_number sum = in[0];
        int32_t angle = 0;
        for (int32_t j = 1; j < radix; j++) {
            angle = angle + i < radix ? angle + i : angle + i - radix;
            const complex_number part = product(in[j], root_of_unity(f, angle * turn));
            sum.re += part.re;
            sum.im += part.im;
        }
        z[i * step] = sum;
    }
}

/* Complex DFT in place, decimation in time, of any length with small factors. */
static void transform(const mf_frontend *f, complex_number *z)
{
    int32_t length = 1;
    for (int32_t stage = f->factor_count - 1; stage >= 0; stage--) {
        const int32_t radix = f->factors[stage];
        const int32_t turn = f->frame_length / (length * radix);
        for (int32_t k = 0; k < length; k++) {
            complex_number by[MF_LARGEST_RADIX];
            for (int32_t j = 1; j < radix; j++) {
                by[j] = root_of_unity(f, j * k * turn);
            }
            for (int32_t start = k; start < f->points; start += length * radix) {
                complex_number *first = z + start;
                for (int32_t j = 1; k > 0 && j < radix; j++) {
                    first[j * length] = product(first[j * length], by[j]);
                }
                if (radix == 4) {
                    butterfly_4(first, length);
                } else {
                    butterfly(f, first, length, radix);
                }
            }
        }
        length *= radix;
    }
}

/* Bin k of the real signal whose even and odd samples were the DFT's real and imaginary parts. */
static mf_number bin_of_halves(const mf_frontend *f, const complex_number *z, int32_t k)
{
    const complex_number a = z[k % f->points], b = z[(f->points - k) % f->points];
    const complex_number even = {half_sum(a.re, b.re), half_difference(a.im, b.im)};
    const complex_number odd = {half_sum(a.im, b.im), half_difference(b.re, a.re)};
    const complex_number turned = product(odd, root_of_unity(f, k));
    const complex_number bin = {even.re + turned.re, even.im + turned.im};
    return magnitude(f, bin);
}

/* Replaces the DFT by the magnitudes of the wanted bins, from the start of the memory. */
static void magnitudes(const mf_frontend *f, complex_number *z)
{
    mf_number *out = &z[0].re;
    const int32_t stop = f->first_bin + f->bins, points = f->points;
    if (points == f->frame_length) {
        for (int32_t k = f->first_bin; k < stop; k++) {
            out[k - f->first_bin] = magnitude(f, z[k]);
        }
        return;
    }
    /* bins k and points - k need the same two numbers, and then take their places */
    const mf_number last = bin_of_halves(f, z, points);
    z[0].re = bin_of_halves(f, z, 0);
    for (int32_t k = 1; 2 * k <= points; k++) {
        const mf_number low = bin_of_halves(f, z, k), high = bin_of_halves(f, z, points - k);
        z[k].re = low;
        z[points - k].re = high;
    }
    for (int32_t k = f->first_bin; k < stop && k < points; k++) {
        out[k - f->first_bin] = z[k].re;
    }
    if (stop > points) {
        out[points - f->first_bin] = last;
    }
}

static void apply(const mf_frontend *f, const mf_stage *stage, const mf_number *in, int32_t room,
                  mf_number *out)
{
    const mf_stage_weight *weight = stage->weight;
    for (int32_t i = 0; i < stage->outputs; i++) {
        out[i] = stage_output(f, stage, in + stage->first[i], weight, stage->count[i], room);
        weight += stage->count[i];
    }
}

const float *mf_frame(const mf_frontend *f, const int16_t *samples, int32_t available, float *work)
{
    complex_number *z = (complex_number *)(void *)work;
    const int32_t room = headroom(samples, available); /* quiet frames are computed louder */
    load(f, samples, available, 1 << room, z);
    transform(f, z);
    magnitudes(f, z);
    mf_number *numbers = (mf_number *)(void *)work;
    for (int32_t i = 0; i < f->stage_count; i++) {
        apply(f, &f->stages[i], numbers, i == 0 ? room : 0, numbers + f->stages[i].inputs);
        numbers += f->stages[i].inputs;
    }
    for (int32_t i = 0; i < f->features; i++) {
        numbers[i] = f->stage_count == 0 ? lowered(numbers[i], room) : numbers[i];
        const float feature = normalized(f, numbers[i], i * f->normalization_step);
        memcpy(numbers + i, &feature, sizeof feature);
    }
    return (const float *)(const void *)numbers;
}
