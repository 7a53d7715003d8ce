"""Every test of a picture draws into memory, and closes its figures."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    with plt.rc_context(matplotlib.rcParamsDefault):
        matplotlib.use("Agg")
        plt.close("all")
        yield
        plt.close("all")
