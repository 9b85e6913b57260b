"""The script behind the tables of decision 18 counts what it says."""

import importlib.util
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "package_figures.py"


def test_a_small_tree_is_counted_as_by_hand(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("package_figures", TOOL)
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "package_figures", tool)  # its dataclass looks itself up
    spec.loader.exec_module(tool)
    files = {
        "src/motefit/__init__.py": "import one\n",
        "src/motefit/one/__init__.py": '"""One."""\n',
        "src/motefit/one/deep/a.py": "class A:\n    def inner(self): ...\n\n\ndef _b(): ...\n",
        "src/motefit/two/__init__.py": "def c(): ...\nasync def d(): ...\n",
        "tests/one/test_a.py": "x = 1\n" * 9,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sizes = tool.package_sizes(tmp_path)
    assert {name: size.cells() for name, size in sizes.items()} == {
        "all": ("4", "9", "3", "1.00"),
        "one": ("2", "6", "1", "1.50"),
        "two": ("1", "2", "2", "elsewhere"),
    }
