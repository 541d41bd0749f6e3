from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.configuration import Configuration, load, parse
from reconciler.errors import InvalidConfiguration

FULL = """
[repository]
path = "environments-repo"
branch = "main"
[journal]
url = "sqlite:///state/journal.db"
[state]
dir = "var"
[apps.demo-api]
command = ["{python}", "-m", "demo_api", "--port", "{port}", "--version", "{version}"]
releases = "releases/{version}"
ports = {blue = 9001, green = 9002}
ready = "/healthz"
stop_timeout = "3s"
[security]
allow_hosts = ["127.0.0.1", "*.Corp.example"]
listen = ["127.0.0.1", "0.0.0.0:8443", "[::1]"]
"""


def told(text: str) -> list[str]:
    """Every mistake, without the file's name."""
    with pytest.raises(InvalidConfiguration) as caught:
        parse(text, Path("/place/reconciler.toml"))
    lines = str(caught.value).splitlines()
    assert all(line.startswith("/place/reconciler.toml: ") for line in lines)
    return [line.removeprefix("/place/reconciler.toml: ") for line in lines]


def parsed(text: str) -> Configuration:
    return parse(text, Path("/place/reconciler.toml"))


# ---- what a good one gives -------------------------------------------------------------------------------------------


def test_relative_paths_are_relative_to_the_file() -> None:
    found = parsed(FULL)
    assert found.file == Path("/place/reconciler.toml")
    assert found.repository_path == Path("/place/environments-repo")
    assert found.repository.branch == "main"
    assert found.state_dir == Path("/place/var")
    assert found.journal_url == "sqlite:////place/state/journal.db"


def test_metrics_are_served_on_loopback_or_where_the_operator_lets_listen() -> None:
    assert parsed("").metrics.listen is None
    assert parsed('[metrics]\nlisten = "127.0.0.1:9464"\n').metrics.listen == "127.0.0.1:9464"
    wide = '[metrics]\nlisten = "0.0.0.0:9464"\n'
    (problem,) = told(wide)
    assert problem.startswith("metrics.listen: listening on '0.0.0.0:9464' is not allowed, only on: 127.0.0.1")
    assert parsed(wide + '[security]\nlisten = ["0.0.0.0:9464"]\n').metrics.listen == "0.0.0.0:9464"
    (problem,) = told('[metrics]\nlisten = "9464"\n')
    assert problem == "metrics.listen: '9464' is no address, expected host:port such as 127.0.0.1:8080"


def test_absolute_paths_and_other_journals_stay_as_they_are() -> None:
    text = '[repository]\npath = "/r"\n[journal]\nurl = "sqlite:////j.db"\n[state]\ndir = "/s"\n'
    found = parsed(text)
    assert (found.repository_path, found.state_dir, found.journal_url) == (Path("/r"), Path("/s"), "sqlite:////j.db")
    other = "postgresql://user@db/journal"
    assert parsed(f'[journal]\nurl = "{other}"').journal_url == other


def test_an_app_is_the_process_drivers_own_model() -> None:
    app = parsed(FULL).app("demo-api")
    assert app.command[0] == "{python}"
    assert app.ports is not None
    assert (app.ports.blue, app.stop_timeout, app.base) == (9001, 3.0, Path("/place"))


def test_an_app_that_nobody_defined_is_told_with_the_nearest_name() -> None:
    found = parsed(FULL)
    assert found.app_problem("demo-api") == ""
    assert "unknown app 'demo-apx'; did you mean 'demo-api'?" in found.app_problem("demo-apx")
    assert "[apps.demo-apx] in /place/reconciler.toml" in found.app_problem("demo-apx")
    with pytest.raises(InvalidConfiguration, match="did you mean 'demo-api'"):
        found.app("demo-apx")


def test_an_app_without_ports_may_work_and_may_not_take_traffic() -> None:
    found = parsed('[apps.bare]\ncommand = ["sleep", "1000"]\n')
    assert found.app_problem("bare") == ""
    assert found.app_problem("bare", weighted=True) == (
        "app 'bare' has no ports, so no traffic can reach a weighted member that names it;"
        " add `ports = {blue = PORT, green = PORT}` to [apps.bare] in /place/reconciler.toml"
    )
    assert parsed(FULL).app_problem("demo-api", weighted=True) == ""


def test_what_a_manifest_may_name_is_the_drivers_own_model_and_relative_to_the_file() -> None:
    found = parsed('[commands.check]\nargv = ["bin/check"]\ncwd = "tools"\n[proxies.edge]\nsocket = "/run/h.sock"\n')
    assert found.named("commands", "check").folder == Path("/place/tools")
    assert found.proxy("edge").socket == "/run/h.sock"
    assert (found.problem("commands", "check"), found.problem("proxies", "edge")) == ("", "")


