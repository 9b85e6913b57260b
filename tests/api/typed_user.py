"""A user's program with every public name, for the type checker: `make lint` reads it.

Nothing here is run. What a user would have to write, such as an `isinstance`, is
written here, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import motefit
from motefit import Forecaster, KeywordSpotter, Listener, Recipe


class Quiet(Listener):
    """A listener that shows nothing."""


def show(*values: object) -> None:
    """Take values, so that each is used."""


def names() -> tuple[str, ...]:
    return (
        *motefit.model_names(),
        *motefit.recipe_names(),
        *motefit.published_names(),
        *motefit.dataset_names(),
    )


def train() -> motefit.FitResult:
    recipe: Recipe = motefit.find_recipe("quickstart").with_values(
        {"train.epochs": 5, "train.seeds": [0]}
    )
    text: str = motefit.recipe_text("up-down", full=True)
    made: motefit.SynthReport | motefit.ClimateReport = motefit.synthesize(
        "words", words=["up", "down"], clips=30
    )
    if isinstance(made, motefit.ClimateReport):
        path: Path = made.path
        show(path)
    else:
        folder: Path = made.folder
        show(folder)
    motefit.synthesize("words", words="up,down", clips=30, progress="quiet")
    fetched: motefit.FetchReport = motefit.fetch("mini-speech-commands", "data", url="")
    audited: motefit.AuditResult = motefit.audit("words", recipe=recipe, progress=Quiet())
    result: motefit.FitResult = motefit.fit(
        recipe,
        data="words",
        out="run",
        words=("up", "down"),
        workers=2,
        progress="quiet",
        profile=Path("pi.json"),
    )
    if motefit.can_resume("run"):
        result = motefit.resume(Path("run"), workers=1)
    released: motefit.Release = result.main
    card: motefit.Card = released.card
    certificate: motefit.Certificate = released.certificate
    facts: float = card.facts["accuracy"]
    met: bool = result.met
    bundle: Path = released.bundle
    show(text, fetched, audited, facts, met, bundle, certificate, result)
    return result


def measure(model: str | Path) -> None:
    checked: motefit.CheckResult = motefit.check(
        model, data="words", labels=["a", "b"], c_source="fixed"
    )
    agreed: motefit.CAgreement | None = checked.c_source
    differences = checked.differences
    stream: motefit.StreamCheck = motefit.check_stream(model, "radio")
    report: motefit.ModelReport = motefit.inspect(model, parity="random")
    measured: motefit.LatencyResult = motefit.latency(
        model, flags=motefit.FrontEndFlags(rate=8000), protocol="2024", pause_s=0.0
    )
    alone: motefit.LatencyResult = motefit.latency(None, protocol="2020")
    bench: motefit.BenchResult = motefit.bench([model, "yes-no"], rounds=8)
    host = motefit.Host(address="pi@raspberrypi", python="python3", timeout_s=60.0)
    there: motefit.BenchResult = motefit.bench_on_host(host, model)
    estimate: motefit.ModelEstimate = motefit.estimate(model, boards=["pico"])
    boards: Sequence[motefit.BoardEstimate] = estimate.boards
    written: motefit.WrittenReport = motefit.make_report(model, "yes-no", form="page")
    show(agreed, differences, stream, report, measured.lines, alone, bench, there, boards, written)


def convert(model: str) -> None:
    exported: motefit.InGraphExport | motefit.StreamingExport = motefit.export(
        model, "in-graph", out="x.zip"
    )
    if isinstance(exported, motefit.InGraphExport):
        form: motefit.ExportedForm = exported
        show(form.bundle)
    shrunk: motefit.ShrinkResult = motefit.shrink(model, keep_metadata=True)
    source: motefit.CSource = motefit.generate_c(model, target="arduino", out="firmware")
    show(shrunk.written, source.folder)


def use() -> None:
    model = motefit.load("up-down")
    if isinstance(model, KeywordSpotter):
        heard: motefit.Classification = model.classify(np.zeros(16000, np.int16), rate_hz=16_000)
        label: str = heard.label
        probability: float = heard.probability
        show(label, probability)
    else:
        forecaster: Forecaster = model
        values = forecaster.predict(np.zeros((6, 2)))
        show(values.shape)
    files: Iterator[tuple[Path, motefit.Classification]] = motefit.classify_files("up-down", "said")
    forecast: motefit.Forecast = motefit.forecast("climate-6", "today.csv", at="2024-03-25 13:50")
    word: motefit.Detection
    for word in motefit.listen("up-down", source="-", ignore=["other"], threshold=0.5):
        show(word.word, word.time_s)
    level: motefit.MicrophoneCheck = motefit.check_microphone(source="x.wav", tell=print)
    recorded: motefit.RecordReport = motefit.record(["up", "down"], "words", speaker="anna")
    count: int = motefit.list_cuts(["monday.wav"], "cuts.csv", words="up,down")
    cut: motefit.CutReport = motefit.cut("cuts.csv", "words")
    shipped: motefit.ShippedModels = motefit.shipped_models()
    one: motefit.ShippedModel
    for one in shipped.models:
        show(one.name, one.card.facts)
    found: Path = motefit.find_model("up-down")
    show(list(files), forecast, level, recorded, count, cut, found)


def study() -> None:
    studies: tuple[motefit.StoredStudy, ...] = motefit.find_studies("runs")
    one: motefit.StoredStudy = motefit.find_study("runs/up-down", name="")
    trials: Sequence[motefit.Trial] = motefit.ranked_trials(one)
    trial: motefit.Trial = trials[0]
    summary: Mapping[str, object] = motefit.study_summary(one)
    show(
        motefit.compare_studies(studies),
        motefit.studies_table(studies),
        motefit.trials_table(one, top=3),
    )
    motefit.export_study(one, "x.csv")
    motefit.open_dashboard("runs/up-down", port=8080)
    show(trial.point, summary)


def node() -> None:
    result: motefit.NodeResult = motefit.monitor(
        sensors=["room"], sink="sqlite:x.db", seconds=3, tell=print
    )
    stored: motefit.Readings = motefit.readings("sqlite:x.db", last=3)
    reading: motefit.Reading
    for reading in stored.readings:
        show(reading.key, reading.value)
    host = motefit.Host(address="pi@raspberrypi")
    service = motefit.NodeService(restart="true", health="true")
    sent: motefit.Deployment = motefit.deploy_to_host(
        host, "up-down", settings="node.toml", service=service
    )
    back: motefit.Deployment = motefit.roll_back_host(host)
    unit: str = motefit.node_unit(host)
    show(result, sent, back, unit, stored.csv(), stored.plot())


def reproduce() -> None:
    done: motefit.ReproduceResult = motefit.reproduce_published(
        "data", only=["R4.final"], reference=None, tell=print
    )
    show(done)


def mistakes() -> None:
    try:
        train()
    except (
        motefit.DataError,
        motefit.HostError,
        motefit.MissingExtraError,
        motefit.ModelFileError,
        motefit.NoCardError,
        motefit.NoCompilerError,
        motefit.NoStudyError,
        motefit.NothingTrainedError,
        motefit.OutputError,
        motefit.RecipeError,
        motefit.UnsupportedPlatformError,
    ) as error:
        base: motefit.MotefitError = error
        show(base)
