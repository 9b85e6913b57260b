"""The coach: what a compressor has at hand to fine-tune, to ship and to judge a model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from motefit.graph.calibration import calibrate
from motefit.graph.graph import INPUT, Graph
from motefit.graph.weight_scales import with_weight_scales
from motefit.runtime.interpreter import Interpreter
from motefit.spec.codec import dumps_json
from motefit.spec.recipe import CompressSpec, TrainSpec
from motefit.tflite.export import file_of, shipped_graph
from motefit.train.checkpoint import SUFFIX
from motefit.train.loop import EpochReport, Run, Source
from motefit.train.model import Model
from motefit.train.module import GraphModule, select_device
from motefit.train.optimisation import CLASSIFICATION, score
from motefit.train.qat import FakeQuantisation, rounded_weights
from motefit.train.ties import Chain, Ties

LEARNING_RATE_SHARE = 0.1
"""Peak learning rate of a fine-tuning, as a share of the training's, unless a step sets one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """One fine-tuning that a compressor asks for.

    Attributes:
        epochs: how many; 0 applies the rounding and trains nothing.
        learning_rate: peak; 0 for the training's times :data:`LEARNING_RATE_SHARE`.
        rounding: a module that implements ``train.module.Rounding``, between what the model must
            keep and the rounding of the file; None for nothing.
        counted_from: first epoch, from 0, that may be the best one.
        may_fail: give back the model as it came where no epoch is better than the start.
    """

    epochs: int
    learning_rate: float = 0.0
    rounding: nn.Module | None = None
    counted_from: int = 0
    may_fail: bool = False


class Coach:
    """Fine-tunes under constraints, exports, and scores the exported file on validation.

    Args:
        source: of the examples, as in training.
        settings: of the training; its learning rate, batch size, optimiser and schedule are used.
        compress: how the file is rounded.
        loss: as in training.
        examples: normalised inputs (n, *input_shape) that calibrate.
        seed: as in training.
        folder: of the checkpoints; None keeps none.
        progress: called after every epoch, counted on from the epochs of the training.
        device: of torch.
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing a caller decides
        self,
        source: Source,
        settings: TrainSpec,
        compress: CompressSpec,
        *,
        loss: str,
        examples: np.ndarray,
        seed: int = 0,
        folder: Path | None = None,
        progress: Callable[[EpochReport], None] | None = None,
        device: str = "cpu",
    ) -> None:
        self.source, self.settings, self.compress = source, settings, compress
        self.loss, self.examples, self.seed = loss, np.asarray(examples, np.float32), seed
        self._folder, self._progress, self._device = folder, progress, device
        self._lessons = 0
        self._history: list[EpochReport] = []

    @property
    def history(self) -> tuple[EpochReport, ...]:
        """Reports of all epochs so far, counted on from the epochs of the training."""
        return tuple(self._history)

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers that depend on the seed and on the fine-tunings done so far."""
        return np.random.default_rng([self.seed, self._lessons, 2])

    def fit(self, model: Model, lesson: Lesson) -> Model:
        """Fine-tune a model; what it must keep is kept, and its weights come back as seen.

        Equal arguments give equal bytes on one machine's CPU, with or without interruption.

        Raises:
            MotefitError: as ``train.loop.train``.
        """
        shipped = self._shipped_rounding(model)
        extra = [] if lesson.rounding is None else [lesson.rounding]
        rounding = Chain([Ties(model), *extra, *([] if shipped is None else [shipped])])
        module = GraphModule(model.graph, seed=self.seed, rounding=rounding)
        module.to(select_device(self._device))
        self._lessons += 1
        if lesson.epochs == 0:
            return replace(model, graph=module.to_graph())
        run = Run(
            module,
            self.source,
            self._settings(lesson),
            loss=self.loss,
            seed=self.seed,
            variant=dumps_json([self._lessons, repr(model.ranges), lesson.counted_from]),
            counted_from=lesson.counted_from,
        )
        before = run.validate()
        done = self.settings.epochs + len(self._history)
        trained = run.to_end(checkpoint=self._checkpoint(), progress=self._reporter(done))
        self._history += [_after(done, report) for report in trained.history]
        best = trained.history[trained.best_epoch]
        if lesson.may_fail and (best.score, -best.validation_loss) <= (before[1], -before[0]):
            return model
        ranges = shipped.ranges() if shipped is not None and model.aware else {}
        return replace(model, graph=trained.graph, ranges=ranges or model.ranges)

    def form(self, model: Model) -> Graph:
        """The graph as it would ship."""
        form = self.nearest_form(model)
        if set(rounded_weights(form)) <= set(model.scales) and (model.ranges or not _whole(form)):
            return form  # nothing is left to be rounded or calibrated
        form = shipped_graph(
            model.graph, self.compress, examples=self.examples, ranges=dict(model.ranges) or None
        )
        return with_weight_scales(form, model.folded().graph, model.scales)

    def nearest_form(self, model: Model) -> Graph:
        """As :meth:`form` with the nearest integers, which takes no time."""
        plain = replace(self.compress, rounding="nearest")
        ranges = dict(model.ranges) or None
        form = shipped_graph(model.graph, plain, examples=self.examples[:1], ranges=ranges)
        return with_weight_scales(form, model.folded().graph, model.scales)

    def file(self, model: Model) -> bytes:
        """The .tflite bytes as they would ship."""
        return file_of(self.form(model), self.compress)

    def score(self, file: bytes, *, part: tuple[np.ndarray, np.ndarray] | None = None) -> float:
        """Score of a .tflite file in LiteRT: accuracy, or minus the mean absolute error.

        Args:
            file: bytes, as from :meth:`file`.
            part: inputs and targets; None for the validation part.
        """
        x, y = self.source.validation() if part is None else part
        outputs = torch.from_numpy(Interpreter(file).run(x))
        outputs = outputs.reshape(len(x), -1)
        balanced = self.settings.balance != "none"
        return score(self.loss, outputs, torch.from_numpy(np.asarray(y)), balanced=balanced)

    def loss_of_score(self, before: float, after: float) -> float:
        """How much worse a score is: accuracy lost, or the share by which the error grew."""
        if self.loss == CLASSIFICATION:
            return before - after
        return (before - after) / max(abs(before), 1e-12)

    def ranges(self, model: Model) -> dict[str, tuple[float, float]]:
        """Calibrated ranges of a folded model's activations, where the file rounds them."""
        if not self.rounds_activations(model):
            return {}
        return dict(calibrate(model.graph, self.examples, method=self.compress.calibration))

    def rounds_activations(self, model: Model) -> bool:
        """Whether the shipped form holds activations as integers."""
        return _whole(self.nearest_form(model))

    def _shipped_rounding(self, model: Model) -> FakeQuantisation | None:
        if not model.aware and not model.scales:
            return None
        only = None if model.aware else frozenset(model.scales)
        return FakeQuantisation(
            model.graph,
            self.nearest_form(model),
            ranges=model.ranges or None,
            scales=model.scales,
            only=only,
        )

    def _settings(self, lesson: Lesson) -> TrainSpec:
        rate = lesson.learning_rate or self.settings.learning_rate * LEARNING_RATE_SHARE
        return replace(self.settings, epochs=lesson.epochs, learning_rate=rate, weight_decay=0.0)

    def _checkpoint(self) -> Path | None:
        return None if self._folder is None else self._folder / f"tuning-{self._lessons}{SUFFIX}"

    def _reporter(self, done: int) -> Callable[[EpochReport], None] | None:
        progress = self._progress
        return None if progress is None else lambda report: progress(_after(done, report))


def _whole(form: Graph) -> bool:
    """Whether a shipped form holds activations as integers."""
    return INPUT in form.quantisation or f"{INPUT}.int8" in form.quantisation


def _after(epochs: int, report: EpochReport) -> EpochReport:
    """A report counted on from the epochs before its fine-tuning."""
    return replace(report, epoch=report.epoch + epochs, epochs=report.epochs + epochs)
