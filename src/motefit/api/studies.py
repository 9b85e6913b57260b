"""``study`` and ``dashboard``: inspect studies in run folders and shared storages."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.certify.facts import is_summary
from motefit.fitting.run_dir import RunDir
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.extras import require
from motefit.spec.files import write_atomic
from motefit.spec.metrics import COSTS, column_title, column_value, format_value
from motefit.spec.several import several_paths
from motefit.spec.tables import ResultTable, Text

if TYPE_CHECKING:
    from motefit.search.storage import StoredStudy
    from motefit.search.trial import Trial

FORMATS = (".csv", ".json")


class NoStudyError(MotefitError, LookupError):
    """Error for a source without a study."""


def find_studies(sources: str | Path | Sequence[str | Path] = "runs") -> tuple["StoredStudy", ...]:
    """Find the studies of run folders, of folders of runs, and of storages given by their URL.

    >>> import motefit
    >>> studies = motefit.find_studies("runs")  # doctest: +SKIP

    Raises:
        NoStudyError: if a source has none.
        OutputError: if a storage cannot be reached.
        MissingExtraError: without Optuna.
    """
    require("optuna", extra="train", purpose="reading studies")
    # Imported here because it needs Optuna, which the base install does not have.
    from motefit.search.storage import read_studies  # noqa: PLC0415 - see above

    found: list[StoredStudy] = []
    for source in several_paths(sources):
        studies = [s for url, name in storages_of(str(source)) for s in read_studies(url)
                   if name in {"", s.name}]  # fmt: skip
        if not studies:
            raise NoStudyError(
                f"{source} has no study; give the folder of a run, a folder of runs, or the URL "
                "of a storage, e.g. sqlite:////path/of/studies.db"
            )
        found += studies
    return tuple(found)


def find_study(source: str | Path, *, name: str = "") -> "StoredStudy":
    """Find the only study of a run folder or a storage, or the one of a given name.

    >>> import motefit
    >>> motefit.find_study("runs/climate-6").counts  # doctest: +SKIP
    {'trained': 3, 'rejected': 12}

    Args:
        source: folder of a run, or URL of a storage.
        name: name of the study, if there are several.

    Raises:
        RecipeError: if there are several, and none has that name.
        NoStudyError: if the source has none.
    """
    found = find_studies([source])
    studies = [study for study in found if name in {"", study.name}]
    if len(studies) != 1:
        names = ", ".join(study.name for study in found)
        raise RecipeError(f"{source} has the studies {names}; choose one by its name (--name)")
    return studies[0]


def storages_of(source: str) -> list[tuple[str, str]]:
    """List the URLs of storages, each with the name of the selected study; empty for all.

    Raises:
        RecipeError: if a run's storage needs a password.
    """
    if "://" in source:
        return [(source, "")]
    folder = Path(source)
    runs = [folder, *sorted(path for path in folder.glob("*/") if path.is_dir())]
    return [RunDir(run).study("") for run in runs if RunDir(run).started]


def export_study(study: "StoredStudy", path: str | Path) -> None:
    """Write the trials of a study to a file, one per row.

    >>> import motefit
    >>> motefit.export_study(motefit.find_study("runs/mine"), "mine.csv")  # doctest: +SKIP

    Raises:
        RecipeError: if the suffix is neither .csv nor .json.
        OutputError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise RecipeError(f"{path}: the file must end in {' or '.join(FORMATS)}")
    if path.suffix == ".json":
        table = {"study": study.name, "candidates": [encode(t) for t in study.trials]}
        write_atomic(path, dumps_json(table))
        return
    rows = [
        {
            "round": t.round, "index": t.index, "status": t.status, "epochs": t.epochs,
            **{str(k): _cell(v) for k, v in t.point.items()}, **t.facts, "reason": t.reason,
        }
        for t in study.trials
    ]  # fmt: skip
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows), restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue())


def _columns(rows: Iterable[dict[str, object]]) -> list[str]:
    """List all columns in the order they first appear, the reason last."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in columns if key != "reason"), "reason"]


def _cell(value: object) -> object:
    return value if isinstance(value, str | int | float) else json.dumps(encode(value))


def open_dashboard(source: str | Path, *, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve optuna-dashboard for a storage until interrupted.

    >>> import motefit
    >>> motefit.open_dashboard("runs/mine")  # doctest: +SKIP

    Raises:
        MissingExtraError: without optuna-dashboard.
        NoStudyError: if the source has no study.
    """
    require("optuna_dashboard", extra="dashboard", purpose="the dashboard")
    urls = list(dict.fromkeys(url for url, _ in storages_of(str(source))))
    if len(urls) != 1:
        raise NoStudyError(
            f"{source} has {len(urls)} storages; give the folder of one run, or one storage's URL"
        )
    from optuna_dashboard import run_server  # noqa: PLC0415 - an extra

    run_server(urls[0], host=host, port=port)


