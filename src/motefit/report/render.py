"""Rendering of facts to one self-contained page."""

import base64
import functools
import hashlib
import importlib.resources
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.report.headline import headline
from motefit.report.report_facts import ReportFacts
from motefit.report.sections import sections
from motefit.report.side_by_side import compare
from motefit.spec.errors import MissingExtraError
from motefit.spec.files import write_atomic
from motefit.spec.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

SUMMARY = ("budget", "accuracy", "errors", "stream", "size", "latency", "candidates", "provenance")
"""Sections of the one-page summary."""


def render_report(facts: ReportFacts) -> str:
    """Render the report as self-contained HTML: no external script, font, image or request.

    Equal facts give equal text.

    Raises:
        MissingExtraError: without jinja2.
    """
    return _page(facts, [section.name for section in sections()])


def render_summary(facts: ReportFacts, *, zoom: float = 1.0) -> str:
    """Render one sheet for printing: verdict, figures, and the sections of :data:`SUMMARY`.

    Args:
        facts: facts of the report.
        zoom: size of everything; 1.0 as on the page.

    Raises:
        MissingExtraError: without jinja2.
    """
    return _page(facts, SUMMARY, sheet=f"{zoom:.2f}")


def render_comparison(models: Sequence[ReportFacts]) -> str:
    """Render a page that compares two or more models.

    Raises:
        MissingExtraError: without jinja2.
    """
    template = _environment().get_template("comparison.html")
    return visible(template.render(view=compare(models), **_script()))


def _page(facts: ReportFacts, names: Collection[str], *, sheet: str = "") -> str:
    built = ((s, s.build(facts)) for s in sections() if s.name in names)
    page = _environment().get_template("report.html")
    return visible(
        page.render(
            headline=headline(facts),
            shown=[(section, view) for section, view in built if view is not None],
            sheet=sheet,
            **_script(),
        )
    )


def _script() -> dict[str, object]:
    """Return the page's own script, and the policy by which a browser runs no other."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    text = _template("report.js")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; media-src data:; "
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    return {"script": Markup(text), "policy": policy}  # noqa: S704 - a file of this package


def write_report(path: Path, facts: ReportFacts) -> None:
    """Write the report; an existing file at ``path`` stays until the new page replaces it.

    Raises:
        MissingExtraError: without jinja2.
        OutputError: when the page cannot be written.
    """
    write_atomic(path, render_report(facts))


@functools.cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise MissingExtraError("jinja2", "report", "writing report.html") from None
    return Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def _template(name: str) -> str:
    folder = importlib.resources.files("motefit.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")
