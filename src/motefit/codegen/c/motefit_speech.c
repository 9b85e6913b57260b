#include "motefit_speech.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Normalized features of one frame of a clip; they live until the next call. */
static const float *frame_of(const mf_speech *speech, const int16_t *pcm, int32_t samples,
                             int32_t frame)
{
    const mf_frontend *f = speech->frontend;
    const int32_t start = frame * f->frame_step;
    const int32_t used = samples < speech->samples ? samples : speech->samples;
    const int32_t rest = used - start > 0 ? used - start : 0;
    const int32_t available = rest < f->frame_length ? rest : f->frame_length;
    return mf_frame(f, available > 0 ? pcm + start : pcm, available, speech->work);
}

void mf_features(const mf_speech *speech, const int16_t *pcm, int32_t samples, float *features)
{
    const int32_t size = speech->frontend->features;
    for (int32_t frame = 0; frame < speech->frontend->frames; frame++) {
        const float *numbers = frame_of(speech, pcm, samples, frame);
        memcpy(features + frame * size, numbers, sizeof(float) * (size_t)size);
    }
}

static void softmax(float *numbers, int32_t count)
{
    float greatest = numbers[0], total = 0.0f;
    for (int32_t i = 1; i < count; i++) {
        greatest = numbers[i] > greatest ? numbers[i] : greatest;
    }
    for (int32_t i = 0; i < count; i++) {
        numbers[i] = expf(numbers[i] - greatest);
        total += numbers[i];
    }
    for (int32_t i = 0; i < count; i++) {
        numbers[i] /= total;
    }
}

int32_t mf_answer(const mf_speech *speech, float *probabilities)
{
    speech->network();
    int32_t best = 0;
    for (int32_t i = 0; i < speech->labels; i++) {
        if (mf_get(&speech->output, i) > mf_get(&speech->output, best)) {
            best = i;
        }
        if (probabilities != NULL) {
            probabilities[i] = mf_get(&speech->output, i);
        }
    }
    if (probabilities != NULL && speech->is_logits) {
        softmax(probabilities, speech->labels);
    }
    return best;
}

int32_t mf_classify(const mf_speech *speech, const int16_t *pcm, int32_t samples,
                    float *probabilities)
{
    const int32_t size = speech->frontend->features;
    for (int32_t frame = 0; frame < speech->frontend->frames; frame++) {
        mf_put(&speech->input, frame * size, frame_of(speech, pcm, samples, frame), size);
    }
    return mf_answer(speech, probabilities);
}
