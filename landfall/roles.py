"""Who may do what: four roles, each held for one domain or for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """What somebody may do; each role includes the ones before it.

    A reader sees, an operator acts on runs, files and events, an owner decides about the settings and versions of a
    domain's products, an admin about those of the installation.
    """

    READER = "reader"
    OPERATOR = "operator"
    OWNER = "owner"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether who holds this role may do all that ``other`` may."""
        order = tuple(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Grant:
    """One role for one domain; ``None`` is every domain, and what belongs to none."""

    role: Role
    domain: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the grant that an app role such as ``operator`` or ``reader:sales`` stands for; ``None`` if none."""
        name, colon, domain = text.partition(":")
        if name not in tuple(Role) or (colon and not domain):
            return None
        role = Role(name)
        if domain and role is Role.ADMIN:
            # Of one domain, that is its owner.
            return None
        return cls(role, domain or None)


def domains_of(grants: Iterable[Grant], role: Role) -> frozenset[str] | None:
    """Return the domains in which ``grants`` include ``role``; ``None`` means everywhere."""
    held = [grant for grant in grants if grant.role.includes(role)]
    if any(grant.domain is None for grant in held):
        return None
    return frozenset(grant.domain for grant in held if grant.domain is not None)
