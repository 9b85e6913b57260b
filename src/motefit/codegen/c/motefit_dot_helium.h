/* Helium (MVE) of Cortex-M55 and M85: sixteen products of 8 bits in one instruction. */
#ifndef MOTEFIT_DOT_HELIUM_H
#define MOTEFIT_DOT_HELIUM_H

#include <arm_mve.h>
#include <stdint.h>
#include <string.h>

#include "motefit_finish.h"

static inline int32_t mf_dot(const int8_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (; n > 0; n -= 16) {
        const mve_pred16_t left = vctp8q((uint32_t)n);
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(x, left), vldrbq_z_s8(w, left), left);
        x += 16;
        w += 16;
    }
    return sum;
}

/* Four columns, as mf_dot_4 reads them. */
typedef struct {
    const int8_t *x[4];
} mf_columns;

#define MF_PACK_COPIES 0 /* whether mf_pack copies a column */

/* Where column i may be gathered. */
static inline int8_t *mf_gathered(uint32_t *scratch, int32_t depth, int32_t i)
{
    return (int8_t *)scratch + i * depth;
}

static inline void mf_pack(mf_columns *columns, int32_t i, const int8_t *x, int32_t depth,
                           uint32_t *scratch)
{
    columns->x[i] = x;
    (void)depth;
    (void)scratch;
}

/* Adds n products of four rows of numbers with one row of weights; the last pass of the loop takes
 * what is left. */
static inline void mf_rows_4(const int8_t *x0, const int8_t *x1, const int8_t *x2, const int8_t *x3,
                             const int8_t *w, int32_t n, int32_t sums[4])
{
    int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n"
                     "vldrb.8 q0, [%[w]], #16\n"
                     "vldrb.8 q1, [%[x0]], #16\n"
                     "vmladava.s8 %[a], q0, q1\n"
                     "vldrb.8 q1, [%[x1]], #16\n"
                     "vmladava.s8 %[b], q0, q1\n"
                     "vldrb.8 q1, [%[x2]], #16\n"
                     "vmladava.s8 %[c], q0, q1\n"
                     "vldrb.8 q1, [%[x3]], #16\n"
                     "vmladava.s8 %[d], q0, q1\n"
                     "letp lr, 1b\n"
                     "2:\n"
                     : [a] "+Te"(a), [b] "+Te"(b), [c] "+Te"(c), [d] "+Te"(d), [w] "+r"(w),
                       [x0] "+r"(x0), [x1] "+r"(x1), [x2] "+r"(x2), [x3] "+r"(x3)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "memory");
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Sums of four columns with one row of weights. */
static inline void mf_dot_4(const mf_columns *columns, const int8_t *w, int32_t depth,
                            int32_t bias, int32_t sums[4])
{
    sums[0] = sums[1] = sums[2] = sums[3] = bias;
    mf_rows_4(columns->x[0], columns->x[1], columns->x[2], columns->x[3], w, depth, sums);
}

/* Sums at the output's scale, halves up; for layers whose multipliers all shift right. */
static inline int32x4_t mf_steps_up(const mf_output *to, int32x4_t sums, int32x4_t mantissas,
                                    int32x4_t exponents)
{
    int32x4_t steps = vrshlq_s32(vqrdmulhq_s32(sums, mantissas), exponents);
    steps = vaddq_n_s32(steps, to->zero_point);
    return vminq_s32(vmaxq_s32(steps, vdupq_n_s32(to->low)), vdupq_n_s32(to->high));
}

/* Writes the outputs of four pixels in one channel, `step` bytes apart. */
static inline void mf_finish_4(const mf_output *to, mf_finish by, const int32_t sums[4],
                               int32_t step, int8_t *out)
{
    const int32x4_t steps = mf_steps_up(to, vld1q_s32(sums), vdupq_n_s32(by.mantissa),
                                        vdupq_n_s32(1 - by.bits));
    vstrbq_scatter_offset_s32(out, vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step), steps);
}

/* Numbers of a plane and of weights: of how many channels, how far apart neighbors are, how many
 * weights are in a run, and how many numbers may be read beyond a plane. */
typedef int8_t mf_number;
#define MF_LANES 8
#define MF_APART 8
#define MF_RUN(taps) (taps)
#define MF_BEYOND(stride) (0 * (stride))

static inline void mf_fill(mf_number *to, int32_t value, int32_t count)
{
    memset(to, (int)value, (size_t)count);
}

static inline void mf_spread(const int8_t *x, int32_t step, int32_t count, int32_t lanes,
                             int32_t size, mf_number *to)
{
    const mve_pred16_t some = vctp16q((uint32_t)lanes);
    (void)size;
    for (; count > 0; count--) {
        vstrbq_s16(to, vldrbq_z_s16(x, some));
        x += step;
        to += MF_APART;
    }
}

/* What a depthwise kernel multiplies: `runs` of `taps` neighbors, one run `hop` bytes after the
 * other; the windows of pixels are `step` bytes apart. */
typedef struct {
    const mf_number *weight;
    int32_t runs, taps, hop, step;
} mf_stencil;

static inline mf_stencil mf_stencil_of(const mf_number *weight, int32_t runs, int32_t taps,
                                       int32_t hop, int32_t step, int32_t size)
{
    const mf_stencil of = {weight, runs, taps, MF_APART * hop, MF_APART * step};
    (void)size;
    return of;
}

