"""Every fault that the sandbox knows, with what can be said about it, for random histories."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pulumi_zuora_backfill.testing import Fault, Operation

MINUTE_S, HOUR_S = 60.0, 3600.0

operations = st.sampled_from((Operation.CREATE, Operation.CREATE, Operation.CREATE, *Operation))
_later = st.one_of(st.none(), st.sampled_from((1, 20, 110)))
_codes = st.sampled_from(
    ("58730010", "58730030", "58730050", "58730060", "58730061", "58730099", "SystemError")
)
_faults: dict[Fault, st.SearchStrategy[dict[str, Any]]] = {
    **{fault: st.just({}) for fault in Fault},
    Fault.CONNECTION_DROPPED_AFTER: st.fixed_dictionaries({"then_done_after_s": _later}),
    Fault.IN_FLIGHT_409: st.fixed_dictionaries({"then_done_after_s": _later}),
    Fault.RATE_LIMITED_429: st.fixed_dictionaries(
        {"retry_after_s": st.sampled_from((None, 1, 45, 1000))}
    ),
    Fault.SAVED_FAILURE: st.fixed_dictionaries(
        {"code": _codes, "status": st.sampled_from((None, 400, 500))}
    ),
    Fault.UNSAVED_FAILURE: st.fixed_dictionaries(
        {"code": _codes, "status": st.sampled_from((None, 400, 500, 503))}
    ),
    Fault.GATEWAY_504: st.one_of(
        st.fixed_dictionaries({"then_done_after_s": _later}), st.just({"job_is_made": False})
    ),
    Fault.SUCCESS_FALSE: st.fixed_dictionaries({"code": _codes, "saved": st.booleans()}),
    Fault.MAINTENANCE_PAGE: st.fixed_dictionaries({"status": st.sampled_from((400, 403, 503))}),
    Fault.SLOW: st.just({"seconds": 0.0}),
}
# These take real time. An answer that never comes is a `silent` request of the process.
_SLOW = (Fault.HANG, Fault.TRICKLE)
_often = (
    Fault.SAVED_FAILURE,
    Fault.SAVED_FAILURE,
    Fault.CONNECTION_DROPPED_AFTER,
    Fault.CONNECTION_DROPPED_AFTER,
    Fault.MAINTENANCE_PAGE,
)
faults = st.sampled_from((*_often, *(fault for fault in Fault if fault not in _SLOW))).flatmap(
    lambda fault: st.tuples(st.just(fault), _faults[fault])
)
