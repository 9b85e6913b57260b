#include "model.h"

#include <string.h>

#include "motefit_kernels.h"
#include "motefit_speech.h"
#include "motefit_stream.h"

#include "model_tables.h"

int32_t model_classify(const int16_t *pcm, int32_t samples, float *probabilities)
{
    return mf_classify(&pipeline, pcm, samples, probabilities);
}

void model_features(const int16_t *pcm, int32_t samples, float *features)
{
    mf_features(&pipeline, pcm, samples, features);
}

void model_infer(const model_input *input, model_output *output)
{
    memcpy(MODEL_INPUT_AT, input, sizeof(model_input) * MODEL_INPUTS);
    network();
    memcpy(output, MODEL_OUTPUT_AT, sizeof(model_output) * MODEL_OUTPUTS);
}

int32_t model_listen(const int16_t *pcm, int32_t samples, model_word *words, int32_t room)
{
    return mf_listen(&stream, pcm, samples, words, room);
}

void model_forget(void) { mf_forget(&stream); }
