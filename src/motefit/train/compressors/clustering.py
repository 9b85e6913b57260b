"""Weight clustering: few shared values per weight tensor, which are then fine-tuned.

After Han et al., "Deep compression", arXiv:1510.00149, section 3: k-means over a layer's weights,
gradients summed by cluster. First centroids: k-means++ (Arthur and Vassilvitskii, 2007).
"""

from dataclasses import replace

import numpy as np

from motefit.graph.graph import Quantization
from motefit.train.compressors import compressor, require
from motefit.train.finetune.fake_quantization import rounded_weights
from motefit.train.finetune.finetuner import FineTuner, FineTuneSpec
from motefit.train.finetune.trained_model import Model, chosen_weights

ROUNDS = 50


@compressor("clustering")
def clustering(  # noqa: PLR0913 - the options of a step are its signature
    model: Model,
    tuner: FineTuner,
    *,
    clusters: int = 16,
    layers: tuple[str, ...] = (),
    depthwise: bool = True,
    epochs: int = 5,
    learning_rate: float = 0.0,
) -> Model:
    """Give every weight tensor at most k distinct values in the file, and train those.

    If the file stores a weight as integers, these are shared: values are clustered in steps of
    their channels' scales (those of the file), so that one set of integers serves all channels. If
    it stores floats, the floats are shared.

    Args:
        model: trained; it is folded first.
        tuner: to fine-tune with.
        clusters: k, per weight tensor; the zeros of an earlier pruning are one of them.
        layers: such as ``"conv0"``; empty for all.
        depthwise: cluster depthwise convolutions too, when ``layers`` is empty.
        epochs: of fine-tuning the shared values.
        learning_rate: peak; 0 for a tenth of the training's.

    Raises:
        RecipeError: for a value out of range, or an unknown layer.
    """
    require("clusters", clusters, low=2, high=256)
    require("epochs", epochs, low=0, high=1e6)
    require("learning_rate", learning_rate, low=0, high=1e3)
    model = model.folded()
    rules = rounded_weights(tuner.nearest_form(model))
    constants, groups, scales = {}, dict(model.groups), dict(model.scales)
    rng = tuner.rng
    for name in chosen_weights(model.graph, layers, depthwise=depthwise):
        weight = model.graph.constants[name]
        rule = rules.get(name, Quantization(scale=np.ones(1)))
        along = np.broadcast_to(rule.along(weight.ndim), weight.shape).astype(np.float64)
        groups[name], values = _clustered(weight, along, clusters, rng=rng)
        if name in rules:
            scales[name] = rule.scale
            values = np.rint(values)
        constants[name] = (values * along).astype(np.float32)
    graph = model.graph.with_constants(constants)
    clustered = replace(model, graph=graph, groups=groups, scales=scales)
    return tuner.fit(clustered, FineTuneSpec(epochs=epochs, learning_rate=learning_rate))


def _clustered(
    weight: np.ndarray, scale: np.ndarray, clusters: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Find groups (from 0; the weight's zeros are one of them) and values in steps of the scale."""
    alive = weight != 0
    groups = np.zeros(weight.shape, np.int64)
    values = np.zeros(weight.shape)
    if alive.any():
        wanted = clusters - int(not alive.all())
        steps = (weight / scale)[alive]
        nearest, centers = k_means(steps, scale[alive] ** 2, wanted, rng=rng)
        groups[alive] = nearest + 1
        values[alive] = centers[nearest]
    return groups, values


def k_means(
    values: np.ndarray, importance: np.ndarray, clusters: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Run one-dimensional weighted k-means with k-means++ initialization.

    Args:
        values: (n,), n at least 1.
        importance: (n,) positive.
        clusters: maximum number; fewer if there are fewer distinct values.
        rng: draws the first centers.

    Returns:
        (n,) index of each value's center, and the centers, ascending.
    """
    importance = importance / importance.sum()
    centers = [values[rng.choice(len(values), p=importance)]]
    while len(centers) < clusters:
        far = importance * np.min(np.abs(values[:, None] - np.array(centers)), axis=1) ** 2
        if far.sum() <= 0:
            break
        centers.append(values[rng.choice(len(values), p=far / far.sum())])
    found = np.sort(np.array(centers, np.float64))
    for _ in range(ROUNDS):
        nearest = np.searchsorted((found[1:] + found[:-1]) / 2, values)
        weights = np.bincount(nearest, importance, len(found))
        sums = np.bincount(nearest, importance * values, len(found))
        moved = np.where(weights > 0, sums / np.maximum(weights, 1e-300), found)
        if np.array_equal(moved, found):
            break
        found = np.sort(moved)
    return np.searchsorted((found[1:] + found[:-1]) / 2, values), found
