/* The DSP extension of Cortex-M4, M7, M33: two products of 16 bits in one instruction. */
#ifndef MOTEFIT_DOT_DSP_H
#define MOTEFIT_DOT_DSP_H

#include <stdint.h>
#include <string.h>

static inline uint32_t mf_load_4(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

/* Bytes 0 and 2 as two int16. */
static inline uint32_t mf_even(uint32_t x)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
}

/* Bytes 1 and 3 as two int16. */
static inline uint32_t mf_odd(uint32_t x)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
}

/* Adds two int16 to bytes 0 and 2. */
static inline uint32_t mf_even_plus(uint32_t offsets, uint32_t x)
{
    uint32_t y;
    __asm__("sxtab16 %0, %1, %2" : "=r"(y) : "r"(offsets), "r"(x));
    return y;
}

/* Adds two int16 to bytes 1 and 3. */
static inline uint32_t mf_odd_plus(uint32_t offsets, uint32_t x)
{
    uint32_t y;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(y) : "r"(offsets), "r"(x));
    return y;
}

static inline int32_t mf_smlad(uint32_t x, uint32_t w, int32_t sum)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(x), "r"(w));
    return sum;
}

static inline int32_t mf_smlabb(uint32_t x, uint32_t w, int32_t sum)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(x), "r"(w));
    return sum;
}

static inline int32_t mf_smlatt(uint32_t x, uint32_t w, int32_t sum)
{
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(x), "r"(w));
    return sum;
}

static inline int32_t mf_dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (; n >= 4; n -= 4) {
        const uint32_t values = mf_load_4(x), weights = mf_load_4(w);
        sum = mf_smlad(mf_even(values), mf_even(weights), sum);
        sum = mf_smlad(mf_odd(values), mf_odd(weights), sum);
        x += 4;
        w += 4;
    }
    for (; n > 0; n--) {
        sum += *x++ * *w++;
    }
    return sum;
}

/* Two columns as pairs of int16: bytes 0 and 2, then 1 and 3, of four numbers of the first column,
 * then of the second one; what is left of both columns follows, one number in a word. */
typedef const uint32_t *mf_columns;

static inline mf_columns mf_pack(const int8_t *x0, const int8_t *x1, int32_t n, uint32_t *packed)
{
    uint32_t *to = packed;
    for (; n >= 4; n -= 4) {
        const uint32_t first = mf_load_4(x0), second = mf_load_4(x1);
        to[0] = mf_even(first);
        to[1] = mf_odd(first);
        to[2] = mf_even(second);
        to[3] = mf_odd(second);
        x0 += 4;
        x1 += 4;
        to += 4;
    }
    for (; n > 0; n--) {
        *to++ = (uint32_t)*x0++;
        *to++ = (uint32_t)*x1++;
    }
    return packed;
}

/* Sums of two columns with two rows: x0 w0, x0 w1, x1 w0, x1 w1. */
static inline void mf_dot_2x2(mf_columns x, const int8_t *w0, const int8_t *w1, int32_t n,
                              int32_t sums[4])
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    const mf_columns end = x + n / 4 * 4;
    while (x != end) {
        const uint32_t even0 = x[0], odd0 = x[1], even1 = x[2], odd1 = x[3];
        uint32_t weights = mf_load_4(w0);
        uint32_t even = mf_even(weights), odd = mf_odd(weights);
        a = mf_smlad(odd0, odd, mf_smlad(even0, even, a));
        c = mf_smlad(odd1, odd, mf_smlad(even1, even, c));
        weights = mf_load_4(w1);
        even = mf_even(weights);
        odd = mf_odd(weights);
        b = mf_smlad(odd0, odd, mf_smlad(even0, even, b));
        d = mf_smlad(odd1, odd, mf_smlad(even1, even, d));
        x += 4;
        w0 += 4;
        w1 += 4;
    }
    for (n %= 4; n > 0; n--) {
        const int32_t first = (int32_t)x[0], second = (int32_t)x[1];
        a += first * *w0;
        b += first * *w1;
        c += second * *w0++;
        d += second * *w1++;
        x += 2;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Adds (x + offset) w of four channels to their sums. */
static inline void mf_multiply_4(const int8_t *x, const int8_t *w, int32_t offset, int32_t sums[4])
{
    const uint32_t offsets = ((uint32_t)offset & 0xffffu) * 0x10001u;
    const uint32_t values = mf_load_4(x), weights = mf_load_4(w);
    const uint32_t x_even = mf_even_plus(offsets, values), x_odd = mf_odd_plus(offsets, values);
    const uint32_t w_even = mf_even(weights), w_odd = mf_odd(weights);
    sums[0] = mf_smlabb(x_even, w_even, sums[0]);
    sums[1] = mf_smlabb(x_odd, w_odd, sums[1]);
    sums[2] = mf_smlatt(x_even, w_even, sums[2]);
    sums[3] = mf_smlatt(x_odd, w_odd, sums[3]);
}

#endif
