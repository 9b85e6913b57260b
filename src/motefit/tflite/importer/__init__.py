"""Import of a .tflite file as a Graph: one rule per kind of operator."""
