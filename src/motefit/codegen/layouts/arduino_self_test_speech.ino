// Runs the golden vectors on the board: the LED blinks once a second if the board computes what
// Python computed, five times a second if it does not. Serial, 115200 baud, has the details.
#include <model.h>

#include "model_golden.h"

static uint32_t state = 1;
static model_input input[MODEL_INPUTS];
static int16_t clip[MODEL_SAMPLES];
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
  for (int i = 0; i < MODEL_SAMPLES; i++) {
    clip[i] = (int16_t)(next_step() * 16);
  }
  float probabilities[MODEL_LABELS];
  const uint32_t since = micros();
  const int32_t label = model_classify(clip, MODEL_SAMPLES, probabilities);
  bool passed = true;
  for (int i = 0; i < MODEL_LABELS; i++) {
    const float gap = probabilities[i] - golden_probabilities[i];
    passed = passed && (gap < 0 ? -gap : gap) <= 0.02f;
  }
  check("whole chain", passed, since);
  Serial.print("noise sounds like ");
  Serial.println(model_labels[label]);
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
