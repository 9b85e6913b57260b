"""What a study remembers."""

import json

from motefit.search.rounds import Proposal, Round, Rounds
from motefit.search.trial import Trial, rejected_by
from motefit.spec.codec import decode
from motefit.spec.files import read_sealed, write_sealed


def test_bounds_are_counted_the_most_frequent_first():
    size, macs = {"size.tflite_bytes": 0.2}, {"macs": 8.0}
    counted = rejected_by([size, macs, macs, size | macs, {}])
    assert list(counted.items()) == [("macs", 3), ("size.tflite_bytes", 2)]
    assert rejected_by([]) == {}


def test_violations_are_read_under_their_former_name():
    """Versions before November 2026 stored them as ``excess``."""
    table = {"round": 0, "index": 1, "point": {}, "key": "k", "status": "rejected"}
    trial = decode(Trial, {**table, "excess": {"macs": 0.5}}, where="stored")
    assert trial.violations == {"macs": 0.5}


def test_a_run_of_an_earlier_version_continues(tmp_path):
    rounds = Rounds(tmp_path)
    stored = Round(entries=(Proposal(point={"width": 8}, violations={"macs": 0.5}),))
    rounds.write(0, stored)
    (path,) = (tmp_path / "rounds").iterdir()
    table = json.loads(json.dumps(read_sealed(path)).replace('"violations"', '"excess"'))
    write_sealed(path, table)
    assert rounds.read(0) == stored
