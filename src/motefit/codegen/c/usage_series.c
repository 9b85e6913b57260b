#include "model.h"

/* Called with the last rows, oldest first, and the time of the newest one. */
double next_value(const double window[MODEL_INPUT_STEPS * MODEL_COLUMNS], int64_t seconds)
{
    double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];
    model_forecast(window, seconds, answers);
    return answers[MODEL_MEDIAN]; /* the first target, one step ahead */
}
