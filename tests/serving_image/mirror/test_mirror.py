"""What the mirror does without any server."""

import asyncio

from paddlemodel_server.metrics.catalog import ROUTES_AT, MirrorCounts
from paddlemodel_server.mirror.mirror import Mirror, Options
from paddlemodel_server.mirror.wanted import TOLERANCE, Target
from paddlemodel_server.protocol import Head, Response
from paddlemodel_server.verification.recording import Tolerances

HEAD = Head(
    route="predict",
    headers={},
    form="json",
    encoding=None,
    json_size=None,
    timeout_seconds=None,
    media=None,
)


def test_what_is_answered_while_the_server_ends_is_not_mirrored() -> None:
    async def play() -> None:
        target = Target(
            host="127.0.0.1", port=1, tls=False, part=1.0, tolerances=Tolerances(default=TOLERANCE)
        )
        options = Options(token="t", paths={"predict": "/predict"}, seconds=1, most_bytes=1000)
        mirror = Mirror(target, options, MirrorCounts(memoryview(bytes(8 * ROUTES_AT)).cast("d")))
        mirror.close()
        mirror.take(HEAD, b"body", Response(body=b"answer"))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())
