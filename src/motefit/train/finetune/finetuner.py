"""Fine-tuning for compressors: trains, exports and scores a model under constraints.

Zeros stay zero and shared values stay shared (:class:`Ties`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import INPUT, Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.weight_only import with_weight_scales
from motefit.runtime.interpreter import Interpreter
from motefit.spec.codec import dumps_json
from motefit.spec.recipe import CompressSpec, TrainSpec
from motefit.tflite.write.precision import file_of, shipped_graph
from motefit.train.checkpoint import SUFFIX
from motefit.train.finetune.fake_quantization import FakeQuantization, rounded_weights
from motefit.train.finetune.trained_model import Model, weight_names
from motefit.train.loop import EpochReport, Run, Source
from motefit.train.module import GraphModule, Rounding, layout_of, select_device
from motefit.train.optimizer import CLASSIFICATION, score


class Ties(nn.Module):
    """Holds pruned weights at 0 and the weights of a group together (a ``Rounding``).

    Readers see the mean of a group's members, in steps of the channels' scales, so that each member
    receives the mean of the group's gradients.

    Args:
        model: whose zeros and groups are kept.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        graph = model.graph
        self._held: dict[str, Tensor] = {}
        self._groups: dict[str, tuple[Tensor, Tensor]] = {}
        for name in weight_names(graph):
            layout, array = layout_of(graph, name), graph.constants[name]
            alive = array != 0
            if not alive.all():
                self._held[name] = layout.to_torch(alive.astype(np.float32))
            if name in model.groups and alive.any():
                # the zeros are a separate group: their mean must not move others
                groups = np.where(alive, model.groups[name], model.groups[name].max() + 1)
                _, index = np.unique(groups, return_inverse=True)
                tensor = layout.to_torch(index.reshape(array.shape)).long()
                scale = model.scales.get(name, np.ones(1, np.float32))
                shape = (-1, *[1] * (array.ndim - 1))
                self._groups[name] = (tensor, torch.from_numpy(scale.reshape(shape)))

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Tie a weight."""
        if name in self._groups:
            index, scale = (part.to(value.device) for part in self._groups[name])
            value = _means(value / scale, index) * scale
        return value * self._held[name].to(value.device) if name in self._held else value

    def activation(self, name: str, value: Tensor) -> Tensor:  # noqa: ARG002 - of the protocol
        """Return the activation unchanged."""
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Do nothing: the ties do not change over time."""


def _means(value: Tensor, index: Tensor) -> Tensor:
    """Replace every number by the mean of the numbers with its index."""
    flat, places = value.reshape(-1), index.reshape(-1)
    sums = flat.new_zeros(int(places.max()) + 1).index_add(0, places, flat)
    counts = torch.bincount(places).to(flat)
    seen: Tensor = (sums / counts)[places].reshape(value.shape)
    return seen


class RoundingChain(nn.Module):
    """Several roundings one after the other (a ``Rounding``).

    Args:
        roundings: modules that implement ``Rounding``, in order.
    """

    def __init__(self, roundings: Sequence[nn.Module]) -> None:
        super().__init__()
        self._parts = nn.ModuleList(roundings)

    def _roundings(self) -> list[Rounding]:
        return list(self._parts)  # type: ignore[arg-type]  # torch's list knows modules only

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Apply all of them in order."""
        for rounding in self._roundings():
            value = rounding.constant(name, value)
        return value

    def activation(self, name: str, value: Tensor) -> Tensor:
        """Apply all of them in order."""
        for rounding in self._roundings():
            value = rounding.activation(name, value)
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Advance each of them."""
        for rounding in self._roundings():
            rounding.advance(step, steps, constants)


