/* Fixed-point arithmetic of TensorFlow Lite's builtin kernels: int32 times a real multiplier.
 *
 * A multiplier is mantissa * 2^(exponent - 31), with the mantissa in [2^30, 2^31). The result is
 * rounded twice; halves of the second rounding go up, or away from zero, as the kernel in question
 * does. Right shifts of negative numbers are arithmetic in every compiler this is meant for.
 */
#ifndef MOTEFIT_FIXED_H
#define MOTEFIT_FIXED_H

#include <stdint.h>

typedef struct {
    int32_t mantissa;
    int32_t exponent; /* positive: shifts left before the product; negative: right after it */
} mf_multiplier;

static inline int32_t mf_min(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int32_t mf_max(int32_t a, int32_t b) { return a > b ? a : b; }

static inline int32_t mf_clamp(int32_t x, int32_t low, int32_t high)
{
    return mf_min(mf_max(x, low), high);
}

/* Limits to int8. */
static inline int32_t mf_saturate(int32_t x)
{
#if defined(__ARM_FEATURE_SAT) && __ARM_FEATURE_SAT
    __asm__("ssat %0, #8, %0" : "+r"(x));
    return x;
#else
    return mf_clamp(x, INT8_MIN, INT8_MAX);
#endif
}

/* Wraps around, as the kernels do. */
static inline int32_t mf_shift_left(int32_t x, int32_t bits)
{
    return (int32_t)((uint32_t)x << bits);
}

/* x * mantissa / 2^31 to nearest, halves up. */
static inline int32_t mf_high_multiply(int32_t x, int32_t mantissa)
{
    return (int32_t)(((int64_t)x * mantissa + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^bits to nearest, halves up; bits 0 to 31. */
static inline int32_t mf_halves_up(int32_t x, int32_t bits)
{
    return bits == 0 ? x : ((x >> (bits - 1)) + 1) >> 1;
}

/* x / 2^bits to nearest, halves away from zero; bits 0 to 31. */
static inline int32_t mf_halves_away(int32_t x, int32_t bits)
{
    return bits == 0 ? x : (((x - (x < 0)) >> (bits - 1)) + 1) >> 1;
}

/* twice * mantissa / 2^32 to nearest, halves up. */
static inline int32_t mf_high_multiply_twice(int32_t twice, int32_t mantissa)
{
#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__ARM_ARCH_PROFILE) && \
    __ARM_ARCH_PROFILE == 'M'
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(twice), "r"(mantissa));
    return high;
#else
    return (int32_t)(((int64_t)twice * mantissa + ((int64_t)1 << 31)) >> 32);
#endif
}

/* sum * mantissa / 2^31 to nearest, halves up, for sums whose size is below 2^30. */
static inline int32_t mf_high_multiply_sum(int32_t sum, int32_t mantissa)
{
    return mf_high_multiply_twice(sum * 2, mantissa);
}

static inline int32_t mf_multiply_up(int32_t x, mf_multiplier by)
{
    if (by.exponent > 0) {
        return mf_high_multiply(mf_shift_left(x, by.exponent), by.mantissa);
    }
    return mf_halves_up(mf_high_multiply(x, by.mantissa), -by.exponent);
}

static inline int32_t mf_multiply_away(int32_t x, mf_multiplier by)
{
    if (by.exponent > 0) {
        return mf_high_multiply(mf_shift_left(x, by.exponent), by.mantissa);
    }
    return mf_halves_away(mf_high_multiply(x, by.mantissa), -by.exponent);
}

#endif
