"""What a study remembers."""

from motefit.search.trial import rejected_by


def test_bounds_are_counted_the_most_frequent_first():
    size, macs = {"size.tflite_bytes": 0.2}, {"macs": 8.0}
    counted = rejected_by([size, macs, macs, size | macs, {}])
    assert list(counted.items()) == [("macs", 3), ("size.tflite_bytes", 2)]
    assert rejected_by([]) == {}
