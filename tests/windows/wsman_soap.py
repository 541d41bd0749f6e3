"""WS-Management's envelopes as Windows reads and writes them: the other side of what pywinrm speaks."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CMD = f"{SHELL}/cmd"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": TRANSFER,
    "rsp": SHELL,
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
}
ENVELOPE = 153_600  # bytes; what pywinrm says it takes, and what an old WinRM takes

# Windows' own numbers.
ACCESS_DENIED = 5
PIPE_GONE = 232
OPERATION_ABORTED = 995
BAD_XML = 2150858817
NO_RESOURCE = 2150858752
BAD_ACTION = 2150858753
TIMED_OUT = 2150858793
TOO_FEW_SELECTORS = 2150858842
NO_SHELL = 2150858843
TOO_MANY_SHELLS = 2150859173
TOO_MANY_OPERATIONS = 2150859174


class Fault(Exception):
    """A no of WS-Management: its number, and Windows' own words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Message:
    id: str
    action: str  # the last word of its URI: Create, Command, ...
    shell: str  # of its selectors; empty when there is none
    seconds: float  # its OperationTimeout
    options: dict[str, str]
    body: ElementTree.Element


def read(text: bytes) -> Message:
    """Raises Fault."""
    try:
        envelope = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise Fault(BAD_XML, "The SOAP XML in the message does not match the corresponding XML schema.") from None
    header, body = envelope.find("s:Header", NAMES), envelope.find("s:Body", NAMES)
    if header is None or body is None:
        raise Fault(BAD_XML, "The SOAP XML in the message does not match the corresponding XML schema.")
    if header.findtext("w:ResourceURI", "", NAMES) != CMD:
        raise Fault(NO_RESOURCE, "The service cannot find the resource identified by the resource URI and selectors.")
    base, _, action = header.findtext("a:Action", "", NAMES).rpartition("/")
    if base != (TRANSFER if action in ("Create", "Delete") else SHELL):
        raise Fault(BAD_ACTION, "The WS-Addressing action URI is invalid.")
    selectors = header.findall("w:SelectorSet/w:Selector", NAMES)
    duration = re.fullmatch(r"PT([0-9.]+)S", header.findtext("w:OperationTimeout", "PT60S", NAMES))
    return Message(
        header.findtext("a:MessageID", "", NAMES),
        action,
        next((one.text or "" for one in selectors if one.get("Name") == "ShellId"), ""),
        float(duration[1]) if duration else 60.0,
        {one.get("Name", ""): one.text or "" for one in header.findall("w:OptionSet/w:Option", NAMES)},
        body,
    )


def answer(message: Message, body: str) -> bytes:
    base = TRANSFER if message.action in ("Create", "Delete") else SHELL
    return _envelope(f"{base}/{message.action}Response", message.id, body)


def fault(problem: Fault, relates_to: str = "") -> bytes:
    text = escape(problem.reason)
    return _envelope(
        "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
        relates_to,
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault Code="{problem.code}" Machine="windows"><f:Message>{text}</f:Message></f:WSManFault>'
        "</s:Detail></s:Fault>",
    )


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
    return (
        f'<s:Envelope xml:lang="en-US" {spaces}><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{NAMES['a']}/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
