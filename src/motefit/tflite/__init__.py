"""TensorFlow Lite files: written as small as possible, read without trust, packed in a zip."""
