"""Importing this does once what every job does: for a process from which jobs are forked.

The functions that read files go to the engine by value. To find out what they use, their byte code is walked: a tenth
of a second of processor time in each job that takes files in, unless the process it is forked from has done it.
"""

from pyspark import cloudpickle

import spark_runtime.landed_files  # noqa: F401  # says that the readers go by value
from spark_runtime.readers.parse import ReadPlan, make_finder, make_parser
from spark_runtime.readers.records import Wanted

_ANY = ReadPlan("csv", "utf-8", Wanted(()), {})

cloudpickle.dumps((make_parser(_ANY), make_finder(_ANY)))  # type: ignore[no-untyped-call]
