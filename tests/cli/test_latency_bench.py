"""``motefit latency`` and ``motefit bench`` on small real files."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from model_edits import custom_operation, rewritten

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range
from motefit.measure.latency.bench_report import BenchResult
from motefit.measure.latency.device_profile import DeviceProfile
from motefit.runtime.bundle import sha256, write_bundle
from motefit.spec.card import Card
from motefit.spec.codec import decode
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

SPEECH = SpeechIO(labels=("down", "left", "up"), frontend=FrontEnd(), normalization=Normalization())
SERIES = SeriesIO(
    inputs=("T (degC)", "rh (%)"),
    targets=("T (degC)",),
    input_steps=6,
    output_steps=3,
    step_minutes=10.0,
    normalization=Normalization(mean=(9.0, 72.0), std=(8.0, 16.0)),
)
LINES = {
    "2020": [r"Inference Latency \d+\.\d\dms", r"Total Latency \d+\.\d\dms"],
    "2024": [
        rf"{stage} Latency: \d+\.\d \+/- \d+\.\dms" for stage in ("Preprocessing", "Model", "Total")
    ],
    "motefit": [
        *(
            rf"{stage} Latency: \d+\.\d{{3}}ms, p25 \d+\.\d{{3}}ms"
            for stage in ("Preprocessing", "Model", "Total")
        ),
        r"Total Latency p25: \d+\.\d{3} x reference p25 \d+\.\d{3}ms",
    ],
}
NO_PAUSE = {"motefit": [], "2020": ["--pause", 0], "2024": ["--pause", 0]}


def network(family, shape, outputs, **options):
    problem = Problem(input_shape=shape, outputs=outputs)
    return write(fold(build(family, options, problem=problem, rng=np.random.default_rng(0))))


@pytest.fixture(scope="module")
def mfcc_model():
    return network("dscnn", (49, 10), 3, width=8, blocks=1)


@pytest.fixture
def bundle(tmp_path, mfcc_model):
    card = Card(task="keyword-spotting", io=SPEECH, model_sha256=sha256(mfcc_model))
    return write_bundle(tmp_path / "words.zip", mfcc_model, card)


@pytest.fixture
def large(tmp_path):
    """A network that takes milliseconds, so that what the protocols leave out hardly matters."""
    model = network("cnn", (49, 10), 3, filters=(256, 256, 256))
    card = Card(task="keyword-spotting", io=SPEECH, model_sha256=sha256(model))
    return write_bundle(tmp_path / "large.zip", model, card)


@pytest.fixture
def series(tmp_path):
    model = network("mlp", (6, 2), 3, units=(4,))
    card = Card(task="forecasting", io=SERIES, model_sha256=sha256(model))
    return write_bundle(tmp_path / "series.zip", model, card)


@pytest.fixture
def bare(tmp_path, mfcc_model):
    path = tmp_path / "bare" / "model.tflite"
    path.parent.mkdir()
    path.write_bytes(mfcc_model)
    return path


def printed(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.mark.parametrize("protocol", LINES)
def test_a_protocol_prints_its_lines_and_nothing_else(invoke, bundle, protocol):
    result = invoke("latency", bundle, "--protocol", protocol, *NO_PAUSE[protocol])
    lines = printed(result)
    assert len(lines) == len(LINES[protocol])
    for line, pattern in zip(lines, LINES[protocol], strict=True):
        assert re.fullmatch(pattern, line), line
    assert f"protocol {protocol}, XNNPACK, 1 thread; " in result.stderr
    assert "governor" in result.stderr


def shapes(lines) -> list[str]:
    """Return the lines without their figures."""
    return [re.sub(r"\d+", "9", line.strip()) for line in lines if line.strip()]


@pytest.mark.parametrize("protocol", LINES)
def test_a_protocol_prints_the_documented_lines(invoke, bundle, protocol):
    """docs/cli.md takes them from the command's own help."""
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    documented = re.search(rf"^{protocol} prints .*?:\n\n((?:    .+\n)+)", page, re.MULTILINE)
    assert documented is not None
    result = invoke("latency", bundle, "--protocol", protocol, *NO_PAUSE[protocol])
    assert shapes(printed(result)) == shapes(documented[1].splitlines())


