"""From a host's name to its addresses, within a time: the name service itself knows none."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading


def addresses(host: str, port: int, patience: float) -> list[str]:
    """In the order in which they should be tried. Raises TimeoutError after `patience` seconds, OSError for a name that
    nobody knows. The name service is asked in a thread that may be left behind."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
        threading.Thread(target=_look_up, args=(host, port, answers), daemon=True, name="name service").start()
    try:
        found = answers.get(timeout=patience)
    except queue.Empty:
        raise TimeoutError("the name service does not answer") from None
    if isinstance(found, OSError):
        raise OSError(found.errno, f"the name is not known: {found.strerror}") from found
    return found


def _look_up(host: str, port: int, answers: queue.SimpleQueue[list[str] | OSError]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(address[4][0]) for address in found)))
    except (OSError, UnicodeError) as error:
        answers.put(error if isinstance(error, OSError) else OSError(0, "no valid name"))
