"""The device runtime: one model file with its card, NumPy and LiteRT, nothing else."""

from motefit.runtime.bundle import Bundle, load_bundle, write_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import Classification, KeywordSpotter

__all__ = [
    "Bundle",
    "Classification",
    "Forecaster",
    "Interpreter",
    "KeywordSpotter",
    "load_bundle",
    "write_bundle",
]
