"""Graph -> .tflite: operators, their versions, and the smallest valid file."""
