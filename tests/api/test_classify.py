"""Audio files of any format, rate and number of channels are classified like recordings of WAV."""

import shutil

import numpy as np
import pytest
import soundfile

import motefit


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".wav"])
def test_other_formats_rates_and_channels(tones_run, tmp_path, suffix):
    clip = min((tones_run.data / "low").iterdir())
    samples, rate_hz = soundfile.read(clip)
    stereo = np.repeat(np.stack([samples, samples], axis=1), 2, axis=0)
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, stereo, 2 * rate_hz)
    (mono, heard), (_, found) = motefit.classify_files(tones_run.bundle, [clip, path])
    assert mono == clip
    assert (heard.label, found.label) == ("low", "low")
    assert 0.5 < found.probability <= 1
    (_, left) = next(motefit.classify_files(tones_run.bundle, [path], channel=1))
    assert left.label == "low"


def test_of_a_long_recording_the_loudest_stretch_is_classified(tones_run, tmp_path):
    samples, rate_hz = soundfile.read(min((tones_run.data / "high").iterdir()))
    quiet = np.random.default_rng(0).normal(0, 1e-4, 2 * rate_hz)
    soundfile.write(tmp_path / "long.wav", np.concatenate([quiet, samples, quiet]), rate_hz)
    (_, found) = next(motefit.classify_files(tones_run.bundle, [tmp_path / "long.wav"]))
    assert found.label == "high"
    assert found.start_s == pytest.approx(2, abs=0.1)
    assert found.length_s == 5


def test_noise_in_a_folder_of_words_is_no_clip(tones_run, tmp_path):
    clip = min((tones_run.data / "low").iterdir())
    for folder in ("low", "_background_noise_"):
        (tmp_path / folder).mkdir()
        shutil.copy(clip, tmp_path / folder)
    found = [path for path, _ in motefit.classify_files(tones_run.bundle, [tmp_path])]
    assert found == [tmp_path / "low" / clip.name]
    noise = tmp_path / "_background_noise_"  # unless it is what is asked for
    assert len(list(motefit.classify_files(tones_run.bundle, [noise]))) == 1


def test_files_without_sound_are_refused(tones_run, climate_run, tmp_path):
    with pytest.raises(motefit.DataError, match="has no audio files"):
        list(motefit.classify_files(tones_run.bundle, [tmp_path]))
    path = tmp_path / "clip.wav"
    for content in (None, b"", b"text"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(motefit.DataError, match=str(path)):
            list(motefit.classify_files(tones_run.bundle, [path]))
    with pytest.raises(motefit.ModelFileError, match="is a model for forecasting"):
        list(motefit.classify_files(climate_run.bundle, [tones_run.data]))
