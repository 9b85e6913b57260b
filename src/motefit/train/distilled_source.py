"""Knowledge distillation (arXiv:1503.02531): a source that mixes a teacher into its targets."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from motefit.graph.graph import Graph
from motefit.train.loop import EVALUATION_BATCH, Source
from motefit.train.module import GraphModule, select_device

Floats = NDArray[np.float32]


class DistilledSource:
    """Examples of a source, with targets that mix labels and a teacher's probabilities.

    Implements ``train.loop.Source`` for the cross-entropy. The teacher evaluates each augmented
    example; validation targets stay labels.

    Args:
        source: of examples with class indices.
        teacher: outputs logits of at least the source's classes.
        weight: of the teacher's probabilities in a target, 0..1.
        classes: the source's classes among the teacher's outputs; None if they are the same.
        view: from the source's inputs to the teacher's; None if they are the same.
        device: of torch, that the teacher runs on.
    """

    def __init__(
        self,
        source: Source,
        teacher: Graph,
        *,
        weight: float,
        classes: Sequence[int] | None = None,
        view: Callable[[np.ndarray], np.ndarray] | None = None,
        device: str = "cpu",
    ) -> None:
        self._source, self._weight, self._view = source, weight, view
        self._classes = slice(None) if classes is None else list(classes)
        self._teacher = GraphModule(teacher, seed=0).to(select_device(device)).eval()
        self._shape, self._device = teacher.input_shape, device
        digest = hashlib.sha256()
        for name, array in sorted(teacher.constants.items()):
            digest.update(name.encode() + array.tobytes())
        self.key = f"{source.key} taught {weight} {classes} by {digest.hexdigest()[:32]}"

    def epoch(self, index: int, *, rng: np.random.Generator) -> tuple[np.ndarray, Floats]:
        """Return inputs (n, ...) of the source, and probabilities (n, classes) that sum to 1."""
        inputs, labels = self._source.epoch(index, rng=rng)
        opinion = self._opinion(inputs)
        certain = np.eye(opinion.shape[1], dtype=np.float32)[labels]
        return inputs, certain + np.float32(self._weight) * (opinion - certain)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the source's validation examples."""
        return self._source.validation()

    def _opinion(self, inputs: np.ndarray) -> Floats:
        """Compute the teacher's probabilities (n, classes)."""
        seen = inputs if self._view is None else self._view(inputs)
        batch = torch.from_numpy(np.asarray(seen, np.float32)).reshape(-1, *self._shape)
        with torch.no_grad():
            parts = [
                self._teacher.logits(part.to(self._device)).flatten(1)[:, self._classes].softmax(1)
                for part in torch.split(batch, EVALUATION_BATCH)
            ]
        return torch.cat(parts).cpu().numpy()
