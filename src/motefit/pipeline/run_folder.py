"""The folder of a run: where everything lies, and what a later run may pick up.

::

    RUN/recipe.toml        the recipe as given
    RUN/run.json           data path, device and when it began
    RUN/candidates/<key>/  one folder per candidate: checkpoint, history, then model and result
    RUN/reads.jsonl        which part of the data was opened when, and for what
    RUN/<recipe>.zip       the bundle: model.tflite and card.json
    RUN/certificate.json   the verdict
    RUN/report.html        for people
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.files import read_json, write_atomic, write_json
from motefit.spec.recipe import Recipe


class RunFolder:
    """Paths and state of one run.

    Args:
        path: of the folder; made by :meth:`begin`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe_path(self) -> Path:
        """The recipe as given."""
        return self.path / "recipe.toml"

    @property
    def certificate_path(self) -> Path:
        """The verdict."""
        return self.path / "certificate.json"

    @property
    def report_path(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    def bundle_path(self, recipe: Recipe) -> Path:
        """The bundle."""
        return self.path / f"{recipe.name}.zip"

    def candidate(self, key: str) -> Path:
        """A candidate's own folder."""
        return self.path / "candidates" / key

    def begin(self, recipe: Recipe, data: Path | None, *, overwrite: bool) -> None:
        """Start a run here, or pick up the same run.

        Raises:
            OutputError: when the folder cannot be written.
            RecipeError: when it holds another run or other files, and ``overwrite`` is off.
        """
        state = {"name": recipe.name, "data": str(data.resolve()) if data else ""}
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file; choose another folder with --out")
        if self.path.is_dir() and any(self.path.iterdir()):
            if overwrite and self.recipe_path.is_file():
                self._clear()
            elif not self._same(recipe, state):
                raise RecipeError(
                    f"{self.path} holds another run or other files; choose another folder with "
                    "--out, or replace a run with --overwrite"
                )
        write_atomic(self.recipe_path, recipe.to_toml())
        write_json(self.path / "run.json", state)

    def _same(self, recipe: Recipe, state: dict[str, str]) -> bool:
        if read_json(self.path / "run.json") != state or not self.recipe_path.is_file():
            return False
        return self.recipe_path.read_text(encoding="utf-8") == recipe.to_toml()

    def _clear(self) -> None:
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise OutputError(f"cannot replace {self.path}: {error.strerror}") from None

    def stored(self) -> tuple[Recipe, Path | None]:
        """Recipe and data path of the run in this folder.

        Raises:
            RecipeError: when the folder holds no run.
        """
        state = read_json(self.path / "run.json")
        if state is None or not self.recipe_path.is_file():
            raise RecipeError(f"{self.path} holds no run that could be resumed")
        recipe = Recipe.loads(self.recipe_path.read_text(encoding="utf-8"), name=state["name"])
        return recipe, Path(state["data"]) if state["data"] else None

    def log_read(self, part: str, purpose: str) -> None:
        """Note that a part of the data was opened, so that anyone can see how often.

        Raises:
            OutputError: when the log cannot be written.
        """
        line = {"at": datetime.now(UTC).isoformat(), "part": part, "purpose": purpose}
        try:
            with (self.path / "reads.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.path / 'reads.jsonl'}: {error}") from None
