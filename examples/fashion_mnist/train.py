"""Train a convolutional network on Fashion-MNIST: 60,000 pictures of clothes.

    apt-get install dataset-fashion-mnist
    python examples/fashion_mnist/train.py            # a few minutes on two cores
    python examples/fashion_mnist/train.py --short    # a part of the data, once

Writes into --out (default: runs/fashion_mnist): model.safetensors, loss.png, confusion.png.
"""

import argparse
import time
from pathlib import Path

from PIL import Image
from tqdm import tqdm

import flambeau as fb
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.classifier import Classifier
from flambeau.vision.datasets import FASHION_MNIST, FashionMNIST
from flambeau.vision.pictures import FASHION_MNIST as FORM
from flambeau.vision.plots import confusion_matrix, loss_curve

WANTED = 0.91
BATCH = 128


def load(root: str, train: bool, limit: int | None) -> TensorDataset:
    """Pictures as (N, 1, 28, 28) in [0, 1], and their classes."""
    clothes = FashionMNIST(root, train=train)
    pictures = clothes.data[:limit].unsqueeze(1).to(fb.float32) / 255
    return TensorDataset(pictures, clothes.targets[:limit])


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )


def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, fb.Tensor]:
    """Accuracy, and how often each class (row) was taken for which (column)."""
    model.eval()
    counts = fb.zeros(100, dtype=fb.int64)
    with fb.inference_mode():
        for pictures, classes in DataLoader(data, batch_size=500):
            predicted = model(pictures).argmax(dim=1)
            counts += fb.bincount(classes * 10 + predicted, minlength=100)
    counts = counts.reshape(10, 10)
    return counts.diagonal().sum().item() / len(data), counts


def train(model: nn.Module, data: TensorDataset, held_out: TensorDataset, epochs: int):
    """Returns the loss of every step and the held-out accuracy after every epoch."""
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = fb.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = fb.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.003, total_steps=epochs * len(loader)
    )
    losses, accuracies = [], []
    for epoch in range(epochs):
        model.train()
        with tqdm(loader, desc=f"epoch {epoch + 1}/{epochs}", unit="step") as progress:
            for pictures, classes in progress:
                if fb.rand(()).item() < 0.5:  # a shoe may point to either side
                    pictures = pictures.flip(3)
                loss = criterion(model(pictures), classes)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                progress.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
        accuracies.append(evaluate(model, held_out)[0])
        print(f"held-out accuracy {accuracies[-1]:.2%}")
    return losses, accuracies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=FASHION_MNIST, help="folder with the four idx files")
    parser.add_argument("--out", type=Path, default=Path("runs/fashion_mnist"))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--short", action="store_true", help="a part of the data, once")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit, epochs = (2000, 1) if options.short else (None, options.epochs)
    try:
        data = load(options.data, True, limit)
        held_out = load(options.data, False, limit)
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    options.out.mkdir(parents=True, exist_ok=True)
    fb.manual_seed(options.seed)

    start = time.perf_counter()
    model = network()
    losses, accuracies = train(model, data, held_out, epochs)
    accuracy, counts = evaluate(model, held_out)
    print(f"{accuracy:.2%} of {len(held_out)} held-out pictures are right", end=", ")
    print(f"after {time.perf_counter() - start:.0f} s")

    model_path, classes = options.out / "model.safetensors", FashionMNIST.classes
    Classifier(model, classes, FORM).save(model_path)
    loss_curve(losses, options.out / "loss.png", accuracies=accuracies, title="Fashion-MNIST")
    confusion_matrix(counts, classes, options.out / "confusion.png", title="Fashion-MNIST")
    picture = options.out / "picture.png"
    ink = (held_out.tensors[0][0, 0] * 255).round().to(fb.uint8)
    paper = Image.new("L", (40, 40), 255)
    paper.paste(Image.fromarray(255 - ink.numpy()), (6, 6))
    paper.resize((280, 280), Image.Resampling.BICUBIC).save(picture)
    print(f"wrote {options.out}/: model.safetensors, loss.png, confusion.png, picture.png")
    print(f"try: flambeau predict {model_path} {picture}")
    if not options.short and accuracy < WANTED:
        raise SystemExit(f"expected at least {WANTED:.0%}")


if __name__ == "__main__":
    main()
