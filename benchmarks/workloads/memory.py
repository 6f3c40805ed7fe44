"""Work that reads and writes more than it computes."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Draw, Make, Names, Row, differentiated


def elements(megabytes: int) -> int:
    return megabytes * 2**20 // 4


def large_pairs(t: Any, draw: Draw) -> Names:
    """Two pairs of operands, so that no call finds its input where the last one left it."""
    return {name: draw(elements(128)) for name in "abcd"}


def large_gelu(t: Any, draw: Draw) -> Names:
    return {"gelu": t.nn.functional.gelu, "a": draw(elements(64)), "b": draw(elements(64))}


def chain(t: Any, draw: Draw) -> Names:
    return {"a": draw(elements(16)), "b": draw(elements(16))}


def matrix(rows: int, columns: int) -> Make:
    return lambda t, draw: {"t": t, "x": draw(rows, columns)}


def magnitudes(t: Any, draw: Draw) -> Names:
    """Numbers of one sign: the errors of a sum that is near 0 say nothing."""
    return {"x": draw(4096, 4096).abs()}


def layer_norm(t: Any, draw: Draw) -> Names:
    norm, x = draw.module(t.nn.LayerNorm(1024)), draw(4096, 1024, grad=True)
    return differentiated(lambda: norm(x), [x, norm.weight, norm.bias], draw(4096, 1024))


def cross_entropy(rows: int, classes: int) -> Make:
    def make(t: Any, draw: Draw) -> Names:
        x, labels = draw(rows, classes, grad=True), draw.integers(classes, rows)
        loss = t.nn.functional.cross_entropy
        return differentiated(lambda: loss(x, labels), [x], None)

    return make


def where(t: Any, draw: Draw) -> Names:
    return {"where": t.where, "mask": draw(2048, 1) > 0, "x": draw(2048, 2048), "y": draw(2048)}


def embedding(t: Any, draw: Draw) -> Names:
    layer = draw.module(t.nn.Embedding(50_000, 256))
    tokens = draw.integers(50_000, 16, 256)
    return differentiated(lambda: layer(tokens), [layer.weight], draw(16, 256, 256))


def batch_norm(t: Any, draw: Draw) -> Names:
    norm, x = draw.module(t.nn.BatchNorm2d(64)), draw(32, 64, 32, 32, grad=True)
    return differentiated(
        lambda: t.nn.functional.relu(norm(x)), [x, norm.weight, norm.bias], draw(32, 64, 32, 32)
    )


def adamw(t: Any, draw: Draw) -> Names:
    parameters = [draw(1000, 1000, grad=True) for _ in range(10)]
    for parameter in parameters:
        parameter.grad = draw(1000, 1000)
    optimizer = t.optim.AdamW(parameters, lr=1e-3)

    def check() -> list[Any]:
        optimizer.step()
        return parameters

    return {"step": optimizer.step, "check": check}


def dropout(t: Any, draw: Draw) -> Names:
    drop, x = t.nn.functional.dropout, draw(elements(16))

    def check() -> list[Any]:
        t.manual_seed(0)
        return [drop(x, 0.3)]

    return {"drop": drop, "x": x, "check": check}


def parts(t: Any, draw: Draw) -> Names:
    return {"cat": t.cat, "parts": [draw(1024, 1024) for _ in range(8)]}


def rows_by_index(t: Any, draw: Draw) -> Names:
    index = draw.integers(50_000, 50_000)
    return {"x": draw(50_000, 128), "y": draw(50_000, 128), "index": index}


def columns_by_index(t: Any, draw: Draw) -> Names:
    return {"x": draw(1024, 4096), "y": draw(1024, 4096), "index": draw.integers(4096, 1024, 4096)}


# The traffic is that of a single pass: each input read once, each result written once.
MIB = 2**20
LOGITS = 4 * 512 * 50257
ROWS_OF_128 = 4 * 128 * 50_000


def row(name: str, statement: str, make: Make, traffic: float, **options: Any) -> None:
    """Add a row whose work must read and write ``traffic`` bytes."""
    options = {"grad": statement == "step()", **options}
    Row(name, "memory", statement, make, traffic=traffic, **options)


row("add, 128 MB", "a + b; c + d", large_pairs, 384 * MIB, bar=2, per=2)
row("gelu, 64 MB", "gelu(a); gelu(b)", large_gelu, 128 * MIB, bar=2, per=2)
row("exp(-a) * b + a, 16 MB", "(-a).exp() * b + a", chain, 48 * MIB)
row("softmax 8192x1024", "x.softmax(-1)", matrix(8192, 1024), 64 * MIB)
row("LayerNorm 4096x1024, both ways", "step()", layer_norm, 80 * MIB)
row("cross-entropy 2048x8192, both ways", "step()", cross_entropy(2048, 8192), 128 * MIB)
row("cross-entropy 512x50257, both ways", "step()", cross_entropy(512, 50257), 2 * LOGITS)
row("sum over rows", "x.sum(1)", matrix(4096, 4096), 64 * MIB)
row("sum over columns", "x.sum(0)", matrix(4096, 4096), 64 * MIB)
row("sum", "x.sum()", magnitudes, 64 * MIB)
row("transposed copy", "x.t().contiguous()", matrix(4096, 4096), 128 * MIB)
row("where, broadcast", "where(mask, x, y)", where, 32 * MIB)
row("embedding 50000x256, both ways", "step()", embedding, 61 * MIB)
row("sort 512x4096", "x.sort(-1)[0]", matrix(512, 4096), 32 * MIB)
row("topk 512x4096", "x.topk(50)[0]", matrix(512, 4096), 8 * MIB)
row("BatchNorm and ReLU, both ways", "step()", batch_norm, 40 * MIB)
row("AdamW, 10 million parameters", "step()", adamw, 28 * 10_000_000, grad=False)
row("dropout, 16 MB", "drop(x, 0.3)", dropout, 32 * MIB)
row("cat, 32 MB", "cat(parts, 1)", parts, 64 * MIB)
row("index_select", "x.index_select(0, index)", rows_by_index, 2 * ROWS_OF_128)
row("index_add", "x.index_add(0, index, y)", rows_by_index, 3 * ROWS_OF_128)
row("scatter_add", "x.scatter_add(1, index, y)", columns_by_index, 80 * MIB)
