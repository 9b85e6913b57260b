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
    target of an example is a mixture of its label and the teacher's probabilities for the augmented
    example; ``label_smoothing`` then applies only to the teacher. The teacher is not released. It
    stays in the cache, for runs that need the same one.

    Attributes:
        model: family and settings of the teacher, as in ``[model]``, e.g.
            ``{family = "tcnet", width = 72}``.
        words: for keyword spotting, the words that the teacher learns to classify, which must
            include the recipe's; with more words it learns more about speech. No validation or test
            clip of the model is used. Empty: the recipe's words.
        epochs: of the teacher.
        learning_rate: of the teacher, as in ``[train]``.
        weight: of the teacher's probabilities in a target, above 0 and at most 1.
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
                'model needs a network family, e.g. model = {family = "tcnet", width = 72}'
            )
        for name in ("epochs", "learning_rate"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"{name} must be positive, got {getattr(self, name)}")
        if self.seed < 0:
            raise RecipeError(f"seed must not be negative, got {self.seed}")
        if not 0 < self.weight <= 1:
            raise RecipeError(f"weight must be above 0 and at most 1, got {self.weight}")
