// Predicts from one window. Replace measure() by your sensors.
#include <stdio.h>

#include "model_interpreter.h"

static double window[MODEL_INPUT_STEPS * MODEL_COLUMNS];

static void measure(double *rows) { (void)rows; }

int main() {
  if (model_begin() != 0) {
    printf("the arena is too small, or an operator is missing\n");
    return 1;
  }
  double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];
  measure(window);
  model_forecast(window, 0, answers);
  printf("%s in one step: %d\n", model_targets[0], (int)answers[MODEL_MEDIAN]);
  return 0;
}
