"""What `fit` returns."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """What happened during training, one entry an epoch; objectives in nats per example, averaged.

    train: the objective over the batches of an epoch, while the weights were moving, each batch with equal weight
    test: epoch -> the objective on the test images, where `fit` was asked for it
    seconds: spent in `fit`, in all runs that were resumed from one another
    device: where the last of them ran
    """

    train: list[float] = field(default_factory=list)
    test: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    device: str = "cpu"
