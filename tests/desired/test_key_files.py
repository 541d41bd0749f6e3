"""What is wrong with the operator's files of keys is found before somebody's vote does not count."""

from __future__ import annotations

from pathlib import Path

import pytest
from desired_keys import PgpKey, SshKey, gnupg

from reconciler.desired.key_files import pgp_names, ssh_keys


def told(tmp_path: Path, text: str) -> tuple[list[str], list[tuple[int, str]]]:
    file = tmp_path / "allowed_signers"
    file.write_text(text)
    names, problems = ssh_keys(file)
    return sorted(names), [(problem.line, problem.message) for problem in problems]


def test_every_form_that_ssh_keygen_reads_is_a_key(anna: SshKey, tmp_path: Path) -> None:
    forms = [anna.line(), anna.line('namespaces="git,file"', "bert@x"), anna.line('namespaces="g*"', "carl@x")]
    forms += ["\n", "# a remark\n", anna.line('cert-authority,valid-before="20300101"', '"dora@x"')]
    forms += [anna.line().rstrip() + " a comment with words\n"]
    assert told(tmp_path, "".join(forms)) == (["anna@corp.example", "bert@x", "carl@x", "dora@x"], [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bert@x", "no key stands behind 'bert@x'; expected: NAME"),
        ('bert@x namespaces="git"', "no key stands behind 'bert@x'"),
        ("some garbage here", "no key stands behind 'some'"),
        ('bert@x namespaces="git ssh-ed25519 AAAA', "a quotation mark is open"),
        ("bert@x ssh-ed25519", "this is no ssh-ed25519 key"),
        ("bert@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA...", "this is no ssh-ed25519 key"),
        ("bert@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "this is no ssh-ed25519 key"),
        ("bert@x ssh-rsa {key}", "this is no ssh-rsa key"),
        ("bert@x,carl@x ssh-ed25519 {key}", "is not one name"),
        ("*@x ssh-ed25519 {key}", "is not one name"),
        ('bert@x namespaces="file" ssh-ed25519 {key}', "is not for git"),
    ],
)
def test_a_line_that_would_be_passed_over_is_told_with_its_number(
    anna: SshKey, tmp_path: Path, line: str, said: str
) -> None:
    text = anna.line() + line.replace("{key}", anna.public.split()[1]) + "\n"
    names, [(number, message)] = told(tmp_path, text)
    assert (names, number) == (["anna@corp.example"], 2)
    assert said in message


def test_whose_keys_a_keyring_holds(tmp_path: Path) -> None:
    with gnupg() as home:
        one, two = PgpKey(home, "anna@corp.example"), PgpKey(home, "carla@corp.example")
        file = tmp_path / "keyring"
        file.write_bytes(one.export() + two.export())
    assert pgp_names(file) == {"anna@corp.example", "carla@corp.example"}


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PGP", b"\x99", b"\xcd\xff", b"\xb4\x05ab", b"\xe0" * 40])
def test_a_keyring_that_is_none_holds_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keyring").write_bytes(content)
    assert pgp_names(tmp_path / "keyring") == frozenset()