def test_what_nobody_defined_is_told_with_the_nearest_name_and_its_place() -> None:
    found = parsed('[commands.check]\nargv = ["bin/check"]\n')
    told = "unknown command 'chek'; did you mean 'check'?; define [commands.chek] in /place/reconciler.toml"
    assert found.problem("commands", "chek") == told
    assert (
        parsed("").problem("proxies", "edge").startswith("unknown proxy 'edge'; expected none; define [proxies.edge]")
    )
    with pytest.raises(InvalidConfiguration, match="did you mean 'check'"):
        found.named("commands", "chek")


SIGNED = """
[repository]
author = "Release Robot <robot@corp.example>"
[repository.verify]
mode = "head"
signers = "allowed_signers"
keyring = "signers.gpg"
[repository.signing]
key = "signing-key"
"""


def test_keys_of_signers_are_files_beside_the_operators_own() -> None:
    found = parsed(SIGNED)
    assert (found.repository.verify.mode, found.repository.author) == ("head", "Release Robot <robot@corp.example>")
    assert (found.signers_path, found.keyring_path) == (Path("/place/allowed_signers"), Path("/place/signers.gpg"))
    assert found.signing_key_path == Path("/place/signing-key")
    assert found.signers_problem() == ""


def test_without_a_word_nothing_is_verified_and_nobody_is_known() -> None:
    found = parsed("")
    assert (found.repository.verify.mode, found.repository.author) == ("none", "reconciler <reconciler@localhost>")
    assert (found.signers_path, found.keyring_path, found.signing_key_path) == (None, None, None)
    assert "add `signers` (SSH allowed_signers) or `keyring` (OpenPGP)" in found.signers_problem()
    assert parsed('[repository.verify]\nkeyring = "x"\n').signers_problem() == ""


DUMPS = """
[commands.db-backup]
argv = ["pg_dump", "--file", "{dump}"]
[commands.db-restore]
argv = ["pg_restore", "{dump}"]
[commands.plain]
argv = ["true"]
"""


def test_recovery_points_lie_in_the_states_folder_or_where_the_operator_says() -> None:
    assert parsed("").snapshots_dir == parsed("").state_dir / "snapshots"
    found = parsed('[snapshots]\nfolder = "/backup"\nkeep = 9\nkeep_for = "720h"\nchanging = "record"\n')
    assert found.snapshots_dir == Path("/backup")
    assert (found.snapshots.keep, found.snapshots.keep_for, found.snapshots.changing) == (9, 720 * 3600.0, "record")


def test_only_the_commands_of_a_snapshot_are_told_where_a_dump_is() -> None:
    found = parsed(DUMPS)
    assert not found.dump_problem("db-backup", dumps=True)
    assert not found.dump_problem("plain", dumps=False)
    assert "asks for `{dump}`" in found.dump_problem("db-backup", dumps=False)
    assert "add the word `{dump}` to argv of [commands.plain]" in found.dump_problem("plain", dumps=True)


def test_what_loads_a_dump_is_a_command_that_is_told_it() -> None:
    assert parsed(DUMPS + '[snapshots]\nrestore = {db-backup = "db-restore"}\n').snapshots.restore
    for wrong in ('{db-backup = "db-restor"}', '{db-backup = "plain"}', '{nobody = "db-restore"}'):
        assert "snapshots.restore: " in told(f"{DUMPS}[snapshots]\nrestore = {wrong}\n")[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "api.corp.example", "API.CORP.EXAMPLE.", "a.b.corp.example"])
def test_a_host_that_the_operator_named_is_allowed(host: str) -> None:
    assert parsed(FULL).allowed(host)


@pytest.mark.parametrize(
    "host",
    ["", "corp.example", "evilcorp.example", "corp.example.evil", "localhost", "127.0.0.2", "2130706433", "[::1]", "*"],
)
def test_any_other_host_is_not(host: str) -> None:
    assert not parsed(FULL).allowed(host)


def test_without_a_word_only_this_machine_is_allowed() -> None:
    found = parsed("")
    assert all(found.allowed(host) for host in ("127.0.0.1", "localhost", "::1", "[::1]"))
    assert not found.allowed("10.0.0.1")


@pytest.mark.parametrize("address", ["127.0.0.1:80", "0.0.0.0:8443", "[::1]:80"])
def test_a_gateway_may_listen_where_the_operator_allows_it(address: str) -> None:
    assert parsed(FULL).listen_problem(address) == ""


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "10.0.0.1:80", ":80", "localhost:80", "80"])
def test_a_gateway_may_not_listen_elsewhere(address: str) -> None:
    problem = parsed(FULL).listen_problem(address)
    assert f"listening on '{address}' is not allowed" in problem
    assert "add it to `listen` under [security] in /place/reconciler.toml" in problem


