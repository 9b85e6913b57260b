"""Quantization-aware fine-tuning, see ``train.finetune.fake_quantization``."""

from dataclasses import replace

from motefit.spec.errors import RecipeError
from motefit.train.compressors import compressor, require
from motefit.train.finetune.fake_quantization import rounded_weights
from motefit.train.finetune.finetuner import FineTuner, FineTuneSpec
from motefit.train.finetune.trained_model import Model


@compressor("quantization-aware")
def quantization_aware(
    model: Model, tuner: FineTuner, *, epochs: int = 5, learning_rate: float = 0.0
) -> Model:
    """Fine-tune with the rounding of the released file, which later steps also apply.

    The norms are folded and their statistics frozen. If no epoch is better than the start on
    validation, the weights stay unchanged.

    Args:
        model: trained.
        tuner: whose ``compress.precision`` determines what is rounded.
        epochs: of fine-tuning; 0 only calibrates.
        learning_rate: peak; 0 for a tenth of the training's.

    Raises:
        RecipeError: for a precision that rounds nothing, or an LSTM in int8.
    """
    require("epochs", epochs, low=0, high=1e6)
    require("learning_rate", learning_rate, low=0, high=1e3)
    model = model.folded()
    if not rounded_weights(tuner.nearest_form(model)):
        raise RecipeError(
            f"the precision {tuner.compress.precision!r} rounds no weight of this network to "
            'integers: set compress.precision, e.g. to "int8", or leave this step out'
        )
    aware = replace(model, aware=True, ranges=model.ranges or tuner.ranges(model))
    tuning = FineTuneSpec(epochs=epochs, learning_rate=learning_rate, may_fail=True)
    return tuner.fit(aware, tuning) if epochs else aware
