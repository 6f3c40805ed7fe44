"""Maps of several inputs."""

from __future__ import annotations

from flambeau import Tensor
from flambeau.nn._autocast import as_given

__all__ = ["bilinear"]


@as_given
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""A bilinear map: ``y[..., k] = input1[..., i] weight[k, i, j] input2[..., j] + bias[k]``.

    Args:
        input1: of shape (\*, in1).
        input2: of shape (\*, in2), with the same leading dimensions.
        weight: of shape (out, in1, in2).
        bias: of shape (out,), or None.

    Returns:
        A tensor of shape (\*, out).

    Raises:
        RuntimeError: shapes that do not fit.

    Example:
        >>> import flambeau
        >>> x, y, w = flambeau.ones(2, 3), flambeau.ones(2, 4), flambeau.ones(5, 3, 4)
        >>> flambeau.nn.functional.bilinear(x, y, w)[0]
        tensor([12., 12., 12., 12., 12.])
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{tuple(input1.shape[:-1])} and {tuple(input2.shape[:-1])}"
        )
    if weight.dim() != 3 or weight.shape[1:] != (input1.shape[-1], input2.shape[-1]):
        raise RuntimeError(
            "bilinear(): weight of shape (out, in1, in2) is expected, with "
            f"in1 {input1.shape[-1]} and in2 {input2.shape[-1]}, but got {tuple(weight.shape)}"
        )
    rows = input1.reshape(-1, input1.shape[-1])
    left = (rows @ weight.permute(1, 0, 2).flatten(1)).view(-1, *weight.shape[::2])
    result = (left @ input2.reshape(-1, input2.shape[-1], 1)).squeeze(-1)
    result = result.view(*input1.shape[:-1], weight.shape[0])
    return result if bias is None else result + bias
