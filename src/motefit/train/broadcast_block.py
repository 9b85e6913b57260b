"""Broadcast residual blocks in torch, in few passes over their large tensors.

Operation by operation, a block walks some thirty times over tensors of megabytes, and a step waits
for memory, not for arithmetic. Here a batch is walked in pieces that stay in the cache, and the
norm of the 2-D path is never stored, only its scale and shift are. Images are (n, t, f, c),
contiguous: channels last. Numbers per channel or band are tiled along a run of whole frames, so
that they multiply long vectors instead of a dozen channels at a time.

All arithmetic is torch's own elementwise and summing code and oneDNN's convolutions, which give
equal bytes on every x86-64 processor with AVX2 (docs/decisions/0017-equal-bytes.md). What it
saves is measured in ``benchmarks/epoch``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from motefit.graph.ops import Pair

PIECE = 1 << 17
"""Numbers of a tensor that are worked on at a time: 512 KiB."""
RUN = 192
"""Least length of the vectors that numbers per channel are tiled to, where frames allow it."""


def images(x: Tensor) -> Tensor:
    """View (n, c, t, f) as (n, t, f, c), contiguous; copied unless it lies like that."""
    return x.permute(0, 2, 3, 1).contiguous()


def channels_second(x: Tensor) -> Tensor:
    """View (n, t, f, c) as (n, c, t, f), as torch's convolutions take it."""
    return x.permute(0, 3, 1, 2)


