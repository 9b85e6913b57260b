// Classifies one clip. Replace record() by your microphone.
#include <stdio.h>

#include "model_interpreter.h"

static int16_t clip[MODEL_SAMPLES];

static void record(int16_t *pcm) { (void)pcm; }

int main() {
  if (model_begin() != 0) {
    printf("the arena is too small, or an operator is missing\n");
    return 1;
  }
  float probabilities[MODEL_LABELS];
  record(clip);
  const int32_t label = model_classify(clip, MODEL_SAMPLES, probabilities);
  printf("%s with probability %d %%\n", model_labels[label], (int)(100 * probabilities[label]));
  return 0;
}
