"""`pytest --rdmf-run RUN`: every property of a trained model as a test item, and fixtures for tests of one's own.

Loaded by pytest in every project where RDMF is installed, so it imports nothing heavy and does nothing unless asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rdmf_model.model.base import RetrievalModel
    from rdmf_model.properties import ModelUnderTest, Property


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the plugin's options."""
    group = parser.getgroup("rdmf", "properties of a trained RDMF model")
    group.addoption("--rdmf-run", metavar="RUN", help="run folder of `rdmf train`, or a checkpoint file")
    group.addoption("--rdmf-examples", type=int, default=50, metavar="N", help="inputs tried per property (50)")
    group.addoption("--rdmf-seed", type=int, default=0, metavar="N", help="seed of the search (0)")


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a run that is not there before anything is collected."""
    run = config.getoption("--rdmf-run")
    if run is not None and not Path(run).exists():
        raise pytest.UsageError(f"--rdmf-run must be a folder that `rdmf train` wrote, or a checkpoint. Got {run}.")


class PropertyItem(pytest.Item):
    """One property of the run."""

    def __init__(self, *, prop: Property, **options: Any) -> None:
        super().__init__(**options)
        self.prop = prop

    def runtest(self) -> None:
        """Search for a counter-example."""
        from rdmf_model.testing import require
        from rdmf_model.verification.run import one_thread

        with one_thread():
            require(
                self.prop,
                tested_model(self.config),
                int(str(self.config.getoption("--rdmf-examples"))),
                int(str(self.config.getoption("--rdmf-seed"))),
            )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The counter-example instead of a traceback through the search."""
        if excinfo.errisinstance((AssertionError, ValueError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the report says the item is."""
        return Path(str(self.config.getoption("--rdmf-run"))), None, f"rdmf: {self.prop.name}"


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Adds an item per property that is about the model."""
    if config.getoption("--rdmf-run") is None:
        return
    from rdmf_model.properties import PROPERTIES
    from rdmf_theory.errors import DataError

    try:
        tested = tested_model(config)
    except DataError as error:
        raise pytest.UsageError(str(error)) from error
    for prop in PROPERTIES:
        if prop.is_about(tested):
            items.append(PropertyItem.from_parent(session, name=f"rdmf::{prop.name}", prop=prop))


_TESTED: pytest.StashKey[Any] = pytest.StashKey()


def tested_model(config: pytest.Config) -> ModelUnderTest:
    """The model of `--rdmf-run`, loaded once. Raises DataError for a checkpoint that cannot be used."""
    if _TESTED not in config.stash:
        from rdmf_model.verification.run import load_tested_model

        config.stash[_TESTED] = load_tested_model(Path(str(config.getoption("--rdmf-run"))))
    return config.stash[_TESTED]


@pytest.fixture(scope="session")
def rdmf_run(pytestconfig: pytest.Config) -> Path:
    """The run of `--rdmf-run`; skips without one."""
    run = pytestconfig.getoption("--rdmf-run")
    if run is None:
        pytest.skip("needs a trained model: pytest --rdmf-run RUN")
    return Path(run)


@pytest.fixture(scope="session")
def rdmf_tested(rdmf_run: Path, pytestconfig: pytest.Config) -> ModelUnderTest:
    """The run's model, ready for `rdmf_model.testing.require`."""
    return tested_model(pytestconfig)


@pytest.fixture(scope="session")
def rdmf_model(rdmf_tested: ModelUnderTest) -> RetrievalModel:
    """The run's model, in evaluation mode."""
    return rdmf_tested.model
