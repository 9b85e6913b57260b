"""Recipes: what is written is what is read, and what cannot be meant is refused with a hint."""

import dataclasses
import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import motefit.recipes.catalog as shipped
from motefit.spec.augment import AugmentSpec
from motefit.spec.budget import Bound, Budget
from motefit.spec.column_names import column_name
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import CompressSpec, ModelSpec, Recipe, TrainSpec
from motefit.spec.search import Range, SearchSpec
from motefit.spec.tasks.series_spec import SeriesData
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.spec.teacher import TeacherSpec

SPEECH = """
task = "keyword-spotting"
[data]
words = ["up", "down"]
[model]
family = "dscnn"
width = 16
"""
TEACHER = """[train.teacher]
model = {family = "dscnn", width = 32}
"""
SERIES = """
task = "forecasting"
[model]
family = "linear"
"""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
shares = st.floats(1e-6, 1.0)
knobs = st.dictionaries(
    texts.filter(lambda key: key != "family"),
    st.booleans() | st.integers(0, 99) | shares | texts | st.lists(st.integers(0, 9), max_size=3),
    max_size=4,
)
models = st.builds(ModelSpec, family=texts, options=knobs)
augments = st.builds(
    AugmentSpec,
    speed_percent=st.floats(0, 99),
    shift_ms=st.floats(0, 500),
    noise_probability=st.floats(0, 1),
    noise_snr_db=st.tuples(st.floats(-9, 0), st.floats(0, 40)),
    time_masks=st.integers(0, 4),
)
trains = st.builds(
    TrainSpec,
    epochs=st.integers(1, 500),
    learning_rate=shares,
    schedule=st.sampled_from(["one-cycle", "linear", "constant"]),
    seeds=st.sets(st.integers(0, 99), min_size=1, max_size=4).map(tuple),
    augment=augments,
)
teachers = st.builds(
    TeacherSpec,
    model=st.fixed_dictionaries({"family": texts, "width": st.integers(1, 99)}),
    words=st.lists(texts, max_size=2).map(tuple),
    weight=st.floats(0.01, 1),
)
taught = st.builds(
    lambda train, teacher: replace(train, teacher=teacher), trains, st.none() | teachers
)
compresses = st.builds(
    CompressSpec,
    precision=st.sampled_from(["float32", "int8", "int8-weights"]),
    per_channel=st.booleans(),
    steps=st.lists(
        st.fixed_dictionaries({"name": texts, "epochs": st.integers(0, 9)}), max_size=2
    ).map(tuple),
)
ranges = st.one_of(
    st.builds(
        Range, low=st.integers(0, 4), high=st.integers(5, 9), step=st.sampled_from([None, 2])
    ),
    st.builds(Range, low=st.just(1e-3), high=st.just(0.1), log=st.booleans()),
)
searches = st.builds(
    SearchSpec,
    space=st.dictionaries(
        texts.map("model.{}".format),
        st.lists(st.integers(1, 9), min_size=1).map(tuple) | ranges,
        max_size=3,
    ),
    strategy=st.sampled_from(["grid", "tpe"]),
    rungs=st.sampled_from([(), (0.1, 0.3)]),
    variants=st.sampled_from([{}, {"compress.precision": ("int8", "float16")}]),
    max_candidates=st.integers(1, 99),
)
common = {"model": models, "train": trains, "compress": compresses, "search": searches}
speech = st.builds(
    Recipe,
    name=st.just("r"),
    description=texts,
    task=st.just("keyword-spotting"),
    data=st.builds(
        SpeechData,
        words=st.sets(texts, min_size=2).map(tuple),
        split=st.sampled_from(["published", "stratified", "speaker"]),
        seed=st.integers(0, 99),
    ),
    frontend=st.builds(
        FrontEnd, coefficients=st.integers(0, 40), frame_step=st.integers(1, 16_000)
    ),
    budget=st.builds(
        lambda limit: Budget(bounds=(Bound(metric="accuracy", relation=">", limit=limit),)), shares
    ),
    **(common | {"train": taught}),
)
column_names = texts.map(column_name).filter(bool)
columns = st.lists(column_names, min_size=1, max_size=3, unique=True).map(tuple)
series = st.builds(
    lambda names, limit, **parts: Recipe(
        name="r",
        task="forecasting",
        data=SeriesData(inputs=names, targets=names[:1]),
        budget=Budget(bounds=(Bound(metric=f"mae.{names[0]}", relation="<", limit=limit),)),
        budgets={"small": Budget(bounds=(Bound(metric="macs", relation="<", limit=limit),))},
        **parts,
    ),
    columns,
    shares,
    **common,
)


def test_no_teacher_leaves_no_trace_in_the_text():
    """So that a run of before there were teachers is still known by its recipe."""
    assert "teacher" not in Recipe.loads(SPEECH, name="r").to_toml()


@given(speech | series)
def test_round_trip_through_text(recipe):
    again = Recipe.loads(recipe.to_toml(), name="r")
    assert again == recipe
    assert again.to_toml() == recipe.to_toml()


