"""An imitation of Hugging Face's Hub, as far as its own client needs it: see test_hub_clients.py."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.serving_image.support.hubs.answering import Answer, Asked, answering, as_json, redirect

LFS_FROM = 40  # bytes; larger files lie in the large file storage


@dataclass
class Repository:
    """Trees by commit, and what names the commits."""

    trees: dict[str, dict[str, bytes]]
    revisions: dict[str, str] = field(default_factory=dict)  # commit by branch or tag
    private: bool = False
    gated: bool = False
    lies: dict[str, str] = field(default_factory=dict)  # another sha256 by path


@dataclass
class Hub:
    """Repositories by OWNER/NAME."""

    repositories: dict[str, Repository]
    reads: str = "hf_reads"  # the token that may read everything
    outsider: str = "hf_outsider"  # a token that may not
    page: int = 1000  # entries
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
        head, _, rest = asked.path.removeprefix("/api/models/").lstrip("/").partition("/")
        name, _, route = rest.partition("/")
        repository = self.repositories.get(f"{head}/{name}")
        if refused := self._refused(repository, asked):
            return refused
        assert repository is not None
        kind, _, rest = route.partition("/")
        # Only where nothing follows a revision's slashes are its own.
        revision, _, path = (rest, "", "") if kind == "revision" else rest.partition("/")
        commit = repository.revisions.get(revision or "main", revision)
        if commit not in repository.trees:
            return _fault(404, "RevisionNotFound", "Invalid rev id: main")
        tree = repository.trees[commit]
        if kind in {"", "revision"}:
            return as_json({"id": f"{head}/{name}", "sha": commit, "private": repository.private})
        if kind == "tree":
            return self._tree(repository, tree, asked)
        return self._file(tree, path, commit)

    def _refused(self, repository: Repository | None, asked: Asked) -> Answer | None:
        if asked.token and asked.token not in {self.reads, self.outsider}:
            return _fault(401, "", "Invalid credentials in Authorization header")
        if repository is None or (repository.private and asked.token != self.reads):
            status = 404 if asked.token else 401
            return _fault(status, "RepoNotFound", "Repository not found")
        if repository.gated and asked.token != self.reads and not asked.path.startswith("/api/"):
            status = 403 if asked.token else 401
            return _fault(
                status, "GatedRepo", "Access to this model is restricted. You must have access to it."
            )
        return None

    def _tree(self, repository: Repository, tree: dict[str, bytes], asked: Asked) -> Answer:
        folders = {path.rpartition("/")[0] for path in tree} - {""}
        entries: list[dict[str, object]] = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted(folders)
        ]
        for path, content in tree.items():
            entry = {"type": "file", "oid": git_oid(content), "size": len(content), "path": path}
            if len(content) >= LFS_FROM:
                sha256 = repository.lies.get(path, hashlib.sha256(content).hexdigest())
                entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
            entries.append(entry)
        begin = int(asked.query.get("cursor", "0"))
        end = begin + self.page
        if end >= len(entries):
            return as_json(entries[begin:])
        link = f'<{self.url}{quote(asked.path)}?recursive=true&cursor={end}>; rel="next"'
        return as_json(entries[begin:end], Link=link)

    def _file(self, tree: dict[str, bytes], path: str, commit: str) -> Answer:
        if path not in tree:
            return _fault(404, "EntryNotFound", "Entry not found")
        content = tree[path]
        if len(content) < LFS_FROM:
            headers = {"ETag": f'"{git_oid(content)}"', "X-Repo-Commit": commit}
            return Answer(headers=headers, body=content)
        sha256 = hashlib.sha256(content).hexdigest()
        return redirect(
            f"{self.storage}/{sha256}?X-Amz-Signature=planted-signature",
            X_Repo_Commit=commit,
            X_Linked_Size=str(len(content)),
            X_Linked_ETag=f'"{sha256}"',
        )

    def stored(self, asked: Asked) -> Answer:
        """The large file storage is another host, which must not see the token."""
        self.storage_seen.append(asked)
        if answer := self.interfere(asked):
            return answer
        if "authorization" in asked.headers:
            return Answer(status=400, body=b"Only one auth mechanism allowed")
        for repository in self.repositories.values():
            for tree in repository.trees.values():
                for content in tree.values():
                    sha256 = hashlib.sha256(content).hexdigest()
                    if asked.path == f"/{sha256}":
                        return Answer(headers={"ETag": f'"{sha256}"'}, body=content)
        return Answer(status=404)


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _fault(status: int, code: str, message: str) -> Answer:
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return Answer(status=status, headers=headers, body=b'{"error": "no"}')


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    with answering(hub.stored) as storage, answering(hub.answer) as hub.url:
        hub.storage = storage.replace("127.0.0.1", "localhost")  # cookies belong to a host, whatever its port
        yield hub
