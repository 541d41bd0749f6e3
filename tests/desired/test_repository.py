from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from reconciler.desired import repository as module
from reconciler.desired.repository import MOST_BYTES, Repository
from reconciler.errors import InvalidDesired


@pytest.fixture
def opened() -> Iterator[Callable[..., Repository]]:
    """Open repositories; all of them are closed at the end."""
    every: list[Repository] = []

    def opening(path: Path, branch: str | None = "main") -> Repository:
        every.append(Repository(path, branch))
        return every[-1]

    yield opening
    for one in every:
        one.close()
        one.close()


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(InvalidDesired) as caught:
        action()
    return str(caught.value)


# ---- the branch ------------------------------------------------------------------------------------------------------


def test_the_head_follows_every_commit(repo, opened) -> None:
    repository = opened(repo.path)
    for text in ("a", "b"):
        assert repo.commit(production=text) == repository.head()


def test_the_head_is_found_after_a_gc_and_after_the_commit_that_follows(repo, opened) -> None:
    first = repo.commit(production="a")
    repository = opened(repo.path)
    repo.git("gc", "--quiet")
    assert not (repo.path / ".git/refs/heads/main").exists()
    assert repository.head() == first
    assert repo.commit(production="b") == repository.head()
    repo.git("pack-refs", "--all")
    assert repository.head() == repo.git("rev-parse", "HEAD")


def test_the_configured_branch_counts_whatever_is_checked_out(repo, opened) -> None:
    main = repo.commit(production="a")
    repo.git("switch", "--quiet", "-c", "feature/one")
    other = repo.commit(production="b")
    assert opened(repo.path, "main").head() == main
    assert opened(repo.path, "feature/one").head() == other
    assert opened(repo.path, None).head() == other


def test_a_detached_head_is_no_problem_for_a_configured_branch_and_a_clear_one_without(repo, opened) -> None:
    commit = repo.commit(production="a")
    repo.git("switch", "--quiet", "--detach")
    assert opened(repo.path, "main").head() == commit
    text = refusal(opened(repo.path, None).head)
    assert "detached" in text
    assert "set `branch` under [repository]" in text


def test_a_branch_that_does_not_exist_is_told_with_those_that_do(repo, opened) -> None:
    repo.commit(production="a")
    repo.git("branch", "release/1")
    repo.git("pack-refs", "--all")
    text = refusal(opened(repo.path, "mian").head)
    assert "no branch 'mian'" in text
    assert "main, release/1" in text


def test_an_empty_repository_says_what_to_do(repo, opened) -> None:
    for branch in ("main", None):
        assert "commit a manifest to environments/ first" in refusal(opened(repo.path, branch).head)


@pytest.mark.parametrize(
    "branch", ["../../HEAD", "a..b", "-x", "/x", "x/", "a b", "a\nb", "x.lock", ".hidden", "a/.b", "@{u}"]
)
def test_a_name_that_no_branch_can_have_never_reaches_the_file_system(repo, opened, branch: str) -> None:
    repo.commit(production="a")
    assert "cannot be a branch's name" in refusal(opened(repo.path, branch).head)


def test_a_branch_that_is_another_name_for_one_is_followed(repo, opened) -> None:
    commit = repo.commit(production="a")
    repo.git("symbolic-ref", "refs/heads/live", "refs/heads/main")
    assert opened(repo.path, "live").head() == commit
    repo.git("symbolic-ref", "refs/heads/x", "refs/heads/y")
    repo.git("symbolic-ref", "refs/heads/y", "refs/heads/x")
    refusal(opened(repo.path, "x").head)


@pytest.mark.parametrize("content", ["", "garbage", "0" * 39, "ref: refs/heads/../../HEAD", "ref: /etc/passwd"])
def test_a_torn_reference_is_a_problem_and_no_crash(repo, opened, content: str) -> None:
    repo.commit(production="a")
    repo.write(".git/refs/heads/main", content)
    refusal(opened(repo.path).head)


