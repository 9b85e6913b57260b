/* The DSP extension of Cortex-M4, M7, M33: two products of 16 bits in one instruction. */
#ifndef MOTEFIT_DOT_DSP_H
#define MOTEFIT_DOT_DSP_H

#include <stdint.h>
#include <string.h>

#include "motefit_kernels.h"

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

/* Products of four numbers with four weights. */
#define MF_FOUR                      \
    "ldr %[p], [%[x]], #4\n"         \
    "ldr %[q], [%[w]], #4\n"         \
    "sxtb16 %[r], %[p]\n"            \
    "sxtb16 %[s], %[q]\n"            \
    "sxtb16 %[p], %[p], ror #8\n"    \
    "sxtb16 %[q], %[q], ror #8\n"    \
    "smlad %[a], %[r], %[s], %[a]\n" \
    "smlad %[a], %[p], %[q], %[a]\n"

#define MF_FOUR_OPERANDS                                                                   \
    [a] "+r"(sum), [x] "+r"(x), [w] "+r"(w), [p] "=&r"(p), [q] "=&r"(q), [r] "=&r"(r),     \
        [s] "=&r"(s)

static inline int32_t mf_dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    uint32_t p, q, r, s;
    for (; n >= 8; n -= 8) {
        __asm__ volatile(MF_FOUR MF_FOUR : MF_FOUR_OPERANDS : : "memory");
    }
    for (; n >= 4; n -= 4) {
        __asm__ volatile(MF_FOUR : MF_FOUR_OPERANDS : : "memory");
    }
    for (; n > 0; n--) {
        sum += *x++ * *w++;
    }
    return sum;
}

/* Four columns as pairs of int16: of four numbers of the first column bytes 0 and 2, then 1 and 3,
 * then those of the second one, ...; what is left of the columns follows, one number in a word. */
typedef struct {
    const uint32_t *packed;
} mf_columns;

/* Where a column may be gathered before it is packed. */
static inline int8_t *mf_gathered(uint32_t *scratch, int32_t depth, int32_t i)
{
    (void)i;
    return (int8_t *)(scratch + depth / 4 * 8 + depth % 4 * 4);
}

static inline void mf_pack(mf_columns *columns, int32_t i, const int8_t *x, int32_t depth,
                           uint32_t *scratch)
{
    uint32_t *to = scratch + 2 * i;
    columns->packed = scratch;
    for (; depth >= 4; depth -= 4) {
        const uint32_t values = mf_load_4(x);
        to[0] = mf_even(values);
        to[1] = mf_odd(values);
        x += 4;
        to += 8;
    }
    to -= i;
    for (; depth > 0; depth--) {
        *to = (uint32_t)*x++;
        to += 4;
    }
}

/* Products of four numbers of each column with four weights. */
#define MF_STEP                          \
    "ldr %[e], [%[w]], #4\n"             \
    "sxtb16 %[o], %[e], ror #8\n"        \
    "sxtb16 %[e], %[e]\n"                \
    "ldmia %[x]!, {r4, r5, r6, r8}\n"    \
    "smlad %[a], r4, %[e], %[a]\n"       \
    "smlad %[b], r6, %[e], %[b]\n"       \
    "smlad %[a], r5, %[o], %[a]\n"       \
    "smlad %[b], r8, %[o], %[b]\n"       \
    "ldmia %[x]!, {r4, r5, r6, r8}\n"    \
    "smlad %[c], r4, %[e], %[c]\n"       \
    "smlad %[d], r6, %[e], %[d]\n"       \
    "smlad %[c], r5, %[o], %[c]\n"       \
    "smlad %[d], r8, %[o], %[d]\n"

/* Sums of four columns with one row of weights. */
static inline void mf_dot_4(const mf_columns *columns, const int8_t *w, int32_t depth,
                            int32_t bias, int32_t sums[4])
{
    const uint32_t *x = columns->packed;
    int32_t a = bias, b = bias, c = bias, d = bias;
    int32_t even, odd;
    const uint32_t *end = x + depth / 16 * 32;
    while (x != end) {
        __asm__ volatile(MF_STEP MF_STEP MF_STEP MF_STEP
                         : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
                           [w] "+r"(w), [e] "=&r"(even), [o] "=&r"(odd)
                         :
                         : "r4", "r5", "r6", "r8", "memory");
    }
    end = columns->packed + depth / 4 * 8;
    while (x != end) {
        __asm__ volatile(MF_STEP
                         : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
                           [w] "+r"(w), [e] "=&r"(even), [o] "=&r"(odd)
                         :
                         : "r4", "r5", "r6", "r8", "memory");
    }
    for (depth %= 4; depth > 0; depth--) {
        const int32_t weight = *w++;
        a += (int32_t)x[0] * weight;
        b += (int32_t)x[1] * weight;
        c += (int32_t)x[2] * weight;
        d += (int32_t)x[3] * weight;
        x += 4;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* One tap of four channels. */
#define MF_TAP                                   \
    "ldrd %[p], %[q], [%[tap]], #8\n"            \
    "ldr %[p], [%[x], %[p]]\n"                   \
    "ldr %[q], [%[w], %[q]]\n"                   \
    "sxtab16 %[r], %[offsets], %[p]\n"           \
    "sxtb16 %[s], %[q]\n"                        \
    "sxtab16 %[p], %[offsets], %[p], ror #8\n"   \
    "sxtb16 %[q], %[q], ror #8\n"                \
    "smlabb %[a], %[r], %[s], %[a]\n"            \
    "smlatt %[c], %[r], %[s], %[c]\n"            \
    "smlabb %[b], %[p], %[q], %[b]\n"            \
    "smlatt %[d], %[p], %[q], %[d]\n"

#define MF_TAP_OPERANDS                                                                        \
    [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [tap] "+r"(tap), [p] "=&r"(p),         \
        [q] "=&r"(q), [r] "=&r"(r), [s] "=&r"(s)

/* Sums of (x + offset) w of four channels over all taps, and their biases. */
static inline void mf_taps_4(const int8_t *x, const int8_t *w, const mf_tap *tap,
                             const mf_tap *end, int32_t offset, const int32_t bias[4],
                             int32_t sums[4])
{
    const uint32_t offsets = ((uint32_t)offset & 0xffffu) * 0x10001u;
    int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    uint32_t p, q, r, s;
    if ((end - tap) % 2 != 0) {
        __asm__ volatile(MF_TAP
                         : MF_TAP_OPERANDS
                         : [x] "r"(x), [w] "r"(w), [offsets] "r"(offsets)
                         : "memory");
    }
    while (tap != end) {
        __asm__ volatile(MF_TAP MF_TAP
                         : MF_TAP_OPERANDS
                         : [x] "r"(x), [w] "r"(w), [offsets] "r"(offsets)
                         : "memory");
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

#include "motefit_dot_scalar.h"

#endif
