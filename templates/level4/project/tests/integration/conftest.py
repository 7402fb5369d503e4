"""The service as it runs in production, with the rules of `config/monitoring.toml`."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def hash_key() -> Iterator[None]:
    """A key for the columns that the log hashes, if there are any."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("LOG_HASH_KEY", "the key of the tests")
        yield
