"""Files are written whole, together, or not at all."""

import pytest

from advisor.errors import UserInputError
from advisor.files.writing import write_together


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    synced = []

    def full(descriptor):
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserInputError, match=r"c: cannot be written: No space left on device"):
        write_together({tmp_path / name: "new" for name in "abcd"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "old"


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / "a": "new"})
    assert list(tmp_path.iterdir()) == []


def test_all_are_written(tmp_path):
    write_together({tmp_path / "below" / name: name for name in "ab"})
    assert sorted(path.name for path in (tmp_path / "below").iterdir()) == ["a", "b"]
