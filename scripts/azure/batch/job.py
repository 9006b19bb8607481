"""A job of a batch endpoint: its state, its one step, and where its results are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.waiting import plain
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ENDED = ("Completed", "Failed", "Canceled")


@dataclass(frozen=True, slots=True)
class State:
    """Of a job at one moment.

    Attributes:
        job: Of the job as a whole.
        step: Of the step that scores, which waits for its nodes while the job is running already;
            None before it is there.
    """

    job: str
    step: str | None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.job in ENDED

    @property
    def text(self) -> str:
        """What is going on, in few words."""
        if self.has_ended or self.step in (None, *ENDED):
            return self.job
        if self.step in ("NotStarted", "Queued", "Provisioning", "Starting"):
            return f"{self.step}: waiting for nodes"
        return str(self.step)


class BatchJob:
    """One job.

    Args:
        client: The workspace.
        name: Of the job.

    Raises:
        OperatorError: There is no such job.
    """

    def __init__(self, client: MLClient, name: str) -> None:
        self.name = name
        self._client = client
        try:
            self._job: Any = client.jobs.get(name)
        except ResourceNotFoundError:
            raise OperatorError(
                f"The workspace has no job `{name}`.",
                "See the jobs of an endpoint: az ml batch-endpoint list-jobs -n <endpoint>",
            ) from None

    @property
    def studio_url(self) -> str:
        """Where a browser shows it."""
        return str(self._job.studio_url)

    def state(self) -> State:
        """Ask Azure for its state."""
        self._job = self._client.jobs.get(self.name)
        return State(plain(self._job.status), next((plain(s.status) for s in self.steps()), None))

    def steps(self) -> list[Any]:
        """Its steps: one, called `batchscoring`, once Azure has made it."""
        return list(self._client.jobs.list(parent_job_name=self.name))

    def output(self) -> str | None:
        """Address of the folder with the results; None while there is none.

        The job of a batch endpoint does not tell it, but its step's record in the run history; and
        while that is silent, Azure's usual place for it.
        """
        # Private, and what `az ml job download` does.
        return self._client.jobs._get_batch_job_scoring_output_uri(self.name)
