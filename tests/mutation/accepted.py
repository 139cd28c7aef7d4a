"""
The mutants that may survive, each with the reason why no test kills it.

A row stands for every mutant of a function with this change. There is none for `submission`, and
`make mutation` would not accept one.
"""

from __future__ import annotations

from .mutants import Mutant

_A_FLAG = "It is only asked whether it is true."

ACCEPTED: dict[Mutant, str] = {
    Mutant(
        module="patience",
        function="Patience.pause_s",
        change="- backoff_s = min(_MAX_BACKOFF_S, 2.0 ** min(state.attempt_number - 1, 6))\n"
        "+ backoff_s = min(_MAX_BACKOFF_S, 2.0 ** min(state.attempt_number - 1, 7))",
    ): "Two to the power of six is cut to 60 s as well; the inner limit only keeps it a number.",
    Mutant(
        module="retries",
        function="Transport._ask",
        change="- patience.over = False\n+ patience.over = None",
    ): _A_FLAG,
    Mutant(
        module="patience",
        function="Patience.__init__",
        change="- self.over = False\n+ self.over = None",
    ): _A_FLAG,
    Mutant(
        module="patience",
        function="Patience.__init__",
        change='- self._last_id: str | None = None\n+ self._last_id: str | None = ""',
    ): "It is compared with ids of answers, and none of them is empty.",
}
