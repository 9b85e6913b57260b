"""The folder of a run: where everything lies, and what a later run may pick up.

::

    RUN/recipe.toml        the recipe as given
    RUN/run.json           its name, the data's path and content hash
    RUN/candidates/<key>/  one folder per candidate: checkpoint, history, then model and result
    RUN/reads.jsonl        which part of the data was opened when, and for what
    RUN/<recipe>.zip       the bundle: model.tflite and card.json
    RUN/certificate.json   the verdict
    RUN/report.html        for people
"""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.files import read_json, write_atomic, write_json
from motefit.spec.recipe import Recipe


class RunFolder:
    """Paths and state of one run.

    Args:
        path: of the folder; made by :meth:`claim`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe_path(self) -> Path:
        """The recipe as given."""
        return self.path / "recipe.toml"

    @property
    def state_path(self) -> Path:
        """What else the run was given."""
        return self.path / "run.json"

    @property
    def certificate_path(self) -> Path:
        """The verdict."""
        return self.path / "certificate.json"

    @property
    def report_path(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    @property
    def reads_path(self) -> Path:
        """The log of opened parts."""
        return self.path / "reads.jsonl"

    def bundle_path(self, name: str) -> Path:
        """The bundle of the recipe of that name."""
        return self.path / f"{name}.zip"

    def candidate(self, key: str) -> Path:
        """A candidate's own folder."""
        return self.path / "candidates" / key

    @property
    def begun(self) -> bool:
        """Whether a run began here, so that it can be resumed."""
        return self._state() is not None and self.recipe_path.is_file()

    def claim(self, recipe: Recipe, *, overwrite: bool) -> None:
        """Make sure, before anything costs time, that a run of this recipe can go here.

        Makes the folder, and changes nothing in it.

        Raises:
            OutputError: when the folder cannot be written.
            RecipeError: when it holds other files, or another recipe's run and ``overwrite`` is
                off.
        """
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file; choose another folder with --out")
        make_writable(self.path)
        if not self.begun:
            if any(self.path.iterdir()):
                raise RecipeError(f"{self.path} holds other files; choose a new folder with --out")
        elif not overwrite and self._recipe_text() != recipe.to_toml():
            raise RecipeError(
                f"{self.path} holds a run of another recipe; choose another folder with --out, or "
                "replace the run with --overwrite"
            )

    def begin(
        self, recipe: Recipe, data: Path | None, *, data_sha256: str, overwrite: bool
    ) -> None:
        """Start a run here, or pick up the same run.

        Args:
            recipe: as it was given to :meth:`claim`.
            data: path of the data; None for synthetic data.
            data_sha256: content hash of the data as loaded.
            overwrite: remove the run that is here.

        Raises:
            OutputError: when the folder cannot be written.
            RecipeError: when the run here was begun on other data, and ``overwrite`` is off.
        """
        state = self._state()
        if state is not None and overwrite:
            self._clear(state)
        elif state is not None:
            if state.get("data_sha256") != data_sha256:
                raise RecipeError(
                    f"the run in {self.path} began with other data (or they were changed since); "
                    "choose another folder with --out, or replace the run with --overwrite"
                )
            return
        path = str(data.resolve()) if data else ""
        write_atomic(self.recipe_path, recipe.to_toml())
        write_json(self.state_path, {"name": recipe.name, "data": path, "data_sha256": data_sha256})

    def stored(self) -> tuple[Recipe, Path | None]:
        """Recipe and data path of the run in this folder.

        Raises:
            RecipeError: when the folder holds no run, or its recipe is damaged.
        """
        state = self._state()
        if state is None or not self.recipe_path.is_file():
            raise RecipeError(f"{self.path} holds no run that could be resumed")
        recipe = Recipe.loads(self._recipe_text(), name=state["name"])
        return recipe, Path(state["data"]) if state["data"] else None

    def log_read(self, part: str, purpose: str) -> None:
        """Note that a part of the data was opened, so that anyone can see how often.

        Raises:
            OutputError: when the log cannot be written.
        """
        line = {"at": datetime.now(UTC).isoformat(), "part": part, "purpose": purpose}
        try:
            with self.reads_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.reads_path}: {error.strerror}") from None

    def _state(self) -> dict[str, str] | None:
        state = read_json(self.state_path)
        if state is None or not {"name", "data", "data_sha256"} <= state.keys():
            return None
        return {key: str(value) for key, value in state.items()}

    def _recipe_text(self) -> str:
        return self.recipe_path.read_text(encoding="utf-8", errors="replace")

    def _clear(self, state: dict[str, str]) -> None:
        """Remove what a run writes, and nothing else."""
        files = (
            self.state_path,
            self.recipe_path,
            self.certificate_path,
            self.report_path,
            self.reads_path,
            self.bundle_path(state["name"]),
        )
        try:
            if self.candidate("").is_dir():
                shutil.rmtree(self.candidate(""))
            for path in files:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot replace {self.path}: {error.strerror}") from None


def make_writable(folder: Path) -> None:
    """Make a folder, and try it with a file that vanishes.

    Raises:
        OutputError: when files cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"motefit")
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --out"
        ) from None
