"""``export --streaming``: the same network as a step in a stream, with its past as states."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from motefit.measure.latency import Latency
from motefit.measure.streaming import StreamAgreement, compare_streaming, step_subject
from motefit.measure.workers.pinned import pinned_latency
from motefit.pipeline.check import recipe_of
from motefit.pipeline.datasets import load_dataset
from motefit.pipeline.events import Listener
from motefit.pipeline.export import SOUNDS, remeasured, sounds
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.tasks import find_task
from motefit.runtime.bundle import load_bundle, write_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming import window_of
from motefit.spec.card import Card
from motefit.spec.codec import encode
from motefit.spec.tasks.keyword_spotting import NAME
from motefit.tflite.streaming import streaming_file
from motefit.verify import Certificate


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """A bundle whose model is in streaming form.

    Attributes:
        bundle: path of the zip.
        card: facts measured on the new bytes, on whole clips from a start without a past; without
            data only what the file costs.
        certificate: against the recipe's budget; None without data.
        agreement: with the plain form, on the validation part, or on generated sound without data.
        plain_bytes: size of the plain form's .tflite file.
        latency: ``window``: the plain form on a clip; ``step``: this one on its next frames.
        step_ms: of sound that a step takes.
    """

    bundle: Path
    card: Card
    certificate: Certificate | None
    agreement: StreamAgreement
    plain_bytes: int
    latency: dict[str, Latency]
    step_ms: float


def export_streaming(
    model: Path, out: Path, *, data: Path | None = None, listener: Listener | None = None
) -> Streaming:
    """Bring a bundle's model into streaming form, measure the new file and write its bundle.

    Args:
        model: bundle, or .tflite with its card.
        out: path of the new bundle.
        data: folder of the words: the test part is measured and the budget certified.
        listener: hears of progress.

    Raises:
        ModelFileError: when the model is damaged, for another task, or takes no features.
        RecipeError: when the network looks ahead in time, or the data have other words.
    """
    listener = listener or Listener()
    silence_litert()
    plain, task = load_bundle(model, task=NAME), find_task(NAME)
    recipe, rng = recipe_of(plain.card, model), np.random.default_rng(0)
    file, io = streaming_file(plain.model, plain.card.io, keep_names=recipe.compress.keep_names)
    if data is None:
        dataset = None
        pcm = sounds(io.frontend, SOUNDS, rng=rng)
        listener.measuring("the file; without data no accuracy")
    else:
        dataset = load_dataset(task, recipe, data, progress=listener.loading)
        pcm = dataset.validation.pcm
        listener.measuring("the file on the test part")
    card, certificate = remeasured(plain, recipe, file, io, dataset)
    agreement = compare_streaming(plain.model, plain.card.io, file, io, pcm)
    spotter = KeywordSpotter(file, io)
    latency = pinned_latency(
        {
            "window": partial(task.subject, plain.model, plain.card.io),
            "step": partial(step_subject, file, io),
        }
    )
    step_samples = window_of(spotter).step_frames * io.frontend.frame_step
    step_ms = 1000 * step_samples / io.frontend.rate_hz
    evidence = {
        "plain_model_sha256": plain.card.model_sha256,
        "plain_tflite_bytes": len(plain.model),
        "agreement": encode(agreement),
        "sound": "generated" if data is None else "validation part",
        "step_ms": step_ms,
        "latency": encode(latency),
    }
    card = replace(card, evidence={**card.evidence, "streaming": evidence})
    return Streaming(
        bundle=write_bundle(out, file, card),
        card=card,
        certificate=certificate,
        agreement=agreement,
        plain_bytes=len(plain.model),
        latency=latency,
        step_ms=step_ms,
    )
