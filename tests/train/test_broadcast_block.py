"""Blocks that run as a whole compute what their operations compute, and so do their gradients."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.train.fused_steps import steps_of
from motefit.train.module import GraphModule

PUBLISHED = {"bands": 5, "published_head": True, "first_stride": (2, 1)}
NETS: list[Mapping[str, object]] = [
    {"channels": (3, 5), "blocks": (2, 1), "first_channels": 4},
    {"channels": (6, 4), "blocks": (1, 2), "dilations": (1, 3), "time_kernel": 5},
    {"channels": (4, 4), "blocks": (2,), **PUBLISHED, "frequency_strides": (1, 2)},
    {"channels": (5,), "blocks": (3,), **PUBLISHED, "frequency_kernel": 5},
]


def net(options: Mapping[str, object], frames: int = 21) -> Graph:
    problem = Problem(input_shape=(frames, 10), outputs=3)
    return build("bcresnet", options, problem=problem, rng=np.random.default_rng(0))


def results(graph: Graph, batch: torch.Tensor, *, fused: bool) -> dict[str, torch.Tensor]:
    """Outputs, gradients and running statistics of one pass, and outputs of evaluation."""
    module = GraphModule(graph, seed=0, fused=fused).double().train()
    out = module.logits(batch)
    out.square().sum().backward()
    found = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    found |= {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad():
        return {**found, "training": out.detach(), "evaluation": module.eval().logits(batch)}


@pytest.mark.parametrize("options", NETS)
def test_fused_and_plain_steps_agree(options: Mapping[str, object]) -> None:
    graph = net(options)
    assert len(steps_of(graph, fused=True)) < len(steps_of(graph, fused=False))
    rng = np.random.default_rng(1)
    batch = torch.tensor(rng.standard_normal((6, *graph.input_shape)), dtype=torch.float64)
    plain, fused = (results(graph, batch, fused=f) for f in (False, True))
    assert plain.keys() == fused.keys()
    for name, value in plain.items():
        scale = 1 + float(value.abs().max())
        assert float((value - fused[name]).abs().max()) < 2e-5 * scale, name


@examples(6)
@given(frames=st.integers(6, 30), batch=st.integers(2, 5), piece=st.integers(1, 4000))
def test_the_size_of_the_pieces_does_not_matter(frames: int, batch: int, piece: int) -> None:
    graph = net(NETS[2], frames)
    rng = np.random.default_rng(frames)
    x = torch.tensor(rng.standard_normal((batch, *graph.input_shape)), dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        whole = results(graph, x, fused=True)
        patch.setattr("motefit.train.broadcast_block.PIECE", piece)
        cut = results(graph, x, fused=True)
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=1e-5, atol=1e-6)


def test_other_networks_run_operation_by_operation() -> None:
    problem = Problem(input_shape=(20, 10), outputs=3)
    for family in ("dscnn", "tcnet", "cnn"):
        graph = build(family, {}, problem=problem, rng=np.random.default_rng(0))
        names = [step.outputs for step in steps_of(graph, fused=True)]
        assert names == [(op.output,) for op in graph.ops]
