"""What Windows answers by number to a start or to a stop, in words, and whether that says anything of the version.

The numbers are those of its class Win32_Service, and of Win32_Process for an end by force.
"""

from __future__ import annotations

from reconciler.errors import ReconcilerError, Refused, Unreachable

STARTS = {
    2: "the user has no right to",
    7: "it did not answer Windows in time: its program is no service, or ended at once; see the event log System there",
    8: "an unknown failure; see the event log System there",
    9: "its program was not found",
    11: "Windows' list of services is locked",
    13: "a service that it depends on is missing",
    15: "its account may not log on as a service; grant that right there (secpol.msc, or a group policy)",
    16: "it is marked for deletion; close whatever shows it, such as services.msc",
    17: "Windows has no thread left for it",
    21: "Windows does not take its command line, or its account",
    22: "its account is not valid there, or has no right to log on; a managed one must be installed there",
}
STOPS = {
    3: "services that depend on it run",
    5: "it cannot take that now",
    7: "it did not answer Windows in time",
    8: "an unknown failure",
}
# A good version meets these too: the first start of a new program takes long on a busy machine, or one whose virus
# scanner reads it; after a reboot the domain may not be there yet. Whoever tries again finds out.
PASSING = (7, 8, 11, 13, 15, 17)


def not_started(what: str, code: int) -> ReconcilerError:
    text = f"{what}: {STARTS.get(code, 'Windows refuses')} ({code})"
    return Unreachable(text) if code in PASSING else Refused(text)


def not_stopped(code: int) -> str:
    return f"to the last stop Windows answered: {STOPS.get(code, 'it cannot be done')} ({code})"
