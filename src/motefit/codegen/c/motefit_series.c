#include "motefit_series.h"

#include <math.h>
#include <stddef.h>

static void put_calendar(const mf_series *s, int64_t seconds, int32_t place)
{
    static const double circle = 6.283185307179586;
    for (int32_t i = 0; i < s->periods; i++) {
        const int64_t period = s->period_seconds[i];
        const int64_t into = (seconds % period + period) % period;
        const double angle = circle * ((double)into / (double)period);
        const float waves[2] = {(float)sin(angle), (float)cos(angle)};
        mf_put(&s->input, place + 2 * i, waves, 2);
    }
}

static double standard(const mf_series *s, const double *window, int32_t row, int32_t column)
{
    const double *last = window + (s->input_steps - 1) * s->inputs;
    const double value = window[row * s->inputs + column];
    if (s->is_differences && row + 1 < s->input_steps) {
        const int32_t place = row * s->inputs + column;
        return (value - last[column] - s->difference_mean[place]) / s->difference_deviation[place];
    }
    const int32_t place = column * s->normalization_step;
    return (value - s->mean[place]) / s->deviation[place];
}

static void encode(const mf_series *s, const double *window, int64_t seconds)
{
    int32_t place = 0;
    for (int32_t row = 0; row < s->input_steps; row++) {
        for (int32_t column = 0; column < s->inputs; column++) {
            const float number = (float)standard(s, window, row, column);
            mf_put(&s->input, place++, &number, 1);
        }
        if (s->calendar_in_rows) {
            put_calendar(s, seconds, place);
            place += 2 * s->periods;
        }
    }
    if (!s->calendar_in_rows) {
        put_calendar(s, seconds, place);
    }
}

static void sort(double *numbers, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        const double number = numbers[i];
        int32_t place = i;
        for (; place > 0 && numbers[place - 1] > number; place--) {
            numbers[place] = numbers[place - 1];
        }
        numbers[place] = number;
    }
}

void mf_forecast(const mf_series *s, const double *window, int64_t seconds, double *answers)
{
    const double *last = window + (s->input_steps - 1) * s->inputs;
    encode(s, window, seconds);
    s->network();
    for (int32_t i = 0; i < s->output_steps * s->targets; i++) {
        const int32_t target = i % s->targets;
        double *values = answers + i * s->quantiles;
        for (int32_t k = 0; k < s->quantiles; k++) {
            const double number = (double)mf_get(&s->output, i * s->quantiles + k);
            values[k] = number * s->answer_deviation[i] + s->answer_mean[i];
            if (s->is_change) {
                values[k] += last[s->target_columns[target]];
            }
        }
        sort(values, s->quantiles);
        for (int32_t k = 0; k < s->quantiles; k++) {
            values[k] = fmin(fmax(values[k], s->low[target]), s->high[target]);
        }
    }
}
