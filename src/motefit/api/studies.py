"""``study`` and ``dashboard``: look at studies in run folders and in shared storages."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.fitting.run_dir import RunDir
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.extras import require
from motefit.spec.files import write_atomic

if TYPE_CHECKING:
    from motefit.search.storage import StoredStudy

FORMATS = (".csv", ".json")


class NoStudyError(MotefitError, LookupError):
    """There is no study where one was expected."""


def find_studies(sources: Sequence[str]) -> tuple["StoredStudy", ...]:
    """The studies of run folders, of folders of runs, and of storages given by their URL.

    Raises:
        NoStudyError: when a source has none.
        OutputError: when a storage cannot be reached.
        MissingExtraError: without Optuna.
    """
    require("optuna", extra="train", purpose="reading studies")
    # Here, because it needs Optuna, which the base install has not.
    from motefit.search.storage import read_studies  # noqa: PLC0415 - see above

    found: list[StoredStudy] = []
    for source in sources:
        studies = [s for url, name in storages_of(source) for s in read_studies(url)
                   if name in {"", s.name}]  # fmt: skip
        if not studies:
            raise NoStudyError(
                f"{source} holds no study; give the folder of a run, a folder of runs, or the URL "
                "of a storage, e.g. sqlite:////path/of/studies.db"
            )
        found += studies
    return tuple(found)


def storages_of(source: str) -> list[tuple[str, str]]:
    """URLs of storages, each with the name of the study that is meant, or none for all.

    Raises:
        RecipeError: when a run's storage needs a password.
    """
    if "://" in source:
        return [(source, "")]
    folder = Path(source)
    runs = [folder, *sorted(path for path in folder.glob("*/") if path.is_dir())]
    return [RunDir(run).study("") for run in runs if RunDir(run).begun]


def export_study(study: "StoredStudy", path: Path) -> None:
    """Write the candidates of a study to a file, one row each.

    Raises:
        RecipeError: for an ending that is neither .csv nor .json.
        OutputError: when it cannot be written.
    """
    if path.suffix not in FORMATS:
        raise RecipeError(f"{path}: the file must end in {' or '.join(FORMATS)}")
    if path.suffix == ".json":
        table = {"study": study.name, "candidates": [encode(r) for r in study.records]}
        write_atomic(path, dumps_json(table))
        return
    rows = [
        {
            "round": r.round, "index": r.index, "status": r.status, "epochs": r.epochs,
            **{str(k): _cell(v) for k, v in r.point.items()}, **r.facts, "reason": r.reason,
        }
        for r in study.records
    ]  # fmt: skip
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows), restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue())


def _columns(rows: Iterable[dict[str, object]]) -> list[str]:
    """All columns in the order they first appear, the reason last."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in columns if key != "reason"), "reason"]


def _cell(value: object) -> object:
    return value if isinstance(value, str | int | float) else json.dumps(encode(value))


def open_dashboard(source: str, *, host: str, port: int) -> None:
    """Serve optuna-dashboard on a storage until it is interrupted.

    Raises:
        MissingExtraError: without optuna-dashboard.
        NoStudyError: when the source has no study.
    """
    require("optuna_dashboard", extra="dashboard", purpose="the dashboard")
    urls = list(dict.fromkeys(url for url, _ in storages_of(source)))
    if len(urls) != 1:
        raise NoStudyError(
            f"{source} has {len(urls)} storages; give the folder of one run, or one storage's URL"
        )
    from optuna_dashboard import run_server  # noqa: PLC0415 - an extra

    run_server(urls[0], host=host, port=port)
