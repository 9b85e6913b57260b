"""A .tflite file -> Graph: one rule for each kind of operator."""
