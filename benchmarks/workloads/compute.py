"""Work that computes more than it reads and writes."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Draw, Make, Names, Row, differentiated, training


def square(n: int) -> Make:
    return lambda t, draw: {name: draw(n, n) for name in "abcd"}


def skinny(rows: int) -> Make:
    def make(t: Any, draw: Draw) -> Names:
        linear, x = t.nn.functional.linear, draw(rows, 768)
        return {"linear": linear, "x": x, "w": draw(3072, 768), "v": draw(3072, 768)}

    return make


def batched(t: Any, draw: Draw) -> Names:
    return {"a": draw(48, 256, 64), "b": draw(48, 64, 256)}


def convolution(size: tuple[int, int, int, int], **layer: Any) -> Make:
    """A layer's pass both ways for an input of ``size``, which is in the default layout."""

    def make(t: Any, draw: Draw) -> Names:
        x = draw(*size, grad=True)
        conv = draw.module(t.nn.Conv2d(size[1], **layer))
        with t.no_grad():
            upstream = draw(*conv(x).shape)
        return differentiated(lambda: conv(x), [x, *conv.parameters()], upstream)

    return make


def attention(t: Any, draw: Draw) -> Names:
    q, k, v = (draw(4, 6, 512, 64, grad=True) for _ in range(3))
    attend = t.nn.functional.scaled_dot_product_attention
    upstream = draw(4, 6, 512, 64)
    return differentiated(lambda: attend(q, k, v, is_causal=True), [q, k, v], upstream)


def linear_system(t: Any, draw: Draw) -> Names:
    a = draw(256, 256)
    return {"solve": t.linalg.solve, "a": a + 16 * t.eye(256, dtype=a.dtype), "b": draw(256, 256)}


def singular_values(t: Any, draw: Draw) -> Names:
    svd, a = t.linalg.svd, draw(256, 256)
    return {"svd": svd, "a": a, "check": lambda: [svd(a)[1]]}  # vectors have free signs


def spectrum(t: Any, draw: Draw) -> Names:
    rfft, x = t.fft.rfft, draw(64, 16384)
    return {"rfft": rfft, "x": x, "check": lambda: [t.view_as_real(rfft(x))]}


def digits_step(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    net, x, labels = draw.module(net), draw(64, 1, 8, 8), draw.integers(10, 64)
    return training(t, net, lambda: nn.functional.cross_entropy(net(x), labels))


for dtype in ("float32", "bfloat16", "float16"):
    for n in (128, 256, 512, 1024, 2048):
        name = f"matmul {n}, {dtype}"
        make, flops = square(n), 2.0 * n**3
        Row(name, "compute", "a @ b; c @ d", make, per=2, dtype=dtype, grad=False, flops=flops)
    for n in (1, 8, 64):
        statement = "linear(x, w); linear(x, v)"
        name = f"linear {n}x768x3072, {dtype}"
        Row(name, "compute", statement, skinny(n), per=2, dtype=dtype, grad=False)
Row("matmul 48x256x64", "compute", "a @ b", batched, grad=False)

CONVOLUTIONS = {
    "conv 3x3, 16x64x56x56": convolution(
        (16, 64, 56, 56), out_channels=64, kernel_size=3, padding=1
    ),
    "conv 3x3, 32x128x28x28": convolution(
        (32, 128, 28, 28), out_channels=128, kernel_size=3, padding=1
    ),
    "conv 1x1, 16x64x56x56 to 256": convolution((16, 64, 56, 56), out_channels=256, kernel_size=1),
    "conv 7x7 stride 2, 8x3x224x224": convolution(
        (8, 3, 224, 224), out_channels=64, kernel_size=7, stride=2, padding=3
    ),
    "conv 3x3 depthwise, 16x128x56x56": convolution(
        (16, 128, 56, 56), out_channels=128, kernel_size=3, padding=1, groups=128
    ),
}
for dtype in ("float32", "bfloat16"):
    for name, make in CONVOLUTIONS.items():
        Row(f"{name}, {dtype}", "compute", "step()", make, dtype=dtype)
    Row(f"attention 4x6x512x64, {dtype}", "compute", "step()", attention, dtype=dtype)
Row("solve 256", "compute", "solve(a, b)", linear_system, grad=False)
Row("svd 256", "compute", "svd(a)", singular_values, grad=False)
Row("rfft 64x16384", "compute", "rfft(x)", spectrum, grad=False)
Row("training step, digits network", "compute", "step()", digits_step, kinks=True)
