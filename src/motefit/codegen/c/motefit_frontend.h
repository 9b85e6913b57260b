/* Front end: 16-bit samples to features, frame by frame.
 *
 * Window, DFT of the frame's own length, magnitudes, then the stages of the kind of features:
 * sparse matrix products and logarithms. All tables are constants of the model.
 *
 * The arithmetic is float32, or fixed point on processors without an FPU; MF_FIXED defined as 0 or
 * 1 overrides what the compiler's macros say.
 */
#ifndef MOTEFIT_FRONTEND_H
#define MOTEFIT_FRONTEND_H

#include <stdint.h>

#define MF_MOST_FACTORS 16
#define MF_LARGEST_RADIX 31 /* of a factor of the frame's length */

#ifndef MF_FIXED
#if (defined(__arm__) && !defined(__ARM_FP)) || (defined(__riscv) && !defined(__riscv_flen))
#define MF_FIXED 1
#else
#define MF_FIXED 0
#endif
#endif

#if MF_FIXED
typedef int32_t mf_number;
typedef int32_t mf_twiddle; /* 30 binary digits after the point */
typedef uint16_t mf_window_weight; /* 15 digits after the point */
typedef int16_t mf_stage_weight;
#else
typedef float mf_number, mf_twiddle, mf_window_weight, mf_stage_weight;
#endif

/* out[i] = log(sum of in[first[i] + j] * weight[...] + offset) */
typedef struct {
    int32_t inputs, outputs;
    const uint16_t *first, *count; /* numbers that each output reads */
    const mf_stage_weight *weight; /* of the first output, then of the second, ... */
#if MF_FIXED
    int64_t offset;
    int32_t shift; /* digits after the point of the sum; without a logarithm, those dropped */
#else
    float offset;
#endif
    int32_t logarithm;
} mf_stage;

typedef struct {
    int32_t frames, features;
    int32_t frame_length, frame_step;
    const mf_window_weight *window; /* first half, including the middle */
    int32_t window_period;      /* sample i is weighted like sample window_period - i */
    int32_t points;             /* of the complex DFT: half of an even length, all of an odd one */
    const uint8_t *factors;     /* of the points, the outermost first */
    int32_t factor_count;
    const mf_twiddle *twiddles; /* cosine and sine of -2 pi k / frame_length, see roots */
    int32_t roots;              /* number of them: half of an even length, all of an odd one */
    int32_t first_bin, bins;
    const mf_stage *stages;
    int32_t stage_count;
#if MF_FIXED
    int32_t dropped;            /* digits of the weighted samples, see motefit_frontend_fixed.h */
    const int32_t *mean;        /* of the normalization, in the last stage's unit */
    const float *factor;        /* that unit, in standard deviations */
    const uint16_t *square_roots; /* of 64 / 256, 65 / 256, ... 1, in 65536ths */
    const uint16_t *logarithms; /* to base 2 of 128 / 128, 129 / 128, ... 2, in 65536ths */
#else
    const float *mean, *deviation; /* of the normalization */
#endif
    int32_t normalization_step;    /* 1: for each feature; 0: one for all */
} mf_frontend;

/* Normalized features of one frame.
 *
 * samples: of them, `available` (at most frame_length) exist; the rest count as zeros.
 * work: as many numbers of 4 bytes as the generated header says.
 * Returns the features, within work.
 */
const float *mf_frame(const mf_frontend *frontend, const int16_t *samples, int32_t available,
                      float *work);

#endif
