from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from reconciler.core.model import Release, Slot
from reconciler.desired.manifest import Invalid, Manifest
from reconciler.desired.repository import Repository
from reconciler.desired.snapshot import Desires
from reconciler.errors import InvalidDesired, Problem


class Counting(Repository):
    """A real repository that notes what it is asked."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.asked: list[str] = []
        self.broken: set[str] = set()

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what in self.broken:
            raise InvalidDesired(Problem(what, 0, 0, "broken for a while"))

    def tree(self, revision):
        self._note("tree")
        return super().tree(revision)

    def text(self, blob, file="a manifest"):
        self._note(file)
        return super().text(blob, file)

    def descends(self, revision, ancestor):
        self._note("descends")
        return super().descends(revision, ancestor)


@pytest.fixture
def counting(repo) -> Iterator[Counting]:
    repository = Counting(repo.path, "main")
    yield repository
    repository.close()


@pytest.fixture
def desires(counting: Counting) -> Desires:
    return Desires(counting)


@pytest.fixture
def environment(manifest: str) -> Callable[..., str]:
    """A manifest of its own name and port."""

    def make(name: str, port: int, green: str = "1.4.2") -> str:
        text = manifest.replace("name: production", f"name: {name}").replace("8080", str(port))
        return text.replace('"1.4.2"', f'"{green}"')

    return make


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_a_look_gives_every_environment_and_what_is_wrong_with_the_others(repo, desires, manifest, environment) -> None:
    commit = repo.commit(production=manifest, test=environment("test", 8081).replace("activeSlot", "activSlot"))
    snapshot = desires.look()
    assert (snapshot.revision, snapshot.problem) == (commit, "")
    assert isinstance(snapshot.environments["production"], Manifest)
    broken = snapshot.environments["test"]
    assert isinstance(broken, Invalid)
    assert "environments/test.yaml:6:3: unknown key 'activSlot'" in str(broken)


def test_looking_again_at_the_same_head_reads_nothing_and_gives_the_same(repo, desires, counting, manifest) -> None:
    repo.commit(production=manifest)
    first = desires.look()
    counting.asked.clear()
    assert desires.look() is first
    assert counting.asked == []


def test_an_unrelated_commit_reads_no_manifest(repo, desires, counting, manifest) -> None:
    repo.commit(production=manifest)
    first = desires.look()
    repo.write("README.md", "unrelated")
    commit = repo.commit()
    counting.asked.clear()
    second = desires.look()
    assert second.revision == commit
    assert second.environments is first.environments
    assert counting.asked == ["tree"]


def test_only_manifests_that_changed_are_read_again(repo, desires, counting, environment) -> None:
    repo.commit(**{f"e{number}": environment(f"e{number}", 8000 + number) for number in range(5)})
    first = desires.look()
    repo.commit(e3=environment("e3", 8003, green="2.0.0"))
    counting.asked.clear()
    second = desires.look()
    assert [what for what in counting.asked if what != "tree"] == ["environments/e3.yaml"]
    assert second.environments["e1"] is first.environments["e1"]
    changed = second.environments["e3"]
    assert isinstance(changed, Manifest)
    assert changed.spec.target == Release(Slot.GREEN, "2.0.0")
    assert isinstance(first.environments["e3"], Manifest)
    assert first.environments["e3"].spec.digest != changed.spec.digest


def test_a_branch_that_cannot_be_read_is_a_problem_and_comes_back(repo, desires, manifest) -> None:
    lost = desires.look()
    assert (lost.revision, dict(lost.environments)) == ("", {})
    assert "no commit yet" in lost.problem
    assert desires.look() is lost
    commit = repo.commit(production=manifest)
    assert desires.look().revision == commit
    (repo.path / ".git/refs/heads/main").unlink()
    assert desires.look().revision == ""
    repo.git("update-ref", "refs/heads/main", commit)
    assert isinstance(desires.look().environments["production"], Manifest)


def test_a_manifest_that_could_not_be_read_is_tried_again_though_the_head_stays(
    repo, desires, counting, manifest, environment
) -> None:
    repo.commit(production=manifest, test=environment("test", 8081))
    counting.broken.add("environments/test.yaml")
    hurt = desires.look()
    assert isinstance(hurt.environments["test"], Invalid)
    assert isinstance(hurt.environments["production"], Manifest)
    assert desires.look() is hurt
    counting.broken.clear()
    assert isinstance(desires.look().environments["test"], Manifest)


# ---- between manifests -----------------------------------------------------------------------------------------------


def test_two_manifests_of_one_name_are_both_invalid_and_name_each_other(repo, desires, manifest, environment) -> None:
    repo.commit(a=manifest, b=environment("production", 8081), c=environment("other", 8082))
    environments = desires.look().environments
    text = str(environments["production"])
    assert "environments/a.yaml:4:9: environment 'production' is also in environments/b.yaml:4:9" in text
    assert "environments/b.yaml:4:9: environment 'production' is also in environments/a.yaml:4:9" in text
    assert isinstance(environments["other"], Manifest)


@pytest.mark.parametrize("other", ["127.0.0.1:8080", "localhost:8080"])
def test_two_gateways_on_one_address_are_both_invalid_and_name_each_other(repo, desires, manifest, other) -> None:
    second = manifest.replace("name: production", "name: test").replace("127.0.0.1:8080", other)
    repo.commit(production=manifest, test=second, third=manifest.replace("production", "third").replace("8080", "8081"))
    environments = desires.look().environments
    assert (
        "environments/production.yaml:10:34: the gateway address 127.0.0.1:8080 is also claimed by 'test'"
        " in environments/test.yaml:10:34"
    ) in str(environments["production"])
    assert "also claimed by 'production' in environments/production.yaml:10:34" in str(environments["test"])
    assert isinstance(environments["third"], Manifest)


def test_two_gateways_on_one_farm_are_both_invalid_and_name_each_other(repo, desires, manifest) -> None:
    gateway = re.sub(r"gateway: .*", "gateway: {kind: iis-arr, farm: portal}", manifest)
    second = gateway.replace("name: production", "name: test")
    repo.commit(
        production=gateway, test=second, third=second.replace("name: test", "name: third").replace("portal", "p")
    )
    environments = desires.look().environments
    assert "the farm 'portal' is also claimed by 'test' in environments/test.yaml:" in str(environments["production"])
    assert "also claimed by 'production' in environments/production.yaml:" in str(environments["test"])
    assert isinstance(environments["third"], Manifest)


def test_a_file_whose_name_cannot_be_read_goes_by_its_files_name(repo, desires, manifest) -> None:
    repo.commit(a="a: [", production="b: [", c=manifest)
    environments = desires.look().environments
    assert isinstance(environments["a"], Invalid)
    assert isinstance(environments["production"], Manifest)
    assert isinstance(environments["environments/production.yaml"], Invalid)


def test_what_cannot_be_a_manifest_is_told_beside_the_others(repo, desires, manifest) -> None:
    repo.write("environments/production.yaml", manifest)
    (repo.path / "environments/link.yaml").symlink_to("production.yaml")
    repo.commit(big="#" * 300_000)
    environments = desires.look().environments
    assert isinstance(environments["production"], Manifest)
    assert "symbolic link" in str(environments["link"])
    assert "too many" in str(environments["big"])


class Strict:
    """An operator who allows one address and one app less, and whose front end has no ports."""

    def listen_problem(self, address: str) -> str:
        return "" if address == "127.0.0.1:8080" else f"'{address}' is not allowed"

    def app_problem(self, name: str, *, weighted: bool, standby: bool) -> str:
        if name == "demo-frontend" and weighted:
            return f"app '{name}' has no ports"
        return f"unknown app '{name}'" if name == "demo-worker" else ""

    def problem(self, section: str, name: str) -> str:
        return f"nothing called '{name}' in {section}" if name == "missing" else ""

    def dump_problem(self, name: str, *, dumps: bool) -> str:
        return f"'{name}' writes no dump" if dumps and name == "db-backup" else ""

    def signers_problem(self) -> str:
        return "nobody's keys are known"


def test_the_operators_objections_are_told_at_their_places(repo, counting, manifest) -> None:
    repo.commit(production=manifest.replace("8080", "9999"))
    found = Desires(counting, Strict()).look().environments["production"]
    assert str(found).splitlines() == [
        "environments/production.yaml:10:34: '127.0.0.1:9999' is not allowed",
        "environments/production.yaml:13:70: app 'demo-frontend' has no ports",
        "environments/production.yaml:14:69: unknown app 'demo-worker'",
    ]


GATES = """\
  gates:
    preflight:
      - {kind: http, path: /healthz}
      - {kind: command, command: missing}
    shift:
      - {kind: migration, command: missing}
