"""Templates to text. Values from a plan go through a quoting filter: nothing in them can end a scalar, a line or a comment."""

import json
import re
import shlex
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from advisor.files.yaml_text import flow
from advisor.resources import folder


def lay_out(template: str, **facts: object) -> str:
    """The text of one template; a fact that the template asks for and nobody gave is an error, never an empty string."""
    return _environment().get_template(template).render(**facts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML and shell, not HTML: the filters below quote
    )
    environment.filters |= {"yaml": quoted, "kube": kubernetes_text, "compose": compose_text, "sh": shell_word, "comment": comment}
    return environment


def quoted(value: object) -> str:
    """A value as YAML on one line, quoted where YAML would read it as something else."""
    text = str(value) if not isinstance(value, bool | int | float) else value
    return flow(text) if not isinstance(text, str) or _one_line(text) else json.dumps(text)


def kubernetes_text(value: str) -> str:
    """A container argument or environment value: Kubernetes replaces `$(NAME)`, so a dollar in front of a bracket is doubled."""
    return quoted(value.replace("$(", "$$("))


def compose_text(value: str) -> str:
    """Text in a compose file, which replaces `$NAME`: every dollar is doubled."""
    return quoted(value.replace("$", "$$"))


def shell_word(value: str) -> str:
    """A word for a POSIX shell."""
    return shlex.quote(value)


def comment(value: str) -> str:
    """Text behind a `#`: control characters and line ends become spaces."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in value)).strip()


def _one_line(text: str) -> bool:
    return all(c.isprintable() for c in text)
