import numpy as np

from fingerspelling.simulation.face import REST, move_face, sample_face


def gap(face: np.ndarray, one: int, other: int) -> np.ndarray:
    return np.linalg.norm(face[:, :, one] - face[:, :, other], axis=1)


def test_mouth_and_eyes_move_and_the_nose_does_not() -> None:
    face = move_face(REST.astype(np.float32), 900, 30, 1.0, np.random.default_rng(0))
    assert face.shape == (900, 3, 468) and face.dtype == np.float32
    assert np.ptp(gap(face, 13, 14)) > 0.003  # lips
    for upper, lower in ((159, 145), (386, 374)):
        lids = gap(face, upper, lower)
        assert lids.min() < 0.4 * np.median(lids)  # blinks
        assert np.mean(lids < 0.5 * np.median(lids)) < 0.15
    assert np.ptp(gap(face, 168, 1)) < 0.0005  # the ridge of the nose
    assert (face[:, 1, 14] > face[:, 1, 13]).all() and (face[:, 1, 145] > face[:, 1, 159]).all()


def test_faces_are_symmetric_at_rest_and_differ_between_people() -> None:
    mirrored = REST * np.array([[-1], [1], [1]])
    distance = np.linalg.norm(REST[:, :, None] - mirrored[:, None], axis=0).min(1)
    assert distance.max() < 1e-6
    one, other = (sample_face(np.random.default_rng(seed)) for seed in (1, 2))
    assert 0.001 < np.linalg.norm(one - other, axis=0).mean() < 0.02
