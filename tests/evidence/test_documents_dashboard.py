"""The picture is drawn of whatever there is; what there is not is said in its panel."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence_pack import Run, bare, rolled_back, switched
from matplotlib.figure import Figure

from reconciler.evidence.documents.picture import dashboard
from reconciler.evidence.documents.picture.dashboard import draw
from reconciler.evidence.documents.picture.marks import marks
from reconciler.evidence.pack.material import Material


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that the next picture has in it."""
    found: list[str] = []
    whole = Figure.savefig

    def savefig(self: Figure, file: io.BytesIO, **options: object) -> None:
        whole(self, file, **options)
        found.extend(_texts(self))

    monkeypatch.setattr(Figure, "savefig", savefig)
    return found


def _texts(figure: Figure) -> Iterator[str]:
    yield from (text.get_text() for text in figure.texts)
    for axes in figure.axes:
        yield from (text.get_text() for text in axes.texts)
        legend = axes.get_legend()
        yield from (text.get_text() for text in legend.get_texts()) if legend else ()


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def test_a_good_switch_has_its_title_and_every_series(tmp_path: Path, words: list[str]) -> None:
    assert size(draw(switched(approvals=True).material(tmp_path))) == (1600, 1000)
    assert "production: blue@1.4.1 to green@1.4.2" in words
    assert "Succeeded; zero downtime: proved" in words
    for one in (
        "25 %",
        "50 %",
        "soak",
        "approval asked",
        "P95",
        "queue",
        "limit <= 60s",
        "kept",
        "all requests, by green",
    ):
        assert one in words, one
    assert not [one for one in words if "not measured" in one]


def test_a_rollback_is_marked_and_its_failures_are_counted(tmp_path: Path, words: list[str]) -> None:
    draw(rolled_back().material(tmp_path))
    assert "RolledBack; zero downtime: not kept" in words
    assert "rollback" in words
    assert "failed on the users' road: 9" in words


def test_what_was_not_measured_is_said_and_not_drawn(tmp_path: Path, words: list[str]) -> None:
    assert size(draw(bare().material(tmp_path))) == (1600, 1000)
    assert "not measured: requests / s, latency, queue delay, sessions" in words
    assert any("the gateway's weights were not read back" in one for one in words)


def test_the_same_material_gives_the_same_picture(tmp_path: Path) -> None:
    material = rolled_back().material(tmp_path)
    assert draw(material) == draw(material)


@pytest.mark.parametrize("name", ["$x^{$", "버전 1", "\x00\n\\frac{", "v" * 500, "_hidden", "\U0001f600"])
def test_no_name_breaks_it(name: str, tmp_path: Path) -> None:
    gates = [{"name": name, "kind": "queue-delay", "stage": "postflight", "mode": "enforce"}]
    run = bare(Run(old=name, new=name)).planned(gates=gates)
    run.answer(name, 0.2, value="45 s", limit="<= 60s").answer(name, 0.8, value="46 s", limit=name)
    assert size(draw(run.material(tmp_path))) == (1600, 1000)


def test_marks_are_told_in_words(tmp_path: Path) -> None:
    names = [mark.name for mark in sorted(marks(rolled_back().material(tmp_path)))]
    assert names == ["25 %", "50 %", "rollback", "0 %", "RolledBack"]


def test_names_of_marks_never_lie_over_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[list[tuple[float, float, float, float]]] = []
    whole = Figure.savefig

    def savefig(self: Figure, file: io.BytesIO, **options: object) -> None:
        whole(self, file, **options)
        texts = [axes.texts for axes in self.axes if axes.texts and axes.get_title(loc="left")]
        boxes.extend([text.get_window_extent().extents for text in one] for one in texts)

    monkeypatch.setattr(Figure, "savefig", savefig)
    for story in (switched(approvals=True), rolled_back()):
        draw(story.material(tmp_path / story.transition / str(story.now)))
    assert len(boxes) == 4
    for found in boxes:
        for number, one in enumerate(found):
            for other in found[number + 1 :]:
                assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_matplotlib_is_loaded_only_when_something_is_drawn() -> None:
    code = "import sys, reconciler.evidence.pack.closing; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_lies_in_the_pack_when_it_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real one: elsewhere it is a stand-in."""
    from pack_made import good_switch

    from reconciler.evidence.pack import closing
    from reconciler.evidence.pack.verify import verify

    monkeypatch.setattr(closing, "draw", dashboard.draw)
    pack = good_switch(tmp_path)
    assert size(pack.file("dashboard.png").read_bytes()) == (1600, 1000)
    assert verify(pack).findings == ()


def test_a_transition_of_weeks_is_drawn_from_bounded_series(tmp_path: Path) -> None:
    material: Material = bare().note(after=30 * 86400.0).began().material(tmp_path)
    assert material.whole.width >= 1800
    assert size(draw(material)) == (1600, 1000)
