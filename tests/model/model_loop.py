"""The tick in micro-steps: between any two of them everything else may happen, and the process may end.

Line by line beside the code that ships:

    place      step      loop/tick.py, loop/keeper.py, apply.py
    ---------  --------  ---------------------------------------------------------------------------------------------
    idle       look      Runner._once: `keeper.take()` was called before (step `take`)
                         keeper.catch_up()            view = the journal's memory, current = True; Fenced -> out
                         keeper.desired(state)        head, in force, forward (model_memory.desired)
                         keeper.observe: world(spec)  another manifest: opened anew, sealed = False
                           gateway.seal(generation)   Fenced -> out
                           observe()                  Look; stopwatch.look(): one unit if the last tick had to wait
    looked     settle    _settle: decide, note, decide, ... until Do or Wait (model_memory.settle)
                         keeper.write -> journal.extend(expected, generation)
                           JournalMoved               nothing is written, seconds given back -> idle
                           Fenced                     -> out
                         Wait: heartbeat; the next look counts a unit of time
    intended   check     boundary "intent-written"; keeper.has_news() -> JournalMoved -> idle, nothing is done
    checked    act       keeper.apply -> _perform with the reading of this look
                           Fenced -> out; Conflict, Refused, Unreachable -> the result is known
                           Unreachable from a write: sealed = False
    effected   outcome   boundary "effect-done"; _read_back; note(applied); write: JournalMoved -> idle, Fenced -> out

Reading back and writing the outcome are one step: what changes between them could as well change after them. One look
is one instant; the faults `torn`, `stale git`, `silent`, `unread` and `late verdict` make it less (model_faults).
"""

from __future__ import annotations

from dataclasses import replace

import model_asking as asking
import model_drivers as drivers
import model_git as git
import model_migration as migration
import model_saving as saving
from model_asking_laws import of_git, of_record
from model_drivers import Fenced
from model_laws import of_effect, of_outcome, of_writing, unrecorded
from model_memory import Memories
from model_world import FAILED, SUCCESSFUL, Command, Gateway, Here, Life, Look, Party, Scenario

from reconciler.core.events import Applied, Began, Ended
from reconciler.core.model import Spec
from reconciler.core.plan import RULES, Rule
from reconciler.core.situation import Record
from reconciler.core.steps import Migrate, Note, PutBack, Result, Route, TakeSnapshot, TryRestore

Step = tuple[Here, tuple[str, ...]]  # what is then, and the laws that this broke
NONE: tuple[str, ...] = ()