def test_without_a_word_a_gateway_listens_on_this_machine_only() -> None:
    assert parsed("").listen_problem("127.0.0.1:8080") == ""
    assert parsed("").listen_problem("0.0.0.0:8080")


# ---- what a bad one gets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[repositry]\n", "the file: unknown key 'repositry'; did you mean 'repository'?"),
        ('[repository]\npaht = "x"\n', "repository: unknown key 'paht'; did you mean 'path'?"),
        ("[repository]\npath = 5\n", "repository.path: expected a valid string"),
        ('[apps.a]\ncomand = ["x"]\n', "apps.a: unknown key 'comand'; did you mean 'command'?"),
        ('[apps.a]\nready = "/x"\n', "apps.a: missing key 'command'"),
        (
            '[apps.a]\ncommand = ["x"]\nports = {bleu = 1, green = 2}\n',
            "apps.a.ports: unknown key 'bleu'; did you mean 'blue'?",
        ),
        ('[apps.a]\ncommand = ["x"]\nbase = "/"\n', "apps.a: unknown key 'base'; expected one of: command, cwd, env"),
        ('[apps.a]\ncommand = ["{prt}"]\n', "apps.a.command: unknown placeholder {prt}"),
        ("apps = 5\n", "apps: expected a valid dictionary"),
        ("[apps]\na = 5\n", "apps.a: expected a valid dictionary"),
        ('[apps."../x"]\ncommand = ["x"]\n', "apps.../x"),
        ("[credentials.c]\nfile = 'x'\n", "the file: unknown key 'credentials'"),  # refused until it means something
        ('[commands.c]\nargs = ["x"]\n', "commands.c: unknown key 'args'; did you mean 'argv'?"),
        ("[commands.c]\nargv = []\n", "commands.c.argv: "),
        ('[commands.c]\nargv = ["x"]\nbase = "/"\n', "commands.c: unknown key 'base'; expected one of: argv, cwd"),
        ('[queries.q]\nurl = "sqlite:///x.db"\n', "queries.q: missing key 'sql'"),
        ('[queries.q]\nurl = "mysql://x"\nsql = "SELECT 1"\n', "queries.q.url: expected sqlite:///PATH or postgresql"),
        ('[queries.q]\nurl = "sqlite:///x.db"\nsqll = "SELECT 1"\n', "queries.q: unknown key 'sqll'; did you mean"),
        ('[folders.f]\nmarker = "x"\n', "folders.f: missing key 'path'"),
        ('[folders.f]\npath = "x"\nmarker = "a/b"\n', "folders.f.marker: "),
        ('[folders.f]\npath = "x"\nbase = "/"\n', "folders.f: unknown key 'base'; expected one of: marker, path"),
        ("commands = 5\n", "commands: expected a valid dictionary"),
        ('[repository.verify]\nmode = "head"\n', 'repository.verify: mode = "head" needs keys; add `signers`'),
        ('[repository.verify]\nmode = "all"\n', "repository.verify.mode: expected 'none' or 'head'"),
        ('[repository.verify]\nsigner = "x"\n', "repository.verify: unknown key 'signer'; did you mean 'signers'?"),
        ("[repository.signing]\n", "repository.signing: missing key 'key'"),
        (
            '[repository.signing]\nkey = "x"\nkeys = "y"\n',
            "repository.signing: unknown key 'keys'; did you mean 'key'?",
        ),
        ('[repository]\nauthor = "reconciler"\n', "repository.author: "),
        ('[repository]\nauthor = "a <b@c>\\n<d@e>"\n', "repository.author: "),
        ("[a]\n[a]\n", "not valid TOML: "),
        ("a = \n", "not valid TOML: "),
    ],
)
def test_a_mistake_is_told_with_its_key_and_the_nearest_name(text: str, mistake: str) -> None:
    assert any(one.startswith(mistake) for one in told(text)), told(text)


def test_every_mistake_is_told_at_once() -> None:
    text = '[repositry]\n[state]\ndirr = "x"\n[apps.a]\ncomand = ["x"]\n[apps.b]\ncommand = []\n'
    assert len(told(text)) == 5


def test_no_value_of_the_file_is_in_a_message() -> None:
    text = '[apps.a]\ncommand = ["x"]\n[apps.a.env]\nPASSWORD = 12345678\nTOKEN = ["hunter2"]\n'
    text += '[queries.q]\nurl = "mysql://anna:hunter2@db"\nsql = "SELECT 1"\n'
    assert not any("12345678" in one or "hunter2" in one for one in told(text))


