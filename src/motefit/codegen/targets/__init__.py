"""Targets of ``codegen``: how the source of a model is laid out, one file for each target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from motefit.codegen.project import RenderedSource, named_files
from motefit.runtime.bundle import Bundle
from motefit.spec.registry import Registry

LAYOUTS = files("motefit.codegen").joinpath("layouts")
"""Files of the layouts, real ones: ``model`` is replaced by the model's name."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Files of a target.

    Attributes:
        source: what they contain.
        texts: contents by path in the folder, with ``/``.
    """

    source: RenderedSource
    texts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SourceTarget:
    """A kind of project that source is laid out for.

    Attributes:
        about: what it is, in a few words.
        hint: next step in the written folder, in words.
        lay_out: renders a bundle under a name as files. It raises ModelFileError for a form that
            the target cannot contain. Equal bundles give equal bytes, and no path leaves the
            folder.
    """

    about: str
    hint: str
    lay_out: Callable[[Bundle, str], Layout]


TARGETS: Registry[SourceTarget] = Registry(__name__, "target")


def layout_texts(
    places: Mapping[str, str], source: RenderedSource, values: Mapping[str, object] | None = None
) -> dict[str, str]:
    """Read files of a layout.

    Args:
        places: the layout's file by path in the folder; ``model`` in a path is replaced too.
        source: whose name replaces ``model``.
        values: texts in place of ``@key@``.
    """
    known = {"name": source.name, "NAME": source.name.upper(), "title": source.title}
    texts = {}
    for path, file in places.items():
        text = LAYOUTS.joinpath(file).read_text(encoding="utf-8")
        for key, value in {**known, **(values or {})}.items():
            text = text.replace(f"@{key}@", str(value))
        texts[path] = text
    return named_files(texts, source.name)


def library_files(source: RenderedSource) -> dict[str, str]:
    """Select what firmware compiles or includes: all but self-test, golden vectors and pages."""
    left_out = {"self_test.c", "self_test.h", f"{source.name}_golden.h"}
    return {
        file: text
        for file, text in source.texts.items()
        if file.endswith((".c", ".h")) and file not in left_out
    }


def about_pipeline(source: RenderedSource) -> str:
    """Name what surrounds the network."""
    return "front end" if source.kind == "speech" else "calendar and limits"
