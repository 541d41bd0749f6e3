"""`reconcile validate`: everything that is wrong, at once, with its place."""

from __future__ import annotations

import json

import pytest
from cli_folder import Folder
from corp import DAY, Corp

FILE = "environments/production.yaml"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43  # in the form of one; nobody has it


@pytest.fixture
def ready(folder: Folder) -> Folder:
    folder.reconcile("init", "--port", "8080")
    folder.commit()
    return folder


def test_every_error_of_every_file_is_told_with_line_and_column(ready: Folder) -> None:
    ready.edit(FILE, "activeSlot: blue", "activeSlot: bleu")
    ready.edit(FILE, "kind: process", "kind: proces")
    (ready.root / "environments" / "other.yaml").write_text("kind: [\n", encoding="utf-8")
    ready.commit()
    done = ready.reconcile("validate")
    lines = (ready.root / FILE).read_text("utf-8").splitlines()
    row = next(number for number, line in enumerate(lines, 1) if "bleu" in line)
    assert done.returncode == 1
    assert f"{FILE}:{row}:{lines[row - 1].index('bleu') + 1}: " in done.stdout
    assert "did you mean 'process'?" in done.stdout
    assert "environments/other.yaml:2:1: " in done.stdout
    assert "no good environment" in done.stdout.splitlines()[-1]


def test_what_is_not_committed_does_not_count_unless_it_is_named(ready: Folder) -> None:
    ready.edit(FILE, "activeSlot: blue", "activeSlot: bleu")
    assert ready.reconcile("validate").returncode == 0
    done = ready.reconcile("validate", FILE)
    assert done.returncode == 1
    assert f"{FILE}:" in done.stdout


def test_a_named_file_is_judged_beside_what_is_committed(ready: Folder) -> None:
    text = (ready.root / FILE).read_text("utf-8").replace("name: production", "name: staging")
    (ready.root / "draft.yaml").write_text(text, encoding="utf-8")
    done = ready.reconcile("validate", "draft.yaml")
    assert done.returncode == 1
    assert "the gateway address 127.0.0.1:8080 is also claimed by 'production'" in done.stdout
    assert done.stdout.count("draft.yaml:") == len(done.stdout.splitlines()) - 1


def test_a_changed_file_does_not_clash_with_its_own_committed_state(ready: Folder) -> None:
    ready.edit(FILE, "activeSlot: blue", "activeSlot: green")
    done = ready.reconcile("validate", FILE)
    assert (done.returncode, done.stdout) == (0, f"no errors in {FILE}; good: production\n")


def test_the_operators_word_counts_for_apps_and_addresses(ready: Folder) -> None:
    ready.edit("reconciler.toml", "[apps.production-web]", "[apps.production-wob]")
    ready.edit("reconciler.toml", 'listen = ["127.0.0.1"]', 'listen = ["127.0.0.1:9"]')
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "did you mean 'production-wob'?" in done.stdout
    assert "listening on '127.0.0.1:8080' is not allowed" in done.stdout


def test_a_certificate_is_judged_where_the_operator_names_it(ready: Folder) -> None:
    corp = Corp(ready.root.parent / "corp")
    corp.made(ends=-DAY / 2).put(corp.folder)
    with (ready.root / "reconciler.toml").open("a") as file:
        file.write('\n[certificates.shop]\ncertificate = "../corp/chain.pem"\nkey = "../corp/key.pem"\n')
    ready.edit(FILE, "kind: envoy,", "kind: envoy, certificate: shop,")
    ready.commit()
    place = f"{ready.root / 'reconciler.toml'}: certificates.shop: "
    assert f"{place}the certificate ended on" in ready.reconcile("validate").stdout
    corp.made().put(corp.folder, half=True)
    assert f"{place}{ready.root}/../corp/key.pem is not the key of" in ready.reconcile("validate").stdout
    corp.made().put(corp.folder)
    done = ready.reconcile("validate")
    assert (done.returncode, done.stdout.splitlines()[-1].rpartition("; ")[2]) == (0, "good: production"), done.stdout


def test_a_certificate_that_nobody_defined_is_told_at_its_place(ready: Folder) -> None:
    ready.edit(FILE, "kind: envoy,", "kind: envoy, certificate: shop,")
    ready.commit()
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "unknown certificate 'shop'; expected none; define [certificates.shop] in" in done.stdout


def test_a_key_in_git_is_refused(ready: Folder) -> None:
    corp = Corp(ready.root / "corp")
    corp.made().put(corp.folder)
    with (ready.root / "reconciler.toml").open("a") as file:
        file.write('\n[certificates.shop]\ncertificate = "corp/chain.pem"\nkey = "corp/key.pem"\n')
    assert ready.reconcile("validate").returncode == 0
    ready.git("add", "--force", "corp/key.pem")
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "key.pem: git tracks this file, but it must stay outside git" in done.stdout


