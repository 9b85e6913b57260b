"""``export``: the same network in another form of file."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from motefit.data.speech import SpeechDataset
from motefit.graph.frontend import choose_layout
from motefit.measure.in_graph import Agreement, compare
from motefit.measure.latency import Latency
from motefit.measure.workers.pinned import pinned_latency
from motefit.pipeline.check import recipe_of
from motefit.pipeline.datasets import load_dataset
from motefit.pipeline.events import Listener
from motefit.pipeline.facts import measure_cost
from motefit.pipeline.provenance import provenance
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.run_folder import IN_GRAPH, RunFolder
from motefit.pipeline.ship import Shipped, ship
from motefit.pipeline.tasks import Part, find_task
from motefit.report.render import write_report
from motefit.runtime.bundle import Bundle, load_bundle, sha256, write_bundle
from motefit.spec.card import Card
from motefit.spec.codec import decode, encode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.keyword_spotting import NAME, SpeechIO
from motefit.tflite.in_graph import in_graph_file
from motefit.verify import Certificate, recheck

SOUNDS = 64


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A bundle with its front end inside the model.

    Attributes:
        bundle: path of the zip.
        card: facts measured on the new bytes; without data only what the file costs.
        certificate: against the recipe's budget; None without data.
        agreement: with the plain form, on one part of the data, or on generated sound without.
        plain_bytes: size of the plain form's .tflite file.
        latency: of both forms, by name: ``plain``, ``in-graph`` and ``in-graph, builtin kernels``.
    """

    bundle: Path
    card: Card
    certificate: Certificate | None
    agreement: Agreement
    plain_bytes: int
    latency: dict[str, Latency]


def export_in_graph(
    model: Path, out: Path, *, data: Path | None = None, listener: Listener | None = None
) -> Exported:
    """Put the front end of a bundle into its model, measure the new file and write its bundle.

    Args:
        model: bundle, or .tflite with its card.
        out: path of the new bundle.
        data: folder of the words: the test part is measured and the budget certified.
        listener: hears of progress.

    Raises:
        ModelFileError: when the model is damaged, for another task, or in this form already.
        RecipeError: when the front end has no form inside a model, or the data have other words.
    """
    listener = listener or Listener()
    silence_litert()
    plain = load_bundle(model, task=NAME)
    recipe = recipe_of(plain.card, model)
    form = _Form.of(plain, recipe)
    if data is not None:
        dataset = find_task(NAME).load(recipe, data, progress=listener.loading)
        listener.measuring("the file on the test part")
        return form.measured(dataset, out, part="test")
    listener.measuring("the file; without data no accuracy")
    card, certificate = remeasured(plain, recipe, form.model, form.io, None)
    pcm = sounds(form.io.frontend, SOUNDS, rng=np.random.default_rng(0))
    return form.written(out, card, certificate, pcm, sound="generated")


def require_in_graph(recipe: Recipe) -> None:
    """Refuse, before anything is trained, a recipe whose model cannot hold its front end.

    Raises:
        RecipeError: for another task than keyword spotting, or a frame length without factors.
    """
    if recipe.frontend is None:
        raise RecipeError(
            f"a model for {recipe.task} has no front end that could be inside it; leave out "
            "--frontend in-graph"
        )
    choose_layout(recipe.frontend)


def deliver_in_graph(folder: RunFolder, name: str, data: Path | None) -> Exported:
    """Write, beside a bundle of a run, the same model with its front end inside.

    Both forms hear the clips of the validation part; the test part is measured as of any file that
    ships. Certificate and report are the form's own.

    Args:
        folder: of the run.
        name: of the bundle.
        data: folder of the words; None: the embedded default.

    Raises:
        RecipeError: when the front end has no form inside a model.
        OutputError: when something cannot be written.
    """
    path, own = folder.bundle_path(name), f"{name}{IN_GRAPH}"
    plain = load_bundle(path, task=NAME)
    recipe = recipe_of(plain.card, path)
    form = _Form.of(plain, recipe)
    folder.log_read("validation", f"agreement of {own} with {name}")
    folder.log_read("test", f"final measurement of {own}")
    dataset = load_dataset(find_task(NAME), recipe, data)
    done = form.measured(dataset, folder.bundle_path(own), part="validation")
    if done.certificate is not None:
        shipped = Shipped(
            model=form.model, card=done.card, certificate=done.certificate, name=recipe.name
        )
        write_atomic(folder.certificate_path(own), done.certificate.to_json())
        write_report(folder.report_path(own), shipped.report())
    return done


