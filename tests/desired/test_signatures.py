from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desired_keys import PgpKey, SshKey, commit_signed, gnupg, object_of, with_signature
from desired_repository import GitRepository

from reconciler.desired import signatures as module
from reconciler.desired import verifying
from reconciler.desired.signatures import Signers


class Clock:
    """Time as a test says it."""

    def __init__(self, now: float = 0.0) -> None:
        self.at = now

    def monotonic(self) -> float:
        return self.at

    def wall(self) -> str:
        return ""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@pytest.fixture
def signed(repo: GitRepository, anna: SshKey) -> bytes:
    return object_of(repo, commit_signed(repo, anna, production="a"))


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    with gnupg() as path:
        yield path


def unsigned(raw: bytes) -> bytes:
    """The same commit without its signature."""
    lines, inside, kept = raw.split(b"\n"), False, []
    for line in lines:
        inside = line.startswith(b"gpgsig") or (inside and line.startswith(b" "))
        if not inside:
            kept.append(line)
    return b"\n".join(kept)


# ---- SSH -------------------------------------------------------------------------------------------------------------


def test_a_commit_that_a_known_key_has_signed_is_that_persons(allowed: Path, signed: bytes) -> None:
    found = Signers(allowed).signer(signed, "commit")
    assert (found.principal, found.problem) == ("anna@corp.example", "")


def test_a_tag_that_a_known_key_has_signed_is_that_persons(repo, allowed: Path, anna: SshKey) -> None:
    commit_signed(repo, anna)
    repo.git(*anna.settings, "tag", "-s", "t", "-m", "a subject\n\na body")
    assert Signers(allowed).signer(object_of(repo, "t", "tag"), "tag").principal == "anna@corp.example"


def test_a_commit_without_a_signature_is_nobodys(repo, allowed: Path) -> None:
    repo.commit(production="a")
    found = Signers(allowed).signer(object_of(repo, "HEAD"), "commit")
    assert (found.principal, found.problem) == ("", "is not signed")


def test_a_signature_of_an_unknown_key_is_nobodys(repo, allowed: Path, mallory: SshKey) -> None:
    found = Signers(allowed).signer(object_of(repo, commit_signed(repo, mallory)), "commit")
    assert (found.principal, found.problem) == ("", f"is signed by a key that {allowed} does not name")


def test_a_signature_over_something_else_is_nobodys(allowed: Path, signed: bytes) -> None:
    forged = signed.replace(b"a signed change", b"another change")
    found = Signers(allowed).signer(forged, "commit")
    assert found.principal == ""
    assert "has a signature over something else" in found.problem


def test_a_signature_made_for_another_purpose_is_nobodys(allowed: Path, anna: SshKey, signed: bytes) -> None:
    plain = unsigned(signed)
    assert Signers(allowed).signer(with_signature(plain, anna.sign(plain)), "commit").principal
    assert not Signers(allowed).signer(with_signature(plain, anna.sign(plain, "file")), "commit").principal


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ('valid-before="20200101"', "is signed by a key whose time is over (valid-before in "),
        ('valid-after="20900101"', "is signed by a key whose time has not begun (valid-after in "),
        ('namespaces="file"', 'does not allow for git; add "git" to its namespaces'),
    ],
)
def test_the_options_of_a_key_count_as_they_do_now(
    allowed: Path, anna: SshKey, signed: bytes, options: str, problem: str
) -> None:
    allowed.write_text(anna.line(options))
    found = Signers(allowed).signer(signed, "commit")
    assert found.principal == ""
    assert problem in found.problem


def test_a_key_has_one_name_the_first_of_its_line_and_no_pattern_is_one(
    allowed: Path, anna: SshKey, signed: bytes
) -> None:
    allowed.write_text("# people\n" + anna.line(name="anna@corp.example,boss@corp.example") + anna.line(name="x@x"))
    assert Signers(allowed).signer(signed, "commit").principal == "anna@corp.example"
    allowed.write_text(anna.line(name="*@corp.example"))
    found = Signers(allowed).signer(signed, "commit")
    assert (found.principal, "expected one name there" in found.problem) == ("", True)


# ---- objects that are not what they seem -----------------------------------------------------------------------------


