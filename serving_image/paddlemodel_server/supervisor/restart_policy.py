"""What follows from a worker's death: when to start it again, when to give up, and what to tell people. Pure.

It is about workers that nobody had asked to end.
"""

import signal
from dataclasses import dataclass
from typing import Final

CRASHES: Final = 5  # deaths in a row without having been ready: the container gives up, Kubernetes backs off
IN_VAIN: Final = 5  # workers in a row that ended in their first run: it is the model, not a client
SHORT_LIVES: Final = 10  # deaths in a row within STABLE_SECONDS of being ready: likewise
STABLE_SECONDS: Final = 60.0
BACK_OFF_SECONDS: Final = (0.0, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a worker ended."""

    exit_code: int  # negative: the signal that killed it
    out_of_memory: bool = False  # the kernel killed processes that ran out of memory meanwhile
    stuck: bool = False  # we killed it, for its run did not end
    loading: bool = False  # likewise, for its load did not
    in_run: bool = False  # whether it was running requests
    first_run: bool = False  # whether those were its first: it has answered none

    @property
    def kind(self) -> str:
        """For the metrics: one of `metrics.ENDINGS`."""
        if self.stuck or self.loading:
            return "stuck"
        if self.out_of_memory:
            return "memory"
        return "signal" if self.exit_code < 0 else "exit"

    @property
    def of_requests(self) -> bool:
        """Whether it died of the requests that it ran: their senders are told, the server is not to blame.

        A signal that people and nodes send is none of theirs, and where it ended by itself it has said why.
        """
        crashed = self.exit_code < 0 and -self.exit_code not in {signal.SIGKILL, signal.SIGTERM}
        return self.in_run and (crashed or self.stuck or self.out_of_memory)

    def __str__(self) -> str:
        """As the log says it, for example `signal SIGKILL, out of memory`."""
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        name = signal.Signals(-self.exit_code).name
        if self.stuck:
            return f"signal {name}, since its run did not end"
        if self.loading:
            return f"signal {name}, since its load did not end"
        return f"signal {name}, out of memory" if self.out_of_memory else f"signal {name}"


@dataclass(frozen=True, kw_only=True)
class History:
    """The deaths in a row at one place."""

    unready: int = 0
    short: int = 0

    def after(self, ready_seconds: float | None) -> "History":
        """Count one more; `ready_seconds` is how long it had been ready, None for never."""
        if ready_seconds is None:
            return History(unready=self.unready + 1, short=self.short)
        return History(short=self.short + 1 if ready_seconds < STABLE_SECONDS else 0)

    @property
    def hopeless(self) -> bool:
        """Whether to give up."""
        return self.unready >= CRASHES or self.short >= SHORT_LIVES

    @property
    def wait_seconds(self) -> float:
        """How long to wait before the next start; the first follows at once."""
        number = max(self.unready, self.short // 2)
        return BACK_OFF_SECONDS[min(max(0, number - 1), len(BACK_OFF_SECONDS) - 1)]


class InVain:
    """How many workers in a row have ended in their first run.

    One client may do that to a pod that nobody else asks, so it never ends the container; but people must
    hear of a model that answers nobody.
    """

    def __init__(self) -> None:
        self._deaths = 0

    def after(self, model: str, death: Death, memory: int) -> str | None:
        """What to tell people after one more death; once for each row of them.

        Args:
            model: its name.
            death: the one.
            memory: the container's limit, in bytes.
        """
        self._deaths = self._deaths + 1 if death.of_requests and death.first_run else 0
        if self._deaths != IN_VAIN:
            return None
        return (
            f"{IN_VAIN} processes in a row that run the model {model} ended in their first run, without an "
            f"answer, the last by {death}. Unless one client sends all of it: {_cure(death, memory)}"
        )


def last_word(model: str, history: History, death: Death, memory: int) -> str:
    """The termination message of a container that gives up: model, fault and cure.

    Args:
        model: its name.
        history: the deaths in a row.
        death: the last of them.
        memory: the container's limit, in bytes.
    """
    if history.unready >= CRASHES:
        what = f"The process that loads the model {model} ended {history.unready} times in a row"
    else:
        what = (
            f"The process that runs the model {model} ended {history.short} times, each soon after its start"
        )
    return f"{what}, the last time by {death}. {_cure(death, memory)}"


def _cure(death: Death, memory: int) -> str:
    if death.stuck or death.loading:
        variable, what = ("LOAD_TIMEOUT", "a load") if death.loading else ("TIMEOUT", "a run")
        return f"Raise PADDLEMODEL_{variable}_SECONDS if {what} may take that long."
    if death.out_of_memory:
        limit = f"{memory >> 20} MiB"
        return (
            f"Raise the container's memory limit, which is {limit}, or set PADDLEMODEL_WORKERS or "
            "PADDLEMODEL_MAX_BATCH_SIZE lower."
        )
    if death.exit_code in {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE}:
        return "Paddle crashes on this model: export it again with the Paddle version of this image."
    if death.exit_code == -signal.SIGILL:
        return "Paddle needs CPU instructions (AVX) that this node lacks: choose another node."
    if death.exit_code == -signal.SIGKILL:
        return "It was killed from outside, by a person or the node; see the node's log."
    return "The cause is in the container's log."
