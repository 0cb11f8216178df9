import numpy as np

from fingerspelling.simulation.face import REST, move_face, photograph_face, sample_face

FRAMES = 900
UPRIGHT = np.repeat(np.eye(3, dtype=np.float32)[:, :, None], FRAMES, 2)
STILL = np.zeros((2, FRAMES), np.float32)
AWAY = np.repeat(np.array([[0.0], [0.0], [0.6]], np.float32), FRAMES, 1)  # metres before the lens


def picture(amounts: np.ndarray, place: np.ndarray = AWAY) -> np.ndarray:
    """Faces at 60 cm, in metres again: [frames, 3, 468]."""
    shown = photograph_face(REST.astype(np.float32), UPRIGHT, place, 1.0, STILL, amounts)
    return (shown.transpose(2, 0, 1) - [[0.5], [0.5], [0]]) * [[0.6], [0.6 * 16 / 9], [0.6]]


def gap(face: np.ndarray, one: int, other: int) -> np.ndarray:
    return np.linalg.norm(face[:, :2, one] - face[:, :2, other], axis=1)


def test_mouth_and_eyes_move_and_the_nose_does_not() -> None:
    face = picture(move_face(FRAMES, 30, 1.0, np.random.default_rng(0)))
    assert np.ptp(gap(face, 13, 14)) > 0.003  # lips
    for upper, lower in ((159, 145), (386, 374)):
        lids = gap(face, upper, lower)
        assert lids.min() < 0.4 * np.median(lids)  # blinks
        assert np.mean(lids < 0.5 * np.median(lids)) < 0.15
    assert np.ptp(gap(face, 168, 1)) < 0.0005  # the ridge of the nose
    assert (face[:, 1, 14] > face[:, 1, 13]).all() and (face[:, 1, 145] > face[:, 1, 159]).all()


def test_points_are_where_mediapipe_numbers_them() -> None:
    x, y, z = picture(np.zeros((4, FRAMES)))[0]
    assert y[10] < y[159] < y[145] < y[1] < y[13] < y[14] < y[152]  # forehead, eyelids, nose, lips, chin
    assert x[234] < x[33] < x[133] < x[1] < x[362] < x[263] < x[454]  # the signer's right is left in the image
    assert x[61] < x[13] < x[291]
    assert z[1] == z.min()  # the nose comes first
    assert z[234] > z[33] + 0.02 and z[454] > z[263] + 0.02
    assert abs(z[[234, 454]].mean()) < 1e-5


def test_near_things_are_larger() -> None:
    near, far = (picture(np.zeros((4, FRAMES)), AWAY * share)[0] for share in (0.5, 1))
    width = [face[0, 454] - face[0, 234] for face in (near, far)]
    assert 2 < width[0] / width[1] < 2.3
    nose = [np.ptp(face[1, [1, 10]]) / np.ptp(face[1, [152, 10]]) for face in (near, far)]
    assert abs(nose[0] - nose[1]) > 0.001  # perspective, not scale alone


def test_faces_are_symmetric_at_rest_and_differ_between_people() -> None:
    mirrored = REST * np.array([[-1], [1], [1]])
    distance = np.linalg.norm(REST[:, :, None] - mirrored[:, None], axis=0).min(1)
    assert distance.max() < 1e-6
    one, other = (sample_face(np.random.default_rng(seed)) for seed in (1, 2))
    assert 0.001 < np.linalg.norm(one - other, axis=0).mean() < 0.02
