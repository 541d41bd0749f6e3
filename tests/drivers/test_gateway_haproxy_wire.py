"""What goes over HAProxy's runtime socket, without an HAProxy: a socket that says what the test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path

import pydantic
import pytest

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Admission, Pair, Routing, Slot, all_on, share
from reconciler.core.reading import Counters, Stamp
from reconciler.drivers.entry import Entry, parse
from reconciler.drivers.gateways import haproxy
from reconciler.drivers.haproxy.counters import counters, ejected, rows
from reconciler.drivers.haproxy.proxy import Proxy
from reconciler.drivers.protocols import Endpoint, GatewayContext
from reconciler.errors import Refused, Unreachable

LISTED = "# id (file) description\n0 (/m/reconciler-e.map) pattern loaded from it. curr_ver=4 next_ver=4 entry_cnt=1\n"
ENTRY = Entry(Routing(all_on(Slot.BLUE)), Stamp("j", 1, 4), 1)
GOOD = {
    "prompt": "",
    "show info": "Name: HAProxy\nPid: 7\nStart_time_sec: 99\n",
    "show map": LISTED,
    "show map /m/reconciler-e.map": f"0x1 routing {ENTRY.dump()}\n",
    "show stat": "# pxname,svname,status\n",
}


class Fake:
    """Answers each line by `answers`; `cut` makes of the bytes what is really sent. None: it says nothing."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s.sock"
        self.answers = dict(GOOD)
        self.cut: Callable[[bytes], bytes | None] = lambda text: text
        self.heard: list[str] = []
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:  # the other side may hang up first
            for line in lines:
                said = line.decode().strip()
                self.heard.append(said)
                text = self.cut(f"{self._answer(said)}\n> ".encode())
                if text is None:
                    threading.Event().wait(3)
                    return
                connection.sendall(text)
                if not text.endswith(b"\n> "):
                    return

    def _answer(self, said: str) -> str:
        known = sorted((one for one in self.answers if said.startswith(one)), key=len)
        return self.answers[known[-1]] if known else f"Unknown command: '{said}'\n"

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    fake = Fake(tmp_path)
    yield fake
    fake.close()


