"""A check measures a model again from its bytes, and compares it with its card and budget."""

import dataclasses
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

import motefit
from motefit.certify.certify import bundle_report
from motefit.certify.check import check
from motefit.codegen.compiled import find_compiler
from motefit.recipes.catalog import find_recipe
from motefit.runtime import load_bundle, write_bundle
from motefit.spec.errors import DataError, ModelFileError, OutputError, RecipeError


@pytest.fixture
def bundle(climate_run, tmp_path) -> Path:
    return Path(shutil.copy(climate_run.bundle, tmp_path / "model.zip"))


@pytest.fixture
def foreign(climate_run, tmp_path) -> Path:
    """The model of the run without its card."""
    path = tmp_path / "foreign.tflite"
    path.write_bytes(load_bundle(climate_run.bundle).model)
    return path


def rewritten(bundle: Path, **facts: float) -> None:
    """Put other facts into the card of a bundle."""
    old = load_bundle(bundle)
    card = dataclasses.replace(old.card, facts={**old.card.facts, **facts})
    write_bundle(bundle, old.model, card)


def sentences(result: object) -> str:
    return " ".join(str(result).split())


def test_the_file_is_read_once_the_zip_opened_once_and_the_model_parsed_once(
    bundle, climate_run, tmp_path, count_reads
):
    with count_reads() as reads:
        found = check(bundle, climate_run.data, out=tmp_path / "out")
    assert found.differences == ()
    assert (reads.files[bundle], reads.zips, list(reads.models.values())) == (1, 1, [1])


@pytest.mark.parametrize("run", ["climate_run", pytest.param("tones_run", marks=pytest.mark.proof)])
def test_every_fact_but_the_times_is_measured_again_exactly(run, request, tmp_path):
    made = request.getfixturevalue(run)
    stated = load_bundle(made.bundle).card
    found = check(made.bundle, made.data, out=tmp_path)
    same = {name for name in stated.facts if not name.startswith("latency.")}
    assert {"size.tflite_bytes", "size.zip_bytes", "macs"} < same
    assert {n: found.card.facts[n] for n in same} == {n: stated.facts[n] for n in same}
    assert (found.differences, found.same_data, found.rounded, found.scope) == ((), True, False, "")
    assert found.met
    assert "every size, accuracy and error of the card was reproduced exactly" in sentences(found)
    written = json.loads((tmp_path / "certificate.json").read_text())
    assert written["model_sha256"] == stated.model_sha256
    page = (tmp_path / "report.html").read_text("utf-8")
    assert stated.model_sha256[:12] in page
    assert found.card.provenance.seed == stated.provenance.seed
    assert found.card.provenance.data_sha256 == stated.provenance.data_sha256


def test_the_c_source_is_compared_and_recorded(bundle, climate_run, tmp_path):
    if find_compiler() is None:
        pytest.skip("no C compiler (tools/system_packages.sh installs gcc)")
    found = check(bundle, climate_run.data, c_source=True, out=tmp_path)
    compared = found.c_source
    assert compared.examples > 100
    assert compared.equal_outputs == compared.equal_answers == compared.examples
    assert found.card.evidence["c_source"]["examples"] == compared.examples
    assert "".join(compared.line) in str(found)
    differing = dataclasses.replace(compared, equal_outputs=compared.examples - 1)
    assert found.met
    assert not dataclasses.replace(found, c_source=differing).met


def test_a_check_needs_no_zopfli(bundle, climate_run, tmp_path, monkeypatch):
    """None in ``sys.modules`` makes the import system treat a module as missing."""
    monkeypatch.setitem(sys.modules, "zopfli.zlib", None)
    assert check(bundle, climate_run.data, out=tmp_path / "out").differences == ()


def test_a_bundle_whose_model_was_changed_is_refused(bundle, climate_run):
    loaded = load_bundle(bundle)
    model = bytearray(loaded.model)
    model[-1] ^= 1
    with pytest.MonkeyPatch.context() as patch:
        # write_bundle compares the hash and would refuse; an attacker's tool would not
        patch.setattr("motefit.runtime.bundle._require_match", lambda *_, **__: None)
        write_bundle(bundle, bytes(model), loaded.card)
    with pytest.raises(ModelFileError, match="changed after it was measured"):
        check(bundle, climate_run.data)


