"""Comparison of a model's C source with LiteRT's builtin kernels and the Python runtime."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motefit.codegen.compiled import CompiledModel, compile_source
from motefit.codegen.project import write_c_source
from motefit.runtime.bundle import Bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.tables import Styled, Text

CHUNK = 256
"""Examples compared at a time."""
FLOAT_TOLERANCE = 1e-5
"""Of float outputs, relative to the largest: sums are in another order."""
ANSWER_TOLERANCE = 1e-5
"""Of forecasts, relative to the answers' standard deviations."""
LEAST_EQUAL_ANSWERS = 0.999
"""Share of clips with the same label: the front ends differ in the last bits of float32."""
LEAST_EQUAL_IN_FIXED_POINT = 0.995
"""Share of clips with the same label, of a front end in fixed point."""


@dataclass(frozen=True, kw_only=True)
class CAgreement:
    """Comparison of a model's C source, compiled for this machine, with Python.

    Attributes:
        examples: number compared: clips or windows.
        equal_outputs: examples for which the network's outputs equal those of LiteRT's builtin
            kernels, given the same inputs: int8 exactly, float32 to 1e-5 of the largest.
        equal_answers: examples for which the whole chain, from samples to a label or from rows to a
            forecast, gives what the Python runtime gives.
        feature_error: largest difference of a normalized feature; 0 for a forecaster.
        arena_bytes: static memory of the C.
        table_bytes: its constants.
        fixed: whether its front end computed in fixed point, as on a processor without an FPU.
        right_in_python: clips with the right label in Python; None for a forecaster.
        right_in_c: clips with the right label in C, likewise.
    """

    examples: int
    equal_outputs: int
    equal_answers: int
    feature_error: float
    arena_bytes: int
    table_bytes: int
    fixed: bool = False
    right_in_python: int | None = None
    right_in_c: int | None = None

    @property
    def proven(self) -> bool:
        """Whether all outputs are equal, and 99.9 % of the answers; in fixed point 99.5 %."""
        share = LEAST_EQUAL_IN_FIXED_POINT if self.fixed else LEAST_EQUAL_ANSWERS
        enough = self.equal_answers >= share * self.examples
        return self.examples > 0 and self.equal_outputs == self.examples and enough

    @property
    def line(self) -> Text:
        """The comparison in words, for people."""
        verdict = Styled("agrees", "good") if self.proven else Styled("differs", "bad")
        counts = (
            f": of {self.examples} examples, {self.equal_outputs} with the outputs of LiteRT's "
            f"builtin kernels, {self.equal_answers} with the same answer{self._accuracy}; "
            f"RAM {self.arena_bytes} B, weights and tables {self.table_bytes} B"
        )
        return "C source in fixed point " if self.fixed else "C source ", verdict, counts

    @property
    def _accuracy(self) -> str:
        """The accuracy of a spotter in fixed point, and how far its features are off."""
        if not self.fixed or self.right_in_c is None:
            return ""
        return (
            f"; right {self.right_in_c}, in Python {self.right_in_python}; features differ by "
            f"{self.feature_error:.2g} at most"
        )


@contextmanager
def compiled_bundle(bundle: Bundle, name: str, *, fixed: bool = False) -> Iterator[CompiledModel]:
    """Generate and compile a bundle's C source in a temporary folder.

    Args:
        bundle: the model.
        name: of it.
        fixed: with the front end in fixed point.

    Yields:
        the compiled model, which works until the folder is removed.

    Raises:
        ModelFileError: for a form or an operation without C source.
        NoCompilerError: without a C compiler.
    """
    with tempfile.TemporaryDirectory(prefix="motefit-c-") as folder:
        source = write_c_source(bundle, Path(folder), name=name)
        yield compile_source(source, fixed=fixed)


def compare_speech(
    compiled: CompiledModel, bundle: Bundle, pcm: np.ndarray, label: np.ndarray
) -> CAgreement:
    """Compare on clips.

    Args:
        compiled: the C source.
        bundle: the same model.
        pcm: (n, samples) int16 at the model's rate.
        label: (n,) index of the right label of each.
    """
    spotter = KeywordSpotter(bundle.model, bundle.card.io, xnnpack=False)
    frontend, labels = spotter.io.frontend, len(spotter.io.labels)
    outputs, answers, error, right, right_in_c = 0, 0, 0.0, 0, 0
    for start in range(0, len(pcm), CHUNK):
        clips, wanted = np.asarray(pcm[start : start + CHUNK]), label[start : start + CHUNK]
        inputs = spotter.inputs(clips)
        features = compiled.features(clips, frontend.shape)
        error = max(error, float(np.abs(features - inputs).max()))
        outputs += _equal_outputs(compiled, spotter.interpreter, inputs)
        best, _ = compiled.classify(clips, labels)
        python = spotter.infer(inputs).argmax(axis=1)
        answers += int((best == python).sum())
        right += int((python == wanted).sum())
        right_in_c += int((best == wanted).sum())
    found = _agreement(compiled, len(pcm), outputs, answers, error)
    return replace(found, right_in_python=right, right_in_c=right_in_c)


def compare_series(
    compiled: CompiledModel, bundle: Bundle, windows: np.ndarray, times: np.ndarray
) -> CAgreement:
    """Compare on windows.

    Args:
        compiled: the C source.
        bundle: the same model.
        windows: (n, input_steps, inputs) in the columns' own units.
        times: datetime64[s] (n,) of their newest rows.
    """
    forecaster = Forecaster(bundle.model, bundle.card.io, xnnpack=False)
    scale = forecaster.answer_scale
    outputs, answers = 0, 0
    for start in range(0, len(windows), CHUNK):
        part = slice(start, start + CHUNK)
        rows, moments = windows[part], times[part]
        outputs += _equal_outputs(
            compiled, forecaster.interpreter, forecaster.inputs(rows, moments)
        )
        seconds = moments.astype("datetime64[s]").astype(np.int64)
        found = compiled.forecast(rows, seconds, forecaster.io.answer_shape)
        gap = np.abs(found - forecaster.quantiles_batch(rows, moments)) / scale
        answers += int((gap.reshape(len(gap), -1).max(axis=1) <= ANSWER_TOLERANCE).sum())
    return _agreement(compiled, len(windows), outputs, answers, 0.0)


def _equal_outputs(compiled: CompiledModel, interpreter: Interpreter, inputs: np.ndarray) -> int:
    """Count the examples for which C and LiteRT give the same outputs."""
    raw = interpreter.to_input(np.asarray(inputs, np.float32))
    expected = np.stack([interpreter.run_raw(example) for example in raw])
    found = compiled.infer(raw)
    gap = np.abs(found.astype(np.float64) - expected.reshape(found.shape))
    tolerance = 0.0 if found.dtype == np.int8 else FLOAT_TOLERANCE * np.abs(expected).max()
    return int((gap.reshape(len(gap), -1).max(axis=1) <= tolerance).sum())


def _agreement(
    compiled: CompiledModel, examples: int, outputs: int, answers: int, error: float
) -> CAgreement:
    return CAgreement(
        examples=examples,
        equal_outputs=outputs,
        equal_answers=answers,
        feature_error=error,
        arena_bytes=compiled.source.arena_bytes,
        table_bytes=compiled.source.table_bytes,
        fixed=compiled.fixed,
    )
