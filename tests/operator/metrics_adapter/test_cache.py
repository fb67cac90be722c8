"""A short memory: one fetch for all who ask within moments; nothing is kept for long, and no failure."""

import asyncio

import pytest
from paddlemodel_operator.metrics_adapter import cache
from paddlemodel_operator.metrics_adapter.cache import Cache


class Source:
    """Counts; the test says when it answers."""

    def __init__(self) -> None:
        self.fetched = 0
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def fetch(self) -> int:
        self.fetched += 1
        number = self.fetched
        await self.gate.wait()
        if self.fails:
            raise OSError
        return number


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def memory(source: Source) -> Cache[str, int]:
    return Cache(3, lambda: source.now)


async def test_an_answer_stays_for_its_time(memory: Cache[str, int], source: Source) -> None:
    assert [await memory.get("a", source.fetch) for _ in range(3)] == [1, 1, 1]
    source.now = 2.9
    assert await memory.get("a", source.fetch) == 1
    source.now = 3.1
    assert await memory.get("a", source.fetch) == 2


async def test_all_who_ask_at_the_same_time_share_one_fetch(memory: Cache[str, int], source: Source) -> None:
    source.gate.clear()
    asked = [asyncio.ensure_future(memory.get("a", source.fetch)) for _ in range(5)]
    await asyncio.sleep(0)
    asked[0].cancel()
    source.gate.set()
    assert await asyncio.gather(*asked[1:]) == [1] * 4
    assert asked[0].cancelled()


async def test_its_time_begins_when_an_answer_comes(memory: Cache[str, int], source: Source) -> None:
    source.gate.clear()
    asked = asyncio.ensure_future(memory.get("a", source.fetch))
    await asyncio.sleep(0)
    source.now = 10
    source.gate.set()
    assert await asked == 1
    source.now = 12
    assert await memory.get("a", source.fetch) == 1


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(
    memory: Cache[str, int], source: Source
) -> None:
    source.fails = True
    answers = await asyncio.gather(*(memory.get("a", source.fetch) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    source.fails = False
    assert await memory.get("a", source.fetch) == 2


async def test_what_is_not_asked_for_goes(memory: Cache[str, int], source: Source) -> None:
    for number in range(100):
        await memory.get(str(number), source.fetch)
    source.now = 4
    await memory.get("a", source.fetch)
    assert len(memory) == 1


async def test_there_is_an_end_of_it(
    memory: Cache[str, int], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST", 10)
    for number in range(30):
        await memory.get(str(number), source.fetch)
    assert len(memory) == 10
    assert await memory.get("29", source.fetch) == 30
