"""Rules that every specification and every error keeps, whoever adds one."""

import dataclasses
import importlib
import inspect
import pkgutil
import typing

import pytest

import motefit.spec
from motefit.spec import certificate, errors, tables
from motefit.spec.boards import Core, DevBoard
from motefit.spec.budget import Bound
from motefit.spec.card import Card
from motefit.spec.errors import MissingExtraError, MotefitError, RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.layout_pattern import LayoutPattern, Place, parse_layout
from motefit.spec.metrics import Metric
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import ModelSpec, Recipe
from motefit.spec.remote_host import Host
from motefit.spec.search import Range
from motefit.spec.stream_evidence import FalseAcceptEvidence, MissEvidence
from motefit.spec.tasks import TaskSpec
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.spec.teacher import TeacherSpec
from motefit.spec.weakness import Weakness

BY_PROGRAMMERS = {TaskSpec, Metric}
"""Written in this package alone, never by a user: mypy checks them. So are certificates, tables."""


def _specifications():
    found = set()
    for module in pkgutil.walk_packages(motefit.spec.__path__, "motefit.spec."):
        for item in vars(importlib.import_module(module.name)).values():
            if dataclasses.is_dataclass(item) and item.__module__.startswith("motefit.spec."):
                found.add(item)
    by_program = {certificate.__name__, tables.__name__}
    found = {cls for cls in found if cls.__module__ not in by_program}
    return sorted(found - BY_PROGRAMMERS, key=lambda cls: cls.__name__)


EXAMPLES = {
    Bound: lambda: Bound(metric="macs", relation="<", limit=1.0),
    FalseAcceptEvidence: lambda: FalseAcceptEvidence(
        count=0, hours=1.0, low=0.0, high=3.7, highest=3.0, kind="recordings"
    ),
    Core: lambda: Core(name="M0"),
    DevBoard: lambda: DevBoard(
        name="x", title="X", core="m4", clock_mhz=1.0, ram_bytes=1, flash_bytes=1, source="x"
    ),
    Host: lambda: Host(address="pi@x"),
    LayoutPattern: lambda: parse_layout("word/speaker"),
    MissEvidence: lambda: MissEvidence(missed=0, words=1, low=0.0, high=1.0, kind="recordings"),
    ModelSpec: lambda: ModelSpec(family="linear"),
    Place: lambda: Place(word="up", speaker=None, split=None, rest=()),
    Range: lambda: Range(low=1, high=2),
    Recipe: lambda: Recipe.loads('task = "forecasting"\n[model]\nfamily = "linear"', name="r"),
    SpeechIO: lambda: SpeechIO(
        labels=("a", "b"), frontend=FrontEnd(), normalization=Normalization()
    ),
    SeriesIO: lambda: SeriesIO(
        inputs=("a",),
        targets=("a",),
        input_steps=1,
        output_steps=1,
        step_minutes=1.0,
        normalization=Normalization(),
    ),
    TeacherSpec: lambda: TeacherSpec(model={"family": "tcnet"}),
    Weakness: lambda: Weakness(claim="never recognizes", metric="recall.up", word="up"),
    Card: lambda: Card(task="keyword-spotting", io=EXAMPLES[SpeechIO](), model_sha256=""),
}
"""Of every specification that has a key without a default."""
SPECIFICATIONS = _specifications()
ERRORS = [
    item
    for item in vars(errors).values()
    if inspect.isclass(item) and issubclass(item, MotefitError) and item is not MotefitError
]


def test_there_are_specifications():
    names = {cls.__name__ for cls in SPECIFICATIONS}
    assert names >= {"Recipe", "Budget", "Bound", "FrontEnd", "Card", "SpeechData", "SeriesData"}


@pytest.mark.parametrize("cls", SPECIFICATIONS, ids=lambda cls: cls.__name__)
def test_a_specification_is_frozen_keyword_only_and_checks_every_field(cls):
    assert cls.__dataclass_params__.frozen
    good = EXAMPLES[cls]() if cls in EXAMPLES else cls()
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        assert field.kw_only
        if hints[field.name] is not typing.Any:
            with pytest.raises(RecipeError, match=f"^{field.name}: "):
                dataclasses.replace(good, **{field.name: object()})


@pytest.mark.parametrize("cls", SPECIFICATIONS, ids=lambda cls: cls.__name__)
def test_every_field_of_a_specification_is_documented(cls):
    for field in dataclasses.fields(cls):
        assert f"\n    {field.name}: " in inspect.getdoc(cls), f"{cls.__name__}.{field.name}"


def test_there_are_errors():
    assert len(ERRORS) >= 6


@pytest.mark.parametrize("error", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_is_a_motefit_error_and_a_builtin_one(error):
    builtin = [c for c in error.__mro__ if c.__module__ == "builtins" and c.__name__ != "Exception"]
    assert {c.__name__ for c in builtin} & {"ValueError", "OSError", "ImportError", "RuntimeError"}


def test_a_missing_extra_says_what_to_install():
    error = MissingExtraError("torch", "train", "training")
    assert str(error) == (
        "training needs the package 'torch', which is not installed; "
        "install it with: pip install 'motefit[train]'"
    )
    assert isinstance(error, ImportError)
