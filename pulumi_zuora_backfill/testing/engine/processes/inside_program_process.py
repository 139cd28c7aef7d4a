"""The script of the program's process: runs the Pulumi program in the working directory.

It loads nothing of this package: the program finds the interpreter as the CLI would leave it.
One argument: the settings as JSON.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
import pulumi.runtime

_SHOWN_ERROR_EXIT_CODE = 32
_MONITOR_GONE = "Resource monitor has terminated"


def main() -> int:
    """Run the program and return the exit code: 0, or 32 after an error that was shown, or 1."""
    given = json.loads(sys.argv[1])
    # The program must not find this script's neighbours; the rest of its path must stay.
    if os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        sys.path.pop(0)
    sys.argv = ["."]
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    known = inspect.signature(pulumi.runtime.Settings.__init__).parameters
    settings = pulumi.runtime.Settings(
        **{key: value for key, value in given.items() if key in known}
    )
    pulumi.runtime.configure(settings)
    # A run that fails leaves futures that nobody awaits; asyncio's complaints help nobody.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with ThreadPoolExecutor(max_workers=max(given["parallel"], 1) * 4) as executor:
        loop.set_default_executor(executor)
        try:
            return _run(loop)
        finally:
            loop.close()


def _run(loop: asyncio.AbstractEventLoop) -> int:
    # Older SDKs want a plain function, newer ones take either.
    def program() -> None:
        runpy.run_path(".", run_name="__main__")

    run_in_stack: Any = pulumi.runtime.run_in_stack
    try:
        loop.run_until_complete(run_in_stack(program))
    except pulumi.RunError as error:
        _tell(str(error))
        return 1
    except Exception:
        _tell("Program failed with an unhandled exception:\n" + _user_traceback())
        return _SHOWN_ERROR_EXIT_CODE
    return 0


def _tell(message: str) -> None:
    """Tell an error, unless it says only that the run is ending: why was told already."""
    if _MONITOR_GONE not in message:
        pulumi.log.error(message)


def _user_traceback() -> str:
    """Format the exception from the program's own code on; whole if it is not in it."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = os.path.join(os.getcwd(), "__main__.py")
    for index, frame in enumerate(frames):
        if os.path.abspath(frame.filename) == own:
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


if __name__ == "__main__":
    sys.exit(main())
