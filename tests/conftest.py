"""ADVISOR_REQUIRE_ALL=1 turns every skip into a failure: a missing tool must not look like a passed test."""

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("ADVISOR_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, but ADVISOR_REQUIRE_ALL=1: {report.longrepr}"


@pytest.fixture(autouse=True, scope="session")
def no_catalog_of_the_user():
    """What a person keeps in the own catalog must not decide a test."""
    from advisor.catalog import layers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "user_folder", lambda: layers.resources.folder("catalog") / "none-of-the-user")
        patch.delenv(layers.VARIABLE, raising=False)
        yield
