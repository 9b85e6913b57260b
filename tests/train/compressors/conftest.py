"""Small tasks that every compressor meets, and ways to look into the file it leads to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRT

from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.spec.recipe import CompressSpec, TrainSpec
from motefit.train.finetune.finetuner import FineTuner
from motefit.train.finetune.trained_model import Model
from motefit.train.loop import train

FAMILIES: Mapping[str, Mapping[str, object]] = {
    "dscnn": {"width": 8, "blocks": 1},
    "tcnet": {
        "width": 8, "blocks": 2, "first_kernel": 3, "kernels": (3,), "padding": "valid",
    },
    "bcresnet": {
        "channels": (4, 6), "blocks": (1,), "first_channels": 6, "head_channels": 8,
        "first_kernel": (3, 3),
    },
    "mlp": {"units": (10, 8)},
    "conv1d": {"filters": (6,), "units": (8,)},
    "lstm": {"units": 6},
    "residual-mlp": {"units": 6},
}  # fmt: skip
SPEECH = {"dscnn", "tcnet", "bcresnet"}
SETTINGS = TrainSpec(epochs=3, batch_size=32, learning_rate=0.02, weight_decay=0.0)


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """Rows that are high, low or in turn high and low; noise is drawn again per epoch."""

    n: int = 192
    key: str = "patterns"

    def _draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(n) % 3
        rows = np.array([np.ones(12), -np.ones(12), np.tile([1, -1], 6)])
        x = rng.normal(0, 1.0, (n, 12, 8)) + rows[label][:, :, None]
        return x.astype(np.float32), label

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(rng, self.n)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(np.random.default_rng(99), 96)


@dataclass(frozen=True, kw_only=True)
class Bends:
    """Targets are a bent matrix product of a window."""

    n: int = 192
    key: str = "bends"

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        x = rng.standard_normal((self.n, 6, 2)).astype(np.float32)
        matrix = np.random.default_rng(8).normal(0, 0.5, (12, 4))
        return x, np.tanh(x.reshape(-1, 12) @ matrix).astype(np.float32)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return self.epoch(0, rng=np.random.default_rng(5))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A trained network of a family, with its task."""

    graph: Graph
    source: Any
    loss: str
    precision: str

    @property
    def model(self) -> Model:
        return Model(graph=self.graph)

    def of(self, n: int) -> "Case":
        """Return the same with fewer examples, for tests that ask for equal bytes only."""
        return replace(self, source=replace(self.source, n=n))

    def tuner(self, folder: Path | None = None, **knobs: Any) -> FineTuner:
        compress = CompressSpec(precision=knobs.pop("precision", self.precision))
        return FineTuner(
            self.source,
            SETTINGS,
            compress,
            loss=self.loss,
            examples=self.source.validation()[0][:48],
            folder=folder,
            **knobs,
        )


@pytest.fixture(scope="session")
def case_of() -> Callable[[str], Case]:
    made: dict[str, Case] = {}

    def get(name: str) -> Case:
        if name not in made:
            speech = name in SPEECH
            source = Patterns() if speech else Bends()
            problem = (
                Problem(input_shape=(12, 8), outputs=3)
                if speech
                else Problem(input_shape=(6, 2), outputs=4)
            )
            rng = np.random.default_rng(0)
            graph = build(name, FAMILIES[name], problem=problem, rng=rng)
            loss = "cross-entropy" if speech else "mae"
            trained = train(graph, source, SETTINGS, loss=loss)
            made[name] = Case(
                graph=trained.graph,
                source=source,
                loss=loss,
                precision="int8-weights" if name == "lstm" else "int8",
            )
        return made[name]

    return get


@pytest.fixture(scope="session")
def stored_weights() -> Callable[[bytes], list[np.ndarray]]:
    """Integer weights in the bytes of a file: constants of two and more dimensions."""

    def read(file: bytes) -> list[np.ndarray]:
        litert = LiteRT(model_content=file)
        constants = []
        for tensor in litert.get_tensor_details():
            try:
                array = litert.get_tensor(tensor["index"])
            except ValueError:
                continue  # no data before the first run: an activation
            if array.dtype == np.int8 and array.ndim > 1 and len(tensor["shape"]) > 1:
                constants.append(array)
        return constants

    return read
