// Runs the golden vectors on the board: the LED blinks once a second if the board computes what
// Python computed, five times a second if it does not. Serial, 115200 baud, has the details.
#include <model.h>

#include "model_golden.h"

static uint32_t state = 1;
static model_input input[MODEL_INPUTS];
static bool equal = true;

// -128 to 127; the generator of Numerical Recipes
static int32_t next_step() {
  state = state * 1664525u + 1013904223u;
  return (int32_t)(state >> 24) - 128;
}

static void check(const char *what, bool passed, uint32_t since) {
  Serial.print(what);
  Serial.print(passed ? " equal, " : " DIFFERS, ");
  Serial.print(micros() - since);
  Serial.println(" us");
  equal = equal && passed;
}

static void check_network() {
  for (int i = 0; i < GOLDEN_INPUTS; i++) {
    for (int j = 0; j < MODEL_INPUTS; j++) {
      input[j] = GOLDEN_INPUT(next_step());
    }
    model_output output[MODEL_OUTPUTS];
    const uint32_t since = micros();
    model_infer(input, output);
    bool passed = true;
    for (int j = 0; j < MODEL_OUTPUTS; j++) {
      const float gap = (float)output[j] - (float)golden_outputs[i][j];
      passed = passed && (gap < 0 ? -gap : gap) <= (float)GOLDEN_TOLERANCE;
    }
    check("network", passed, since);
  }
}

static void check_chain() {
  double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];
  const uint32_t since = micros();
  model_forecast(golden_window, GOLDEN_SECONDS, answers);
  bool passed = true;
  for (int i = 0; i < MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES; i++) {
    const double gap = answers[i] - golden_answers[i];
    const double size = golden_answers[i] < 0 ? -golden_answers[i] : golden_answers[i];
    passed = passed && (gap < 0 ? -gap : gap) <= 1e-4 * (1.0 + size);
  }
  check("whole chain", passed, since);
  Serial.print(model_targets[0]);
  Serial.print(" in one step: ");
  Serial.println(answers[MODEL_MEDIAN]);
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  check_network();
  check_chain();
  Serial.println(equal ? "self-test passed" : "self-test FAILED");
}

void loop() {
  const int half_ms = equal ? 500 : 100;
  digitalWrite(LED_BUILTIN, HIGH);
  delay(half_ms);
  digitalWrite(LED_BUILTIN, LOW);
  delay(half_ms);
}
