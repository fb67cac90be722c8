"""The signals that the supervisor waits for: blocked before anything else is imported, so that none is lost.

A signal that is sent to a process goes to any thread that does not block it. numpy starts threads when it is
imported: one of them, with signals unblocked, would swallow a SIGTERM or the death of a child.
"""

import signal

AWAITED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD}


def hold() -> None:
    """Block them in this thread and in every one that it starts; they wait for `sigtimedwait`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    for number in AWAITED:  # an ignoring disposition would lose them for PID 1
        signal.signal(number, lambda *_: None)
