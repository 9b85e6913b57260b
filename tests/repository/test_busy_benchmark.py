"""The benchmark beside busy processes answers with every model of the zoo."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_shipped_model_answers():
    spec = importlib.util.spec_from_file_location("busy_run", ROOT / "benchmarks/busy/run.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    answers = benchmark.answers()
    assert set(answers) == {path.stem for path in (ROOT / "zoo").glob("*.zip")}
    assert all(answer() is not None for answer in answers.values())
