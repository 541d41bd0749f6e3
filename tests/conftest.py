"""For every test: what it has to tell is told at the end, whichever process ran it; and Ctrl-C is heard by children."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # `nohup`, a background job: our children must hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOLD = "told"


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A figure worth a line in the closing account, also of a test that passes."""
    return lambda text: request.node.user_properties.append((TOLD, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for text in [text for report in reports for name, text in report.user_properties if name == TOLD]:
        terminalreporter.write_line(text)
