"""Train a small convolutional network on handwritten digits, then recognise a picture file.

    python examples/digits/train.py            # some 20 seconds on two cores
    python examples/digits/train.py --short    # a few epochs, to see that everything works

Writes into --out (default: runs/digits): model.safetensors, loss.png, confusion.png, digit.png.
"""

import argparse
import time
from pathlib import Path

from PIL import Image
from tqdm import tqdm

import flambeau as fb
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.classifier import Classifier, load_classifier
from flambeau.vision.datasets import Digits
from flambeau.vision.pictures import DIGITS, read_picture
from flambeau.vision.plots import confusion_matrix, loss_curve

WANTED = 0.98


def load(train: bool) -> TensorDataset:
    """Pictures as (N, 1, 8, 8) in [0, 1], and their classes."""
    digits = Digits(train=train)
    return TensorDataset(digits.data.unsqueeze(1).to(fb.float32) / 255, digits.targets)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * 4 * 4, 10),
    )


def shifted(pictures: fb.Tensor) -> fb.Tensor:
    """Each picture moved by up to one pixel each way: hands differ more than 1,437 digits show."""
    count, _, height, width = pictures.shape
    down, right = fb.randint(0, 3, (2, count, 1, 1))
    rows = down + fb.arange(height).reshape(1, height, 1)
    columns = right + fb.arange(width).reshape(1, 1, width)
    numbers = fb.arange(count).reshape(count, 1, 1)
    return F.pad(pictures, (1, 1, 1, 1))[numbers, 0, rows, columns].unsqueeze(1)


def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, fb.Tensor]:
    """Accuracy, and how often each class (row) was taken for which (column)."""
    pictures, classes = data.tensors
    model.eval()
    with fb.inference_mode():
        predicted = model(pictures).argmax(dim=1)
    counts = fb.bincount(classes * 10 + predicted, minlength=100).reshape(10, 10)
    return counts.diagonal().sum().item() / len(classes), counts


def train(model: nn.Module, data: TensorDataset, held_out: TensorDataset, epochs: int):
    """Returns the loss of every step and the held-out accuracy after every epoch."""
    loader = DataLoader(data, batch_size=64, shuffle=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = fb.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = fb.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.006, total_steps=epochs * len(loader)
    )
    losses, accuracies = [], []
    with tqdm(total=epochs * len(loader), unit="step", desc="training") as progress:
        for _ in range(epochs):
            model.train()
            for pictures, classes in loader:
                loss = criterion(model(shifted(pictures)), classes)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                progress.update()
            accuracies.append(evaluate(model, held_out)[0])
            progress.set_postfix(loss=f"{losses[-1]:.3f}", held_out=f"{accuracies[-1]:.1%}")
    return losses, accuracies


def write_digit(path: Path) -> str:
    """A held-out digit as somebody might send it: large, dark ink on light paper, off centre."""
    digits = Digits(train=False)
    ink = Image.fromarray(255 - digits.data[0].numpy()).resize((160, 160), Image.Resampling.BICUBIC)
    paper = Image.new("L", (320, 240), 255)
    paper.paste(ink, (120, 40))
    paper.save(path)
    return digits.classes[digits.targets[0].item()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/digits"), help="folder to write")
    parser.add_argument("--short", action="store_true", help="few epochs, no claim to accuracy")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    fb.manual_seed(options.seed)

    start = time.perf_counter()
    held_out = load(train=False)
    model = network()
    losses, accuracies = train(model, load(train=True), held_out, 4 if options.short else 30)
    accuracy, counts = evaluate(model, held_out)
    print(f"{accuracy:.2%} of {len(held_out)} held-out digits are right", end=", ")
    print(f"after {time.perf_counter() - start:.1f} s")

    model_path = options.out / "model.safetensors"
    Classifier(model, Digits.classes, DIGITS).save(model_path)
    loss_curve(losses, options.out / "loss.png", accuracies=accuracies, title="Digits")
    confusion_matrix(counts, Digits.classes, options.out / "confusion.png", title="Digits")

    picture = options.out / "digit.png"
    true_class = write_digit(picture)
    classifier = load_classifier(model_path)
    probabilities = classifier.probabilities(read_picture(picture, classifier.form))
    best = max(range(10), key=probabilities.__getitem__)
    print(f"{picture} shows a {true_class}; the network says {classifier.classes[best]}", end=" ")
    print(f"({probabilities[best]:.1%})")
    print(f"wrote {options.out}/: model.safetensors, loss.png, confusion.png, digit.png")
    print(f"try: flambeau predict {model_path} {picture}")
    if not options.short and accuracy < WANTED:
        raise SystemExit(f"expected at least {WANTED:.0%}")


if __name__ == "__main__":
    main()
