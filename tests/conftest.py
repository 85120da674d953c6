"""What every test may use: hypothesis profiles and the optional research data beside the checkout.

Profiles: `default` draws new examples on each run; `ci` (HYPOTHESIS_PROFILE=ci, as in `make test`) never varies;
`rotating` draws new ones and prints what to paste above a test that fails (`make test-new-seed`).
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Timings on shared machines say nothing: pytest-timeout guards against a hang, hypothesis' deadline would only flake.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", parent=settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.register_profile("rotating", parent=settings.get_profile("default"), database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of third-party research data, `../shared/data` beside the checkout; the test skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the research data in ../shared/data, which is not beside this checkout")
    return folder