def test_a_commit_with_two_signatures_is_nobodys(allowed: Path, anna: SshKey, mallory: SshKey, signed: bytes) -> None:
    plain = unsigned(signed)
    for second in (anna, mallory):
        twice = with_signature(with_signature(plain, anna.sign(plain)), second.sign(plain))
        assert "at most one signature" in Signers(allowed).signer(twice, "commit").problem
    other = with_signature(with_signature(plain, anna.sign(plain)), mallory.sign(plain), b"gpgsig-sha256")
    assert "at most one signature" in Signers(allowed).signer(other, "commit").problem


def test_the_signature_of_a_merged_tag_is_not_that_of_the_merge(repo, allowed: Path, anna: SshKey) -> None:
    repo.commit(production="a")
    repo.git("switch", "--quiet", "-c", "side")
    commit_signed(repo, anna, production="b")
    repo.git(*anna.settings, "tag", "-s", "t", "-m", "a tag")
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "-m", "a merge", "t")
    merge = object_of(repo, "HEAD")
    assert b"\nmergetag " in merge
    found = Signers(allowed).signer(merge, "commit")
    assert found.principal == ""
    assert "the signature of the tag that it merges is not its own" in found.problem
    repo.git(*anna.settings, "commit", "--quiet", "--amend", "--no-edit", "-S")
    assert Signers(allowed).signer(object_of(repo, "HEAD"), "commit").principal == "anna@corp.example"


def test_headers_that_git_and_we_could_read_differently_are_malformed(allowed: Path, signed: bytes) -> None:
    """A signature moved between tree and parents would hide the parents from git, and still be good."""
    head, _, message = signed.partition(b"\n\n")
    at = head.index(b"\ngpgsig ")
    tree, rest, signature = head[:45], head[45:at], head[at:]
    moved = tree + signature + rest + b"\n\n" + message
    assert "malformed" in Signers(allowed).signer(moved, "commit").problem
    second = signed.replace(b"\ncommitter ", b"\nparent " + b"1" * 40 + b"\ncommitter ")
    assert "malformed" in Signers(allowed).signer(second, "commit").problem


@pytest.mark.parametrize("kind", ["commit", "tag"])
@pytest.mark.parametrize(
    "raw",
    [b"", b"\n", b"\n\n", b"\0" * 100, b"\xff" * 100, b"tree x", b"gpgsig \n\n", b"object\ntype\ntag\ntagger\n\n"],
)
def test_any_bytes_get_a_sentence_and_no_crash(allowed: Path, raw: bytes, kind) -> None:
    found = Signers(allowed).signer(raw, kind)
    assert not found.principal
    assert found.problem


@pytest.mark.parametrize(
    "signature",
    [
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\nand more\n",
        b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
        b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n",
        b"nonsense\n",
        b"-----BEGIN SSH SIGNATURE-----\n" + b"A" * 70_000 + b"\n-----END SSH SIGNATURE-----\n",
    ],
)
def test_a_malformed_signature_is_nobodys(allowed: Path, signed: bytes, signature: bytes) -> None:
    found = Signers(allowed).signer(with_signature(unsigned(signed), signature), "commit")
    assert not found.principal
    assert found.problem


def test_a_message_need_not_be_text(allowed: Path, anna: SshKey, signed: bytes) -> None:
    plain = unsigned(signed) + b"\xff\0\xfe nul and no UTF-8\n\n\n"
    assert Signers(allowed).signer(with_signature(plain, anna.sign(plain)), "commit").principal == "anna@corp.example"


def test_an_object_that_is_too_large_is_not_verified(allowed: Path, signed: bytes) -> None:
    assert "larger than" in Signers(allowed).signer(signed + b"x" * module.MOST_BYTES, "commit").problem


# ---- who is asked ----------------------------------------------------------------------------------------------------