# ---- where repositories are ------------------------------------------------------------------------------------------


def test_a_path_that_is_no_repository_says_what_to_do(tmp_path: Path, opened) -> None:
    (tmp_path / "plain").mkdir()
    assert "is not the root of a git repository" in refusal(opened(tmp_path / "plain").head)
    assert "does not exist" in refusal(opened(tmp_path / "nowhere").head)


def test_a_repository_that_appears_later_is_found_by_the_same_handle(make_repo, tmp_path: Path, opened) -> None:
    repository = opened(tmp_path / "later")
    refusal(repository.head)
    assert make_repo("later").commit(production="a") == repository.head()


def test_a_bare_repository_is_read_like_any_other(repo, tmp_path: Path, opened, manifest: str) -> None:
    commit = repo.commit(production=manifest)
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    bare = opened(tmp_path / "bare.git")
    assert bare.head() == commit
    (blob,) = bare.environments(commit).blobs.values()
    assert bare.text(blob) == manifest.encode()
    assert bare.watch_path() == tmp_path / "bare.git" / "refs"


def test_a_linked_work_tree_shares_its_branches_with_the_others(repo, tmp_path: Path, opened) -> None:
    first = repo.commit(production="a")
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    repository = opened(tmp_path / "linked", "main")
    assert repository.head() == first
    assert opened(tmp_path / "linked", None).head() == first
    second = repo.commit(production="b")
    assert repository.head() == second
    assert repository.environments(second).blobs
    assert repository.watch_path().resolve() == (repo.path / ".git" / "refs").resolve()


# ---- manifests -------------------------------------------------------------------------------------------------------


def test_manifests_are_read_from_the_commit_and_never_from_the_work_tree(repo, opened) -> None:
    commit = repo.commit(one="first", two="second")
    repo.write("environments/one.yaml", "changed, not committed")
    repo.write("environments/three.yaml", "not committed")
    repository = opened(repo.path)
    blobs = repository.environments(commit).blobs
    assert list(blobs) == ["environments/one.yaml", "environments/two.yaml"]
    assert repository.text(blobs["environments/one.yaml"]) == b"first"


def test_only_yaml_files_directly_in_the_folder_are_manifests(repo, opened) -> None:
    for name in ("a.yaml", "b.yml", "README.md", "deep/c.yaml", "ümlaut.yaml", "run.yaml"):
        repo.write(f"environments/{name}", "x")
    repo.write("other.yaml", "x")
    (repo.path / "environments/run.yaml").chmod(0o755)
    listing = opened(repo.path).environments(repo.commit())
    assert list(listing.blobs) == [f"environments/{name}" for name in ("a.yaml", "b.yml", "run.yaml", "ümlaut.yaml")]
    assert listing.problems == ()


def test_links_submodules_and_folders_are_problems_of_their_own(repo, opened) -> None:
    commit = repo.commit(good="x")
    (repo.path / "environments/link.yaml").symlink_to("/etc/passwd")
    repo.write("environments/folder.yaml/x", "x")
    repo.git("add", "--all")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},environments/module.yaml")
    repo.git("commit", "--quiet", "-m", "odd things")
    listing = opened(repo.path).environments(repo.git("rev-parse", "HEAD"))
    assert list(listing.blobs) == ["environments/good.yaml"]
    told = {one.file: one.message for one in listing.problems}
    assert "a symbolic link" in told["environments/link.yaml"]
    assert "a submodule" in told["environments/module.yaml"]
    assert "a folder" in told["environments/folder.yaml"]


def test_a_folder_that_is_a_link_is_not_followed(repo, opened) -> None:
    repo.write("elsewhere/a.yaml", "x")
    (repo.path / "environments").symlink_to("elsewhere")
    assert opened(repo.path).environments(repo.commit()).blobs == {}


