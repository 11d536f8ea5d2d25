"""The processor's features, as Linux and macOS tell them."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.intake import processor
from advisor.intake.processor import processor_features, vector_flops_per_s


def linux(monkeypatch, text):
    monkeypatch.setattr(processor.platform, "system", lambda: "Linux")

    def read(_, **__):
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(Path, "read_text", read)


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx avx2 avx512f avx512_bf16 amx_tile\n", ("avx2", "avx512f", "avx512_bf16", "amx_tile")),
        ("flags : fpu avx avx2 avx512_vnni\nflags : avx512f\n", ("avx2",)),  # the first core's
        ("processor : 0\nFeatures : fp asimd evtstrm aes\nModel : Raspberry Pi 5\n", ()),
        ("processor : 0\ncpu : POWER10\n", None),
        (None, None),
    ],
)
def test_linux_tells_by_the_flags_of_the_first_core(monkeypatch, text, features):
    linux(monkeypatch, text)
    assert processor_features() == features


@pytest.mark.parametrize(
    ("text", "processors", "features", "flops_per_s"),
    [
        ("bogomips : 5200.00\n", 2, ("avx2", "avx512f", "amx_tile"), 2 * 2.6e9 * 32),
        ("siblings : 16\ncpu cores : 8\nbogomips : 7600.00\n", 16, ("avx2",), 8 * 3.8e9 * 32),  # two threads share a core
        ("siblings : 8\ncpu cores : 8\nbogomips : 7600.00\n", 4, ("avx2",), 4 * 3.8e9 * 32),  # a container with half of them
        ("bogomips : 108.00\n", 4, (), None),  # not an x86: the figure means something else
        ("flags : avx2\n", 4, ("avx2",), None),
        ("bogomips : 5200.00\n", 4, None, None),
    ],
)
def test_the_vector_peak_is_cores_by_base_clock_by_lanes(monkeypatch, text, processors, features, flops_per_s):
    linux(monkeypatch, text)
    assert vector_flops_per_s(processors, features) == (None if flops_per_s is None else pytest.approx(flops_per_s))


@pytest.mark.parametrize(
    ("told", "features"),
    [
        ("hw.optional.avx1_0: 1\nhw.optional.avx2_0: 1\nhw.optional.avx512f: 0\n", ("avx2",)),
        ("hw.optional.arm.FEAT_BF16: 1\nhw.optional.floatingpoint: 1\n", ()),
    ],
)
def test_macos_tells_by_sysctl(monkeypatch, told, features):
    monkeypatch.setattr(processor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(processor.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=told))
    assert processor_features() == features


def test_a_macos_that_does_not_answer_tells_nothing(monkeypatch):
    def fails(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(processor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(processor.subprocess, "run", fails)
    assert processor_features() is None
