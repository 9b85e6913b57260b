"""Models whose loop may never end: a run of one is an error in time, and the process can go on."""

from functools import partial

import pytest
from odd_models import counting, endless, endless_below

from motefit.runtime.limited_run import LimitedRun, may_loop
from motefit.spec.errors import DataError
from motefit.tflite.contained import contained

RUNS = """
# in a process of its own, which ends with the thread that is left behind
import numpy as np
from motefit.runtime import limited_run
from motefit.runtime.interpreter import Interpreter
limited_run.RUN_SECONDS = 0.1
interpreter = Interpreter(model)
assert np.allclose(interpreter.run(np.ones((3, 4, 5))), 2.0)
for value in (-7.0, -7.0, 1.0):  # not run again, whatever the input
    try:
        interpreter.run(np.full((1, 4, 5), value))
    except ValueError as error:
        assert "did not finish" in str(error) and "no end with this input" in str(error)
    else:
        raise AssertionError(value)
"""


def test_a_loop_without_an_end_is_an_error_and_the_model_is_not_run_again():
    contained(partial(exec, RUNS, {"model": endless_below(-6.0, (4, 5), 2)}))


def test_only_models_with_loops_have_a_thread():
    assert [may_loop(m) for m in (endless(), counting(), b"no model")] == [True, False, True]


def test_errors_of_the_call_are_raised_by_the_caller():
    def fail():
        raise DataError("its own")

    with pytest.raises(DataError, match="its own"):
        LimitedRun(fail)()
