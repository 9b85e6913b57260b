"""Listening on the device needs only numpy, LiteRT and the standard library, too."""

import json
import subprocess
import sys

CODE = """
import json, sys
import {modules}
roots = {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names
print(json.dumps(sorted(roots - {{"motefit", "__main__", "__mp_main__"}})))
"""


def loaded(modules: str) -> set[str]:
    code = CODE.format(modules=modules)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_microphone_and_spotter_import_nothing_else() -> None:
    alone = loaded("numpy, ai_edge_litert.interpreter")
    assert "numpy" in alone
    assert loaded("motefit.runtime.streaming.listen") <= alone
