"""Data sets that motefit can fetch; one file each.

A file in this folder describes one archive and registers it in DATASETS. No other import is needed:
a lookup imports every such file.
"""

from dataclasses import dataclass

from motefit.spec.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A zip archive with data in it.

    Attributes:
        name: as given to ``motefit data fetch``.
        description: one line.
        license: of the data, and whom to credit.
        url: of the archive, http or https.
        size_bytes: of the archive.
        sha256: of the archive; None if it is not known for certain: then the hash of the first
            download is recorded next to the data, and later ones are compared with it.
        contents: the folder or file in the archive that holds the data.
        unpacked_limit_bytes: maximum size of the unpacked archive.
    """

    name: str
    description: str
    license: str
    url: str
    size_bytes: int
    sha256: str | None
    contents: str
    unpacked_limit_bytes: int


DATASETS: Registry[Dataset] = Registry(__name__, "data set")
"""Every data set by name; each file of this folder adds one."""


def dataset_names() -> tuple[str, ...]:
    """Return the names of all registered data sets, sorted.

    >>> dataset_names()
    ('jena-climate', 'mini-speech-commands')
    """
    return DATASETS.names()
