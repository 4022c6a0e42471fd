"""Attack: run the corpus of hostile functions against a sandbox, and say what stopped each of them.

The corpus lies beside the guest in `sandboxes/attacks/`, one file a category. An attack must be refused, at a stage and
with a code that its line names, or leave nothing but a graph that computes what the graph says.
"""

from __future__ import annotations

import keyword
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np

from tfcaf_forge.errors import ConfigError, SandboxError
from tfcaf_forge.pipeline.watch import Watch
from tfcaf_forge.records.base import Plain, Record
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.resources import bundled
from tfcaf_forge.sandbox.profile import Profile, load_profile
from tfcaf_forge.sandbox.receive import Contract, receive
from tfcaf_forge.sandbox.sandbox import BACKENDS, check_required
from tfcaf_forge.sandbox.wire import FloatArray, op_table, probe
from tfcaf_forge.sandbox.worker import Worker

Fate = Literal["stopped", "shipped", "escape", "leak", "hang", "crash"]
"""`shipped`: harmless, and the graph is what ships. The last four are failures of the sandbox."""

CONTRACT = Contract(n_agents=2, state_size=12)
_ROWS = (1, 3, 16)
_COMMENT, _WORD = re.compile(r"#[^\n]*"), re.compile(r"\w+")
_TEXT = re.compile(r"\"\"\".*?\"\"\"|\'\'\'.*?\'\'\'|'[^'\n]*'|\"[^\"\n]*\"", re.DOTALL)
_GRACE_SECONDS = 3.0
"""How much longer than its time limit a candidate may take to be given up."""


class Attack(Plain, frozen=True, kw_only=True):
    """One hostile function.

    Attributes:
        id, category: its name, and what it tries.
        source: the text.
        stops: stages of a Rejection, any of which is right.
        codes: codes, likewise.
        outcome: `graph-is-what-ships` where it may be traced: what leaves is a graph, judged as any other.
        evidence: required properties that refute such a graph, on the task `lbf-8x8-2p-2f-coop`.
        harmless: why such a graph does no harm, where nothing refutes it.
    """

    id: str
    category: str
    source: str
    stops: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    outcome: Literal["stopped", "graph-is-what-ships"] = "stopped"
    evidence: tuple[str, ...] = ()
    harmless: str = ""


class Outcome(Plain, frozen=True, kw_only=True):
    """What became of one attack.

    Attributes:
        id, category: of the attack.
        fate: see `Fate`.
        expected: whether stage and code are those that the corpus names.
        stage, code: what refused it; empty where it was not.
        detail: what leaked, or what appeared on the machine.
        seconds: wall-clock time.
    """

    id: str
    category: str
    fate: Fate
    expected: bool
    stage: str = ""
    code: str = ""
    detail: str = ""
    seconds: float = 0.0


