"""Every registered strategy: what it proposes, and that it proposes it again."""

import pytest

from motefit.search.space import Space
from motefit.search.strategies import STRATEGIES
from motefit.search.trial import Trial
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe

TEXT = """
task = "forecasting"
[model]
family = "mlp"
hidden = [4]
[train]
seeds = [0, 1]
[budget]
objective = "macs"
[search]
strategy = "{name}"
max_candidates = 12
[search.space]
"model.hidden" = [[2], [4], [8, 4]]
"train.batch_size" = {{low = 32, high = 128, step = 32}}
"""
WITH_RATE = '"train.learning_rate" = {low = 1e-3, high = 0.1, log = true}\n'
NAMES = sorted(STRATEGIES.all())
SAMPLED = ("nsga2", "random", "tpe")


def space_of(name: str, *, extra: str = "") -> Space:
    return Space(Recipe.loads(TEXT.format(name=name) + extra, name="r"))


def proposed(space: Space, history=(), number=0, *, missed=lambda _: {}, count=30) -> list:
    """The points of a round, the strategy told of each what ``missed`` says."""
    proposals = STRATEGIES.find(space.recipe.search.strategy).propose(space, history, number)
    points, answer = [], None
    while len(points) < count:
        try:
            point = next(proposals) if answer is None else proposals.send(answer)
        except StopIteration:
            break
        points.append(point)
        answer = missed(point)
    return points


def trial(space: Space, index: int, point, value: float, *, status="trained", number=0) -> Trial:
    return Trial(
        round=number, index=index, point=point, key=space.candidate(point).key, status=status,
        epochs=3, facts={"macs": value} if status != "rejected" else {},
        violations={"macs": 0.5} if status == "rejected" else {},
    )  # fmt: skip


def history_of(space: Space, count: int = 6) -> list[Trial]:
    points = proposed(space, count=count)
    return [trial(space, i, p, float(100 - i)) for i, p in enumerate(points)]


def test_there_are_strategies():
    assert {"grid", "narrowing", *SAMPLED} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_points_lie_in_the_space_and_are_candidates(name):
    space = space_of(name)
    points = proposed(space)
    assert points
    for point in points:
        assert point["model.hidden"] in {(2,), (4,), (8, 4)}
        assert point["train.batch_size"] in {32, 64, 96, 128}
        assert point["seed"] in {0, 1}
        assert space.candidate(point).recipe.model.options["hidden"] == point["model.hidden"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_round_asked_again_is_the_same(name, number):
    space = space_of(name)
    history = history_of(space) if number else []
    once = proposed(space, history, number)
    assert once == proposed(space, history, number)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_seed_of_its_own_gives_other_points(name):
    space = space_of(name, extra=WITH_RATE)
    text = space.recipe.to_toml().replace("\nseed = 0\n", "\nseed = 1\n")
    other = Space(Recipe.loads(text, name="r"))
    assert other.recipe.search.seed == 1
    assert proposed(space) != proposed(other)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_study_ends_when_enough_were_trained(name):
    space = space_of(name)
    points = proposed(space, count=12)
    history = [trial(space, i, p, 1.0) for i, p in enumerate(points)]
    assert not proposed(space, history, 1)
    rejected = [trial(space, i, p, 1.0, status="rejected") for i, p in enumerate(points)]
    assert proposed(space, rejected, 1)


def test_a_grid_is_every_combination_in_one_round():
    space = space_of("grid")
    points = proposed(space, count=99)
    assert len(points) == 3 * 4 * 2 == len({space.candidate(p).key for p in points})
    assert not proposed(space, history_of(space), 1)


def test_a_grid_needs_values():
    with pytest.raises(RecipeError, match="range without steps"):
        proposed(space_of("grid", extra=WITH_RATE))


def test_narrowing_varies_one_key_a_round_around_the_best():
    space = space_of("narrowing")
    first = proposed(space)
    assert [p["model.hidden"] for p in first] == [(2,), (4,), (8, 4)]
    assert {(p["train.batch_size"], p["seed"]) for p in first} == {(32, 0)}
    history = [
        trial(space, i, p, v) for (i, p), v in zip(enumerate(first), (5.0, 3.0, 9.0), strict=True)
    ]
    second = proposed(space, history, 1)
    assert [p["train.batch_size"] for p in second] == [32, 64, 96, 128]
    assert {(p["model.hidden"], p["seed"]) for p in second} == {((4,), 0)}
    third = proposed(space, history, 2)
    assert [p["seed"] for p in third] == [0, 1]
    assert not proposed(space, history, 3)


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_it_learns_where_the_good_ones_are(name):
    """Small batches are best here; later rounds propose more of them than the first did."""
    space = space_of(name)
    history: list[Trial] = []
    shares = []
    for number in range(6):
        points = proposed(space, history, number, count=8)
        shares.append(sum(p["train.batch_size"] == 32 for p in points) / len(points))
        history += [
            trial(space, i, p, float(p["train.batch_size"]), number=number)
            for i, p in enumerate(points)
        ]
        space.recipe.search.__dict__["max_candidates"] = 99  # keep going
    assert sum(shares[3:]) > sum(shares[:3])
