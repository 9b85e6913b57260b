"""Folder of a run: where everything is stored, and what a later process may continue.

::

    RUN/recipe.toml        the recipe as given
    RUN/run.json           its name, the data's path and content hash
    RUN/study.db           the trials of the study, unless they are in a storage elsewhere
    RUN/rounds/<n>.json    proposals and their screening
    RUN/trainings/, RUN/candidates/   see motefit.fitting.jobs
    RUN/reads.jsonl        which subset of the data was opened when, and why
    RUN/measured.json      measurements of the chosen files on the test set
    RUN/<recipe>.zip       the bundle: model.tflite and card.json
    RUN/certificate.json   the verdict
    RUN/report.html        the report for people

A recipe with further budgets has a bundle for each, ``<recipe>-<budget>.zip``, with its verdict and
report under that name. A form with its front end inside the model, if requested, has the plain
form's name plus ``.in-graph``.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from motefit.search.urls import HIDDEN, without_password
from motefit.spec.codec import dumps_toml, flatten
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.files import (
    DamagedFileError,
    is_file_name,
    read_sealed,
    require_writable,
    write_atomic,
    write_sealed,
)
from motefit.spec.recipe import Recipe

WORK = ("trainings", "candidates", "rounds")
"""Folders of a run that its workers and study write."""
AGAIN = "; again, since the results were lost in an interruption or by damage"
"""Suffix of a log line about a test set that is opened again for the same purpose."""
IN_GRAPH = ".in-graph"
"""Suffix of the name of a form with its front end inside."""
MOST_NAMED = 3
"""Keys that an error names where two recipes differ."""


class RunDir:
    """Paths and state of one run.

    Args:
        path: path of the folder; created by :meth:`claim`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe_path(self) -> Path:
        """Path of the recipe as given."""
        return self.path / "recipe.toml"

    @property
    def state_path(self) -> Path:
        """Path of the other inputs of the run."""
        return self.path / "run.json"

    def certificate_path(self, name: str) -> Path:
        """Return the path of the verdict on the bundle of that name."""
        return self.path / f"{self._prefix(name)}certificate.json"

    def report_path(self, name: str) -> Path:
        """Return the path of the report on the bundle of that name."""
        return self.path / f"{self._prefix(name)}report.html"

    def _prefix(self, name: str) -> str:
        """Return the prefix of a bundle's files; empty for the recipe's own bundle."""
        state = self._state()
        return "" if state is None or state["name"] == name else f"{name}."

    @property
    def reads_path(self) -> Path:
        """Path of the log of opened subsets."""
        return self.path / "reads.jsonl"

    @property
    def measured_path(self) -> Path:
        """Path of the measurements on the test set; written as soon as they are known."""
        return self.path / "measured.json"

    def bundle_path(self, name: str) -> Path:
        """Return the path of the bundle of that name."""
        return self.path / f"{name}.zip"

    @property
    def started(self) -> bool:
        """Whether a run was started here, so that it can be resumed."""
        return self._state() is not None and self.recipe_path.is_file()

    def claim(self, recipe: Recipe, *, overwrite: bool) -> None:
        """Check that a run of this recipe can use this folder, before anything takes time.

        Nothing is created or changed.

        Raises:
            OutputError: if the folder cannot be written.
            RecipeError: if it contains other files, or another recipe's run and ``overwrite`` is
                off.
        """
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file; choose another folder for the run (--out)")
        require_writable(self.path)
        if not self.started:
            if self.path.exists() and any(self.path.iterdir()):
                raise RecipeError(
                    f"{self.path} has other files; choose a new folder for the run (--out)"
                )
        elif not overwrite and self._recipe_text() != recipe.to_toml():
            raise RecipeError(
                f"{self.path} has a run of another recipe{self._differences(recipe)}; choose "
                "another folder for the new run (--out), or replace the stored one (--overwrite)"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working on this run inside the block.

        Raises:
            OutputError: if another process is working on it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise OutputError(
                f"another process is working in {self.path}; wait for it, or choose another folder "
                "for the run (--out)"
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def start(
        self,
        recipe: Recipe,
        data: Path | None,
        *,
        data_sha256: str,
        storage: str = "",
        sound: bool = True,
        overwrite: bool,
    ) -> None:
        """Start a run here, or continue the same run.

        Args:
            recipe: recipe as given to :meth:`claim`.
            data: path of the data; None for synthetic data.
            data_sha256: content hash of the data as loaded.
            storage: URL of the study's storage; empty for a file in this folder.
            sound: whether the report may contain the sound of clips; a continued run also needs to
                have been started with it.
            overwrite: whether to remove an existing run.

        Raises:
            OutputError: if the folder cannot be written.
            RecipeError: if the existing run was started on other data, and ``overwrite`` is off.
        """
        state = self._state()
        if state is not None and overwrite:
            self._clear(state)
        elif state is not None:
            if state.get("data_sha256") != data_sha256:
                raise RecipeError(
                    f"the run in {self.path} was started with other data (or they have changed); "
                    "choose another folder for it (--out), or replace the run (--overwrite)"
                )
            return
        path = str(data.resolve()) if data else ""
        write_atomic(self.recipe_path, recipe.to_toml())
        state = {
            "name": recipe.name,
            "data": path,
            "data_sha256": data_sha256,
            "recipe_sha256": _digest(recipe.to_toml()),
            "study": f"{recipe.name}-{secrets.token_hex(4)}",
            "storage": without_password(storage),
            **({} if sound else {"sound": "left out"}),
        }
        write_sealed(self.state_path, state)

    def study(self, storage: str) -> tuple[str, str]:
        """Return the URL of the storage and the name of the study of the run in this folder.

        Args:
            storage: URL given to this process; empty: the one given when the run was started.

        Raises:
            RecipeError: if the storage needs a password, which is not stored.
        """
        state = self._state() or {}
        url = storage or state.get("storage", "")
        if HIDDEN in url:
            raise RecipeError(
                f"the study of {self.path} is in {url}: give the storage again (--storage)"
            )
        return url or f"sqlite:///{(self.path / 'study.db').resolve()}", state.get("study", "")

    @property
    def sound(self) -> bool:
        """Whether the run was started with sound in its report."""
        return "sound" not in (self._state() or {})

    def stored(self) -> tuple[Recipe, Path | None]:
        """Read the recipe and data path of the run in this folder.

        Raises:
            RecipeError: if the folder has no run, or its recipe is damaged.
        """
        state = self._state()
        if state is None or not self.recipe_path.is_file():
            raise RecipeError(f"{self.path} has no run to resume")
        text = self._recipe_text()
        if state.get("recipe_sha256", _digest(text)) != _digest(text):
            raise RecipeError(
                f"{self.recipe_path} is damaged or was changed: the run was started with another "
                "recipe; restore it, or start another run with --out"
            )
        recipe = Recipe.loads(text, name=state["name"])
        return recipe, Path(state["data"]) if state["data"] else None

    def log_read(self, subset: str, purpose: str) -> None:
        """Log that a subset of the data was opened, so that anyone can see how often.

        If the test set was opened for the same purpose before, and the results were lost, the line
        says so.

        Raises:
            OutputError: if the log cannot be written.
        """
        if subset == "test" and self._was_read(subset, purpose):
            purpose += AGAIN
        line = {"at": datetime.now(UTC).isoformat(), "part": subset, "purpose": purpose}
        try:
            with self.reads_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self.reads_path}: {error.strerror}") from None

    def _was_read(self, subset: str, purpose: str) -> bool:
        with suppress(OSError):
            for text in self.reads_path.read_text("utf-8", errors="replace").splitlines():
                with suppress(ValueError, TypeError, KeyError, RecursionError):
                    line = json.loads(text)
                    if line["part"] == subset and line["purpose"].removesuffix(AGAIN) == purpose:
                        return True
        return False

    def clear_checkpoints(self) -> None:
        """Remove files that only an unfinished run needs."""
        for checkpoint in self.path.glob("trainings/*/*.checkpoint"):
            checkpoint.unlink(missing_ok=True)

    def _state(self) -> dict[str, str] | None:
        try:
            state = read_sealed(self.state_path)
        except DamagedFileError:
            return None
        if state is None or not {"name", "data", "data_sha256"} <= state.keys():
            return None
        if not is_file_name(str(state["name"])):  # no run of motefit has such a name
            return None
        return {key: str(value) for key, value in state.items()}

    def _differences(self, recipe: Recipe) -> str:
        """Name keys whose values differ between a given recipe and the stored one."""
        try:
            stored = Recipe.loads(self._recipe_text(), name=recipe.name)
        except RecipeError:
            return ", which is damaged or was written by another version of motefit"
        ours, theirs = (flatten(r.to_table(), where=r.name) for r in (recipe, stored))
        changed = [k for k in {**ours, **theirs} if ours.get(k) != theirs.get(k)]
        if not changed:
            return ", whose file was edited or written by another version of motefit"
        named = [
            f"{key}: given {_shown(ours, key)}, stored {_shown(theirs, key)}"
            for key in changed[:MOST_NAMED]
        ]
        named += [f"and {len(changed) - MOST_NAMED} more"] if len(changed) > MOST_NAMED else []
        return f" ({'; '.join(named)})"

    def _recipe_text(self) -> str:
        return self.recipe_path.read_text(encoding="utf-8", errors="replace")

    def _clear(self, state: dict[str, str]) -> None:
        """Remove the files of a run, and nothing else."""
        names: Iterable[str] = [state["name"]]
        with suppress(RecipeError):  # damaged, or of another version: removes its own bundle
            names = Recipe.loads(self._recipe_text(), name=state["name"]).all_budgets
        files = [self.path / "study.db", self.reads_path, self.measured_path]
        own = filter(is_file_name, names)
        for name in (f"{name}{form}" for name in own for form in ("", IN_GRAPH)):
            files += [self.certificate_path(name), self.report_path(name), self.bundle_path(name)]
        files += [self.recipe_path, self.state_path]
        try:
            for folder in WORK:
                if (self.path / folder).is_dir():
                    shutil.rmtree(self.path / folder)
            for path in files:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot replace {self.path}: {error.strerror}") from None


def _shown(table: Mapping[str, object], key: str) -> str:
    """Return a value as in TOML, cut after 40 characters."""
    if key not in table:
        return "unset"
    text = dumps_toml({"": table[key]}).partition("=")[2].strip()
    return text if len(text) <= 40 else f"{text[:37]}..."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
