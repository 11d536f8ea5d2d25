"""What an engine's run must never leave: processes, children, files. Used by every test that starts one."""

import psutil


def running_in(scratch):
    """Processes whose scratch directory lies in this test's own: whatever they did to their parents and groups."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR", "").startswith(f"{scratch}/") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def assert_nothing_left(scratch):
    assert running_in(scratch) == []
    assert psutil.Process().children(recursive=True) == [], "a zombie or a child is left"
    assert list(scratch.iterdir()) == [], "a file is left"