@pytest.mark.parametrize("name", shipped.recipe_names())
def test_shipped_recipes_round_trip(name):
    recipe = shipped.find_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert recipe.budget.bounds
    assert Recipe.loads(recipe.to_toml(), name=name) == recipe


def test_what_is_left_out_takes_its_default():
    recipe = Recipe.loads(SPEECH, name="r")
    assert (recipe.frontend, recipe.train, recipe.search) == (FrontEnd(), TrainSpec(), SearchSpec())
    assert recipe.model.options == {"width": 16}
    assert Recipe.loads(SERIES, name="r").frontend is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tsk = "x"\n' + SPEECH, r"r: unknown section 'tsk' \(did you mean 'task'\?\)"),
        (
            SPEECH + "[trian]",
            r"r: unknown section 'trian' \(did you mean 'train'\?\); allowed: budg",
        ),
        (
            SPEECH + "[train]\nepoch = 3",
            r"r: \[train\]: unknown key 'epoch' \(did you mean 'epochs'",
        ),
        (SPEECH + "[train.augment]\nshift = 3", r"r: \[train\]: augment: unknown key 'shift'"),
        (SPEECH + "[train]\nepochs = 0", r"r: \[train\]: epochs must be positive, got 0"),
        (SPEECH + "[train]\nepochs = true", r"r: \[train\]: epochs: expected int, got True"),
        (SPEECH + "[train]\nlearning_rate = nan", "learning_rate: expected a finite number"),
        (SPEECH + "[train]\nseeds = [1, 1]", "seeds must be distinct"),
        (SPEECH + "[train]\nseeds = [-1]", "seeds must be distinct and non-negative"),
        (SPEECH + "[train]\nseeds = []", "seeds must be distinct"),
        (SPEECH + "[train]\nlabel_smoothing = 1.0", "label_smoothing must be 0..1"),
        (SPEECH + "[train.augment]\nnoise_snr_db = [9, 1]", r"noise_snr_db must be \[low, high\]"),
        (SPEECH + "[train.augment]\ntime_masks = -1", "time_masks must not be negative"),
        (SPEECH + "[train.augment]\nnoise_probability = 2.0", "noise_probability must be 0..1"),
        (SPEECH + "[train.teacher]\nepochs = 3", "teacher: the key 'model' is missing"),
        (SPEECH + "[train.teacher]\nmodel = {width = 3}", "model needs a network family"),
        (SPEECH + TEACHER + "weight = 0.0", "weight must be above 0 and at most 1, got 0"),
        (SPEECH + TEACHER + "epochs = 0", "teacher: epochs must be positive, got 0"),
        (SPEECH + TEACHER + "seed = -1", "seed must not be negative, got -1"),
        (SERIES + TEACHER, "a teacher needs classes, which the task forecasting does not have"),
        (SPEECH + '[compress]\nprecision = "int9"', r"\[compress\]: precision: got 'int9'"),
        (
            SPEECH + "[compress]\ncalibration_examples = 0",
            "calibration_examples must be at least 1",
        ),
        (SPEECH + "[frontend]\nmel = 3", r"r: \[frontend\]: unknown key 'mel'"),
        ("train = 3" + SPEECH, r"r: \[train\]: expected a table, got 3"),
        (SPEECH + '[budget]\nacuracy = "> 1 %"', r"r: \[budget\]: unknown metric 'acuracy'"),
        (SPEECH + '[budget]\nmae.T = "< 1"', r"r: \[budget\]: mae.T is not measured here"),
        (
            SPEECH + '[budget]\nobjective = "mae.T"',
            "mae.T is not measured here.*measures: accuracy",
        ),
        (SERIES + '[budget]\naccuracy = "> 1 %"', "accuracy is not measured here"),
        (SERIES + '[budget]\nmae."T (degc)" = "< 1"', r"did you mean 'mae.T \(degC\)'\?"),
        (SERIES + '[budget]\nskill."T (degc)" = "> 1 %"', r"did you mean 'skill.T \(degC\)'\?"),
        (SERIES + '[budget]\nrecall.up = "> 1 %"', "recall.up is not measured here"),
        (SPEECH + '[budget]\nskill.T = "> 1 %"', "skill.T is not measured here"),
        (
            SPEECH + '[budget]\nrecall.dwn = "> 1 %"',
            r"recall.dwn is not measured here \(did you mean 'recall.down'\?\)",
        ),
        (
            SPEECH + '[search]\nobjectives = ["recall.no"]',
            r"\[search\]: recall.no is not measured here",
        ),
        (SERIES + '[train]\nbalance = "sampling"', "balance: the task forecasting has no classes"),
        (SPEECH + '[train]\nbalance = "smapling"', "did you mean 'sampling'"),
        (
            SPEECH + "[search.space]\nwidth = [1]",
            "space: 'width' must start with frontend., model.",
        ),
        (SPEECH + '[search.space]\n"model.width" = []', "'model.width' needs a list of values"),
        (SPEECH + '[search.space]\n"model.width" = 3', "model.width: expected a list, got 3"),
        (SPEECH + "[search]\nmax_candidates = 0", "max_candidates must be at least 1"),
        (SPEECH + "[search]\nspace = 3", "space: expected a table"),
        (SERIES + "[frontend]", r"r: the task forecasting has no \[frontend\] section"),
        ('task = "keyword-spotting"', "r: the key 'model' is missing"),
        ("[model]", "r: the key 'task' is missing"),
        ('task = "keyword-spotting"\nmodel = 3', r"\[model\] needs a family, e.g. family = "),
        ('task = "keyword-spotting"\n[model]', r"\[model\] needs a family"),
        ('task = "keyword-spotting"\n[model]\nfamily = 3', r"r: \[model\]: family: expected str"),
        (
            'task = "keyword-spoting"\n[model]',
            r"r: unknown task .* \(did you mean 'keyword-spotting'",
        ),
        ("task = 3\n[model]", "r: unknown task '3'"),
        ("description = 3\n" + SERIES, "r: description: expected str, got 3"),
        ("task = ", "r: not valid TOML: "),
        (SERIES + "x = 2020-01-01", "x: expected text, a number, .*a date or time"),
        (SERIES + "x = " + "[" * 5000, "r: not valid TOML"),
        (SERIES + "x = inf", "x: expected a finite number, got inf"),
    ],
)
def test_a_recipe_that_cannot_be_meant(text, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.loads(text, name="r")


def test_a_search_space_may_be_written_with_or_without_quotes():
    quoted = Recipe.loads(SPEECH + '[search.space]\n"model.width" = [8, 16]', name="r")
    dotted = Recipe.loads(SPEECH + "[search.space]\nmodel.width = [8, 16]", name="r")
    assert quoted == dotted
    assert quoted.search.space == {"model.width": (8, 16)}


def test_a_recipe_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + SPEECH, encoding="utf-8")  # as Windows editors begin a file
    assert Recipe.load(path) == Recipe.loads(SPEECH, name="mine")
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*absent\.toml"):
        Recipe.load(tmp_path / "absent.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*mine.toml"):
        Recipe.load(path)


