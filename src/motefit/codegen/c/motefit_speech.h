/* Classification of one clip: front end, network, probabilities. */
#ifndef MOTEFIT_SPEECH_H
#define MOTEFIT_SPEECH_H

#include <stdint.h>

#include "motefit_edge.h"
#include "motefit_frontend.h"

typedef struct {
    const mf_frontend *frontend;
    float *work; /* of the front end */
    mf_edge input, output;
    void (*network)(void);
    int32_t samples, labels;
    int32_t is_logits; /* whether the network leaves the softmax to the caller */
} mf_speech;

/* Returns the index of the most probable label.
 *
 * pcm: `samples` of one channel at the model's rate; a shorter clip is padded with zeros, of a
 *     longer one the first second (or whatever the model's clip is) is used.
 * probabilities: one for each label; may be null.
 */
int32_t mf_classify(const mf_speech *speech, const int16_t *pcm, int32_t samples,
                    float *probabilities);

/* Runs the network on the input in its place; returns the index of the most probable label. */
int32_t mf_answer(const mf_speech *speech, float *probabilities);

/* Computes the normalized features of a clip: (frames, features). */
void mf_features(const mf_speech *speech, const int16_t *pcm, int32_t samples, float *features);

#endif
