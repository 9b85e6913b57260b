"""Training loop: it deals with Graphs, arrays and losses, independent of tasks."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import Graph
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import DataError, MotefitError
from motefit.spec.recipe import TrainSpec
from motefit.train.checkpoint import Checkpoint, identify, read_checkpoint, write_checkpoint
from motefit.train.module import GraphModule, select_device
from motefit.train.optimizer import (
    CLASSIFICATION,
    Optimizer,
    learning_rate,
    loss_function,
    score,
)
from motefit.train.weight_average import WeightAverage

State = dict[str, Tensor]


class Best:
    """Epoch with the highest score; of equal ones the lowest loss; of those, the latest.

    Attributes:
        score: of that epoch.
        loss: of that epoch.
        epoch: its index; -1 before the first offer.
        state: of the module then.
    """

    def __init__(self) -> None:
        self.score, self.loss, self.epoch = -math.inf, math.inf, -1
        self.state: State = {}

    def offer(
        self, score: float, loss: float, epoch: int, module: nn.Module, *, anyway: bool
    ) -> None:
        """Take an epoch if it is at least as good as the best one, or ``anyway``."""
        if anyway or (score, -loss) >= (self.score, -self.loss):
            self.score, self.loss, self.epoch = score, loss, epoch
            self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def facts(self) -> dict[str, Any]:
        """Return everything but the state as JSON values."""
        return {"best_score": self.score, "best_loss": self.loss, "best_epoch": self.epoch}

    @classmethod
    def from_facts(cls, facts: Any, state: State) -> "Best":  # noqa: ANN401 - JSON
        """Restore from :meth:`facts` and the state."""
        best = cls()
        best.score, best.loss = facts["best_score"], facts["best_loss"]
        best.epoch, best.state = facts["best_epoch"], state
        return best


CHECKPOINT_SECONDS = 2.0
"""Epochs that take less time than this share a checkpoint."""
EVALUATION_BATCH = 256
ESTIMATION_EXAMPLES = 1024
"""Training examples from which the norms' statistics of averaged weights are estimated."""


class DivergedError(MotefitError, ArithmeticError):
    """A training whose loss is no longer finite."""


class Source(Protocol):
    """Examples to train on: normalized inputs and targets.

    Targets are class indices (n,) int64 for the cross-entropy, in training also probabilities
    (n, classes) float32; otherwise float32 of the size of the outputs, in standard units.
    """

    @property
    def key(self) -> str:
        """Identifies data and preparation; a training resumes only on a source of equal key."""
        ...

    def epoch(self, index: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return all training examples once, newly augmented, in any order.

        Args:
            index: of the epoch, from 0.
            rng: the only source of randomness.

        Returns:
            inputs float32 (n, ...) of the graph's input size, and n targets.
        """
        ...

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the validation examples, not augmented; shapes as in :meth:`epoch`."""
        ...


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """Result of one epoch.

    Attributes:
        epoch: from 0.
        epochs: total number.
        train_loss: mean over the epoch's examples, while the weights were changing.
        validation_loss: of the epoch's final weights, without label smoothing.
        score: on the validation set, see ``train.optimization.score``; higher is better.
        best_score: highest score so far.
        learning_rate: at the epoch's last step.
        seconds: from the start of the epoch to the end of its validation.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    score: float
    best_score: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The result of a training.

    Attributes:
        graph: in the form it was given, with the constants of the best epoch.
        history: one report per epoch done.
        best_epoch: the one with the highest score; of equal scores, the one with the lower
            validation loss; of equal losses, the later one.
        finished: False if ``stop`` or ``until`` ended it early.
    """

    graph: Graph
    history: tuple[EpochReport, ...]
    best_epoch: int
    finished: bool


def train(  # noqa: PLR0913 - one keyword per thing a caller decides, all but the loss with defaults
    graph: Graph,
    source: Source,
    settings: TrainSpec,
    *,
    loss: str,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[EpochReport], None] | None = None,
    device: str = "cpu",
    stop: Callable[[], bool] | None = None,
    until: int | None = None,
) -> Trained:
    """Train a graph and keep the epoch that is best on the validation set.

    Equal arguments give equal bytes on one machine's CPU, with or without interruption: each epoch
    has its own random numbers, derived from seed and index. Sets torch to one thread in this
    process. After a KeyboardInterrupt, the last checkpoint remains valid.

    Args:
        graph: initial constants, in trained or in shipped form.
        source: of the examples.
        settings: of the training; ``settings.seeds`` and ``settings.loss`` are ignored.
        loss: ``"cross-entropy"``, ``"mae"``, ``"mse"`` or ``"huber"``.
        seed: of order, augmentation and dropout.
        checkpoint: file to resume from, if it exists, and to write to.
        progress: called after every epoch done in this call.
        device: of torch, ``"cpu"`` or ``"cuda"``.
        stop: called after every epoch; True ends the training, which can be resumed.
        until: epochs, at least one, after which to stop, resumable; None for all in the settings.

    Raises:
        DataError: for examples that do not fit the graph.
        DivergedError: if the loss becomes NaN or infinite.
        ModelFileError: for a damaged checkpoint, or one of another training.
        OutputError: if the checkpoint cannot be written.
        RecipeError: for an unknown loss or device.
    """
    module = GraphModule(graph, seed=seed).to(select_device(device))
    run = Run(module, source, settings, loss=loss, seed=seed)
    return run.to_end(checkpoint=checkpoint, progress=progress, stop=stop, until=until)


