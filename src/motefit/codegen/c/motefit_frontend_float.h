/* Arithmetic of the front end in float32. */
#ifndef MOTEFIT_FRONTEND_FLOAT_H
#define MOTEFIT_FRONTEND_FLOAT_H

#include <math.h>

#include "motefit_frontend.h"

typedef struct {
    float re, im;
} complex_number;

static inline complex_number product(complex_number a, complex_number b)
{
    const complex_number c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

static inline float half_sum(float a, float b) { return 0.5f * (a + b); }

static inline float half_difference(float a, float b) { return 0.5f * (a - b); }

static inline int32_t headroom(const int16_t *samples, int32_t count)
{
    (void)samples;
    (void)count;
    return 0;
}

static inline float weighted(const mf_frontend *f, int32_t sample, float weight)
{
    (void)f;
    return (float)sample * (1.0f / 32768.0f) * weight;
}

static inline float magnitude(const mf_frontend *f, complex_number x)
{
    (void)f;
    return sqrtf(x.re * x.re + x.im * x.im);
}

static inline float lowered(float number, int32_t room)
{
    (void)room;
    return number;
}

/* Sum of products, offset and logarithm of one output of a stage. */
static inline float stage_output(const mf_frontend *f, const mf_stage *stage, const float *in,
                                 const float *weight, int32_t count, int32_t room)
{
    (void)f;
    (void)room;
    float sum = 0.0f;
    for (int32_t i = 0; i < count; i++) {
        sum += in[i] * weight[i];
    }
    sum += stage->offset;
    return stage->logarithm ? logf(sum) : sum;
}

static inline float normalized(const mf_frontend *f, float number, int32_t column)
{
    return (number - f->mean[column]) / f->deviation[column];
}

#endif
