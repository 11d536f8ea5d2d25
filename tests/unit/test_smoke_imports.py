"""Every module of the package imports on its own: no cycle, no missing dependency."""

import importlib
import pkgutil

import advisor


def test_every_module_imports():
    names = [module.name for module in pkgutil.walk_packages(advisor.__path__, "advisor.") if not module.name.endswith("__main__")]
    for name in names:
        importlib.import_module(name)
    assert len(names) > 20
