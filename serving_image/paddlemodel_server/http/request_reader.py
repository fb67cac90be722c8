"""The bytes of one connection become requests: heads within limits, parts of bodies, ends.

It calls httptools' parser, as uvicorn's protocol would, and hands on only what is acceptable HTTP.
"""

from typing import Protocol

import httptools

from paddlemodel_server.errors import BadRequestError, HeadTooLargeError, ServingError
from paddlemodel_server.http import head_checks
from paddlemodel_server.http.timeouts import BODY, HEAD, REQUEST


class Receiver(Protocol):
    """Who gets what was read."""

    def on_head(self, method: bytes, version: str) -> None:
        """A head is whole, and acceptable whatever it asks for; the reader has its target and its lines."""

    def on_body(self, body: bytes) -> None:
        """Some of the body has come."""

    def on_message_complete(self) -> None:
        """The request is whole."""

    def refuse(self, error: ServingError) -> None:
        """What has come is no acceptable request, and what follows cannot be understood."""


class RequestReader:
    """Reads one connection's requests."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.parser: httptools.HttpRequestParser
        self._renew()
        self.deaf = False  # what still comes is parsed at most, and not handed on
        self.begun = False  # whether there was any request yet
        self.where = REQUEST  # before a request, in its head, or in its body: HEAD, BODY
        self.target = b""
        self.lines: list[tuple[bytes, bytes]] = []  # of the head, names and values as they came
        self._read_bytes = 0  # of the current read
        self._fruitless = 0  # bytes of reads that have neither begun a request nor brought a part of a body
        self._plain_head = b""  # of a request that offered an upgrade, without the offer

    def feed(self, data: bytes) -> None:
        """Parse what has come in one read."""
        self._read_bytes = len(data)
        self._fruitless += len(data)
        self._parse(data)
        between = self.begun and self.where is REQUEST
        if self._fruitless > head_checks.MOST_BYTES and not self.deaf and not between:
            self._receiver.refuse(HeadTooLargeError("trailer" if self.where is BODY else "head"))

    def forget(self) -> None:
        """Keep nothing of the last request."""
        self.lines = []

    def end(self) -> None:
        """The connection is gone."""
        del self.parser  # which holds this object

    def _renew(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._plain_head:  # the parser has left the body aside
                plain, self._plain_head = self._plain_head, b""
                self._renew()
                self._parse(plain + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._receiver.refuse(BadRequestError("The request is not valid HTTP."))

    # --- called by the parser

    def on_message_begin(self) -> None:
        """Forget the last request: httptools has seen the first byte of the next."""
        self.begun = True
        self.where = HEAD
        self._fruitless = 0
        self.target = b""
        self.lines = []

    def on_url(self, url: bytes) -> None:
        """Keep a part of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header as it came; a trailer is nobody's."""
        if self.where is HEAD:
            self.lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand on a head that is acceptable."""
        if self.deaf:
            return
        method, version = self.parser.get_method(), self.parser.get_http_version()
        large = self._fruitless or self._read_bytes > head_checks.MOST_BYTES  # else it cannot be too large
        if large and head_checks.size(self.target, self.lines) > head_checks.MOST_BYTES:
            self._receiver.refuse(HeadTooLargeError("head"))
        elif error := head_checks.fault(version, self.lines):
            self._receiver.refuse(error)
        elif self.parser.should_upgrade() and method != b"CONNECT":
            self._plain_head = head_checks.declining(method, self.target, version, self.lines)
        else:
            if version == "1.0":
                self.lines = head_checks.unexpecting(self.lines)
            self.where = BODY
            self._receiver.on_head(method, version)

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        self._fruitless = 0
        if not self.deaf:
            self._receiver.on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._plain_head:
            return
        self.where = REQUEST
        if not self.deaf:
            self._receiver.on_message_complete()
