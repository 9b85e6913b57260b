"""``export --streaming``: the same network as one step of a stream, with its past as states.

The file is built from the plain one and compared with it on whole clips (:class:`StreamAgreement`);
then its step is timed.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from motefit.certify.check import recipe_of
from motefit.exporting.exported_form import SOUNDS, ExportedForm, remeasured, sounds
from motefit.graph.streaming_form import streaming_form
from motefit.measure.latency.paired import BenchmarkCase
from motefit.measure.workers.pinned import pinned_latency
from motefit.runtime.bundle import load_bundle, write_bundle
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.window import StateWindow, window_of
from motefit.search.progress import Listener
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError
from motefit.spec.tasks.speech_spec import NAME, SpeechIO
from motefit.tasks import TASKS, load_dataset
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write


def streaming_file(
    model: bytes, io: SpeechIO, *, keep_names: bool = False
) -> tuple[bytes, SpeechIO]:
    """Build the file that takes new frames and states, and the card's section that says so.

    The network's integers and scales are unchanged.

    Args:
        model: bytes of a .tflite file that takes the features of a clip.
        io: its section of the card.
        keep_names: whether to write the names of tensors.

    Raises:
        ModelFileError: if the model does not take features, or the file cannot be read.
        RecipeError: if the network looks ahead in time, or its front end has automatic gain.
    """
    if io.input != "features":
        raise ModelFileError(
            f"only a model that takes features has a streaming form; this one takes {io.input}"
        )
    io.frontend.require_no_gain("the streaming form")
    return write(streaming_form(read_graph(model)), keep_names=keep_names), replace(
        io, input="stream"
    )


CHUNK_CLIPS = 128


@dataclass(frozen=True, kw_only=True)
class StreamAgreement:
    """Comparison of two forms of a model on the same clips, each starting without a past.

    Attributes:
        clips: number of clips compared.
        same_label: number of clips with the same label in both, with LiteRT's defaults.
        equal: number of clips with bit-identical probabilities, with the builtin kernels.
        probability_difference: greatest difference of a word's probability, with the defaults.
    """

    clips: int
    same_label: int
    equal: int
    probability_difference: float

    @property
    def proven(self) -> bool:
        """Whether the two compute the same, bit for bit."""
        return self.equal == self.clips > 0


def compare_streaming(
    plain: bytes, io: SpeechIO, streaming: bytes, streaming_io: SpeechIO, pcm: np.ndarray
) -> StreamAgreement:
    """Run both forms on the same clips and compare their outputs.

    Args:
        plain: the .tflite file that takes the features of a clip.
        io: its section of the card.
        streaming: the .tflite file in streaming form.
        streaming_io: its section of the card.
        pcm: (n, samples) at the front end's rate; int16, or float32 with full scale 1.0.
    """
    same, equal, apart = 0, 0, [0.0]
    for xnnpack in (True, False):
        clips = KeywordSpotter(plain, io, xnnpack=xnnpack)
        steps = KeywordSpotter(streaming, streaming_io, xnnpack=xnnpack)
        for start in range(0, len(pcm), CHUNK_CLIPS):
            inputs = clips.inputs(pcm[start : start + CHUNK_CLIPS])
            one, other = clips.infer(inputs), steps.infer(inputs)
            if xnnpack:
                same += int((one.argmax(axis=1) == other.argmax(axis=1)).sum())
                apart.append(float(np.abs(one - other).max()))
            else:
                equal += int((one == other).all(axis=1).sum())
    return StreamAgreement(
        clips=len(pcm), same_label=same, equal=equal, probability_difference=max(apart)
    )


class Step:
    """Pipeline of one step of a stream: front end and network for the newest frames.

    Args:
        spotter: a model in streaming form.

    Raises:
        ModelFileError: if it is in another form.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        window = window_of(spotter)
        if not isinstance(window, StateWindow):
            raise ModelFileError(f"this model takes {spotter.io.input}, not a stream")
        self.interpreter: Interpreter = spotter.interpreter
        self.samples = window.step_frames * spotter.io.frontend.frame_step
        self._window = window
        window.push(np.zeros(spotter.io.frontend.clip_samples, np.float32))

    def inputs(self, samples: np.ndarray) -> np.ndarray:
        """Compute the normalized features of the frames that (1, samples) float32 complete."""
        return self._window.frames(samples[0])

    def infer(self, frames: np.ndarray) -> np.ndarray:
        """Compute probabilities (1, labels) after these frames; (1, 0) before a whole clip."""
        self._window.take(frames)
        said = self._window.probabilities()
        return np.zeros((1, 0), np.float32) if said is None else said[np.newaxis]


