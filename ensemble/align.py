"""Cut a face out of a photo so that its eyes, nose and mouth lie where restorers expect them, and the way back.

Follows facexlib 0.3.0 (``FaceRestoreHelper.align_warp_face``, ``get_inverse_affine``,
``paste_faces_to_input_image``) for faces of 512 pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ensemble.photo import Float32, UInt8

Float64 = npt.NDArray[np.float64]

FACE_SIZE = 512
"""Side of an aligned face, in pixels."""

TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Left eye, right eye, nose, left and right corner of the mouth in an aligned face: x, y in pixels."""

_BORDER = (132, 133, 135)
"""What lies outside the photo, RGB: a gray near the mean of faces."""


def alignment(landmarks: Float32) -> Float64 | None:
    """The similarity that takes a photo's pixels to those of the aligned face.

    Args:
        landmarks: float32 [5, 2], x, y in pixels of the photo, in the order of the template.

    Returns:
        float64 [2, 3]; None where no such similarity exists or it would shrink the face to nothing.
    """
    matrix, _ = cv2.estimateAffinePartial2D(landmarks, TEMPLATE, method=cv2.LMEDS)
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :2])) < 1e-12:
        return None
    return np.asarray(matrix, np.float64)


def crop_face(pixels: UInt8, matrix: Float64) -> UInt8:
    """The aligned face uint8 [512, 512, 3] in a photo uint8 [H, W, 3], both RGB; gray where the photo has ended."""
    size = (FACE_SIZE, FACE_SIZE)
    warped = cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_CONSTANT, borderValue=_BORDER)
    return np.asarray(warped, np.uint8)


def way_back(matrix: Float64, scale: int) -> Float64:
    """The similarity that takes an aligned face into the photo enlarged ``scale`` times: float64 [2, 3].

    Upstream moves it by half a pixel of the photo where there is an enlargement. Half a pixel of the photo less half
    a pixel of the result would be exact; what upstream's users see is kept.
    """
    inverse = np.asarray(cv2.invertAffineTransform(matrix), np.float64) * scale
    if scale > 1:
        inverse[:, 2] += 0.5 * scale
    return inverse


def ways_of(landmarks: Float32, scale: int) -> dict[int, Float64]:
    """The ways back of faces with landmarks float32 [N, 10], by number; a face without an alignment has none."""
    matrices = {number: alignment(points.reshape(5, 2)) for number, points in enumerate(landmarks)}
    return {number: way_back(matrix, scale) for number, matrix in matrices.items() if matrix is not None}


def resize_aligned(pixels: UInt8) -> UInt8:
    """A picture that is an aligned face already, uint8 [H, W, 3], as uint8 [512, 512, 3]."""
    return np.asarray(cv2.resize(pixels, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)
