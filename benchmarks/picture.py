"""The rows' speed-ups as a picture for the README."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

from benchmarks.rows import GROUPS
from benchmarks.runner import Result

INK, OURS, SHORT = "#57606a", "#1a7f64", "#c4432b"  # readable on light and dark pages


def draw(results: list[Result], path: Path) -> None:
    """Write an SVG: for every group its rows as dots, their geometric mean as a line, the bars.

    Args:
        results: of which those count that say how many times faster a row is.
        path: of the file.
    """
    groups = {group: [r for r in results if r.group == group and not r.problem] for group in GROUPS}
    groups = {group: members for group, members in groups.items() if members}
    pyplot.rcParams.update({"svg.hashsalt": "speed", "font.size": 9, "text.color": INK})
    figure, axes = pyplot.subplots(figsize=(7.2, 0.6 + 0.42 * len(groups)))
    for height, (group, members) in enumerate(reversed(groups.items())):
        _group(axes, height, group, [member.ratio for member in members])
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5x", "1x", "2x", "5x", "10x", "20x"])
    axes.set_yticks(range(len(groups)), list(reversed(groups)))
    label = "times PyTorch's speed: a dot is a row, a tick their mean; red misses its figure"
    axes.set_xlabel(label, color=INK)
    axes.tick_params(colors=INK, which="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _group(axes: pyplot.Axes, height: int, group: str, ratios: list[float]) -> None:
    mean_bar, floor = GROUPS[group]
    mean = statistics.geometric_mean(ratios)
    colors = [OURS if ratio >= floor else SHORT for ratio in ratios]
    axes.scatter(ratios, [height] * len(ratios), c=colors, s=16, alpha=0.6, linewidths=0)
    axes.plot([mean] * 2, [height - 0.3, height + 0.3], color=OURS if mean >= mean_bar else SHORT)