class Loop:
    """The steps of both parties over one scenario's memories."""

    def __init__(self, scenario: Scenario, rules: tuple[Rule, ...] = RULES) -> None:
        self.scenario, self.memories = scenario, Memories(scenario, rules)
        self.trusting = True  # a superseded party that has nothing in hand cannot do anything any more: not told apart

    # ---- places

    def step(self, here: Here, who: int) -> Step | None:
        """What this party does next; None when it cannot do anything (any more)."""
        match here.parties[who].place:
            case "idle":
                return self.look(here, who)
            case "looked":
                return self.settle(here, who)
            case "intended":
                return self.check(here, who)
            case "checked":
                return self.act(here, who)
            case "effected":
                return self.outcome(here, who)
            case "dead":
                return self.take(here, who)
            case _:
                return None

    def with_party(self, here: Here, who: int, party: Party) -> Here:
        parties = (party, here.parties[1]) if who == 0 else (here.parties[0], party)
        return here._replace(parties=parties)

    def superseded(self, here: Here, party: Party) -> bool:
        return self.trusting and party.generation < here.taken and party.place in ("idle", "looked")

    def out(self, here: Here, who: int) -> Step:
        """Fenced: this environment is not ours any more."""
        return self.with_party(here, who, Party("out")), NONE

    # ---- the journal

    def written(self, here: Here, who: int | None, memory: int) -> Here:
        """The journal has new entries: whoever looked before has not folded them."""
        parties = tuple(
            party._replace(current=False) if i != who and party.current and party.look else party
            for i, party in enumerate(here.parties)
        )
        return here._replace(memory=memory, parties=parties)  # type: ignore[arg-type]

    def journal_moved(self, party: Party) -> bool:
        """`expected` in journal.extend."""
        return not party.current

    def taken_over(self, here: Here, party: Party) -> bool:
        """`generation` in keeper.catch_up."""
        return party.generation < here.taken

    def has_news(self, party: Party) -> bool:
        """keeper.has_news."""
        return not party.current

    def journal_fenced(self, here: Here, party: Party) -> bool:
        """`generation` in journal.extend."""
        return party.generation < here.taken

    # ---- the steps

    def take(self, here: Here, who: int) -> Step:
        """A process begins: a new generation on record, before anything else."""
        here = self.written(here, None, here.memory)._replace(taken=here.taken + 1)
        here = self.with_party(here, who, Party("idle", generation=here.taken))
        for i, party in enumerate(here.parties):
            if self.superseded(here, party):
                here = self.with_party(here, i, self.plain(party))
        return here, NONE

    def plain(self, party: Party) -> Party:
        return Party(
            "idle", party.generation, party.opened, party.sealed, migration=party.migration, saving=party.saving
        )

    def look(
        self, here: Here, who: int, *, head: int | None = None, gateway: Gateway | str | None = "",
        members: tuple[Life, ...] | None = None, gates: str = "", slow: bool = False, beside: str = "",
    ) -> Step:  # fmt: skip
        """Keyword arguments are misreadings."""
        party, memory = here.parties[who], here.memory
        if self.taken_over(here, party):
            return self.out(here, who)
        seen = here.head if head is None else head
        opened = self.memories.spec_number(memory, seen)
        sealed = party.sealed and party.opened == opened
        if not sealed and opened >= 0:
            try:
                here, sealed = self.seal(here, party.generation), True
            except Fenced:
                return self.out(here, who)
        read = here.gateway if gateway == "" else gateway
        verdict, known = gates or self.verdict(here), party.migration[0]
        look = Look(
            seen, read, members or here.members, verdict, here.busy, known,  # type: ignore[arg-type]
            saving=party.saving, **self.memories.around(here, beside),
        )  # fmt: skip
        elapsed = party.elapsed + int((party.waited or slow) and read is not None)
        here = here._replace(owner=max(here.owner, party.generation))
        party = Party(
            "looked", party.generation, opened if opened >= 0 else party.opened, sealed, False,
            self.memories.worn(memory, elapsed), memory, True, look, migration=party.migration,
            saving=party.saving,
        )  # fmt: skip
        return self.with_party(here, who, party), NONE

    def seal(self, here: Here, generation: int) -> Here:
        return drivers.seal(here, generation)

    def verdict(self, here: Here) -> str:
        t = self.memories.states[here.memory].transition
        return str(FAILED if t and t.newcomer.version in here.bad else SUCCESSFUL)

    def settle(self, here: Here, who: int) -> Step:
        party = here.parties[who]
        assert party.look
        found = self.memories.settle(party.view, party.look, party.elapsed)
        idle = self.plain(party)._replace(elapsed=party.elapsed)
        if not found.events:
            return self.with_party(here, who, idle._replace(waited=True)), found.breaches
        if self.journal_moved(party):
            return self.with_party(here, who, idle), NONE
        if self.journal_fenced(here, party):
            return self.out(here, who)
        memory = found.after if party.current else self.memories.fold_all(here.memory, found.events, party.elapsed)
        breaches = (*found.breaches, *of_writing(here, party))
        turns = (0 if found.accepted else here.turns) + found.turned
        earlier = self.memories.states[here.memory]
        here = self.written(here, who, memory)._replace(turns=min(turns, self.scenario.turns + 1))
        here = asking.asked_no_more(here, found.events, earlier, self.memories.states[memory])
        if any(isinstance(event, Began) for event in found.events):
            here = here._replace(made=("", -1), restored="", saved=False)
        if any(isinstance(event, Began | Ended) for event in found.events):
            party, idle = (saving.outdated(migration.outdated(one)) for one in (party, idle))
        if found.intent < 0:
            waited = not any(isinstance(one.answer, Record) for one in found.decisions)
            return self.with_party(here, who, idle._replace(elapsed=0, waited=waited)), breaches
        going = party._replace(place="intended", elapsed=0, intent=found.intent, current=True, view=-1)
        return self.with_party(here, who, going), breaches

    def spec(self, party: Party) -> Spec:
        found = self.memories.specs[party.opened]
        assert found
        return found

    def check(self, here: Here, who: int) -> Step:
        """Whoever slept since its intent was written finds out now, before anything is done."""
        party = here.parties[who]
        if self.has_news(party):
            return self.with_party(here, who, self.plain(party)), NONE
        return self.with_party(here, who, party._replace(place="checked")), NONE

    def act(self, here: Here, who: int, *, members: tuple[str, ...] | None = None, copy: bool = False) -> Step:
        """`members`: only these of a host command arrive. `copy`: the same write arrives once more, later."""
        party = here.parties[who]
        try:
            result, after = self.performed(here, party, members)
        except Fenced:
            return self.out(here, who)
        breaches = unrecorded(self, here, party) + of_effect(self, here, after, party, whole=members is None)
        breaches += of_git(self, here, after, party)
        if copy:
            after = self.posted(after, after.parties[who])
        return self.told(after, who, result), breaches

    def told(self, here: Here, who: int, result: str) -> Here:
        """What the sender knows. A write that may still arrive is shut out by sealing again before the next look."""
        party = here.parties[who]
        doubt = result == drivers.UNSURE and isinstance(self.memories.intents[party.intent].act, Route)
        done = party._replace(place="effected", result=result, sealed=party.sealed and not doubt)
        return self.with_party(here, who, done)

    def performed(self, here: Here, party: Party, members: tuple[str, ...] | None = None) -> tuple[str, Here]:
        act = self.memories.intents[party.intent].act
        if members is not None:
            act = replace(act, members=members)  # type: ignore[call-arg]
        if self.host_refuses(here, party, act):
            raise Fenced
        if isinstance(act, Migrate):
            return migration.begin(here, party, act)
        if isinstance(act, TakeSnapshot | TryRestore):
            return saving.begin(here, party, act)
        if isinstance(act, PutBack | Note):
            return git.perform(self.scenario, here, act)
        return drivers.perform(here, act, party, self.spec(party))

    def host_refuses(self, here: Here, party: Party, act: object) -> bool:
        hosts = type(act).__name__ in ("Start", "Stop", "PutBack", "Note")
        return hosts and self.scenario.hosts_fenced and party.generation < here.taken

    def posted(self, here: Here, party: Party) -> Here:
        command = Command(party.intent, party.generation, party.same_life, party.same_version)
        return here._replace(wire=(*here.wire, command))

    def outcome(self, here: Here, who: int) -> Step:
        party = here.parties[who]
        act = self.memories.intents[party.intent].act
        result = party.result or drivers.read_back(here, act, self.spec(party))
        idle = self.plain(party)
        if self.journal_moved(party):
            return self.with_party(here, who, idle), NONE
        if self.journal_fenced(here, party):
            return self.out(here, who)
        applied = Applied(Result(result), git.answer(here, act))
        here = of_record(here, act, applied)
        memory = self.memories.fold(here.memory, applied)
        breaches = (*of_outcome(self, here, applied), *of_writing(here, party))
        return self.with_party(self.written(here, who, memory), who, idle), breaches
