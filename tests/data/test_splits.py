"""Splits: disjoint, complete, reproducible, balanced; published lists."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.speakers import speaker_finder
from motefit.data.splits import (
    SUBSETS,
    fold_split,
    published_split,
    speaker_split,
    stratified_split,
    word_of,
)
from motefit.spec.errors import DataError

counts_per_word = st.dictionaries(
    st.sampled_from(["up", "down", "left", "right", "été"]),
    st.integers(10, 120),
    min_size=2,
)
percents = st.tuples(st.floats(20, 80), st.floats(10, 20).filter(lambda p: p < 20))
seeds = st.integers(-(2**70), 2**70)


def clip_ids(counts, speakers=1000):
    return [
        f"{word}/s{(i + ord(word[0])) % speakers}_nohash_{i}"
        for word, n in counts.items()
        for i in range(n)
    ]


def speakers_of(ids):
    find = speaker_finder("")
    return {name: find(name) for name in ids}


def assert_partition(split, ids):
    together = [name for names in split.subsets.values() for name in names]
    assert sorted(together) == sorted(ids)
    assert all(list(names) == sorted(names) for names in split.subsets.values())


@given(counts=counts_per_word, percent=percents, seed=seeds)
def test_stratified_split_covers_everything_within_one_clip_per_word(counts, percent, seed):
    ids = clip_ids(counts)
    train, validation = percent
    options = {"train_percent": train, "validation_percent": validation, "seed": seed}
    split = stratified_split(ids, **options)
    assert_partition(split, ids)
    assert split == stratified_split(reversed(ids), **options)
    shares = dict(zip(SUBSETS, (train, validation, 100 - train - validation), strict=True))
    for subset, names in split.subsets.items():
        found = Counter(map(word_of, names))
        for word, n in counts.items():
            spare = 1 if min(shares.values()) * n >= 100 else 2  # a subset had to be given a clip
            assert abs(found[word] - n * shares[subset] / 100) <= spare
            assert found[word] >= 1 or n < len(SUBSETS)


def test_stratified_split_depends_on_the_seed_and_not_on_other_words():
    ids = clip_ids({"up": 100, "down": 100})
    options = {"train_percent": 80.0, "validation_percent": 10.0}
    first = stratified_split(ids, seed=0, **options)
    assert first != stratified_split(ids, seed=1, **options)
    more = stratified_split([*ids, *clip_ids({"left": 50})], seed=0, **options)
    assert set(first.test) <= set(more.test)


def test_published_percentages_of_eight_hundred():
    split = stratified_split(
        clip_ids({"up": 1000, "down": 1000}), train_percent=80.0, validation_percent=10.0, seed=3
    )
    assert [len(names) for names in split.subsets.values()] == [1600, 200, 200]


@given(counts=counts_per_word, seed=seeds, speakers=st.integers(8, 60))
def test_speaker_split_shares_no_speaker(counts, seed, speakers):
    ids = clip_ids(counts, speakers)
    options = {"train_percent": 60.0, "validation_percent": 20.0, "seed": seed}
    split = speaker_split(speakers_of(ids), **options)
    assert_partition(split, ids)
    assert split == speaker_split(speakers_of(reversed(ids)), **options)
    homes = [set(speakers_of(names).values()) for names in split.subsets.values()]
    assert not homes[0] & homes[1]
    assert not homes[0] & homes[2]
    assert not homes[1] & homes[2]


def test_speaker_split_is_balanced_by_word_where_speakers_are_small():
    ids = clip_ids({"up": 900, "down": 600, "left": 300}, speakers=300)
    split = speaker_split(speakers_of(ids), train_percent=80.0, validation_percent=10.0, seed=0)
    for subset, share in zip(SUBSETS, (0.8, 0.1, 0.1), strict=True):
        found = Counter(map(word_of, split.subsets[subset]))
        for word, n in {"up": 900, "down": 600, "left": 300}.items():
            assert found[word] == pytest.approx(n * share, abs=0.02 * n)
    assert split != speaker_split(
        speakers_of(ids), train_percent=80.0, validation_percent=10.0, seed=1
    )


def test_two_speakers_cannot_be_split_by_speaker():
    ids = [f"{w}/s{i % 2}_nohash_{i}" for w in ("up", "down") for i in range(20)]
    with pytest.raises(
        DataError, match=r'at least 3 speakers, but the clips are from 2.*"stratified"'
    ):
        speaker_split(speakers_of(ids), train_percent=80.0, validation_percent=10.0, seed=0)


@given(counts=counts_per_word, seed=seeds, folds=st.integers(3, 6))
def test_folds_share_no_speaker_and_no_clip_of_the_closed_list(
    tmp_path_factory, counts, seed, folds
):
    ids = clip_ids(counts, speakers=40)
    closed = tmp_path_factory.mktemp("lists") / "test_list.txt"
    closed.write_text("\n".join(f"{name}.wav" for name in ids[::7]) + "\n", encoding="utf-8")
    options = {"folds": folds, "seed": seed}
    splits = [fold_split(speakers_of(ids), closed, fold=i, **options) for i in range(folds)]
    assert splits[0] == fold_split(speakers_of(reversed(ids)), closed, fold=0, **options)
    for split in splits:
        assert_partition(split, set(ids) - set(ids[::7]))
        assert set(split.unlisted) == set(ids[::7])
        homes = [set(speakers_of(names).values()) for names in split.subsets.values()]
        assert not (homes[0] & homes[1])
        assert not (homes[0] & homes[2])
        assert not (homes[1] & homes[2])
    validated = [name for split in splits for name in split.validation]
    assert sorted(validated) == sorted(set(ids) - set(ids[::7]))
    assert [s.test for s in splits] == [s.validation for s in splits[1:] + splits[:1]]


def test_more_folds_than_speakers_are_refused(tmp_path):
    ids = [f"{w}/s{i % 4}_nohash_{i}" for w in ("up", "down") for i in range(20)]
    closed = tmp_path / "test_list.txt"
    closed.write_text("up/s0_nohash_0.wav\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"5 folds .* outside test_list.txt are from 4; use fewer"):
        fold_split(speakers_of(ids), closed, folds=5, fold=0, seed=0)


def test_too_few_clips_for_a_part_is_an_error():
    ids = ["up/a", "up/b", "down/a", "down/b"]
    with pytest.raises(DataError, match="validation set has no clips"):
        stratified_split(ids, train_percent=80.0, validation_percent=10.0, seed=0)


def test_a_word_without_a_training_clip_is_an_error(tmp_path):
    lists = write_lists(tmp_path, train=["up/a.wav"], validation=["up/b.wav"], test=["down/a.wav"])
    with pytest.raises(DataError, match="no training clip of down"):
        published_split(["up/a", "up/b", "down/a"], lists)


def write_lists(folder, **lines):
    lists = {}
    for subset, names in lines.items():
        lists[subset] = folder / f"my_{subset}.txt"
        lists[subset].write_text("\n".join(names) + "\n", encoding="utf-8")
    return lists


def test_published_lists_match_by_word_and_stem_whatever_the_rest(tmp_path):
    lists = write_lists(
        tmp_path,
        train=["./data/mini/up/a_nohash_0.wav", "", "down\\a_nohash_0.flac", "up/gone.wav"],
        validation=["/abs/up/b_nohash_0", "left/other_word.wav"],
        test=["up/c.x_nohash_1.ogg"],
    )
    ids = ["up/a_nohash_0", "down/a_nohash_0", "up/b_nohash_0", "up/c.x_nohash_1", "down/extra"]
    split = published_split(ids, lists)
    assert split.train == ("down/a_nohash_0", "up/a_nohash_0")
    assert split.validation == ("up/b_nohash_0",)
    assert split.test == ("up/c.x_nohash_1",)
    assert split.missing == ("up/gone",)
    assert split.unlisted == ("down/extra",)


def test_without_a_training_list_the_rest_is_for_training(tmp_path):
    lists = write_lists(tmp_path, validation=["up/a.wav"], test=["down/a.wav"])
    split = published_split(["up/a", "up/b", "down/a", "down/b"], lists)
    assert split.train == ("down/b", "up/b")
    assert split.unlisted == ()


def test_a_clip_in_two_lists_is_an_error(tmp_path):
    lists = write_lists(tmp_path, train=["up/a", "up/b"], validation=["up/c"], test=["x/up/b.wav"])
    with pytest.raises(DataError, match=r"my_test\.txt: the clip up/b is also in my_train\.txt"):
        published_split(["up/a", "up/b", "up/c"], lists)


def test_lists_of_other_data_are_an_error(tmp_path):
    lists = write_lists(tmp_path, train=["up/a"], validation=["up/b"], test=["up/c"])
    with pytest.raises(DataError, match="none of the 3 listed clips"):
        published_split(["up/x", "up/y", "up/z"], lists)


def test_a_line_that_is_no_path_is_an_error(tmp_path):
    lists = write_lists(tmp_path, train=["up/a", "nonsense"], validation=["up/b"], test=["up/c"])
    with pytest.raises(DataError, match=r"my_train\.txt, line 2: .*'nonsense'"):
        published_split(["up/a", "up/b", "up/c"], lists)


def test_a_binary_list_is_an_error(tmp_path):
    lists = write_lists(tmp_path, train=["up/a"], validation=["up/b"], test=["up/c"])
    lists["test"].write_bytes(b"\xff\xfe\x00up")
    with pytest.raises(DataError, match="not a UTF-8 text"):
        published_split(["up/a", "up/b", "up/c"], lists)
