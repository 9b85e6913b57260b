"""The gate: what LiteRT does not survive stays out, and a proof is made once."""

import os
import platform

import pytest
from model_edits import crashing, rewritten

from motefit.runtime import gate
from motefit.runtime.bundle import open_model
from motefit.runtime.gate import PROVEN, admit, vouch
from motefit.runtime.zoo import find_model
from motefit.spec.errors import ModelFileError
from motefit.tflite import model_trial
from motefit.tflite.model import ModelFile


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A process that has seen no model, with an empty cache folder; counts the trials."""
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))
    monkeypatch.setattr(gate, "_admitted", set())
    tried, real = [], model_trial.try_model
    monkeypatch.setattr(model_trial, "try_model", lambda model: (tried.append(model), real(model)))
    return tried


def test_a_model_is_tried_once_and_the_proof_outlives_the_process(
    alone, int8_bundle, monkeypatch, tmp_path
):
    file = ModelFile(data=int8_bundle.model)
    admit(file)
    admit(file)
    monkeypatch.setattr(gate, "_admitted", set())  # as another process
    admit(file)
    assert len(alone) == 1
    assert file.sha256 in (tmp_path / PROVEN).read_text()


def test_a_proof_for_another_litert_is_none(alone, int8_bundle, monkeypatch):
    file = ModelFile(data=int8_bundle.model)
    admit(file)
    monkeypatch.setattr(gate, "_admitted", set())
    monkeypatch.setattr(gate, "LITERT_VERSION", "0.0")
    admit(file)
    assert len(alone) == 2


def test_a_proof_by_other_rules_is_none(alone, int8_bundle, monkeypatch, tmp_path):
    file = ModelFile(data=int8_bundle.model)
    former = f"{file.sha256} LiteRT {gate.LITERT_VERSION} {platform.machine()}"
    (tmp_path / PROVEN).write_text(f"{former}\n{former} gate 0123456789abcdef\n")
    admit(file)
    assert len(alone) == 1
    monkeypatch.setattr(gate, "_admitted", set())
    admit(file)  # by the same rules
    assert len(alone) == 1
    changed = tmp_path / "tflite"
    for name in gate.RULES:
        (changed / name).parent.mkdir(parents=True, exist_ok=True)
        (changed / name).write_bytes((gate.FOLDER / name).read_bytes())
    (changed / "validate.py").write_text("# another rule")
    monkeypatch.setattr(gate, "FOLDER", changed)
    monkeypatch.setattr(gate, "gate_digest", gate.gate_digest.__wrapped__)
    monkeypatch.setattr(gate, "_admitted", set())
    admit(file)
    assert len(alone) == 2


def test_models_measured_here_and_shipped_ones_are_not_tried(alone, int8_bundle):
    file = ModelFile(data=int8_bundle.model)
    vouch(file)
    admit(file)
    shipped = find_model("climate-6")
    admit(ModelFile.from_path(shipped), shipped)
    assert not alone


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_without_a_place_for_proofs_each_process_tries_again(alone, int8_bundle, tmp_path):
    tmp_path.chmod(0o500)
    admit(ModelFile(data=int8_bundle.model))
    assert len(alone) == 1


def test_what_crashes_is_refused_every_time_and_never_proven(alone, tmp_path):
    sound = ModelFile.from_path(find_model("climate-6"))
    file = ModelFile(data=rewritten(sound.data, crashing))
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"crashes LiteRT \(signal \d+ while allocating"):
            admit(file)
    assert len(alone) == 2
    assert not (tmp_path / PROVEN).exists()


def test_a_damaged_structure_is_refused_before_any_trial(alone, int8_bundle):
    def lacking(model):
        model.subgraphs[0].operators[0].inputs = model.subgraphs[0].operators[0].inputs[:0]

    def huge(model):
        model.subgraphs[0].tensors[0].shape = [1, 1 << 20, 1 << 10, 1]

    for change, said in (
        (lacking, "needs 2 inputs, has 0|needs 1 inputs, has 0"),
        (huge, "of more than"),
    ):
        with pytest.raises(ModelFileError, match=said):
            admit(ModelFile(data=rewritten(int8_bundle.model, change)))
    assert not alone


def test_old_proofs_are_dropped(alone, int8_bundle, monkeypatch, tmp_path):
    monkeypatch.setattr(gate, "MOST_PROOFS", 4)
    (tmp_path / PROVEN).write_text("".join(f"{n} old\n" for n in range(4)))
    admit(ModelFile(data=int8_bundle.model))
    lines = (tmp_path / PROVEN).read_text().splitlines()
    assert lines[:2] == ["2 old", "3 old"]
    assert len(lines) == 3


def test_errors_about_a_file_name_it_once(alone, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(bytes(4) + b"TFL3" + bytes([255]) * 200)
    for refused in (lambda: ModelFile.from_path(path).tables, lambda: open_model(path)):
        with pytest.raises(ModelFileError, match=f"^{path}: damaged .tflite file") as caught:
            refused()
        assert str(caught.value).count(str(path)) == 1