class Scoreboard(Record, frozen=True, kw_only=True):
    """The result of an audit.

    Attributes:
        isolation: the layers that were in force.
        outcomes: one for each attack.
        seconds: wall-clock time of all.
    """

    isolation: Isolation
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing escaped, leaked, hung or crashed."""
        return all(outcome.fate in ("stopped", "shipped") for outcome in self.outcomes)


def load_attacks(categories: Sequence[str] = ()) -> tuple[Attack, ...]:
    """The bundled corpus, or some of its categories.

    Raises:
        ConfigError: there is no such category.
    """
    files = {path.stem: path for path in sorted((bundled("sandboxes") / "attacks").glob("*.jsonl"))}
    for name in categories:
        if name not in files:
            raise ConfigError(f"there is no category of attacks {name!r}; choose from {', '.join(files)}")
    chosen = [path for name, path in files.items() if not categories or name in categories]
    lines = [line for path in chosen for line in path.read_text(encoding="ascii").splitlines()]
    return tuple(msgspec.json.decode(line, type=Attack) for line in lines)


def attack(
    attacks: Sequence[Attack],
    *,
    backend: str = "local",
    profile: Profile | None = None,
    require: Sequence[str] = (),
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> Scoreboard:
    """Run attacks against a sandbox, with sentinels planted around it.

    Args:
        attacks: see `load_attacks`.
        backend, profile, require: as for `Sandbox`.
        progress: called with each outcome.

    Raises:
        SandboxError: the sandbox does not start, or a required layer does not hold.
    """
    if backend not in BACKENDS:
        raise SandboxError(f"there is no sandbox backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    begin = time.perf_counter()
    outcomes: list[Outcome] = []
    with Watch() as watch, Range(backend, profile or load_profile(), require) as target:
        watch.begin()
        for each in attacks:
            outcomes.append(run_attack(each, target, watch))
            progress(outcomes[-1])
        isolation = target.isolation
    return Scoreboard(isolation=isolation, outcomes=tuple(outcomes), seconds=round(time.perf_counter() - begin, 3))


class Range:
    """A shooting range: a worker that is replaced whenever an attack breaks it.

    Args:
        backend: a name in `BACKENDS`, or how to start a worker.
        profile: limits.
        require: layers that must hold.
    """

    def __init__(
        self, backend: str | Callable[[Profile], Worker], profile: Profile, require: Sequence[str] = ()
    ) -> None:
        """Start the worker."""
        self.profile = profile
        self._start = BACKENDS[backend] if isinstance(backend, str) else backend
        self._worker = self._start(profile)
        self.isolation = self._worker.isolation
        check_required(self.isolation, (*profile.require, *require))
        rng = np.random.default_rng(0)
        self.probes: list[tuple[FloatArray, FloatArray]] = [
            (_drawn(rng, rows, CONTRACT.n_agents), _drawn(rng, rows, CONTRACT.state_size)) for rows in _ROWS
        ]

    def reload(self) -> None:
        """Replace a worker that an attack has used up; the time that this takes is not the next attack's."""
        if self._worker.spent:
            self._restart()

    def shoot(self, source: str) -> tuple[bytes, str]:
        """Run a source: the bytes that came back, and how its process ended.

        Raises:
            SandboxError: the warm process itself died of it.
        """
        self.reload()
        request = {
            "source": source,
            "n_agents": CONTRACT.n_agents,
            "state_size": CONTRACT.state_size,
            "ops": op_table(),
            "probes": [msgspec.to_builtins(probe(*pair)) for pair in self.probes],
        }
        try:
            return self._worker.ask(request)
        except SandboxError:
            self._restart()
            raise

    def __enter__(self) -> Range:
        """The range itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker."""
        self._worker.close()

    def _restart(self) -> None:
        self._worker.close()
        self._worker = self._start(self.profile)


def run_attack(attack: Attack, target: Range, watch: Watch) -> Outcome:
    """One attack, and what became of it."""
    target.reload()
    begin = time.perf_counter()
    try:
        body, fate = target.shoot(attack.source)
        late = time.perf_counter() - begin > target.profile.limits.wall_seconds + _GRACE_SECONDS
        told = receive(body, fate, CONTRACT, target.probes)
    except SandboxError as fault:
        return _outcome(attack, "crash", begin, detail=str(fault))
    text = msgspec.json.encode(told)
    seen = "; ".join((*watch.leaked(body + text), *watch.appeared()))
    if seen:
        return _outcome(attack, "leak", begin, told, detail=seen)
    if late:
        return _outcome(attack, "hang", begin, told)
    if isinstance(told, Rejection):
        return _outcome(attack, "stopped", begin, told)
    return _outcome(attack, "shipped" if attack.outcome == "graph-is-what-ships" else "escape", begin)


def shapes(attacks: Sequence[Attack]) -> int:
    """How many sources differ in more than their names, numbers and texts: how many ideas there are, at most.

    A look at the text alone: the host does not parse what is hostile.
    """
    return len({_shape(attack.source) for attack in attacks})


def by_category(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    """The outcomes of each category, in the order of the corpus."""
    for category in dict.fromkeys(outcome.category for outcome in outcomes):
        yield category, [outcome for outcome in outcomes if outcome.category == category]


def _outcome(attack: Attack, fate: Fate, begin: float, told: object = None, detail: str = "") -> Outcome:
    stage, code = (told.stage, told.code) if isinstance(told, Rejection) else ("", "")
    expected = stage in attack.stops and code in attack.codes if fate == "stopped" else fate == "shipped"
    return Outcome(
        id=attack.id,
        category=attack.category,
        fate=fate,
        expected=expected,
        stage=stage,
        code=code,
        detail=detail,
        seconds=round(time.perf_counter() - begin, 4),
    )


def _shape(source: str) -> str:
    text = _TEXT.sub("''", _COMMENT.sub("", source))
    text = _WORD.sub(lambda word: word[0] if keyword.iskeyword(word[0]) else "w", text)
    return " ".join(text.split())


def _drawn(rng: np.random.Generator, rows: int, columns: int) -> FloatArray:
    return rng.normal(size=(rows, columns)).astype(np.float32)
