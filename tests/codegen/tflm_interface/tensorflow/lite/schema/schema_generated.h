// Declarations alone, as TensorFlow Lite has them.
#ifndef SCHEMA_GENERATED_H
#define SCHEMA_GENERATED_H
namespace tflite {
struct Model;
inline const Model *GetModel(const void *data) { return static_cast<const Model *>(data); }
}  // namespace tflite
#endif
