"""Packages of the extras, and what is said where they are missing."""

import pytest

from motefit.spec.errors import MissingExtraError
from motefit.spec.extras import require


def test_a_missing_package_is_named_with_its_extra():
    require("numpy", extra="train", purpose="anything")
    with pytest.raises(MissingExtraError, match=r"pip install 'motefit\[train\]'"):
        require("no_such_package", extra="train", purpose="anything")
