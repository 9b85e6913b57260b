"""C99: a folder that any compiler builds, with a self-test for this machine."""

from motefit.codegen.project import SELF_TEST, render_source
from motefit.codegen.targets import TARGETS, Layout, SourceTarget
from motefit.runtime.bundle import Bundle


def lay_out(bundle: Bundle, name: str) -> Layout:
    """Lay out all files in one folder."""
    source = render_source(bundle, name=name)
    return Layout(source=source, texts=source.texts)


TARGETS.register(
    "c99", SourceTarget(about="any processor with a C99 compiler", hint=SELF_TEST, lay_out=lay_out)
)
