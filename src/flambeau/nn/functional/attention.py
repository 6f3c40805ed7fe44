"""Multi-head attention as a composite of linear maps and scaled dot products.

Source: Vaswani et al. 2017, "Attention Is All You Need".
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["_canonical_mask", "_none_or_dtype", "multi_head_attention_forward"]


def _none_or_dtype(input: Tensor | None) -> Any:
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """Return ``mask`` as numbers to add to the scores: -inf where a boolean mask is True."""
    if mask is None:
        return None
    is_float = mask.is_floating_point()
    if mask.dtype != flambeau.bool and not is_float:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=2,
        )
    if is_float:
        return mask
    return flambeau.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _check_shapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Check numbers of dimensions; return whether the inputs are batched."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind = "batched (3-D)" if batched else "unbatched (2-D)"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {query.dim()}-D "
            f"but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or "
            f"{query.dim() - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D "
                f"but found {attn_mask.dim()}-D tensor instead"
            )
        if not batched and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            if attn_mask.shape != expected:
                raise AssertionError(
                    f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}"
                )
    return batched


def _project_to_heads(
    x: Tensor, parts: int, weight: Tensor, bias: Tensor | None, num_heads: int
) -> tuple[Tensor, ...]:
    """Project (L, N, E) with ``parts`` stacked weights to views (N, heads, L, D), in one product.

    Nothing is moved: the product reads ``x`` as it lies.
    """
    batch_first = not x.is_contiguous() and x.transpose(0, 1).is_contiguous()
    projected = F.linear(x.transpose(0, 1) if batch_first else x, weight, bias)
    heads = projected.unflatten(-1, (parts, num_heads, weight.size(0) // (parts * num_heads)))
    return heads.permute((2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4)).unbind(0)


def _project_packed_to_heads(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None, num_heads: int
) -> tuple[Tensor, ...]:
    """Project with one stacked weight (3 E, E) to (N, heads, L, D)."""
    if key is value and query is key:
        return _project_to_heads(query, 3, weight, bias, num_heads)
    size = query.size(-1)
    counts = [1, 2] if key is value else [1, 1, 1]
    weights = weight.split([count * size for count in counts])
    biases: Any = [None] * 3 if bias is None else bias.split([count * size for count in counts])
    heads: list[Tensor] = []
    for x, count, w, b in zip((query, key, value), counts, weights, biases, strict=False):
        heads += _project_to_heads(x, count, w, b, num_heads)
    return tuple(heads)


def _project_packed(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Project with one stacked weight (3 E, E), in as few products as the inputs allow."""
    size = query.size(-1)
    if key is value and query is key:
        projected = F.linear(query, weight, bias).unflatten(-1, (3, size))
        q, k, v = (part.contiguous() for part in projected.unbind(-2))
        return q, k, v
    w_q, w_k, w_v = weight.chunk(3)
    b_q, b_k, b_v = (None, None, None) if bias is None else bias.chunk(3)
    return F.linear(query, w_q, b_q), F.linear(key, w_k, b_k), F.linear(value, w_v, b_v)


def _project_separately(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: tuple[Tensor | None, Tensor | None, Tensor | None],
    bias: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    for name, weight in zip("qkv", weights, strict=True):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    checked: Any = weights
    biases: Any = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (
        F.linear(x, w, b) for x, w, b in zip((query, key, value), checked, biases, strict=True)
    )
    return q, k, v


def _check_attn_mask(mask: Tensor, batch_heads: int, target: int, source: int) -> Tensor:
    """Return ``mask`` with three dimensions."""
    if mask.dim() == 2:
        if mask.shape != (target, source):
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {mask.shape}, but should be {(target, source)}."
            )
        return mask.unsqueeze(0)
    if mask.dim() != 3:
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    if mask.shape != (batch_heads, target, source):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, "
            f"but should be {(batch_heads, target, source)}."
        )
    return mask


def _check_static(static: Tensor, name: str, batch_heads: int, head_dim: int) -> Tensor:
    if static.size(0) != batch_heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch_heads}, but got {static.size(0)}")
    if static.size(2) != head_dim:
        raise AssertionError(f"expecting {name}.size(2) of {head_dim}, but got {static.size(2)}")
    return static


