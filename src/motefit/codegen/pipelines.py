"""What surrounds a network in C: the pipeline of its task, and the sizes in its header."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.codegen.constants import Constants, Name, literal
from motefit.codegen.frontend_tables import frontend_tables
from motefit.codegen.network import NetworkSource, NetworkWriter, write_network
from motefit.codegen.stream_tables import stream_tables
from motefit.graph.graph import INPUT, Graph
from motefit.runtime.window_codec import WindowCodec
from motefit.spec.errors import ModelFileError
from motefit.spec.tasks.series_spec import MEDIAN, PERIOD_SECONDS, SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO


@dataclass(frozen=True, kw_only=True)
class PipelineSource:
    """A network with its pipeline.

    Attributes:
        kind: ``"speech"`` or ``"series"``, as in the names of the files in ``codegen/c``.
        network: the network.
        definitions: C source of what other files may see, such as labels.
        sizes: macros of the header, by name without the model's.
    """

    kind: str
    network: NetworkSource
    definitions: str
    sizes: Mapping[str, int]


def write_pipeline(
    graph: Graph, io: SpeechIO | SeriesIO, *, network: NetworkWriter = write_network
) -> PipelineSource:
    """Write the pipeline of a model.

    Args:
        graph: the network.
        io: the task's section of its card.
        network: writes the network; the kernels' calls by default.

    Raises:
        ModelFileError: for a form or an operation without C source.
    """
    if isinstance(io, SpeechIO):
        return _speech(graph, io, network)
    return _series(io, network(graph))


def _edge(network: NetworkSource, name: str) -> dict[str, Any]:
    place, known = network.place(name), network.graph.quantization.get(name)
    return {
        "steps": None if known is None else place,
        "real": place if known is None else None,
        "scale": np.float32(1.0) if known is None else known.scale[0],
        "zero_point": 0 if known is None else known.zero_point,
    }


def _edges(network: NetworkSource) -> dict[str, Any]:
    return {
        "input": _edge(network, INPUT),
        "output": _edge(network, network.graph.output),
        "network": Name("network"),
    }


def _speech(graph: Graph, io: SpeechIO, write: NetworkWriter) -> PipelineSource:
    if io.input != "features":
        raise ModelFileError(
            f"the model's input is {io.input}, with parts of the front end inside the file; "
            "generate C from the plain form, whose input is features: its front end is in the C too"
        )
    tables = frontend_tables(io.frontend)
    network = write(graph, work_bytes=4 * tables.work_floats)
    frontend = tables.define(network.constants, io.normalization)
    fields = {
        "frontend": frontend,
        "work": network.work(),
        **_edges(network),
        "samples": io.frontend.clip_samples,
        "labels": len(io.labels),
        "is_logits": int(io.output == "logits"),
    }
    stream = stream_tables(io)
    memory, stream_bytes = stream.memory(network)
    listening = stream.fields(network, _edge(network, INPUT))
    sizes = {
        "RATE_HZ": io.frontend.rate_hz,
        "SAMPLES": io.frontend.clip_samples,
        "FRAMES": io.frontend.frames,
        "FEATURES": io.frontend.features,
        "LABELS": len(io.labels),
        "WORDS": len(io.words),
        "HOP_SAMPLES": stream.hop,
        "STREAM_BYTES": stream_bytes,
    }
    return PipelineSource(
        kind="speech",
        network=network,
        definitions="".join(
            (
                _record("mf_speech", fields),
                f"\n{memory}",
                _record("mf_stream", listening, name="stream"),
                _texts("labels", io.labels),
            )
        ),
        sizes=sizes,
    )


def _series(io: SeriesIO, network: NetworkSource) -> PipelineSource:
    constants = network.constants
    fields = {**_series_tables(io, constants), **_edges(network)}
    texts = _texts("columns", io.inputs) + _texts("targets", io.targets)
    steps, targets, quantiles = io.answer_shape
    sizes = {
        "INPUT_STEPS": io.input_steps,
        "COLUMNS": len(io.inputs),
        "OUTPUT_STEPS": steps,
        "TARGETS": targets,
        "QUANTILES": quantiles,
        "MEDIAN": io.quantiles.index(MEDIAN) if io.quantiles else 0,
        "CALENDAR": int(bool(io.calendar)),
    }
    return PipelineSource(
        kind="series",
        network=network,
        definitions=_record("mf_series", fields) + texts,
        sizes=sizes,
    )


def _series_tables(io: SeriesIO, constants: Constants) -> dict[str, Any]:
    def doubles(values: object, name: str) -> Name:
        return constants.table(np.array(values, np.float64), name)

    mean, deviation = WindowCodec(io).answer_statistics
    limits = [io.limits.get(name, (-np.inf, np.inf)) for name in io.targets]
    earlier = io.differences if io.form == "differences" else None
    columns = io.target_columns if io.predict == "change" else ()
    periods = [PERIOD_SECONDS[name] for name in io.calendar]
    steps, targets, quantiles = io.answer_shape
    return {
        "input_steps": io.input_steps,
        "inputs": len(io.inputs),
        "output_steps": steps,
        "targets": targets,
        "quantiles": quantiles,
        "mean": doubles(io.normalization.mean, "mean"),
        "deviation": doubles(io.normalization.std, "deviation"),
        "normalization_step": int(len(io.normalization.mean) > 1),
        "is_differences": int(io.form == "differences"),
        "difference_mean": doubles(earlier.mean, "difference_mean") if earlier else None,
        "difference_deviation": doubles(earlier.std, "difference_deviation") if earlier else None,
        "answer_mean": doubles(mean, "answer_mean"),
        "answer_deviation": doubles(deviation, "answer_deviation"),
        "is_change": int(io.predict == "change"),
        "target_columns": _whole(columns, "target_columns", constants),
        "low": doubles([low for low, _ in limits], "low"),
        "high": doubles([high for _, high in limits], "high"),
        "periods": len(periods),
        "period_seconds": _whole(periods, "period_seconds", constants),
        "calendar_in_rows": int(io.calendar_in == "rows"),
    }


def _whole(values: object, name: str, constants: Constants) -> Name | None:
    array = np.array(values, np.int32)
    return constants.table(array, name) if array.size else None


def _record(kind: str, fields: Mapping[str, Any], *, name: str = "pipeline") -> str:
    """Write the record of the pipeline, which follows the function that it names."""
    body = ",\n    ".join(f".{key} = {literal(value)}" for key, value in fields.items())
    return f"static const {kind} {name} = {{\n    {body}}};\n"


def _texts(name: str, texts: tuple[str, ...]) -> str:
    entries = ", ".join(literal(text) for text in texts)
    return f"\nconst char *const model_{name}[MODEL_{name.upper()}] = {{{entries}}};\n"