def test_no_program_that_a_repository_names_is_run(repo, tmp_path: Path, allowed: Path, anna: SshKey) -> None:
    """One that says yes to every signature."""
    mark, hostile = tmp_path / "was-run", tmp_path / "hostile"
    hostile.write_text(f"#!/bin/sh\ntouch {mark}\necho anna@corp.example\n")
    hostile.chmod(0o755)
    repo.commit(production="a")
    forged = with_signature(object_of(repo, "HEAD"), anna.sign(b"something else"))
    for key in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program"):
        repo.git("config", key, str(hostile))
    repo.git("config", "gpg.ssh.allowedSignersFile", "/dev/null")
    assert not Signers(allowed).signer(forged, "commit").principal
    assert not mark.exists()


def test_a_missing_program_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: Path, signed: bytes
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Signers(allowed).signer(signed, "commit")
    assert found.problem == "cannot be verified: ssh-keygen is not installed here; install OpenSSH (openssh-client)"
    assert not found.sure


def test_a_program_that_hangs_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: Path, signed: bytes
) -> None:
    slow = tmp_path / "bin" / "ssh-keygen"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    monkeypatch.setattr(verifying, "DEADLINE", 0.1)
    assert "ssh-keygen did not end within 0.1 s" in Signers(allowed).signer(signed, "commit").problem


def test_a_file_of_keys_that_is_gone_is_no_proof_and_is_told(tmp_path: Path, signed: bytes) -> None:
    found = Signers(tmp_path / "none").signer(signed, "commit")
    assert "cannot be verified: " in found.problem
    assert not found.sure
    assert "add `signers` to [repository.verify]" in Signers(None, tmp_path / "k.gpg").signer(signed, "commit").problem


# ---- what is kept ----------------------------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that are run from now on."""
    asked: list[str] = []
    real = subprocess.run

    def run(command, **options):
        asked.append(Path(command[0]).name)
        return real(command, **options)

    monkeypatch.setattr(verifying.subprocess, "run", run)
    return asked


def test_a_verdict_is_kept_for_a_while_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, allowed: Path, signed: bytes
) -> None:
    clock = Clock()
    signers, asked = Signers(allowed, clock=clock), counted(monkeypatch)
    for _ in range(3):
        assert signers.of("1" * 40, "commit", lambda: signed).principal == "anna@corp.example"
    assert len(asked) == 2
    clock.at += 301
    signers.of("1" * 40, "commit", lambda: signed)
    assert len(asked) == 4


@pytest.mark.parametrize("option", ['valid-before="20270101Z"', 'valid-before="202701010000Z"'])
def test_no_verdict_outlives_the_time_of_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, anna: SshKey, signed: bytes, option: str
) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    allowed, clock = tmp_path / "timed", Clock(end - 10)
    allowed.write_text(anna.line().replace(" ", f" {option} ", 1))
    found = Signers(allowed, clock=clock)
    answers = iter(("anna@corp.example", ""))
    monkeypatch.setattr(module, "by_ssh", lambda *_words: module.Signed(next(answers)))
    assert found.of("x", "commit", lambda: signed).principal
    clock.at += 9.9
    assert found.of("x", "commit", lambda: signed).principal
    clock.at += 0.2
    assert not found.of("x", "commit", lambda: signed).principal


def test_a_key_that_the_operator_takes_out_counts_no_more_at_once(allowed: Path, signed: bytes, mallory) -> None:
    signers = Signers(allowed)
    assert signers.of("1" * 40, "commit", lambda: signed).principal
    allowed.write_text(mallory.line() + "# anna has left\n")
    assert not signers.of("1" * 40, "commit", lambda: signed).principal


def test_what_could_not_be_found_out_is_asked_again(tmp_path: Path, allowed: Path, signed: bytes) -> None:
    signers = Signers(allowed)
    assert not signers.of("1" * 40, "commit", lambda: None).sure
    assert signers.of("1" * 40, "commit", lambda: signed).principal


def test_only_so_many_verdicts_are_kept(monkeypatch: pytest.MonkeyPatch, allowed: Path) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 3)
    signers, read = Signers(allowed), []
    for name in ("1", "2", "3", "4", "1"):
        signers.of(name, "commit", lambda name=name: read.append(name) or b"")
    assert read == ["1", "2", "3", "4", "1"]
    assert len(signers._kept) == 3


# ---- OpenPGP ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def berta(home: str) -> PgpKey:
    return PgpKey(home, "Berta (ops) <berta@corp.example>")


