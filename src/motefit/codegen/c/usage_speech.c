#include "model.h"

/* Called with one clip of sound. */
const char *word_in(const int16_t pcm[MODEL_SAMPLES])
{
    float probabilities[MODEL_LABELS];
    const int32_t label = model_classify(pcm, MODEL_SAMPLES, probabilities);
    return probabilities[label] > 0.8f ? model_labels[label] : "(not sure)";
}
