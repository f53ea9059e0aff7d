"""The tests of a product: `tests/*.yml` beside its product.yml."""

from pathlib import Path

from landfall.spec.faults import Fault
from landfall.spec.model import Product
from landfall.spec.product_test_checks import TESTS_FOLDER, ProductTestChecks
from landfall.spec.product_test_documents import items_of, read_test
from landfall.spec.product_test_model import ProductTest
from landfall.spec.project import PRODUCTS_FOLDER, read_file


def check_product_tests(root: Path, product: Product) -> tuple[tuple[ProductTest, ...], tuple[Fault, ...]]:
    """Return the tests of a product that are sound, and the faults of the others."""
    folder = root / PRODUCTS_FOLDER / product.domain / product.name / TESTS_FOLDER
    faults: list[Fault] = []
    checks = ProductTestChecks(product, folder, faults)
    tests = []
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        file = read_file(root, path)
        faults.extend(file.faults)
        for item, mark in items_of(file.data, file.mark, faults):
            test = read_test(item, mark, folder, faults)
            if test is not None and checks.passes(test, mark):
                tests.append(test)
    return tuple(tests), tuple(sorted(set(faults)))
