"""Limits on what is read from files, from both sides."""

import wave
from pathlib import Path

import numpy as np
import pytest

from motefit.data.decode import decode_clip
from motefit.signal.wav import read_wav
from motefit.spec import limits
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.limits import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, model_bytes


def wav(path: Path, rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(np.arange(400, dtype="<i2").tobytes())
    return path


@pytest.mark.parametrize("rate_hz", [1, LOWEST_RATE_HZ - 1, HIGHEST_RATE_HZ + 1, 2**31 - 1])
def test_a_rate_beyond_the_limits_is_refused_by_both_readers(tmp_path: Path, rate_hz: int) -> None:
    path = wav(tmp_path / "a.wav", rate_hz)
    with pytest.raises(DataError, match=rf"a\.wav.* must be 1000\.\.768000 Hz, got {rate_hz};"):
        read_wav(path)
    with pytest.raises(DataError, match=r"a\.wav"):
        decode_clip(path, rate_hz=16_000)


@pytest.mark.parametrize("rate_hz", [LOWEST_RATE_HZ, HIGHEST_RATE_HZ])
def test_a_rate_at_a_limit_is_read(tmp_path: Path, rate_hz: int) -> None:
    path = wav(tmp_path / "a.wav", rate_hz)
    assert read_wav(path)[1] == rate_hz
    assert decode_clip(path, rate_hz=16_000).rate_hz == rate_hz


def test_the_limit_of_models_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(limits.MODEL_VARIABLE, raising=False)
    assert model_bytes() == 64 << 20
    monkeypatch.setenv(limits.MODEL_VARIABLE, "2047")
    assert model_bytes() == 2047 << 20
    for given in ("0", "-1", "1.5", "many", "9" * 5000, "٣"):
        monkeypatch.setenv(limits.MODEL_VARIABLE, given)
        with pytest.raises(ModelFileError, match="must be a whole number of megabytes"):
            model_bytes()
