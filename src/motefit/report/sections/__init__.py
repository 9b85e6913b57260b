"""Sections of a report; one file per section, each registers itself.

A file in this folder turns facts into what its template shows, and registers in SECTIONS.
The template is in ``report/templates`` and sees the result as ``view``. A section asks for
topics of evidence, not for a task, so a new task that measures a known topic gets its section
without a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts
from motefit.spec.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the page.

    Attributes:
        order: place on the page; smaller comes first.
        name: of its anchor, and of its template ``<name>.html``; as registered.
        title: its heading.
        build: facts to what the template shows; None where there is nothing to show.
    """

    order: int
    name: str
    title: str
    build: Callable[[ReportFacts], object | None]


SECTIONS: Registry[Section] = Registry(__name__, "section")
"""Every section by name; each file of this folder adds one."""


def sections() -> tuple[Section, ...]:
    """Return all sections, in the order of the page."""
    return tuple(sorted(SECTIONS.all().values(), key=lambda section: section.order))