LEARNING_RATE_SHARE = 0.1
"""Peak learning rate of a fine-tuning relative to the training's, unless a step sets one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuneSpec:
    """One fine-tuning that a compressor asks for.

    Attributes:
        epochs: how many; 0 applies the rounding and trains nothing.
        learning_rate: peak; 0 for the training's times :data:`LEARNING_RATE_SHARE`.
        rounding: a module that implements ``train.module.Rounding``, between the model's
            constraints and the rounding of the file; None for none.
        counted_from: first epoch, from 0, that is eligible as best epoch.
        may_fail: return the given model if no epoch is better than the start.
    """

    epochs: int
    learning_rate: float = 0.0
    rounding: nn.Module | None = None
    counted_from: int = 0
    may_fail: bool = False


class FineTuner:
    """Fine-tunes under constraints, exports, and scores the exported file on validation.

    Args:
        source: of the examples, as in training.
        settings: of the training; its learning rate, batch size, optimizer and schedule are used.
        compress: how the file is rounded.
        loss: as in training.
        examples: normalized inputs (n, *input_shape) for calibration.
        seed: as in training.
        folder: of the checkpoints; None for none.
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
        self._tunings = 0
        self._history: list[EpochReport] = []

    @property
    def history(self) -> tuple[EpochReport, ...]:
        """Reports of all epochs so far, counted on from the epochs of the training."""
        return tuple(self._history)

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers that depend on the seed and on the fine-tunings done so far."""
        return np.random.default_rng([self.seed, self._tunings, 2])

    def fit(self, model: Model, tuning: FineTuneSpec) -> Model:
        """Fine-tune a model under its constraints; the returned weights satisfy them.

        Equal arguments give equal bytes on one machine's CPU, with or without interruption.

        Raises:
            MotefitError: as ``train.loop.train``.
        """
        shipped = self._shipped_rounding(model)
        extra = [] if tuning.rounding is None else [tuning.rounding]
        rounding = RoundingChain([Ties(model), *extra, *([] if shipped is None else [shipped])])
        module = GraphModule(model.graph, seed=self.seed, rounding=rounding)
        module.to(select_device(self._device))
        self._tunings += 1
        if tuning.epochs == 0:
            return replace(model, graph=module.to_graph())
        run = Run(
            module,
            self.source,
            self._settings(tuning),
            loss=self.loss,
            seed=self.seed,
            variant=dumps_json([self._tunings, repr(model.ranges), tuning.counted_from]),
            counted_from=tuning.counted_from,
        )
        before = run.validate()
        done = self.settings.epochs + len(self._history)
        trained = run.to_end(checkpoint=self._checkpoint(), progress=self._reporter(done))
        self._history += [_after(done, report) for report in trained.history]
        best = trained.history[trained.best_epoch]
        if tuning.may_fail and (best.score, -best.validation_loss) <= (before[1], -before[0]):
            return model
        ranges = shipped.ranges() if shipped is not None and model.aware else {}
        return replace(model, graph=trained.graph, ranges=ranges or model.ranges)

    def form(self, model: Model) -> Graph:
        """Return the graph in its released form."""
        form = self.nearest_form(model)
        if set(rounded_weights(form)) <= set(model.scales) and (model.ranges or not _whole(form)):
            return form  # nothing to round or calibrate
        form = shipped_graph(
            model.graph, self.compress, examples=self.examples, ranges=dict(model.ranges) or None
        )
        return with_weight_scales(form, model.folded().graph, model.scales)

    def nearest_form(self, model: Model) -> Graph:
        """Return the form with the nearest integers, which is fast."""
        plain = replace(self.compress, rounding="nearest")
        ranges = dict(model.ranges) or None
        form = shipped_graph(model.graph, plain, examples=self.examples[:1], ranges=ranges)
        return with_weight_scales(form, model.folded().graph, model.scales)

    def file(self, model: Model) -> bytes:
        """Write the .tflite bytes as they would be released."""
        return file_of(self.form(model), self.compress)

    def score(self, file: bytes, *, subset: tuple[np.ndarray, np.ndarray] | None = None) -> float:
        """Score a .tflite file in LiteRT: accuracy, or minus the mean absolute error.

        Args:
            file: bytes, as from :meth:`file`.
            subset: inputs and targets; None for the validation set.
        """
        x, y = self.source.validation() if subset is None else subset
        outputs = torch.from_numpy(Interpreter(file).run(x))
        outputs = outputs.reshape(len(x), -1)
        balanced = self.settings.balance != "none"
        return score(self.loss, outputs, torch.from_numpy(np.asarray(y)), balanced=balanced)

    def loss_of_score(self, before: float, after: float) -> float:
        """Return how much worse a score is: accuracy lost, or relative growth of the error."""
        if self.loss == CLASSIFICATION:
            return before - after
        return (before - after) / max(abs(before), 1e-12)

    def ranges(self, model: Model) -> dict[str, tuple[float, float]]:
        """Calibrate the ranges of a folded model's activations, if the file rounds them."""
        if not self.rounds_activations(model):
            return {}
        return dict(calibrate(model.graph, self.examples, method=self.compress.calibration))

    def rounds_activations(self, model: Model) -> bool:
        """Return whether the released form has integer activations."""
        return _whole(self.nearest_form(model))

    def _shipped_rounding(self, model: Model) -> FakeQuantization | None:
        if not model.aware and not model.scales:
            return None
        only = None if model.aware else frozenset(model.scales)
        return FakeQuantization(
            model.graph,
            self.nearest_form(model),
            ranges=model.ranges or None,
            scales=model.scales,
            only=only,
        )

    def _settings(self, tuning: FineTuneSpec) -> TrainSpec:
        rate = tuning.learning_rate or self.settings.learning_rate * LEARNING_RATE_SHARE
        return replace(
            self.settings,
            epochs=tuning.epochs,
            learning_rate=rate,
            weight_decay=0.0,
            averaging=0.0,
        )

    def _checkpoint(self) -> Path | None:
        return None if self._folder is None else self._folder / f"tuning-{self._tunings}{SUFFIX}"

    def _reporter(self, done: int) -> Callable[[EpochReport], None] | None:
        progress = self._progress
        return None if progress is None else lambda report: progress(_after(done, report))


def _whole(form: Graph) -> bool:
    """Return whether a released form has integer activations."""
    return INPUT in form.quantization or f"{INPUT}.int8" in form.quantization


def _after(epochs: int, report: EpochReport) -> EpochReport:
    """Offset a report by the epochs before its fine-tuning."""
    return replace(report, epoch=report.epoch + epochs, epochs=report.epochs + epochs)