def _attend_with_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float
) -> tuple[Tensor, Tensor]:
    """Return the mixed values and the attention weights; all arguments (N heads, L, E)."""
    scaled = q * math.sqrt(1.0 / float(q.shape[-1]))
    if mask is None:
        scores = flambeau.bmm(scaled, k.transpose(-2, -1))
    else:
        scores = flambeau.baddbmm(mask, scaled, k.transpose(-2, -1))
    weights = F.softmax(scores, dim=-1)
    if dropout_p > 0.0:
        weights = F.dropout(weights, p=dropout_p)
    return flambeau.bmm(weights, v), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Run multi-head attention with the given projections.

    Args:
        query (Tensor): (L, N, E), or (L, E) without a batch.
        key, value (Tensor): (S, N, E_k), (S, N, E_v), or without N.
        embed_dim_to_check (int): E.
        num_heads (int): number of heads; divides E.
        in_proj_weight, in_proj_bias (Tensor): stacked projections (3 E, E) and (3 E).
        bias_k, bias_v (Tensor): appended to keys and values, (1, 1, E).
        add_zero_attn (bool): append a zero key and value.
        dropout_p (float): probability of dropping a weight, in training only.
        out_proj_weight, out_proj_bias (Tensor): output projection (E, E) and (E).
        key_padding_mask (Tensor): (N, S); True or -inf where a key is padding.
        need_weights (bool): also return the attention weights.
        attn_mask (Tensor): (L, S) or (N heads, L, S); True or -inf where attention is barred.
        use_separate_proj_weight (bool): take ``q_proj_weight`` and so on.
        static_k, static_v (Tensor): used in place of projected keys and values.
        average_attn_weights (bool): average the returned weights over the heads.
        is_causal (bool): promise that ``attn_mask`` is the causal mask.

    Returns:
        The output (L, N, E) and, with ``need_weights``, weights (N, L, S) or (N, heads, L, S).
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        # One unsqueeze per distinct tensor keeps "query is key" true for the projection.
        same_qk, same_kv = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    tgt_len, bsz, embed_dim = query.shape
    if key_padding_mask is not None:
        for dim, size in enumerate((bsz, key.shape[0])):
            if key_padding_mask.shape[dim] != size:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{dim}] to be {size}, "
                    f"but got {key_padding_mask.shape[dim]}"
                )
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. "
            "You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and key_padding_mask is None
    if embed_dim != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}"
        )
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")

    heads = bsz * num_heads
    extended = static_k is not None or static_v is not None or bias_k is not None or add_zero_attn
    as_views = not (need_weights or extended or use_separate_proj_weight)
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_separately(query, key, value, weights, in_proj_bias)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = (
            _project_packed_to_heads(query, key, value, in_proj_weight, in_proj_bias, num_heads)
            if as_views
            else _project_packed(query, key, value, in_proj_weight, in_proj_bias)
        )

    if attn_mask is not None:
        attn_mask = _check_attn_mask(attn_mask, heads, tgt_len, key.shape[0])
    appended = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value")
        k = flambeau.cat([k, bias_k.repeat(1, bsz, 1)])
        v = flambeau.cat([v, bias_v.repeat(1, bsz, 1)])
        appended += 1
    if not as_views:
        q = q.reshape(tgt_len, heads, head_dim).transpose(0, 1)
        k, v = (
            x.reshape(x.shape[0], heads, head_dim).transpose(0, 1)
            if static is None
            else _check_static(static, name, heads, head_dim)
            for x, static, name in ((k, static_k, "static_k"), (v, static_v, "static_v"))
        )
    if add_zero_attn:
        zero = flambeau.zeros((heads, 1, head_dim), dtype=k.dtype, device=k.device)
        k = flambeau.cat([k, zero], dim=1)
        v = flambeau.cat([v, zero], dim=1)
        appended += 1
    src_len = k.size(-2)
    if appended and attn_mask is not None:
        attn_mask = F.pad(attn_mask, (0, appended))
    if key_padding_mask is not None:
        if appended:
            key_padding_mask = F.pad(key_padding_mask, (0, appended))
        per_head = (
            key_padding_mask.view(bsz, 1, 1, src_len)
            .expand(-1, num_heads, -1, -1)
            .reshape(heads, 1, src_len)
        )
        attn_mask = per_head if attn_mask is None else attn_mask + per_head

    if not training:
        dropout_p = 0.0
    if need_weights:
        mixed, attention = _attend_with_weights(q, k, v, attn_mask, dropout_p)
        mixed = mixed.transpose(0, 1).reshape(tgt_len * bsz, embed_dim)
        attention = attention.view(bsz, num_heads, tgt_len, src_len)
        if average_attn_weights:
            attention = attention.mean(dim=1)
        if not batched:
            attention = attention.squeeze(0)
    else:
        attention = None
        if attn_mask is not None:
            if attn_mask.size(0) == 1 and attn_mask.dim() == 3:
                attn_mask = attn_mask.unsqueeze(0)
            else:
                attn_mask = attn_mask.view(bsz, num_heads, -1, src_len)
        if not as_views:
            q, k, v = (x.reshape(bsz, num_heads, x.shape[1], head_dim) for x in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        # In PyTorch's order of memory: a dropout that follows draws in it.
        mixed = mixed.permute(2, 0, 1, 3).reshape(bsz * tgt_len, embed_dim)
    output = F.linear(mixed, out_proj_weight, out_proj_bias).view(tgt_len, bsz, -1)
    return (output if batched else output.squeeze(1)), attention
