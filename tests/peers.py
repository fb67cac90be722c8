"""KServe's and MLServer's own clients for the tests, and peers for the benchmarks.

`make test-slow` runs `python -m tests.peers` before the tests, whose time is limited.
"""

from tests.environment import Environment

_PEERS = Environment("peers", 100)
made = _PEERS.made
python = _PEERS.python

if __name__ == "__main__":
    python()
