#include "model.h"

#include <math.h>
#include <string.h>

#include "motefit_kernels.h"
#include "motefit_series.h"

#include "model_tables.h"

void model_forecast(const double *window, int64_t seconds, double *answers)
{
    mf_forecast(&pipeline, window, seconds, answers);
}

void model_infer(const model_input *input, model_output *output)
{
    memcpy(MODEL_INPUT_AT, input, sizeof(model_input) * MODEL_INPUTS);
    network();
    memcpy(output, MODEL_OUTPUT_AT, sizeof(model_output) * MODEL_OUTPUTS);
}