def test_a_revision_without_manifests_is_empty(repo, opened) -> None:
    repository = opened(repo.path)
    commit = repo.commit()
    assert repository.tree(commit) is None
    assert repository.environments(commit).blobs == {}


def test_an_oversized_manifest_is_refused_before_it_is_read(repo, opened) -> None:
    commit = repo.commit(big=b"x" * (MOST_BYTES + 1), fits=b"x" * MOST_BYTES)
    repository = opened(repo.path)
    blobs = repository.environments(commit).blobs
    assert len(repository.text(blobs["environments/fits.yaml"])) == MOST_BYTES
    text = refusal(lambda: repository.text(blobs["environments/big.yaml"], "environments/big.yaml"))
    assert text.startswith(f"environments/big.yaml: {MOST_BYTES + 1} bytes are too many")


def test_too_many_manifests_are_problems_of_those_beyond(repo, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 2)
    listing = opened(repo.path).environments(repo.commit(a="1", b="2", c="3", d="4"))
    assert list(listing.blobs) == ["environments/a.yaml", "environments/b.yaml"]
    assert [one.file for one in listing.problems] == ["environments/c.yaml", "environments/d.yaml"]


def test_the_folder_keeps_its_id_while_no_manifest_changes(repo, opened) -> None:
    repository = opened(repo.path)
    first = repository.tree(repo.commit(production="a"))
    repo.write("README.md", "unrelated")
    assert repository.tree(repo.commit()) == first
    assert repository.tree(repo.commit(production="b")) != first


# ---- history ---------------------------------------------------------------------------------------------------------


def test_history_goes_forward_or_it_was_rewritten(repo, opened) -> None:
    first = repo.commit(production="a")
    second = repo.commit(production="b")
    repo.git("reset", "--quiet", "--hard", first)
    other = repo.commit(production="c")
    repository = opened(repo.path)
    assert repository.descends(second, first)
    assert repository.descends(first, first)
    assert not repository.descends(first, second)
    assert not repository.descends(other, second)


@pytest.mark.parametrize("unknown", ["0" * 40, "", "main", "HEAD~1", "--help", "deadbeef"])
def test_a_commit_that_is_not_there_is_no_ancestor(repo, opened, unknown: str) -> None:
    head = repo.commit(production="a")
    assert not opened(repo.path).descends(head, unknown)
    assert not opened(repo.path).descends(unknown, head)


# ---- hardening -------------------------------------------------------------------------------------------------------


