"""Release of models with their front end inside, next to the bundles of a run."""

from pathlib import Path
from typing import Any

from motefit.certify.certify import CertifiedModel
from motefit.certify.check import recipe_of
from motefit.exporting.in_graph import Agreement, InGraphExport, InGraphForm
from motefit.fitting.run_dir import IN_GRAPH, RunDir
from motefit.measure.latency.paired import Latency
from motefit.report.render import write_report
from motefit.runtime.bundle import load_bundle
from motefit.spec.certificate import Certificate, recheck
from motefit.spec.codec import decode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.tasks.speech_spec import NAME
from motefit.tasks import TASKS, load_dataset


def release_in_graph(folder: RunDir, name: str, data: Path | None) -> InGraphExport:
    """Write the same model with its front end inside, next to a bundle of a run.

    Both forms are compared on the clips of the validation set; the test set is measured as for any
    shipped file. The form has its own certificate and report.

    Args:
        folder: folder of the run.
        name: name of the bundle.
        data: folder of words; None: the synthetic default.

    Raises:
        RecipeError: if the front end cannot be built into a model.
        OutputError: if something cannot be written.
    """
    path, own = folder.bundle_path(name), f"{name}{IN_GRAPH}"
    plain = load_bundle(path, task=NAME)
    recipe = recipe_of(plain.card, path)
    form = InGraphForm.of(plain, recipe)
    folder.log_read("validation", f"agreement of {own} with {name}")
    folder.log_read("test", f"final measurement of {own}")
    dataset = load_dataset(TASKS.find(NAME), recipe, data)
    done = form.measured(dataset, folder.bundle_path(own), subset="validation")
    if done.certificate is not None:
        shipped = CertifiedModel(
            model=form.model, card=done.card, certificate=done.certificate, name=recipe.name
        )
        write_atomic(folder.certificate_path(own), done.certificate.to_json())
        write_report(folder.report_path(own), shipped.report())
    return done


def stored_in_graph(folder: RunDir, name: str) -> InGraphExport | None:
    """Read what :func:`release_in_graph` wrote; None if it is missing or damaged."""
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
        return InGraphExport(
            bundle=path,
            card=bundle.card,
            certificate=certificate,
            agreement=decode(Agreement, found["agreement"], where=str(path)),
            plain_bytes=found["plain_tflite_bytes"],
            latency={k: decode(Latency, v, where=str(path)) for k, v in found["latency"].items()},
        )
    except (ModelFileError, RecipeError, OSError, ValueError, KeyError):
        return None
