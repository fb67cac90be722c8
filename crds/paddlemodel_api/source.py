"""Where the model comes from (`spec.model`)."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from paddlemodel_api import uri as uri_grammar
from paddlemodel_api.base import Block, Name, Rule, matches

CheckMinutes = Literal[1, 5, 10, 15, 30, 60, 180, 360, 720, 1440]
"""Parts of a day that a CronJob can keep evenly."""


_LOOKS: Final = "has(self.updatePolicy) && self.updatePolicy != 'Pinned'"


def _without(pattern: str, message: str) -> Rule:
    return Rule(
        cel=f"!self.uri.matches(r'{pattern}')",
        holds=lambda source: not uri_grammar.holds(source.uri, pattern),
        message=message,
        field="uri",
    )


def _fitting(
    field: str, given: tuple[str, Callable[[Any], bool]], uri: tuple[str, bool], message: str
) -> Rule:
    """A rule that where a field is given, in CEL and in Python, the URI has a pattern, or has it not."""
    (cel, is_given), (pattern, wanted) = given, uri
    found = f"self.uri.matches(r'{pattern}')"
    return Rule(
        cel=f"!({cel}) || {found if wanted else '!' + found}",
        holds=lambda source: not is_given(source) or uri_grammar.holds(source.uri, pattern) is wanted,
        message=message,
        field=field,
    )


class Credentials(Block):
    """A Secret of the model's namespace, which the fetcher reads."""

    secret_name: Name = Field(
        description="Secret with the keys that the place takes. s3: accessKeyId, secretAccessKey and, if "
        "need be, sessionToken. gs: serviceAccount.json. az: accountKey or sasToken. hf and modelscope: "
        "token. oci: .dockerconfigjson, or username and password. http(s): username and password, or "
        "bearerToken."
    )


class Store(Block):
    """How a store is reached that is not at its provider's usual address."""

    endpoint: Annotated[str, Field(max_length=512)] | None = Field(
        default=None,
        description="http(s)://HOST:PORT of the service: MinIO, Ceph, an emulator, a mirror of a hub, or a "
        "registry without TLS. Default: the provider's own; of oci the registry of the URI, by https.",
    )
    region: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Region of the bucket; only with s3. Default: us-east-1."
    )
    addressing: Literal["Path", "VirtualHost"] | None = Field(
        default=None,
        description="Whether the bucket stands in the path of requests or in the name of the host; only with "
        "s3. Default: Path where an endpoint is set, else VirtualHost.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        matches(
            "endpoint",
            uri_grammar.ENDPOINT,
            "spec.model.store.endpoint must be http(s)://HOST, http(s)://HOST:PORT or such with a path, "
            "without user, password and query",
        ),
        Rule(
            cel=f"!has(self.endpoint) || !self.endpoint.matches(r'{uri_grammar.LINK_LOCAL}')",
            holds=lambda store: (
                store.endpoint is None or not uri_grammar.holds(store.endpoint, uri_grammar.LINK_LOCAL)
            ),
            message="spec.model.store.endpoint must not name a link-local or metadata address: use the host "
            "of the store",
            field="endpoint",
        ),
        matches(
            "region",
            "[A-Za-z0-9][A-Za-z0-9._-]*",
            "spec.model.store.region holds letters, digits and . _ -: write it as the provider does",
        ),
    )


class Cache(Block):
    """A volume that keeps what was fetched, for all pods that mount it."""

    claim_name: Name = Field(description="PersistentVolumeClaim of the model's namespace, writable.")
    keep: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Contents that stay on it: those in use, and the last used ones beside them."
    )


