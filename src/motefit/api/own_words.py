"""Recipes for the user's own words."""

from collections.abc import Sequence

from motefit.data.synth.clip_length import choose_seconds
from motefit.data.synth.voices import ENGLISH_ACCENTS
from motefit.data.synth.words import checked_words
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.speech_spec import SpeechData


def with_words(recipe: Recipe, words: Sequence[str], *, synthetic: bool) -> Recipe:
    """Return a recipe for other words, with clips long enough for them.

    Args:
        recipe: for keyword spotting.
        words: two or more.
        synthetic: whether no recordings are given.

    Raises:
        RecipeError: for a recipe without words.
        DataError: for words that cannot be spoken.
        MissingExtraError: without espeak-ng, if clips are synthesized.
    """
    data = recipe.data
    if not isinstance(data, SpeechData) or recipe.frontend is None:
        raise RecipeError(f"{recipe.name}: words are for keyword spotting, not for {recipe.task}")
    values: dict[str, object] = {"data.words": sorted(checked_words(words))}
    if synthetic or data.synthetic == "always":
        seconds = choose_seconds(words, ENGLISH_ACCENTS)
        values["frontend.seconds"] = max(recipe.frontend.seconds, seconds)
    return recipe.with_values(values)
