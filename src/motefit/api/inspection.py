"""``inspect``: show the content of a .tflite file of any origin, and the costs of one run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.api.layer_parity import needs_card
from motefit.api.layer_parity import parity as compare_layers
from motefit.measure.claims import Claims, read_claims
from motefit.measure.parity import Parity
from motefit.measure.ram import Ram, measure_ram
from motefit.runtime.bundle import open_model
from motefit.runtime.zoo import find_model
from motefit.spec.errors import ModelFileError
from motefit.spec.metrics import format_value, grouped
from motefit.spec.tables import Item, Printable, ResultTable, Styled
from motefit.tflite.appended import appended_bytes, names_of_zip
from motefit.tflite.inspect import Inspection
from motefit.tflite.model import ModelFile
from motefit.tflite.validate import ALIGNMENT, unaligned, validate


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelReport(Printable):
    """Content and costs of a model file.

    Attributes:
        path: path of the file.
        file: its tensors and operations, and the number of bytes of each part.
        claims: how its weights are stored.
        arena: memory that TensorFlow Lite Micro needs, if it can be measured.
        problem: defect of a file that could be read anyway; empty if none.
        notes: facts worth knowing about a valid file.
        parity: layer-by-layer comparison with LiteRT's builtin kernels; None if not requested.
    """

    path: Path
    file: Inspection
    claims: Claims
    arena: Ram
    problem: str
    notes: tuple[str, ...]
    parity: Parity | None

    @property
    def agrees(self) -> bool:
        """Whether no layer differs from LiteRT's; True if none was compared."""
        return self.parity is None or self.parity.first is None

    def content(self) -> list[Item]:
        """List the content of the file, where its bytes go, and the costs of one run."""
        found, claims = self.file, self.claims
        size = format_value("size.tflite_bytes", found.size_bytes)
        lines: list[Item] = [
            (Styled(str(self.path), "strong"), f": {size}"),
            (
                f"{grouped(found.parameters)} parameters ({100 * found.sparsity:.1f} % zero), "
                f"{format_value('macs', found.macs)} multiply-accumulates per run"
            ),
            f"weights: {'; '.join(claims.techniques) or claims.precision}",
        ]
        if self.problem:
            lines.append((Styled("invalid:", "bad"), f" {self.problem}"))
        lines += [f"note: {note}" for note in self.notes]
        known = self.arena.arena_bytes
        arena = self.arena.method if known is None else f"{grouped(known)} B"
        lines.append(f"arena of TensorFlow Lite Micro: {arena}")
        for title, tensors in (("in ", found.inputs), ("out", found.outputs)):
            lines += [f"{title} {t.dtype} {_shape(t.shape)} {t.name}".rstrip() for t in tensors]
        lines += [_bytes_table(found), _operations_table(found), _weights_table(claims)]
        return lines if self.parity is None else [*lines, *_parity_content(self.parity)]


def inspect(model: str | Path, *, parity: str | Path = "") -> ModelReport:
    """Show the content of a model file, where its bytes go, and the costs of one run.

    >>> import motefit
    >>> found = motefit.inspect("climate-6-linear")
    >>> [op.name for op in found.file.ops]
    ['DEQUANTIZE', 'FULLY_CONNECTED']
    >>> sum(found.file.bytes_by_part.values()) == found.file.size_bytes
    True

    Args:
        model: .tflite file, zip of one, or name of a shipped model.
        parity: compare each layer with LiteRT's builtin kernels, on ``"random"`` inputs, a ``.npy``
            file of inputs (n, ...), or the data of a model with its card. Empty: no comparison.

    Raises:
        ModelFileError: if the file cannot be read or, with ``parity``, cannot be run.
        DataError: if the inputs have another size.
    """
    path = find_model(model)
    inputs = str(parity)
    found = open_model(path) if needs_card(inputs) else ModelFile.from_path(path)
    file = found if isinstance(found, ModelFile) else found.file
    compared = compare_layers(found, inputs, path=path) if inputs else None  # may be refused
    return ModelReport(
        path=path,
        file=file.inspection,
        claims=read_claims(file),
        arena=measure_ram(file),
        problem=_problem(file),
        notes=tuple(_notes(file)),
        parity=compared,
    )


def _problem(file: ModelFile) -> str:
    try:
        validate(file.data, file.tables)
    except ModelFileError as error:
        return str(error)
    return ""


def _notes(file: ModelFile) -> Iterator[str]:
    found = file.inspection
    if count := unaligned(file.tables):
        yield (
            f"{count} constants are not aligned to {ALIGNMENT} bytes; a processor that needs it "
            "cannot run the file in place"
        )
    if found.not_counted:
        yield f"multiply-accumulates not counted: {', '.join(found.not_counted)}"
    if found.subgraphs > 1:
        yield f"{found.subgraphs} subgraphs; tensors and operations are those of the first one"
    if found.signatures:
        yield f"signatures: {', '.join(found.signatures)}"
    if found.metadata:
        yield f"metadata: {', '.join(found.metadata)}"
    if found.bytes_by_part["appended"]:
        names = names_of_zip(appended_bytes(file.data, file.tables))
        what = f": a zip of {', '.join(names)}" if names else ""
        yield f"{found.bytes_by_part['appended']} bytes are appended to the model{what}"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _bytes_table(found: Inspection) -> ResultTable:
    ordered = sorted(found.bytes_by_part.items(), key=lambda item: -item[1])
    rows = [
        (part, grouped(count), f"{100 * count / found.size_bytes:.1f} %")
        for part, count in ordered
        if count
    ]
    return ResultTable(
        title="where the bytes go", titles=("part", "bytes", "share"), align="lrr", rows=rows
    )


def _operations_table(found: Inspection) -> ResultTable:
    rows = [
        (
            op.name,
            str(op.version),
            _shape(op.shape),
            found.tensors[op.outputs[0]].dtype if op.outputs else "",
            "not counted" if op.macs is None else grouped(op.macs),
        )
        for op in found.ops
    ]
    titles = ("operation", "version", "output", "type", "MACs")
    return ResultTable(title="operations", titles=titles, align="lrllr", rows=rows)


def _weights_table(claims: Claims) -> ResultTable:
    rows = [
        (
            f"{weight.place} {weight.operator}",
            weight.form,
            _shape(weight.shape),
            *map(str, (weight.channels, weight.bits, weight.scales)),
            f"{100 * weight.zeros / max(weight.size, 1):.1f} %",
            str(weight.distinct),
        )
        for weight in claims.weights
    ]
    titles = ("operation", "form", "shape", "channels", "bits", "scales", "zero", "distinct")
    return ResultTable(title="weights", titles=titles, align="lllrrrrr", rows=rows)


def _parity_content(compared: Parity) -> list[Item]:
    rows = []
    for layer in compared.layers:
        most = f"{layer.greatest:.0f} steps" if layer.exact else f"{layer.greatest:.1e}"
        cells = (
            layer.name,
            _shape(layer.shape),
            grouped(layer.numbers),
            grouped(layer.differing),
            most,
        )
        rows.append(tuple(Styled(c, "bad") for c in cells) if layer.differing else cells)
    titles = ("layer", "output", "numbers", "differ", "at most")
    table = ResultTable(
        title="against LiteRT's builtin kernels", titles=titles, align="llrrr", rows=rows
    )
    if compared.first is None:
        return [table, f"all layers agree on {compared.examples} examples"]
    return [table, Styled(f"the first layer that differs is {compared.first}", "bad")]
