"""Writes a small product that validates, applies and runs: where a team starts."""

import re
from pathlib import Path

from landfall.errors import LandfallError
from landfall.spec.fields import NAME_PATTERN
from landfall.spec.project import DEFAULT_TARGET, PRODUCT_FILE, PRODUCTS_FOLDER, PROJECT_FILE


class NotAProductName(LandfallError):
    """A product was to be started under a name that no product can have."""

    code = "LF1003"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"'{key}' cannot name a product: write DOMAIN/PRODUCT, each of lower-case letters, digits and "
            "underscores with a letter first, such as sales/orders."
        )
        self.key = key


class ProductExists(LandfallError):
    """A product was to be started where there are files already."""

    code = "LF1004"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} exists already, and is left as it is. Choose another name, or change that one."
        )
        self.path = path


def scaffold(root: Path, key: str) -> tuple[Path, ...]:
    """Start a product, and a project around it where there is none; return the files written.

    Args:
        root: The project's folder, or the one that becomes it.
        key: ``domain/product``.

    Raises:
        NotAProductName: ``key`` cannot name a product.
        ProductExists: The product's folder is there already. Nothing is written.
    """
    domain, slash, product = key.partition("/")
    if not slash or not all(re.fullmatch(NAME_PATTERN, name) for name in (domain, product)):
        raise NotAProductName(key)
    folder = root / PRODUCTS_FOLDER / domain / product
    if folder.exists():
        raise ProductExists(folder)
    texts = {
        folder / PRODUCT_FILE: _PRODUCT.replace("DOMAIN", domain).replace("PRODUCT", product),
        folder / "samples" / "orders.csv": _SAMPLE,
        folder / "tests" / "orders.yml": _TESTS,
    }
    if not (root / PROJECT_FILE).exists():
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", root.resolve().name).strip("-") or domain
        texts[root / PROJECT_FILE] = _PROJECT.replace("NAME", name).replace("TARGET", DEFAULT_TARGET)
        if not (root / ".gitignore").exists():
            texts[root / ".gitignore"] = _IGNORED
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return tuple(sorted(texts))


_PROJECT = """\
# The project: where its products run, and what they share.
name: NAME
default_target: TARGET
targets:
  # Where everything is, `landfall up` writes to .landfall/laptop.env.
  TARGET: {}
"""

_IGNORED = """\
# State and keys of the laptop stack.
.landfall/
"""

_PRODUCT = """\
# Orders land as CSV files, are cleaned, and become sales per day. Change it into your product step by step;
# `landfall validate` says at each step what does not fit yet.
api_version: landfall/v1
domain: DOMAIN
name: PRODUCT
owner: {team: DOMAIN-team, email: DOMAIN-team@example.com}
description: Orders of the shop, and what they come to per day.

sources:
  - {name: shop_files, type: file, format: csv, options: {header: true}}

datasets:
  - name: orders_landed
    description: One row per order as the shop exports it.
    source: shop_files
    landing: {path: "orders/*.csv"}      # below landing/DOMAIN/PRODUCT/
    layer: bronze
    columns:
      - {name: order_id, type: bigint}
      - {name: customer, type: string}
      - {name: amount, type: "decimal(10,2)"}
      - {name: ordered_at, type: timestamp}
    quality:
      - {name: order_id_known, check: not_null, columns: [order_id]}
      - {name: amount_not_negative, check: range, column: amount, min: 0}

  - name: orders
    description: One row per order, the latest version of each.
    layer: silver
    quality:
      - {name: one_row_per_order, check: unique, columns: [order_id], severity: fail}
      - {name: customer_known, check: not_null, columns: [customer], severity: warn}
      - name: not_before_opening
        description: The shop opened in 2020; an earlier order has a wrong date.
        check: expression
        expression: ordered_on >= date '2020-01-01'

transformations:
  - name: clean_orders
    inputs: [orders_landed]
    steps:
      - dedupe: {keys: [order_id], order_by: [ordered_at desc]}
      - select:
          - order_id
          - lower(trim(customer)) as customer
          - amount
          - cast(ordered_at as date) as ordered_on
    output: {dataset: orders, layer: silver, write: {mode: merge, keys: [order_id]}}

  - name: daily_sales
    description: Orders and revenue of each day.
    inputs: [orders]
    steps:
      - aggregate:
          by: [ordered_on]
          measures:
            orders: count(*)
            customers: count(distinct customer)
            revenue: cast(sum(amount) as decimal(20,2))
    output: {dataset: daily_sales, layer: gold, write: {mode: merge, keys: [ordered_on]}}

ports:
  - {dataset: daily_sales, version: 1}

run: {on: [landing]}
"""

