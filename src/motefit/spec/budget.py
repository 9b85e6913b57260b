"""Hard limits that a model must meet: bounds on metrics, and one objective once all bounds hold."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from motefit.spec.codec import check_fields, flatten
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import UNIT_FACTORS, Metric, format_value, metric, metric_name

Relation = Literal["<", "<=", ">", ">="]
_BOUND = re.compile(
    r"\s*(<=|>=|<|>)\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z%]*|per hour)\s*"
)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One line of a budget.

    Attributes:
        metric: name of the metric.
        relation: how the value must compare with ``limit``.
        limit: in the metric's own unit (bytes, milliseconds, a fraction for accuracy).
    """

    metric: str
    relation: Relation
    limit: float

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "metric", metric_name(self.metric))
        if (self.relation in {">", ">="}) != metric(self.metric).higher_is_better:
            raise RecipeError(
                f"{self.metric}: {'lower' if self.relation[0] == '>' else 'upper'} bound given "
                f"({self.relation} {self.limit:g}), but "
                f"{'higher' if self.relation[0] == '<' else 'lower'} is better: reverse the "
                "relation"
            )

    @classmethod
    def parse(cls, name: str, text: str) -> "Bound":
        """Read a bound such as ``"> 98 %"`` or ``"<= 25 KB"`` (1 KB = 1024 bytes).

        Raises:
            RecipeError: for an unknown metric, relation or unit.
        """
        known: Metric = metric(name)
        match = _BOUND.fullmatch(text)
        factors = UNIT_FACTORS[known.unit]
        if match is None or match[3] not in factors:
            units = ", ".join(repr(u) for u in factors if u) or "none"
            raise RecipeError(
                f"{name}: cannot read the bound {text!r}; write a relation (<, <=, >, >=), "
                f"a number and a unit (allowed: {units}), e.g. "
                f"{'>' if known.higher_is_better else '<'} 1 {next((u for u in factors if u), '')}"
            )
        relation: Relation = match[1]  # type: ignore[assignment]  # the pattern allows no other
        limit = float(match[2]) * factors[match[3]]
        if known.unit == "fraction" and not 0 <= limit <= 1:
            raise RecipeError(f"{name}: {text!r} is outside 0..100 %")
        return cls(metric=name, relation=relation, limit=limit)

    def violation(self, value: float) -> float:
        """Return by which fraction of its limit a bound is missed; 0 if it holds, inf for NaN."""
        if self.holds(value):
            return 0.0
        if math.isnan(value):
            return math.inf
        # A value exactly at the limit of a strict bound misses it, too.
        return max(abs(value - self.limit) / (abs(self.limit) or 1.0), 1e-9)

    def holds(self, value: float) -> bool:
        """Return whether a measured value meets the bound; False for NaN."""
        return {
            "<": value < self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            ">=": value >= self.limit,
        }[self.relation]

    def __str__(self) -> str:
        return f"{self.relation} {format_value(self.metric, self.limit)}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """All bounds of a recipe and the metric to optimize once they hold.

    Attributes:
        bounds: one per metric, in the order written.
        objective: metric to optimize; its direction is the metric's own.
        reference: name of the recipe whose front end and network are the reference pipeline of
            ``latency.saving_percent``.
    """

    bounds: tuple[Bound, ...] = ()
    objective: str = "size.zip_bytes"
    reference: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "objective", metric_name(self.objective))
        metric(self.objective)
        names = self.metrics
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise RecipeError(f"{', '.join(sorted(twice))}: bounded twice; keep one bound")
        if "latency.saving_percent" in names and not self.reference:
            raise RecipeError(
                "latency.saving_percent is a saving against a reference pipeline: "
                'name its recipe with reference = "..."'
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the bounded metrics."""
        return tuple(b.metric for b in self.bounds)

    @classmethod
    def from_table(cls, table: object, *, where: str) -> "Budget":
        """Read the ``[budget]`` section; nested tables are dotted metric names.

        Raises:
            RecipeError: for anything that is not a metric with a readable bound.
        """
        if not isinstance(table, Mapping):
            raise RecipeError(f"{where}: expected a table, got {table!r}")
        flat = flatten(table, where=where)
        named: dict[str, Any] = {k: flat.pop(k) for k in ("objective", "reference") if k in flat}
        try:
            bounds = tuple(Bound.parse(name, str(text)) for name, text in flat.items())
            return cls(bounds=bounds, **named)
        except RecipeError as error:
            raise RecipeError(f"{where}: {error}") from None

    def to_table(self) -> dict[str, str]:
        """Invert :meth:`from_table`, in the metrics' base units."""
        table = {b.metric: f"{b.relation} {b.limit!r}" for b in self.bounds}
        table["objective"] = self.objective
        if self.reference:
            table["reference"] = self.reference
        return table


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names that can be part of a file name."""


def check_names(budgets: Iterable[str]) -> None:
    """Reject budget names that cannot be part of a file name.

    Raises:
        RecipeError: naming it.
    """
    for name in budgets:
        if not NAME.fullmatch(name):
            raise RecipeError(
                f"budgets: the name {name!r} may hold letters, digits, '.', '_' and '-' only"
            )