def pieces(x: Tensor) -> Iterator[slice]:
    """Yield slices of a batch of about :data:`PIECE` numbers; a batch of less than two is one."""
    size = x.numel() // len(x)
    count = len(x) if x.numel() < 2 * PIECE else max(1, PIECE // size)
    return (slice(start, start + count) for start in range(0, len(x), count))


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How numbers per band and channel lie along runs of whole frames of an image.

    Attributes:
        frames: of a run.
        bands: of frequency.
        width: frequencies of a band.
        channels: of the image.
    """

    frames: int
    bands: int
    width: int
    channels: int

    @classmethod
    def of(cls, shape: Sequence[int], bands: int) -> "Tiling":
        """Choose the runs of images (n, t, f, c): the shortest of :data:`RUN` numbers or more."""
        _, t, f, c = shape
        whole = [k for k in range(1, t + 1) if t % k == 0]
        frames = next((k for k in whole if k * f * c >= RUN), t)
        return cls(frames=frames, bands=bands, width=f // bands, channels=c)

    def rows(self, x: Tensor) -> Tensor:
        """View images (n, t, f, c) as runs (r, length)."""
        return x.view(-1, self.frames * self.bands * self.width * self.channels)

    def tile(self, values: Tensor) -> Tensor:
        """Repeat numbers (b, c) along a run, float32."""
        shape = (self.frames, self.bands, self.width, self.channels)
        return values.float()[None, :, None, :].expand(shape).reshape(-1)

    def gather(self, sums: Sequence[Tensor]) -> Tensor:
        """Add sums (length,) along a run up by band and channel, float64 (b, c)."""
        shape = (-1, self.frames, self.bands, self.width, self.channels)
        return torch.stack(list(sums)).double().view(shape).sum((0, 1, 3))


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a norm does to its input, ``x * scale + shift``: float64 (b, c).

    Attributes:
        mean: of the input.
        inverse: of the standard deviation.
        scale: gamma times ``inverse``.
        shift: beta minus ``mean`` times ``scale``.
        count: numbers that each mean is over.
    """

    mean: Tensor
    inverse: Tensor
    scale: Tensor
    shift: Tensor
    count: int

    def back(self, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Carry the gradients of scale and shift on.

        Returns:
            Gradients of gamma and beta, and two factors: besides what reaches it through the
            output, the gradient of the input is ``x * first + second``.
        """
        of_gamma = (scale - self.mean * shift) * self.inverse
        by_x = -self.scale * self.inverse * of_gamma / self.count
        constant = -self.scale * shift / self.count - by_x * self.mean
        return of_gamma, shift, by_x, constant


class Norm:
    """A (sub-spectral) batch norm.

    Args:
        constants: gamma, beta, running mean and variance, each (b * c,), bands outside.
        bands: b.
        epsilon: added to the variance.
        momentum: share of the batch's statistics in the running ones.
    """

    def __init__(
        self, constants: Sequence[Tensor], *, bands: int, epsilon: float, momentum: float
    ) -> None:
        self.gamma, self.beta, self._mean, self._variance = constants
        self.bands, self._epsilon, self._momentum = bands, epsilon, momentum

    def running(self) -> Statistics:
        """Return what the norm does outside training."""
        mean, variance = (self._by_band(v) for v in (self._mean, self._variance))
        return self._statistics(mean, variance, 1)

    def batch(self, total: Tensor, squares: Tensor, count: int) -> Statistics:
        """Return what the norm does in training, and update the running statistics.

        Args:
            total: sums (b, c), float64.
            squares: sums of squares (b, c), float64.
            count: numbers in each sum.
        """
        mean = total / count
        variance = (squares / count - mean * mean).clamp_(min=0)
        unbiased = variance * (count / max(count - 1, 1))
        with torch.no_grad():
            self._mean.lerp_(mean.flatten().to(self._mean), self._momentum)
            self._variance.lerp_(unbiased.flatten().to(self._variance), self._momentum)
        return self._statistics(mean, variance, count)

    def _statistics(self, mean: Tensor, variance: Tensor, count: int) -> Statistics:
        inverse = (variance + self._epsilon).rsqrt()
        scale = self._by_band(self.gamma) * inverse
        shift = self._by_band(self.beta) - mean * scale
        return Statistics(mean=mean, inverse=inverse, scale=scale, shift=shift, count=count)

    def _by_band(self, values: Tensor) -> Tensor:
        return values.detach().double().view(self.bands, -1)


def _moments(x: Tensor, tiling: Tiling) -> tuple[Tensor, Tensor, int]:
    """Return sums and sums of squares (b, c), and the numbers in each sum."""
    total, squares = [], []
    for piece in pieces(x):
        own = tiling.rows(x[piece])
        total.append(own.sum(0))
        squares.append((own * own).sum(0))
    count = x.numel() // (tiling.bands * tiling.channels)
    return tiling.gather(total), tiling.gather(squares), count


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """Settings of a depthwise convolution along one axis.

    Attributes:
        stride: of time and frequency.
        dilation: of time and frequency.
        pads: zeros (before, after) in time and in frequency.
    """

    stride: Pair
    dilation: Pair
    pads: tuple[Pair, Pair]

    def run(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve (n, t, f, c) with (c, 1, kt, kf)."""
        (top, bottom), (left, right) = self.pads
        if top == bottom and left == right:
            inner = (top, left)
        else:
            inner = (0, 0)
            x = functional.pad(x, (0, 0, left, right, top, bottom))
        x = channels_second(x)
        out = functional.conv2d(x, weight, None, self.stride, inner, self.dilation, len(weight))
        return images(out)

    def back(self, x: Tensor, weight: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the gradients of x and weight."""
        (top, bottom), (left, right) = self.pads
        reach = [d * (k - 1) for d, k in zip(self.dilation, weight.shape[2:], strict=True)]
        if self.stride == (1, 1) and (top, left) == (bottom, right):
            # a convolution itself, with the flipped kernel: faster than torch's own
            inner = (reach[0] - top, reach[1] - left)
            flipped = weight.flip(2, 3).contiguous(memory_format=torch.channels_last)
            back = functional.conv2d(
                channels_second(gradient), flipped, None, 1, inner, self.dilation, len(weight)
            )
            return images(back), self._weight(x, weight, gradient)
        padded = functional.pad(x, (0, 0, left, right, top, bottom))
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            channels_second(gradient),
            channels_second(padded),
            weight,
            None,
            self.stride,
            (0, 0),
            self.dilation,
            False,  # noqa: FBT003 - the operator takes it by position: not transposed
            (0, 0),
            len(weight),
            (True, True, False),
        )
        whole = images(of_x)
        return whole[:, top : top + x.shape[1], left : left + x.shape[2]].contiguous(), of_weight

    def _weight(self, x: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
        """Compute the weight's gradient of a convolution that keeps the size."""
        of_weight: Tensor
        if self.dilation == (1, 1):
            _, of_weight, _ = torch.ops.aten.convolution_backward(
                channels_second(gradient),
                channels_second(x),
                weight,
                None,
                (1, 1),
                (self.pads[0][0], self.pads[1][0]),
                (1, 1),
                False,  # noqa: FBT003 - as above
                (0, 0),
                len(weight),
                (False, True, False),
            )
            return of_weight
        # torch takes a hundred times as long where a convolution is dilated
        of_weight = torch.zeros_like(weight)
        (top, _), (left, _) = self.pads
        for row in range(weight.shape[2]):
            for column in range(weight.shape[3]):
                shift = (row * self.dilation[0] - top, column * self.dilation[1] - left)
                seen, reached = _overlap(x, gradient, shift)
                of_weight[:, 0, row, column] = (seen * reached).sum((0, 1, 2))
        return of_weight


def _overlap(x: Tensor, out: Tensor, shift: Pair) -> tuple[Tensor, Tensor]:
    """Cut inputs and outputs (n, t, f, c) to those that a tap joins: x[i + shift] and out[i]."""
    starts = [max(-s, 0) for s in shift]
    stops = [max(n - max(s, 0), a) for n, s, a in zip(x.shape[1:3], shift, starts, strict=True)]
    rows, columns = (slice(a, b) for a, b in zip(starts, stops, strict=True))
    moved = [slice(p.start + s, p.stop + s) for p, s in zip((rows, columns), shift, strict=True)]
    return x[:, moved[0], moved[1]], out[:, rows, columns]


def _time_taps(taps: int, convolution: Convolution, frames: int) -> list[tuple[int, int, int]]:
    """List the taps of a convolution over time that keeps the size: first frame, last, shift."""
    shifts = [tap * convolution.dilation[0] - convolution.pads[0][0] for tap in range(taps)]
    return [(max(-s, 0), max(frames - max(s, 0), -s, 0), s) for s in shifts]


class _TimeDepthwise(torch.autograd.Function):
    """Depthwise convolution of (n, t, 1, c) over time, as products of shifted runs of frames."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        x: Tensor,
        weight: Tensor,
        convolution: Convolution,
    ) -> Tensor:
        """Convolve with (c, 1, kt, 1)."""
        ctx.save_for_backward(x, weight)
        ctx.convolution = convolution
        return _time_convolution(x, weight, convolution)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients of x and weight."""
        x, weight = ctx.saved_tensors
        _, t, _, c = x.shape
        gradient = gradients[0].contiguous().flatten(1)
        of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight)
        seen, into = x.flatten(1), of_x.view(len(x), -1)
        for tap, (start, stop, shift) in enumerate(_time_taps(weight.shape[2], ctx.convolution, t)):
            if stop <= start:
                continue
            there = slice((start + shift) * c, (stop + shift) * c)
            here = gradient[:, start * c : stop * c]
            into[:, there].addcmul_(here, weight[:, 0, tap, 0].repeat(stop - start))
            of_weight[:, 0, tap, 0] = (seen[:, there] * here).sum(0).view(-1, c).sum(0)
        return of_x, of_weight, None


def _time_convolution(x: Tensor, weight: Tensor, convolution: Convolution) -> Tensor:
    _, t, _, c = x.shape
    out = torch.zeros_like(x)
    seen, into = x.flatten(1), out.view(len(x), -1)
    for tap, (start, stop, shift) in enumerate(_time_taps(weight.shape[2], convolution, t)):
        if stop > start:
            there = seen[:, (start + shift) * c : (stop + shift) * c]
            row = weight[:, 0, tap, 0].repeat(stop - start)
            into[:, start * c : stop * c].addcmul_(there, row)
    return out


class _DepthwiseNorm(torch.autograd.Function):
    """Depthwise convolution, and scale, shift and mean over frequency of the norm behind it.

    What :class:`_ResidualSum` returns as the gradient of the convolution is that of the norm.
    """

    @staticmethod
    def forward(  # noqa: PLR0913 - as autograd calls it
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,  # noqa: ARG004 - read from the norm; here for its gradient
        beta: Tensor,  # noqa: ARG004 - as above
        norm: Norm,
        convolution: Convolution,
    ) -> tuple[Tensor, ...]:
        """Compute y (n, t, f, c), tiled scale and shift, and the norm's mean (n, t, 1, c)."""
        raw = convolution.run(x, weight)
        tiling = Tiling.of(raw.shape, norm.bands)
        found = norm.batch(*_moments(raw, tiling))
        ctx.save_for_backward(x, weight, raw)
        ctx.found, ctx.tiling, ctx.convolution = found, tiling, convolution
        scale, shift = tiling.tile(found.scale), tiling.tile(found.shift)
        ctx.mark_non_differentiable(scale, shift)
        return raw, scale, shift, mean_of_norm(raw, tiling, found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients of x, weight, gamma and beta."""
        through, _, _, of_mean = gradients
        x, weight, raw = ctx.saved_tensors
        tiling, found = ctx.tiling, ctx.found
        share = of_mean / raw.shape[2]
        whole = torch.empty_like(raw)
        of_scale, of_shift = [], []
        for piece in pieces(raw):
            own = torch.add(through[piece], share[piece], out=whole[piece])
            runs = tiling.rows(own)
            of_shift.append(runs.sum(0))
            of_scale.append((runs * tiling.rows(raw[piece])).sum(0))
        of_gamma, of_beta = _input_gradient(whole, raw, tiling, found, of_scale, of_shift)
        of_x, of_weight = ctx.convolution.back(x, weight, whole)
        return of_x, of_weight, of_gamma, of_beta, None, None


def _input_gradient(
    through: Tensor,
    x: Tensor,
    tiling: Tiling,
    found: Statistics,
    of_scale: Sequence[Tensor],
    of_shift: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Turn the gradient of a norm's output into that of its input, in place.

    Returns:
        Gradients (b * c,) of gamma and beta.
    """
    sums = tiling.gather(of_scale), tiling.gather(of_shift)
    of_gamma, of_beta, by_x, constant = found.back(*sums)
    scale, by_x, constant = (tiling.tile(v) for v in (found.scale, by_x, constant))
    for piece in pieces(x):
        runs = tiling.rows(through[piece])
        rest = torch.addcmul(constant, tiling.rows(x[piece]), by_x)
        torch.addcmul(rest, runs, scale, out=runs)
    return of_gamma.flatten().float(), of_beta.flatten().float()


def mean_of_norm(raw: Tensor, tiling: Tiling, found: Statistics) -> Tensor:
    """Average a norm's output over frequency: (n, t, f, c) to (n, t, 1, c)."""
    scale = tiling.tile(found.scale / raw.shape[2])
    out = raw.new_empty((*raw.shape[:2], 1, raw.shape[3]))
    for piece in pieces(raw):
        own = raw[piece]
        scaled = (tiling.rows(own) * scale).view_as(own)
        torch.sum(scaled, 2, keepdim=True, out=out[piece])
    return out.add_(found.shift.mean(0).float())


class _ResidualSum(torch.autograd.Function):
    """relu(raw * scale + shift + broadcast [+ start])."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        raw: Tensor,
        scale: Tensor,
        shift: Tensor,
        broadcast: Tensor,
        start: Tensor | None,
    ) -> Tensor:
        """Compute (n, t, f, c); broadcast is (n, t, 1, c)."""
        out = residual_sum(raw, scale, shift, broadcast, start)
        ctx.save_for_backward(out)
        ctx.has_start = start is not None
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients; that of ``raw`` is left to :class:`_DepthwiseNorm`."""
        (out,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        through = torch.empty_like(out)
        of_broadcast = out.new_empty((*out.shape[:2], 1, out.shape[3]))
        for piece in pieces(out):
            own = through[piece]
            torch.ops.aten.threshold_backward.grad_input(
                gradient[piece], out[piece], 0, grad_input=own
            )
            torch.sum(own, 2, keepdim=True, out=of_broadcast[piece])
        return through, None, None, of_broadcast, through if ctx.has_start else None


def residual_sum(
    raw: Tensor, scale: Tensor, shift: Tensor, broadcast: Tensor, start: Tensor | None
) -> Tensor:
    """Compute relu(raw * scale + shift + broadcast [+ start]), (n, t, f, c)."""
    out = torch.empty_like(raw)
    for piece in pieces(raw):
        own = out[piece]
        runs = own.view(-1, len(scale))
        torch.addcmul(shift, raw[piece].view(-1, len(scale)), scale, out=runs)
        own.add_(broadcast[piece])
        if start is not None:
            own.add_(start[piece])
        own.relu_()
    return out


class _NormRelu(torch.autograd.Function):
    """Batch norm and rectifier of images (n, t, f, c)."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        x: Tensor,
        gamma: Tensor,  # noqa: ARG004 - read from the norm; here for its gradient
        beta: Tensor,  # noqa: ARG004 - as above
        norm: Norm,
    ) -> Tensor:
        """Compute relu(norm(x)) with the batch's statistics."""
        tiling = Tiling.of(x.shape, 1)
        found = norm.batch(*_moments(x, tiling))
        out = norm_relu(x, tiling, found)
        ctx.save_for_backward(x, out)
        ctx.found, ctx.tiling = found, tiling
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients of x, gamma and beta."""
        x, out = ctx.saved_tensors
        tiling, found = ctx.tiling, ctx.found
        gradient = gradients[0].contiguous()
        through = torch.empty_like(x)
        of_scale, of_shift = [], []
        for piece in pieces(x):
            own = through[piece]
            torch.ops.aten.threshold_backward.grad_input(
                gradient[piece], out[piece], 0, grad_input=own
            )
            runs = tiling.rows(own)
            of_shift.append(runs.sum(0))
            of_scale.append((runs * tiling.rows(x[piece])).sum(0))
        of_gamma, of_beta = _input_gradient(through, x, tiling, found, of_scale, of_shift)
        return through, of_gamma, of_beta, None


def norm_relu(x: Tensor, tiling: Tiling, found: Statistics) -> Tensor:
    """Compute relu(x * scale + shift), (n, t, f, c)."""
    scale, shift = tiling.tile(found.scale), tiling.tile(found.shift)
    out = torch.empty_like(x)
    for piece in pieces(x):
        runs = tiling.rows(out[piece])
        torch.addcmul(shift, tiling.rows(x[piece]), scale, out=runs).relu_()
    return out


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution of images (n, t, f, c)."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        x: Tensor,
        weight: Tensor,
        convolution: Convolution,
    ) -> Tensor:
        """Convolve with (c, 1, kt, kf)."""
        ctx.save_for_backward(x, weight)
        ctx.convolution = convolution
        return convolution.run(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients of x and weight."""
        x, weight = ctx.saved_tensors
        return *ctx.convolution.back(x, weight, gradients[0].contiguous()), None


def depthwise_norm(
    x: Tensor, weight: Tensor, norm: Norm, convolution: Convolution, *, training: bool
) -> tuple[Tensor, ...]:
    """Convolve x (n, t, f, c) with (c, 1, kt, kf), and describe the norm behind it.

    Returns:
        The convolution, the norm's scale and shift along a run, and its mean over f (n, t, 1, c).
    """
    if training:
        apply: Any = _DepthwiseNorm.apply
        made: tuple[Tensor, ...] = apply(x, weight, norm.gamma, norm.beta, norm, convolution)
        return made
    raw = convolution.run(x, weight)
    tiling, found = Tiling.of(raw.shape, norm.bands), norm.running()
    scale, shift = tiling.tile(found.scale), tiling.tile(found.shift)
    return raw, scale, shift, mean_of_norm(raw, tiling, found)


def block_sum(given: Sequence[Tensor], start: Tensor | None, *, training: bool) -> Tensor:
    """End a block: relu(raw * scale + shift + broadcast [+ start]), (n, t, f, c).

    Args:
        given: what :func:`depthwise_norm` returned, with the 1-D path's result in place of the
            mean.
        start: the block's input, if it is added.
        training: whether there are gradients.
    """
    raw, scale, shift, broadcast = given
    if not training:
        return residual_sum(raw, scale, shift, broadcast, start)
    apply: Any = _ResidualSum.apply
    out: Tensor = apply(raw, scale, shift, broadcast, start)
    return out


def normalized_relu(x: Tensor, norm: Norm, *, training: bool) -> Tensor:
    """Normalize images (n, t, f, c) over all but the channels, and rectify."""
    if not training:
        return norm_relu(x, Tiling.of(x.shape, 1), norm.running())
    apply: Any = _NormRelu.apply
    out: Tensor = apply(x, norm.gamma, norm.beta, norm)
    return out


def depthwise(x: Tensor, weight: Tensor, convolution: Convolution) -> Tensor:
    """Convolve images (n, t, f, c) with (c, 1, kt, kf)."""
    same = convolution.stride == (1, 1) and sum(convolution.pads[0]) == (
        convolution.dilation[0] * (weight.shape[2] - 1)
    )
    over_time = x.shape[2] == weight.shape[3] == 1 and same
    apply: Any = (_TimeDepthwise if over_time else _Depthwise).apply
    out: Tensor = apply(x, weight, convolution)
    return out
