"""The seam where foreign exceptions end: whatever pywinrm, requests, urllib3, a ticket's or a seal's library raise
becomes Lost, for which another try is worth its while, or Unreachable. What comes before a script runs is never
Refused: a logon, a quota or a certificate says nothing of the version that is started there."""

from __future__ import annotations

import ssl

from reconciler.drivers.windows import told
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import InvalidConfiguration, ReconcilerError, Unreachable

KERBEROS = ("KerberosExchangeError", "MutualAuthenticationError", "GSSError", "KrbError")
CREDSSP = ("AuthenticationException", "NTStatusException")
NO = {
    403: f"HTTP 403: {told.MANAGEMENT}",
    404: "HTTP 404: there is no WinRM; is that its port?",
}


class Lost(Unreachable):
    """`sent`: the script may have run."""

    def __init__(self, text: str, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


def translated(machine: Machine, error: Exception, sent: bool) -> ReconcilerError:
    """`sent`: did the script have all that it needs to run? Then a no is none: it is about a message, not about it. A
    no is not tried again at once: three of them lock an account.

    Any exception is taken: what a hostile answer makes of those libraries is in none of their manuals."""
    if isinstance(error, InvalidConfiguration):  # what proves who we are cannot be read now
        return Unreachable(str(error))
    if isinstance(error, ReconcilerError):
        return error
    no, text = _told(machine, error)
    return Unreachable(f"{machine.host}: {text}") if no and not sent else Lost(f"{machine.host}: {text}", sent)


def gone(error: Exception) -> bool:
    """Is there nothing left to delete?"""
    return getattr(error, "wsman_fault_code", None) == told.SHELL_LOST


def _told(machine: Machine, error: Exception) -> tuple[bool, str]:
    """Is it a definite no? And in words."""
    if isinstance(error, ImportError):
        return (
            True,
            f"{(error.name or 'a library').partition('.')[0]} is not installed; pip install 'slot-reconciler[windows]'",
        )
    return _of_winrm(machine, error) or _of_the_connection(machine, error) or (False, _unknown(error))


def _of_winrm(machine: Machine, error: Exception) -> tuple[bool, str] | None:
    from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError

    if isinstance(error, InvalidCredentialsError):
        return True, told.refused_logon(machine)
    if isinstance(error, WSManFaultError):
        code = error.wsman_fault_code
        return code == told.DENIED, told.fault(code, error.reason)  # a quota is used up for a while only
    if isinstance(error, WinRMTransportError):
        return error.code in NO, NO.get(error.code, f"HTTP {error.code}, and no word of WinRM with it")
    return None


def _of_the_connection(machine: Machine, error: Exception) -> tuple[bool, str] | None:
    from requests import RequestException

    from reconciler.drivers.windows.connections import Nonsense

    for one in told.causes(error):
        if isinstance(one, Nonsense):
            return False, str(one)
        if type(one).__name__ in KERBEROS:
            return "contact any kdc" not in str(one).lower(), told.kerberos(str(one))
        if type(one).__name__ in CREDSSP:
            return True, f"{told.refused_logon(machine)}; `Enable-WSManCredSSP -Role Server` there lets it in"
        if isinstance(one, PermissionError) and one.errno is None:  # requests_ntlm's, when no challenge comes
            return True, told.refused_logon(machine)
        if isinstance(one, OSError) and not isinstance(one, RequestException):  # requests' own are OSErrors, too
            return isinstance(one, ssl.SSLCertVerificationError), told.no_connection(machine, one)
    return None


def _unknown(error: Exception) -> str:
    return f"no usable answer ({type(error).__name__})"
