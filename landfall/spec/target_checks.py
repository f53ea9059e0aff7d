"""Checks of a product against the target that it is to run on."""

from landfall.spec.draft import Draft
from landfall.spec.model import Product, StepType
from landfall.spec.project import Target
from landfall.spec.python_steps import needed_packages
from landfall.spec.source_checks import PACKAGES

_CODE = "LF1060"


def check_target(draft: Draft, product: Product, target: Target) -> None:
    """Add to the draft what jobs of a target lack: packages that read formats, and those that Python steps import."""
    if "databricks_host" not in target.settings:
        return
    for index, source in enumerate(product.sources):
        package = PACKAGES.get(source.format) if source.format is not None else None
        if package is not None and not _has(target, package):
            message = f"target '{target.name}' runs on Databricks, which cannot read {source.format} without {package}"
            remedy = f"{_remedy(package)}, or land another format"
            draft.report(("sources", index, "format"), _CODE, message, remedy)
    for index, item in enumerate(product.transformations):
        for number, step in enumerate(item.steps):
            if step.type is not StepType.PYTHON or "source" not in step.config:
                continue
            at = ("transformations", index, "steps", number, "python", "function")
            for package in needed_packages(step.config["source"]):
                if not _has(target, package):
                    message = (
                        f"'{step.config['function']}' imports {package}, and nothing says that jobs of target "
                        f"'{target.name}' have it"
                    )
                    draft.report(at, _CODE, message, f"{_remedy(package)}, or do without it")


def _has(target: Target, package: str) -> bool:
    """Return whether a target lists a package, by its own name or by the one it is imported by."""
    return package.lower() in {name.lower().replace("-", "_") for name in target.job_packages}


def _remedy(package: str) -> str:
    return f"add {package} to the environment of the job and write job_packages: [{package}] at the target"
