"""A wider data set contains nothing from validation and test of the narrow one."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from motefit.data.speech import SpeechDataset, exclude_overlap, load_speech
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 8000
WORDS = ("down", "go", "up")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three words of 60 clips by 12 speakers; go/s0_nohash_0 sounds as up/s0_nohash_0."""
    root = tmp_path_factory.mktemp("words")
    for word in WORDS:
        (root / word).mkdir()
        for i in range(60):
            same = word in {"go", "up"} and i == 0
            rng = np.random.default_rng([i, *(b"same" if same else word.encode())])
            sound = rng.integers(-20_000, 20_000, 400, dtype=np.int16)
            soundfile.write(root / word / f"s{i % 12}_nohash_{i}.wav", sound, RATE)
    return root


def load(folder: Path, words: tuple[str, ...], split: str, seed: int = 0) -> SpeechDataset:
    data = SpeechData(words=words, split=split, train_percent=60, validation_percent=20, seed=seed)
    return load_speech(folder, data, rate_hz=RATE, seconds=0.05, cache=folder.parent / "cache")


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.proof) for n in range(2, 6))]
)
@pytest.mark.parametrize("split", ["stratified", "speaker"])
def test_no_clip_that_judges_is_learnt_from(folder: Path, split: str, seed: int) -> None:
    wider, narrow = load(folder, WORDS, split, seed), load(folder, ("down", "up"), split, seed)
    kept = exclude_overlap(wider, narrow)
    assert kept.labels == wider.labels
    assert len(kept.test) == 0
    for judging in (wider.validation, wider.test, narrow.validation, narrow.test):
        assert not set(kept.train.ids) & set(judging.ids)
        assert not set(kept.train.digests) & set(judging.digests)
        if split == "speaker":
            assert not set(kept.train.speakers) & set(judging.speakers)
    for judging in (wider.test, narrow.test):
        assert not set(kept.validation.ids) & set(judging.ids)
        assert not set(kept.validation.digests) & set(judging.digests)
    for name in ("train", "validation"):
        was, now = wider.subsets[name], kept.subsets[name]
        rows = [was.ids.index(clip) for clip in now.ids]
        np.testing.assert_array_equal(now.pcm, was.pcm[rows])
        np.testing.assert_array_equal(now.label, was.label[rows])
        np.testing.assert_array_equal(now.lengths, was.lengths[rows])
        assert now.speakers == tuple(was.speakers[row] for row in rows)
        assert now.digests == tuple(was.digests[row] for row in rows)
        assert rows  # something is left


def test_a_clip_that_sounds_as_one_that_judges_goes(folder: Path) -> None:
    """With some seeds the twin is in validation or test, and its sister in training."""
    met = 0
    for seed in range(12):
        wider = load(folder, WORDS, "stratified", seed)
        home = {clip: subset for subset, clips in wider.subsets.items() for clip in clips.ids}
        twins = {home["go/s0_nohash_0"], home["up/s0_nohash_0"]}
        if "train" in twins and len(twins) == 2:
            kept = exclude_overlap(wider, load(folder, ("down", "go"), "stratified", seed))
            assert not {"go/s0_nohash_0", "up/s0_nohash_0"} & set(kept.train.ids)
            met += 1
    assert met > 0


def test_what_is_kept_alike_has_one_key_for_all_choices_of_words(folder: Path) -> None:
    wider = load(folder, WORDS, "stratified")
    first = exclude_overlap(wider, load(folder, ("down", "up"), "stratified"))
    second = exclude_overlap(wider, load(folder, ("go", "up"), "stratified"))
    assert first.train.ids == second.train.ids
    assert first.key == second.key != wider.key
    other = exclude_overlap(
        load(folder, WORDS, "stratified", 1), load(folder, ("go", "up"), "stratified", 1)
    )
    assert other.key != first.key