def test_with_values_replaces_dotted_keys_and_leaves_the_recipe_alone():
    recipe = Recipe.loads(SPEECH, name="r")
    changed = recipe.with_values(
        {
            "model.width": 24,
            "train.augment.shift_ms": 50,
            "frontend.mel_bins": 20,
            "train.seeds": [7],
        }
    )
    assert (changed.model.options["width"], recipe.model.options["width"]) == (24, 16)
    assert changed.train.augment.shift_ms == 50.0
    assert changed.frontend == dataclasses.replace(recipe.frontend, mel_bins=20)
    assert changed.train.seeds == (7,)
    assert recipe.with_values({}) == recipe


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.epoch", 3, r"unknown key 'epoch' \(did you mean 'epochs'\?\)"),
        ("trains.epochs", 3, r"unknown section 'trains' \(did you mean 'train'"),
        ("train.epochs.more", 3, "'train.epochs.more' does not name a recipe key"),
        ("train.epochs", "3", "epochs: expected int, got '3'"),
        ("frontend.mel_bins", 0, "mel_bins must be at least 1"),
        ("train", 3, r"\[train\]: expected a table, got 3"),
    ],
)
def test_with_values_refuses_what_a_recipe_file_would(key, value, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.loads(SPEECH, name="r").with_values({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "forecasting"}, "data: the task forecasting needs a SeriesData, got SpeechData"),
        ({"frontend": None}, r"the task keyword-spotting needs a \[frontend\]"),
        ({"data": {}}, "needs a SpeechData, got {}"),
        ({"task": "keyword"}, "unknown task 'keyword'"),
        ({"model": "dscnn"}, "model: expected a table"),
    ],
)
def test_a_recipe_built_in_python_meets_the_same_rules(change, message):
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(Recipe.loads(SPEECH, name="r"), **change)


def test_toml_keeps_what_a_person_wrote_readable():
    table = tomllib.loads(shipped.find_recipe("climate-6").to_toml())
    assert list(table) == [
        "description",
        "task",
        "data",
        "model",
        "train",
        "compress",
        "budget",
        "search",
    ]


def test_a_recipe_can_have_a_name():
    text = 'task = "forecasting"\n[model]\nfamily = "linear"\n'
    assert Recipe.loads(text, name="my file").name == "my file"
    recipe = Recipe.loads(f'name = "attic-6"\n{text}', name="my file")
    assert recipe.name == "attic-6"
    assert Recipe.loads(recipe.to_toml(), name=recipe.name) == recipe
    for wrong in ('"../up"', '""', '"a b"', "3", '["a"]'):
        with pytest.raises(RecipeError, match="my file: name: may hold letters"):
            Recipe.loads(f"name = {wrong}\n{text}", name="my file")
