"""Where the HTTP workers listen: on every address of both families, or of the one that the kernel knows."""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.http import sockets
from paddlemodel_server.settings import Settings

from devcluster import ports

Listen = Callable[..., socket.socket]


def listening(**fields: Any) -> list[tuple[int, str]]:
    """Family and address of what listens."""
    port, admin_port = ports.free(2)
    settings = Settings(**({"port": port, "admin_port": admin_port} | fields))
    with ExitStack() as held:
        found = [held.enter_context(one) for one in sockets.listen(settings)]
        assert [one.getsockname()[1] for one in found] == [settings.port, settings.admin_port]
        assert all(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in found)
        return [(one.family, one.getsockname()[0]) for one in found]


@pytest.mark.parametrize(
    ("fields", "family", "address"),
    [
        ({}, socket.AF_INET6, "::"),
        ({"bind": "127.0.0.1"}, socket.AF_INET, "127.0.0.1"),
        ({"bind": "0.0.0.0"}, socket.AF_INET, "0.0.0.0"),
        ({"bind": "::1"}, socket.AF_INET6, "::1"),
    ],
)
def test_both_ports_listen_on_the_address(fields: dict[str, str], family: int, address: str) -> None:
    assert listening(**fields) == [(family, address)] * 2


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_kernel_without_ipv6_is_served_by_ipv4(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real: Listen = socket.create_server

    def without_ipv6(address: tuple[str, int], **options: Any) -> socket.socket:
        if options["family"] == socket.AF_INET6:
            raise OSError(code, os.strerror(code))
        return real(address, **options)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    assert listening() == [(socket.AF_INET, "0.0.0.0")] * 2
    with pytest.raises(StartError, match=r"cannot listen on \[::1\]:"):
        listening(bind="::1")


@pytest.mark.parametrize("variable", ["PORT", "ADMIN_PORT"])
def test_a_port_that_is_taken_is_named_with_its_variable(variable: str) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError) as refusal:
            listening(**{variable.lower(): port})
    assert refusal.value.message == (
        f"The server cannot listen on [::]:{port}; set PADDLEMODEL_{variable} to a free port and "
        "PADDLEMODEL_BIND to an address of this machine."
    )
