"""Where and with what the figures were measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PREFIXES = ("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "DNNL_", "ONEDNN_", "NPY_")
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where the module's name is not the package's


def facts(threads: int, sides: Sequence[str]) -> dict[str, Any]:
    """Return what changes the figures: machine, versions, threads, BLAS and its environment."""
    # Read first: importing threadpoolctl adds a variable of its own.
    environment = {k: v for k, v in sorted(os.environ.items()) if k.startswith(PREFIXES)}
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{cpu_model()}, {cores()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages(sides)},
        "threads": threads,
        "blas": blas(),
        "environment": environment,
    }


def packages(sides: Sequence[str]) -> list[str]:
    """Return the packages whose versions matter: NumPy, ours, and those of the sides, each once."""
    return list(dict.fromkeys(["numpy", *(side.partition(".")[0] for side in sides)]))


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Return the processor's name as Linux gives it, elsewhere as Python does."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def version(side: str) -> str:
    """Return the version of the package that a side is named by."""
    package = side.partition(".")[0]
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return "not installed" if package != "scratchnet" else "checkout"


def blas() -> list[str]:
    """Return the BLAS that NumPy loads, with the kernels that it has chosen for this processor."""
    import numpy as np

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return [f"{built['name']} {built['version']} (its kernels: install threadpoolctl)"]
    return [
        f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', 'unknown')} kernels"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
