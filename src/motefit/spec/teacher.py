"""The ``[train.teacher]`` section of a recipe: a larger network that the small one learns from."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class TeacherSpec:
    """The ``[train.teacher]`` section: distillation (Hinton et al., arXiv:1503.02531).

    A larger network is trained first, once for all candidates, with the other settings of
    ``[train]``. From then on, in the training and in the fine-tuning of compression steps, the
    target of an example is a mixture of its label and of what the teacher says of the example as it
    was augmented; ``label_smoothing`` is for the teacher alone then. Nothing of the teacher ships.
    It stays in the cache, for runs that ask for the same one.

    Attributes:
        model: family and knobs of the teacher, as in ``[model]``, e.g.
            ``{family = "tcnet", width = 72}``.
        words: of keyword spotting, what the teacher learns to tell apart, the recipe's words among
            them: it knows more of speech then. It learns from no clip that judges the model. Empty:
            the recipe's words.
        epochs: of the teacher.
        learning_rate: of the teacher, as in ``[train]``.
        weight: share of the teacher's probabilities in a target, above 0 and at most 1.
        seed: of the teacher.
    """

    model: Mapping[str, object]
    words: tuple[str, ...] = ()
    epochs: int = 60
    learning_rate: float = 0.01
    weight: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.model.get("family"), str):
            raise RecipeError(
                'model needs the family of a network, e.g. model = {family = "tcnet", width = 72}'
            )
        for name in ("epochs", "learning_rate"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"{name} must be positive, got {getattr(self, name)}")
        if self.seed < 0:
            raise RecipeError(f"seed must not be negative, got {self.seed}")
        if not 0 < self.weight <= 1:
            raise RecipeError(f"weight must be above 0 and at most 1, got {self.weight}")
