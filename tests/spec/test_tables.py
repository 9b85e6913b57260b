"""Results as text and as HTML."""

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.tables import CSS, ResultTable, Styled, plain

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")))
CELLS = st.one_of(
    WORDS,
    st.builds(Styled, WORDS, st.sampled_from(sorted(CSS))),
    st.tuples(WORDS, st.builds(Styled, WORDS, st.just("bad"))),
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        ResultTable,
        titles=st.tuples(*[WORDS] * width),
        rows=st.lists(st.tuples(*[CELLS] * width), max_size=4),
        align=st.text("lr", min_size=width, max_size=width),
        title=WORDS,
    )
)


@given(TABLES)
def test_html_has_each_cell_escaped(table):
    text = table._repr_html_()
    tags = re.findall(r"<[^>]*>", text)
    assert {re.match(r"</?(\w+)", tag)[1] for tag in tags} <= {
        "table", "caption", "thead", "tbody", "tr", "th", "td", "span"
    }  # fmt: skip
    found = [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td.*?</td>", text)]
    assert found == [plain(cell) for row in table.rows for cell in row]


@given(TABLES)
def test_text_has_a_line_for_each_row_and_columns_that_line_up(table):
    lines = str(table).split("\n")
    assert len(lines) == bool(table.title) + 1 + len(table.rows)
    for line, row in zip(lines[::-1], table.rows[::-1], strict=False):
        assert line == line.rstrip()
        for cell in row:
            assert plain(cell).strip() in line


def test_numbers_line_up_on_the_right():
    table = ResultTable(
        titles=("word", "n"), align="lr", rows=[("yes", "4"), ("no", Styled("10", "bad"))]
    )
    assert str(table) == "word   n\nyes    4\nno    10"
    assert '<span style="color:red' in table._repr_html_()
