"""A set of rules that several products share, applied to a real database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.metadata import tables
from landfall.metadata.apply import apply_products, compare, rollback
from landfall.metadata.difference import ProductStatus
from landfall.metadata.engine import Database
from landfall.spec.load import load_products
from landfall.spec.model import Product

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ACTOR = "ana@contoso.example"
SET_PATH = "rule_sets/money.yml"
SET = """\
parameters: [column]
rules:
  - {name: "${param.column}_sane", check: range, column: "${param.column}", max: 1000}
"""
USE = """\
    quality:
      - {rule_set: money, with: {column: %s}}
"""
PRODUCT = """\
api_version: landfall/v1
name: %s
domain: %s
owner: {team: sales, email: sales@contoso.example}
sources:
  - {name: shop, type: file, format: csv}
datasets:
  - name: landed
    source: shop
    landing: {path: "landed/*.csv"}
    columns:
      - {name: amount, type: int}
      - {name: price, type: int}
%s"""
SHARING = {"sales/orders": "amount", "finance/invoices": "price"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    files = {"landfall.yml": "name: shop\n", SET_PATH: SET}
    for key, uses in {**SHARING, "hr/people": ""}.items():
        domain, _, name = key.partition("/")
        quality = USE % uses if uses else ""
        files[f"data_products/{key}/product.yml"] = PRODUCT % (name, domain, quality)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def apply(database: Database, products: tuple[Product, ...], *, minutes: int = 0) -> list[str]:
    now = NOW + timedelta(minutes=minutes)
    return [applied.product for applied in apply_products(database, products, actor=ACTOR, now=now)]


def limits(database: Database) -> dict[str, Any]:
    rule = tables.data_quality_rules.c
    found = database.read(
        lambda connection: connection.execute(sa.select(rule.Name, rule.Configuration)).all()
    )
    return {row.Name: row.Configuration for row in found}


def test_a_change_of_a_shared_set_reaches_each_product_that_uses_it_and_no_other(
    database: Database, project: Path
) -> None:
    apply(database, load_products(project))
    (project / SET_PATH).write_text(SET.replace("1000", "500"))
    changed = load_products(project)

    difference = database.read(lambda connection: compare(connection, changed))
    statuses = {item.product: item.status for item in difference.products}
    applied = apply(database, changed, minutes=1)

    assert {key for key, status in statuses.items() if status is ProductStatus.CHANGED} == set(SHARING)
    assert sorted(applied) == sorted(SHARING)
    assert limits(database) == {
        "amount_sane": {"column": "amount", "max": 500},
        "price_sane": {"column": "price", "max": 500},
    }


def test_a_product_goes_back_to_the_set_as_it_was_and_leaves_the_others(
    database: Database, project: Path
) -> None:
    apply(database, load_products(project))
    (project / SET_PATH).write_text(SET.replace("1000", "500"))
    apply(database, load_products(project), minutes=1)

    rollback(database, "sales/orders", actor=ACTOR, now=NOW + timedelta(minutes=2))

    assert limits(database) == {
        "amount_sane": {"column": "amount", "max": 1000},
        "price_sane": {"column": "price", "max": 500},
    }
