"""Names of resources: how the engine forms a URN, and which old names an alias stands for."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

ROOT_STACK_TYPE = "pulumi:pulumi:Stack"
DYNAMIC_PACKAGE = "pulumi-python"
"""The package of all dynamic resources that are written in Python."""
_PROVIDER_PREFIX = "pulumi:providers:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """Another name of a resource: a whole URN, or the parts in which it differs."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Form a URN; the root stack as parent leaves no trace in it."""
    qualified = qualified_type_of(parent) if parent else ""
    if qualified and qualified != ROOT_STACK_TYPE:
        type_ = f"{qualified}${type_}"
    return f"urn:pulumi:{stack}::{project}::{type_}::{name}"


def qualified_type_of(urn: str) -> str:
    """Return the types of all ancestors and the resource's own, joined with `$`."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """Return the resource's own type."""
    return qualified_type_of(urn).rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    """Return the resource's name; it may itself contain `::`."""
    return urn.split("::", 3)[3]


def is_provider_type(type_: str) -> bool:
    """Tell whether this is the type of a provider resource."""
    return type_.startswith(_PROVIDER_PREFIX)


def package_of(type_: str) -> str:
    """Return the package that a resource type belongs to."""
    return (
        type_.removeprefix(_PROVIDER_PREFIX) if is_provider_type(type_) else type_.split(":", 1)[0]
    )


def is_default_provider(urn: str) -> bool:
    """Tell whether the engine made this provider by itself; the name is what tells."""
    return is_provider_type(type_of(urn)) and name_of(urn).startswith("default")


def reference_to(urn: str, id_: str) -> str:
    """Form the reference by which resources speak of their provider."""
    return f"{urn}::{id_}"


def provider_urn_of(reference: str) -> str:
    """Return the URN of a provider reference, which is URN and id."""
    return reference.rsplit("::", 1)[0]


def short_type(type_: str) -> str:
    """Shorten a type for people: `pkg:mod/thing:Thing` is shown as `pkg:mod:Thing`."""
    parts = type_.split(":")
    if len(parts) == 3 and "/" in parts[1]:
        module, _, file = parts[1].rpartition("/")
        if file == parts[2][:1].lower() + parts[2][1:]:
            return f"{parts[0]}:{module}:{parts[2]}"
    return type_


class UrnError(Exception):
    """A resource cannot have its URN or one of its aliases; to be told under this resource."""

    def __init__(self, urn: str, message: str) -> None:
        """Keep the resource with the message."""
        super().__init__(message)
        self.urn = urn


class RegisteredUrns:
    """The URNs that a program has registered, and the old ones that they were found under."""

    def __init__(self, stack: str, project: str) -> None:
        """Begin without any."""
        self._stack = stack
        self._project = project
        self.seen: set[str] = set()
        """Every URN that the program has registered."""
        self.old_urns: dict[str, str] = {}
        """By the new URN, the old one."""
        self.new_urns: dict[str, str] = {}
        """By the old URN, the new one."""

    def claim(self, type_: str, name: str, parent: str) -> str:
        """Form the URN of a resource; each may be registered once."""
        if parent and parent not in self.seen:
            raise UrnError("", f"could not find parent resource {parent}")
        urn = make_urn(self._stack, self._project, parent, type_, name)
        if urn in self.seen:
            raise UrnError(urn, f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self.seen.add(urn)
        return urn

    def old_urn_of(
        self,
        urn: str,
        type_: str,
        name: str,
        parent: str,
        aliases: list[Alias],
        existing: Container[str],
    ) -> str:
        """Find the URN of a resource in the old state: its own, or an alias; blank: it is new."""
        if urn in self.new_urns:
            raise UrnError(
                urn, f"Duplicate resource URN '{urn}': another resource has it as an alias"
            )
        for candidate in (urn, *self._candidates(type_, name, parent, aliases)):
            if candidate not in existing:
                continue
            if candidate != urn:
                if candidate in self.seen or candidate in self.new_urns:
                    raise UrnError(
                        urn, f"Duplicate resource alias '{candidate}' applied to resource '{urn}'"
                    )
                self.old_urns[urn] = candidate
                self.new_urns[candidate] = urn
            return candidate
        return ""

    def _candidates(self, type_: str, name: str, parent: str, aliases: list[Alias]) -> list[str]:
        """List the URNs that a resource may have had before, its parent's renaming included."""
        found = [self._collapsed(type_, name, parent, alias) for alias in aliases]
        old_parent = self.old_urns.get(parent, "")
        if old_parent:
            inherited = [(type_, name), *((type_of(urn), name_of(urn)) for urn in list(found))]
            found += [
                self._inherited(child, child_name, parent, old_parent)
                for child, child_name in inherited
            ]
        return list(dict.fromkeys(found))

    def _collapsed(self, type_: str, name: str, own_parent: str, alias: Alias) -> str:
        if alias.urn:
            return alias.urn
        parent = self.old_urns.get(alias.parent, alias.parent) if alias.parent else own_parent
        if alias.no_parent:
            parent = ""
        return make_urn(
            alias.stack or self._stack,
            alias.project or self._project,
            parent,
            alias.type or type_,
            alias.name or name,
        )

    def _inherited(self, type_: str, name: str, parent: str, old_parent: str) -> str:
        """Name a child as it was under its parent's old name, which its own name may begin with."""
        parent_name = name_of(parent)
        if name.startswith(parent_name):
            name = name_of(old_parent) + name.removeprefix(parent_name)
        return make_urn(self._stack, self._project, old_parent, type_, name)
