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
