"""Runs all checks over what the attacker function saw; knows none of them by heart and decides nothing itself."""

from collections.abc import Callable

from security_tests.checks import engine_socket, host_processes, mounts, network, privilege
from security_tests.checks.observed import NotObservedError, Observed
from security_tests.finding import Finding, Result, Status

Check = Callable[[Observed], list[Finding]]

CHECKS: dict[str, Check] = {
    "engine socket": engine_socket.judge,
    "host processes": host_processes.judge,
    "network": network.judge,
    "privilege": privilege.judge,
    "mounts": mounts.judge,
}


def judge(observed: Observed) -> list[Result]:
    """Give each check's result; what cannot be judged is unknown, never ok."""
    return [Result(name, tuple(_run(check, observed))) for name, check in CHECKS.items()]


def _run(check: Check, observed: Observed) -> list[Finding]:
    try:
        return check(observed)
    except NotObservedError as error:
        return [Finding("", Status.UNKNOWN, str(error))]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return [Finding("", Status.UNKNOWN, f"the answer cannot be read: {type(error).__name__}: {error}")]