/* Adds the products of one pixel in eight channels, to sums of even and of odd ones. */
static inline int32x4x2_t mf_stencil_8(const mf_stencil *of, const mf_number *x, int32x4x2_t sums)
{
    const mf_number *w = of->weight;
    int32_t runs = of->runs;
    do {
        const mf_number *value = x;
        __asm__ volatile("wls lr, %[n], 2f\n"
                         "1:\n"
                         "vldrb.s16 q0, [%[v]], #8\n"
                         "vldrb.s16 q1, [%[w]], #8\n"
                         "vmullb.s16 q2, q0, q1\n"
                         "vadd.i32 %q[even], %q[even], q2\n"
                         "vmullt.s16 q2, q0, q1\n"
                         "vadd.i32 %q[odd], %q[odd], q2\n"
                         "le lr, 1b\n"
                         "2:\n"
                         : [even] "+w"(sums.val[0]), [odd] "+w"(sums.val[1]), [v] "+l"(value),
                           [w] "+l"(w)
                         : [n] "r"(of->taps)
                         : "lr", "q0", "q1", "q2", "memory");
        x += of->hop;
    } while (--runs > 0);
    return sums;
}

/* A line of pixels in fewer than eight channels, or of an odd output. */
static inline void mf_line_1(const mf_stencil *of, const mf_block *block, int32_t lane,
                             const mf_number *x, int32_t count, int32_t step, int8_t *out)
{
    for (; count > 0; count--) {
        int32_t sum = block->to->bias[block->channel + lane];
        for (int32_t i = 0; i < of->runs * of->taps; i++) {
            const int32_t place = i / of->taps * of->hop + i % of->taps * MF_APART;
            sum += x[lane + place] * of->weight[lane + i * MF_APART];
        }
        mf_finish_some(block, lane, &sum, 1, step, out);
        x += of->step;
        out += step;
    }
}

/* A line of pixels in eight channels. */
MF_ALONE static void mf_line_8(const mf_stencil *of, const mf_block *block, const mf_number *x,
                               int32_t count, int32_t step, int8_t *out)
{
    const mf_output to = *block->to;
    const uint32x4_t second = vshlq_n_u32(vidupq_n_u32(0, 2), 1); /* 0, 4, 8, 12 */
    const uint32x4_t from = vmulq_n_u32(second, (uint32_t)(4 * to.scale_step));
    const uint32x4_t places = vshrq_n_u32(second, 1);
    const int32x4x2_t bias = vld2q_s32(to.bias + block->channel);
    int32x4_t mantissas[2], exponents[2];
    for (int32_t odd = 0; odd < 2; odd++) {
        const mf_multiplier *scale = to.scale + (block->channel + odd) * to.scale_step;
        mantissas[odd] = vldrwq_gather_offset_s32(&scale->mantissa, from);
        exponents[odd] = vldrwq_gather_offset_s32(&scale->exponent, from);
    }
    for (; count > 0; count--) {
        const int32x4x2_t sums = mf_stencil_8(of, x, bias);
        for (int32_t odd = 0; odd < 2; odd++) {
            vstrbq_scatter_offset_s32(out + odd, places,
                                      mf_steps_up(&to, sums.val[odd], mantissas[odd],
                                                  exponents[odd]));
        }
        x += of->step;
        out += step;
    }
}

/* A line of pixels whose windows, and outputs, have the same step. */
static inline void mf_line(const mf_stencil *of, const mf_block *block, const mf_number *x,
                           int32_t count, int32_t step, int8_t *out)
{
    if (block->lanes == 8 && !block->is_away && !block->to->is_odd) {
        mf_line_8(of, block, x, count, step, out);
        return;
    }
    for (int32_t lane = 0; lane < block->lanes; lane++) {
        mf_line_1(of, block, lane, x, count, step, out + lane);
    }
}

/* An operand of a sum at the common scale; its fall loses no digit. */
static inline int32x4_t mf_operand(const int8_t *numbers, int32_t zero_point, mf_multiplier by)
{
    const int32x4_t centered = vsubq_n_s32(vldrbq_s32(numbers), zero_point);
    return vqrdmulhq_n_s32(vshlq_r_s32(centered, MF_ADD_SHIFT + by.exponent), by.mantissa);
}

/* Adds numbers as LiteRT's vector code does; a multiple of 8 of them. */
static inline void mf_add_run(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                              int32_t count, int8_t *out)
{
    const mf_binary_layer by = *layer;
    for (int32_t i = 0; i < count; i += 4) {
        const int32x4_t sum =
            vaddq_s32(mf_operand(a + i, by.zero_a, by.scale_a),
                      mf_operand(b + i, by.zero_b, by.scale_b));
        int32x4_t steps = vqrdmulhq_n_s32(sum, by.scale.mantissa);
        steps = vaddq_s32(steps, vshrq_n_s32(steps, 31)); /* halves away from zero */
        steps = vaddq_n_s32(vrshlq_n_s32(steps, by.scale.exponent), by.zero_point);
        steps = vshrq_n_s32(vshlq_n_s32(steps, 16), 16); /* wraps around in int16 */
        steps = vminq_s32(vmaxq_s32(steps, vdupq_n_s32(by.low)), vdupq_n_s32(by.high));
        vstrbq_s32(out + i, steps);
    }
}

#endif
