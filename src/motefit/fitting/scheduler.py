"""Scheduling: candidates go to an engine, small networks of equal shape as one job."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from motefit.fitting.jobs import (
    HISTORY,
    CandidateJob,
    TrainedFile,
    TrainJob,
    diverged,
    load_outcome,
    outcome_of,
    rung_facts,
    training_folder,
    untrained,
)
from motefit.fitting.remote_files import run_in_folders
from motefit.search.engines import Engine, WorkerLost
from motefit.search.progress import InTraining, Listener
from motefit.search.space import Candidate
from motefit.spec.codec import dumps_json
from motefit.spec.errors import ModelFileError
from motefit.tasks import ProblemOf


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Reason that a candidate failed.

    Attributes:
        status: whether the loss diverged, or the workers died.
        reason: explanation for people.
    """

    status: Literal["diverged", "lost"]
    reason: str


class Scheduler:
    """Trains and finishes the candidates of a run.

    Args:
        problem_of: returns the input and output shapes of a recipe's network.
        engine: engine that runs the jobs.
        folder: folder of the run.
        data: folder or file of the data; None for the synthetic default.
        device: torch device.
        listener: receives progress.
    """

    def __init__(
        self,
        *,
        problem_of: ProblemOf,
        engine: Engine,
        folder: Path,
        data: Path | None,
        device: str,
        listener: Listener,
    ) -> None:
        self._problem_of, self._engine = problem_of, engine
        self._folder, self._data, self._device = folder, data, device
        self._listener = listener

    def train(
        self, candidates: Sequence[Candidate], share: float
    ) -> Mapping[str, Mapping[str, float] | Failure]:
        """Train candidates up to a share of their epochs.

        Returns:
            Facts of the file a candidate would make, or why it failed, by key.

        Raises:
            MotefitError: for anything the user can fix, e.g. a full disk.
        """
        epochs = {c.key: epochs_of(c, share) for c in candidates}
        jobs = [
            self._job([CandidateJob.of(c) for c in together], epochs[together[0].key])
            for together in self._together(candidates)
        ]
        lost = self._run(jobs, candidates, epochs, f"up to {share:.0%} of the epochs")
        results: dict[str, Mapping[str, float] | Failure] = {}
        for candidate in candidates:
            key = candidate.key
            reason = diverged(self._folder, candidate.training_key)
            facts = rung_facts(self._folder, key, epochs[key])
            if reason is not None:
                results[key] = Failure(status="diverged", reason=reason)
            elif key in lost:
                results[key] = Failure(status="lost", reason=lost[key])
            elif facts is not None:
                results[key] = facts
            else:
                raise ModelFileError(f"{self._folder} lost files of {key}; run again to continue")
        return results

    def finish(self, candidates: Sequence[Candidate]) -> Mapping[str, TrainedFile]:
        """Make the files of candidates, trained to the end, with all steps of their recipes.

        Raises:
            MotefitError: for anything the user can fix; also if a training diverges.
        """
        have = {c.key: outcome_of(self._folder, c.key) for c in candidates}
        open_ones = [c for c in candidates if have[c.key] is None]
        jobs = [self._job([CandidateJob.of(c)], None) for c in open_ones]
        epochs = {c.key: c.recipe.train.epochs for c in open_ones}
        lost = self._run(jobs, open_ones, epochs, "the finalists' files")
        for reason in lost.values():
            raise WorkerLost(reason)
        return {key: found or load_outcome(self._folder, key) for key, found in have.items()}

    def _job(self, works: Sequence[CandidateJob], epochs: int | None) -> TrainJob:
        return TrainJob(
            works=tuple(works),
            epochs=epochs,
            data=self._data,
            folder=self._folder,
            device=self._device,
        )

    def _run(
        self,
        jobs: Sequence[TrainJob],
        candidates: Iterable[Candidate],
        epochs: Mapping[str, int],
        stage: str,
    ) -> Mapping[str, str]:
        """Run unfinished jobs; return why candidates were lost, by key."""
        open_jobs = [job for job in jobs if not job.done]
        if not open_jobs:
            return {}
        wanted = {work.key for job in open_jobs for work in job.works}
        trainings = {c.training_key: c for c in candidates if c.key in wanted}
        self._listener.training(
            stage,
            [
                InTraining(
                    title=c.title,
                    history=training_folder(self._folder, key) / HISTORY,
                    epochs=epochs[c.key],
                )
                for key, c in trainings.items()
            ],
        )
        lost: dict[str, str] = {}
        for ended in run_in_folders(self._engine, _work, open_jobs, poll=self._listener.tick):
            if isinstance(ended.error, WorkerLost):
                keys = [work.key for work in open_jobs[ended.index].works]
                lost |= dict.fromkeys(keys, str(ended.error))
            elif ended.error is not None:
                raise ended.error
        self._listener.trained()
        return lost

    def _together(self, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
        """Group candidates into jobs: by training, and small networks of equal shape together."""
        trainings: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            trainings.setdefault(candidate.training_key, []).append(candidate)
        if len(trainings) == 1:
            return list(trainings.values())
        stacks: dict[str, list[list[Candidate]]] = {}
        for key, forms in trainings.items():
            stacks.setdefault(self._stack_key(forms[0]) or key, []).append(forms)
        jobs: list[list[Candidate]] = []
        for alike in stacks.values():
            size = alike[0][0].recipe.search.stack
            jobs += [list(chain(*alike[at : at + size])) for at in range(0, len(alike), size)]
        return jobs

    def _stack_key(self, candidate: Candidate) -> str:
        """Return a key that is equal for candidates that may train as one; empty: trains alone."""
        recipe = candidate.recipe
        if recipe.search.stack == 1 or self._device != "cpu":
            return ""
        graph = untrained(recipe, candidate.seed, self._problem_of(recipe))
        # Imported here because it imports torch, which takes a second.
        from motefit.train.stacked.train import stack_key, worth_stacking  # noqa: PLC0415 - see above

        if not worth_stacking(graph, recipe.train):
            return ""
        return dumps_json([recipe.data, recipe.frontend, stack_key(graph, recipe.train)])


def _work(job: TrainJob) -> None:
    # Imported here because it imports torch, and only workers train.
    from motefit.fitting.worker import run_job  # noqa: PLC0415 - see above

    run_job(job)


def epochs_of(candidate: Candidate, share: float) -> int:
    """Compute a share of a candidate's epochs, at least one."""
    return max(1, round(share * candidate.recipe.train.epochs))
