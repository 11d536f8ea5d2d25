"""Every module of the package imports on its own: no cycle, no missing dependency. And the examples in its docstrings are true."""

import doctest
import importlib
import pkgutil

import advisor


def test_every_module_imports_and_its_examples_hold():
    names = [module.name for module in pkgutil.walk_packages(advisor.__path__, "advisor.") if not module.name.endswith("__main__")]
    tried = 0
    for name in names:
        found = doctest.testmod(importlib.import_module(name))
        assert found.failed == 0, name
        tried += found.attempted
    assert len(names) > 20
    assert tried >= 4
