"""Puts the data folders inside the wheel, out of the way of other distributions' names."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleData(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":  # not for editable installs: those read the clone
            for folder in ("catalog", "constraints", "rules", "templates", "validators"):
                build_data["force_include"][f"{self.root}/{folder}"] = f"advisor/_bundled/{folder}"
