"""An optimizer's step is that of torch's class, bit for bit, without what the class imports."""

import subprocess
import sys

import pytest
import torch

from motefit.spec.recipe import TrainSpec
from motefit.train.optimizer import MOMENTUM, Optimizer

SETTINGS = {"learning_rate": 0.05, "weight_decay": 0.1}
PLAIN = """
import sys, numpy, torch
from motefit.graph.families import Problem, build
from motefit.spec.recipe import TrainSpec
from motefit.train.optimizer import Optimizer
from motefit.train.stacked.train import train_stacked
for kind in ("adam", "adamw", "sgd"):
    module = torch.nn.Linear(3, 2)
    module(torch.ones(1, 3)).sum().backward()
    Optimizer(module, TrainSpec(optimizer=kind)).step()
class Source:
    key = "zeros"
    def epoch(self, index, *, rng):
        return self.validation()
    def validation(self):
        return numpy.zeros((4, 2, 1), numpy.float32), numpy.zeros((4, 1), numpy.float32)
problem = Problem(input_shape=(2, 1), outputs=1, naive=(1,))
graph = build("mlp", {"units": (2,)}, problem=problem, rng=numpy.random.default_rng(0))
train_stacked([graph], Source(), [TrainSpec(epochs=1)], loss="mae", seeds=[0])
print({"torch._dynamo", "sympy"} & set(sys.modules))
"""


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 2))


def torchs(kind: str, module: torch.nn.Module) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in module.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in module.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=0.05, momentum=MOMENTUM, fused=True)
    chosen = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    return chosen(groups, lr=0.05, fused=True)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_steps_equal_those_of_torchs_class(kind):
    ours, theirs = network(), network()
    stepper, reference = (
        Optimizer(ours, TrainSpec(optimizer=kind, **SETTINGS)),
        torchs(kind, theirs),
    )
    x = torch.randn(16, 5, generator=torch.Generator().manual_seed(1))
    for step in range(6):
        stepper.rate = 0.05 / (step + 1)
        for group in reference.param_groups:
            group["lr"] = 0.05 / (step + 1)
        for module, optimizer in ((ours, stepper), (theirs, reference)):
            optimizer.zero_grad()
            frozen = step == 3  # a parameter without a gradient stays where it is
            module[2].weight.requires_grad_(not frozen)
            module(x).square().mean().backward()
            optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
        for name in stepper.moments:
            assert torch.equal(stepper.state[mine][name], reference.state[other][name])


@pytest.mark.proof
def test_neither_torchs_compiler_nor_sympy_is_imported():
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
