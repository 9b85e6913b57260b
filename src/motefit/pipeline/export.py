"""``export``: the same network in another form of file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motefit.measure.in_graph import Agreement, compare
from motefit.measure.latency import Latency, measure_latency
from motefit.pipeline.check import recipe_of
from motefit.pipeline.events import Listener
from motefit.pipeline.facts import measure_cost
from motefit.pipeline.provenance import provenance
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.ship import ship
from motefit.pipeline.tasks import find_task
from motefit.runtime.bundle import Bundle, load_bundle, sha256, write_bundle
from motefit.spec.card import Card
from motefit.spec.codec import encode
from motefit.spec.frontend import FrontEnd
from motefit.spec.tasks.keyword_spotting import NAME, SpeechIO
from motefit.tflite.in_graph import in_graph_file
from motefit.verify import Certificate

SOUNDS = 64


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A bundle with its front end inside the model.

    Attributes:
        bundle: path of the zip.
        card: facts measured on the new bytes; without data only what the file costs.
        certificate: against the recipe's budget; None without data.
        agreement: with the plain form, on the test part, or on generated sound without data.
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
    old = load_bundle(model, task=NAME)
    recipe, task = recipe_of(old.card, model), find_task(NAME)
    file, io = in_graph_file(old.model, old.card.io)
    certificate = None
    if data is None:
        listener.measuring("the file; without data no accuracy")
        pcm = sounds(io.frontend, SOUNDS, rng=np.random.default_rng(0))
        facts = measure_cost(task, recipe, file, io)
        card = replace(
            old.card,
            io=io,
            model_sha256=sha256(file),
            facts=facts.values,
            evidence=facts.evidence,
            provenance=provenance(seed=old.card.provenance.seed, data_sha256=""),
        )
    else:
        dataset = task.load(recipe, data, progress=listener.loading)
        task.require_fit(io, dataset)
        listener.measuring("the file on the test part")
        made = provenance(seed=old.card.provenance.seed, data_sha256=task.data_key(dataset))
        shipped = ship(task, recipe, file, io, dataset, provenance=made)
        card, certificate, pcm = shipped.card, shipped.certificate, dataset.test.pcm
    agreement = compare(old.model, file, old.card.io, pcm)
    latency = _side_by_side(old, file, io)
    evidence = {
        "plain_model_sha256": old.card.model_sha256,
        "plain_tflite_bytes": len(old.model),
        "agreement": encode(agreement),
        "sound": "generated" if data is None else "test part",
        "latency": encode(latency),
    }
    card = replace(card, evidence={**card.evidence, "in_graph": evidence})
    return Exported(
        bundle=write_bundle(out, file, card),
        card=card,
        certificate=certificate,
        agreement=agreement,
        plain_bytes=len(old.model),
        latency=latency,
    )


def _side_by_side(old: Bundle, file: bytes, io: SpeechIO) -> dict[str, Latency]:
    task = find_task(NAME)
    return measure_latency(
        {
            "plain": task.subject(old.model, old.card.io),
            "in-graph": task.subject(file, io),
            "in-graph, builtin kernels": task.subject(file, io, xnnpack=False),
        }
    )


def sounds(frontend: FrontEnd, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """Rising and falling tones in noise, each of its own loudness: (count, samples) float32."""
    time = np.arange(frontend.clip_samples) / frontend.rate_hz
    begin, end = rng.uniform(80, frontend.rate_hz / 3, (2, count, 1))
    pitch = begin + (end - begin) * time / (2 * frontend.seconds)
    tone = rng.uniform(0.01, 0.8, (count, 1)) * np.sin(2 * np.pi * pitch * time)
    noise = rng.normal(0, 1, tone.shape) * rng.uniform(0.001, 0.1, (count, 1))
    return np.asarray(np.clip(tone + noise, -1, 1), np.float32)
