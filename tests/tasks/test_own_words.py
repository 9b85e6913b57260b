"""Words of one's own: synthetic clips, a few recordings among them, and what is then measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.api.own_words import with_words
from motefit.data.own_recordings import SPEAKER
from motefit.data.synth.spoken_words import synthesize_speech
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS

SMALL = {
    "data.synthetic_clips": 12,
    "data.synthesizers": ["espeak-ng"],
    "data.recordings_percent": 50.0,
    "data.unknown": [],
    "data.silence": [],
}


def small(*words: str, **more: object) -> Recipe:
    """The recipe with few clips, one synthesizer and no reject classes."""
    recipe = find_recipe("custom")
    recipe = replace(recipe, train=replace(recipe.train, rejects=None))
    return with_words(recipe, words, synthetic=True).with_values(SMALL | more)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of other voices, named as a person would name them."""
    folder = tmp_path_factory.mktemp("own") / "words"
    synthesize_speech(
        ["up", "down"], folder, clips_per_word=10, rng=np.random.default_rng(5), accents=["fr"]
    )
    for number, path in enumerate(sorted(folder.glob("[ud]*/*.wav"))):
        path.rename(path.with_name(f"take {number}.wav"))
    return folder


def test_clips_are_as_long_as_the_words() -> None:
    recipe = with_words(find_recipe("custom"), ["turn on the lights", "up"], synthetic=True)
    assert recipe.data.words == ("turn on the lights", "up")
    assert 1 < recipe.frontend.seconds <= 2
    assert small("up", "down").frontend.seconds == 1
    real = with_words(find_recipe("up-down"), ["a very long wake word", "up"], synthetic=False)
    assert real.frontend.seconds == 1
    with pytest.raises(RecipeError, match="words are for keyword spotting"):
        with_words(find_recipe("climate-6"), ["up", "down"], synthetic=True)
    with pytest.raises(RecipeError, match="at least two words"):
        with_words(find_recipe("up-down"), ["up"], synthetic=True)


def test_without_recordings_synthetic_voices_are_measured_and_that_is_said() -> None:
    dataset = TASKS.find("keyword-spotting").load(small("up", "down"), None)
    speakers = {name: set(clips.speakers) for name, clips in dataset.subsets.items()}
    assert all(name.startswith(SPEAKER) for names in speakers.values() for name in names)
    assert not speakers["train"] & speakers["test"]
    assert f"{len(dataset.test)} clips by {len(speakers['test'])} voices" in dataset.taken[-1]


def test_recordings_train_with_weight_and_only_they_are_measured(recordings: Path) -> None:
    task = TASKS.find("keyword-spotting")
    alone = task.load(small("up", "down"), None)
    dataset = task.load(small("up", "down"), recordings)
    assert not any(str(name).startswith(SPEAKER) for name in dataset.test.speakers)
    assert np.bincount(dataset.test.label).tolist() == [2, 2]
    assert len(dataset.validation) == len(alone.validation) + len(alone.test) + 2
    own = [name for name in dataset.train.ids if "take" in name]
    made = len(dataset.train) - len(own)
    assert made == len(alone.train)
    assert len(set(own)) == 14
    assert abs(len(own) - made) <= 14
    sets = [set(clips.digests) for clips in dataset.subsets.values()]
    assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    assert "measured on 4 of the recordings" in dataset.taken[-1]
    assert dataset.key != alone.key
    assert len(dataset.noise) > len(alone.noise)


def test_every_word_needs_recordings(recordings: Path) -> None:
    with pytest.raises(DataError, match="left"):
        TASKS.find("keyword-spotting").load(small("left", "up"), recordings)
    with pytest.raises(RecipeError, match="needs words: give --words"):
        TASKS.find("keyword-spotting").load(find_recipe("custom"), recordings)


@pytest.mark.proof
def test_two_words_and_recordings_become_a_certified_model(recordings: Path) -> None:
    values = {"train.epochs": 2, "model.width": 8, "data.synthetic_clips": 20}  # with rejects
    result = motefit.fit(
        find_recipe("custom").with_values(values),
        words=["up", "down"],
        data=recordings,
        out=recordings.parent / "run",
        workers=1,
        progress="quiet",
    )
    assert "measured on 4 of the recordings" in str(result)
    assert result.main.card.io.labels == ("down", "up", "_unknown_", "_silence_")
    checked = motefit.check(result.main.bundle, data=recordings, progress="quiet")
    assert not checked.differences
