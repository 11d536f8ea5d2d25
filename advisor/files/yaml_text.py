"""Small pieces of YAML as text, for files whose layout matters to the people who read them."""

import textwrap

import yaml


def flow(value: object) -> str:
    """A value on one line: `{expect: 1.2, low: 0.9, basis: scaled}`."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def folded(key: str, text: str) -> list[str]:
    """A sentence as a folded block under its key."""
    return [f"{key}: >-", *textwrap.wrap(text, width=110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)]
