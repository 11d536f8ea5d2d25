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


def pytest_configure():
    """What a person keeps in the own catalog, or measured of this machine, must not decide a test; before any test module is imported."""
    from advisor.catalog import layers
    from advisor.intake import calibrated

    os.environ.pop(layers.VARIABLE, None)
    layers.user_folder = lambda: layers.resources.folder("catalog") / "none-of-the-user"
    calibrated.machines_folder = lambda: layers.resources.folder("catalog") / "none-of-the-user"
