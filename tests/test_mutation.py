"""How `make mutation` judges a run.

By what a mutant changes, and by a list in which every survivor has a reason.
"""

from __future__ import annotations

import pytest

from .mutation.accepted import ACCEPTED
from .mutation.mutants import STRICT, Fate, Mutant, change_of, fates, judge

RESULTS = """
    pulumi_zuora_backfill.zuora.retries.xǁPatienceǁlearn__mutmut_12: killed
    pulumi_zuora_backfill.zuora.retries.xǁPatienceǁlearn__mutmut_13: survived
    pulumi_zuora_backfill.contract.submission.x__refused__mutmut_1: timeout
    pulumi_zuora_backfill.contract.submission.xǁSubmissionǁsubmit__mutmut_7: no tests
"""
DIFF = """
# pulumi_zuora_backfill.zuora.retries.xǁPatienceǁlearn__mutmut_13: survived
--- pulumi_zuora_backfill/zuora/retries.py
+++ pulumi_zuora_backfill/zuora/retries.py
@@ -1,3 +1,3 @@
     def learn(self):
-        self._faults += 1
+        self._faults -= 1
"""
CHANGE = "- self._faults += 1\n+ self._faults -= 1"
LEARN = Mutant(module="retries", function="Patience.learn", change=CHANGE)
SUBMIT = Mutant(module="submission", function="Submission.submit", change=CHANGE)


def test_what_mutmut_prints_is_read() -> None:
    """Module, function and fate of a mutant are in its line, what it changes is in its diff."""
    assert [(fate.module, fate.function, fate.survived) for fate in fates(RESULTS)] == [
        ("retries", "Patience.learn", False),
        ("retries", "Patience.learn", True),
        ("submission", "_refused", False),
        ("submission", "Submission.submit", True),
    ]
    assert change_of(DIFF) == CHANGE


def test_a_survivor_has_to_be_accepted_and_a_strict_module_s_cannot_be() -> None:
    """What no test reaches has survived as well; the table counts by module."""
    verdict = judge(fates(RESULTS), [LEARN, SUBMIT], lambda _: DIFF)

    assert (verdict.good, verdict.unexplained, verdict.outdated) == (
        False,
        ((SUBMIT, "no tests"),),
        (),
    )
    assert [line.split() for line in verdict.table.splitlines()] == [
        ["module", "mutants", "killed", "by", "timeout", "survived"],
        ["retries", "2", "1", "0", "1"],
        ["submission", "2", "1", "1", "1"],
        ["all", "4", "2", "1", "2"],
    ]


@pytest.mark.parametrize(("status", "outdated"), [("survived", ()), ("killed", (LEARN,))])
def test_the_list_holds_nothing_but_survivors(status: str, outdated: tuple[Mutant, ...]) -> None:
    """A row whose mutant is killed, or was never made, is to be taken away."""
    found = [
        Fate(name="pulumi_zuora_backfill.zuora.retries.xǁPatienceǁlearn__mutmut_1", status=status)
    ]
    verdict = judge(found, [LEARN], lambda _: DIFF)

    assert (verdict.good, verdict.unexplained, verdict.outdated) == (not outdated, (), outdated)


def test_every_accepted_mutant_has_a_reason_and_none_is_the_submission_s() -> None:
    """The list is short, and says why for each."""
    assert all(reason.endswith(".") for reason in ACCEPTED.values())
    assert {mutant.module for mutant in ACCEPTED}.isdisjoint(STRICT)
