"""What one command is about for one job, and what Zuora's records may hold after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi_zuora_backfill.testing import Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest

from .declared import Declared, Entry
from .excuses import RUNNING, excused
from .oracle import Oracle, Start


@dataclass(frozen=True, kw_only=True)
class Step:
    """
    What a command is about for one job.

    Attributes:
        entry: What the state held before.
        start: What the user asks for with it, if anything.
        may_stop: The job that it may stop, if any.
        reads: Whether it may look at jobs.
    """

    entry: Entry | None
    start: Start | None = None
    may_stop: str | None = None
    reads: bool = False

    @property
    def predecessor(self) -> str | None:
        """The job that is to be replaced."""
        return self.entry.job if self.entry else None

    def wants(self, got: Entry | None) -> bool:
        """Tell whether the user still waits for a job, now that this is in state."""
        return self.start is not None and (
            got is None or got.pending or got.job is None or got.job == self.predecessor
        )


class Watch:
    """Shows the oracle what each command has sent, and judges what came of it."""

    def __init__(self, zuora: Sandbox, oracle: Oracle) -> None:
        """Watch a tenant."""
        self._zuora = zuora
        self._oracle = oracle

    def sent(self, steps: Mapping[str, Step]) -> None:
        """Judge what a command has sent: a track id tells whose a new job is, then its key does."""
        for request in self._requests(Operation.CREATE):
            before = self._zuora.requests[: self._zuora.requests.index(request)]
            label = request.headers["Zuora-Track-Id"]
            assert label in steps, f"a job is asked for outside of the targets: {request}"
            self._oracle.requests([request], steps[label].start, None, before)
        self._oracle.look()
        reading = {label for label, step in steps.items() if step.reads}
        for request in self._requests(Operation.STOP, Operation.GET):
            whose = self._whose(request, steps)
            assert whose in reading or (whose is None and reading), (
                f"looks at a foreign job: {request}"
            )
            self._oracle.requests([request], None, steps[whose].may_stop if whose else None)
        assert reading or not self._zuora.requests, f"it sends something: {self._zuora.requests}"

    def settled(self, declared: Declared, step: Step, got: Entry | None, error: str | None) -> bool:
        """Judge what became of a job that the user asked for, and tell whether it is there."""
        if got is None or step.wants(got):
            assert error is not None, (
                f"I2: {declared.label} was asked for, and an up without an error did not bring it"
            )
            assert got is None or got.job in (None, step.predecessor)
            if got is not None and got.job is None:
                known = step.entry.outputs.get("attempt") if step.entry else None
                if step.start is not None and got.outputs["attempt"] != known:
                    self._oracle.recorded(step.start, self._sent_for(declared.label, step))
            elif step.entry is not None and got is not None:
                assert got.pending or not step.entry.pending, "I3: gets its predecessor's job"
            return False
        assert step.start is not None
        self._oracle.created(
            got.outputs,
            step.start.resource,
            step.predecessor,
            None,
            self._sent_for(declared.label, step),
        )
        if step.entry is None or step.entry.job is not None:
            assert got.outputs["jobId"] == got.id
        assert got.urn == declared.urn
        left = [
            job for job in self._zuora.jobs if job.id == step.predecessor and job.status in RUNNING
        ]
        assert not left, "I1: a job is started beside its predecessor, which still runs"
        self._oracle.got(step.start.resource, step.start.intent, got.outputs["jobId"])
        return True

    def ensure_excused(
        self, declared: Mapping[str, Declared], missing: Mapping[str, Step], error: str
    ) -> None:
        """See that Zuora's records excuse a command that fails in spite of all."""
        assert missing, f"I2: it fails although everybody got what was asked for: {error}"
        excuses = {
            label: excused(
                error,
                self._zuora,
                self._oracle,
                step.start,
                step.predecessor,
                [each for other, each in declared.items() if other != label],
            )
            for label, step in missing.items()
            if step.start
        }
        assert any(excuses.values()), f"I2: refused although nothing stands against it: {error}"
        for label, has_one in excuses.items():
            # A run that ends for one job's sake may keep another one from being asked for.
            assert has_one or not self._sent_for(label, missing[label]), (
                f"I2: {label} is refused for no reason: {error}"
            )

    def _requests(self, *operations: Operation) -> list[RecordedRequest]:
        return [request for request in self._zuora.requests if request.operation in operations]

    def _whose(self, request: RecordedRequest, steps: Mapping[str, Step]) -> str | None:
        job_id = request.path.rsplit("/", 1)[1]
        return next(
            (label for label, step in steps.items() if step.predecessor == job_id),
            (self._oracle.asker(job_id) or (0, None))[1],
        )

    def _sent_for(self, label: str, step: Step) -> list[RecordedRequest]:
        """Return the requests that start or stop jobs of one label."""
        return [
            *(r for r in self._requests(Operation.CREATE) if r.headers["Zuora-Track-Id"] == label),
            *(r for r in self._requests(Operation.STOP) if self._whose(r, {label: step}) == label),
        ]
