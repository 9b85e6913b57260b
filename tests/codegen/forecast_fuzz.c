/* Forecasts from readings of many kinds, in a number of calls given as the argument. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_numbers.h"
#include "model.h"

#define WINDOW (MODEL_INPUT_STEPS * MODEL_COLUMNS)
#define ANSWERS (MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES)

/* Usual readings, huge and tiny ones, infinities, and what is no number. */
static double reading_of(uint32_t kind)
{
    const uint32_t number = next_number();
    const double fraction = (double)(int32_t)number / 2147483648.0;
    if (kind == 0) {
        return ldexp(fraction, (int)(next_number() % 2200) - 1100);
    }
    if (kind == 1) {
        return number % 3 == 0 ? INFINITY : number % 3 == 1 ? -INFINITY : NAN;
    }
    return 100.0 * fraction;
}

/* Now, the ends of time, or any moment. */
static int64_t moment_of(uint32_t kind)
{
    const int64_t any = (int64_t)(((uint64_t)next_number() << 32) | next_number());
    return kind == 0 ? INT64_MIN : kind == 1 ? INT64_MAX : kind == 2 ? any : 1700000000 + any % 1000000000;
}

static void infer(void)
{
    model_input *input = malloc(MODEL_INPUTS * sizeof *input);
    model_output *output = malloc(MODEL_OUTPUTS * sizeof *output);
    for (size_t i = 0; i < MODEL_INPUTS * sizeof *input; i++) {
        ((uint8_t *)input)[i] = (uint8_t)next_number();
    }
    model_infer(input, output);
    free(input);
    free(output);
}

int main(int count, char **arguments)
{
    const long calls = count > 1 ? atol(arguments[1]) : 1000;
    long finite = 0;
    for (long i = 0; i < calls; i++) {
        const uint32_t choice = next_number();
        if (choice % 97 == 0) {
            infer();
            continue;
        }
        double *window = malloc(WINDOW * sizeof *window);
        double *answers = malloc(ANSWERS * sizeof *answers);
        const uint32_t kind = (choice >> 8) % 8;
        for (int32_t j = 0; j < WINDOW; j++) {
            window[j] = reading_of(kind == 7 ? next_number() % 8 : kind);
        }
        model_forecast(window, moment_of((choice >> 16) % 8), answers);
        int all = 1;
        for (int32_t j = 0; j < ANSWERS; j++) {
            all = all && isfinite(answers[j]);
        }
        finite += all;
        free(window);
        free(answers);
    }
    printf("%ld calls, %ld finite forecasts\n", calls, finite);
    return finite < calls / 2;
}
