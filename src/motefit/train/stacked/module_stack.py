"""Several modules of one form trained together: their parameters are the rows of one matrix."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from motefit.graph.graph import INPUT
from motefit.graph.ops import Op, Softmax
from motefit.train.loop import Run
from motefit.train.module import NORM_MOMENTUM, generator_of, used_constants
from motefit.train.optimizer import MOMENTS
from motefit.train.stacked.grouped_ops import Stack, by_model, stack_op, stacked
from motefit.train.torch_ops import Context, Step

ALIGNMENT = 32
"""Row lengths are a multiple of this, two of the longest vector registers: the end of a row is
computed like its middle, so that a model's numbers do not depend on its place in the stack."""


class StackedModule:
    """Forward pass and gradients of several models.

    It starts with the state of the runs, and :meth:`store` writes it back.

    Attributes:
        runs: as given.
        values: (models, p) float32: the parameters of each model end to end, padded with zeros.
        moments: means of the gradients and of their squares, as ``values``.
        steps: taken by the optimizer so far.
        decays: (p,) float32: 1 where weight decay acts, otherwise 0.

    Args:
        runs: of graphs of one form, with equally many finished epochs.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        modules = [run.module for run in runs]
        self._stack = Stack(
            graphs=[module.graph for module in modules],
            generators=[generator_of(run.seed, run.done) for run in runs],
        )
        self._steps = _steps(self._stack)
        self._context = Context(NORM_MOMENTUM)
        tensors = {
            n: [module.tensor(n) for module in modules] for n in used_constants(modules[0].graph)
        }
        parameters = {n: own for n, own in tensors.items() if isinstance(own[0], nn.Parameter)}
        self._statistics = {
            n: torch.stack(own) for n, own in tensors.items() if n not in parameters
        }
        self.values = _rows(list(parameters.values()))
        self._shapes = [own[0].shape for own in parameters.values()]
        self.decays = _rows([[torch.full(s, float(len(s) >= 2))] for s in self._shapes])[0]
        views = [view.requires_grad_() for view in self._views(self.values)]
        self._parameters = dict(zip(parameters, views, strict=True))
        self._load_moments()
        used = sum(shape.numel() for shape in self._shapes)
        self._padding = torch.zeros(len(runs), self.values.shape[1] - used)

    def _load_moments(self) -> None:
        found = [run.moments() for run in self.runs]
        if found[0][0]:
            columns = list(zip(*found, strict=True))
            self.moments = tuple(
                _rows([[m[key] for m in own] for own in columns]) for key in MOMENTS[1:]
            )
            self.steps = int(found[0][0][MOMENTS[0]])
        else:
            self.moments = tuple(torch.zeros_like(self.values) for _ in MOMENTS[1:])
            self.steps = 0

    def _views(self, rows: Tensor) -> list[Tensor]:
        """View a matrix such as ``values`` as tensors (models, *shape), one per parameter."""
        sizes = [shape.numel() for shape in self._shapes]
        parts = torch.split(rows[:, : sum(sizes)], sizes, 1)
        return [part.view(-1, *shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def train(self) -> None:
        """Enter training mode: norms use and update batch statistics, and dropouts act."""
        self._context.training = True

    def eval(self) -> None:
        """Enter evaluation mode: norms use running statistics, and dropouts do nothing."""
        self._context.training = False

    def logits(self, batch: Tensor) -> Tensor:
        """Compute outputs (models, n, *output_shape) without a final softmax.

        Args:
            batch: (models, n, *input_shape) float32.
        """
        tensors = {**self._parameters, **self._statistics, INPUT: stacked(batch, self._stack)}
        name = INPUT
        for op, step in self._steps:
            name = op.output
            tensors[name] = step([tensors[n] for n in op.inputs], self._context)
        return by_model(tensors[name], len(self.runs))

    def gradient(self, outputs: Tensor, slopes: Tensor) -> Tensor:
        """Compute gradients, shaped like ``values``, of a sum of losses.

        Args:
            outputs: of the last :meth:`logits`.
            slopes: derivatives of the losses by the outputs, in their form.
        """
        # torch.autograd.grad with slopes as an argument imports sympy, which takes a second
        total = (outputs * slopes).sum()
        parts = torch.autograd.grad(total, list(self._parameters.values()))
        return torch.cat([*(part.flatten(1) for part in parts), self._padding], 1)

    def store(self) -> None:
        """Write parameters, statistics and moments back to the runs."""
        moments = [self._views(rows) for rows in self.moments]
        step = torch.tensor(float(self.steps))
        with torch.no_grad():
            for i, run in enumerate(self.runs):
                for name, value in (*self._parameters.items(), *self._statistics.items()):
                    run.module.tensor(name).copy_(value[i])
                own = zip(*([part[i] for part in parts] for parts in moments), strict=True)
                run.load_moments([dict(zip(MOMENTS, (step, *pair), strict=True)) for pair in own])


def _steps(stack: Stack) -> list[tuple[Op, Step]]:
    ops = stack.graphs[0].ops
    ops = ops[:-1] if isinstance(ops[-1], Softmax) else ops  # the loss reads logits
    return [(op, stack_op(op, stack)) for op in ops]


def _rows(parameters: Sequence[Sequence[Tensor]]) -> Tensor:
    """Pack tensors, by parameter and model, into the rows of a padded matrix (models, p)."""
    rows = torch.cat([torch.stack(list(own)).detach().flatten(1) for own in parameters], 1)
    return functional.pad(rows, (0, -rows.shape[1] % ALIGNMENT))
