/* Forecast of a series: normalization, calendar, network, limits.
 *
 * Rows are in the columns' own units. The arithmetic before and after the network is float64, as
 * in Python, since float32 rounds 20,000,001 to 20,000,000 before a mean is taken off.
 */
#ifndef MOTEFIT_SERIES_H
#define MOTEFIT_SERIES_H

#include <stdint.h>

#include "motefit_edge.h"

#define MF_MOST_PERIODS 8

typedef struct {
    int32_t input_steps, inputs;
    int32_t output_steps, targets, quantiles;
    const double *mean, *deviation; /* of the inputs */
    int32_t normalization_step;     /* 1: for each input; 0: one for all */
    int32_t is_differences;         /* earlier rows are differences from the last one */
    const double *difference_mean, *difference_deviation; /* (input_steps - 1, inputs) */
    const double *answer_mean, *answer_deviation;         /* (output_steps, targets) */
    int32_t is_change;              /* answers are changes from the last row */
    const int32_t *target_columns;  /* of the targets among the inputs; only for changes */
    const double *low, *high;       /* limits of each target */
    int32_t periods;
    const int32_t *period_seconds;  /* of the calendar */
    int32_t calendar_in_rows;       /* in every row, or once after the window */
    mf_edge input, output;
    void (*network)(void);
} mf_series;

/* Predicts the steps after a window.
 *
 * window: (input_steps, inputs), oldest row first.
 * seconds: time of the newest row since 1970-01-01, in the time of the training data; only read
 *     by a model with a calendar.
 * answers: (output_steps, targets, quantiles), rising along the last axis.
 */
void mf_forecast(const mf_series *series, const double *window, int64_t seconds, double *answers);

#endif
