"""Data that cannot be used: what was found, where, and what to do, before anything is trained."""

import re

import pytest

from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import MotefitError
from motefit.tasks import TASKS


@pytest.fixture
def load_tones(tones, tones_recipe):
    """Load the damaged tones and return the message."""

    def run(data=tones) -> str:
        recipe = find_recipe(tones_recipe)
        with pytest.raises(MotefitError) as refused:
            TASKS.find(recipe.task).load(recipe, data)
        return str(refused.value)

    return run


@pytest.fixture
def load_climate(climate_recipe, climate_csv, tmp_path):
    """Load a climate file with other text and return the message."""

    def run(change) -> str:
        path, recipe = tmp_path / "damaged.csv", find_recipe(climate_recipe)
        path.write_text("\n".join(change(climate_csv.read_text().splitlines())) + "\n")
        with pytest.raises(MotefitError) as refused:
            TASKS.find(recipe.task).load(recipe, path)
        return str(refused.value)

    return run


def test_a_folder_that_is_missing_or_empty(load_tones, tmp_path):
    assert "no such folder" in load_tones(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no word folders found" in load_tones(tmp_path / "empty")


def test_a_word_without_clips(load_tones, tones):
    for clip in (tones / "low").iterdir():
        clip.unlink()
    assert "the word 'low' has no clips" in load_tones()


def test_a_missing_word(load_tones, tones):
    (tones / "low").rename(tones / "lowe")
    assert "did you mean 'lowe'?" in load_tones()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda _: b"this is not sound\n" * 20, "not a readable WAV file"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda _: b"", "0 bytes"),
        (lambda whole: whole[:44], "truncated"),
    ],
    ids=["text", "truncated", "empty", "header only"],
)
def test_many_broken_files_are_named(load_tones, tones, tones_recipe, content, said):
    """Two of 32 files are more than the 5 % that may be left out."""
    broken = sorted((tones / "low").iterdir())[3:5]
    for clip in broken:
        clip.write_bytes(content(clip.read_bytes()))
    told = load_tones()
    assert [str(clip) in told for clip in broken] == [True, True]
    assert told.count(said) == 2
    assert "2 of 32 audio files cannot be used" in told
    assert "damaged_percent" in told
    recipe = find_recipe(tones_recipe)
    listed = TASKS.find(recipe.task).broken(recipe, tones)
    assert [item.path for item in listed] == broken


def test_few_broken_files_are_left_out_named_and_counted(load_tones, tones, tones_recipe, caplog):
    """One of 32 is within the 5 % that may be left out, and beyond the 3 % of another recipe."""
    clip = sorted((tones / "low").iterdir())[3]
    clip.write_bytes(b"")
    note = f"1 of 32 audio files are damaged and left out: {clip}: "
    recipe = find_recipe(tones_recipe)
    task = TASKS.find(recipe.task)
    dataset = task.load(recipe, tones)
    assert sum(len(subset) for subset in dataset.subsets.values()) == 31
    assert [item.path for item in task.damaged(dataset)] == [clip]
    assert note in caplog.text
    notes = task.audit(dataset)["notes"]
    assert [text.startswith(note) for text in notes].count(True) == 1
    assert "audio files not used: 1 (1 damaged)" in notes
    text = tones_recipe.read_text().replace("[frontend]", "damaged_percent = 3\n[frontend]")
    tones_recipe.write_text(text)
    assert "1 of 32 audio files cannot be used" in load_tones()


def test_a_missing_table(climate_recipe, tmp_path):
    recipe = find_recipe(climate_recipe)
    with pytest.raises(MotefitError, match="no such file"):
        TASKS.find(recipe.task).load(recipe, tmp_path / "no.csv")


def without_a_value(lines: list[str]) -> list[str]:
    time, _, rest = lines[7].split(",", 2)
    return [*lines[:7], f"{time},NaN,{rest}", *lines[8:]]


def test_not_a_number_is_refused_where_the_recipe_says_so(load_climate, climate_recipe):
    text = climate_recipe.read_text().replace("[data]", '[data]\nmissing = "error"')
    climate_recipe.write_text(text)
    said = load_climate(without_a_value)
    assert "line 8" in said
    assert "'T (degC)' is missing" in said


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda rows: [*rows[:5], rows[5].replace(".", ",", 1) + "x", *rows[6:]], "line 6"),
        (lambda rows: [*rows[:9], rows[10], rows[9], *rows[11:]], "line 11.*out of order"),
        (lambda rows: [*rows[:9], rows[8], *rows[9:]], 'twice.*repeated_rows = "drop"'),
        (
            lambda rows: [rows[0].replace("rh (%)", "rh"), *rows[1:]],
            r"no column 'rh \(%\)' \(did you mean 'rh'\?\)",
        ),
        (lambda rows: rows[:12], "too few rows"),
    ],
    ids=["text", "unordered", "repeated", "renamed", "short"],
)
def test_an_unusable_table(load_climate, damage, said):
    assert re.search(said, load_climate(damage), re.DOTALL)
