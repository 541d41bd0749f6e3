"""Why a machine could not be asked, in words that say what to do. Nothing here does anything."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from reconciler.drivers.windows.frame import Failed
from reconciler.drivers.windows.machine import Machine
from reconciler.spelling import shown

SERVICE = "`winrm get winrm/config/service/auth` there shows which transports it takes"
MANAGEMENT = "the user must be in Remote Management Users or Administrators there"
QUOTAS = {2150859173: "shells", 2150859174: "operations", 2150859175: "requests", 2150859179: "users"}
QUOTAS |= {2150859236: "shells", 2150859238: "shells", 2150859237: "users", 2150859240: "operations"}
QUOTAS |= {2150859239: "operations", 2150859176: "requests"}
SHELL_LOST = 2150858843
DENIED = 5  # Windows' own number
FUTILE = ("PermissionDenied", "SecurityError", "AuthenticationError")
NOT_NOW = "ResourceBusy"  # by which a script of ours says that it found another world than it was asked for
# In Windows' English, and by its numbers, which a script may add: what it says is in the machine's language.
LOGON = r"access (to the path .* )?is denied|logon failure|user name or password is incorrect|logon session does not"
LOGON += r"|\(0x8007(0005|0520|052E)\)"
LONGEST = 400


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and everything that it was made of, the outermost first: each library wraps in its own way."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < 50:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def listening(machine: Machine) -> str:
    """What makes a machine answer that does not."""
    return f"run `winrm quickconfig` there, and let port {machine.port} through its firewall"


def no_connection(machine: Machine, error: OSError) -> str:
    """Of a connection that did not come to be, or has ended."""
    at = f"port {machine.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        cure = "name the authority's file as `ca`, or have the certificate made for the name in the address"
        if "expired" in error.verify_message:
            cure = "renew it there"
        return f"its certificate is not trusted: {error.verify_message}; {cure}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS on {at} ({error.reason or 'the handshake broke off'}); is that the port of https?"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens on {at}; {listening(machine)}"
    if isinstance(error, TimeoutError):
        return "no complete answer within the deadline"
    if isinstance(error, socket.gaierror) or "name" in (error.strerror or ""):
        return f"{error.strerror}; is the name in `address` right?"
    return f"the connection was lost ({error.strerror or type(error).__name__})"


def refused_logon(machine: Machine) -> str:
    """HTTP 401."""
    if machine.transport == "kerberos":
        return f"the ticket was refused; see `klist`, and {SERVICE}"
    if machine.transport == "certificate":
        return f"the client's certificate was refused; is it mapped to a user there? {SERVICE}"
    return f"user or password was refused, or the transport '{machine.transport}' is not enabled; {SERVICE}"


def kerberos(text: str) -> str:
    """What the Kerberos library says, and what to do about it."""
    if "skew" in text.lower():
        return "Kerberos refuses: the clocks of this machine and of the domain differ by more than five minutes"
    if re.search("no kerberos credentials|credentials cache|no credentials", text.lower()):
        return "there is no Kerberos ticket; `kinit USER@REALM`, or name a keytab by KRB5_CLIENT_KTNAME"
    return f"Kerberos refuses: {clipped(text)}"


def fault(code: int | None, reason: str) -> str:
    """Of a fault of WS-Management."""
    if code in QUOTAS:
        return (
            f"the quota of {QUOTAS[code]} is used up; it is free again when others end theirs (ours that were left"
            " behind end after a minute), or raise it: `winrm get winrm/config/winrs` there"
        )
    if code == DENIED:
        return f"access is denied; {MANAGEMENT}"
    if code == SHELL_LOST:
        return "its shell is gone: the machine, or its WinRM, was started anew"
    return f"WinRM reports {code}: {clipped(reason)}"


def failed(machine: Machine, script: str, problem: Failed) -> str:
    """What went wrong in one of our scripts."""
    text = clipped(problem.text)
    if problem.refused or problem.category == NOT_NOW:
        return text
    if double_hop(machine, problem.text):
        why = f"transport '{machine.transport}' does not pass the user's logon on to a third machine (double hop)"
        cure = "use credssp, or kerberos with `delegate`, or have the share looked at from this machine"
        return f"{script}: {text}; {why}: {cure}"
    cure = "; the user needs more rights there" if problem.category == "PermissionDenied" else ""
    return f"{script}, line {problem.line}: {text} ({problem.category or 'no category'}){cure}"


def double_hop(machine: Machine, text: str) -> bool:
    """Was a third machine's share refused to a user whose logon ends where the script runs?"""
    share = re.search(r"\\\\[^\\\s]+\\", text)
    return bool(share and not machine.passes_on and re.search(LOGON, text, re.IGNORECASE))


def masked(text: str, password: str) -> str:
    """Windows, or a script, may say it."""
    return text.replace(password, "***") if password else text


def clipped(text: str) -> str:
    """Another machine's words, fit for a message."""
    line = shown(" ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
