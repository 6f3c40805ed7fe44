"""Losses and distances: values, gradients, errors."""

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: L.go(L.nn.L1Loss(), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.L1Loss(reduction="none"), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.L1Loss(size_average=False), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.MSELoss(reduce=False), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.SmoothL1Loss(beta=0.5), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.HuberLoss(delta=0.5, reduction="sum"), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(L.nn.NLLLoss(L.u(4)), L.x(2, 4), L.t([1, 3])),
    lambda L: L.go(
        L.nn.CrossEntropyLoss(L.u(4), label_smoothing=0.1, ignore_index=3), L.x(2, 4), L.t([1, 3])
    ),
    lambda L: L.go(L.nn.NLLLoss2d(), L.x(2, 4, 3, 3), L.root.ones(2, 3, 3).long()),
    lambda L: L.go(L.nn.KLDivLoss(reduction="batchmean"), L.x(2, 4), L.u(2, 4)),
    lambda L: L.go(L.nn.KLDivLoss(), L.x(2, 4), L.u(2, 4)),
    lambda L: L.go(L.nn.BCELoss(L.u(4)), L.u(2, 4), L.u(2, 4)),
    lambda L: L.go(L.nn.BCEWithLogitsLoss(L.u(4), pos_weight=L.u(4)), L.x(2, 4), L.u(2, 4)),
    lambda L: L.go(L.nn.HingeEmbeddingLoss(0.5), L.x(2, 4), L.x(2, 4).sign()),
    lambda L: L.go(L.nn.HingeEmbeddingLoss(0.5, reduction="none"), L.x(2, 4), L.x(2, 4).sign()),
    lambda L: L.nn.SoftMarginLoss()(L.x(2, 4), L.x(2, 4).sign()),
    lambda L: L.go(L.nn.SoftMarginLoss(), L.x(2, 2), L.t([[1, -1], [-1, 1]])),
    lambda L: L.go(L.nn.MarginRankingLoss(0.2), L.x(4), L.x(4), L.x(4).sign()),
    lambda L: L.nn.MarginRankingLoss(0.2)(L.x(4), L.x(4), L.x(4, 4).sign()),
    lambda L: L.go(L.nn.CosineEmbeddingLoss(0.2), L.x(4, 3), L.x(4, 3), L.x(4).sign()),
    lambda L: L.go(L.nn.CosineEmbeddingLoss(0.2, reduction="sum"), L.x(3), L.x(3), L.t(-1.0)),
    lambda L: L.nn.CosineEmbeddingLoss()(L.x(3), L.x(3), L.root.ones(3)),
    lambda L: L.nn.CosineEmbeddingLoss()(L.x(3, 2), L.x(3, 2), L.t(1.0)),
    lambda L: L.nn.CosineEmbeddingLoss()(L.x(3, 2), L.x(3, 2), L.root.ones(3, 2)),
    lambda L: L.go(L.nn.MultiMarginLoss(), L.x(4, 3), L.t([0, 1, 2, 0])),
    lambda L: L.go(
        L.nn.MultiMarginLoss(2, 0.5, L.u(3), reduction="none"), L.x(4, 3), L.t([0, 1, 2, 0])
    ),
    lambda L: L.go(L.nn.MultiMarginLoss(reduction="none"), L.x(3), L.t(1)),
    lambda L: L.go(L.nn.MultiMarginLoss(reduction="none"), L.x(3), L.t([1])),
    lambda L: L.F.multi_margin_loss(L.x(4, 3), L.t([0, 1, 2, 3])),
    lambda L: L.F.multi_margin_loss(L.x(4, 3), L.t([0, 1, 2, -1])),
    lambda L: L.F.multi_margin_loss(L.x(4, 3), L.t([0, 1, 2])),
    lambda L: L.F.multi_margin_loss(L.x(4, 3, 2), L.t([0, 1, 2])),
    lambda L: L.F.multi_margin_loss(L.x(4, 3), L.t([0, 1, 2, 0]), weight=L.root.ones(2)),
    lambda L: L.go(L.nn.MultiLabelMarginLoss(), L.x(2, 4), L.t([[3, 0, -1, 1], [2, -1, -1, -1]])),
    lambda L: L.go(
        L.nn.MultiLabelMarginLoss(reduction="none"), L.x(2, 4), L.t([[3, 0, 1, 2], [-1, 0, 0, 0]])
    ),
    lambda L: L.go(L.nn.MultiLabelMarginLoss(reduction="none"), L.x(4), L.t([3, 0, -1, 2])),
    lambda L: L.go(L.nn.MultiLabelMarginLoss(reduction="none"), L.x(4), L.t([3, 3, -1, 2])),
    lambda L: L.F.multilabel_margin_loss(L.x(4), L.t([3, 4, -1, 2])),
    lambda L: L.F.multilabel_margin_loss(L.x(4), L.t([3, 1, 2])),
    lambda L: L.go(L.nn.MultiLabelSoftMarginLoss(L.u(4)), L.x(2, 4), L.u(2, 4).round()),
    lambda L: L.go(L.nn.PoissonNLLLoss(), L.x(2, 4), L.u(2, 4) * 5),
    lambda L: L.go(L.nn.PoissonNLLLoss(False, True, reduction="none"), L.u(2, 4), L.u(2, 4) * 5),
    lambda L: L.F.poisson_nll_loss(L.root.ones(2), L.root.ones(2), reduction="foo"),
    lambda L: L.go(L.nn.GaussianNLLLoss(full=True), L.x(2, 4), L.x(2, 4), L.u(2, 4)),
    lambda L: L.go(L.nn.GaussianNLLLoss(reduction="none"), L.x(2, 4), L.x(2, 4), L.u(2)),
    lambda L: L.go(
        L.nn.GaussianNLLLoss(reduction="none"), L.x(2, 4), L.x(2, 4), L.root.zeros(2, 1)
    ),
    lambda L: L.F.gaussian_nll_loss(L.x(2, 4), L.x(2, 4), 0.5),
    lambda L: L.F.gaussian_nll_loss(L.x(4, 3, 2), L.x(4, 3, 2), L.u(4, 1, 2)),
    lambda L: L.F.gaussian_nll_loss(L.x(4, 3, 2), L.x(4, 3, 2), L.u(1, 1, 2)),
    lambda L: L.F.gaussian_nll_loss(L.x(2, 4), L.x(2, 4), -0.5),
    lambda L: L.F.gaussian_nll_loss(L.x(2, 4), L.x(2, 4), -L.root.ones(2, 4)),
    lambda L: L.F.gaussian_nll_loss(L.x(2, 4), L.x(2, 4), L.root.ones(3)),
    lambda L: L.F.gaussian_nll_loss(L.x(2, 4), L.x(2, 4), L.root.ones(2), reduction="q"),
    lambda L: L.go(L.nn.TripletMarginLoss(), L.x(2, 4), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(
        L.nn.TripletMarginLoss(0.5, 1, swap=True, reduction="none"), L.x(2, 4), L.x(2, 4), L.x(2, 4)
    ),
    lambda L: L.F.triplet_margin_loss(L.x(2, 4), L.x(2, 4), L.x(4)),
    lambda L: L.F.triplet_margin_loss(L.x(2, 4), L.x(2, 4), L.x(2, 4), margin=0),
    lambda L: L.go(L.nn.TripletMarginWithDistanceLoss(), L.x(2, 4), L.x(2, 4), L.x(2, 4)),
    lambda L: L.go(
        L.nn.TripletMarginWithDistanceLoss(distance_function=L.F.cosine_similarity, swap=True),
        L.x(2, 4),
        L.x(2, 4),
        L.x(2, 4),
    ),
    lambda L: L.F.triplet_margin_with_distance_loss(L.x(2, 4), L.x(2, 4), L.x(4)),
    lambda L: L.F.triplet_margin_with_distance_loss(
        L.x(2, 4), L.x(2, 4), L.x(2, 4), reduction="foo"
    ),
    lambda L: L.nn.TripletMarginLoss(margin=0),
    lambda L: L.nn.MultiMarginLoss(3),
    lambda L: L.nn.MultiMarginLoss(weight=L.root.ones(2, 2)),
    lambda L: L.nn.L1Loss(reduction="foo")(L.root.ones(2), L.root.ones(2)),
    lambda L: L.nn.SoftMarginLoss(reduction="foo")(L.root.ones(2), L.root.ones(2)),
    lambda L: L.go(L.nn.CosineSimilarity(), L.x(3, 4), L.x(3, 4)),
    lambda L: L.go(L.nn.CosineSimilarity(dim=-1, eps=3), L.x(3, 4), L.x(1, 4)),
    lambda L: L.go(L.nn.CosineSimilarity(), L.root.zeros(3, 4), L.x(3, 4)),
    lambda L: L.F.cosine_similarity(L.root.ones(2, 2).long(), L.root.ones(2, 2).long()),
    lambda L: L.F.cosine_similarity(L.root.ones(2, 2).long(), L.u(2, 2)),
    lambda L: L.go(L.nn.PairwiseDistance(), L.x(3, 4), L.x(3, 4)),
    lambda L: L.go(L.nn.PairwiseDistance(1, keepdim=True), L.x(3, 4), L.x(3, 4)),
    lambda L: L.F.normalize(L.x(3, 4)),
    lambda L: L.F.normalize(L.x(3, 4), p=1, dim=0),
    lambda L: L.F.normalize(L.x(3, 4, 2), p=3, dim=(0, 1)),
    lambda L: L.F.normalize(L.root.zeros(3, 4)),
    lambda L: L.F.pdist(L.x(5, 3)),
    lambda L: L.F.pdist(L.x(5, 3), 1),
    lambda L: L.F.pdist(L.x(1, 3)),
    lambda L: L.F.pdist(L.x(5, 3, 3)),
    lambda L: L.F.pdist(L.root.ones(5, 3).long()),
    lambda L: L.F.pdist(L.root.ones(5, 3), -1),
    lambda L: L.go(L.nn.LinearCrossEntropyLoss(3, 4), L.x(5, 3), L.t([0, 1, 2, 3, 0])),
    lambda L: L.go(
        L.nn.LinearCrossEntropyLoss(
            3, 4, out_features=(2,), bias=True, label_smoothing=0.1, weight=L.u(4)
        ),
        L.x(5, 3),
        L.root.randint(0, 4, (5, 2)),
    ),
    lambda L: L.F.linear_cross_entropy(L.x(3), L.x(4, 3), L.t(2), ignore_index=1),
    lambda L: L.nn.LinearCrossEntropyLoss(3, 4, weight=L.root.ones(3)),
    lambda L: L.nn.LinearCrossEntropyLoss(3, 4, label_smoothing=2),
    lambda L: L.go(L.nn.DataParallel(L.nn.Linear(2, 3)), L.x(4, 2)),
    lambda L: L.F.ctc_loss(
        L.x(10, 2, 5).log_softmax(2), L.root.randint(1, 5, (2, 4)), L.t([10, 8]), L.t([4, 3])
    ),
    lambda L: L.go(
        L.nn.CTCLoss(reduction="sum"),
        L.x(10, 2, 5).log_softmax(2),
        L.root.randint(1, 5, (2, 4)),
        L.t([10, 8]),
        L.t([4, 3]),
    ),
    lambda L: L.F.ctc_loss(L.x(10, 2, 5), L.root.randint(1, 5, (2, 4)), L.t([10, 11]), L.t([4, 3])),
    lambda L: L.F.ctc_loss(
        L.x(10, 2, 5), L.root.randint(1, 5, (2, 4)), L.t([10, 11, 3]), L.t([4, 3])
    ),
    lambda L: L.F.ctc_loss(
        L.x(10, 2, 5), L.root.randint(1, 5, (2, 4)), L.t([10, 10]), L.t([4, 3]), blank=7
    ),
    lambda L: L.F.ctc_loss(L.x(10, 2, 5), L.root.randint(1, 5, (2, 4)), L.t([10, 10]), L.t([5, 3])),
    lambda L: L.F.ctc_loss(L.x(10, 2, 5), L.root.randint(1, 5, (5,)), L.t([10, 10]), L.t([5, 3])),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def ctc_loss(L: Side) -> object:
    x = L.x(10, 2, 5, dtype="float64").requires_grad_()
    made = L.F.ctc_loss(
        x.log_softmax(2),
        L.t([[1, 1, 2, 3], [2, 2, 4, 1]]),
        L.t([10, 8]),
        L.t([4, 3]),
        reduction="none",
    )
    made.sum().backward()
    return [made, x.grad]


@case
def ctc_loss_2(L: Side) -> object:
    x = L.x(10, 2, 5, dtype="float64").requires_grad_()
    made = L.F.ctc_loss(x.log_softmax(2), L.t([1, 1, 2, 3, 2, 2, 4]), (10, 8), (4, 3), blank=0)
    made.backward()
    return [made, x.grad]


@case
def ctc_loss_3(L: Side) -> object:
    x = L.x(4, 2, 5, dtype="float64").requires_grad_()
    made = L.F.ctc_loss(
        x.log_softmax(2), L.t([[1, 1, 1, 1], [2, 2, 4, 1]]), (4, 4), (4, 3), zero_infinity=True
    )
    made.backward()
    return [made, x.grad]


@case
def ctc_loss_4(L: Side) -> object:
    x = L.x(4, 2, 5, dtype="float64")
    return L.F.ctc_loss(
        x.log_softmax(2), L.t([[1, 1, 1, 1], [2, 2, 4, 1]]), (4, 4), (4, 3), reduction="none"
    )


@case
def ctc_loss_5(L: Side) -> object:
    x = L.x(6, 5, dtype="float64").requires_grad_()
    made = L.F.ctc_loss(x.log_softmax(1), L.t([1, 2]), L.t(6), L.t(2), blank=4, reduction="none")
    made.backward()
    return [made, x.grad]


@case
def ctc_loss_6(L: Side) -> object:
    x = L.x(6, 3, 5, dtype="float64").requires_grad_()
    made = L.F.ctc_loss(
        x.log_softmax(2),
        L.t([[1, 2], [3, 3], [0, 0]]),
        (6, 5, 4),
        (0, 2, 1),
        blank=4,
        reduction="sum",
    )
    made.backward()
    return [made, x.grad]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)
