"""What a gateway of IIS with ARR needs on its machine, for the doctor: one line each, with what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.clock import Clock
from reconciler.drivers.examining import Finding, failed, ok, split, warning
from reconciler.drivers.iis_arr import certificate
from reconciler.drivers.iis_arr.plan import Plan
from reconciler.drivers.iis_arr.scripts import Installed, installed, look
from reconciler.drivers.iis_arr.set_up import check_serving, check_set_up
from reconciler.drivers.windows import examined as machines
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Ask, Run
from reconciler.errors import ReconcilerError

ALWAYS = ("AlwaysRunning", "1")  # as a word, or as IIS counts it
HANDLERS = ("httpPlatformHandler", "AspNetCoreModule", "AspNetCoreModuleV2")
ROTATING = "HttpPlatformHandler or ASP.NET Core's module"


def examined(plan: Plan, machine: Machine, run: Ask, clock: Clock) -> list[Finding]:
    """The machine first: when it does not answer, nothing else is asked."""
    found = machines.examined(plan.farm.machine, machine, run, clock=clock)
    if not machines.answers(found):
        return found
    try:
        there = installed(run, plan)
    except ReconcilerError as error:
        return [*found, failed("iis", *split(error))]
    found += [_arr(there), _rewrite(there), *_pool(plan, there), *_tests(there), _members(there)]
    return [*found, _farms(plan, run, there), *certificate.examined(plan.farm, clock)]


def _arr(there: Installed) -> Finding:
    if not there.arr:
        return failed("arr", "Application Request Routing is not installed", "install ARR 3.0 there (docs/windows.md)")
    if not there.proxy:
        cure = "IIS Manager, Application Request Routing Cache, Server Proxy Settings: Enable proxy"
        return failed("arr", "ARR is installed, and its proxy is switched off", cure)
    if not there.host:
        what = "members do not get the host name that users have typed: links and cookies of theirs may break"
        return warning("arr", what, "run there what `reconcile gateway ENV` prints now, or set preserveHostHeader")
    return ok("arr", "installed, and its proxy is switched on")


def _rewrite(there: Installed) -> Finding:
    if not there.rewrite:
        return failed("url rewrite", "it is not installed", "install URL Rewrite 2.1 there (docs/windows.md)")
    return ok("url rewrite", "installed")


def _pool(plan: Plan, there: Installed) -> Iterator[Finding]:
    """Counters, and who drains, end with its process."""
    pool = plan.farm.pool
    if there.recycled is None:
        yield failed(
            "pool", f"there is no application pool {pool}", f"name another one in [farms] as `pool`, not {pool}"
        )
        return
    time, zero = "recycling.periodicRestart.time", "-Value '00:00:00'"
    wrong = [
        (there.recycled != 0, f"recycles every {there.recycled} minutes", f"{time} {zero}"),
        (there.idle != 0, f"ends after {there.idle} idle minutes", f"processModel.idleTimeout {zero}"),
        (there.started not in ALWAYS, "starts with the first request", "startMode -Value AlwaysRunning"),
        (there.processes != 1, f"has {there.processes} processes", "processModel.maxProcesses -Value 1"),
        (there.runtime != "", f"runs .NET {there.runtime}", "managedRuntimeVersion -Value ''"),
    ]
    said = [(what, key) for so, what, key in wrong if so]
    for what, key in said:
        yield warning("pool", f"{pool} {what}", rf"Set-ItemProperty 'IIS:\AppPools\{pool}' -Name {key}")
    if not said:
        yield ok("pool", f"{pool} always runs, in one process, and recycles only when it is told")


def _tests(there: Installed) -> Iterator[Finding]:
    for farm in there.tested:
        what = f"{farm} has a health test: it takes stable out as well, and moves its users to the newcomer"
        yield warning("health test", what, "IIS Manager, the farm, Health Test: clear the URL")


def _members(there: Installed) -> Finding:
    """The trap of decision 029."""
    names = ", ".join(there.here)
    if not there.here:
        return ok("members", "no site of this IIS has a port of a member")
    if not any(one in HANDLERS for one in there.modules):
        return ok("members", f"{names} run in the same IIS, and neither {ROTATING} is installed")
    what = f"{names} run in the same IIS, with {ROTATING}: a change of weights may restart them, stable's too"
    return warning("members", what, "ARR on a machine of its own, or see docs/windows.md for other ways out")


def _farms(plan: Plan, run: Run, there: Installed) -> Finding:
    try:
        stand = look(run, plan)
        check_set_up(plan, stand)
        check_serving(plan, stand)
    except ReconcilerError as error:
        return failed("farms", *split(error))
    if there.lacking:
        return failed("farms", f"the site {plan.farm.site} lacks the rules {', '.join(there.lacking)}", plan.cure)
    return ok("farms", f"{', '.join(one.name for one in stand.farms)}: set up as we ask for it")
