"""``export --frontend in-graph``: a keyword model's file with its front end inside.

The file is built from the plain one, compared with it on clips (:class:`Agreement`), and measured
and certified like any other file.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from motefit.certify.check import recipe_of
from motefit.data.speech import SpeechDataset
from motefit.exporting.exported_form import SOUNDS, ExportedForm, remeasured, sounds
from motefit.graph.frontend_graph import choose_layout, frontend_graph, with_frontend
from motefit.graph.graph import INPUT
from motefit.measure.workers.pinned import pinned_latency
from motefit.runtime.bundle import Bundle, load_bundle, write_bundle
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.search.progress import Listener
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.speech_spec import NAME, SpeechIO
from motefit.tasks import TASKS, Subset
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write


def in_graph_file(
    model: bytes, io: SpeechIO, *, keep_names: bool = False
) -> tuple[bytes, SpeechIO]:
    """Build the file that takes samples, and the card's section that says so.

    The network's integers and scales are unchanged; only its input differs.

    Args:
        model: bytes of a .tflite file that takes features.
        io: its section of the card.
        keep_names: whether to write the names of tensors.

    Raises:
        ModelFileError: if the front end is already inside, or the file cannot be read.
        RecipeError: if the front end cannot be built into a model.
    """
    if io.input == "audio":
        raise ModelFileError("this model already has its front end inside")
    graph = with_frontend(read_graph(model), io.frontend, io.normalization)
    return write(graph, keep_names=keep_names), replace(io, input="audio")


CHUNK_CLIPS = 128
TOLERANCE = 1e-4
"""Largest difference of two float32 front ends. In bands less than a thousandth as strong as the
loudest bin of their frame, both differ from float64 by more than this: the logarithm magnifies
rounding. ``exceeding`` counts such numbers (benchmarks/in_graph: under one in a thousand)."""
EXCEEDING_SHARE = 1e-3
"""Share of the features that may differ by more than ``TOLERANCE``."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Comparison of two forms of a model on the same clips.

    Attributes:
        clips: number of clips compared.
        same_label: number of clips with the same label in both forms.
        probability_difference: greatest difference of a word's probability.
        feature_difference: greatest difference of a feature, in units of its standardization.
        features: number of feature values compared.
        exceeding: number of feature values that differ by more than 1e-4.
        network_difference: greatest difference of a word's probability if the plain form takes the
            features of the front end inside: the networks alone, on equal integers.
    """

    clips: int
    same_label: int
    probability_difference: float
    feature_difference: float
    features: int
    exceeding: int
    network_difference: float

    @property
    def proven(self) -> bool:
        """Whether both are the same network, with front ends that agree to 1e-4."""
        return (
            self.exceeding <= EXCEEDING_SHARE * self.features
            and self.network_difference <= TOLERANCE
        )


def compare(plain: bytes, joined: bytes, io: SpeechIO, pcm: np.ndarray) -> Agreement:
    """Run both forms on the same clips and compare their outputs.

    Args:
        plain: the .tflite file that takes features.
        joined: the .tflite file that takes samples.
        io: the plain form's section of the card.
        pcm: (n, samples) at the front end's rate; int16, or float32 with full scale 1.0.
    """
    outside, inside = KeywordSpotter(plain, io), KeywordSpotter(joined, replace(io, input="audio"))
    alone = Interpreter(write(frontend_graph(io.frontend, io.normalization)))
    same, apart, features, exceeding, networks = 0, [0.0], [0.0], 0, [0.0]
    for start in range(0, len(pcm), CHUNK_CLIPS):
        clips = pcm[start : start + CHUNK_CLIPS]
        inputs, samples = outside.inputs(clips), inside.inputs(clips)
        theirs, ours = outside.infer(inputs), inside.infer(samples)
        same += int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum())
        apart.append(float(np.abs(theirs - ours).max()))
        made = alone.run(samples).reshape(inputs.shape)
        off = np.abs(made - inputs)
        features.append(float(off.max()))
        exceeding += int((off > TOLERANCE).sum())
        networks.append(float(np.abs(outside.infer(_rounded(made, plain)) - ours).max()))
    return Agreement(
        clips=len(pcm),
        same_label=same,
        probability_difference=max(apart),
        feature_difference=max(features),
        features=len(pcm) * int(np.prod(io.frontend.shape)),
        exceeding=exceeding,
        network_difference=max(networks),
    )


def _rounded(features: np.ndarray, model: bytes) -> np.ndarray:
    """Round features to the steps of an int8 model's input as QUANTIZE inside a model does.

    It multiplies by 1/scale and rounds halves to even; outside, the runtime divides and rounds
    halves away from zero. They differ in about one number in a million.
    """
    edge = read_graph(model).quantization.get(INPUT)
    if edge is None:
        return features
    return np.asarray(np.rint(features * (np.float32(1) / edge.scale[0])) * edge.scale[0])


@dataclass(frozen=True, kw_only=True, repr=False)
class InGraphExport(ExportedForm):
    """Result of exporting a bundle with its front end inside the model.

    Attributes:
        agreement: comparison with the plain form, on one subset of the data, or on generated sound
            without data.
        latency: latency of both forms: ``plain``, ``in-graph`` and ``in-graph, builtin kernels``.
    """

    agreement: Agreement
    plain_name: ClassVar[str] = "plain"

    def difference(self) -> str:
        """Describe the differences of the two forms."""
        found = self.agreement
        return (
            f"{found.same_label} of {found.clips} clips have the same label in both forms; "
            f"probabilities differ by at most {found.probability_difference:.4f}, features by "
            f"{found.feature_difference:.1e} ({found.exceeding} of {found.features} by more "
            f"than {TOLERANCE:.0e}), the networks on the same features by "
            f"{found.network_difference:.1e}"
        )


def export_in_graph(
    model: Path, out: Path, *, data: Path | None = None, listener: Listener | None = None
) -> InGraphExport:
    """Put the front end of a bundle into its model, measure the new file and write its bundle.

    Args:
        model: bundle, or .tflite with its card.
        out: path of the new bundle.
        data: folder of words; with it, the test set is measured and the budget certified.
        listener: receives progress.

    Raises:
        ModelFileError: if the model is damaged, for another task, or already in this form.
        RecipeError: if the front end cannot be built into a model, or the data have other words.
    """
    listener = listener or Listener()
    silence_litert()
    plain = load_bundle(model, task=NAME)
    recipe = recipe_of(plain.card, model)
    form = InGraphForm.of(plain, recipe)
    if data is not None:
        dataset = TASKS.find(NAME).load(recipe, data, progress=listener.loading)
        listener.measuring("the file on the test set")
        return form.measured(dataset, out, subset="test")
    listener.measuring("the file; no accuracy without data")
    card, certificate = remeasured(plain, recipe, form.model, form.io, None)
    pcm = sounds(form.io.frontend, SOUNDS, rng=np.random.default_rng(0))
    return form.written(out, card, certificate, pcm, sound="generated")


def require_in_graph(recipe: Recipe) -> None:
    """Refuse a recipe whose model cannot contain its front end, before anything is trained.

    Raises:
        RecipeError: if the task is not keyword spotting, or the frame length has no factors.
    """
    if recipe.frontend is None:
        raise RecipeError(
            f"a model for {recipe.task} has no front end to put inside; leave out "
            "--frontend in-graph"
        )
    choose_layout(recipe.frontend)


@dataclass(frozen=True, kw_only=True)
class InGraphForm:
    """A bundle, together with the same model with its front end inside."""

    plain: Bundle
    recipe: Recipe
    model: ModelFile
    io: SpeechIO

    @classmethod
    def of(cls, plain: Bundle, recipe: Recipe) -> "InGraphForm":
        """Build the in-graph form of a bundle.

        Raises:
            RecipeError: if the front end cannot be built into a model.
        """
        model, io = in_graph_file(plain.model, plain.card.io, keep_names=recipe.compress.keep_names)
        return cls(plain=plain, recipe=recipe, model=ModelFile(data=model), io=io)

    def measured(self, dataset: SpeechDataset, out: Path, *, subset: Subset) -> InGraphExport:
        """Certify on the test set, compare with the plain form on one subset, and write."""
        card, certificate = remeasured(self.plain, self.recipe, self.model, self.io, dataset)
        pcm, sound = dataset.subsets[subset].pcm, f"{subset} set"
        return self.written(out, card, certificate, pcm, sound=sound)

    def written(
        self, out: Path, card: Card, certificate: Certificate | None, pcm: np.ndarray, *, sound: str
    ) -> InGraphExport:
        """Compare and time both forms, and write the bundle."""
        task, plain = TASKS.find(NAME), self.plain
        agreement = compare(plain.model, self.model.data, plain.card.io, pcm)
        form = partial(task.benchmark_case, self.model.data, self.io)
        latency = pinned_latency(
            {
                "plain": partial(task.benchmark_case, plain.model, plain.card.io),
                "in-graph": form,
                "in-graph, builtin kernels": partial(form, xnnpack=False),
            }
        )
        evidence = {
            "plain_model_sha256": plain.card.model_sha256,
            "plain_tflite_bytes": len(plain.model),
            "agreement": encode(agreement),
            "proven": agreement.proven,
            "sound": sound,
            "latency": encode(latency),
        }
        card = replace(card, evidence={**card.evidence, "in_graph": evidence})
        return InGraphExport(
            bundle=write_bundle(out, self.model.data, card),
            card=card,
            certificate=certificate,
            agreement=agreement,
            plain_bytes=len(plain.model),
            latency=latency,
        )
