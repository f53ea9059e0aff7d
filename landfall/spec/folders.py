"""Which folders of a project are products, and which look like one that would be passed over."""

from collections.abc import Iterator
from pathlib import Path

from landfall.spec.faults import Fault
from landfall.spec.project import PRODUCT_FILE, PRODUCTS_FOLDER, yaml_files

_SECTIONS = ("datasets", "transformations", "rules", "tests")
_SHAPE = f"{PRODUCTS_FOLDER}/<domain>/<product>/{PRODUCT_FILE}"


def product_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each product of a project by ``domain/product``, in that order."""
    files = (root / PRODUCTS_FOLDER).glob(f"*/*/{PRODUCT_FILE}")
    return {f"{file.parent.parent.name}/{file.parent.name}": file.parent for file in sorted(files)}


def folder_faults(root: Path) -> list[Fault]:
    """Return what is wrong with YAML files that stand where a product's file would, and are none.

    Without this, a misspelt name would make a product vanish from everything that reads the folder.
    """
    faults = []
    products = root / PRODUCTS_FOLDER
    for folder in (products, *sorted(products.glob("*/")), *sorted(products.glob("*/*/"))):
        files = list(yaml_files(folder))
        is_product_place = folder.parent.parent == products
        if not files or (is_product_place and (folder / PRODUCT_FILE).is_file()):
            continue
        shown = files[0].relative_to(root).as_posix()
        what = (
            f"there is no {PRODUCT_FILE} beside this file"
            if is_product_place
            else "no product is read from here"
        )
        faults.append(
            Fault(
                shown,
                1,
                "LF1014",
                f"{what}, so nothing in its folder counts",
                f"a product's file is {_SHAPE}",
            )
        )
    return [*faults, *_misnamed(root)]


def _misnamed(root: Path) -> Iterator[Fault]:
    """Yield a fault for each place that is called nearly as one whose files are read, and is not."""
    for folder in product_folders(root).values():
        for section in _SECTIONS:
            for file in list(yaml_files(folder / section.removesuffix("s")))[:1]:
                yield _unread(root, file, f"{file.parent.name}/", f"call the folder {section}")
        for file in yaml_files(folder):
            named = [section for section in _SECTIONS if file.stem in (section, section.removesuffix("s"))]
            if named:
                yield _unread(root, file, file.name, f"move it to {named[0]}/{file.name}")
            elif file.stem == Path(PRODUCT_FILE).stem and file.name != PRODUCT_FILE:
                yield _unread(root, file, file.name, f"move what it says to {PRODUCT_FILE}")


def _unread(root: Path, file: Path, what: str, remedy: str) -> Fault:
    message = f"nothing is read from {what}, so nothing in it counts"
    return Fault(file.relative_to(root).as_posix(), 1, "LF1014", message, remedy)
