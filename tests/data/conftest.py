"""Fixtures of the tests of data."""

import pytest
from series_lines import HEADER


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines below a header as series.csv."""

    def _write(lines, header=HEADER, *, newline="\n", encoding="utf-8"):
        path = tmp_path / "series.csv"
        text = newline.join([header, *lines]) + newline
        path.write_bytes(text.encode(encoding))
        return path

    return _write