# Of twelve rows, three are refused on the way in (no order id, a negative amount, an amount that is no number),
# one is the older version of an order, and one is refused for its date.
_SAMPLE = """\
order_id,customer,amount,ordered_at
1,anna@example.com,19.90,2024-03-01 09:12:00
2,Ben@example.com,5.00,2024-03-01 10:40:00
3,cora@example.com,120.00,2024-03-01 17:03:00
4,dan@example.com,42.50,2024-03-02 08:00:00
4,dan@example.com,45.50,2024-03-02 08:15:00
5,,12.00,2024-03-02 11:31:00
,eva@example.com,7.25,2024-03-02 12:00:00
6,finn@example.com,-3.00,2024-03-02 13:37:00
7,gil@example.com,ten,2024-03-03 09:30:00
8,hana@example.com,64.80,2024-03-03 14:22:00
9,anna@example.com,8.40,1970-01-01 00:00:00
10,ben@example.com,15.00,2024-03-03 19:45:00
"""

_TESTS = """\
# Rows in, rows out: `landfall test` runs these on a Spark engine of their own.
- name: what_cannot_be_an_order_is_refused
  dataset: orders_landed
  given:
    orders_landed:
      - {order_id: 1, customer: anna@example.com, amount: 19.90, ordered_at: "2024-03-01 09:12:00"}
      - {customer: eva@example.com, amount: 7.25, ordered_at: "2024-03-02 12:00:00"}
      - {order_id: 6, amount: -3.00}
      - {order_id: 7, amount: ten}
  expect:
    rows:
      - {order_id: 1, customer: anna@example.com, amount: 19.90}
    refused:
      - {row: {customer: eva@example.com}, rules: [order_id_known]}
      - {row: {order_id: 6}, rules: [amount_not_negative]}
      - {row: {order_id: 7}, rules: ["type:amount"]}

- name: the_latest_version_of_an_order_wins
  transformation: clean_orders
  given:
    orders_landed:
      - {order_id: 4, customer: " Dan@example.com", amount: 42.50, ordered_at: "2024-03-02 08:00:00"}
      - {order_id: 4, customer: " Dan@example.com", amount: 45.50, ordered_at: "2024-03-02 08:15:00"}
      - {order_id: 5, amount: 12.00, ordered_at: "2024-03-02 11:31:00"}
      - {order_id: 9, customer: anna@example.com, amount: 8.40, ordered_at: "1970-01-01 00:00:00"}
    # Rows that are in the table already: the merge keeps what is not given again.
    orders:
      - {order_id: 1, customer: anna@example.com, amount: 19.90, ordered_on: "2024-03-01"}
  expect:
    rows:
      - {order_id: 1, customer: anna@example.com, amount: 19.90, ordered_on: "2024-03-01"}
      - {order_id: 4, customer: dan@example.com, amount: 45.50, ordered_on: "2024-03-02"}
      - {order_id: 5, amount: 12.00, ordered_on: "2024-03-02"}
    refused:
      - {row: {order_id: 9}, rules: [not_before_opening]}

- name: customers_are_counted_once_a_day
  transformation: daily_sales
  given:
    orders:
      - {order_id: 4, customer: ben@example.com, amount: 45.50, ordered_on: "2024-03-02"}
      - {order_id: 5, customer: ben@example.com, amount: 12.00, ordered_on: "2024-03-02"}
      - {order_id: 8, customer: hana@example.com, amount: 64.80, ordered_on: "2024-03-03"}
  expect:
    rows:
      - {ordered_on: "2024-03-02", orders: 2, customers: 1, revenue: 57.50}
      - {ordered_on: "2024-03-03", orders: 1, customers: 1, revenue: 64.80}
"""
