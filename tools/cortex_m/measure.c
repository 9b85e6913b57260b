/* Counts ticks of the network and of the front end, and compares the golden vectors. */
#include <math.h>
#include <stdint.h>

#include "model.h"
#include "model_golden.h"

void put_text(const char *text);
void put_number(uint32_t number);

#define SYSTICK ((volatile uint32_t *)0xE000E010)

static uint32_t state = 1;

static int32_t next_step(void)
{
    state = state * 1664525u + 1013904223u;
    return (int32_t)(state >> 24) - 128;
}

static uint32_t start(void) { return SYSTICK[2]; }

static void report(const char *what, uint32_t since)
{
    const uint32_t ticks = (since - SYSTICK[2]) & 0xFFFFFF;
    put_text(what);
    put_number(ticks);
    put_text("\n");
}

int main(void)
{
    static model_input input[MODEL_INPUTS];
    model_output output[MODEL_OUTPUTS];
    uint32_t wrong = 0;
    SYSTICK[1] = 0xFFFFFF;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;
    for (int32_t i = 0; i < GOLDEN_INPUTS; i++) {
        for (int32_t j = 0; j < MODEL_INPUTS; j++) {
            input[j] = GOLDEN_INPUT(next_step());
        }
        const uint32_t since = start();
        model_infer(input, output);
        if (i == 0) {
            report("inference ", since);
        }
        for (int32_t j = 0; j < MODEL_OUTPUTS; j++) {
            wrong += fabs((double)output[j] - (double)golden_outputs[i][j]) > GOLDEN_TOLERANCE;
        }
    }
#ifdef MODEL_SAMPLES
    static int16_t clip[MODEL_SAMPLES];
    static float features[MODEL_FRAMES * MODEL_FEATURES];
    for (int32_t i = 0; i < MODEL_SAMPLES; i++) {
        clip[i] = (int16_t)(next_step() * 16);
    }
    const uint32_t since = start();
    model_features(clip, MODEL_SAMPLES, features);
    report("frontend ", since);
    float probabilities[MODEL_LABELS];
    model_classify(clip, MODEL_SAMPLES, probabilities);
    for (int32_t i = 0; i < MODEL_LABELS; i++) {
        wrong += fabsf(probabilities[i] - golden_probabilities[i]) > 0.02f;
    }
#endif
    put_text("wrong ");
    put_number(wrong);
    put_text("\n");
    return wrong != 0;
}