@pytest.mark.proof
def test_the_protocols_agree_with_bench(invoke, large):
    """Compares the minima of several runs, since other work only adds time; tolerances suit a busy
    machine. benchmarks/protocols measures them all in one run."""

    def json_of(*arguments):
        return json.loads("\n".join(printed(invoke(*arguments, "--json"))))

    found = {"bench": [], "2020": [], "2024": []}
    for _ in range(3):
        bench = json_of("bench", large, "--rounds", 20, "--threads", 1)["models"][0]["xnnpack"]
        found["bench"].append((bench["inference_p25_ms"], bench["total_p25_ms"]))
        for protocol in ("2020", "2024"):
            arguments = [large, "--protocol", protocol, "--pause", 0]
            result = json_of("latency", *arguments)["result"]
            found[protocol].append((result["inference_ms"], result["total_ms"]))
    least = {name: np.min(rows, axis=0) for name, rows in found.items()}
    for protocol in ("2020", "2024"):
        assert 1 / 2 < least[protocol][0] / least["bench"][0] < 2
    assert 1 / 2 < least["2024"][1] / least["bench"][1] < 2
    assert least["2020"][1] > least["2020"][0]


@pytest.mark.parametrize("protocol", LINES)
def test_json_has_the_figures_and_the_setting(invoke, bundle, protocol):
    arguments = ["--protocol", protocol, *NO_PAUSE[protocol], "--builtin", "--threads", 2]
    result = invoke("latency", bundle, *arguments, "--json")
    found = json.loads("\n".join(printed(result)))
    assert (found["resolver"], found["threads"], found["from_card"]) == ("builtin", 2, True)
    assert found["frontend"]["frame_length"] == 640
    assert found["result"]["total_ms"] > found["result"]["inference_ms"] > 0
    assert len(found["lines"]) == len(LINES[protocol])


def test_the_published_command_line_of_a_bare_model(invoke, tmp_path):
    model = tmp_path / "little.tflite"
    model.write_bytes(network("dscnn", (49, 10), 8, width=8, blocks=1))
    flags = ["--length", 320, "--stride", 160, "--mfcc", "--rate", 8000]
    result = invoke("latency", model, *flags, *NO_PAUSE["2020"], "--protocol", "2020")
    assert len(printed(result)) == 2


def test_a_resized_spectrogram_is_the_default_without_a_card(invoke, tmp_path):
    model = tmp_path / "image.tflite"
    model.write_bytes(network("dscnn", (32, 32), 8, width=8, blocks=1))
    arguments = ["latency", model, "--protocol", "2020", "--pause", 0]
    assert len(printed(invoke(*arguments))) == 2
    assert len(printed(invoke(*arguments, "--resize", 32, "--length", 256, "--stride", 128))) == 2


@pytest.mark.parametrize(
    "flags",
    [["--protocol", "2024", "--coeff", 0], ["--resize", 0, "--coeff", 0, "--bins", 40]],
    ids=["2024", "motefit"],
)
def test_log_mel_bands_for_a_bare_model_in_a_zip(invoke, tmp_path, flags):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("any-name.tflite", network("tcnet", (49, 40), 3))
        archive.writestr("notes.txt", "more")
    pause = NO_PAUSE["2024" if "2024" in flags else "motefit"]
    result = invoke("latency", path, *flags, *pause, "--json")
    assert json.loads("\n".join(printed(result)))["frontend"]["coefficients"] == 0


