"""A message on its way: the only importer of apprise, and the one place where its failures become ours.

Nothing that apprise says is passed on as it stands, because it may name an address that is a secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.drivers.patience import Patience
from reconciler.errors import InvalidConfiguration, ReconcilerError, Refused

if TYPE_CHECKING:
    from apprise import Apprise, NotifyBase

DEADLINE = 30.0  # seconds for one message; then whoever sends it is left behind
DESKTOP = frozenset(("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "windows"))
FORM = "see the list of services in apprise's manual for its form"
STATUS = re.compile(r"\berror[=:] ?([1-5][0-9]{2})\b")
LEVELS = {
    Kind.APPROVAL: "warning",
    Kind.ROLLED_BACK: "failure",
    Kind.STALLED: "failure",
    Kind.DRIFTED: "warning",
    Kind.SUCCEEDED: "success",
}  # apprise's words: colours and signs of a recipient


class Sender:
    """To one recipient; used by one thread at a time."""

    def __init__(self, recipient: Recipient, deadline: float = DEADLINE) -> None:
        self._recipient, self._deadline, self._patience = recipient, deadline, Patience()

    def send(self, title: str, body: str, kind: Kind) -> None:
        """Raises ReconcilerError, without any secret in it, when it was not delivered, or nobody knows."""
        self._patience.ask(_told(lambda: _notify(self._recipient.address(), title, body, kind)), self._deadline)


def problem(recipient: Recipient) -> str:
    """Why the address that stands in the operator's file itself cannot be used; empty when it can, or lies elsewhere
    and may come later."""
    if recipient.url is None:
        return ""
    try:
        _service(recipient.url)
    except InvalidConfiguration as error:
        return str(error)
    return ""


def _told(call: Callable[[], None]) -> Callable[[], None]:
    """A plugin's own exception may hold the address in its text: only its type is told."""

    def told() -> None:
        try:
            call()
        except ReconcilerError:
            raise
        except Exception as error:
            raise Refused(f"it was not delivered: {type(error).__name__}") from None

    return told


def _notify(url: str, title: str, body: str, kind: Kind) -> None:
    from apprise import NotifyFormat, NotifyType

    service = _service(url)
    apprise = _apprise()
    apprise.add(service)
    with apprise.notify(body, title, NotifyType(LEVELS[kind]), body_format=NotifyFormat.TEXT) as result:
        if not result:
            said = " ".join(entry.message for entry in result.logs())  # to its end: apprise holds a lock until then
            status = _status(said)
            raise Refused(f"the other side answered with status {status}" if status else "it was not delivered")


def _status(said: str) -> str:
    found = STATUS.search(said)
    return found[1] if found else ""


def _apprise() -> Apprise:
    """In the thread that asks: apprise's own pool would be waited for at the end of the process. Without a memory on
    disk, keys that it makes, and plugins from outside. What it logs is for nobody's eyes."""
    from apprise import Apprise, AppriseAsset

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    asset = AppriseAsset(
        app_id="reconcile", app_desc="slot reconciler", app_url="", storage_mode="memory", async_mode=False,
        service_timeout=0, result_log_disk_size=0, pgp_autogen=False, pem_autogen=False, interpret_escapes=False,
    )  # fmt: skip
    return Apprise(asset=asset)


def _service(url: str) -> NotifyBase:
    """Raises InvalidConfiguration, which does not tell the address."""
    apprise = _apprise()
    scheme = url.partition(":")[0].strip().lower()
    if scheme in DESKTOP:
        raise InvalidConfiguration(f"'{scheme}' shows messages on a desktop; name a service that reaches a person")
    found = apprise.instantiate(url, asset=apprise.asset)
    if found is None:
        raise InvalidConfiguration(f"the url is none that apprise understands; {FORM}")
    return found
