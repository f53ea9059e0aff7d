"""What the ports of a dataset promise about its columns, held against what is about to be written."""

from collections.abc import Mapping

from spark_runtime.casts import same_type
from spark_runtime.errors import ContractBroken
from spark_runtime.frame import find_name
from spark_runtime.job import Job


def keep_contracts(job: Job, types: Mapping[str, str]) -> None:
    """Let a table pass whose columns are those that its ports promise; others may come on top.

    Args:
        types: Type of each column that is to be written.

    Raises:
        ContractBroken: A promised column is not there, or is of another type. Nothing was written yet.
    """
    faults = []
    for contract in job.spec.output.contracts:
        for name, promised in contract.columns.items():
            own = find_name(name, types)
            if own is None:
                faults.append(f"{contract.port} promises a column '{name}' that is not there")
            elif promised is not None and not same_type(types[own], promised):
                faults.append(f"{contract.port} promises '{name}' as {promised} and it is {types[own]}")
    if faults:
        raise ContractBroken(
            f"{job.spec.output.name}: {'; '.join(faults)}. Nothing was published, the former version stays; "
            "correct the data or the steps, or offer the change as the next major version of the port."
        )
