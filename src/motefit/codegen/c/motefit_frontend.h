/* Front end: 16-bit samples to features, frame by frame, in float32.
 *
 * Window, DFT of the frame's own length, magnitudes, then the stages of the kind of features:
 * sparse matrix products and logarithms. All tables are constants of the model.
 */
#ifndef MOTEFIT_FRONTEND_H
#define MOTEFIT_FRONTEND_H

#include <stdint.h>

#define MF_MOST_FACTORS 16
#define MF_LARGEST_RADIX 31 /* of a factor of the frame's length */

/* out[i] = log(sum of in[first[i] + j] * weight[...] + offset) */
typedef struct {
    int32_t inputs, outputs;
    const uint16_t *first, *count; /* numbers that each output reads */
    const float *weight;           /* of the first output, then of the second, ... */
    float offset;
    int32_t logarithm;
} mf_stage;

typedef struct {
    int32_t frames, features;
    int32_t frame_length, frame_step;
    const float *window;        /* first half, including the middle */
    int32_t window_period;      /* sample i is weighted like sample window_period - i */
    int32_t points;             /* of the complex DFT: half of an even length, all of an odd one */
    const uint8_t *factors;     /* of the points, the outermost first */
    int32_t factor_count;
    const float *twiddles;      /* cosine and sine of -2 pi k / frame_length, see roots */
    int32_t roots;              /* number of them: half of an even length, all of an odd one */
    int32_t first_bin, bins;
    const mf_stage *stages;
    int32_t stage_count;
    const float *mean, *deviation; /* of the normalization */
    int32_t normalization_step;    /* 1: for each feature; 0: one for all */
} mf_frontend;

/* Normalized features of one frame.
 *
 * samples: of them, `available` (at most frame_length) exist; the rest count as zeros.
 * work: as many floats as the generated header says.
 * Returns the features, within work.
 */
const float *mf_frame(const mf_frontend *frontend, const int16_t *samples, int32_t available,
                      float *work);

#endif