class Place(Block):
    """Where the files of one model come from, and optionally what they must be."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description=f"Where the model lies: {uri_grammar.FORMS}. A path is a folder or an archive with one "
        ".json or .pdmodel and its .pdiparams."
    )
    digest: Annotated[str, Field(max_length=71)] | None = Field(
        default=None,
        description="sha256:HEX that the model must have, else it is not served. Of an archive: what "
        "sha256sum prints; of a folder: sha256 over the sorted sha256sum lines of its files. "
        "status.model.digest, of the further models of a task status.furtherModels, shows the digest of what "
        "is served, ready to be copied here. Default: any content is accepted.",
    )
    credentials: Credentials | None = Field(
        default=None,
        description="What the place asks for. It is mounted for the fetcher only. Default: none.",
    )
    store: Store | None = Field(
        default=None, description="Where the place is. Default: the provider's own address."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        _without(
            uri_grammar.CREDENTIALS,
            "spec.model.uri must not hold a user or password, which everybody who may read the object would "
            "see: put them into a Secret and name it in spec.model.credentials.secretName",
        ),
        matches(
            "uri",
            uri_grammar.PATTERN,
            f"spec.model.uri must be {uri_grammar.FORMS}; in printable ASCII without spaces",
        ),
        _without(uri_grammar.UPWARD, "spec.model.uri must not climb upwards: write the path without '..'"),
        _without(
            uri_grammar.LINK_LOCAL,
            "spec.model.uri must not name a link-local or metadata address: use the host of a file server",
        ),
        matches(
            "digest",
            "sha256:[0-9a-f]{64}",
            "spec.model.digest must be 'sha256:' and 64 lower-case hexadecimal digits: prefix what "
            "sha256sum prints",
        ),
        _fitting(
            "credentials",
            ("has(self.credentials)", lambda source: source.credentials is not None),
            (uri_grammar.MOUNTED, False),
            "spec.model.credentials has no use for pvc:// and file://: remove it",
        ),
        _fitting(
            "store",
            (
                "has(self.store) && has(self.store.endpoint)",
                lambda source: source.store is not None and source.store.endpoint is not None,
            ),
            (uri_grammar.TAKES_ENDPOINT, True),
            "spec.model.store.endpoint is for s3, gs, az, hf, modelscope and oci: other URIs name their "
            "host, so remove it",
        ),
        _fitting(
            "store",
            (
                "has(self.store) && (has(self.store.region) || has(self.store.addressing))",
                lambda source: (
                    source.store is not None and (source.store.region or source.store.addressing) is not None
                ),
            ),
            (uri_grammar.TAKES_REGION, True),
            "spec.model.store.region and addressing are for s3:// only: remove them",
        ),
    )


class ModelSource(Place):
    """Where the model files come from, and optionally what they must be."""

    update_policy: Literal["Pinned", "Notify", "Auto"] = Field(
        default="Pinned",
        description="What becomes of new content at the same URI. Pinned: nobody looks; Notify: the "
        "condition ModelUpdateAvailable tells; Auto: the pods are replaced, as by any change of the spec.",
    )
    check_minutes: CheckMinutes | None = Field(
        default=None,
        description="Minutes between two looks for new content; with updatePolicy Notify or Auto. "
        "Default: 60.",
    )
    cache: Cache | None = Field(
        default=None, description="Fetch once for many pods. Default: each pod fetches for itself."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        *Place.rules,
        _fitting(
            "update_policy",
            (_LOOKS, lambda source: source.looks_for_updates),
            (uri_grammar.UNCHANGING, False),
            "spec.model.updatePolicy Notify and Auto look for new content at a place in the network: set it "
            "to Pinned, or name no digest, no commit, no claim and no file in spec.model.uri",
        ),
        Rule(
            cel="!has(self.updatePolicy) || self.updatePolicy != 'Auto' || !has(self.digest)",
            holds=lambda source: source.update_policy != "Auto" or source.digest is None,
            message="spec.model.updatePolicy Auto and spec.model.digest contradict each other: remove the "
            "digest, or set updatePolicy to Notify",
            field="update_policy",
        ),
        Rule(
            cel=f"!has(self.checkMinutes) || ({_LOOKS})",
            holds=lambda source: source.check_minutes is None or source.looks_for_updates,
            message="spec.model.checkMinutes needs spec.model.updatePolicy Notify or Auto: set it, or remove "
            "checkMinutes",
            field="check_minutes",
        ),
        _fitting(
            "cache",
            ("has(self.cache)", lambda source: source.cache is not None),
            (uri_grammar.MOUNTED, False),
            "spec.model.cache has no use for pvc:// and file://, which are in the cluster already: remove it",
        ),
    )

    @property
    def looks_for_updates(self) -> bool:
        """Whether somebody is to look for new content at the same URI."""
        return self.update_policy != "Pinned"
