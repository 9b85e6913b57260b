"""The reference pipeline of a latency saving."""

import pytest

from motefit.certify.reference_pipeline import reference_subject
from motefit.measure.latency.paired import measure_latency
from motefit.spec.errors import RecipeError


def test_a_reference_pipeline_can_be_timed():
    timed = measure_latency({"reference": reference_subject("up-down")})
    assert timed["reference"].facts["latency.total_ms"] > 0


@pytest.mark.parametrize("name", ["climate-6", "nothing"])
def test_an_unsuitable_reference_pipeline_is_reported(name):
    with pytest.raises(RecipeError):
        reference_subject(name)
