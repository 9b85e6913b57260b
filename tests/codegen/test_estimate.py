"""Estimates on boards: consistent with public results and the C source, never called measured."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from c_bundles import bundle_of, quantized, speech_io
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import motefit
from motefit.certify.estimated import estimates_of
from motefit.certify.verdict_table import verdict_content
from motefit.cli.app import app
from motefit.codegen.estimate import estimate_on, milliseconds_on
from motefit.codegen.footprint import footprint_of
from motefit.codegen.public_results import RESULTS, cycles_of
from motefit.codegen.work import REFERENCE, work_of
from motefit.graph.builder import Builder
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.boards import BOARDS, CORES
from motefit.spec.certificate import certify
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import Recipe
from motefit.tflite.importer.read import read_graph

NAME = "estimate.nano-33-ble_ms"


@pytest.fixture(scope="module")
def spotter():
    bundle = load_bundle(motefit.find_model("yes-no"))
    return bundle, read_graph(bundle.model)


def test_the_reference_is_mlperfs_network_and_costs_what_its_results_say():
    problem = Problem(input_shape=FrontEnd().shape, outputs=12)
    options = {"first_kernel": (10, 4), "softmax": True}
    rng = np.random.default_rng(0)
    graph = quantized(build("dscnn", options, problem=problem, rng=rng), rng)
    assert work_of(graph) == REFERENCE
    assert sum(REFERENCE[kind] for kind in ("macs", "depthwise_macs", "dense_macs")) == 2_656_768
    for result in RESULTS:
        board = next(b for b in BOARDS.values() if b.core == result.core)
        at_its_clock = dataclasses.replace(board, clock_mhz=result.clock_mhz)
        low, middle, high = milliseconds_on(graph, at_its_clock)
        assert low < middle < high
        assert low * 0.999 <= 1000 / result.per_second <= high * 1.001


def test_every_board_has_a_core_and_every_core_a_result():
    measured = {result.core for result in RESULTS}
    assert len(BOARDS) >= 12
    for board in BOARDS.values():
        assert board.ram_bytes < board.flash_bytes * 4
        assert board.source
    for core in CORES.values():
        assert set(core.calibrated_by) <= measured
        low, _middle, high = cycles_of(core)
        assert high / low > 1.4


@settings(max_examples=25)
@given(
    width=st.integers(1, 12),
    more=st.integers(1, 8),
    size=st.integers(3, 9),
    board=st.sampled_from(sorted(BOARDS)),
)
def test_more_work_takes_longer_and_a_faster_clock_less(width, more, size, board):
    rng = np.random.default_rng(0)

    def network(channels):
        built = Builder((size, size, 1), rng=rng)
        built.conv(channels, (3, 3))
        return built.classify(2)

    less, greater = network(width), network(width + more)
    there = BOARDS[board]
    assert milliseconds_on(less, there)[1] < milliseconds_on(greater, there)[1]
    faster = dataclasses.replace(there, clock_mhz=2 * there.clock_mhz)
    halves = [2 * ms for ms in milliseconds_on(less, faster)]
    assert halves == pytest.approx(milliseconds_on(less, there))


def test_a_board_fits_up_to_its_last_byte(spotter):
    bundle, graph = spotter
    kept = footprint_of(graph, bundle.card.io.frontend)
    board = BOARDS["nano-33-ble"]
    flash, ram = kept.flash_bytes, kept.ram_bytes
    for more_flash, more_ram in ((0, 0), (-1, 0), (0, -1)):
        small = dataclasses.replace(board, flash_bytes=flash + more_flash, ram_bytes=ram + more_ram)
        found = estimate_on(graph, kept, small)
        assert (found.fits_flash, found.fits_ram) == (more_flash == 0, more_ram == 0)
    assert kept.flash_on(CORES["Cortex-M0+"]) > kept.flash_on(CORES["Cortex-M4"])


def test_the_footprint_is_that_of_the_c_source(spotter, tmp_path):
    bundle, graph = spotter
    source = motefit.generate_c("yes-no", out=tmp_path)
    kept = footprint_of(graph, bundle.card.io.frontend)
    assert kept.arena_bytes == source.arena_bytes
    assert 0 < kept.table_bytes - source.table_bytes < 0.3 * source.table_bytes
    other = graph.with_constants(
        {n: a + 1 for n, a in graph.constants.items() if a.dtype == np.int32}
    )
    assert footprint_of(other, bundle.card.io.frontend) == kept


def test_the_command_prints_what_the_function_returns_and_calls_it_estimated():
    arguments = ["estimate", "yes-no", "--boards", "pico,nucleo-l4r5zi"]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    found = motefit.estimate("yes-no", boards=("pico", "nucleo-l4r5zi"))
    assert json.loads(done.stdout) == json.loads(json.dumps(encode(found)))
    shown = " ".join(CliRunner().invoke(app, arguments).stdout.split())
    assert "estimated: time and energy" in shown
    assert not re.search(r"(?<!not )measured", shown)
    assert "no public result" not in shown
    assert "Xtensa LX7: no public result" in str(motefit.estimate("climate-3"))
    wrong = CliRunner().invoke(app, ["estimate", "yes-no", "--boards", "picoo"])
    assert wrong.exit_code == 2
    assert "did you mean 'pico'" in wrong.stderr


def test_a_card_has_the_estimates_that_its_budget_names_and_says_so(spotter):
    bundle, graph = spotter
    plain = Recipe.loads('task = "keyword-spotting"\n[model]\nfamily = "dscnn"', name="r")
    assert estimates_of(plain, bundle.file, bundle.card.io) == ({}, {})
    bounded = plain.with_values({"budget.flash_bytes": "< 64 KB", f"budget.{NAME}": "< 1 s"})
    facts, evidence = estimates_of(bounded, bundle.file, bundle.card.io)
    assert set(facts) == {"flash_bytes", NAME}
    low, middle, high = milliseconds_on(graph, BOARDS["nano-33-ble"])
    assert facts[NAME] == middle
    assert evidence["estimate"][NAME] == {"low_ms": low, "high_ms": high}
    assert evidence["estimate"]["method"].startswith("estimated, not measured")
    certificate = certify(facts, bounded.budget)
    assert certificate.met
    assert all(line.measured.endswith(", estimated") for line in certificate.lines)
    card = dataclasses.replace(bundle.card, facts={**bundle.card.facts, **facts})
    table = str(verdict_content(card, certify({}, plain.budget))[0])
    assert re.search(rf"{re.escape(NAME)}.* estimated", table)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["yes-no", "eight-words", "climate-3-clock", "climate-6"])
def test_flash_is_within_a_tenth_of_the_linkers(name):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("there is no arm-none-eabi-gcc")
    found = motefit.estimate(name, boards=("pico", "nano-33-ble"), linked=True)
    for board in found.boards:
        assert board.flash_bytes == pytest.approx(board.linked_flash_bytes, rel=0.1)


def test_a_network_without_c_source_has_no_estimate():
    graph = build(
        "dscnn", {}, problem=Problem(input_shape=(20, 8), outputs=3), rng=np.random.default_rng(0)
    )
    frontend = speech_io().frontend
    with pytest.raises(motefit.ModelFileError, match="no C kernel"):
        footprint_of(fold(graph), frontend)
    with pytest.raises(motefit.ModelFileError, match="no C kernel"):
        footprint_of(bundle_graph(fold(graph)), frontend)


def bundle_graph(graph):
    return read_graph(bundle_of(graph, speech_io(labels=3)).model)


@pytest.mark.parametrize(
    ("model", "card"), [("climate-6-linear", "yes-no"), ("yes-no", "climate-6")]
)
def test_the_card_of_another_model_is_refused(tmp_path, model, card):
    own, other = (load_bundle(find_model(name)) for name in (model, card))
    (tmp_path / "other.tflite").write_bytes(own.model)
    stated = dataclasses.replace(other.card, model_sha256=own.card.model_sha256)
    (tmp_path / "card.json").write_text(json.dumps(encode(stated)))
    with pytest.raises(ModelFileError, match="belong to different models"):
        motefit.estimate(tmp_path / "other.tflite", boards=["nano-33-ble"])
