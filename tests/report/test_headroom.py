"""How much of a budget is used, and what weakens the figures: taken from the stored facts."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.report.headline import headline
from motefit.report.render import render_report
from motefit.report.verdict import used_percent, verdict_lines
from motefit.spec.budget import Bound


@given(limit=st.integers(1, 10**8), value=st.integers(0, 10**9))
def test_a_size_is_within_its_bound_when_at_most_all_of_it_is_used(limit, value):
    bound = Bound(metric="size.zip_bytes", relation="<=", limit=float(limit))
    used = used_percent("size.zip_bytes", str(bound), value)
    assert used == pytest.approx(100 * value / limit)
    assert (used <= 100) == bound.holds(value)


@given(limit=st.integers(0, 9999), wrong=st.integers(0, 10000))
def test_an_accuracy_uses_the_errors_that_are_allowed(limit, wrong):
    bound = Bound(metric="accuracy", relation=">=", limit=limit / 10000)
    used = used_percent("accuracy", str(bound), 1 - wrong / 10000)
    assert used == pytest.approx(100 * wrong / (10000 - limit))


def test_a_bound_without_room_has_no_share():
    assert used_percent("accuracy", ">= 100.00 %", 0.99) is None
    assert used_percent("latency.saving_percent", "> 5 %", 7.0) is None


def test_the_page_shows_the_share_of_each_stored_line(words, climate):
    for facts in (words, climate):
        stored = json.loads(facts.certificate.to_json())["lines"]
        page = render_report(facts)
        shown = re.findall(r"</span></span>(\d+) %</td>", page)
        known = [line for line in stored if line.get("value") is not None]
        wanted = [used_percent(li["metric"], li["bound"], li["value"]) for li in known]
        assert shown == [f"{used:.0f}" for used in wanted]
        widths = [
            float(width)
            for width in re.findall(r'class="used"><span [^>]*><span style="width:([\d.]+)%', page)
        ]
        assert widths == [pytest.approx(min(used, 100), abs=0.1) for used in wanted]
        assert len(verdict_lines(facts.certificate)) == len(stored)


def test_the_cautions_are_the_stored_facts(words, climate):
    stored = words.topic("data")
    share = 100 * stored["test_clips_shared"] / sum(map(sum, words.topic("accuracy")["confusion"]))
    assert headline(words).cautions == (
        f"{share:.0f} % of test clips share a speaker with training",
        "no reject class: answers to any sound",
    )
    assert "<li>No reject class: answers to any sound</li>" in render_report(words)
    assert headline(climate).cautions == ()
    assert 'class="cautions"' not in render_report(climate)


def test_a_model_with_a_reject_class_needs_no_caution(words):
    io = words.card.io
    live = replace(io, labels=(*io.labels, "_unknown_"), rejects=("_unknown_",))
    facts = replace(words, card=replace(words.card, io=live))
    assert not [text for text in headline(facts).cautions if "reject" in text]
