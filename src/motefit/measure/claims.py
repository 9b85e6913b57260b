"""Claims about a model file, read from its bytes: the only source for what reports state."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from motefit.tflite.flatbuffer.element_types import BITS_BY_NAME
from motefit.tflite.inspect import Inspection, OpInfo, TensorInfo
from motefit.tflite.model import ModelFile

Form = Literal[
    "float32", "float16", "dynamic-range", "int8-weights", "int4-weights", "int8", "int4", "other"
]
WIDENED: Mapping[str, Form] = {
    "float16": "float16",
    "int8": "int8-weights",
    "int4": "int4-weights",
}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "UNIDIRECTIONAL_SEQUENCE_LSTM")
ROUNDING_ZEROS = {32: 0.02, 16: 0.02, 8: 0.10, 4: 0.40}
"""Fraction of zeros, by bits, above which a weight is called sparse: rounding sets 1 to 5 % of
bell-shaped weights to 0 in 8 bits, 15 to 30 % in 4 (dscnn, tcnet, bcresnet on 8 words)."""
MOST_CLUSTERS = 64
"""Weights with more distinct numbers than this are not called clustered."""


@dataclass(frozen=True, kw_only=True)
class WeightClaim:
    """One weight of the file.

    Attributes:
        place: number of its operator.
        operator: such as ``CONV_2D``.
        shape: as stored.
        channels: of the operator's output.
        form: of storage and arithmetic.
        bits: of one number.
        scales: number of scales; 0 for floats.
        zeros: numbers that are 0.
        distinct: distinct numbers, as stored.
        sparse: whether it has more zeros than rounding usually causes.
        clustered: whether many numbers share few distinct values.
    """

    place: int
    operator: str
    shape: tuple[int, ...]
    channels: int
    form: Form
    bits: int
    scales: int
    zeros: int
    distinct: int
    sparse: bool
    clustered: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Properties of a file.

    Attributes:
        precision: the form of most weights, counted by their numbers; ``"none"`` without weights.
        input_dtype: of the file's input.
        output_dtype: of the file's output.
        numbers_by_form: count of weights' numbers in each form.
        sparsity: fraction of the weights' numbers that are 0.
        bias_scales: of int32 biases: ``"own"``, ``"borrowed"``, ``"none"``, or empty without any.
        techniques: compression visible in the file, in words.
        weights: in order of the operators.
    """

    precision: str
    input_dtype: str
    output_dtype: str
    numbers_by_form: Mapping[str, int]
    sparsity: float
    bias_scales: str
    techniques: tuple[str, ...]
    weights: tuple[WeightClaim, ...]


def read_claims(model: ModelFile) -> Claims:
    """Read what a .tflite file is from its bytes.

    Args:
        model: the file, made here or elsewhere.

    Raises:
        ModelFileError: for bytes that are not a valid .tflite file.
    """
    found = model.inspection
    weights = tuple(
        claim for place, op in enumerate(found.ops) for claim in _weights(place, op, found)
    )
    forms: Counter[str] = Counter()
    for weight in weights:
        forms[weight.form] += weight.size
    total = sum(forms.values())
    return Claims(
        precision=forms.most_common(1)[0][0] if forms else "none",
        input_dtype=found.inputs[0].dtype if found.inputs else "",
        output_dtype=found.outputs[0].dtype if found.outputs else "",
        numbers_by_form=dict(forms.most_common()),
        sparsity=sum(weight.zeros for weight in weights) / total if total else 0.0,
        bias_scales=_bias_scales(found),
        techniques=_techniques(weights, forms),
        weights=weights,
    )


def _weights(place: int, op: OpInfo, found: Inspection) -> list[WeightClaim]:
    if op.name not in WEIGHTED:
        return []
    last = 9 if op.name.endswith("LSTM") else 2
    makers = {output: maker for maker in found.ops for output in maker.outputs}
    whole = found.tensors[op.inputs[0]].dtype in {"int8", "uint8"}
    claims = []
    for index in op.inputs[1:last]:
        if index < 0:
            continue
        maker = makers.get(index)
        widened = maker is not None and maker.name == "DEQUANTIZE"
        stored = found.tensors[maker.inputs[0] if maker is not None and widened else index]
        if stored.constant:
            form = _form(stored.dtype, whole=whole, widened=widened)
            claims.append(_claim(place, op, stored, form))
    return claims


def _form(dtype: str, *, whole: bool, widened: bool) -> Form:
    if widened:
        return WIDENED.get(dtype, "other")
    if whole:
        return "int8" if dtype == "int8" else "int4" if dtype == "int4" else "other"
    if dtype == "int8":
        return "dynamic-range"
    return "float32" if dtype == "float32" else "other"


def _claim(place: int, op: OpInfo, stored: TensorInfo, form: Form) -> WeightClaim:
    bits = BITS_BY_NAME.get(stored.dtype, 0)
    others = stored.size - stored.zeros
    few = stored.distinct <= MOST_CLUSTERS and 2 * stored.distinct <= 2**bits
    return WeightClaim(
        place=place,
        operator=op.name,
        shape=stored.shape,
        channels=op.shape[-1] if op.shape else 0,
        form=form,
        bits=bits,
        scales=len(stored.scale),
        zeros=stored.zeros,
        distinct=stored.distinct,
        sparse=stored.zeros > ROUNDING_ZEROS.get(bits, 1.0) * stored.size,
        clustered=few and 4 * stored.distinct <= others,
    )


def _bias_scales(found: Inspection) -> str:
    pairs = [
        (found.tensors[op.inputs[1]], found.tensors[op.inputs[2]])
        for op in found.ops
        if op.name in WEIGHTED[:3] and len(op.inputs) > 2 and op.inputs[2] >= 0
    ]
    whole = [(weight, bias) for weight, bias in pairs if bias.dtype == "int32"]
    if not whole:
        return ""
    if any(not bias.scale for _, bias in whole):
        return "none"
    many = [(weight, bias) for weight, bias in whole if len(weight.scale) > 1]
    return "borrowed" if many and all(w.scale == b.scale for w, b in many) else "own"


def _techniques(weights: tuple[WeightClaim, ...], forms: Mapping[str, int]) -> tuple[str, ...]:
    found = [
        f"{form}: {_share(count, sum(forms.values()))} of the weights"
        for form, count in forms.items()
        if form != "float32"
    ]
    sparse = [weight for weight in weights if weight.sparse]
    if sparse:
        share = _share(sum(w.zeros for w in sparse), sum(w.size for w in sparse))
        count = f"{len(sparse)} of {len(weights)} weights"
        found.append(f"sparse: {share} of the numbers in {count} are zero")
    clustered = [weight for weight in weights if weight.clustered]
    if clustered:
        most = max(weight.distinct for weight in clustered)
        found.append(
            f"shared values: at most {most} different numbers in {len(clustered)} of "
            f"{len(weights)} weights"
        )
    return tuple(found)


def _share(part: int, total: int) -> str:
    return f"{100 * part / total:.1f} %"
