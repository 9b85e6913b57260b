"""Table that compares the costs of an exported form with those of the plain form."""

from collections.abc import Mapping

from motefit.measure.latency.paired import Latency
from motefit.spec.tables import ResultTable


def costs_table(
    latency: Mapping[str, Latency], *, plain: str, plain_bytes: int, own_bytes: int
) -> ResultTable:
    """Tabulate size and latency of both forms.

    Args:
        latency: latency by the name of the form.
        plain: name of the plain form.
        plain_bytes: size of the plain form.
        own_bytes: size of the exported form.
    """
    rows = [
        (
            name,
            str(plain_bytes if name == plain else own_bytes),
            *tuple(
                f"{value:.3f}"
                for value in (times.frontend_p25_ms, times.inference_p25_ms, times.total_p25_ms)
            ),
        )
        for name, times in latency.items()
    ]
    titles = ("", "bytes", "front end ms", "inference ms", "total ms")
    return ResultTable(titles=titles, align="lrrrr", rows=rows)
