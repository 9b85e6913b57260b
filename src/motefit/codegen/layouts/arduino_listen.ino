// Listens to the microphone of a board with the PDM library (Arduino Nano 33 BLE Sense and others):
// "@first@" switches the LED on, any other word switches it off.
#include <PDM.h>
#include <model.h>

static const int STEP = MODEL_RATE_HZ / 4;  // samples between two answers
static const float SURE = 0.9f;             // least probability of an answer

static int16_t clip[MODEL_SAMPLES];         // the last second, oldest sample first
static int16_t heard[2 * STEP];             // filled by interrupts while the model runs
static volatile int count = 0;

static void on_sound() {
  static int16_t block[256];
  int samples = PDM.available() / 2;
  while (samples > 0) {
    const int part = samples < 256 ? samples : 256;
    PDM.read(block, 2 * part);
    for (int i = 0; i < part && count < 2 * STEP; i++) {
      heard[count++] = block[i];
    }
    samples -= part;
  }
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  PDM.onReceive(on_sound);
  if (!PDM.begin(1, MODEL_RATE_HZ)) {
    Serial.println("there is no microphone at this rate");
    for (;;) {
      delay(1000);
    }
  }
}

void loop() {
  if (count < STEP) {
    return;
  }
  memmove(clip, clip + STEP, sizeof(int16_t) * (MODEL_SAMPLES - STEP));
  noInterrupts();
  memcpy(clip + MODEL_SAMPLES - STEP, heard, sizeof(int16_t) * STEP);
  memmove(heard, heard + STEP, sizeof(int16_t) * (2 * STEP - STEP));
  count -= STEP;
  interrupts();

  float probabilities[MODEL_LABELS];
  const int32_t label = model_classify(clip, MODEL_SAMPLES, probabilities);
  if (label < MODEL_WORDS && probabilities[label] >= SURE) {
    digitalWrite(LED_BUILTIN, label == 0 ? HIGH : LOW);
    Serial.println(model_labels[label]);
  }
}