"""


def test_what_a_gate_names_and_nobody_defined_is_told_at_its_place(repo, counting, manifest) -> None:
    repo.commit(production=manifest.replace("demo-worker", "demo-api").replace("demo-frontend", "demo-api") + GATES)
    found = Desires(counting, Strict()).look().environments["production"]
    assert str(found).splitlines() == [
        "environments/production.yaml:23:34: nothing called 'missing' in commands",
        "environments/production.yaml:25:36: nothing called 'missing' in commands",
    ]


def test_what_a_gateway_names_and_nobody_defined_is_told_at_its_place(repo, counting, manifest) -> None:
    text = manifest.replace("{kind: envoy,", "{kind: haproxy, proxy: missing,")
    repo.commit(production=text.replace("demo-worker", "demo-api").replace("demo-frontend", "demo-api"))
    found = Desires(counting, Strict()).look().environments["production"]
    assert str(found) == "environments/production.yaml:10:35: nothing called 'missing' in proxies"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("approvals: {before: [shift], approvers: [anna@corp.example]}", "[anna"),
        ("approvals: {before: [shift], minimum: 2}", "2}"),
        ("approvals: {before: [shift], selfApproval: false}", "false"),
    ],
)
def test_approvals_that_need_signatures_need_keys_that_the_operator_knows(
    repo, counting, manifest, line: str, place: str
) -> None:
    repo.commit(
        production=manifest.replace("demo-worker", "demo-api").replace("demo-frontend", "demo-api") + f"  {line}\n"
    )
    found = Desires(counting, Strict()).look().environments["production"]
    assert str(found) == f"environments/production.yaml:20:{line.index(place) + 3}: nobody's keys are known"
    repo.commit(production=manifest.replace("demo-worker", "demo-api").replace("demo-frontend", "demo-api"))
    assert isinstance(Desires(counting, Strict()).look().environments["production"], Manifest)


def test_an_approval_by_anybody_needs_no_keys(repo, counting, manifest) -> None:
    text = manifest.replace("demo-worker", "demo-api").replace("demo-frontend", "demo-api")
    repo.commit(production=text + "  approvals: {before: [shift]}\n")
    assert isinstance(Desires(counting, Strict()).look().environments["production"], Manifest)


# ---- one environment -------------------------------------------------------------------------------------------------


def test_the_head_is_told_beside_what_is_in_force(repo, desires, environment) -> None:
    first = repo.commit(production=environment("production", 8080, "1.0.0"))
    fresh = desires.desired("production")
    assert (fresh.revision, fresh.in_force, fresh.problem, fresh.forward) == (first, None, "", True)
    assert fresh.head is not None
    second = repo.commit(production=environment("production", 8080, "2.0.0"))
    later = desires.desired("production", first, fresh.head.digest)
    assert later.revision == second
    assert later.in_force == fresh.head
    assert later.head is not None
    assert later.head.target.version == "2.0.0"
    assert later.forward


def test_the_last_good_state_is_found_again_after_a_restart(repo, desires, counting, manifest) -> None:
    first = repo.commit(production=manifest)
    good = desires.desired("production").head
    assert good is not None
    repo.git("mv", "environments/production.yaml", "environments/renamed.yaml")
    repo.commit(renamed=manifest.replace("activeSlot: green", "activeSlot: gren"))
    again = Desires(counting)
    found = again.desired("production", first, good.digest)
    assert found.head is None
    assert "found 'gren'" in found.problem
    assert found.in_force == good
    assert again.manifest(good).spec == good


def test_an_unchanged_environment_asks_git_nothing(repo, desires, counting, manifest) -> None:
    first = repo.commit(production=manifest)
    digest = desires.look().environments["production"].spec.digest
    repo.commit(production=manifest.replace("1.4.2", "1.4.3"))
    one = desires.desired("production", first, digest)
    counting.asked.clear()
    assert desires.desired("production", first, digest) is one
    assert counting.asked == []


def test_environments_accepted_at_one_revision_share_one_question_about_history(
    repo, desires, counting, environment
) -> None:
    first = repo.commit(**{f"e{number}": environment(f"e{number}", 8000 + number) for number in range(4)})
    digests = {name: found.spec.digest for name, found in desires.look().environments.items()}
    repo.commit(e1=environment("e1", 8001, "2.0.0"))
    counting.asked.clear()
    for name, digest in digests.items():
        desires.desired(name, first, digest)
    assert counting.asked.count("descends") == 1


def test_a_manifest_that_was_removed_says_how_to_stop(repo, desires, manifest) -> None:
    first = repo.commit(production=manifest)
    good = desires.desired("production").head
    assert good is not None
    repo.git("rm", "--quiet", "environments/production.yaml")
    second = repo.commit()
    found = desires.desired("production", first, good.digest)
    assert found.head is None
    assert found.in_force == good
    assert found.problem == f"no manifest named 'production' at {second[:12]}; to stop it: reconcile down production"


def test_a_manifest_that_lost_its_name_is_not_taken_for_removed(repo, desires, manifest) -> None:
    repo.commit(live=manifest.replace("name: production", "name: [production"))
    problem = desires.desired("production").problem
    assert "reconcile down" not in problem
    assert "environments/live.yaml:" in problem


def test_a_rewritten_branch_does_not_go_forward(repo, desires, manifest) -> None:
    first = repo.commit(production=manifest)
    second = repo.commit(production=manifest.replace("1.4.2", "1.4.3"))
    digest = desires.look().environments["production"].spec.digest
    assert desires.desired("production", first).forward
    repo.git("reset", "--quiet", "--hard", first)
    back = desires.desired("production", second, digest)
    assert not back.forward
    assert back.in_force is not None
    assert back.in_force.digest == digest
    assert not desires.desired("production", "1" * 40, digest).forward


def test_what_is_in_force_stays_known_while_the_branch_cannot_be_read(repo, desires, manifest) -> None:
    first = repo.commit(production=manifest)
    good = desires.desired("production").head
    assert good is not None
    (repo.path / ".git/refs/heads/main").unlink()
    found = desires.desired("production", first, good.digest)
    assert (found.revision, found.head, found.in_force) == ("", None, good)
    assert found.problem


def test_a_past_that_cannot_be_read_just_now_is_asked_for_again(repo, desires, counting, manifest) -> None:
    first = repo.commit(production=manifest)
    good = desires.look().environments["production"].spec
    repo.commit(production=manifest.replace("1.4.2", "1.4.3"))
    counting.broken.add("descends")
    unsure = desires.desired("production", first, good.digest)
    assert unsure.head is None
    assert not unsure.forward
    assert "broken for a while" in unsure.problem
    counting.broken.clear()
    sure = desires.desired("production", first, good.digest)
    assert sure.head is not None
    assert sure.forward


def test_the_past_of_an_environment_is_had_by_its_name(repo, desires, manifest, environment) -> None:
    first = repo.commit(b=manifest, a=environment("other", 8081), broken="x: [")
    repo.commit(b=manifest.replace("1.4.2", "1.4.3"))
    past = desires.at(first, "production")
    assert past is not None
    assert past.spec.target.version == "1.4.2"
    assert desires.at(first, "nobody") is None
    assert desires.at("1" * 40, "production") is None
    assert desires.at("no commit", "production") is None


def test_a_spec_of_nobody_has_no_manifest(repo, desires, manifest) -> None:
    repo.commit(production=manifest)
    spec = desires.look().environments["production"].spec
    assert desires.manifest(spec).spec is spec
    repo.commit(production=manifest.replace("1.4.2", "1.4.3"))
    desires.look()
    with pytest.raises(InvalidDesired, match="not to be had any more"):
        desires.manifest(spec)


def test_desired_state_says_from_which_branch_it_is(repo, manifest: str) -> None:
    """It is put back there, if it fails, and nowhere else."""
    repo.commit(production=manifest)
    desires = Desires(Repository(repo.path))
    assert desires.desired("production").branch == "main"
    repo.git("switch", "--quiet", "-c", "feature")
    assert desires.desired("production").branch == "feature"
    desires.close()
