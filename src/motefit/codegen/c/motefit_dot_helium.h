/* Helium (MVE) of Cortex-M55 and M85: sixteen products of 8 bits in one instruction. */
#ifndef MOTEFIT_DOT_HELIUM_H
#define MOTEFIT_DOT_HELIUM_H

#include <arm_mve.h>
#include <stdint.h>

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

/* Two columns, as mf_dot_2x2 reads them. */
typedef struct {
    const int8_t *x0, *x1;
} mf_columns;

static inline mf_columns mf_pack(const int8_t *x0, const int8_t *x1, int32_t n, uint32_t *packed)
{
    const mf_columns columns = {x0, x1};
    (void)n;
    (void)packed;
    return columns;
}

/* Sums of two columns with two rows: x0 w0, x0 w1, x1 w0, x1 w1. */
static inline void mf_dot_2x2(mf_columns x, const int8_t *w0, const int8_t *w1, int32_t n,
                              int32_t sums[4])
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (; n > 0; n -= 16) {
        const mve_pred16_t left = vctp8q((uint32_t)n);
        const int8x16_t first = vldrbq_z_s8(x.x0, left), second = vldrbq_z_s8(x.x1, left);
        const int8x16_t row0 = vldrbq_z_s8(w0, left), row1 = vldrbq_z_s8(w1, left);
        a = vmladavaq_p_s8(a, first, row0, left);
        b = vmladavaq_p_s8(b, first, row1, left);
        c = vmladavaq_p_s8(c, second, row0, left);
        d = vmladavaq_p_s8(d, second, row1, left);
        x.x0 += 16;
        x.x1 += 16;
        w0 += 16;
        w1 += 16;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Adds (x + offset) w of four channels to their sums. */
static inline void mf_multiply_4(const int8_t *x, const int8_t *w, int32_t offset, int32_t sums[4])
{
    const int32x4_t values = vaddq_n_s32(vldrbq_s32(x), offset);
    vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), vmulq_s32(values, vldrbq_s32(w))));
}

#endif
