"""motefit: the smallest model that fits a sensor node, certified on the very file it ships.

The public API; each name is imported when it is first used, so that ``import motefit`` is free.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers take it for true; typing itself would be 24 modules

if TYPE_CHECKING:
    from motefit.api.audit import AuditResult, audit
    from motefit.api.bench import bench, bench_on_host
    from motefit.api.board_estimates import ModelEstimate, estimate
    from motefit.api.c_source import generate_c
    from motefit.api.checking import check, check_stream
    from motefit.api.cutting import cut, list_cuts
    from motefit.api.data_sets import fetch, synthesize
    from motefit.api.export import export
    from motefit.api.forecast import Forecast, forecast
    from motefit.api.inspection import ModelReport, inspect
    from motefit.api.latency import FrontEndFlags, LatencyResult, latency
    from motefit.api.listening import listen
    from motefit.api.load import load
    from motefit.api.microphone_check import check_microphone
    from motefit.api.monitoring import Readings, monitor, readings
    from motefit.api.predict import classify_files
    from motefit.api.recording import RecordReport, record
    from motefit.api.reporting import WrittenReport, make_report
    from motefit.api.reproduction import reproduce_published
    from motefit.api.runs import can_resume, fit, resume
    from motefit.api.shipped_models import ShippedModel, ShippedModels, shipped_models
    from motefit.api.shrinking import ShrinkResult, shrink
    from motefit.api.studies import (
        NoStudyError,
        compare_studies,
        export_study,
        find_studies,
        find_study,
        open_dashboard,
        ranked_trials,
        studies_table,
        study_summary,
        trials_table,
    )
    from motefit.certify.check import CheckResult
    from motefit.certify.check_stream import StreamCheck
    from motefit.codegen.agreement import CAgreement
    from motefit.codegen.compiled import NoCompilerError
    from motefit.codegen.estimate import BoardEstimate
    from motefit.codegen.project import CSource
    from motefit.data.fetch.datasets import dataset_names
    from motefit.data.fetch.fetch import FetchReport
    from motefit.data.synth.climate import ClimateReport
    from motefit.data.synth.spoken_words import SynthReport
    from motefit.data.word_finder import CutReport
    from motefit.deploy.deployment import (
        Deployment,
        NodeService,
        deploy_to_host,
        node_unit,
        roll_back_host,
    )
    from motefit.deploy.node import NodeResult
    from motefit.deploy.reading import Reading
    from motefit.exporting.exported_form import ExportedForm
    from motefit.exporting.in_graph import InGraphExport
    from motefit.exporting.streaming import StreamingExport
    from motefit.fitting.fit import FitResult, NothingTrainedError
    from motefit.fitting.measured_run import Release
    from motefit.measure.latency.bench_report import BenchResult
    from motefit.recipes.catalog import find_recipe, recipe_names, recipe_text
    from motefit.recipes.published import published_names
    from motefit.reproduce.reproduce import ReproduceResult
    from motefit.runtime.forecaster import Forecaster
    from motefit.runtime.keyword_spotter import Classification, KeywordSpotter
    from motefit.runtime.microphone.levels import MicrophoneCheck
    from motefit.runtime.streaming.detector import Detection
    from motefit.runtime.zoo import find_model, model_names
    from motefit.search.progress import Listener
    from motefit.search.storage import StoredStudy
    from motefit.search.trial import Trial
    from motefit.spec.card import Card
    from motefit.spec.certificate import Certificate
    from motefit.spec.errors import (
        DataError,
        HostError,
        MissingExtraError,
        ModelFileError,
        MotefitError,
        NoCardError,
        OutputError,
        RecipeError,
        UnsupportedPlatformError,
    )
    from motefit.spec.recipe import Recipe
    from motefit.spec.remote_host import Host

__version__ = "0.1.0"

_HOMES = {
    "api.audit": (
        "AuditResult",
        "audit",
    ),
    "api.bench": (
        "bench",
        "bench_on_host",
    ),
    "api.board_estimates": (
        "ModelEstimate",
        "estimate",
    ),
    "api.c_source": ("generate_c",),
    "api.checking": (
        "check",
        "check_stream",
    ),
    "api.cutting": (
        "cut",
        "list_cuts",
    ),
    "api.data_sets": (
        "fetch",
        "synthesize",
    ),
    "api.export": ("export",),
    "api.forecast": (
        "Forecast",
        "forecast",
    ),
    "api.inspection": (
        "ModelReport",
        "inspect",
    ),
    "api.latency": (
        "FrontEndFlags",
        "LatencyResult",
        "latency",
    ),
    "api.listening": ("listen",),
    "api.load": ("load",),
    "api.microphone_check": ("check_microphone",),
    "api.monitoring": ("Readings", "monitor", "readings"),
    "api.predict": ("classify_files",),
    "api.recording": (
        "RecordReport",
        "record",
    ),
    "api.reporting": (
        "WrittenReport",
        "make_report",
    ),
    "api.reproduction": ("reproduce_published",),
    "api.runs": (
        "can_resume",
        "fit",
        "resume",
    ),
    "api.shipped_models": (
        "ShippedModel",
        "ShippedModels",
        "shipped_models",
    ),
    "api.shrinking": (
        "ShrinkResult",
        "shrink",
    ),
    "api.studies": (
        "NoStudyError",
        "trials_table",
        "compare_studies",
        "export_study",
        "find_studies",
        "find_study",
        "open_dashboard",
        "ranked_trials",
        "studies_table",
        "study_summary",
    ),
    "certify.check": ("CheckResult",),
    "certify.check_stream": ("StreamCheck",),
    "codegen.agreement": ("CAgreement",),
    "codegen.compiled": ("NoCompilerError",),
    "codegen.estimate": ("BoardEstimate",),
    "codegen.project": ("CSource",),
    "data.fetch.datasets": ("dataset_names",),
    "data.fetch.fetch": ("FetchReport",),
    "data.synth.climate": ("ClimateReport",),
    "data.synth.spoken_words": ("SynthReport",),
    "data.word_finder": ("CutReport",),
    "deploy.deployment": (
        "Deployment",
        "NodeService",
        "deploy_to_host",
        "node_unit",
        "roll_back_host",
    ),
    "deploy.node": ("NodeResult",),
    "deploy.reading": ("Reading",),
    "exporting.exported_form": ("ExportedForm",),
    "exporting.in_graph": ("InGraphExport",),
    "exporting.streaming": ("StreamingExport",),
    "fitting.fit": (
        "FitResult",
        "NothingTrainedError",
    ),
    "fitting.measured_run": ("Release",),
    "measure.latency.bench_report": ("BenchResult",),
    "recipes.catalog": (
        "find_recipe",
        "recipe_names",
        "recipe_text",
    ),
    "recipes.published": ("published_names",),
    "reproduce.reproduce": ("ReproduceResult",),
    "runtime.forecaster": ("Forecaster",),
    "runtime.keyword_spotter": (
        "Classification",
        "KeywordSpotter",
    ),
    "runtime.microphone.levels": ("MicrophoneCheck",),
    "runtime.streaming.detector": ("Detection",),
    "runtime.zoo": (
        "find_model",
        "model_names",
    ),
    "search.progress": ("Listener",),
    "search.storage": ("StoredStudy",),
    "search.trial": ("Trial",),
    "spec.card": ("Card",),
    "spec.certificate": ("Certificate",),
    "spec.errors": (
        "DataError",
        "HostError",
        "MissingExtraError",
        "ModelFileError",
        "MotefitError",
        "NoCardError",
        "OutputError",
        "RecipeError",
        "UnsupportedPlatformError",
    ),
    "spec.recipe": ("Recipe",),
    "spec.remote_host": ("Host",),
}
"""Where each name is defined; the imports above say the same to type checkers and editors."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [
    "AuditResult",
    "BenchResult",
    "BoardEstimate",
    "CAgreement",
    "CSource",
    "Card",
    "Certificate",
    "CheckResult",
    "Classification",
    "ClimateReport",
    "CutReport",
    "DataError",
    "Deployment",
    "Detection",
    "ExportedForm",
    "FetchReport",
    "FitResult",
    "Forecast",
    "Forecaster",
    "FrontEndFlags",
    "Host",
    "HostError",
    "InGraphExport",
    "KeywordSpotter",
    "LatencyResult",
    "Listener",
    "MicrophoneCheck",
    "MissingExtraError",
    "ModelEstimate",
    "ModelFileError",
    "ModelReport",
    "MotefitError",
    "NoCardError",
    "NoCompilerError",
    "NoStudyError",
    "NodeResult",
    "NodeService",
    "NothingTrainedError",
    "OutputError",
    "Reading",
    "Readings",
    "Recipe",
    "RecipeError",
    "RecordReport",
    "Release",
    "ReproduceResult",
    "ShippedModel",
    "ShippedModels",
    "ShrinkResult",
    "StoredStudy",
    "StreamCheck",
    "StreamingExport",
    "SynthReport",
    "Trial",
    "UnsupportedPlatformError",
    "WrittenReport",
    "audit",
    "bench",
    "bench_on_host",
    "can_resume",
    "check",
    "check_microphone",
    "check_stream",
    "classify_files",
    "compare_studies",
    "cut",
    "dataset_names",
    "deploy_to_host",
    "estimate",
    "export",
    "export_study",
    "fetch",
    "find_model",
    "find_recipe",
    "find_studies",
    "find_study",
    "fit",
    "forecast",
    "generate_c",
    "inspect",
    "latency",
    "list_cuts",
    "listen",
    "load",
    "make_report",
    "model_names",
    "monitor",
    "node_unit",
    "open_dashboard",
    "published_names",
    "ranked_trials",
    "readings",
    "recipe_names",
    "recipe_text",
    "record",
    "reproduce_published",
    "resume",
    "roll_back_host",
    "shipped_models",
    "shrink",
    "studies_table",
    "study_summary",
    "synthesize",
    "trials_table",
]


def __getattr__(name: str) -> object:
    """Import a name of the API when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List all names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
