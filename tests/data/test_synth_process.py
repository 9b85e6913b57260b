"""The espeak-ng process: it answers, it fails loudly, and it never outlives its use."""

import os
import signal
import sys

import numpy as np
import pytest

from motefit.data.synth.process import SpeakerProcess, Utterance
from motefit.spec.errors import DataError

UP = Utterance(text="up", voice="en-us+f2")


def alive(pid: int) -> bool:
    """Whether a process (or its unburied remains) exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_fresh_process_says_the_same_again() -> None:
    """Breathy (f2) and whispered voices too, whose noise espeak-ng seeds with the clock."""
    requests = [UP, Utterance(text="down", voice="en-us+whisper"), UP]
    spoken = []
    for _ in range(2):
        with SpeakerProcess() as speaker:
            spoken.append([speaker.say(request) for request in requests])
            assert speaker.rate_hz == 22050
            assert speaker.version.startswith("1.")
    for one, two in zip(*spoken, strict=True):
        assert one.dtype == np.float32
        assert 0.1 < np.max(np.abs(one)) <= 1
        np.testing.assert_array_equal(one, two)


def test_parameters_are_heard() -> None:
    with SpeakerProcess() as speaker:
        slow, fast = (
            speaker.say(Utterance(text="seven", voice="en-us", speed=speed)) for speed in (90, 300)
        )
        loud, soft = (
            speaker.say(Utterance(text="seven", voice="en-us", volume=volume))
            for volume in (100, 20)
        )
    assert len(slow) > 1.5 * len(fast)
    assert np.std(loud) > 2 * np.std(soft)


def test_a_refused_voice_does_not_end_the_process() -> None:
    with SpeakerProcess() as speaker:
        with pytest.raises(DataError, match="no voice 'martian'"):
            speaker.say(Utterance(text="up", voice="martian"))
        assert len(speaker.say(UP)) > 1000
        pid = speaker.pid
        assert alive(pid)
    assert not alive(pid)


def test_a_killed_process_is_an_error_and_leaves_no_zombie() -> None:
    with SpeakerProcess() as speaker:
        os.kill(speaker.pid, signal.SIGKILL)
        with pytest.raises(DataError, match=r"ended unexpectedly \(exit status -9\)"):
            speaker.say(UP)
    assert not alive(speaker.pid)


def test_a_crash_is_told_with_its_last_words() -> None:
    program = "import sys; print('noise'); sys.exit('the library is broken')"
    with pytest.raises(DataError, match=r"exit status 1\): the library is broken; try again"):
        SpeakerProcess(command=(sys.executable, "-c", program))


def test_silence_is_cut_short() -> None:
    program = "import time; time.sleep(60)"
    with pytest.raises(DataError, match=r"did not answer within 0\.3 s"):
        SpeakerProcess(command=(sys.executable, "-c", program), timeout_s=0.3)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DataError, match="cannot start"):
        SpeakerProcess(command=("/nowhere/espeak",))