def step_subject(model: bytes, io: SpeechIO) -> BenchmarkCase:
    """Prepare a step of a model in streaming form for timing, with noise for its next frames.

    Args:
        model: bytes of the .tflite file.
        io: its labels, front end and normalization.
    """
    step = Step(KeywordSpotter(model, io))
    noise = np.random.default_rng(0).normal(0, 0.05, (1, step.samples)).astype(np.float32)
    return BenchmarkCase(pipeline=step, example=noise)


@dataclass(frozen=True, kw_only=True, repr=False)
class StreamingExport(ExportedForm):
    """Result of exporting a bundle's model in streaming form.

    It is measured on whole clips that start without a past.

    Attributes:
        agreement: comparison with the plain form, on the validation set, or on generated sound
            without data.
        latency: ``window``, the plain form on a clip, and ``step``, this form on its next frames.
        step_ms: length of sound that a step takes.
    """

    agreement: StreamAgreement
    step_ms: float
    plain_name: ClassVar[str] = "window"

    def difference(self) -> str:
        """Describe a step, and the differences of the two forms."""
        found = self.agreement
        return (
            f"a step takes {self.step_ms:g} ms of sound; after a reset {found.equal} of "
            f"{found.clips} clips have the same probabilities bit for bit as in the plain form "
            f"(builtin kernels), {found.same_label} have the same label with XNNPACK, whose "
            f"probabilities differ by at most {found.probability_difference:.1e}"
        )


def export_streaming(
    model: Path, out: Path, *, data: Path | None = None, listener: Listener | None = None
) -> StreamingExport:
    """Convert a bundle's model to streaming form, measure the new file and write its bundle.

    Args:
        model: bundle, or .tflite with its card.
        out: path of the new bundle.
        data: folder of words; with it, the test set is measured and the budget certified.
        listener: receives progress.

    Raises:
        ModelFileError: if the model is damaged, for another task, or does not take features.
        RecipeError: if the network looks ahead in time, or the data have other words.
    """
    listener = listener or Listener()
    silence_litert()
    plain, task = load_bundle(model, task=NAME), TASKS.find(NAME)
    recipe, rng = recipe_of(plain.card, model), np.random.default_rng(0)
    file, io = streaming_file(plain.model, plain.card.io, keep_names=recipe.compress.keep_names)
    if data is None:
        dataset = None
        pcm = sounds(io.frontend, SOUNDS, rng=rng)
        listener.measuring("the file; no accuracy without data")
    else:
        dataset = load_dataset(task, recipe, data, progress=listener.loading)
        pcm = dataset.validation.pcm
        listener.measuring("the file on the test set")
    card, certificate = remeasured(plain, recipe, ModelFile(data=file), io, dataset)
    agreement = compare_streaming(plain.model, plain.card.io, file, io, pcm)
    spotter = KeywordSpotter(file, io)
    latency = pinned_latency(
        {
            "window": partial(task.benchmark_case, plain.model, plain.card.io),
            "step": partial(step_subject, file, io),
        }
    )
    step_samples = window_of(spotter).step_frames * io.frontend.frame_step
    step_ms = 1000 * step_samples / io.frontend.rate_hz
    evidence = {
        "plain_model_sha256": plain.card.model_sha256,
        "plain_tflite_bytes": len(plain.model),
        "agreement": encode(agreement),
        "sound": "generated" if data is None else "validation set",
        "step_ms": step_ms,
        "latency": encode(latency),
    }
    card = replace(card, evidence={**card.evidence, "streaming": evidence})
    return StreamingExport(
        bundle=write_bundle(out, file, card),
        card=card,
        certificate=certificate,
        agreement=agreement,
        plain_bytes=len(plain.model),
        latency=latency,
        step_ms=step_ms,
    )
