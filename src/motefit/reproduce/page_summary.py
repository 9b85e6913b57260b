"""Summary at the head of ``results.md``: how motefit's answers compare, in a few lines."""

from collections.abc import Sequence
from typing import Any

from motefit.report.text import split_column
from motefit.reproduce.markdown import NONE, Table, lines, listed, short_figure, short_name, span
from motefit.reproduce.page_latency import PROTOCOLS, verdict
from motefit.spec.metrics import MAE_PREFIX

ZIP = "size.zip_bytes"
EIGHT_WORDS = "eight-words"
HALF = 0.5
LEAST_OF_EIGHT, MOST_OF_EIGHT, MOST_OF_TWO = 0.955, 23 * 1024, 8 * 1024
CLIMATE = "a zip of at most half the published bytes, both errors below the rebuilt network's"
EIGHT = "at least 95.5 % in a zip of at most 23 KB"
TWO = "at most one error on the test list, in a zip of at most 8 KB"
"""Goals of the answers beyond their budgets."""


def summary(table: Table) -> str:
    """Render the section as Markdown.

    Args:
        table: result of :func:`~motefit.reproduce.results.collect`.
    """
    pairs = _pairs(table)
    said = [_budgets(table["targets"]), *_sentences(pairs)]
    said += [
        f"Latency, protocol {protocol}, at most a tenth of the reference in TensorFlow: "
        f"{verdict(table, protocol)}."
        for protocol in PROTOCOLS
    ]
    heads = ["answer", "budgets", "zip", "of published", "of rebuilt"]
    heads += ["accuracy or error", "against rebuilt", "against published"]
    bullets = "".join(f"- {sentence}\n" for sentence in said)
    return (
        f"\n## In short\n{bullets}\n{lines(heads, [_row(pair) for pair in pairs])}\n"
        "Zips: in bytes, and as a share of the published and of the rebuilt one. Points refer to "
        "accuracy, percentages to mean absolute error, which was published for other years.\n"
    )


def _pairs(table: Table) -> list[dict[str, Any]]:
    """Pair each answer with each row it has to beat, and their budgets."""
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for name, target in table["targets"].items():
        winner = table["rows"][target["winner"]]
        pair = pairs.setdefault(
            (target["answer"], target["winner"]),
            {
                "answer": target["answer"],
                "budgets": [],
                "words": winner["words"],
                "published": winner["figures"],
                "rebuilt": (winner["run"] or {}).get("facts", {}),
                "ours": (table["answers"][target["answer"]] or {}).get("facts", {}),
                "evidence": (table["answers"][target["answer"]] or {}).get("evidence", {}),
            },
        )
        pair["budgets"].append(name)
    return list(pairs.values())


def _budgets(targets: Table) -> str:
    answers = [target["certificates"].get("answer") for target in targets.values()]
    met = sum(bool(certificate and certificate["met"]) for certificate in answers)
    open_ = sum(certificate is None for certificate in answers)
    said = f"{met} of {len(answers)} published budgets are met by motefit's answers"
    missed = len(answers) - met - open_
    said += f", {missed} missed" if missed else ""
    return said + (f", {open_} not trained yet." if open_ else ".")


def _sentences(pairs: Sequence[Table]) -> list[str]:
    """Write a sentence each for forecasts, eight words and two words, if any is trained."""
    kinds = {
        "Climate": (CLIMATE, _missed_climate, [p for p in pairs if not p["words"]]),
        "Eight words": (EIGHT, _missed_eight, [p for p in pairs if p["answer"] == EIGHT_WORDS]),
        "Two words": (TWO, _missed_two, [p for p in pairs if p["words"] == 2]),
    }
    said = []
    for kind, (goal, missed, chosen) in kinds.items():
        there = [pair for pair in chosen if pair["ours"]]
        if there:
            names = listed(dict.fromkeys(pair["answer"] for pair in there))
            by = dict.fromkeys(f"`{p['answer']}` ({why})" for p in there if (why := missed(p)))
            held = f"**missed** by {', '.join(by)}" if by else "**met**"
            said.append(f"{kind}, {names}: {goal}: {held}. {_compared(there)}")
    return said


