"""A stand-in for NVML's Python module."""

from types import ModuleType, SimpleNamespace


def driver(names, memory_bytes=80 * 2**30, fails_at="", processes=()):
    """A pynvml with these GPUs; `fails_at` names the call that raises, `processes` are pairs of process id and bytes on every GPU."""
    fake = ModuleType("pynvml")

    class NVMLError(Exception):
        pass

    def call(name, answer):
        def answered(*arguments):
            if name == fails_at:
                raise NVMLError("Driver Not Loaded")
            return answer(*arguments)

        return answered

    answers = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: b"570.86.15",
        "nvmlDeviceGetCount": lambda: len(names),
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: names[handle],
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=memory_bytes, used=memory_bytes // 2),
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in processes],
    }
    fake.NVMLError = NVMLError
    for name, answer in answers.items():
        setattr(fake, name, call(name, answer))
    return fake