def studies_table(studies: Sequence["StoredStudy"]) -> ResultTable:
    """Tabulate studies: their candidates in each state, and the file of the best one.

    >>> import motefit
    >>> print(motefit.studies_table(motefit.find_studies("runs")))  # doctest: +SKIP
    """
    facts = [{} if study.best is None else study.best.facts for study in studies]
    metrics = _columns_of(facts)
    rows = []
    for study, values in zip(studies, facts, strict=True):
        counts = ", ".join(f"{count} {status}" for status, count in study.counts.items())
        best = "" if study.best is None else _point(study.best)
        rows.append((study.name, study.date, counts, *_values(values, metrics), best))
    return ResultTable(
        titles=("study", "date", "candidates", *map(column_title, metrics), "best candidate"),
        align=f"lll{'r' * len(metrics)}l",
        rows=rows,
    )


def trials_table(study: "StoredStudy", *, top: int = 20) -> ResultTable:
    """Tabulate the trials of a study: the farthest first, and of those, the best.

    Quality metrics are those on the validation set.

    >>> import motefit
    >>> print(motefit.trials_table(motefit.find_study("runs/mine"), top=3))  # doctest: +SKIP

    Args:
        study: study found by :func:`find_study`.
        top: maximum number of trials.
    """
    shown = ranked_trials(study)[:top]
    metrics = _columns_of([trial.facts for trial in shown])
    return ResultTable(
        titles=("candidate", "state", "epochs", *map(column_title, metrics), "reason"),
        align=f"llr{'r' * len(metrics)}l",
        rows=[
            (_point(t), t.status, str(t.epochs), *_values(t.facts, metrics), t.reason)
            for t in shown
        ],
    )


def _columns_of(facts: Iterable[Mapping[str, float]]) -> list[str]:
    """List the metrics of a table: the known quality metrics, then the known costs."""
    known = {name for values in facts for name in values}
    qualities = sorted(name for name in known if is_summary(name))
    return [*qualities, *(name for name in COSTS.values() if name in known)]


def _values(facts: Mapping[str, float], metrics: Iterable[str]) -> list[str]:
    return [column_value(name, facts[name]) if name in facts else "" for name in metrics]


def compare_studies(studies: Sequence["StoredStudy"]) -> ResultTable:
    """Tabulate studies side by side: candidates, epochs, and the best file of each.

    >>> import motefit
    >>> print(motefit.compare_studies(motefit.find_studies(["runs/a", "runs/b"])))  # doctest: +SKIP
    """
    statuses = {
        "trained to the end": "trained",
        "stopped at a rung": "stopped",
        "rejected before training": "rejected",
    }
    rows: list[tuple[Text, ...]] = [
        (label, *(str(study.counts.get(status, 0)) for study in studies))
        for label, status in statuses.items()
    ]
    rows.append(("epochs", *(str(sum(t.epochs for t in s.trials)) for s in studies)))
    shown = (name for s in studies if s.best for name in s.best.facts if _is_shown(name))
    rows.extend(
        (name, *(_best_value(study, name) for study in studies)) for name in dict.fromkeys(shown)
    )
    titles = ("", *(study.name for study in studies))
    return ResultTable(titles=titles, align="l" * len(titles), rows=rows)


def ranked_trials(study: "StoredStudy") -> Sequence["Trial"]:
    """Sort the trials of a study by how far they got; of those, the best first.

    >>> import motefit
    >>> motefit.ranked_trials(motefit.find_study("runs/mine"))[0].point  # doctest: +SKIP
    {'model.width': 12}
    """
    return study.ranked


def study_summary(study: "StoredStudy") -> Mapping[str, object]:
    """Summarize a study in a few figures, for programs.

    >>> import motefit
    >>> motefit.study_summary(motefit.find_study("runs/mine"))["epochs"]  # doctest: +SKIP
    156
    """
    return {
        "study": study.name,
        "folder": study.folder,
        "date": study.date,
        "candidates": study.counts,
        "epochs": sum(trial.epochs for trial in study.trials),
        "best": encode(study.best),
    }


def _point(trial: "Trial") -> str:
    return ", ".join(
        f"{k.removeprefix('model.')} {_value(v)}" for k, v in sorted(trial.point.items())
    )


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_shown(name: str) -> bool:
    return is_summary(name) or name in COSTS.values()


def _best_value(study: "StoredStudy", name: str) -> str:
    best = study.best
    return format_value(name, best.facts[name]) if best and name in best.facts else ""
