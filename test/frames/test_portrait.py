"""Portrait files become references with landmarks, or a clear refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from talking_portrait_ros.chunks import U8, Reference
from talking_portrait_ros.frames import portrait
from talking_portrait_ros.frames.landmarks import check_landmarks, face_height, find_landmarks
from talking_portrait_ros.frames.portrait import crop_face, load_reference, sidecar_path

mediapipe = pytest.importorskip("mediapipe", reason="landmarks of new pictures need MediaPipe")


@pytest.fixture(scope="module")
def astronaut() -> U8:
    return np.ascontiguousarray(skimage.data.astronaut()[:300, 90:390])


@pytest.fixture(scope="module")
def found(astronaut: U8) -> Reference:
    return Reference(astronaut, find_landmarks(astronaut), "astronaut")


def _write(path: Path, image: U8) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def _without_mediapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)


def test_landmarks_are_stored_and_used_without_mediapipe(
    tmp_path: Path, astronaut: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "me.png", astronaut)
    first = load_reference(path)
    _without_mediapipe(monkeypatch)
    again = load_reference(path)
    assert sidecar_path(path).is_file()
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    np.testing.assert_array_equal(first.image, astronaut)


def test_changed_picture_is_not_given_old_landmarks(
    tmp_path: Path, found: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "me.png", found.image)
    portrait.save_landmarks(path, found.landmarks)
    _write(path, 255 - found.image)
    _without_mediapipe(monkeypatch)
    with pytest.raises(ValueError, match="MediaPipe is not installed"):
        load_reference(path)


@pytest.mark.parametrize("rest", [0, 100, 4000])
def test_a_damaged_file_of_landmarks_is_replaced(
    tmp_path: Path, found: Reference, rest: int
) -> None:
    path = _write(tmp_path / "me.png", found.image)
    portrait.save_landmarks(path, found.landmarks)
    whole = sidecar_path(path).read_bytes()
    sidecar_path(path).write_bytes(whole[:rest] + bytes(len(whole) - rest if rest else 0))
    np.testing.assert_allclose(load_reference(path).landmarks, found.landmarks, atol=1e-3)
    assert sidecar_path(path).read_bytes() == whole


def test_landmarks_go_to_the_cache_where_the_folder_is_closed(
    tmp_path: Path, found: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = _write(tmp_path / "me.png", found.image)
    sidecar_path(path).mkdir()
    kept = portrait.save_landmarks(path, found.landmarks)
    _without_mediapipe(monkeypatch)
    assert kept.is_relative_to(tmp_path / "cache")
    np.testing.assert_array_equal(load_reference(path).landmarks, found.landmarks)


@pytest.mark.parametrize("kind", ["grey", "alpha", "16 bit"])
def test_other_pixel_formats_are_read(tmp_path: Path, found: Reference, kind: str) -> None:
    bgr = cv2.cvtColor(found.image, cv2.COLOR_RGB2BGR)
    pictures = {
        "grey": cv2.cvtColor(found.image, cv2.COLOR_RGB2GRAY),
        "alpha": np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)]),
        "16 bit": bgr.astype(np.uint16) * 257,
    }
    path = tmp_path / "me.png"
    cv2.imwrite(str(path), pictures[kind])
    portrait.save_landmarks(path, found.landmarks)
    image = load_reference(path).image
    assert image.shape == found.image.shape
    if kind != "grey":
        np.testing.assert_array_equal(image, found.image)


def test_missing_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody.jpg: no such file"):
        load_reference(tmp_path / "nobody.jpg")
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match="not a picture"):
        load_reference(tmp_path / "text.jpg")


def test_pictures_without_or_with_two_faces_are_refused(astronaut: U8) -> None:
    with pytest.raises(ValueError, match="no face found"):
        find_landmarks(np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(ValueError, match="2 faces found; crop"):
        find_landmarks(np.hstack([astronaut, astronaut]))


def test_a_picture_of_one_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="no face found"):
        find_landmarks(np.zeros((1, 1, 3), np.uint8))


def test_small_turned_and_tilted_faces_are_refused(found: Reference) -> None:
    landmarks = found.landmarks
    with pytest.raises(ValueError, match="px high; use a larger picture"):
        check_landmarks(landmarks * np.float32(0.3), "me")
    turned = landmarks.copy()
    turned[4, 0] = turned[454, 0] - 2
    with pytest.raises(ValueError, match="turned too far"):
        check_landmarks(turned, "me")
    with pytest.raises(ValueError, match="rotate the picture"):
        check_landmarks(landmarks[:, [1, 0, 2]] * np.float32([-1, 1, 1]), "me")


def test_small_face_in_a_large_picture_is_found(found: Reference) -> None:
    large = np.full((1400, 1900, 3), 90, np.uint8)
    large[500:800, 1500:1800] = found.image
    landmarks = find_landmarks(large)
    expected = found.landmarks[:, :2] + np.float32([1500, 500])
    assert np.abs(landmarks[:, :2] - expected).mean() < 3


def test_crop_moves_the_landmarks_with_the_picture(found: Reference) -> None:
    wide = np.pad(found.image, ((0, 0), (0, 500), (0, 0)), mode="edge")
    crop = crop_face(Reference(wide, found.landmarks), 256)
    assert crop.image.shape == (256, 256, 3)
    scale = face_height(crop.landmarks) / face_height(found.landmarks)
    for index in (4, 33, 263, 152):
        x, y = found.landmarks[index, :2]
        u, v = crop.landmarks[index, :2]
        before = cv2.getRectSubPix(cv2.GaussianBlur(wide, (0, 0), 3 / scale), (1, 1), (x, y))
        after = cv2.getRectSubPix(cv2.GaussianBlur(crop.image, (0, 0), 3), (1, 1), (u, v))
        assert np.abs(before.astype(int) - after).max() < 12


def test_well_framed_square_keeps_its_framing(found: Reference) -> None:
    landmarks = find_landmarks(found.image)
    framed = Reference(found.image, landmarks)
    same = crop_face(framed, 300)
    np.testing.assert_array_equal(same.image, found.image)
    np.testing.assert_allclose(same.landmarks, landmarks, atol=1e-4)


def test_crop_beyond_the_border_continues_the_picture(found: Reference) -> None:
    left, top = found.landmarks[:, :2].min(0).astype(int)
    right, bottom = found.landmarks[:, :2].max(0).astype(int)
    tight = found.image[top : bottom + 1, left : right + 1]
    moved = found.landmarks - np.float32([left, top, 0])
    crop = crop_face(Reference(np.ascontiguousarray(tight), moved), 256)
    assert crop.image.shape == (256, 256, 3)
    assert 0.3 < face_height(crop.landmarks) / 256 < 0.6
    assert crop.image.min(axis=2).max() > 0


TURNED_BACK = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}


@pytest.mark.parametrize("orientation", TURNED_BACK)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "transparent png"])
def test_exif_orientation_is_applied(
    tmp_path: Path, found: Reference, kind: str, orientation: int
) -> None:
    """Each picture is stored as a camera held in another way stores it."""
    stored = Image.fromarray(np.ascontiguousarray(TURNED_BACK[orientation](found.image)))
    if kind == "transparent png":
        stored.putalpha(255)
    exif = stored.getexif()
    exif[0x0112] = orientation
    path = tmp_path / f"me.{kind[-4:].strip()}"
    stored.save(path, exif=exif)
    portrait.save_landmarks(path, found.landmarks)
    image = load_reference(path).image
    assert image.shape == found.image.shape
    assert np.abs(image.astype(int) - found.image).mean() < 4


def test_transparency_lies_over_grey_also_in_a_grey_picture(
    tmp_path: Path, found: Reference
) -> None:
    grey = Image.fromarray(found.image).convert("L")
    expected = np.asarray(grey) * 0.25 + 127.5 * 0.75
    grey.putalpha(64)
    path = tmp_path / "me.png"
    grey.save(path)
    portrait.save_landmarks(path, found.landmarks)
    image = load_reference(path).image
    assert np.abs(image - expected[..., None]).max() < 2


def test_references_of_any_size_become_one_face_of_one_size(
    tmp_path: Path, found: Reference
) -> None:
    crops = []
    for name, (height, width), scale in (
        ("small.png", (300, 400), 1.0),
        ("4k.png", (2160, 3840), 6.0),
        ("upright.png", (1600, 900), 2.5),
    ):
        picture = np.full((height, width, 3), 90, np.uint8)
        face = cv2.resize(found.image, None, fx=scale, fy=scale)
        rows, columns = min(height, len(face)), min(width, face.shape[1])
        picture[:rows, :columns] = face[:rows, :columns]
        path = _write(tmp_path / name, picture)
        landmarks = (found.landmarks + np.float32([0.5, 0.5, 0])) * scale - np.float32(
            [0.5, 0.5, 0]
        )
        portrait.save_landmarks(path, landmarks.astype(np.float32))
        crops.append(crop_face(load_reference(path), 256))
    places = np.stack([crop.landmarks for crop in crops])
    assert np.abs(places - places[0]).max() < 15
    faces = [crop.image[60:200, 60:200].astype(int) for crop in crops]
    assert all(crop.image.shape == (256, 256, 3) for crop in crops)
    assert np.abs(faces[1] - faces[2]).mean() < 6
