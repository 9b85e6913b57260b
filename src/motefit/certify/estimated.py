"""Facts of a card that are estimated for microcontroller boards."""

from typing import Any

from motefit.codegen.estimate import estimate_evidence, estimated_facts
from motefit.spec.metrics import is_estimate
from motefit.spec.recipe import Recipe
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile


def estimates_of(
    recipe: Recipe, model: ModelFile, io: object
) -> tuple[dict[str, float], dict[str, Any]]:
    """Compute the estimates that a recipe's budgets name, with evidence that says so.

    Args:
        recipe: recipe whose budgets and objectives name the estimates.
        model: the .tflite file.
        io: the task's section of its card.

    Returns:
        Values by metric name and the evidence's topic; both empty if no budget names an estimate.
    """
    budgets = recipe.all_budgets.values()
    names = [name for budget in budgets for name in (*budget.metrics, budget.objective)]
    if not any(map(is_estimate, names)):
        return {}, {}
    graph = read_graph(model.data)
    facts = estimated_facts(graph, getattr(io, "frontend", None), names)
    return facts, {"estimate": estimate_evidence(graph, facts)}
