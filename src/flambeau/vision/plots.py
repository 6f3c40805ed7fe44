"""Pictures of a training run: the loss curve and the confusion matrix (needs matplotlib)."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import flambeau as fb


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ModuleNotFoundError(
            "plots need matplotlib: pip install 'flambeau[plots]'", name="matplotlib"
        ) from None
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def loss_curve(
    losses: Sequence[float],
    path: str | os.PathLike[str],
    *,
    accuracies: Sequence[float] = (),
    title: str = "",
) -> None:
    """Draw the loss of every step, and the held-out accuracy at the end of every epoch.

    Args:
        losses: One per step.
        path: Picture file to write.
        accuracies: One per epoch, in [0, 1].
        title: Above the curve.
    """
    figure = _figure(7, 4)
    axes = figure.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color="tab:blue", linewidth=0.8)
    axes.set(xlabel="step", ylabel="training loss", title=title, yscale="log")
    if accuracies:
        per_epoch = len(losses) / len(accuracies)
        other = axes.twinx()
        steps = [per_epoch * (epoch + 1) for epoch in range(len(accuracies))]
        other.plot(steps, [100 * value for value in accuracies], color="tab:orange")
        other.set_ylabel("held-out accuracy, %")
    figure.savefig(path)


def confusion_matrix(
    counts: "fb.Tensor", classes: Sequence[str], path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw how often each class was taken for which.

    Args:
        counts: Shape (classes, classes), int64: rows are true classes, columns what was said.
        classes: Their names.
        path: Picture file to write.
        title: Above the matrix.
    """
    side = 2.5 + 0.45 * len(classes)
    figure = _figure(side, side)
    axes = figure.subplots()
    rows: list[list[int]] = counts.tolist()
    axes.imshow([[value / max(1, sum(row)) for value in row] for row in rows], cmap="Blues")
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if value:
                dark = value > sum(row) / 2
                axes.text(
                    j,
                    i,
                    str(value),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark else "black",
                )
    figure.savefig(path)
