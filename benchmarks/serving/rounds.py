"""One workload: all its contenders up at once, measured in turn, round after round.

So a noisy minute hits all of them, and ratios are taken within a round. Each round begins with another one.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import contenders, load, workloads
from benchmarks.serving.contenders import TITLES, Bare, Server
from benchmarks.serving.progress import show
from benchmarks.serving.results import Cell, Results
from benchmarks.serving.workloads import Workload


@dataclass(frozen=True, kw_only=True)
class Plan:
    rounds: int
    seconds: float  # of each measurement
    against: frozenset[str]  # contenders, beside ours
    at: frozenset[int] | None  # connections; None for all of the workload's
    keep: Callable[[], None]  # what was measured so far
    before: Path | None = None  # another checkout, whose server takes part, too


def compare(results: Results, workload: Workload, folder: Path, plan: Plan) -> None:
    """Measure everything that is asked of a workload."""
    run = _Comparison(results, workload, plan)
    with run.up(folder) as bare:
        for number in range(plan.rounds):
            run.round(number, bare)
            run.weigh()
            plan.keep()


class _Comparison:
    def __init__(self, results: Results, workload: Workload, plan: Plan) -> None:
        self._results, self._workload, self._plan = results, workload, plan
        self._servers: dict[tuple[str, str], Server] = {}  # by contender and our task
        self._asks = {
            form: {name: ask for name, ask in asks.items() if name in plan.against | {"ours"}}
            | ({"before": asks["ours"]} if plan.before else {})
            for form, asks in workload.asks.items()
        }

    @contextmanager
    def up(self, folder: Path) -> Iterator[Bare]:
        """All contenders, which must agree."""
        workload = self._workload
        with ExitStack() as stack:
            for form, asks in self._asks.items():
                for name in asks:
                    if self._key(form, name) not in self._servers:
                        show(f"{workload.name}: starting {TITLES[name]}")
                        starting = contenders.started(name, workload, folder, form, self._plan.before)
                        server = stack.enter_context(starting)
                        self._servers[self._key(form, name)] = server
                found = {
                    name: workloads.answer(ask.at(self._servers[self._key(form, name)].port), ask.read)
                    for name, ask in asks.items()
                }
                workloads.check_same_answer(found)
            yield stack.enter_context(contenders.bare(workload, folder))

    def round(self, number: int, bare: Bare) -> None:
        """Everybody once; `number` says who is first."""
        workload, seconds = self._workload, self._plan.seconds
        where = f"{workload.name}, round {number + 1} of {self._plan.rounds}"
        show(f"{where}: {TITLES['bare']}")
        before = bare.cpu_seconds()
        rate = bare.rate(seconds)
        self._results.bare.setdefault(workload.name, []).append(rate)
        cpu_ms = 1000 * (bare.cpu_seconds() - before) / (rate * seconds)
        self._results.bare_cpu_ms.setdefault(workload.name, []).append(cpu_ms)
        for form, asks in self._asks.items():
            for at in workload.concurrencies[form]:
                if self._plan.at is not None and at not in self._plan.at:
                    continue
                for cell in rotated([self._cell(form, name, at) for name in asks], number):
                    show(f"{where}: {form}, {at} at once, {TITLES[cell.contender]}")
                    self._measure(cell)

    def weigh(self) -> None:
        """Memory; of ours, the server without a task of its own."""
        memory = self._results.memory_mb.setdefault(self._workload.name, {})
        for (name, task), server in self._servers.items():
            if not task:
                memory[name] = server.memory_mb()

    def _measure(self, cell: Cell) -> None:
        server = self._servers[self._key(cell.form, cell.contender)]
        ours, target = cell.contender == "ours", self._asks[cell.form][cell.contender].at(server.port)
        stages = server.stages() if ours else {}
        cpu, http_worker = server.cpu_seconds(), server.cpu_seconds("http.master")
        measured = load.measure(target, cell.concurrency, self._plan.seconds)
        http_worker, cpu = server.cpu_seconds("http.master") - http_worker, server.cpu_seconds() - cpu
        server.settle()
        cell.measured.append(measured)
        cell.cpu_ms.append(1000 * cpu / measured.answered)
        if ours:
            cell.http_worker_cpu_ms.append(1000 * http_worker / measured.answered)
            cell.stages.append(means(stages, server.stages()))

    def _cell(self, form: str, name: str, at: int) -> Cell:
        workload = self._workload.name
        found = self._results.cell(workload, form, name, at)
        if found is None:
            found = Cell(workload=workload, form=form, contender=name, concurrency=at, measured=[], cpu_ms=[])
            self._results.cells.append(found)
        return found

    def _key(self, form: str, name: str) -> tuple[str, str]:
        return name, self._workload.tasks.get(form, "") if name in contenders.OURS else ""


def rotated(cells: list[Cell], number: int) -> list[Cell]:
    """The same, with another one first in each round."""
    first = number % len(cells)
    return cells[first:] + cells[:first]


def means(before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Milliseconds of a request in each stage between two scrapes, and rows of a run."""
    found = {}
    for stage, (total, count) in after.items():
        earlier, times = before.get(stage, (0.0, 0.0))
        if count > times:
            found[stage] = (total - earlier) / (count - times) * (1 if stage == "rows" else 1000)
    return found