def test_the_front_end_alone(invoke):
    lines = printed(invoke("latency", "--protocol", "2020", "--mfcc", "--pause", 0))
    assert lines[0] == "Inference Latency 0.00ms"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--rate", 8000], "rate (--rate) is 8000, but 16000 in the card"),
        (["--length", 320, "--stride", 160], "but 640 in the card; stride (--stride) is 160"),
        (["--bins", 20, "--mfcc"], "bins (--bins) is 20, but 40 in the card"),
        (
            ["--lower-frequency", 40],
            "lower_frequency (--lower-frequency) is 40, but 20 in the card",
        ),
        (
            ["--upper-frequency", 8000],
            "upper_frequency (--upper-frequency) is 8000, but 4000 in the card",
        ),
        (["--coeff", 0], "coeff (--coeff) is 0, but 10 in the card"),
        (["--resize", 32], "resize (--resize) is 32, but 0 in the card"),
    ],
    ids=lambda value: value[0][2:] if isinstance(value, list) else "",
)
def test_options_that_contradict_the_card(refused, bundle, flags, said):
    assert said in refused("latency", bundle, *flags)


def test_options_that_agree_with_the_card(invoke, bundle):
    flags = ["--rate", 16000, "--mfcc", "--length", 640, "--stride", 320, "--bins", 40]
    flags += ["--lower-frequency", 20, "--upper-frequency", 4000, "--coeff", 10, "--resize", 0]
    assert len(printed(invoke("latency", bundle, *flags))) == 4


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--mfcc", "--coeff", 0], "mfcc (--mfcc) contradicts coeff 0 (--coeff 0)"),
        (["--mfcc", "--resize", 32], "resize (--resize) has no meaning with mfcc"),
        (
            ["--protocol", "2024", "--resize", 32],
            "resize (--resize) has no meaning with protocol 2024",
        ),
        (["--coeff", 8], "coeff (--coeff) would have no effect"),
        (["--resize", -1], "resize (--resize) must be 0 (off) or more"),
        (["--mfcc", "--coeff", 41], "coefficients 0..mel_bins"),
        (["--mfcc", "--upper-frequency", 9000], "half the rate"),
        (["--pause", 0], "motefit protocol does not pause"),
        (["--mfcc", "--coeff", 13], "the model takes (49, 10, 1), but this front end makes"),
        ([], "the model takes (49, 10, 1), but this front end makes (32, 32)"),
    ],
    ids=lambda value: "-".join(map(str, value)).strip("-") if isinstance(value, list) else "",
)
def test_invalid_options(refused, bare, flags, said):
    assert said in refused("latency", bare, *flags)


def test_a_model_is_needed(refused):
    assert "needs a model;" in refused("latency", "--protocol", "2024", "--mfcc")


def test_a_forecaster_has_no_audio_front_end(refused, series):
    assert f"motefit bench {series}" in refused("latency", series)


def truncated(path):
    path.write_bytes(path.read_bytes()[:600])


def wrong_card(path):
    table = {"schema_version": 1, "task": "keyword-spotting", "model_sha256": "0" * 64}
    io = {
        "labels": ["a", "b", "c"],
        "frontend": {},
        "normalization": {"mean": [0.0], "std": [1.0]},
    }
    path.with_suffix(".card.json").write_text(json.dumps({**table, "io": io}))


def lacking_an_operation(path):
    path.write_bytes(rewritten(path.read_bytes(), custom_operation))


@pytest.mark.parametrize("command", [["latency", "--mfcc"], ["bench"]], ids=["latency", "bench"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncated, "damaged|cannot load"),
        (wrong_card, "refused|changed after"),
        (lacking_an_operation, "FancyOp"),
        (lambda path: path.unlink(), "cannot read"),
        (lambda path: path.write_text("x" * 100), "not a TensorFlow Lite model"),
    ],
    ids=["truncated", "wrong-card", "custom-op", "absent", "text"],
)
def test_an_unusable_model(refused, bare, command, damage, said):
    damage(bare)
    assert re.search(said, refused(*command, bare))