def test_the_callers_git_variables_lead_nowhere_else(repo, make_repo, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are inside a hook, from which a person may well start us."""
    commit = repo.commit(production="a")
    decoy = make_repo("decoy")
    decoy.commit(decoy="b")
    for name, value in {
        "GIT_DIR": str(decoy.path / ".git"),
        "GIT_WORK_TREE": str(decoy.path),
        "GIT_INDEX_FILE": str(decoy.path / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(decoy.path / ".git/objects"),
        "GIT_COMMON_DIR": str(decoy.path / ".git"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "nonsense",
    }.items():
        monkeypatch.setenv(name, value)
    repository = opened(repo.path)
    assert repository.head() == commit
    assert list(repository.environments(commit).blobs) == ["environments/production.yaml"]
    assert repository.watch_path() == repo.path / ".git" / "refs"


def test_nothing_that_a_repository_configures_is_run(repo, tmp_path: Path, opened) -> None:
    """A lazy fetch through `ext::` is the one way in which reading an object could start a program."""
    commit = repo.commit(production="a")
    mark = tmp_path / "was-run"
    repo.git("config", "remote.evil.url", f"ext::sh -c touch% {mark}")
    repo.git("config", "remote.evil.promisor", "true")
    repo.git("config", "extensions.partialClone", "evil")
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "protocol.ext.allow", "always")
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor"):
        repo.git("config", name, f"touch {mark}")
    repository = opened(repo.path)
    assert repository.environments(commit).blobs
    assert "missing" in refusal(lambda: repository.text("1" * 40))
    assert not repository.descends(commit, "1" * 40)
    assert not mark.exists()


def test_replaced_objects_do_not_stand_for_the_committed_ones(repo, opened) -> None:
    commit = repo.commit(production="committed")
    blob = repo.git("rev-parse", "HEAD:environments/production.yaml")
    repo.git("replace", blob, repo.git("hash-object", "-w", "--stdin", stdin=b"replaced"))
    repository = opened(repo.path)
    assert repository.text(repository.environments(commit).blobs["environments/production.yaml"]) == b"committed"


@pytest.mark.parametrize("revision", ["main", "HEAD", "--all", "x\ny", "0" * 39])
def test_only_a_full_commit_id_is_a_revision(repo, opened, revision: str) -> None:
    repo.commit(production="a")
    assert "no full commit id" in refusal(lambda: opened(repo.path).environments(revision))


def test_a_commit_that_is_gone_has_no_manifests(repo, opened) -> None:
    repo.commit(production="a")
    assert opened(repo.path).environments("1" * 40).blobs == {}


def test_a_corrupt_object_is_a_problem_and_the_others_stay_readable(repo, opened) -> None:
    commit = repo.commit(good="fine", bad="corrupted soon")
    blobs = opened(repo.path).environments(commit).blobs
    bad = blobs["environments/bad.yaml"]
    file = repo.path / ".git/objects" / bad[:2] / bad[2:]
    file.chmod(0o644)
    file.write_bytes(b"no zlib at all")
    repository = opened(repo.path)
    assert "git fsck" in refusal(lambda: repository.text(bad))
    assert repository.text(blobs["environments/good.yaml"]) == b"fine"


def test_a_killed_child_of_git_is_replaced(repo, opened) -> None:
    commit = repo.commit(production="a")
    repository = opened(repo.path)
    before = {child.pid for child in psutil.Process().children()}
    (blob,) = repository.environments(commit).blobs.values()
    for child in psutil.Process().children():
        if child.pid not in before:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(5)
    assert repository.text(blob) == b"a"


def test_one_handle_serves_many_threads(repo, opened) -> None:
    texts = {f"e{number}": f"text {number}" * 200 for number in range(10)}
    commit = repo.commit(**texts)
    repository = opened(repo.path)
    wrong: list[object] = []

    def work() -> None:
        try:
            for _ in range(10):
                for path, blob in repository.environments(commit).blobs.items():
                    if repository.text(blob).decode() != texts[Path(path).stem]:
                        wrong.append(path)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_closing_leaves_no_process_behind(repo) -> None:
    before = {child.pid for child in psutil.Process().children()}
    repository = Repository(repo.path, "main")
    repository.environments(repo.commit(production="a"))
    repository.close()
    assert {child.pid for child in psutil.Process().children()} <= before


@pytest.mark.parametrize(
    "entry", [b"100644 a.yaml\0short", b"777 a.yaml\0" + b"x" * 20, b"100644 ../a.yaml\0" + b"x" * 20]
)
def test_a_malformed_tree_is_a_problem_and_no_crash(repo, opened, entry: bytes) -> None:
    folder = repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=entry)
    root = b"40000 environments\0" + bytes.fromhex(folder)
    whole = repo.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=root)
    commit = repo.git("commit-tree", whole, "-m", "forged")
    assert "malformed" in refusal(lambda: opened(repo.path).environments(commit))


def test_a_file_name_that_cannot_be_shown_is_a_problem(repo, opened) -> None:
    repo.write("environments/a\x1b[2J.yaml", "x")
    (repo.path / os.fsdecode(b"environments/\xff.yaml")).write_text("x")
    listing = opened(repo.path).environments(repo.commit(good="x"))
    assert list(listing.blobs) == ["environments/good.yaml"]
    assert [one.file for one in listing.problems] == ["environments/a\\x1b[2J.yaml", "environments/\\udcff.yaml"]