def _missed_climate(pair: Table) -> str:
    share, changes = _share(pair, "published"), _changes([pair])
    said = [f"zip {share:.2f} of the published"] if share is not None and share > HALF else []
    said += [f"{column} {100 * v[0]:+.1f} %" for column, v in changes.items() if v[0] >= 0]
    said += [] if changes else ["nothing rebuilt to compare with"]
    return ", ".join(said)


def _missed_eight(pair: Table) -> str:
    ours = pair["ours"]
    low = ours["accuracy"] < LEAST_OF_EIGHT
    return _said(ours, accuracy=low, zipped=ours[ZIP] > MOST_OF_EIGHT)


def _missed_two(pair: Table) -> str:
    counts = pair["evidence"]["accuracy"]
    errors = counts["n"] - counts["correct"]
    said = f"{errors} errors in {counts['n']} clips" if errors > 1 else ""
    size = _said(pair["ours"], accuracy=False, zipped=pair["ours"][ZIP] > MOST_OF_TWO)
    return ", ".join(filter(None, [said, size]))


def _said(ours: Table, *, accuracy: bool, zipped: bool) -> str:
    """List the figures that miss the goal."""
    wanted = [name for name, wrong in (("accuracy", accuracy), (ZIP, zipped)) if wrong]
    return ", ".join(f"{short_name(name)} {short_figure(name, ours)}" for name in wanted)


def _compared(pairs: Sequence[Table]) -> str:
    """Compare sizes and errors with the published and rebuilt ones, as ranges."""
    zips, accuracies = [], []
    for side in ("published", "rebuilt"):
        shares = [share for p in pairs if (share := _share(p, side)) is not None]
        points = [point for p in pairs if (point := _points(p, side)) is not None]
        zips += [f"{span(shares, '.2f')} of the {side}"] if shares else []
        accuracies += [f"{span(points, '+.2f')} points against {side}"] if points else []
    errors = [
        f"{column} {span([100 * value for value in values], '+.1f')} %"
        for column, values in _changes(pairs).items()
    ]
    said = [f"Zips are {' and '.join(zips)}."] if zips else []
    said += [f"Accuracy: {', '.join(accuracies)}."] if accuracies else []
    said += [f"Errors against rebuilt: {', '.join(errors)}."] if errors else []
    return " ".join(said)


def _row(pair: Table) -> list[str]:
    ours, metrics = pair["ours"], [*_errors(pair["ours"])] or ["accuracy"]
    quality = ", ".join(short_figure(metric, ours) for metric in metrics)
    changes = ", ".join(f"{c} {100 * v[0]:+.1f} %" for c, v in _changes([pair]).items())
    return [
        f"`{pair['answer']}`",
        ", ".join(pair["budgets"]),
        short_figure(ZIP, ours),
        *(_cell(_share(pair, side), ".2f") for side in ("published", "rebuilt")),
        quality if ours else "not trained",
        changes or _cell(_points(pair, "rebuilt"), "+.2f", " points"),
        _cell(_points(pair, "published"), "+.2f", " points"),
    ]


def _cell(value: float | None, form: str, unit: str = "") -> str:
    return NONE if value is None else f"{value:{form}}{unit}"


def _share(pair: Table, side: str) -> float | None:
    ours, theirs = pair["ours"].get(ZIP), pair[side].get(ZIP)
    return ours / theirs if ours and theirs else None


def _points(pair: Table, side: str) -> float | None:
    ours, theirs = pair["ours"].get("accuracy"), pair[side].get("accuracy")
    return 100 * (ours - theirs) if ours is not None and theirs is not None else None


def _errors(facts: Table) -> list[str]:
    return [metric for metric in facts if metric.startswith(MAE_PREFIX)]


def _changes(pairs: Sequence[Table]) -> dict[str, list[float]]:
    """Compute the relative difference from the rebuilt network's error, by column."""
    found: dict[str, list[float]] = {}
    for pair in pairs:
        for metric in _errors(pair["ours"]):
            if metric in pair["rebuilt"]:
                change = pair["ours"][metric] / pair["rebuilt"][metric] - 1
                found.setdefault(split_column(metric[len(MAE_PREFIX) :])[0], []).append(change)
    return found
