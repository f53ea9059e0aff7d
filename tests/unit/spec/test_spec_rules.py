"""Rules mean the same to the product file and to the runtime."""

import re

import pytest

from landfall.spec.fields import _NOT_SHARED
from landfall.spec.model import Check, NamedPattern, Severity
from spark_runtime.patterns import PATTERNS
from spark_runtime.rule_spec import Check as RuntimeCheck
from spark_runtime.rule_spec import Severity as RuntimeSeverity


def test_the_runtime_knows_every_check_severity_and_pattern() -> None:
    assert {str(severity) for severity in Severity} == {str(severity) for severity in RuntimeSeverity}
    assert {str(check) for check in Check} == {str(check) for check in RuntimeCheck}
    assert {str(pattern) for pattern in NamedPattern} == set(PATTERNS)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_named_pattern_is_one_that_products_may_write(pattern: str) -> None:
    assert _NOT_SHARED.search(pattern) is None
    assert not re.search(r"\\[dswDSWbB]", pattern), "classes differ between Java and Rust"
    re.compile(pattern)
