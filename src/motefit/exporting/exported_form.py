"""Exported form of a keyword model: its measurement, and its comparison with the plain form."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from motefit.certify.certify import certify_file
from motefit.certify.facts import Evaluation, measure_cost
from motefit.certify.provenance import provenance
from motefit.certify.verdict_table import verdict_content
from motefit.data.speech import SpeechDataset
from motefit.measure.latency.paired import Latency
from motefit.runtime.bundle import Bundle
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.frontend import FrontEnd
from motefit.spec.metrics import grouped
from motefit.spec.recipe import Recipe
from motefit.spec.tables import Item, Printable, ResultTable, Styled
from motefit.spec.tasks.speech_spec import NAME, SpeechIO
from motefit.tasks import TASKS
from motefit.tflite.model import ModelFile

SOUNDS = 64
"""Number of generated clips on which two forms are compared without data."""


class FormAgreement(Protocol):
    """Comparison of two forms of a model on the same clips."""

    @property
    def proven(self) -> bool:
        """Whether the forms are equivalent."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ExportedForm(Printable):
    """Result of exporting a bundle's model in another form.

    Attributes:
        bundle: path of the zip.
        card: facts measured on the new bytes; without data only the costs of the file.
        certificate: verdict on the recipe's budget; None without data.
        agreement: comparison with the plain form.
        plain_bytes: size of the plain form's .tflite file.
        latency: latency of both forms by name.
        plain_name: name of the plain form.
    """

    bundle: Path
    card: Card
    certificate: Certificate | None
    agreement: FormAgreement
    plain_bytes: int
    latency: Mapping[str, Latency]
    plain_name: ClassVar[str]

    @property
    def met(self) -> bool:
        """Whether it equals the plain form and, with data, meets the budget."""
        certified = self.certificate is None or self.certificate.met
        return certified and self.agreement.proven

    def content(self) -> list[Item]:
        """List the verdict, if there are data, and the :meth:`comparison`."""
        certificate = self.certificate
        verdict = [] if certificate is None else verdict_content(self.card, certificate)
        return [*verdict, *self.comparison()]

    def comparison(self) -> list[Item]:
        """List size and latency of both forms, whether they agree, and the new bundle's path."""
        lines: list[Item] = [self._costs(), self.difference()]
        if not self.agreement.proven:
            lines.append((Styled("not proven", "bad"), " to be the same model"))
        return [*lines, f"wrote {self.bundle}"]

    @abstractmethod
    def difference(self) -> str:
        """Describe the differences of the two forms."""

    def _costs(self) -> ResultTable:
        own_bytes = int(self.card.facts["size.tflite_bytes"])
        rows = [
            (
                name,
                grouped(self.plain_bytes if name == self.plain_name else own_bytes),
                f"{times.frontend_p25_ms:.3f}",
                f"{times.inference_p25_ms:.3f}",
                f"{times.total_p25_ms:.3f}",
            )
            for name, times in self.latency.items()
        ]
        titles = ("", "bytes", "front end ms", "inference ms", "total ms")
        return ResultTable(titles=titles, align="lrrrr", rows=rows)


def remeasured(
    plain: Bundle, recipe: Recipe, model: ModelFile, io: SpeechIO, dataset: SpeechDataset | None
) -> tuple[Card, Certificate | None]:
    """Measure another form of a bundle's model; return its card and the verdict on its budget.

    Args:
        plain: the bundle.
        recipe: recipe of the bundle.
        model: the new form.
        io: the new form's section of the card.
        dataset: data whose test set is measured; None: only costs, and no verdict.

    Raises:
        RecipeError: if the data do not match the model.
    """
    task, seed = TASKS.find(NAME), plain.card.provenance.seed
    if dataset is not None:
        task.require_fit(io, dataset)
        made = provenance(seed=seed, data_sha256=task.data_key(dataset))
        shipped = certify_file(
            Evaluation(task=task, recipe=recipe, io=io, dataset=dataset), model, provenance=made
        )
        return shipped.card, shipped.certificate
    facts = measure_cost(task, recipe, model, io)
    card = replace(
        plain.card,
        io=io,
        model_sha256=model.sha256,
        facts=facts.values,
        evidence=facts.evidence,
        provenance=provenance(seed=seed, data_sha256=""),
    )
    return card, None


def sounds(frontend: FrontEnd, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """Generate rising and falling tones of various loudness in noise: (count, samples) float32."""
    time = np.arange(frontend.clip_samples) / frontend.rate_hz
    start, end = rng.uniform(80, frontend.rate_hz / 3, (2, count, 1))
    pitch = start + (end - start) * time / (2 * frontend.seconds)
    tone = rng.uniform(0.01, 0.8, (count, 1)) * np.sin(2 * np.pi * pitch * time)
    noise = rng.normal(0, 1, tone.shape) * rng.uniform(0.001, 0.1, (count, 1))
    return np.asarray(np.clip(tone + noise, -1, 1), np.float32)