PLAIN = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor B <b@x> 1 +0000\ncommitter B <b@x> 1 +0000\n\nwhy\n"


def keyring(tmp_path: Path, *keys: PgpKey) -> Path:
    file = tmp_path / "signers.gpg"
    file.write_bytes(b"".join(key.export() for key in keys))
    return file


def test_an_openpgp_signature_of_a_key_in_the_keyring_is_of_its_e_mail_address(tmp_path: Path, berta: PgpKey) -> None:
    raw = with_signature(PLAIN, berta.sign(PLAIN))
    assert Signers(None, keyring(tmp_path, berta)).signer(raw, "commit").principal == "berta@corp.example"
    changed = raw.replace(b"why", b"not")
    assert "over something else" in Signers(None, keyring(tmp_path, berta)).signer(changed, "commit").problem


def test_git_itself_signs_so_that_it_is_found(repo, tmp_path: Path, berta: PgpKey, monkeypatch) -> None:
    monkeypatch.setenv("GNUPGHOME", berta.home)
    repo.git("commit", "--quiet", "--allow-empty", f"-S{berta.fingerprint}", "-m", "a change")
    repo.git("tag", "-u", berta.fingerprint, "t", "-m", "a tag")
    signers = Signers(None, keyring(tmp_path, berta))
    assert signers.signer(object_of(repo, "HEAD"), "commit").principal == "berta@corp.example"
    assert signers.signer(object_of(repo, "t", "tag"), "tag").principal == "berta@corp.example"


def test_a_key_that_is_not_in_the_keyring_is_nobodys(tmp_path: Path, home: str, berta: PgpKey) -> None:
    other = PgpKey(home, "Other <other@corp.example>")
    found = Signers(None, keyring(tmp_path, other)).signer(with_signature(PLAIN, berta.sign(PLAIN)), "commit")
    assert "does not hold" in found.problem


def test_a_revoked_key_and_one_whose_time_is_over_are_nobodys(tmp_path: Path, home: str) -> None:
    revoked = PgpKey(home, "Revoked <revoked@corp.example>")
    raw = with_signature(PLAIN, revoked.sign(PLAIN))
    assert Signers(None, keyring(tmp_path, revoked)).signer(raw, "commit").principal
    revoked.revoke()
    found = Signers(None, keyring(tmp_path, revoked)).signer(raw, "commit")
    assert (found.principal, found.problem) == ("", "is signed by a key that was revoked")
    short = PgpKey(home, "Short <short@corp.example>", "1d", "20200101T000000")
    found = Signers(None, keyring(tmp_path, short)).signer(with_signature(PLAIN, short.sign(PLAIN)), "commit")
    assert (found.principal, found.problem) == ("", "is signed by a key whose time is over")


def test_a_signed_message_with_other_content_is_no_signature(tmp_path: Path, berta: PgpKey) -> None:
    """gpgv would read the content that lies in the message itself."""
    message = berta.gpg("--armor", "--local-user", berta.fingerprint, "--sign", stdin=b"other content")
    signers = Signers(None, keyring(tmp_path, berta))
    for armor in (message, message.replace(b"PGP MESSAGE", b"PGP SIGNATURE")):
        assert not signers.signer(with_signature(PLAIN, armor), "commit").principal
    twice = berta.sign(PLAIN) + berta.sign(PLAIN)
    assert not signers.signer(with_signature(PLAIN, twice), "commit").principal


def test_an_armored_keyring_says_what_to_do_with_it(tmp_path: Path, berta: PgpKey) -> None:
    file = tmp_path / "keys.asc"
    file.write_bytes(berta.export("--armor"))
    found = Signers(None, file).signer(with_signature(PLAIN, berta.sign(PLAIN)), "commit")
    assert "run `gpg --dearmor` on it" in found.problem


def test_a_key_without_an_e_mail_address_is_nobodys(tmp_path: Path, home: str) -> None:
    nameless = PgpKey(home, "Nameless")
    found = Signers(None, keyring(tmp_path, nameless)).signer(with_signature(PLAIN, nameless.sign(PLAIN)), "commit")
    assert "has no e-mail address" in found.problem
