#include "model.h"

/* Called with one clip of sound. */
const char *word_in(const int16_t pcm[MODEL_SAMPLES])
{
    float probabilities[MODEL_LABELS];
    const int32_t label = model_classify(pcm, MODEL_SAMPLES, probabilities);
    return probabilities[label] > 0.8f ? model_labels[label] : "(not sure)";
}

/* Called with the sound of a microphone as it arrives, at most one hop at a time. */
const char *word_heard(const int16_t *pcm, int32_t samples)
{
    model_word word;
    return model_listen(pcm, samples, &word, 1) > 0 ? model_labels[word.label] : NULL;
}
