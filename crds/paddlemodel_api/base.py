"""What all blocks of the spec share: frozen, camelCase, strict about unknown fields, and their rules.

A rule is written twice on one line, in CEL for the API server and in Python for `from_body`, with one
message for both; a test sends the same table of specs through both sides.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that must hold; the message names the field and the cure."""

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str = ""

    def to_schema(self) -> dict[str, str]:
        """As an item of x-kubernetes-validations."""
        schema = {"rule": self.cel, "message": self.message}
        return {**schema, "fieldPath": f".{to_camel(self.field)}"} if self.field else schema


def moved(rules: tuple[Rule, ...], old: str, new: str) -> tuple[Rule, ...]:
    """The rules of a block whose fields stand in a second place as well, with messages that name that place.

    Args:
        rules: of the block.
        old: the place that their messages name, such as spec.model.
        new: the other place.
    """
    return tuple(replace(rule, message=rule.message.replace(old, new)) for rule in rules)


def matches(field: str, pattern: str, message: str) -> Rule:
    """A rule that a string field, where present, matches a pattern as a whole."""
    camel = to_camel(field)
    return Rule(
        cel=f"!has(self.{camel}) || self.{camel}.matches(r'^(?:{pattern})$')",
        holds=lambda block: (
            getattr(block, field) is None or bool(re.fullmatch(pattern, getattr(block, field)))
        ),
        message=message,
        field=field,
    )


class Block(BaseModel):
    """The base of every part of the spec."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                # Braces would be read as a template by pydantic, hence the argument.
                raise PydanticCustomError("rule", "{message}", {"message": rule.message})
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Carry the rules into the schema that crd.py reads."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.to_schema() for rule in cls.rules]
        return schema


class OneOf(Block):
    """A block with exactly one member set, as in a pod's volumes; the rule follows from the fields."""

    place: ClassVar[str]  # where the block stands, for messages

    @classmethod
    def members(cls) -> tuple[str, ...]:
        """The names of the members, as users write them."""
        return tuple(to_camel(name) for name in cls.model_fields)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Make the rule, once the fields are known."""
        fields, members = tuple(cls.model_fields), cls.members()
        listed = ", ".join(f"has(self.{member})" for member in members)
        exactly_one = Rule(
            cel=f"[{listed}].filter(present, present).size() == 1",
            holds=lambda block: sum(getattr(block, name) is not None for name in fields) == 1,
            message=f"{cls.place} has exactly one member: keep one of {', '.join(members)}",
        )
        cls.rules = (exactly_one,)

    @property
    def chosen(self) -> tuple[str, Block]:
        """The name and the content of the member that is set."""
        (found,) = (
            (to_camel(name), getattr(self, name))
            for name in type(self).model_fields
            if getattr(self, name) is not None
        )
        return found


QUANTITY_PATTERN = r"[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"

Quantity = Annotated[
    StrictInt | Annotated[StrictStr, Field(max_length=32, pattern=f"^{QUANTITY_PATTERN}$")],
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 32, "pattern": f"^{QUANTITY_PATTERN}$"}),
]
"""A number with a unit, as Kubernetes writes it: 500m, 2, 4Gi."""

Raw = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
]
"""A Kubernetes object that is passed on as it is; the API server checks it in the child object."""

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
"""Of another object, as Kubernetes takes it: a subdomain of DNS (RFC 1123)."""
Labels = Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32)]
Annotations = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32)]