def test_every_mistake_in_the_operators_file_is_told(ready: Folder) -> None:
    ready.edit("reconciler.toml", "[journal]", "[jurnal]")
    ready.edit("reconciler.toml", "ports = ", "prots = ")
    done = ready.reconcile("validate", "--output", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["valid"] is False
    assert len(told["problems"]) >= 2
    assert {problem["file"] for problem in told["problems"]} == {str(ready.root / "reconciler.toml")}
    assert "did you mean 'journal'?" in done.stdout


def test_a_weighted_member_whose_app_has_no_ports_is_an_error_at_its_place(ready: Folder) -> None:
    with (ready.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write('\n[apps.bare]\ncommand = ["sleep", "1000"]\n')
    ready.edit(FILE, "app: production-web}", "app: bare}")
    ready.commit()
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert ": app 'bare' has no ports" in done.stdout
    assert "add `ports = {blue = PORT, green = PORT}` to [apps.bare]" in done.stdout


def test_an_operators_file_that_git_tracks_is_an_error(ready: Folder) -> None:
    ready.git("add", "--force", "reconciler.toml")
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "git tracks this file" in done.stdout


def test_a_branch_that_is_not_there_is_an_error_that_names_those_that_are(ready: Folder) -> None:
    ready.edit("reconciler.toml", 'branch = "main"', 'branch = "mian"')
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "there is no branch 'mian'" in done.stdout
    assert "main" in done.stdout.split("there are:")[1]
    assert done.stdout.count(str(ready.root)) == 1, "the place is named once"


def test_a_repository_without_a_commit_is_an_error(folder: Folder) -> None:
    folder.reconcile("init")
    done = folder.reconcile("validate")
    assert done.returncode == 1
    assert "has no commit yet" in done.stdout


def test_a_file_that_cannot_be_read_is_an_error_in_its_place(ready: Folder) -> None:
    done = ready.reconcile("validate", "nowhere.yaml", FILE)
    assert done.returncode == 1
    assert "nowhere.yaml: cannot be read: No such file or directory" in done.stdout
    assert "good: production" in done.stdout


def test_whoever_names_the_environment_instead_of_its_file_is_told_the_file(ready: Folder) -> None:
    done = ready.reconcile("validate", "production")
    assert done.returncode == 1
    assert f"is that the environment? Its file is {FILE}" in done.stdout


def test_files_of_keys_are_read_and_so_is_who_has_one(ready: Folder) -> None:
    file = ready.root / "allowed_signers"
    file.write_text(f"Ann@corp.example ssh-ed25519 {KEY}\nbert@corp.example ssh-ed25519\n", encoding="utf-8")
    ready.edit("reconciler.toml", "[security]", '[repository.verify]\nsigners = "allowed_signers"\n\n[security]')
    ready.edit(FILE, "  onFailure:", "  approvals: {before: [shift], approvers: [ann@corp.example]}\n  onFailure:")
    ready.commit()
    done = ready.reconcile("validate")
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{file}:2:1: this is no ssh-ed25519 key")
    assert last == f"1 error in {file}; good: production"
    ready.edit(FILE, "approvers: [ann@corp.example]", "approvers: [ann@corp.example, bert@corp.example]")
    file.write_text(f"ann@corp.example ssh-ed25519 {KEY}\n", encoding="utf-8")
    done = ready.reconcile("validate", FILE)
    assert done.returncode == 1
    assert "'bert@corp.example' has no key in the files that the operator's file names" in done.stdout
    assert done.stdout.startswith(f"{FILE}:")
    assert "no good environment" in done.stdout


def test_json_holds_everything_that_a_machine_needs(ready: Folder) -> None:
    ready.edit(FILE, "activeSlot: blue", "activeSlot: bleu")
    revision = ready.commit()
    told = json.loads(ready.reconcile("validate", "--output", "json").stdout)
    (problem,) = told["problems"]
    assert (told["valid"], told["revision"], told["environments"]) == (False, revision, [])
    assert set(problem) == {"file", "line", "column", "message"}


def test_a_head_that_nobody_known_has_signed_is_told_and_no_environment_is_begun(ready: Folder) -> None:
    """Whether ssh-keygen is there or not: what has no signature needs no program."""
    (ready.root / "allowed_signers").write_text(f"nobody@corp.example ssh-ed25519 {KEY}\n", encoding="utf-8")
    ready.edit(".gitignore", "reconciler.toml", "reconciler.toml\nallowed_signers")
    verify = '[repository.verify]\nmode = "head"\nsigners = "allowed_signers"\n\n[security]'
    ready.edit("reconciler.toml", "[security]", verify)
    revision = ready.commit()
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert f"{revision[:12]} is not signed; what was verified last stays in force" in done.stdout
    assert "no good environment" in done.stdout.splitlines()[-1]
    assert ready.reconcile("validate", FILE).returncode == 0
    status = ready.reconcile("status")
    assert status.returncode == 3
    assert f"RevisionUnverified: {revision[:12]} is not signed" in status.stdout
    assert "next      sign on top of it" in status.stdout
    preview = ready.reconcile("--once")
    assert preview.returncode == 3
    assert "is not signed" in preview.stdout


def test_a_host_that_may_not_be_asked_is_told_beside_every_other_mistake(ready: Folder) -> None:
    """Else whoever mends what is told is told something else."""
    with (ready.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write('\n[logs.one]\nkind = "sylog"\naddress = "udp://127.0.0.1:1514"\n')
        file.write('\n[logs.two]\nkind = "loki"\nurl = "https://loki.corp.example:3100"\n')
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert "logs.one.kind: " in done.stdout
    assert "logs.two.url: the host 'loki.corp.example' may not be asked" in done.stdout


def test_metrics_cannot_be_served_where_users_come_in(ready: Folder) -> None:
    with (ready.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write('\n[metrics]\nlisten = "127.0.0.1:8080"\n')
    done = ready.reconcile("validate")
    assert done.returncode == 1
    assert f"{FILE}:" in done.stdout
    assert "'127.0.0.1:8080' is where metrics are served" in done.stdout
    ready.edit("reconciler.toml", '[metrics]\nlisten = "127.0.0.1:8080"', '[metrics]\nlisten = "127.0.0.1:9464"')
    assert ready.reconcile("validate").returncode == 0
