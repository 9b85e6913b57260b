"""``motefit check``: the figures are measured again from the bytes, in a second process."""

import dataclasses
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from motefit.certify.check import check
from motefit.codegen.compiled import find_compiler
from motefit.runtime import load_bundle, write_bundle
from motefit.spec.card import Card


@pytest.fixture
def bundle(climate_run, tmp_path) -> Path:
    return Path(shutil.copy(climate_run.bundle, tmp_path / "model.zip"))


def rewritten(bundle: Path, **facts: float) -> None:
    """Return the bundle with other facts in its card."""
    old = load_bundle(bundle)
    card = dataclasses.replace(old.card, facts={**old.card.facts, **facts})
    write_bundle(bundle, old.model, card)


@pytest.mark.parametrize("run", ["climate_run", pytest.param("tones_run", marks=pytest.mark.proof)])
def test_figures_are_reproduced_exactly_in_a_second_process(
    run, request, motefit_process, tmp_path
):
    made = request.getfixturevalue(run)
    stated = load_bundle(made.bundle).card.facts
    done = motefit_process("check", made.bundle, "--data", made.data, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["differences"] == []
    assert found["same_data"] is True
    same = [name for name in stated if not name.startswith("latency.")]
    assert {"size.tflite_bytes", "size.zip_bytes", "macs"} <= set(same)
    assert {name: found["facts"][name] for name in same} == {name: stated[name] for name in same}
    assert (tmp_path / "report.html").is_file()
    assert "INFO" not in done.stderr


def test_a_check_reads_the_file_once_opens_the_zip_once_and_parses_the_model_once(
    bundle, climate_run, tmp_path, count_reads
):
    with count_reads() as reads:
        found = check(bundle, climate_run.data, out=tmp_path / "out")
    assert found.differences == ()
    assert (reads.files[bundle], reads.zips, list(reads.models.values())) == (1, 1, [1])


def test_the_c_source_is_compared_and_recorded(invoke, bundle, climate_run, tmp_path):
    if find_compiler() is None:
        pytest.skip("no C compiler (tools/system_packages.sh installs gcc)")
    done = invoke("check", bundle, "--data", climate_run.data, "--c", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    table = json.loads(done.stdout)
    compared = table["c_source"]
    assert compared["examples"] > 100
    assert compared["equal_outputs"] == compared["equal_answers"] == compared["examples"]
    assert table["evidence"]["c_source"] == compared


def test_a_check_needs_no_zopfli(bundle, climate_run, tmp_path, monkeypatch):
    """None in ``sys.modules`` makes the import system treat a module as missing."""
    monkeypatch.setitem(sys.modules, "zopfli.zlib", None)
    assert check(bundle, climate_run.data, out=tmp_path / "out").differences == ()


def test_a_bundle_whose_model_was_changed_is_refused(refused, bundle, climate_run):
    loaded = load_bundle(bundle)
    model = bytearray(loaded.model)
    model[-1] ^= 1
    with pytest.MonkeyPatch.context() as patch:
        # write_bundle compares the hash and would refuse; an attacker's tool would not
        patch.setattr("motefit.runtime.bundle._require_match", lambda *_, **__: None)
        write_bundle(bundle, bytes(model), loaded.card)
    said = refused("check", bundle, "--data", climate_run.data)
    assert "changed after it was measured" in said


def test_a_zip_that_another_program_packed_is_checked_by_its_own_stream(
    invoke, bundle, climate_run
):
    loaded = load_bundle(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("card.json", loaded.card.to_json())
        archive.writestr("model.tflite", loaded.model)
        size = archive.getinfo("model.tflite").compress_size + 122
    result = invoke("check", bundle, "--data", climate_run.data)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "differs size.zip_bytes: the card says" in said
    assert f"measured {size} B" in said
    assert said.count("differs ") == 1


@pytest.mark.parametrize("offset", [0.1, 0.35, 0.5, 0.75, 0.9])
def test_a_flipped_byte_of_the_zip_never_passes(invoke, bundle, climate_run, offset):
    data = bytearray(bundle.read_bytes())
    data[int(len(data) * offset)] ^= 0x10
    bundle.write_bytes(data)
    result = invoke("check", bundle, "--data", climate_run.data)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_changed_facts_are_named(invoke, bundle, climate_run):
    rewritten(bundle, **{"size.zip_bytes": 400.0, "mae.rh (%)": 0.5})
    result = invoke("check", bundle, "--data", climate_run.data)
    assert result.exit_code == 1
    assert "differs size.zip_bytes: the card says 400 B, measured" in result.stdout
    assert "differs mae.rh (%): the card says 0.5, measured" in result.stdout
    assert "reproduced exactly" not in result.stdout


def test_other_timings_do_not_contradict_the_card(invoke, bundle, climate_run):
    rewritten(bundle, **{"latency.total_ms": 99.0})
    assert invoke("check", bundle, "--data", climate_run.data).exit_code == 0


def test_other_data_are_reported_and_not_compared(invoke, bundle, climate_csv, tmp_path):
    lines = climate_csv.read_text().splitlines()
    half = tmp_path / "half.csv"
    half.write_text("\n".join(lines[: len(lines) // 2]) + "\n")
    result = invoke("check", bundle, "--data", half)
    assert result.exit_code == 0, result.output
    assert "other data than the card's" in result.stdout
    assert "reproduced exactly" not in result.stdout


def test_another_budget_is_checked_against_the_same_bytes(invoke, bundle, climate_run, tmp_path):
    strict = tmp_path / "strict.toml"
    strict.write_text(climate_run.recipe.read_text().replace("< 1100 B", "< 100 B"))
    result = invoke("check", bundle, "--data", climate_run.data, "--recipe", strict)
    assert result.exit_code == 1
    assert "FAIL" in result.stdout


def test_a_bare_model_with_its_card_beside_it(invoke, bundle, climate_run, tmp_path):
    loaded = load_bundle(bundle)
    (tmp_path / "bare.tflite").write_bytes(loaded.model)
    (tmp_path / "bare.card.json").write_text(loaded.card.to_json())
    result = invoke("check", tmp_path / "bare.tflite", "--data", climate_run.data)
    assert result.exit_code == 0, result.output
    assert "reproduced exactly" in result.stdout
    assert (tmp_path / "bare-check" / "certificate.json").is_file()


def test_a_foreign_model_needs_a_recipe_and_then_passes(invoke, refused, climate_run, tmp_path):
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(load_bundle(climate_run.bundle).model)
    assert "--recipe" in refused("check", foreign, "--data", climate_run.data)
    result = invoke("check", foreign, "--data", climate_run.data, "--recipe", climate_run.recipe,
                    "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert "differences" not in found
    # A linear model absorbs the training set's statistics, so the errors are identical.
    stated = load_bundle(climate_run.bundle).card.facts
    assert found["facts"]["mae.T (degC)"] == stated["mae.T (degC)"]


def test_a_foreign_keyword_model_takes_the_front_end_of_the_recipe(invoke, tones_run, tmp_path):
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(load_bundle(tones_run.bundle).model)
    result = invoke("check", foreign, "--data", tones_run.data, "--recipe", tones_run.recipe,
                    "--json")  # fmt: skip
    assert result.exit_code in {0, 1}, result.output
    assert json.loads(result.stdout)["evidence"]["accuracy"]["n"] > 0


def test_the_order_of_labels_is_stated_given_or_read_from_the_file(
    invoke, refused, tones_run, tmp_path
):
    """In the wrong order every clip counts as the other word."""
    foreign = tmp_path / "foreign.tflite"
    model = load_bundle(tones_run.bundle).model
    foreign.write_bytes(model)
    words = ("check", foreign, "--data", tones_run.data, "--recipe", tones_run.recipe, "--json")

    def checked(*more: object) -> tuple[float, str]:
        result = invoke(*words, *more, "--out", tmp_path / "out")
        found = json.loads(result.stdout)
        return found["facts"]["accuracy"], found["label_order"]

    right, order = checked()
    assert "alphabetical order: high, low" in order
    wrong, order = checked("--labels", "low,high")
    assert (wrong, order) == (pytest.approx(1 - right), "labels as given: low, high")
    listed = tmp_path / "labels.txt"
    listed.write_text("high\nlow\n")
    assert checked("--labels", listed)[0] == right
    with zipfile.ZipFile(foreign, "a") as behind:
        behind.writestr("names.txt", "low\nhigh\n")
    assert checked() == (wrong, "labels from names.txt in the file: low, high")
    assert "high, low" in refused(*words, "--labels", "low,loud")
    assert "has a card" in refused(
        "check", tones_run.bundle, "--data", tones_run.data, "--labels", "low,high"
    )


def test_a_model_of_the_other_task_is_refused(refused, climate_run, tones_run):
    said = refused("check", climate_run.bundle, "--data", tones_run.data, "--recipe",
                   tones_run.recipe)  # fmt: skip
    assert "is a model for forecasting" in said


def test_other_words_are_refused(refused, tones_run, tmp_path):
    shutil.copytree(tones_run.data, tmp_path / "words")
    (tmp_path / "words" / "low").rename(tmp_path / "words" / "deep")
    recipe = tmp_path / "deep.toml"
    recipe.write_text(tones_run.recipe.read_text().replace('"low"', '"deep"'))
    said = refused("check", tones_run.bundle, "--data", tmp_path / "words", "--recipe", recipe)
    assert "the model knows high, low" in said


def test_a_card_without_a_recipe_asks_for_one(refused, bundle, climate_run):
    old = load_bundle(bundle)
    write_bundle(bundle, old.model, dataclasses.replace(old.card, recipe={}))
    assert "--recipe" in refused("check", bundle, "--data", climate_run.data)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\x03\x04", b"no model at all" * 9])
def test_files_that_are_no_model_are_refused(refused, tmp_path, climate_run, content):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    assert str(path) in refused("check", path, "--data", climate_run.data)


def test_a_missing_model_is_refused(refused, tmp_path):
    assert "nothing.zip" in refused("check", tmp_path / "nothing.zip")


def test_an_unwritable_default_folder_is_reported_before_measuring(refused, bundle, climate_run):
    bundle.with_name("model-check").write_text("a file in the way")
    said = refused("check", bundle, "--data", climate_run.data)
    assert "model-check" in said
    assert "--out" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_reported(refused, bundle, climate_run):
    bundle.parent.chmod(0o555)
    try:
        assert "--out" in refused("check", bundle, "--data", climate_run.data)
    finally:
        bundle.parent.chmod(0o755)


def test_the_card_says_how_it_was_made(climate_run):
    card: Card = load_bundle(climate_run.bundle).card
    recipe, data = climate_run.recipe, climate_run.data
    assert card.provenance.command == f"motefit fit {recipe.stem}.toml --data {data.name}"
    assert card.provenance.seed == 0
    assert len(card.provenance.data_sha256) == 64
