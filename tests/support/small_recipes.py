"""Recipes that train in a second."""

CLIMATE = """
description = "a linear forecast"
task = "forecasting"
[data]
input_steps = 4
output_steps = 2
[model]
family = "linear"
[train]
epochs = {epochs}
batch_size = 128
seeds = [0]
[compress]
precision = "int8-weights"
[budget]
mae."T (degC)" = "< 2.0"
size.tflite_bytes = "< 1100 B"
objective = "mae.rh (%)"
[search]
repeats = 1
"""

FRONTEND = """
[frontend]
rate_hz = 8000
frame_length = 256
frame_step = 256
mel_bins = 12
lower_hz = 100
upper_hz = 3800
coefficients = 0
"""

TONES = f"""
description = "two tones"
task = "keyword-spotting"
[data]
words = ["low", "high"]
{FRONTEND}
[model]
family = "dscnn"
width = 8
blocks = 1
[train]
epochs = 12
batch_size = 8
learning_rate = 0.02
[budget]
accuracy = ">= 75 %"
size.tflite_bytes = "< 10 KB"
[search]
repeats = 1
"""
