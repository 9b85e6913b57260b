/* What both self-tests share: pseudorandom bytes, and the network's golden vectors. */
#ifndef SELF_TEST_H
#define SELF_TEST_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "model_golden.h"

static uint32_t state = 1;

/* -128 to 127; the generator of Numerical Recipes. */
static int32_t next_step(void)
{
    state = state * 1664525u + 1013904223u;
    return (int32_t)(state >> 24) - 128;
}

/* Runs the network on pseudorandom inputs; returns how many outputs are not the expected ones. */
static int wrong_outputs(void)
{
    static model_input input[MODEL_INPUTS];
    model_output output[MODEL_OUTPUTS];
    int wrong = 0;
    for (int32_t i = 0; i < GOLDEN_INPUTS; i++) {
        for (int32_t j = 0; j < MODEL_INPUTS; j++) {
            input[j] = GOLDEN_INPUT(next_step());
        }
        model_infer(input, output);
        for (int32_t j = 0; j < MODEL_OUTPUTS; j++) {
            const double gap = fabs((double)output[j] - (double)golden_outputs[i][j]);
            wrong += gap > GOLDEN_TOLERANCE;
        }
    }
    printf("network: %d of %d outputs differ\n", wrong, GOLDEN_INPUTS * MODEL_OUTPUTS);
    return wrong;
}

#endif