def test_a_check_that_is_refused_leaves_no_folder(bundle, tmp_path):
    for out in (None, tmp_path / "new" / "out"):
        with pytest.raises(DataError):
            check(bundle, tmp_path / "nowhere.csv", out=out)
    assert [path.name for path in tmp_path.iterdir()] == [bundle.name]


def test_a_zip_that_another_program_packed_is_checked_by_its_own_stream(bundle, climate_run):
    loaded = load_bundle(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("card.json", loaded.card.to_json())
        archive.writestr("model.tflite", loaded.model)
        size = archive.getinfo("model.tflite").compress_size + 122
    found = check(bundle, climate_run.data)
    assert not found.met
    (difference,) = found.differences
    assert (difference.metric, difference.measured) == ("size.zip_bytes", size)
    assert f"measured {size} B" in sentences(found)


@pytest.mark.parametrize("offset", [0.1, 0.35, 0.5, 0.75, 0.9])
def test_a_flipped_byte_of_the_zip_never_passes(bundle, climate_run, offset):
    data = bytearray(bundle.read_bytes())
    data[int(len(data) * offset)] ^= 0x10
    bundle.write_bytes(data)
    with pytest.raises(ModelFileError):
        check(bundle, climate_run.data)


def test_changed_facts_are_named_and_other_timings_are_not(bundle, climate_run):
    rewritten(bundle, **{"size.zip_bytes": 400.0, "mae.rh (%)": 0.5, "latency.total_ms": 99.0})
    found = check(bundle, climate_run.data)
    assert [each.metric for each in found.differences] == ["mae.rh (%)", "size.zip_bytes"]
    said = sentences(found)
    assert "differs size.zip_bytes: the card says 400 B, measured" in said
    assert "differs mae.rh (%): the card says 0.5, measured" in said
    assert "reproduced exactly" not in said
    assert found.certificate.met
    assert not found.met


def test_other_data_are_reported_and_not_compared(bundle, climate_csv, tmp_path):
    lines = climate_csv.read_text().splitlines()
    half = tmp_path / "half.csv"
    half.write_text("\n".join(lines[: len(lines) // 2]) + "\n")
    found = check(bundle, half)
    assert (found.same_data, found.differences, found.met) == (False, (), True)
    assert found.scope.startswith("the last 10 % of each gap-free run")
    said = sentences(found)
    assert "other data than the card's" in said
    assert f"scored on {found.scope}" in said
    assert "reproduced exactly" not in said


def test_a_new_file_is_scored_on_its_last_tenth_or_whole(climate_run, tmp_path):
    """A new file of one run: 4 rows in, 2 out."""
    lines = climate_run.data.read_text().splitlines()
    path = tmp_path / "later.csv"
    path.write_text("\n".join([lines[0], *lines[1:401]]))
    last = check(climate_run.bundle, path, out=tmp_path / "checked")
    assert last.scope.startswith("the last 10 % of each gap-free run, 35 windows; --all")
    whole = check(climate_run.bundle, path, whole=True, out=tmp_path / "checked")
    assert whole.scope.startswith("the whole file, 395 windows")


def test_all_data_of_words_cannot_be_scored(tones_run, tmp_path):
    with pytest.raises(RecipeError, match="leave it out"):
        check(tones_run.bundle, tones_run.data, whole=True, out=tmp_path / "checked")


def test_another_budget_is_checked_against_the_same_bytes(bundle, climate_run, tmp_path):
    strict = tmp_path / "strict.toml"
    strict.write_text(climate_run.recipe.read_text().replace("< 1100 B", "< 100 B"))
    found = check(bundle, climate_run.data, recipe=find_recipe(strict))
    assert (found.differences, found.certificate.met, found.met) == ((), False, False)
    assert "FAIL" in str(found)


def test_a_bare_model_with_its_card_beside_it(bundle, climate_run, tmp_path):
    loaded = load_bundle(bundle)
    (tmp_path / "bare.tflite").write_bytes(loaded.model)
    (tmp_path / "bare.card.json").write_text(loaded.card.to_json())
    found = check(tmp_path / "bare.tflite", climate_run.data)
    assert found.met
    assert (tmp_path / "bare-check" / "certificate.json").is_file()


def test_a_foreign_model_needs_a_recipe_and_then_passes(foreign, climate_run):
    with pytest.raises(ModelFileError, match="--recipe"):
        check(foreign, climate_run.data)
    found = check(foreign, climate_run.data, recipe=find_recipe(climate_run.recipe))
    assert found.met
    assert found.differences is None
    assert "no card to compare with" in str(found)
    # A linear model absorbs the training set's statistics, so the errors are identical.
    stated = load_bundle(climate_run.bundle).card.facts
    assert found.card.facts["mae.T (degC)"] == stated["mae.T (degC)"]


def test_the_order_of_labels_is_stated_given_or_read_from_the_file(tones_run, tmp_path):
    """In the wrong order every clip counts as the other word."""
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(load_bundle(tones_run.bundle).model)
    given = {"data": tones_run.data, "progress": "quiet", "out": tmp_path / "out"}
    recipe = tones_run.recipe

    def checked(**more: object) -> tuple[float, str]:
        found = motefit.check(foreign, recipe=recipe, **given, **more)
        assert found.label_order in str(found)
        assert found.certificate.accuracy.n > 0
        return found.card.facts["accuracy"], found.label_order

    right, order = checked()
    assert "alphabetical order: high, low" in order
    wrong, order = checked(labels="low,high")
    assert (wrong, order) == (pytest.approx(1 - right), "labels as given: low, high")
    listed = tmp_path / "labels.txt"
    listed.write_text("high\n\nlow\n")
    assert checked(labels=listed)[0] == checked(labels=["high", "low"])[0] == right
    with zipfile.ZipFile(foreign, "a") as behind:
        behind.writestr("names.txt", "low\nhigh\n")
    assert checked() == (wrong, "labels from names.txt in the file: low, high")
    with pytest.raises(RecipeError, match="high, low"):
        checked(labels="low,loud")
    with pytest.raises(RecipeError, match="has a card"):
        motefit.check(tones_run.bundle, labels="low,high", **given)
    with pytest.raises(RecipeError, match="cannot read the labels"):
        checked(labels=tmp_path)


def test_a_model_of_the_other_task_is_refused(bundle, climate_run, tones_run):
    with pytest.raises(RecipeError, match="is a model for forecasting"):
        check(bundle, tones_run.data, recipe=find_recipe(tones_run.recipe))
    with pytest.raises(RecipeError, match="long recordings are for keyword spotters"):
        check(bundle, climate_run.data, stream="scripted")


def test_other_words_are_refused(tones_run, tmp_path):
    shutil.copytree(tones_run.data, tmp_path / "words")
    (tmp_path / "words" / "low").rename(tmp_path / "words" / "deep")
    recipe = tmp_path / "deep.toml"
    recipe.write_text(tones_run.recipe.read_text().replace('"low"', '"deep"'))
    words, out = tmp_path / "words", tmp_path / "out"
    with pytest.raises(RecipeError, match="the model knows high, low"):
        check(tones_run.bundle, words, recipe=find_recipe(recipe), out=out)


def test_a_card_without_a_recipe_asks_for_one(bundle, climate_run):
    old = load_bundle(bundle)
    write_bundle(bundle, old.model, dataclasses.replace(old.card, recipe={}))
    with pytest.raises(ModelFileError, match="--recipe"):
        check(bundle, climate_run.data)


@pytest.mark.parametrize("content", [None, b"", b"TFL3", b"PK\x03\x04", b"no model at all" * 9])
def test_files_that_are_no_model_are_refused(tmp_path, climate_run, content):
    path = tmp_path / "model.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=str(path)):
        check(path, climate_run.data)


def test_an_unwritable_default_folder_is_reported_before_measuring(bundle, climate_run):
    bundle.with_name("model-check").write_text("a file in the way")
    with pytest.raises(OutputError, match=r"model-check.*--out"):
        check(bundle, climate_run.data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_reported(bundle, climate_run):
    bundle.parent.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="--out"):
            check(bundle, climate_run.data)
    finally:
        bundle.parent.chmod(0o755)


def test_a_report_of_a_bundle_alone_has_its_card_and_verdict(climate_run):
    found = bundle_report(climate_run.bundle)
    loaded = load_bundle(climate_run.bundle)
    assert (found.card, found.name) == (loaded.card, "tiny-climate")
    assert found.certificate.met
    assert sum(found.byte_map.values()) == len(loaded.model)
    assert (found.history, found.candidates) == ((), ())
