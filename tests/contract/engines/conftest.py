"""The cases, and what is expected of every engine."""

from typing import Any

import pytest

from tests.contract.engines.catalogue import load_expected


@pytest.fixture(scope="session")
def expected() -> dict[str, dict[str, Any]]:
    """The verdict on each case; ``on_sail`` in it is the refusal with which Sail answers instead."""
    return load_expected()
