"""What YAML text says and where it says it; aliases repeat values, and are held to the same limits as what they repeat."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from advisor.document_tree import read_trees
from advisor.domain.position import Position
from advisor.errors import DataError

TEXT = """\
# a comment
base: &base {slots: 4,
             flags: [a, b]}
other: *base
"quoted key": |
  some
  lines
nothing: ~
text: "~"
"""


def only(text):
    (tree,) = read_trees(text, "f")
    return tree


def test_values_are_text_or_nothing_and_aliases_repeat():
    base = {"slots": "4", "flags": ["a", "b"]}
    assert only(TEXT).raw == {"base": base, "other": base, "quoted key": "some\nlines\n", "nothing": None, "text": "~"}


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (2, 1), None),
        (("base",), (2, 7), (2, 1)),
        (("base", "flags"), (3, 21), (3, 14)),
        (("base", "flags", 1), (3, 25), None),
        (("other",), (2, 7), (4, 1)),  # an alias points at what it repeats
        (("other", "slots"), (2, 21), (2, 14)),
        (("quoted key",), (5, 15), (5, 1)),
        (("base", "flags", 2), None, None),
        (("base", "flags", "a"), None, None),
        (("base", "slots", "deeper"), None, None),
        (("missing", 0), None, None),
    ],
)
def test_where_values_and_keys_stand(path, value, key):
    places = only(TEXT).places
    assert places.value_at(path) == (value and Position("f", *value))
    assert places.key_at(path) == (key and Position("f", *key))


def test_each_document_of_a_stream_has_anchors_of_its_own():
    first, second = read_trees("a: &x 1\n---\nb: &x 2\nc: *x\n", "f")
    assert (first.raw, second.raw) == ({"a": "1"}, {"b": "2", "c": "2"})
    assert second.places.value_at(("b",)) == Position("f", 3, 4)


def test_a_scalar_may_be_repeated_as_a_key():
    assert only("a: &k name\n*k : 2\n").raw == {"a": "name", "name": "2"}


def nested(levels):
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x [*x]", "f:1:8: nested too deep or referring to itself"),
        (f"- &x {nested(40)}\n- {'[' * 30}*x{']' * 30}", "nested too deep"),
        ("- " + nested(64), "f:1:66: nested deeper than 64 levels"),
        ("? [1]\n: 2", "f:1:3: a key must be plain text"),
        ("a: &x [1]\n*x : 2", "f:2:1: a key must be plain text"),
        ("a: 1\nb: 2\na: 3", "f:3:1: a: given twice"),
        ("a: *x", "f:1:4: not valid YAML: found undefined alias *x"),
        ("a: &x 1\nb: &x 2", "f:2:4: not valid YAML: &x names something else already"),
        ("- &x [" + "1, " * 500 + "]\n" + "- *x\n" * 200, "more than 100,000 values: aliases that blow up"),
    ],
)
def test_what_no_file_holds_is_refused_where_it_stands(text, expected):
    with pytest.raises(DataError) as caught:
        read_trees(text, "f")
    assert expected in str(caught.value)


def test_the_greatest_depth_is_allowed():
    assert only(nested(64)).places.value_at((0,) * 63) == Position("f", 1, 64)


def test_texts_that_would_steer_a_terminal_are_noted_by_path():
    assert only('a: "\\e[2J"\nb: [fine, {"\\x07": 1}]\n').controls == (("a",), ("b", 1, "\x07"))


values = st.recursive(
    st.text("ab: -#\n'\"é", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(values, st.sampled_from([None, True, False]))
def test_what_was_written_is_read_back(value, flow):
    text = yaml.safe_dump(value, default_style='"', default_flow_style=flow, allow_unicode=True)
    assert only(text).raw == value
