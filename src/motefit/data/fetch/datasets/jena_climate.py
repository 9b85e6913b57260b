"""The Jena weather station, 14 quantities every 10 minutes from 2009 to 2016.

The size is what ``keras.utils.get_file`` reports in public tutorials' output. No public statement
of the archive's hash was found, so there is none here.
"""

from motefit.data.fetch.datasets import DATASETS, Dataset

DATASETS.register(
    "jena-climate",
    Dataset(
        name="jena-climate",
        description="weather station, 14 quantities every 10 minutes, 2009-2016, 420 551 rows",
        license="Max Planck Institute for Biogeochemistry, Jena: cite the institute",
        url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
        "jena_climate_2009_2016.csv.zip",
        size_bytes=13_568_290,
        sha256=None,
        contents="jena_climate_2009_2016.csv",
        unpacked_limit_bytes=100_000_000,
    ),
)
