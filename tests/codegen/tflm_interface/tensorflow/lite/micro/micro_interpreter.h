// Declarations alone, as TensorFlow Lite Micro has them.
#ifndef MICRO_INTERPRETER_H
#define MICRO_INTERPRETER_H
#include <stddef.h>
#include <stdint.h>
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
struct TfLiteTensor {
  union {
    int8_t *int8;
    float *f;
    void *raw;
  } data;
};
namespace tflite {
struct Model;
class MicroInterpreter {
 public:
  MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena, size_t size);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor *input(size_t index);
  TfLiteTensor *output(size_t index);
  size_t arena_used_bytes() const;
};
}  // namespace tflite
#endif
