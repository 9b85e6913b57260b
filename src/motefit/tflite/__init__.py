"""TensorFlow Lite files: written as small as they can be, read without trust, packed in a zip."""
