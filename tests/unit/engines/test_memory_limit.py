"""Control groups of both versions, as Linux writes them."""

import pytest

from advisor.engines.memory_limit import memory_limit
from advisor.engines.process_end import Ending, failure

GIB = 1024**3


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "limit", "kills"),
    [
        pytest.param({}, None, 0, id="nothing readable"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/pod/a\n",
                "sys/fs/cgroup/pod/memory.max": f"{8 * GIB}\n",
                "sys/fs/cgroup/pod/a/memory.max": "max\n",
                "sys/fs/cgroup/pod/a/memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n",
            },
            8 * GIB,
            2,
            id="version 2, limit on the parent",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/a\n1:cpu:/\n",
                "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": f"{2 * GIB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/docker/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            },
            2 * GIB,
            1,
            id="version 1",
        ),
        pytest.param({"proc/self/cgroup": "4:memory:/\n", "proc/vmstat": "nr_free 1\noom_kill 5\n"}, None, 5, id="no limit, host's count"),
    ],
)
def test_limits(tmp_path, files, limit, kills):
    write(tmp_path, files)
    found = memory_limit(tmp_path)
    assert (found.limit_bytes, found.kills) == (limit, kills)


def test_a_kill_that_the_kernel_counted_is_named_so(monkeypatch):
    from advisor.engines import process_end
    from advisor.engines.memory_limit import MemoryLimit

    monkeypatch.setattr(process_end, "memory_limit", lambda: MemoryLimit(8 * GIB, 1))
    error = failure(Ending("llama-server", -9, None, 12.0, ("loading",), 8 * GIB, kills_before=0), 600, 300)
    assert error.exit_code == 4
    assert "by the kernel for lack of memory after 12.0 s at 8.0 GiB of memory; this container allows 8.0 GiB" in str(error)
