"""Server of :mod:`motefit.tflite.contained`: loads numpy once, and forks for each call."""

import os
import sys

import numpy.random  # noqa: F401 - loaded before the first fork, as the others

import motefit.tflite.model_trial  # noqa: F401 - likewise
from motefit.tflite.contained import serve

if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what LiteRT prints is no answer
        serve(sys.stdin.buffer, answers)
