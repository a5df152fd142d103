"""The kernel a notebook runs in: this interpreter, reached by sockets in a private folder, untouched by the user's own setup."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

# Colours and bars of a terminal are noise in a stored output; a backend that opens windows would hang.
KERNEL_VARIABLES = {"MPLBACKEND": "agg", "NO_COLOR": "1", "TERM": "dumb", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
_OPTIONS = ("--InteractiveShellApp.ignore_cwd=True", "--HistoryManager.enabled=False", "--IPKernelApp.quiet=True")


def kernel_manager_class(folder: Path, started: list[Any]) -> type[AsyncKernelManager]:
    """Make a class of kernel managers for one run.

    Parameters
    ----------
    folder : Path
        Private and short: the path of a socket may not exceed about a hundred bytes.
    started : list
        Each manager that is made is put in, so that a watchdog can end its kernel.

    Returns
    -------
    type
        Takes no notice of installed kernels: the kernel is the interpreter that runs this program.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernelManager(AsyncKernelManager):
        """Starts this interpreter's kernel over sockets in the folder."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.transport = "ipc"
            self.ip = str(folder / "kernel")
            self.connection_file = str(folder / "connection.json")
            started.append(self)

        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}", *_OPTIONS]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

        async def _async_start_kernel(self, **options: Any) -> None:
            options["env"] = kernel_environment(folder)
            await super()._async_start_kernel(**options)

        start_kernel = _async_start_kernel

    return OwnKernelManager


def kernel_environment(folder: Path) -> Mapping[str, str]:
    """Return the environment of a kernel: ours, with Jupyter's and IPython's folders pinned to the private one."""
    pinned = {
        name: str(folder) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONSTARTUP", "JUPYTER_PATH")}
    return kept | KERNEL_VARIABLES | pinned


def end_kernel(manager: Any) -> None:
    """End a kernel and what it started, at once; no error where it has ended."""
    process = getattr(getattr(manager, "provisioner", None), "process", None)
    if process is None or process.poll() is not None:
        return
    try:
        os.killpg(os.getpgid(process.pid), signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
