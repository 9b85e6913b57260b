"""``export``: write the same network in another form."""

from pathlib import Path
from typing import Literal

from motefit.api.progress_display import Progress, open_progress
from motefit.exporting.in_graph import InGraphExport, export_in_graph
from motefit.exporting.streaming import StreamingExport, export_streaming
from motefit.runtime.zoo import find_model, output_path
from motefit.spec.errors import RecipeError

SUFFIXES = {"in-graph": "in-graph", "streaming": "stream"}
"""Suffix of each form's file, after the model's name."""


def export(
    model: str | Path,
    form: Literal["in-graph", "streaming"],
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    progress: Progress = "auto",
) -> InGraphExport | StreamingExport:
    """Convert a keyword model to another form, and measure the file it ships.

    >>> import motefit
    >>> done = motefit.export("yes-no", "in-graph", out="yes-no.zip")  # doctest: +SKIP
    >>> done.agreement.proven  # doctest: +SKIP
    True

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        form: ``"in-graph"`` moves the front end into the file: raw samples in, scores out;
            ``"streaming"`` makes the network one step of a stream: new frames and past states in.
        out: bundle to write; None: ``<model>.in-graph.zip`` or ``<model>.stream.zip`` beside it.
        data: folder of words, to measure accuracy and certify the budget. None: only size,
            latency, and agreement with the plain form on generated sound.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        ModelFileError: if the model is damaged or for another task.
        RecipeError: if the form is unknown, the network looks ahead in time, or the data have
            other words.
    """
    if form not in SUFFIXES:
        raise RecipeError(f"the form must be one of {', '.join(SUFFIXES)}, got {form!r}")
    path = find_model(model)
    target = output_path(path, f".{SUFFIXES[form]}.zip") if out is None else Path(out)
    folder = None if data is None else Path(data)
    with open_progress(progress) as listener:
        if form == "streaming":
            return export_streaming(path, target, data=folder, listener=listener)
        return export_in_graph(path, target, data=folder, listener=listener)