def test_no_variable_of_a_program_is_in_its_text() -> None:
    text = (
        '[apps.a]\ncommand = ["x"]\nenv = {TOKEN = "hunter2"}\n[commands.c]\nargv = ["x"]\nenv = {TOKEN = "hunter2"}\n'
    )
    assert "hunter2" not in f"{parsed(text)!r} {parsed(text).named('commands', 'c')!r}"


# ---- where it is found -----------------------------------------------------------------------------------------------


def place(folder: Path, dir_name: str) -> Path:
    file = folder / "reconciler.toml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[state]\ndir = "{dir_name}"\n')
    return file


def test_the_nearest_place_counts(tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    environ = {"HOME": str(home)}
    assert load(None, environ, work).file is None
    assert load(None, environ, work).state_dir == work / "state"
    place(home / ".config" / "reconciler", "users")
    assert load(None, environ, work).state.dir == "users"
    place(tmp_path / "xdg" / "reconciler", "xdg")
    assert load(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, work).state.dir == "xdg"
    place(work, "here")
    assert load(None, environ, work).state.dir == "here"
    named = place(tmp_path / "named", "variable")
    assert load(None, environ | {"RECONCILER_CONFIG": str(named)}, work).state.dir == "variable"
    explicit = place(tmp_path / "explicit", "option")
    assert load(explicit, environ | {"RECONCILER_CONFIG": str(named)}, work).state.dir == "option"


def test_the_defaults_serve_the_repository_in_the_current_folder(tmp_path: Path) -> None:
    found = load(None, {}, tmp_path)
    assert found.repository_path == tmp_path
    assert found.repository.branch is None
    assert found.journal_url == f"sqlite:///{tmp_path}/state/journal.db"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="--config names it"):
        load(tmp_path / "none.toml", {}, tmp_path)
    with pytest.raises(InvalidConfiguration, match="RECONCILER_CONFIG names it"):
        load(None, {"RECONCILER_CONFIG": str(tmp_path / "none.toml")}, tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(InvalidConfiguration, match="not UTF-8"):
        load(None, {}, tmp_path)


def test_a_file_that_git_tracks_is_refused_also_through_a_link(repo, tmp_path: Path) -> None:
    file = place(repo.path, "state")
    assert load(None, {}, repo.path).file == file
    repo.commit()
    with pytest.raises(InvalidConfiguration, match="git tracks this file"):
        load(None, {}, repo.path)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "reconciler.toml").symlink_to(file)
    with pytest.raises(InvalidConfiguration, match="git tracks this file"):
        load(None, {}, tmp_path / "outside")
    repo.git("rm", "--quiet", "--cached", "reconciler.toml")
    assert load(None, {}, repo.path).file == file


def signed_place(folder: Path) -> Path:
    """An operator's file with all that it names."""
    (folder / "reconciler.toml").write_text(SIGNED)
    for name in ("allowed_signers", "signers.gpg", "signing-key"):
        (folder / name).write_bytes(b"\0")
    return folder


@pytest.mark.parametrize("name", ["allowed_signers", "signers.gpg", "signing-key"])
def test_a_file_of_keys_must_be_there_and_outside_of_git(repo, name: str) -> None:
    """Whoever can commit must not decide who has signed."""
    folder = signed_place(repo.path)
    assert load(None, {}, folder).file
    repo.git("add", name)
    with pytest.raises(InvalidConfiguration, match=f"{name}: git tracks this file"):
        load(None, {}, folder)
    repo.git("rm", "--quiet", "--cached", name)
    (folder / name).unlink()
    with pytest.raises(InvalidConfiguration, match=f"{name}: cannot be read: No such file"):
        load(None, {}, folder)


def test_an_armored_keyring_is_refused_with_the_command_that_makes_it_a_binary_one(tmp_path: Path) -> None:
    folder = signed_place(tmp_path)
    (folder / "signers.gpg").write_bytes(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    with pytest.raises(InvalidConfiguration, match="armored, expected a binary keyring; gpg --dearmor"):
        load(None, {}, folder)


def test_asking_whether_git_tracks_it_runs_nothing_of_that_repository(repo, tmp_path: Path) -> None:
    place(repo.path, "state")
    repo.git("config", "core.fsmonitor", f"touch {tmp_path / 'was-run'}")
    load(None, {}, repo.path)
    assert not (tmp_path / "was-run").exists()


def test_without_apps_no_driver_is_loaded(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from reconciler.configuration import parse; parse('', Path('/x')); "
    code += "print([name for name in sys.modules if name.startswith('reconciler.drivers')])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, check=True, cwd=root)
    assert done.stdout.decode().strip() == "[]"
