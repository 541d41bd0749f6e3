"""The environment of the end-to-end tests: small rungs, short times, real gates."""

from __future__ import annotations

ANALYSIS = "analysis: {until: successful, atMost: 200s}"
STEPS = ("setWeight: 25", ANALYSIS, "setWeight: 50", ANALYSIS, "setWeight: 100", "handOver: [worker]")
PARKED = ("setWeight: 50", "pause: {}", "setWeight: 100", "handOver: [worker]")  # at 50 % until `promote`
NOTE = ("rollback: {git: note}",)  # what failed stays in git: for what is said while it does
DRAIN = 3.0  # seconds
RUNGS = {0, 25, 50, 100}
PARKED_RUNGS = {0, 50, 100}

SEARCH = """\
    shift:
      - name: search
        kind: synthetic
        road: both
        rate: 40
        errors: "<= 0"
        p95: "<= 8s"
        timeout: 10s
        minimumSamples: 12
        journey:
          - {name: search, path: "/api/search?q=slot"}
"""

TEXT = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: {name}
spec:
  activeSlot: {active}
  slots:
    blue: {{version: "{blue}"}}
    green: {{version: "{green}"}}
  gateway: {{kind: {gateway}, listen: "127.0.0.1:{port}", sessions: {sessions}}}
  members:
    - {{name: api, traffic: weighted, match: {{prefix: /api}}, host: {{kind: process, app: {name}-api}}}}
    - {{name: frontend, traffic: weighted, host: {{kind: process, app: {name}-frontend}}}}
{exclusive}
  strategy:
    steps:
{steps}
    warmUp: 0s
    soak: {soak}
    drainTimeout: {drain:g}s
    scaleDownDelay: {scale_down}
    progressDeadline: {deadline}
  gates:
    preflight:
      - {{name: alive, kind: http, path: /healthz}}
{gates}{more}"""


def manifest(
    name: str,
    active: str,
    blue: str,
    green: str,
    port: int,
    *,
    steps: tuple[str, ...] = STEPS,
    sessions: str = "shared",
    gateway: str = "envoy",
    soak: str = "0.3s",
    deadline: str = "300s",
    scale_down: str = "10m",
    gates: str = SEARCH,
    warm: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> str:
    """`more`: lines of the spec, such as `rollback: {git: note}`."""
    standby = ", standby: true" if warm else ""
    exclusive = "\n".join(
        f"    - {{name: {one}, traffic: exclusive{standby}, host: {{kind: process, app: {name}-{one}}}}}"
        for one in warm or ("worker",)
    )
    climbing = "\n".join(f"      - {step}" for step in steps)
    return TEXT.format(
        name=name, active=active, blue=blue, green=green, port=port, steps=climbing, sessions=sessions, gateway=gateway,
        exclusive=exclusive, soak=soak, drain=DRAIN, deadline=deadline, scale_down=scale_down, gates=gates,
        more="".join(f"  {line}\n" for line in more),
    )  # fmt: skip
