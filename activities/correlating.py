"""Activities whose log lines say which run, node and product they are about."""

import asyncio
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from landfall.log_context import about

Method = TypeVar("Method", bound=Callable[..., Any])


def correlated(method: Method) -> Method:
    """Let what an activity logs carry the names that its message has.

    Args:
        method: Takes the message as its first argument: ``run_id``, ``key`` and ``product`` where it has them, or the
            work of a node with them.
    """
    if asyncio.iscoroutinefunction(method):

        @wraps(method)
        async def wait(self: Any, message: dict[str, Any], *others: Any) -> Any:
            with about(**_names(message)):
                return await method(self, message, *others)

        return cast(Method, wait)

    @wraps(method)
    def call(self: Any, message: dict[str, Any], *others: Any) -> Any:
        with about(**_names(message)):
            return method(self, message, *others)

    return cast(Method, call)


def _names(message: Mapping[str, Any]) -> dict[str, str | None]:
    named = message.get("work", message)
    return {"run": named.get("run_id"), "node": named.get("key"), "product": named.get("product")}
