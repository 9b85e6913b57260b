// The network in TensorFlow Lite Micro: arena, operators, interpreter.
#include "model_interpreter.h"

#include <stdint.h>
#include <string.h>

#include "model_ops.h"
#include "model_data.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t arena[MODEL_TENSOR_ARENA_BYTES];
tflite::MicroInterpreter *interpreter = nullptr;

}  // namespace

int model_begin(void) {
  static model_resolver ops;
  if (model_register(ops) != kTfLiteOk) {
    return 1;
  }
  static tflite::MicroInterpreter made(tflite::GetModel(model_data), ops, arena, sizeof(arena));
  if (made.AllocateTensors() != kTfLiteOk) {
    return 1;
  }
  interpreter = &made;
  return 0;
}

void model_invoke(const model_input *input, model_output *output) {
  memcpy(interpreter->input(0)->data.raw, input, sizeof(model_input) * MODEL_INPUTS);
  interpreter->Invoke();
  memcpy(output, interpreter->output(0)->data.raw, sizeof(model_output) * MODEL_OUTPUTS);
}

size_t model_arena_used(void) { return interpreter->arena_used_bytes(); }
