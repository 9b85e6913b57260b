"""Structured pruning: whole channels are removed from the graph, then the rest is fine-tuned.

Scores: Li et al., "Pruning filters for efficient convnets", arXiv:1608.08710 (norms of filters);
Liu et al., "Learning efficient convolutional networks through network slimming", arXiv:1708.06519
(scales of the norms).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from motefit.graph.channels import ChannelGroup, cut, spaces, without_channels
from motefit.graph.counter import count
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.ops import BatchNorm
from motefit.spec.errors import RecipeError
from motefit.train.compressors import compressor, require
from motefit.train.finetune.finetuner import FineTuner, FineTuneSpec
from motefit.train.finetune.trained_model import Model


@compressor("channel-pruning", shrinks=True)
def channel_pruning(  # noqa: PLR0913 - the options of a step are its signature
    model: Model,
    tuner: FineTuner,
    *,
    share: float = 0.25,
    target: Literal["channels", "macs", "bytes"] = "channels",
    by: Literal["l1", "l2", "gamma"] = "l2",
    scope: Literal["layer", "global"] = "layer",
    epochs: int = 10,
    learning_rate: float = 0.0,
) -> Model:
    """Remove the least important channels from the network, and train the rest.

    Channels that a sum, a norm, a pool or a depthwise convolution passes on are removed together.
    Inputs and outputs stay, and so does the best channel of every set.

    Args:
        model: trained.
        tuner: to fine-tune with.
        share: minimum fraction of ``target`` to remove.
        target: ``"channels"``, ``"macs"`` (multiply-accumulates) or ``"bytes"`` (of the released
            .tflite file).
        by: importance of a channel: the mean absolute (``"l1"``) or root mean square (``"l2"``)
            weight that produces it, norms folded in; or the scale of its norm (``"gamma"``). If
            several layers produce the same channels, the mean.
        scope: ``"layer"``: every set loses the same fraction; ``"global"``: the least important of
            all, relative to their sets' means, are removed.
        epochs: of fine-tuning.
        learning_rate: peak; 0 for the training's own, because much must be relearned.

    Raises:
        RecipeError: for a value out of range, a fraction that cannot be reached, or ``"gamma"`` in
            a network without norms.
    """
    require("share", share, low=0, high=0.99)
    require("epochs", epochs, low=0, high=1e6)
    require("learning_rate", learning_rate, low=0, high=1e3)
    order = _order(model.graph, by=by, scope=scope)
    if not order:
        raise RecipeError("this network has no channels that can be removed")
    cost: dict[str, Callable[[Model], int]] = {
        "channels": lambda m: sum(space.size for space in spaces(m.graph)),
        "macs": lambda m: count(fold(m.graph)).macs,
        "bytes": lambda m: len(tuner.file(m)),
    }
    wanted = (1 - share) * cost[target](model)
    least = cost[target](_pruned(model, order))
    if least > wanted:
        raise RecipeError(
            f"share: with one channel in every layer {target} are still {least}, wanted "
            f"{wanted:.0f}; lower the share (now {share:g})"
        )
    gone = _fewest(len(order), lambda n: cost[target](_pruned(model, order[:n])) <= wanted)
    rate = learning_rate or tuner.settings.learning_rate
    return tuner.fit(_pruned(model, order[:gone]), FineTuneSpec(epochs=epochs, learning_rate=rate))


def _fewest(most: int, enough: Callable[[int], bool]) -> int:
    """Find by bisection the smallest number in 0..``most`` that is enough; ``most`` is."""
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _order(graph: Graph, *, by: str, scope: str) -> list[tuple[ChannelGroup, int]]:
    """Order all removable channels, least important first, without the best of each space."""
    folded = fold(graph)
    ranked = []
    for index, space in enumerate(spaces(graph)):
        scores = importance(graph, folded, space, by=by)
        order = np.argsort(scores, kind="stable")
        for rank, channel in enumerate(order[:-1]):
            if scope == "layer":
                key = (rank + 1) / space.size
            else:
                key = scores[channel] / max(float(scores.mean()), 1e-30)
            ranked.append((key, index, int(channel), space))
    return [(space, channel) for _, _, channel, space in sorted(ranked, key=lambda r: r[:3])]


def importance(graph: Graph, folded: Graph, space: ChannelGroup, *, by: str) -> np.ndarray:
    """Score the (channels,) of a space, higher is more important; see :func:`channel_pruning`.

    Args:
        graph: in trained form.
        folded: the same in released form.
        space: of ``graph``.
        by: ``"l1"``, ``"l2"`` or ``"gamma"``.

    Raises:
        RecipeError: for ``"gamma"`` if no norm scales the channels.
    """
    if by == "gamma":
        norms = [op for op in graph.ops if isinstance(op, BatchNorm) and op.output in space.tensors]
        if not norms:
            raise RecipeError(
                f'by = "gamma": no norm scales the channels of {space.name}; use "l2"'
            )
        scales = [np.abs(graph.constants[op.inputs[1]]) for op in norms]
        return np.asarray(np.mean(scales, axis=0))
    power = 1 if by == "l1" else 2
    scores = []
    for use in space.uses:
        array = folded.constants.get(use.constant)
        if use.makes and array is not None and array.ndim > 1:
            rows = np.moveaxis(np.abs(array.astype(np.float64)), use.axis, 0).reshape(
                space.size, -1
            )
            scores.append(np.mean(rows**power, axis=1) ** (1 / power))
    return np.asarray(np.mean(scores, axis=0))


def _pruned(model: Model, gone: list[tuple[ChannelGroup, int]]) -> Model:
    keep: dict[str, np.ndarray] = {}
    for space, channel in gone:
        keep.setdefault(space.name, np.ones(space.size, bool))[channel] = False
    graph = model.graph
    scales = dict(model.scales)
    for space in spaces(graph):
        for use in space.uses:
            # scales run over the channels that a weight makes, or that a depthwise one passes on
            scaled = use.makes or graph.constants[use.constant].shape[:1] == (1,)
            if use.constant in scales and space.name in keep and scaled:
                scale = scales[use.constant]
                if len(scale) == space.size and scale.size > 1:
                    scales[use.constant] = scale[keep[space.name]]
    return replace(
        model,
        graph=without_channels(graph, keep),
        groups=cut(graph, keep, model.groups),
        scales=scales,
    )
