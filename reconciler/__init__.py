"""A declarative reconciler for blue/green slots: git says what should be, the loop moves traffic there, and proves it.

The rooms, from top to bottom (imports go down only; `import-linter` holds it):

    cli, demo                      what a person types
    loop                           tick(), and when to tick
    observe, apply                 ask every driver; perform one step and read back
    world                          the drivers of one environment, opened
    desired, measure, journal      git and manifests; samplers and windows; the only memory
    configuration                  the operator's file
    drivers                        hands and eyes: gateways, hosts, gates
    core                           PURE: the rules that decide, the fold that remembers
    errors, clock                  the exception tree; the only reader of the clock
"""

__version__ = "0.1.0"
