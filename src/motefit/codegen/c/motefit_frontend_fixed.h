/* Arithmetic of the front end in fixed point: 32-bit numbers, 64-bit sums, tables for the square
 * root and the logarithm. Only the normalized features, at the end, are float32.
 */
#ifndef MOTEFIT_FRONTEND_FIXED_H
#define MOTEFIT_FRONTEND_FIXED_H

#include "motefit_frontend.h"

typedef struct {
    int32_t re, im;
} complex_number;

/* Twiddle factors have 30 binary digits after the point. */
static inline int32_t scaled_back(int64_t sum)
{
    return (int32_t)((sum + ((int64_t)1 << 29)) >> 30);
}

static inline complex_number product(complex_number a, complex_number b)
{
    const complex_number c = {scaled_back((int64_t)a.re * b.re - (int64_t)a.im * b.im),
                              scaled_back((int64_t)a.re * b.im + (int64_t)a.im * b.re)};
    return c;
}

static inline int32_t half_sum(int32_t a, int32_t b) { return (int32_t)(((int64_t)a + b) >> 1); }

static inline int32_t half_difference(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a - b) >> 1);
}

/* Binary digits by which a frame can be made louder. */
static inline int32_t headroom(const int16_t *samples, int32_t count)
{
    uint32_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t sample = samples[i];
        used |= (uint32_t)(sample < 0 ? ~sample : sample);
    }
    int32_t room = 0;
    while (room < 14 && used < 1u << 14) {
        used <<= 1;
        room++;
    }
    return room;
}

/* The product has 30 digits after the point; so many are dropped that the DFT cannot overflow. */
static inline int32_t weighted(const mf_frontend *f, int32_t sample, uint16_t weight)
{
    return (sample * weight + (1 << (f->dropped - 1))) >> f->dropped;
}

/* Binary digits of a number above 0. */
static inline int32_t digits(uint64_t x)
{
#if defined(__GNUC__)
    const uint32_t high = (uint32_t)(x >> 32);
    return high != 0 ? 64 - __builtin_clz(high) : 32 - __builtin_clz((uint32_t)x);
#else
    int32_t count = 0;
    for (; x != 0; x >>= 1) {
        count++;
    }
    return count;
#endif
}

/* Between two entries of a table, at `rest` of 65536 on the way; in 65536ths of an entry. */
static inline uint32_t between(const uint16_t *entry, uint32_t rest)
{
    return ((uint32_t)entry[0] << 16) + (uint32_t)(entry[1] - entry[0]) * rest;
}

static inline int32_t magnitude(const mf_frontend *f, complex_number x)
{
    const uint64_t power = (uint64_t)((int64_t)x.re * x.re) + (uint64_t)((int64_t)x.im * x.im);
    if (power == 0) {
        return 0;
    }
    const int32_t shift = (digits(power) - 31) & ~1; /* leaves 31 or 32 digits */
    const uint32_t top = (uint32_t)(shift < 0 ? power << -shift : power >> shift);
    const uint32_t root = between(f->square_roots + (top >> 24) - 64, top >> 8 & 0xffffu);
    return (int32_t)(root >> (16 - shift / 2));
}

/* Binary logarithm of a number above 0, with 16 digits after the point. */
static inline int32_t logarithm(const mf_frontend *f, uint64_t x)
{
    const int32_t whole = digits(x) - 1;
    const uint32_t top = (uint32_t)(whole > 31 ? x >> (whole - 31) : x << (31 - whole));
    const uint32_t part = between(f->logarithms + (top >> 24) - 128, top >> 8 & 0xffffu);
    return whole * 65536 + (int32_t)((part + 0x8000u) >> 16);
}

static inline int32_t lowered(int32_t number, int32_t room) { return number >> room; }

/* Sum of products, offset and logarithm of one output of a stage. */
static inline int32_t stage_output(const mf_frontend *f, const mf_stage *stage, const int32_t *in,
                                   const int16_t *weight, int32_t count, int32_t room)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (int64_t)in[i] * weight[i];
    }
    sum = (sum >> room) + stage->offset;
    if (stage->logarithm) {
        return logarithm(f, sum > 0 ? (uint64_t)sum : 1) - stage->shift * 65536;
    }
    return (int32_t)((sum + (((int64_t)1 << stage->shift) >> 1)) >> stage->shift);
}

static inline float normalized(const mf_frontend *f, int32_t number, int32_t column)
{
    return (float)(number - f->mean[column]) * f->factor[column];
}

#endif