class Leaping:
    """A clock that is past every deadline once the fake was asked, after a commit, what it shows."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def monotonic(self) -> float:
        since = dropwhile(lambda line: not line.startswith("commit map"), [*self.fake.heard])
        return SYSTEM.monotonic() + 1000.0 * any(line.startswith("show map") for line in since)

    def wall(self) -> str:
        return SYSTEM.wall()


def opened(fake: Fake, deadline: float = 30.0, clock: Clock = SYSTEM) -> haproxy.HAProxy:
    endpoints = (Endpoint("web", "/", Pair("127.0.0.1:1", "127.0.0.1:2")),)
    context = GatewayContext("e", "j", fake.path.parent / "state", endpoints, deadline=deadline)
    settings = haproxy.Settings(proxy="edge")
    return haproxy.HAProxy(haproxy.replace(context, proxy=Proxy(socket=str(fake.path), maps=None)), settings, clock)


class TestReading:
    def test_what_is_asked_is_read_and_nothing_is_changed(self, fake: Fake) -> None:
        found = opened(fake).read()
        assert (found.weights, found.stamp, found.incarnation) == (all_on(Slot.BLUE), Stamp("j", 1, 4), "7.99")
        assert found.counters == Pair(None, None), "nothing was counted, which is not zero"
        assert [line for line in fake.heard if not line.startswith(("show", "prompt"))] == []

    @pytest.mark.parametrize(
        "cut",
        [
            lambda _: None,
            lambda text: text[: len(text) // 2],
            lambda _: b"",
            lambda _: b"\xff\x00garbage\n> ",
            lambda text: text + b"and more\n> " * 3,
        ],
        ids=["silent", "half", "nothing", "garbage", "chatter"],
    )
    def test_what_makes_no_sense_is_unreachable_within_the_deadline(
        self, fake: Fake, cut: Callable[[bytes], bytes | None]
    ) -> None:
        fake.cut = cut
        with pytest.raises(Unreachable):
            opened(fake, 0.4 if cut(b"") is None else 30.0).read()  # the others end by themselves

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("show info", "Name: HAProxy\n"),
            ("show map", "# id (file) description\n"),
            ("show map", LISTED.replace("curr_ver=4 ", "")),
            ("show map /m/", "Unknown map identifier. Please use #<id> or <file>.\n"),
            ("show", "Permission denied\n"),
        ],
    )
    def test_an_answer_without_what_was_asked_is_unreachable_and_not_zero(
        self, fake: Fake, command: str, answer: str
    ) -> None:
        fake.answers = {one: answer if one.startswith(command) else said for one, said in GOOD.items()}
        if command == "show map":
            fake.answers["show map /m/"] = GOOD["show map /m/reconciler-e.map"]
        with pytest.raises(Unreachable):
            opened(fake).read()

    def test_an_empty_map_was_never_written(self, fake: Fake) -> None:
        fake.answers["show map /m/reconciler-e.map"] = ""
        assert (opened(fake).read().up, opened(fake).read().weights) == (True, None)


class TestWriting:
    @pytest.fixture(autouse=True)
    def _writable(self, fake: Fake) -> None:
        gateway = opened(fake)
        fake.answers |= {
            "show stat": f"# pxname,svname\ne.places.{gateway._plan().digest},BACKEND\n",
            "prepare map": "New version created: 5\n",
            "add map": "",
            "commit map": "",
        }

    def write(self, fake: Fake, clock: Clock = SYSTEM) -> None:
        gateway = opened(fake, clock=clock)
        new = Entry(Routing(share(Slot.GREEN, 10)), Stamp("j", 1, 5), 1)
        fake.answers["show map @5"] = f"0x2 routing {new.dump()}\n"
        gateway.write(Routing(share(Slot.GREEN, 10)), gateway.read(), 1)

    def test_it_is_filled_looked_at_and_only_then_committed(self, fake: Fake) -> None:
        with pytest.raises(Unreachable, match="no answer within"):
            self.write(fake, Leaping(fake))  # this one never shows it
        done = [line.split()[0] for line in fake.heard if not line.startswith(("show", "prompt"))]
        assert done == ["prepare", "add", "commit"]

    @pytest.mark.parametrize("command", ["prepare map", "add map", "commit map"])
    def test_a_definite_no_is_refused_in_its_words(self, fake: Fake, command: str) -> None:
        fake.answers[command] = "Out of memory error.\n"
        with pytest.raises(Refused, match="Out of memory"):
            self.write(fake)

    def test_a_version_that_does_not_hold_what_it_was_given_is_not_committed(self, fake: Fake) -> None:
        fake.answers["show map @5"] = ""
        gateway = opened(fake)
        with pytest.raises(Refused, match="took another"):
            gateway.write(Routing(share(Slot.GREEN, 10)), gateway.read(), 1)
        assert not any(line.startswith("commit") for line in fake.heard)

    def test_a_commit_out_of_range_is_a_conflict(self, fake: Fake) -> None:
        fake.answers["commit map"] = "Version number out of range.\n"
        with pytest.raises(Refused, match="under way"):
            self.write(fake)


class TestEntry:
    @pytest.mark.parametrize(
        "entry",
        [
            Entry(),
            Entry(sealed=7),
            Entry(Routing(share(Slot.GREEN, 30), fallback=Slot.BLUE), Stamp("a/b c%", 7, 9), 8),
            Entry(Routing(all_on(Slot.BLUE), Pair(Admission.OPEN, Admission.CLOSED)), None, 0),
            Entry(Routing(all_on(Slot.BLUE)), Stamp("j", 7, 9, by_hand=True), 8),
        ],
    )
    def test_what_was_written_is_read_back_and_is_one_word(self, entry: Entry) -> None:
        assert parse(entry.dump()) == entry
        assert " " not in entry.dump()

    @pytest.mark.parametrize("text", ["", "1/2", "x/y/open/open/-/0/0/0/-", "1/2/ajar/open/-/0/0/0/-", "/" * 8])
    def test_what_nobody_of_us_wrote_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError):
            parse(text)


HEAD = "# pxname,svname,stot,hrsp_5xx,econ,eresp,wredis,scur,qcur,status\n"


class TestCounters:
    def test_a_slot_is_counted_wherever_its_servers_stand_and_never_as_a_probe(self) -> None:
        found = rows(
            HEAD
            + "e.web.blue,blue,5,1,0,0,0,1,0,no check\n"
            + "e.web.blue.guarded,blue,0,0,0,0,0,0,0,UP\n"
            + "e.web.green.guarded,blue,2,0,0,1,0,0,0,no check\n"
            + "e.web.green,green,0,0,0,0,0,0,0,no check\n"
            + "e.web.green.guarded,green,9,0,0,0,4,0,1,DOWN\n"
            + "e.web.blue.guarded,green,0,0,0,0,0,0,0,no check\n"
            + "e.web.green.probe,green,99,99,0,0,0,0,0,no check\n"
        )
        counted = counters(found, "e", ["web"])
        assert counted.blue == Counters(requests=7, errors=2, refused=0, in_flight=1)
        assert counted.green == Counters(requests=9, errors=4, refused=4, in_flight=1)
        assert ejected(found, "e", ["web"], Slot.GREEN)
        assert not ejected(found, "e", ["web"], Slot.BLUE)

    @pytest.mark.parametrize("shown", ["", "nonsense", HEAD, HEAD + "e.web.blue,blue,5,1,0,0,0,1,0,UP\n"])
    def test_what_is_not_counted_is_unknown_and_not_zero(self, shown: str) -> None:
        assert counters(rows(shown), "e", ["web"]) == Pair(None, None)


class TestSettings:
    @pytest.mark.parametrize(
        "said", [{"listen": "8080"}, {"sessions": "x"}, {"threads": 0}, {"proxy": "/run/x.sock"}, {"socket": "/x"}]
    )
    def test_a_manifest_names_no_path_and_no_socket(self, said: dict[str, object]) -> None:
        with pytest.raises(pydantic.ValidationError):
            haproxy.Settings.model_validate(said)

    @pytest.mark.parametrize(
        "said", [{"socket": "run/x.sock"}, {"socket": "host:0"}, {"socket": "/x", "maps": "maps"}, {}]
    )
    def test_a_proxy_that_makes_no_sense_is_refused(self, said: dict[str, object]) -> None:
        with pytest.raises(pydantic.ValidationError):
            Proxy.model_validate(said)

    def test_a_proxy_that_nobody_defined_is_refused(self, tmp_path: Path) -> None:
        endpoints = (Endpoint("web", "/", Pair("127.0.0.1:1", "127.0.0.1:2")),)
        with pytest.raises(Refused, match="no proxy 'edge'"):
            haproxy.open(GatewayContext("e", "j", tmp_path, endpoints), haproxy.Settings(proxy="edge"))

    @pytest.mark.parametrize("prefix", ["/a b", "/a#b", '/a"b', "/a'b", "/a,b"])
    def test_a_prefix_that_could_break_out_of_the_configuration_is_refused(self, tmp_path: Path, prefix: str) -> None:
        endpoints = (Endpoint("web", prefix, Pair("127.0.0.1:1", "127.0.0.1:2")),)
        with pytest.raises(Refused):
            haproxy.open(GatewayContext("e", "j", tmp_path, endpoints), haproxy.Settings())