def test_a_bench_prints_every_row(invoke, bundle, series, bare):
    result = invoke("bench", bundle, series, bare, "--rounds", 8, "--threads", 2)
    text = "\n".join(printed(result))
    for name in ("words.zip", "series.zip", "model.tflite"):
        assert len(re.findall(rf"^{name} +[\d ]+  float32 +xnnpack +1 ", text, re.MULTILINE)) == 1
    assert len(re.findall(r"^ +xnnpack +2 ", text, re.MULTILINE)) == 3
    assert len(re.findall(r"^ +builtin +1 ", text, re.MULTILINE)) == 3
    assert re.search(r"^before: governor .*load \d", text, re.MULTILINE)


def test_the_json_of_a_bench_is_read_back(invoke, bundle, bare):
    arguments = ["bench", bundle, bare, bare, "--rounds", 4, "--threads", 1, "--json"]
    found = decode(BenchResult, json.loads("\n".join(printed(invoke(*arguments)))), where="bench")
    assert [m.name for m in found.models] == ["words.zip", "2: model.tflite", "3: model.tflite"]
    assert [m.has_frontend for m in found.models] == [True, False, False]
    assert found.models[0].xnnpack.frontend_p25_ms > 10 * found.models[1].xnnpack.frontend_p25_ms
    assert found.profile is None


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """Write one network in four forms, as bare files."""
    folder, rng = tmp_path_factory.mktemp("forms"), np.random.default_rng(0)
    problem = Problem(input_shape=(49, 10), outputs=3)
    graph = fold(build("dscnn", {"width": 8, "blocks": 1}, problem=problem, rng=rng))
    examples = rng.standard_normal((8, 49, 10, 1)).astype(np.float32)
    whole = quantize(graph, calibrate(graph, examples))
    made = {
        "float32": write(graph),
        "int8": write(whole),
        "no-scales": write(whole, bias_quantization="none"),
        "dynamic-range": write(dynamic_range(graph)),
    }
    for name, model in made.items():
        (folder / f"{name}.tflite").write_bytes(model)
    return [folder / f"{name}.tflite" for name in made]


def test_a_bench_warns_about_its_findings(invoke, forms):
    """Findings in the bytes are always reported; findings in times, if the times show them."""
    done = invoke("bench", *forms, "--rounds", 30, "--threads", 4, "--json")
    found = decode(BenchResult, json.loads("\n".join(printed(done))), where="bench")
    said = {(pitfall.model, pitfall.kind) for pitfall in found.pitfalls}
    times = {model.name: model for model in found.models}
    twin = times["float32.tflite"].xnnpack.inference_p25_ms
    expected = {
        ("no-scales.tflite", "bias-without-scale"),
        ("dynamic-range.tflite", "dynamic-range"),
    }
    for name, model in times.items():
        one, many = model.one_thread.inference_p25_ms, model.many_threads.inference_p25_ms
        here, builtin = model.xnnpack.inference_p25_ms, model.builtin.inference_p25_ms
        is_int8 = model.precision == "int8"
        slow = {
            "threads": many > 1.05 * one,
            "xnnpack-slower": here > 1.05 * builtin,
            "int8-slower": is_int8 and here > 1.05 * twin,
        }
        expected |= {(name, kind) for kind, is_slow in slow.items() if is_slow}
    assert said == expected
    text = "\n".join(printed(invoke("bench", forms[2], "--rounds", 4, "--threads", 1)))
    assert "no-scales.tflite: its int32 biases have no scales" in text


def test_a_profile_is_written_without_any_model(invoke, tmp_path):
    path = tmp_path / "deep" / "here.json"
    text = "\n".join(printed(invoke("bench", "--profile", path)))
    made = DeviceProfile.load(path)
    assert f"front end {made.frontend_p25_ms:.3f} ms" in text
    assert str(path) in text


def test_nothing_to_measure(refused):
    assert "give a model, or --profile" in refused("bench")


@pytest.mark.parametrize("option", [["--python", "p"], ["--ssh", "s"], ["--timeout", 9]])
def test_options_of_a_host_need_a_host(refused, bare, option):
    assert "need --host" in refused("bench", bare, *option)


def test_an_unwritable_profile(refused, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused("bench", "--profile", tmp_path / "file" / "profile.json")
    assert "cannot write the device profile" in said
