/* Self-test: golden vectors of the network, and of the whole chain on one window. */
#include "self_test.h"

static int wrong_answers(void)
{
    double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];
    int wrong = 0;
    model_forecast(golden_window, GOLDEN_SECONDS, answers);
    for (int32_t i = 0; i < MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES; i++) {
        wrong += fabs(answers[i] - golden_answers[i]) > 1e-4 * (1.0 + fabs(golden_answers[i]));
    }
    printf("%s in one step: %g\n", model_targets[0], answers[MODEL_MEDIAN]);
    return wrong;
}

int main(void)
{
    const int wrong = wrong_outputs() + wrong_answers();
    puts(wrong == 0 ? "self-test passed" : "self-test FAILED");
    return wrong != 0;
}
