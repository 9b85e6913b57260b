"""Pages with commands show what these print; and the tool that compares them sees a difference."""

import importlib.util
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "console_pages.py"
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "\n```console\n" in page.read_text(encoding="utf-8")
)
WHOLE = """
```text words.txt
one
two
```

```console
$ sort -r words.txt \\
  | head -n 1
two
$ echo 3 files of 12.5 ms
3 files of 7 ms
$ cat none.txt
cat: none.txt: ...
[1]
```

```console
$ trap 'echo stopped; exit 130' INT; echo begun; while true; do sleep 0.1; done
begun
^C
stopped
[130]
```
"""


def _tool():
    spec = importlib.util.spec_from_file_location(TOOL.stem, TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[TOOL.stem] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


console_pages = _tool()


def run(*arguments):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(WHOLE, encoding="utf-8")
    return path


def test_the_pages_with_commands_are_found():
    assert {"tutorial.md", "device.md", "shrink.md"} <= {page.name for page in PAGES}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [p if p.name == "shrink.md" else pytest.param(p, marks=pytest.mark.proof) for p in PAGES],
    ids=lambda page: page.name,
)
def test_a_page_shows_what_its_commands_print(page):
    done = run(page)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_matching_page_is_left_alone(page):
    done = run("--write", page)
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == WHOLE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("\ntwo\n$", "\none\n$", "-one\n+two\n"),
        ("\ntwo\n$", "\n$", "+two\n"),
        ("3 files of 7", "4 files of 7", "-4 files of 7 ms\n+3 files of 12.5 ms\n"),
        ("\n[1]\n", "\n", "+[1]\n"),
        ("stopped\n[", "done\n[", "-done\n+stopped\n"),
    ],
)
def test_a_difference_is_reported_and_fixed(page, right, wrong, told):
    page.write_text(WHOLE.replace(right, wrong), encoding="utf-8")
    assert page.read_text(encoding="utf-8") != WHOLE
    done = run(page)
    assert done.returncode == 1, done.stderr
    assert told in done.stdout
    assert run("--write", page).returncode == 0
    commands = re.compile(r"^\$ .*", re.MULTILINE)
    assert commands.findall(page.read_text(encoding="utf-8")) == commands.findall(WHOLE)
    assert run(page).returncode == 0


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("total 5.0 ms\n", "total 0.123 ms\n"),
        ("Latency: 0.1 +/- 0.0ms\n", "Latency: 12.3 +/- 4.5ms\n"),
        ("a  b\n", "a     b   \n"),
        ("...\nlast\n", "INFO: first\nlast\n"),
        ("key: ...\n", "key: 0123abcd\n"),
    ],
)
def test_measured_times_white_space_and_dots_may_differ(shown, printed):
    assert console_pages.agree(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("5 792 B\n", "5 793 B\n"),
        ("total 5.0 ms\n", "total 5.0 us\n"),
        ("97.5 % of 3 seeds\n", "97.5 % of 4 seeds\n"),
        ("", "something\n"),
        ("key: ...\nlast\n", "key: 0123abcd\n"),
        ("begun\n...\n", "begun\nerror\n[1]\n"),
        ("begun\n...\n[1]\n", "begun\nerror\n[2]\n"),
    ],
)
def test_all_else_must_be_equal(shown, printed):
    assert not console_pages.agree(shown, printed)


def test_a_block_without_a_command_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="begins with no command"):
        list(console_pages.play("```console\n# only\n$ true\n```\n", tmp_path))


def test_a_command_without_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(console_pages, "LIMIT_S", 0.2)
    (step,) = console_pages.play("```console\n$ sleep 60\n```\n", tmp_path)
    assert step.printed == f"[{128 + 9}]\n"
    assert not step.agrees


def test_a_command_can_be_interrupted_where_the_tool_itself_ignores_it(tmp_path):
    former = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # as a shell starts a job in the background
    try:
        (step,) = console_pages.play("```console\n$ kill -INT $$; echo on\n```\n", tmp_path)
    finally:
        signal.signal(signal.SIGINT, former)
    assert step.printed == "[130]\n"
