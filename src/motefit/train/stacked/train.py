"""Stacked training: candidates of one shape train together, on a leading model axis.

A small net's step is mostly the cost of calling torch; a stack pays it once for all its models.
Adam, AdamW and the losses are computed for all of them at once, each at its own learning rate.
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from motefit.graph.counter import count
from motefit.graph.graph import Graph
from motefit.graph.ops import Dropout, Op
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import TrainSpec
from motefit.train.loop import (
    CHECKPOINT_SECONDS,
    EVALUATION_BATCH,
    DivergedError,
    EpochReport,
    Run,
    Source,
    Trained,
)
from motefit.train.module import GraphModule
from motefit.train.optimizer import (
    BETAS,
    CLASSIFICATION,
    EPSILON,
    learning_rate,
    loss_function,
    pinball,
    pinball_quantiles,
)
from motefit.train.stacked.grouped_ops import is_stackable
from motefit.train.stacked.module_stack import StackedModule


class StackedAdam:
    """The arithmetic of ``train.optimizer.Optimizer``, in a handful of operations.

    Args:
        module: whose ``values``, ``moments`` and ``steps`` it updates.
        settings: of each model, with equal ``optimizer``.
    """

    def __init__(self, module: StackedModule, settings: Sequence[TrainSpec]) -> None:
        self._module = module
        shares = torch.tensor([own.weight_decay for own in settings])
        self._decay = shares[:, None] * module.decays if shares.any() else None
        self._decoupled = settings[0].optimizer == "adamw"
        self._change = torch.empty_like(module.values)

    def step(self, gradient: Tensor, rate: Tensor) -> None:
        """Take a step.

        Args:
            gradient: as ``module.values``.
            rate: (models, 1) learning rates.
        """
        module, change = self._module, self._change
        values, (mean, square) = module.values, module.moments
        module.steps += 1
        if self._decay is not None:
            torch.mul(values, self._decay, out=change)
            if self._decoupled:
                values.addcmul_(change, rate, value=-1)
            else:
                gradient = gradient + change
        mean.lerp_(gradient, 1 - BETAS[0])
        square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        # Both bias corrections of the moments are part of the step length.
        first = 1 - BETAS[0] ** module.steps
        second = math.sqrt(1 - BETAS[1] ** module.steps)
        # torch's square root is MKL's: not exactly rounded, and dependent on the processor
        np.sqrt(square.numpy(), out=change.numpy())
        change.add_(EPSILON * second)
        values.addcdiv_(mean * rate, change, value=-second / first)


Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def losses(name: str, label_smoothing: Sequence[float]) -> Loss:
    """Make a function of outputs (models, n, ...) and targets (models, n, ...) of that size.

    It returns losses (models, ...), whose mean over all but the first axis is each model's
    ``train.optimizer.loss_function``, and their derivatives with respect to the outputs. The
    cross-entropy takes logits (models, n, classes) and classes (models, n).

    Args:
        name: as there.
        label_smoothing: of each model's cross-entropy.

    Raises:
        RecipeError: for an unknown name.
    """
    loss_function(name)
    if name == CLASSIFICATION:
        return _cross_entropy(torch.tensor(label_smoothing))
    if quantiles := pinball_quantiles(name):
        return _pinball(quantiles)
    regression = {"mae": _absolute, "mse": _square, "huber": _huber}[name]
    return lambda outputs, y: regression(outputs.detach() - y.reshape(outputs.shape))


def _absolute(error: Tensor) -> tuple[Tensor, Tensor]:
    return error.abs(), error.sgn_()


def _square(error: Tensor) -> tuple[Tensor, Tensor]:
    return error.square(), error.mul_(2)


def _huber(error: Tensor) -> tuple[Tensor, Tensor]:
    clipped = error.clamp(-1, 1)
    return error.sub_(clipped / 2).mul_(clipped), clipped


def _pinball(quantiles: Sequence[float]) -> Loss:
    def loss(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        error = y.reshape(outputs.shape) - outputs.detach()
        level = torch.tensor(quantiles).repeat(error.shape[-1] // len(quantiles))
        slope = torch.where(error > 0, -level, torch.where(error < 0, 1 - level, 0.5 - level))
        return pinball(error, quantiles), slope

    return loss


def _cross_entropy(smoothing: Tensor) -> Loss:
    share = smoothing[:, None]

    def loss(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        log_p = outputs.detach().log_softmax(-1)
        classes = y.unsqueeze(-1)
        hard = log_p.gather(-1, classes).squeeze(-1)
        value = -hard.lerp(log_p.mean(-1), share)
        slope = log_p.exp_() - (share / outputs.shape[-1]).unsqueeze(-1)
        hot = (share - 1).unsqueeze(-1).expand(classes.shape)
        return value, slope.scatter_add_(-1, classes, hot)

    return loss


WORTHWHILE_MACS = 4_000_000
"""Multiply-accumulates of a model's step. With a quarter of them, eight models were two to three
times as fast in a stack; with twice as many, by a fifth (benchmarks/stacked)."""


def can_stack(graph: Graph) -> bool:
    """Return whether stacked training supports every operation of a graph."""
    return all(is_stackable(op, graph) for op in graph.ops)


def worth_stacking(graph: Graph, settings: TrainSpec) -> bool:
    """Return whether a stack of such trainings is clearly faster than one after another.

    It is if calling torch costs more than the arithmetic; see benchmarks/stacked. Distillation is
    never stacked: each training has its own teacher; nor are averages of weights, nor "sgd".
    """
    if settings.teacher is not None or settings.optimizer == "sgd" or settings.averaging:
        return False
    return can_stack(graph) and count(graph).macs * settings.batch_size <= WORTHWHILE_MACS


def stack_key(graph: Graph, settings: TrainSpec) -> str:
    """Make a key that is equal for trainings that may share a stack, source and loss.

    These have operations and constants of equal shape and equal settings, apart from seeds,
    learning rates, weight decay, label smoothing and the rates of dropouts.
    """
    shapes = {name: array.shape for name, array in graph.constants.items()}
    form = (graph.input_shape, [_form(op) for op in graph.ops], sorted(shapes.items()))
    apart = TrainSpec()
    common = replace(
        settings,
        seeds=apart.seeds,
        learning_rate=apart.learning_rate,
        final_learning_rate=apart.final_learning_rate,
        weight_decay=apart.weight_decay,
        label_smoothing=apart.label_smoothing,
    )
    return hashlib.sha256(f"{form!r} {dumps_json(encode(common))}".encode()).hexdigest()


def _form(op: Op) -> Op:
    return replace(op, rate=0.5) if isinstance(op, Dropout) else op


def train_stacked(  # noqa: PLR0913 - as train.loop.train
    graphs: Sequence[Graph],
    source: Source,
    settings: Sequence[TrainSpec],
    *,
    loss: str,
    seeds: Sequence[int],
    checkpoints: Sequence[Path | None] | None = None,
    progress: Callable[[int, EpochReport], None] | None = None,
    stop: Callable[[], bool] | None = None,
    until: int | None = None,
) -> tuple[Trained | DivergedError, ...]:
    """Train several graphs at once, each as ``train.loop.train`` would train it alone.

    Order, augmentation, dropout and schedule of a model are those of its own seed and settings, so
    that it reaches the same weights as alone, up to the order of sums. Checkpoints are those of
    ``train``: a model may continue alone, or in another stack. Models with fewer finished epochs
    catch up first. Equal arguments give equal bytes on one machine's CPU.

    Args:
        graphs: initial constants, at least one graph.
        source: of the examples of all models. It is read once per epoch if it draws no random
            numbers, otherwise once for each model, and all their examples are in memory at once.
        settings: of each model, with equal :func:`stack_key`.
        loss: as in ``train``.
        seeds: of each model.
        checkpoints: of each model; None for none.
        progress: called with a model's index after each of its epochs.
        stop: called after every epoch of the stack; True ends the training, which can be resumed.
        until: as in ``train``.

    Returns:
        The result of each model, in order. One that diverged does not affect the others.

    Raises:
        RecipeError: if the trainings cannot share a stack, or the loss is unknown.
        MotefitError: as in ``train``, except :class:`DivergedError`.
    """
    keys = {stack_key(g, s) for g, s in zip(graphs, settings, strict=True)}
    if len(keys) != 1 or not can_stack(graphs[0]):
        raise RecipeError(
            f"{len(graphs)} trainings of {len(keys)} different forms cannot be stacked; stack "
            "those of equal "
            "stack_key, and train graphs for which can_stack is false alone"
        )
    runs = [
        Run(GraphModule(graph, seed=seed), source, own, loss=loss, seed=seed)
        for graph, own, seed in zip(graphs, settings, seeds, strict=True)
    ]
    paths = checkpoints or [None] * len(runs)
    members = [
        _Member(index=index, run=run, checkpoint=path)
        for index, (run, path) in enumerate(zip(runs, paths, strict=True))
    ]
    return _Training(members, source, loss=loss, goal=runs[0].goal(until)).to_end(progress, stop)


@dataclass(kw_only=True)
class _Member:
    """One model of a stack.

    Attributes:
        index: in the caller's order.
        run: its state as a training of its own.
        checkpoint: path of its checkpoint.
        error: set when it has diverged.
    """

    index: int
    run: Run
    checkpoint: Path | None
    error: DivergedError | None = None


class _Training:
    def __init__(self, members: Sequence[_Member], source: Source, *, loss: str, goal: int) -> None:
        self._members, self._source, self._loss, self._goal = members, source, loss, goal
        for member in members:
            if member.checkpoint is not None:
                member.run.resume(member.checkpoint)
        self._examples = _Examples(source, members[0].run)
        self._validation = members[0].run.tensors(*source.validation(), subset="validation")

    def to_end(
        self,
        progress: Callable[[int, EpochReport], None] | None,
        stop: Callable[[], bool] | None,
    ) -> tuple[Trained | DivergedError, ...]:
        written = time.perf_counter()
        stopped = False
        while (behind := self._behind()) and not stopped:
            reports = self._epoch(behind)
            if progress is not None:
                for index, report in reports:
                    progress(index, report)
            stopped = stop is not None and stop()
            last = stopped or not self._behind()
            if last or time.perf_counter() - written >= CHECKPOINT_SECONDS:
                self._save()
                written = time.perf_counter()
        return tuple(member.error or member.run.result() for member in self._members)

    def _behind(self) -> list[_Member]:
        """Select the models to train next: those with the fewest finished epochs."""
        left = [m for m in self._members if m.error is None and m.run.done < self._goal]
        fewest = min((member.run.done for member in left), default=0)
        return [member for member in left if member.run.done == fewest]

    def _save(self) -> None:
        for member in self._members:
            if member.checkpoint is not None and member.error is None:
                member.run.save(member.checkpoint)

    def _epoch(self, members: Sequence[_Member]) -> list[tuple[int, EpochReport]]:
        start = time.perf_counter()
        runs = [member.run for member in members]
        # A single model is duplicated: torch computes convolutions without groups by a different
        # algorithm, and a model's bytes must not depend on the presence of others.
        module = StackedModule(runs if len(runs) > 1 else runs * 2)
        rates, train_losses = self._pass(module)
        module.store()
        validation = self._evaluate(module)
        seconds = (time.perf_counter() - start) / len(members)
        reports = []
        for member, rate, loss, own in zip(members, rates, train_losses, validation, strict=False):
            try:
                report = member.run.record(loss, own, rate=rate, seconds=seconds)
            except DivergedError as error:
                member.error = error
            else:
                reports.append((member.index, report))
        return reports

    def _pass(self, module: StackedModule) -> tuple[list[float], list[float]]:
        """Make one pass over the examples; return last learning rates and mean losses."""
        runs = module.runs
        settings, index = runs[0].settings, runs[0].done
        x, y, orders = self._examples.epoch(runs)
        examples = orders.shape[1]
        steps = -(-examples // settings.batch_size)
        shares = [(index + step / steps) / settings.epochs for step in range(steps)]
        rates = [[learning_rate(run.settings, share) for run in runs] for share in shares]
        loss = losses(self._loss, [run.settings.label_smoothing for run in runs])
        optimizer = StackedAdam(module, [run.settings for run in runs])
        sums: list[Tensor] = []
        module.train()
        for chosen, rate in zip(
            orders.tensor_split(steps, 1), torch.tensor(rates).unsqueeze(-1), strict=True
        ):
            places = chosen.reshape(-1)
            inputs = x.index_select(0, places).view(*chosen.shape, *x.shape[1:])
            targets = y.index_select(0, places).view(*chosen.shape, *y.shape[1:])
            outputs = module.logits(inputs)
            values, slopes = loss(outputs, targets)
            gradient = module.gradient(outputs, slopes).div_(values[0].numel())
            optimizer.step(gradient, rate)
            sums.append(values.flatten(1).mean(1) * chosen.shape[1])
        total = torch.stack(sums).sum(0, dtype=torch.float64)
        return rates[-1], (total / examples).tolist()

    def _evaluate(self, module: StackedModule) -> list[tuple[float, float]]:
        inputs, targets = self._validation
        module.eval()
        with torch.no_grad():
            parts = [
                module.logits(part.expand(len(module.runs), *part.shape))
                for part in torch.split(inputs, EVALUATION_BATCH)
            ]
        outputs = torch.cat(parts, 1)
        return [run.screener(own, targets) for run, own in zip(module.runs, outputs, strict=True)]


class _Examples:
    """Training examples of all models, without copies of shared ones."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source, self._run = source, run
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None
        self._tensors: tuple[Tensor, Tensor] | None = None

    def epoch(self, runs: Sequence[Run]) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, targets, and (models, n) indices of each model's examples, in order."""
        index = runs[0].done
        rng = np.random.default_rng([runs[0].seed, index, 0])
        untouched = rng.bit_generator.state
        arrays = self._source.epoch(index, rng=rng)
        if rng.bit_generator.state == untouched:
            parts, copies = [self._kept(arrays)], 1
        else:
            first = self._run.tensors(*arrays, subset="training")
            parts, copies = [first, *(self._own(run) for run in runs[1:])], len(runs)
        x, y = parts[0] if copies == 1 else map(torch.cat, zip(*parts, strict=True))
        size = len(x) // copies
        orders = np.stack(
            [np.random.default_rng([run.seed, index, 1]).permutation(size) for run in runs]
        )
        if copies > 1:
            orders += size * np.arange(copies)[:, None]
        return x, y, torch.from_numpy(orders)

    def _own(self, run: Run) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([run.seed, run.done, 0])
        return run.tensors(*self._source.epoch(run.done, rng=rng), subset="training")

    def _kept(self, arrays: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
        """Convert arrays to tensors, cached as long as the source returns the same arrays."""
        if self._tensors is None or any(
            new is not old for new, old in zip(arrays, self._arrays or (), strict=True)
        ):
            self._arrays = arrays
            self._tensors = self._run.tensors(*arrays, subset="training")
        return self._tensors
