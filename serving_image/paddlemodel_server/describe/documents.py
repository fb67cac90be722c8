"""The documents of one HTTP worker. What changes is asked for here; all beside is pure, but for `digest`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddlemodel_server import protocol
from paddlemodel_server.describe import about, examples, openapi, page
from paddlemodel_server.describe.digest import Digest
from paddlemodel_server.describe.protection import Protection
from paddlemodel_server.ipc.process_context import Learned
from paddlemodel_server.protocol.served import Shapes
from paddlemodel_server.settings import Settings

_FRESH = (("Cache-Control", "no-store"), ("Vary", "Accept, Accept-Language"))


@dataclass
class Documents:
    """The documents of one HTTP worker.

    Attributes:
        settings: the environment.
        served: the model.
        folder: where the first worker leaves what it learned.
        ready: whether a request would be answered now.
        draining: whether the server is on its way out.
    """

    settings: Settings
    served: protocol.Served
    folder: Path
    ready: Callable[[], bool]
    draining: Callable[[], bool]
    _digest: Digest = field(init=False)
    _document: bytes = b""

    def __post_init__(self) -> None:
        self._digest = Digest(self.settings.model_dir)

    def home(self, *, html: bool, host: str, language: str) -> protocol.Response:
        """`GET /`: the page for a browser, the same facts as JSON for everybody else.

        Args:
            html: whether the client prefers HTML.
            host: its Host header, and the path before the page's.
            language: that of the page, one of `words.LANGUAGES`.
        """
        facts = self._facts()
        if not html:
            return protocol.as_json(facts, extra=_FRESH)
        proven = _proven(Learned.load(self.folder))
        shown = page.Shown(
            facts=facts,
            example=examples.infer(self.served, proven),
            task=self.served.task.describe(self.served, proven),
            asks_for_keys=self._protection.asks,
            scheme="https" if self.settings.tls_dir else "http",
        )
        return protocol.Response(
            body=page.render(shown, host, language), content_type=page.HTML, extra=(*_FRESH, *page.headers())
        )

    def openapi(self) -> protocol.Response:
        """`GET /openapi.json`; made once, when it is known with which shapes the model ran."""
        if self._document:
            return protocol.Response(body=self._document)
        learned = Learned.load(self.folder)
        document = openapi.document(
            self.served,
            self.settings.timeout_seconds,
            _proven(learned),
            self._protection,
        )
        if learned is not None:
            self._document = document
        return protocol.Response(body=document)

    @property
    def _protection(self) -> Protection:
        settings = self.settings
        return Protection(
            keys=settings.api_keys_dir is not None,
            tokens=bool(settings.jwt),
            limits=bool(settings.rate_limits),
        )

    def _facts(self) -> dict[str, Any]:
        learned = Learned.load(self.folder)
        now = about.Now(
            state=about.state(ready=self.ready(), draining=self.draining()),
            digest=self._digest.ask(),
            paddle_version=learned.paddle if learned else None,
        )
        return about.facts(self.served, self.settings.device, now)


def _proven(learned: Learned | None) -> Shapes | None:
    """The shapes of the warm-up's run, where there was one."""
    return learned.shapes if learned else None
