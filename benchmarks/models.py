"""Networks of the rows, written once against a module with PyTorch's names."""

from __future__ import annotations

from typing import Any


def resnet18(t: Any, classes: int, small: bool) -> Any:
    """Residual network of 18 layers (He et al., 2015, arXiv 1512.03385).

    ``small``: for 32x32 pictures, with a 3x3 stem and no pooling after it.
    """
    nn = t.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.shortcut = None
            if stride != 1 or inputs != outputs:
                conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

        def forward(self, x: Any) -> Any:
            y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
            return self.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False)] if small else [nn.Conv2d(3, 64, 7, 2, 3)]
    stem += [nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    if not small:
        stem.append(nn.MaxPool2d(3, 2, 1))
    blocks, channels = [], 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Block(channels, outputs, stride), Block(outputs, outputs, 1)]
        channels = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)]
    return nn.Sequential(*stem, *blocks, *head)


def mobilenet_v2(t: Any, classes: int) -> Any:
    """MobileNetV2 (Sandler et al., 2018, arXiv 1801.04381)."""
    nn = t.nn

    def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[Any]:
        layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        return [layer, nn.BatchNorm2d(outputs)]

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
            super().__init__()
            hidden = inputs * expansion
            layers = [*conv(inputs, hidden, 1), nn.ReLU6(inplace=True)] if expansion > 1 else []
            layers += [*conv(hidden, hidden, 3, stride, hidden), nn.ReLU6(inplace=True)]
            self.layers = nn.Sequential(*layers, *conv(hidden, outputs, 1))
            self.residual = stride == 1 and inputs == outputs

        def forward(self, x: Any) -> Any:
            return x + self.layers(x) if self.residual else self.layers(x)

    layers, channels = [*conv(3, 32, 3, 2), nn.ReLU6(inplace=True)], 32
    for expansion, outputs, count, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for i in range(count):
            layers.append(Block(channels, outputs, stride if i == 0 else 1, expansion))
            channels = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes)]
    return nn.Sequential(*layers, *conv(channels, 1280, 1), nn.ReLU6(inplace=True), *head)


def transformer_block(t: Any, size: int, heads: int, causal: bool) -> Any:
    """Attention and perceptron after layer norms, both residual."""
    nn = t.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
            self.qkv, self.project = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.expand, self.contract = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

        def forward(self, x: Any, cache: list[Any] | None = None) -> Any:
            batch, time, _ = x.shape
            qkv = self.qkv(self.norm1(x)).view(batch, time, 3, heads, size // heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            if cache is not None:
                cache[:] = [t.cat([old, new], 2) for old, new in zip(cache, (k, v), strict=True)]
                k, v = cache
            attend = nn.functional.scaled_dot_product_attention
            y = attend(q, k, v, is_causal=causal and cache is None)
            x = x + self.project(y.transpose(1, 2).reshape(batch, time, size))
            return x + self.contract(nn.functional.gelu(self.expand(self.norm2(x))))

    return Block()


def gpt(t: Any, vocabulary: int, context: int, size: int, layers: int, heads: int) -> Any:
    """A decoder-only transformer in the manner of GPT-2."""
    nn = t.nn

    class GPT(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(vocabulary, size), nn.Embedding(context, size)
            self.blocks = nn.ModuleList(
                transformer_block(t, size, heads, causal=True) for _ in range(layers)
            )
            self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, vocabulary, bias=False)

        def forward(self, tokens: Any, caches: list[Any] | None = None, start: int = 0) -> Any:
            places = t.arange(start, start + tokens.shape[1])
            x = self.token(tokens) + self.place(places)
            for i, block in enumerate(self.blocks):
                x = block(x, None if caches is None else caches[i])
            return self.head(self.norm(x))

    return GPT()


def vit_tiny(t: Any, classes: int, side: int, patch: int) -> Any:
    """A vision transformer of width 192, 12 layers, 3 heads (arXiv 2012.12877)."""
    nn = t.nn
    size, count = 192, (side // patch) ** 2

    class ViT(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, size, patch, patch)
            self.start = nn.Parameter(t.zeros(1, 1, size))
            self.place = nn.Parameter(t.zeros(1, count + 1, size))
            self.blocks = nn.Sequential(
                *(transformer_block(t, size, 3, causal=False) for _ in range(12))
            )
            self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, classes)

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = t.cat([self.start.expand(x.shape[0], -1, -1), x], 1) + self.place
            return self.head(self.norm(self.blocks(x))[:, 0])

    return ViT()


def two_tower(t: Any, rows: int, size: int) -> Any:
    """A recommender: users and items, each a table and a perceptron, meet in a product."""
    nn = t.nn

    class Towers(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = nn.Embedding(rows, size), nn.Embedding(rows, size)
            self.user, self.item = self.tower(), self.tower()

        def tower(self) -> Any:
            return nn.Sequential(nn.Linear(size, 128), nn.ReLU(), nn.Linear(128, size))

        def forward(self, users: Any, items: Any) -> Any:
            return self.user(self.users(users)) @ self.item(self.items(items)).t()

    return Towers()


def translator(t: Any, vocabulary: int, size: int) -> Any:
    """An encoder-decoder transformer (arXiv 1706.03762) of two and two layers."""
    nn = t.nn

    class Translator(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.source, self.target = (nn.Embedding(vocabulary, size) for _ in range(2))
            self.transformer = nn.Transformer(
                size, 4, 2, 2, 4 * size, dropout=0.0, batch_first=True
            )
            self.head = nn.Linear(size, vocabulary)

        def forward(self, source: Any, target: Any) -> Any:
            length = target.shape[1]
            dtype = self.head.weight.dtype
            mask = nn.Transformer.generate_square_subsequent_mask(length).to(dtype)
            x = self.transformer(self.source(source), self.target(target), tgt_mask=mask)
            return self.head(x)

    return Translator()
