"""Quantisation-aware fine-tuning, see ``train.qat``."""

from dataclasses import replace

from motefit.spec.errors import RecipeError
from motefit.train.coach import Coach, Lesson
from motefit.train.compressors import compressor, require
from motefit.train.model import Model
from motefit.train.qat import rounded_weights


@compressor("quantisation-aware")
def quantisation_aware(
    model: Model, coach: Coach, *, epochs: int = 5, learning_rate: float = 0.0
) -> Model:
    """Fine-tune with the rounding of the shipped file; later steps go on feeling it.

    The norms are folded and their statistics frozen. Where no epoch is better than the start on
    validation, the weights stay as they are.

    Args:
        model: trained.
        coach: whose ``compress.precision`` says what is rounded.
        epochs: of fine-tuning; 0 only calibrates.
        learning_rate: peak; 0 for a tenth of the training's.

    Raises:
        RecipeError: for a precision that rounds nothing, or an LSTM in int8.
    """
    require("epochs", epochs, low=0, high=1e6)
    require("learning_rate", learning_rate, low=0, high=1e3)
    model = model.folded()
    if not rounded_weights(coach.nearest_form(model)):
        raise RecipeError(
            f"the precision {coach.compress.precision!r} rounds no weight of this network to "
            'integers: set compress.precision, e.g. to "int8", or leave this step out'
        )
    aware = replace(model, aware=True, ranges=model.ranges or coach.ranges(model))
    lesson = Lesson(epochs=epochs, learning_rate=learning_rate, may_fail=True)
    return coach.fit(aware, lesson) if epochs else aware
