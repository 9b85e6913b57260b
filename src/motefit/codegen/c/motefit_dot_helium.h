/* Helium (MVE) of Cortex-M55 and M85: sixteen products of 8 bits in one instruction. */
#ifndef MOTEFIT_DOT_HELIUM_H
#define MOTEFIT_DOT_HELIUM_H

#include <arm_mve.h>
#include <stdint.h>

#include "motefit_kernels.h"

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

/* Sums of four columns with one row of weights. */
static inline void mf_dot_4(const mf_columns *columns, const int8_t *w, int32_t depth,
                            int32_t bias, int32_t sums[4])
{
    const int8_t *x0 = columns->x[0], *x1 = columns->x[1];
    const int8_t *x2 = columns->x[2], *x3 = columns->x[3];
    int32_t a = bias, b = bias, c = bias, d = bias;
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n" /* the last pass takes what is left of the columns */
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
                     : [n] "r"(depth)
                     : "lr", "q0", "q1", "memory");
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Sums at the output's scale, halves up; for layers whose multipliers all shift right. */
static inline int32x4_t mf_steps_up(const mf_output *to, int32x4_t sums, int32x4_t mantissas,
                                    int32x4_t exponents)
{
    int32x4_t steps = vrshlq_s32(vqrdmulhq_s32(sums, mantissas), exponents);
    steps = vaddq_n_s32(steps, to->zero_point);
    return vminq_s32(vmaxq_s32(steps, vdupq_n_s32(to->low)), vdupq_n_s32(to->high));
}

/* Writes the outputs of four pixels in one channel. */
static inline void mf_finish_4(const mf_output *to, const int32_t sums[4], int32_t channel,
                               const int32_t places[4], int8_t *out)
{
    const mf_multiplier by = to->scale[channel * to->scale_step];
    const int32x4_t steps = mf_steps_up(to, vld1q_s32(sums), vdupq_n_s32(by.mantissa),
                                        vdupq_n_s32(by.exponent));
    vstrbq_scatter_offset_s32(out, vreinterpretq_u32_s32(vld1q_s32(places)), steps);
}

/* Adds the taps of eight channels of one pixel, from channel c on, and writes the outputs. */
static inline void mf_depthwise_8(const mf_output *to, int32_t c, const int8_t *x,
                                  const int8_t *weight, const mf_tap *tap, const mf_tap *end,
                                  int32_t offset, int8_t *out)
{
    int32x4x2_t sums = vld2q_s32(to->bias + c); /* of even and of odd channels */
    const int8_t *value, *factor;
    __asm__ volatile("wls lr, %[n], 2f\n"
                     "1:\n"
                     "ldrd %[v], %[f], [%[tap]], #8\n"
                     "add %[v], %[x]\n"
                     "add %[f], %[w]\n"
                     "vldrb.s16 q0, [%[v]]\n"
                     "vldrb.s16 q1, [%[f]]\n"
                     "vadd.i16 q0, q0, %[offset]\n"
                     "vmullb.s16 q2, q0, q1\n"
                     "vadd.i32 %q[even], %q[even], q2\n"
                     "vmullt.s16 q2, q0, q1\n"
                     "vadd.i32 %q[odd], %q[odd], q2\n"
                     "le lr, 1b\n"
                     "2:\n"
                     : [even] "+w"(sums.val[0]), [odd] "+w"(sums.val[1]), [tap] "+r"(tap),
                       [v] "=&l"(value), [f] "=&l"(factor)
                     : [n] "r"(end - tap), [x] "r"(x + c), [w] "r"(weight + c),
                       [offset] "r"(offset)
                     : "lr", "q0", "q1", "q2", "memory");
    for (int32_t odd = 0; odd < 2; odd++) {
        const uint32x4_t every_second = vshlq_n_u32(vidupq_n_u32(0, 2), 1); /* 0, 4, 8, 12 */
        const uint32x4_t places = vmulq_n_u32(every_second, (uint32_t)(4 * to->scale_step));
        const int32_t *scale = &to->scale[(c + odd) * to->scale_step].mantissa;
        const int32x4_t steps =
            mf_steps_up(to, sums.val[odd], vldrwq_gather_offset_s32(scale, places),
                        vldrwq_gather_offset_s32(scale + 1, places));
        vstrbq_scatter_offset_s32(out + c + odd, vshrq_n_u32(every_second, 1), steps);
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
