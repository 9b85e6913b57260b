"""The memory plan: nothing overlaps, and what is called optimal is."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from motefit.codegen.memory_plan import Buffer, plan_memory


@st.composite
def buffers(draw):
    count = draw(st.integers(0, 6))
    found = []
    for i in range(count):
        first = draw(st.integers(0, 5))
        last = draw(st.integers(first, 6))
        size = 8 * draw(st.integers(1, 6))
        smaller = 8 * draw(st.integers(1, size // 8))
        shrinks = draw(st.sampled_from([(), ((draw(st.integers(first, last + 1)), smaller),)]))
        found.append(Buffer(name=f"b{i}", size=size, first=first, last=last, shrinks=shrinks))
    return found


def least(buffers):
    """The smallest block over all orders of placing each buffer on top of those it meets."""
    best = None
    for order in permutations(buffers):
        tops = {}
        for buffer in order:
            tops[buffer.name] = max(
                (
                    tops[b.name] + b.room_beside(buffer)
                    for b in order
                    if b.name in tops and b.meets(buffer)
                ),
                default=0,
            )
        size = max((tops[b.name] + b.room for b in order), default=0)
        best = size if best is None else min(best, size)
    return best


@given(buffers())
def test_a_plan_is_valid_and_the_least(found):
    plan = plan_memory(found)
    for i, a in enumerate(found):
        assert plan.offsets[a.name] + a.room <= plan.size
        for b in found[:i]:
            low, high = plan.offsets[a.name], plan.offsets[b.name]
            for step in range(max(a.first, b.first), min(a.last, b.last) + 1):
                assert low + a.room_at(step) <= high or high + b.room_at(step) <= low
    assert plan.optimal
    assert plan.bound <= plan.size == least(found)


HARD = [
    ("a", 4, 1, 1), ("b", 1, 1, 3), ("c", 5, 0, 0), ("d", 4, 1, 3),
    ("e", 4, 1, 2), ("f", 5, 5, 6), ("g", 6, 1, 6), ("h", 5, 3, 5),
]  # fmt: skip
"""Buffers that no simple order places well: name, size, first and last step."""


def test_a_search_that_was_cut_short_is_not_called_optimal():
    found = [
        Buffer(name=name, size=8 * size, first=first, last=last) for name, size, first, last in HARD
    ]
    whole, short = plan_memory(found), plan_memory(found, limit=1)
    assert whole.optimal
    assert not short.optimal
    assert short.size > whole.size >= whole.bound
