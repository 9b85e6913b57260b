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

#define MF_PACK_COPIES 1 /* whether mf_pack copies a column */

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
MF_PART static inline void mf_dot_4(const mf_columns *columns, const int8_t *w, int32_t depth,
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

/* Numbers of a plane and of weights: of how many channels, how far apart neighbors are, how many
 * weights are in a run (whole pairs, at least four), and how many numbers may be read beyond a
 * plane, since four pixels are computed at a time. */
typedef int16_t mf_number;
#define MF_LANES 4
#define MF_APART 1
#define MF_RUN(taps) ((taps) < 3 ? 4 : ((taps) + 1) / 2 * 2)
#define MF_BEYOND(stride) (3 * (stride) + 3)

static inline void mf_spread(const int8_t *x, int32_t step, int32_t count, int32_t lanes,
                             int32_t size, mf_number *to)
{
    if (lanes == 4) {
        for (; count > 0; count--) {
            const uint32_t four = mf_load_4(x), even = mf_even(four), odd = mf_odd(four);
            to[0] = (int16_t)even;
            to[size] = (int16_t)odd;
            to[2 * size] = (int16_t)(even >> 16);
            to[3 * size] = (int16_t)(odd >> 16);
            to++;
            x += step;
        }
        return;
    }
    for (int32_t lane = 0; lane < lanes; lane++) {
        for (int32_t i = 0; i < count; i++) {
            to[lane * size + i] = x[lane + i * step];
        }
    }
}

/* What a depthwise kernel multiplies: runs of neighbors, each of some fours of them and perhaps two
 * more, one run `hop` numbers after the other; the windows of pixels are `step` numbers apart. */
typedef struct {
    const mf_number *weight, *end;
    int32_t fours, two, hop, step;
    int32_t next; /* bytes from where a run's fours end to the next run */
    int32_t size; /* of a plane */
} mf_stencil;

static inline mf_stencil mf_stencil_of(const mf_number *weight, int32_t runs, int32_t taps,
                                       int32_t hop, int32_t step, int32_t size)
{
    const int32_t run = MF_RUN(taps);
    const mf_stencil of = {weight, weight + runs * run, run / 4, run % 4, hop, step,
                           2 * hop - 8 * (run / 4), size};
    return of;
}

static inline void mf_next_channel(mf_stencil *of)
{
    const int32_t weights = (int32_t)(of->end - of->weight);
    of->weight += weights;
    of->end += weights;
}

/* Two taps of pixels whose windows are one number apart: p and q hold pairs of the first two. */
#define MF_TAPS_2                     \
    "ldr %[u], [%[w]], #4\n"          \
    "ldr %[r], [%[x], #4]\n"          \
    "ldr %[s], [%[x], #6]\n"          \
    "smlad %[a], %[p], %[u], %[a]\n"  \
    "smlad %[b], %[q], %[u], %[b]\n"  \
    "smlad %[c], %[r], %[u], %[c]\n"  \
    "smlad %[d], %[s], %[u], %[d]\n"

/* Four taps of them; the pairs of the last two pixels become those of the first two. */
#define MF_TAPS_4                     \
    MF_TAPS_2                         \
    "ldr %[u], [%[w]], #4\n"          \
    "ldr %[p], [%[x], #8]!\n"         \
    "ldr %[q], [%[x], #2]\n"          \
    "smlad %[a], %[r], %[u], %[a]\n"  \
    "smlad %[b], %[s], %[u], %[b]\n"  \
    "smlad %[c], %[p], %[u], %[c]\n"  \
    "smlad %[d], %[q], %[u], %[d]\n"

/* All runs; `rest` is what follows the fours of each. */
#define MF_TAPS(rest)                 \
    "1:\n"                            \
    "ldr %[p], [%[x]]\n"              \
    "ldr %[q], [%[x], #2]\n"          \
    "ldr %[u], %[fours]\n"            \
    "add %[n], %[w], %[u], lsl #3\n"  \
    "2:\n" MF_TAPS_4                  \
    "cmp %[w], %[n]\n"                \
    "bne 2b\n" rest                   \
    "ldr %[n], %[next]\n"             \
    "ldr %[u], %[end]\n"              \
    "add %[x], %[n]\n"                \
    "cmp %[w], %[u]\n"                \
    "bne 1b\n"

#define MF_TAPS_OPERANDS                                                                          \
    : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [p] "=&r"(p), \
      [q] "=&r"(q), [r] "=&r"(r), [s] "=&r"(s), [u] "=&r"(u), [n] "=&r"(n)                        \
    : [fours] "m"(of->fours), [next] "m"(of->next), [end] "m"(of->end)                            \
    : "cc", "memory"

/* Sums of four pixels whose windows are one number apart. */
static inline void mf_neighbors_4(const mf_stencil *of, const mf_number *x, int32_t bias,
                                  int32_t sums[4])
{
    const mf_number *w = of->weight;
    int32_t a = bias, b = bias, c = bias, d = bias;
    uint32_t n, p, q, r, s, u;
    if (of->two) {
        __asm__ volatile(MF_TAPS(MF_TAPS_2) MF_TAPS_OPERANDS);
    } else {
        __asm__ volatile(MF_TAPS("") MF_TAPS_OPERANDS);
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Sums of four pixels whose windows are any numbers apart. */
static inline void mf_strided_4(const mf_stencil *of, const mf_number *x, int32_t bias,
                                int32_t sums[4])
{
    const int32_t step = 2 * of->step;
    const mf_number *w = of->weight;
    int32_t a = bias, b = bias, c = bias, d = bias;
    while (w != of->end) {
        const mf_number *first = x, *last = x + 3 * of->step;
        const mf_number *end = w + 4 * of->fours + of->two;
        uint32_t p, q, u;
        while (w != end) {
            __asm__ volatile("ldr %[u], [%[w]], #4\n"
                             "ldr %[p], [%[x], %[step]]\n"
                             "ldr %[q], [%[x], %[step], lsl #1]\n"
                             "smlad %[b], %[p], %[u], %[b]\n"
                             "smlad %[c], %[q], %[u], %[c]\n"
                             "ldr %[p], [%[x]], #4\n"
                             "ldr %[q], [%[y]], #4\n"
                             "smlad %[a], %[p], %[u], %[a]\n"
                             "smlad %[d], %[q], %[u], %[d]\n"
                             : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(first),
                               [y] "+r"(last), [w] "+r"(w), [p] "=&r"(p), [q] "=&r"(q),
                               [u] "=&r"(u)
                             : [step] "r"(step)
                             : "memory");
        }
        x += of->hop;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Sums of four pixels of one channel. */
static inline void mf_stencil_4(const mf_stencil *of, const mf_number *x, int32_t bias,
                                int32_t sums[4])
{
    if (of->step == 1) {
        mf_neighbors_4(of, x, bias, sums);
    } else {
        mf_strided_4(of, x, bias, sums);
    }
}

#include "motefit_dot_scalar.h"

#endif
