"""How a further form of a model prints beside its plain form."""

from collections.abc import Mapping

from motefit.measure.latency.paired import Latency
from motefit.spec.tables import ResultTable


def costs_table(
    latency: Mapping[str, Latency], *, plain: str, plain_bytes: int, own_bytes: int
) -> ResultTable:
    """Size and latency of both forms.

    Args:
        latency: by form.
        plain: name of the plain form.
        plain_bytes: its size.
        own_bytes: size of the other form.
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
