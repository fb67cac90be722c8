"""An imitation of ModelScope, as far as its own client needs it: see test_hub_clients.py."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from tests.serving_image.support.hubs.answering import Answer, Asked, answering, as_json, redirect

LFS_FROM = 40  # bytes; larger files lie in the large file storage
MOST_ENTRIES = 3000  # of one list; what comes after them is not there, and nothing says so


@cache
def sha256_of(content: bytes) -> str:
    """Computed once: benchmarks have large files here, too."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class Repository:
    """Trees by commit, and what names the commits."""

    trees: dict[str, dict[str, bytes]]
    revisions: dict[str, str] = field(default_factory=dict)  # commit by branch or tag
    private: bool = False
    lies: dict[str, str] = field(default_factory=dict)  # another sha256 by path
    deleted_last: bool = False  # then no file was last written by the newest commit


@dataclass
class Hub:
    """Repositories by OWNER/NAME."""

    repositories: dict[str, Repository]
    reads: str = "ms-reads"  # the token that may read everything
    outsider: str = "ms-outsider"  # a token that may not
    seen: list[Asked] = field(default_factory=list)
    storage_seen: list[Asked] = field(default_factory=list)
    interfere: Callable[[Asked], Answer | None] = lambda _: (
        None
    )  # answers first, and None leaves it to the hub
    url: str = ""
    storage: str = ""

    def answer(self, asked: Asked) -> Answer:
        self.seen.append(asked)
        if answer := self.interfere(asked):
            return answer
        owner, _, rest = asked.path.removeprefix("/api/v1/models/").partition("/")
        name, _, route = rest.partition("/")
        repository = self.repositories.get(f"{owner}/{name}")
        if refused := self._refused(repository, asked):
            return refused
        assert repository is not None
        commit = repository.revisions.get(
            asked.query.get("Revision", "master"), asked.query.get("Revision", "")
        )
        tree = repository.trees.get(commit)
        if route == "repo/files":
            return _list(repository, tree, commit, asked)
        if route == "repo" and tree is not None and asked.query["FilePath"] in tree:
            return self._file(tree[asked.query["FilePath"]])
        return _fault(404, 10010206001, "file not found")

    def _refused(self, repository: Repository | None, asked: Asked) -> Answer | None:
        if asked.token and asked.token not in {self.reads, self.outsider}:
            return _fault(401, 10010103009, "AccessToken is invalid or expired")
        if repository is None:
            return _fault(404, 10010205001, "record not found")
        if repository.private and asked.token != self.reads:
            return _fault(403, 10010205003, "no permission")
        return None

    def _file(self, content: bytes) -> Answer:
        sha256 = sha256_of(content)
        if len(content) < LFS_FROM:
            return Answer(headers={"ETag": f'"{sha256}"'}, body=content)
        return redirect(f"{self.storage}/{sha256}?OSSAccessKeyId=planted&Signature=planted-signature")

    def stored(self, asked: Asked) -> Answer:
        """The large file storage is another host, which must not see the token."""
        self.storage_seen.append(asked)
        if answer := self.interfere(asked):
            return answer
        if "authorization" in asked.headers or "cookie" in asked.headers:
            return Answer(status=400, body=b"Only one auth mechanism allowed")
        for repository in self.repositories.values():
            for tree in repository.trees.values():
                for content in tree.values():
                    sha256 = sha256_of(content)
                    if asked.path == f"/{sha256}":
                        return Answer(headers={"ETag": f'"{sha256}"'}, body=content)
        return Answer(status=404)


def _list(repository: Repository, tree: dict[str, bytes] | None, commit: str, asked: Asked) -> Answer:
    if tree is None:  # an unknown revision is no error there
        return _data({"Files": None, "IsVisual": 0, "LatestCommitter": None})
    root = asked.query.get("Root", "").strip("/")
    inside = {path: content for path, content in tree.items() if not root or path.startswith(f"{root}/")}
    entries: dict[str, dict[str, object]] = {}
    older = "0123456789" * 4
    for number, (path, content) in enumerate(inside.items()):
        for end in [i for i, letter in enumerate(path) if letter == "/" and i > len(root)]:
            entries[path[:end]] = {"Path": path[:end], "Type": "tree", "Size": 0, "Revision": older}
        newest = number == 0 and not repository.deleted_last
        entries[path] = {
            "Name": path.rpartition("/")[2],
            "Path": path,
            "Type": "blob",
            "Size": len(content),
            "Sha256": repository.lies.get(path, sha256_of(content)),
            "IsLFS": len(content) >= LFS_FROM,
            "Revision": commit if newest else older,
        }
    committer = {"Id": "", "ShortId": commit[:8], "Name": "me"}
    return _data({"Files": list(entries.values())[:MOST_ENTRIES], "LatestCommitter": committer})


def _data(data: object) -> Answer:
    return as_json({"Code": 200, "Data": data, "Message": "success", "RequestId": "r", "Success": True})


def _fault(status: int, code: int, message: str) -> Answer:
    return as_json({"Code": code, "Message": message, "RequestId": "r", "Success": False}, status)


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    with answering(hub.stored) as storage, answering(hub.answer) as hub.url:
        hub.storage = storage.replace("127.0.0.1", "localhost")  # cookies belong to a host, whatever its port
        yield hub
