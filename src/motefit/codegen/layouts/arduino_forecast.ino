// Measures every column at an analog pin, one row a step, and predicts the next rows: the LED is on
// while the first target is about to rise.
#include <model.h>

static const uint32_t STEP_SECONDS = @step_seconds@;
static const double UNITS_PER_COUNT = 1.0;  // what one count of the converter means; yours

static double window[MODEL_INPUT_STEPS * MODEL_COLUMNS];  // oldest row first
static int rows = 0;

static void measure(double *row) {
  for (int column = 0; column < MODEL_COLUMNS; column++) {
    row[column] = UNITS_PER_COUNT * analogRead(A0 + column);
  }
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
}

void loop() {
  const int kept = (MODEL_INPUT_STEPS - 1) * MODEL_COLUMNS;
  memmove(window, window + MODEL_COLUMNS, sizeof(double) * kept);
  measure(window + kept);
  rows = rows < MODEL_INPUT_STEPS ? rows + 1 : rows;

  if (rows == MODEL_INPUT_STEPS) {
    double answers[MODEL_OUTPUT_STEPS * MODEL_TARGETS * MODEL_QUANTILES];
    const int64_t seconds = millis() / 1000;  // a calendar needs the real time, from a clock chip
    model_forecast(window, seconds, answers);
    const int last = ((MODEL_OUTPUT_STEPS - 1) * MODEL_TARGETS) * MODEL_QUANTILES + MODEL_MEDIAN;
    digitalWrite(LED_BUILTIN, answers[last] > answers[MODEL_MEDIAN] ? HIGH : LOW);
    Serial.println(answers[MODEL_MEDIAN]);
  }
  delay(1000 * STEP_SECONDS);
}
