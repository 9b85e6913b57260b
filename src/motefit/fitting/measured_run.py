"""Stored results of a measured run, so that it need not open the test set again.

``measured.json`` has card, verdict and table of candidates of every bundle. It is written between
measuring and writing the outputs, so that an interruption there does not require reading the test
set again, and an output that is lost or damaged later is written again as it was.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from motefit.certify.certify import CertifiedModel, bundle_report
from motefit.fitting.jobs import TrainedFile, outcome_of
from motefit.fitting.run_dir import RunDir
from motefit.report.render import render_report
from motefit.report.report_facts import ReportFacts
from motefit.runtime.bundle import bundle_bytes, sha256
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import ModelFileError
from motefit.spec.files import DamagedFileError, read_sealed, write_atomic, write_sealed
from motefit.spec.recipe import Recipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Release:
    """One bundle with its card, certificate and report.

    Attributes:
        bundle: path of the zip.
        card: card of the bundle.
        certificate: verdict on one budget.
        report: path of the report.
    """

    bundle: Path
    card: Card
    certificate: Certificate
    report: Path


@dataclass(frozen=True, kw_only=True)
class MeasuredRelease:
    """Measurements of one bundle before it is written.

    Attributes:
        key: key of the candidate whose file it contains.
        card: card of the bundle.
        certificate: verdict on one budget.
        rows: rows of the report's table of candidates.
        details: what only the report shows, see :class:`motefit.tasks.Measurement`.
        report_sha256: hash of the report's text.
        bundle_sha256: hash of the zip.
    """

    key: str
    card: Card
    certificate: Certificate
    rows: tuple[Mapping[str, object], ...]
    details: Mapping[str, object] = field(default_factory=dict)
    report_sha256: str = ""
    bundle_sha256: str = ""

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, where: str) -> "MeasuredRelease":
        """Read what :func:`~motefit.spec.codec.encode` wrote.

        Raises:
            ModelFileError: if the card or certificate was written by another version.
        """
        if "bundle_sha256" not in table:
            raise ModelFileError(f"{where}: written by an older version, which packed differently")
        return cls(
            key=table["key"],
            card=Card.from_json(dumps_json(table["card"]), where=where),
            certificate=Certificate.from_json(dumps_json(table["certificate"]), where=where),
            rows=tuple(table["rows"]),
            details=table.get("details", {}),
            report_sha256=table["report_sha256"],
            bundle_sha256=table["bundle_sha256"],
        )

    def report(self, outcome: TrainedFile) -> ReportFacts:
        """Collect the facts of the report."""
        shipped = CertifiedModel(
            model=outcome.file,
            card=self.card,
            certificate=self.certificate,
            name=str(self.card.recipe["name"]),
            details=self.details,
        )
        return shipped.report(history=outcome.history, candidates=self.rows)


def write_outputs(
    folder: RunDir, measured: Mapping[str, MeasuredRelease], outcomes: Mapping[str, TrainedFile]
) -> Mapping[str, Release]:
    """Store the measurements, then write each bundle with its verdict and report.

    Args:
        folder: folder of the run.
        measured: measurements by name of the bundle.
        outcomes: chosen files by key of the candidate.

    Raises:
        OutputError: if something cannot be written.
    """
    # Encode and decode, so that a later process shows and writes exactly the same.
    stored = _from_table(json.loads(dumps_json(measured)), where="measured.json")
    measured = {name: stored[name] for name in measured}
    reports = {name: render_report(m.report(outcomes[m.key])) for name, m in measured.items()}
    models = {name: outcomes[m.key].file.data for name, m in measured.items()}
    bundles = {name: bundle_bytes(models[name], m.card) for name, m in measured.items()}
    kept = {
        name: replace(
            m,
            report_sha256=sha256(reports[name].encode()),
            bundle_sha256=sha256(bundles[name]),
        )
        for name, m in measured.items()
    }
    write_sealed(folder.measured_path, {"bundles": encode(kept)})
    for name, one in kept.items():
        write_atomic(folder.bundle_path(name), bundles[name])
        write_atomic(folder.certificate_path(name), one.certificate.to_json())
        write_atomic(folder.report_path(name), reports[name])
    return _releases(folder, kept)


def finished(folder: RunDir, recipe: Recipe) -> Mapping[str, Release] | None:
    """Return the releases of a finished run; None if something is left to measure.

    Nothing is written if all outputs are intact. Those that are missing or damaged are reported and
    written again from the finished files.

    Raises:
        OutputError: if something cannot be written.
    """
    measured = _kept(folder)
    if measured is None or set(measured) != set(recipe.all_budgets):
        return None
    measured = {name: measured[name] for name in recipe.all_budgets}
    lost = [path for name, one in measured.items() for path in _lost(folder, name, one)]
    if lost:
        named = ", ".join(map(str, lost))
        outcomes = {m.key: outcome_of(folder.path, m.key) for m in measured.values()}
        whole = {
            m.key: outcome
            for m in measured.values()
            if (outcome := outcomes[m.key]) and outcome.file.sha256 == m.card.model_sha256
        }
        if len(whole) < len(outcomes):
            _log.warning("missing or damaged, with the files of its candidate: %s", named)
            return None
        _log.warning("missing or damaged, written again from the finished files: %s", named)
        return write_outputs(folder, measured, whole)
    return _releases(folder, measured)


def stored_reports(folder: RunDir) -> Mapping[str, ReportFacts]:
    """Collect the facts of the reports of a finished run, by name of the bundle.

    For a run of an older version, or one whose candidates were removed, these are only the facts in
    its bundles.

    Raises:
        RecipeError: if the folder has no run.
        ModelFileError: if the run is not finished, or its bundle is damaged.
    """
    recipe, _ = folder.stored()
    found = {}
    measured = _kept(folder) or {}
    for name in recipe.all_budgets:
        one = measured.get(name)
        outcome = None if one is None else outcome_of(folder.path, one.key)
        if one is None and not folder.bundle_path(name).is_file():
            raise ModelFileError(
                f"{folder.path}: the run is not finished; motefit fit --resume {folder.path}"
            )
        if one is None or outcome is None:
            found[name] = bundle_report(folder.bundle_path(name))
        else:
            found[name] = one.report(outcome)
    return found


def _kept(folder: RunDir) -> Mapping[str, MeasuredRelease] | None:
    path = folder.measured_path
    try:
        table = read_sealed(path)
        if table is None:
            return None
        return _from_table(table["bundles"], where=str(path))
    except (DamagedFileError, ModelFileError) as error:
        _log.warning("the test set is measured again: %s", error)
        return None


def _from_table(table: Mapping[str, Any], *, where: str) -> dict[str, MeasuredRelease]:
    return {name: MeasuredRelease.from_table(one, where=where) for name, one in table.items()}


def _lost(folder: RunDir, name: str, measured: MeasuredRelease) -> list[Path]:
    """List the outputs that differ from what was written."""
    bundle, verdict = folder.bundle_path(name), folder.certificate_path(name)
    report = folder.report_path(name)
    lost = []
    if _sha256(bundle) != measured.bundle_sha256:
        lost.append(bundle)
    if _sha256(verdict) != sha256(measured.certificate.to_json().encode()):
        lost.append(verdict)
    if _sha256(report) != measured.report_sha256:
        lost.append(report)
    return lost


def _sha256(path: Path) -> str:
    try:
        return sha256(path.read_bytes())
    except OSError:
        return ""


def _releases(folder: RunDir, measured: Mapping[str, MeasuredRelease]) -> Mapping[str, Release]:
    return {
        name: Release(
            bundle=folder.bundle_path(name),
            card=one.card,
            certificate=one.certificate,
            report=folder.report_path(name),
        )
        for name, one in measured.items()
    }
