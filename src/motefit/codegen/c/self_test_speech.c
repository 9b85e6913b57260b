/* Self-test: golden vectors of the network, and of the whole chain on a clip of noise. */
#include "self_test.h"

static int wrong_probabilities(void)
{
    static int16_t clip[MODEL_SAMPLES];
    float probabilities[MODEL_LABELS];
    int wrong = 0;
    for (int32_t i = 0; i < MODEL_SAMPLES; i++) {
        clip[i] = (int16_t)(next_step() * 16);
    }
    const int32_t label = model_classify(clip, MODEL_SAMPLES, probabilities);
    for (int32_t i = 0; i < MODEL_LABELS; i++) {
        wrong += fabsf(probabilities[i] - golden_probabilities[i]) > 0.02f;
    }
    printf("noise sounds like %s with probability %.3f\n", model_labels[label],
           (double)probabilities[label]);
    return wrong;
}

int main(void)
{
    const int wrong = wrong_outputs() + wrong_probabilities();
    puts(wrong == 0 ? "self-test passed" : "self-test FAILED");
    return wrong != 0;
}