class Run:
    """One training of one module: state, and the step from epoch to epoch.

    ``module``, ``settings`` and ``seed`` stay as given.

    Args:
        module: to train, on its device.
        source: of the examples.
        settings: optimization.
        loss: name of the loss.
        seed: of order, augmentation and dropout.
        variant: distinguishes trainings with equal graph, settings and data.
        counted_from: first epoch, from 0, that is eligible as best epoch.
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing a caller decides
        self,
        module: GraphModule,
        source: Source,
        settings: TrainSpec,
        *,
        loss: str,
        seed: int,
        variant: str = "",
        counted_from: int = 0,
    ) -> None:
        torch.set_num_threads(1)
        self.module = module
        self.settings = settings
        self.seed = seed
        self._source = source
        self._loss = loss
        self._train_loss = loss_function(loss, label_smoothing=settings.label_smoothing)
        self._plain_loss = loss_function(loss)
        self._optimizer = Optimizer(module, settings)
        share = settings.averaging
        self._average = WeightAverage(module, share=share) if share else None
        self._device = next(module.parameters()).device
        self._history: list[EpochReport] = []
        self._best = Best()
        self._counted_from = counted_from
        graph = module.to_graph()
        self._shape, self._outputs = graph.input_shape, math.prod(graph.output_shape)
        facts = (encode(replace(settings, seeds=(0,))), loss, seed, source.key, variant)
        self._identity = identify(graph, dumps_json(facts))

    def to_end(
        self,
        *,
        checkpoint: Path | None = None,
        progress: Callable[[EpochReport], None] | None = None,
        stop: Callable[[], bool] | None = None,
        until: int | None = None,
    ) -> Trained:
        """Train until the last epoch or until ``stop`` says True; see :func:`train`."""
        epochs = self.goal(until)
        if checkpoint is not None:
            self.resume(checkpoint)
        inputs, targets = self._validation()
        written = time.perf_counter()
        stopped = False
        while self.done < epochs and not stopped:
            report = self._epoch(inputs, targets)
            if progress is not None:
                progress(report)
            stopped = stop is not None and stop()
            last = stopped or self.done == epochs
            if checkpoint is not None and (
                last or time.perf_counter() - written >= CHECKPOINT_SECONDS
            ):
                self.save(checkpoint)
                written = time.perf_counter()
        return self.result()

    @property
    def done(self) -> int:
        """Number of finished epochs."""
        return len(self._history)

    def goal(self, until: int | None) -> int:
        """Return the epoch to stop at, if the caller wants no more than ``until``."""
        return min(max(until or self.settings.epochs, 1), self.settings.epochs)

    def result(self) -> Trained:
        """Return the result so far; the module takes the constants of the best epoch."""
        self.module.load_state_dict(self._best.state)
        return Trained(
            graph=self.module.to_graph(),
            history=tuple(self._history),
            best_epoch=self._best.epoch,
            finished=self.done == self.settings.epochs,
        )

    def _epoch(self, inputs: Tensor, targets: Tensor) -> EpochReport:
        start = time.perf_counter()
        index = self.done
        rng = np.random.default_rng([self.seed, index, 0])
        x, y = self.tensors(*self._source.epoch(index, rng=rng), subset="training")
        rate, train_loss = self._pass(index, x, y)
        if self._average is None:
            validation = self._evaluate(inputs, targets)
            return self.record(
                train_loss, validation, rate=rate, seconds=time.perf_counter() - start
            )
        with self._average.shown(self.module):
            some = self._order(index, len(x))[:ESTIMATION_EXAMPLES]
            self.module.estimate_norms(torch.split(x[some], EVALUATION_BATCH))
            validation = self._evaluate(inputs, targets)
            return self.record(
                train_loss, validation, rate=rate, seconds=time.perf_counter() - start
            )

    def record(
        self, train_loss: float, validation: tuple[float, float], *, rate: float, seconds: float
    ) -> EpochReport:
        """Record an epoch that the module has just completed.

        Args:
            train_loss: mean over the epoch.
            validation: loss and score on the validation set.
            rate: last learning rate.
            seconds: that it took.

        Raises:
            DivergedError: if a loss is NaN or infinite; nothing is recorded.
        """
        index = self.done
        validation_loss, value = validation
        if not math.isfinite(train_loss) or not math.isfinite(validation_loss):
            raise DivergedError(
                f"the loss became {train_loss} (validation: {validation_loss}) in epoch "
                f"{index + 1} of {self.settings.epochs} at a learning rate of {rate:.3g}; lower "
                f"train.learning_rate (now {self.settings.learning_rate:g}), or check the inputs "
                "for extreme values"
            )
        self._best.offer(
            value, validation_loss, index, self.module, anyway=index <= self._counted_from
        )
        report = EpochReport(
            epoch=index,
            epochs=self.settings.epochs,
            train_loss=train_loss,
            validation_loss=validation_loss,
            score=value,
            best_score=self._best.score,
            learning_rate=rate,
            seconds=seconds,
        )
        self._history.append(report)
        return report

    def _order(self, index: int, count: int) -> Tensor:
        """Draw the order of an epoch's examples."""
        order = np.random.default_rng([self.seed, index, 1]).permutation(count)
        return torch.from_numpy(order).to(self._device)

    def _pass(self, index: int, x: Tensor, y: Tensor) -> tuple[float, float]:
        """Make one pass over the examples; return the last learning rate and the mean loss."""
        settings, module = self.settings, self.module
        chosen = self._order(index, len(x))
        module.train()
        module.reseed(self.seed, index)
        # Batches of nearly equal size: no remainder of one example, which a norm cannot handle.
        steps = -(-len(x) // settings.batch_size)
        total = torch.zeros((), device=self._device, dtype=torch.float64)
        rate = 0.0
        for step, batch in enumerate(chosen.tensor_split(steps)):
            inputs, targets = x[batch], y[batch]
            rate = learning_rate(settings, (index + step / steps) / settings.epochs)
            self._optimizer.rate = rate
            module.advance(index * steps + step, settings.epochs * steps)
            loss = self._train_loss(module.logits(inputs), targets)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            self._optimizer.step()
            if self._average is not None:
                self._average.update(module)
            total += loss.detach() * len(inputs)
        return rate, float(total) / len(x)

    def validate(self) -> tuple[float, float]:
        """Compute mean loss without smoothing, and score, of the module on validation."""
        return self._evaluate(*self._validation())

    def _validation(self) -> tuple[Tensor, Tensor]:
        return self.tensors(*self._source.validation(), subset="validation")

    def _evaluate(self, inputs: Tensor, targets: Tensor) -> tuple[float, float]:
        self.module.eval()
        with torch.no_grad():
            parts = [self.module.logits(part) for part in torch.split(inputs, EVALUATION_BATCH)]
        return self.screener(torch.cat(parts), targets)

    def screener(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """Compute mean loss without smoothing, and score, of logits (n, ...)."""
        loss, balanced = self._plain_loss(outputs, targets), self.settings.balance != "none"
        return float(loss), score(self._loss, outputs, targets, balanced=balanced)

    def tensors(self, x: np.ndarray, y: np.ndarray, *, subset: str) -> tuple[Tensor, Tensor]:
        """Move examples to the device: float32 (n, *input_shape) and targets.

        Raises:
            DataError: if they do not fit the graph; the message names the ``subset``.
        """
        size = math.prod(self._shape)
        classes = self._loss == CLASSIFICATION and y.ndim == 1
        wanted = len(x) if classes else len(x) * self._outputs
        if len(x) == 0 or x.size != len(x) * size or y.size != wanted:
            raise DataError(
                f"{subset} inputs {x.shape} and targets {y.shape} do not fit a graph from "
                f"{self._shape} to {self._outputs} outputs"
            )
        if classes and (y.min() < 0 or y.max() >= self._outputs):
            raise DataError(
                f"{subset} labels are {y.min()}..{y.max()}, "
                f"but the graph has {self._outputs} outputs"
            )
        inputs = _tensor(x, np.float32).reshape(len(x), *self._shape)
        targets = _tensor(y, np.int64 if classes else np.float32)
        return inputs.to(self._device), targets.to(self._device)

    def save(self, path: Path) -> None:
        """Write a checkpoint; errors are those of ``write_checkpoint``."""
        arrays = {f"now/{k}": _array(v) for k, v in self.module.state_dict().items()}
        arrays |= {f"best/{k}": _array(v) for k, v in self._best.state.items()}
        for index, moments in enumerate(self.moments()):
            arrays |= {f"optimizer/{index}/{k}": _array(v) for k, v in moments.items()}
        if self._average is not None:
            arrays |= {f"average/{k}": _array(v) for k, v in self._average.state().items()}
        facts = {"history": [encode(report) for report in self._history], **self._best.facts()}
        write_checkpoint(path, Checkpoint(identity=self._identity, facts=facts, arrays=arrays))

    def resume(self, path: Path) -> None:
        """Resume from a checkpoint, if it exists; errors are those of ``read_checkpoint``."""
        found = read_checkpoint(path, identity=self._identity)
        if found is None:
            return
        arrays = {name: torch.from_numpy(array) for name, array in found.arrays.items()}
        state = self.module.state_dict()
        self.module.load_state_dict({k: arrays[f"now/{k}"] for k in state})
        self._best = Best.from_facts(found.facts, {k: arrays[f"best/{k}"] for k in state})
        self._history = [EpochReport(**report) for report in found.facts["history"]]
        count = len(list(self.module.parameters()))
        names = self._optimizer.moments
        self.load_moments([{k: arrays[f"optimizer/{i}/{k}"] for k in names} for i in range(count)])
        if self._average is not None:
            stored = {k.partition("/")[2]: v for k, v in arrays.items() if k.startswith("average/")}
            self._average.load(stored)

    def moments(self) -> list[Mapping[str, Tensor]]:
        """Return the optimizer's state of every parameter; empty before step one."""
        return [self._optimizer.state[parameter] for parameter in self.module.parameters()]

    def load_moments(self, moments: Sequence[Mapping[str, Tensor]]) -> None:
        """Load copies of the result of :meth:`moments`."""
        for parameter, new in zip(self.module.parameters(), moments, strict=True):
            state = self._optimizer.state[parameter]
            if "step" in self._optimizer.moments:
                state["step"] = new["step"].to(self._device, copy=True)
            for key in (key for key in self._optimizer.moments if key != "step"):
                # The fused kernels walk parameter and moments in memory order: keep the strides.
                state[key] = torch.empty_like(parameter, requires_grad=False).copy_(new[key])


def _tensor(values: np.ndarray, dtype: type[np.generic]) -> Tensor:
    """Return an array as a tensor; on a CPU they share memory, which no step writes to."""
    values = np.ascontiguousarray(values, dtype)
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()