def stored_in_graph(folder: RunFolder, name: str) -> Exported | None:
    """What :func:`deliver_in_graph` wrote; None when it is not there, or damaged."""
    own = f"{name}{IN_GRAPH}"
    path = folder.bundle_path(own)
    try:
        plain, bundle = load_bundle(folder.bundle_path(name), task=NAME), load_bundle(path)
        found: Any = bundle.card.evidence["in_graph"]
        certificate = Certificate.from_json(folder.certificate_path(own).read_text("utf-8"))
        whole = (
            found["plain_model_sha256"] == plain.card.model_sha256
            and certificate == recheck(bundle.card)
            and folder.report_path(own).is_file()
        )
        if not whole:
            return None
        return Exported(
            bundle=path,
            card=bundle.card,
            certificate=certificate,
            agreement=decode(Agreement, found["agreement"], where=str(path)),
            plain_bytes=found["plain_tflite_bytes"],
            latency={k: decode(Latency, v, where=str(path)) for k, v in found["latency"].items()},
        )
    except (ModelFileError, RecipeError, OSError, ValueError, KeyError):
        return None


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A bundle, and the same model with its front end inside."""

    plain: Bundle
    recipe: Recipe
    model: bytes
    io: SpeechIO

    @classmethod
    def of(cls, plain: Bundle, recipe: Recipe) -> "_Form":
        model, io = in_graph_file(plain.model, plain.card.io, keep_names=recipe.compress.keep_names)
        return cls(plain=plain, recipe=recipe, model=model, io=io)

    def measured(self, dataset: SpeechDataset, out: Path, *, part: Part) -> Exported:
        """Certified on the test part, compared with the plain form on a part, written."""
        card, certificate = remeasured(self.plain, self.recipe, self.model, self.io, dataset)
        pcm, sound = dataset.parts[part].pcm, f"{part} part"
        return self.written(out, card, certificate, pcm, sound=sound)

    def written(
        self, out: Path, card: Card, certificate: Certificate | None, pcm: np.ndarray, *, sound: str
    ) -> Exported:
        """Compared with the plain form, timed beside it, and written as a bundle."""
        task, plain = find_task(NAME), self.plain
        agreement = compare(plain.model, self.model, plain.card.io, pcm)
        form = partial(task.subject, self.model, self.io)
        latency = pinned_latency(
            {
                "plain": partial(task.subject, plain.model, plain.card.io),
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
        return Exported(
            bundle=write_bundle(out, self.model, card),
            card=card,
            certificate=certificate,
            agreement=agreement,
            plain_bytes=len(plain.model),
            latency=latency,
        )


def remeasured(
    plain: Bundle, recipe: Recipe, model: bytes, io: SpeechIO, dataset: SpeechDataset | None
) -> tuple[Card, Certificate | None]:
    """Card of a bundle's model in another form, and the verdict on its budget.

    Args:
        plain: the bundle.
        recipe: of it.
        model: the new form's bytes.
        io: the new form's section of the card.
        dataset: whose test part is measured; None: costs alone, and no verdict.

    Raises:
        DataError: when the data are not what the model is for.
    """
    task, seed = find_task(NAME), plain.card.provenance.seed
    if dataset is not None:
        task.require_fit(io, dataset)
        made = provenance(seed=seed, data_sha256=task.data_key(dataset))
        shipped = ship(task, recipe, model, io, dataset, provenance=made)
        return shipped.card, shipped.certificate
    facts = measure_cost(task, recipe, model, io)
    card = replace(
        plain.card,
        io=io,
        model_sha256=sha256(model),
        facts=facts.values,
        evidence=facts.evidence,
        provenance=provenance(seed=seed, data_sha256=""),
    )
    return card, None


def sounds(frontend: FrontEnd, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """Rising and falling tones in noise, each of its own loudness: (count, samples) float32."""
    time = np.arange(frontend.clip_samples) / frontend.rate_hz
    begin, end = rng.uniform(80, frontend.rate_hz / 3, (2, count, 1))
    pitch = begin + (end - begin) * time / (2 * frontend.seconds)
    tone = rng.uniform(0.01, 0.8, (count, 1)) * np.sin(2 * np.pi * pitch * time)
    noise = rng.normal(0, 1, tone.shape) * rng.uniform(0.001, 0.1, (count, 1))
    return np.asarray(np.clip(tone + noise, -1, 1), np.float32)
