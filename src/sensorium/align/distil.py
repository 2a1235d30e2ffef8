"""Distillation: a student learns from a frozen teacher how alike things are, or where they lie.

Hinton et al. 2015 (soft targets with temperatures), applied to likenesses across two sides as in
Wu et al. 2023 (TinyCLIP, affinity mimicking). The teacher's vectors get no slopes.

Legend: left and right = rows of the two sides, width = features of the student, teacher = those
of the teacher, batch = rows.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sensorium.align.cosine import logits, unit


def similarity_distil(
    left: Float[Tensor, " left width"],
    right: Float[Tensor, " right width"],
    teacher_left: Float[Tensor, " left teacher"],
    teacher_right: Float[Tensor, " right teacher"],
    log_scale: Float[Tensor, ""] | float,
    teacher_log_scale: Float[Tensor, ""] | float,
) -> Float[Tensor, ""]:
    """Bring the student's softmax over the other side near the teacher's, both ways.

    KL(teacher || student) = sum_j A_t(x_i, x_j) log(A_t(x_i, x_j) / A_s(x_i, x_j)), with A as in
    ``contrastive``, averaged over rows and over both directions. 0 where both agree.

    Args:
        left: the student's vectors of one side.
        right: of the other; the sides may differ in number.
        teacher_left: the teacher's vectors of the same lefts, of any width.
        teacher_right: of the same rights.
        log_scale: the logarithm of the student's inverse temperature.
        teacher_log_scale: of the teacher's; lower is softer.
    """
    student = logits(left, right, log_scale)
    with torch.no_grad():
        teacher = logits(teacher_left, teacher_right, teacher_log_scale)
    return (_divergence(student, teacher) + _divergence(student.T, teacher.T)) / 2


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    total = F.kl_div(
        student.log_softmax(1), teacher.log_softmax(1), reduction="sum", log_target=True
    )
    return total / max(len(student), 1)


def cosine_distil(
    student: Float[Tensor, " batch width"], teacher: Float[Tensor, " batch width"]
) -> Float[Tensor, ""]:
    """Average 1 - cos(student, teacher) over the rows, 0 to 2; 0 where there are none.

    Args:
        student: its vectors, of any length.
        teacher: where they should point.
    """
    gaps = 1 - (unit(student) * unit(teacher.detach())).sum(-1)
    return gaps.sum() / max(len(gaps), 1)
