"""Photographs of a printed sheet on a sample, by ray casting in numpy: nothing of the library's.

The page is what a PDF reader draws, so a sheet.json that tells of another page is found out.
"""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PAPER = 0.85                # reflectance of the paper's white
GREY = 0.18                 # of the printed grey
BLACK = 0.03                # of black ink


@dataclasses.dataclass(frozen=True)
class TrueLens:
    """A lens of Brown's model, pixel centres at whole numbers."""

    width: int = 800
    height: int = 600
    focal: float = 610.0
    centre: tuple[float, float] = (403.0, 295.0)
    k1: float = -0.06
    k2: float = 0.02
    p1: float = 0.0004
    p2: float = -0.0006

    def pixels(self, seen: Array) -> Array:
        """Return where points in the camera's axes (..., 3) are seen, (..., 2)."""
        a, b = seen[..., 0] / seen[..., 2], seen[..., 1] / seen[..., 2]
        r2 = a * a + b * b
        radial = 1.0 + self.k1 * r2 + self.k2 * r2 * r2
        x = a * radial + 2.0 * self.p1 * a * b + self.p2 * (r2 + 2.0 * a * a)
        y = b * radial + self.p1 * (r2 + 2.0 * b * b) + 2.0 * self.p2 * a * b
        return self.focal * np.stack([x, y], axis=-1) + np.array(self.centre)

    def rays(self, x: Array, y: Array) -> Array:
        """Return the directions that pixels look along, x right, y down, z = 1."""
        u, v = (x - self.centre[0]) / self.focal, (y - self.centre[1]) / self.focal
        a, b = u.copy(), v.copy()
        for _ in range(8):              # the distorted place of (a, b) is to be (u, v)
            r2 = a * a + b * b
            radial = 1.0 + self.k1 * r2 + self.k2 * r2 * r2
            da = a * radial + 2.0 * self.p1 * a * b + self.p2 * (r2 + 2.0 * a * a)
            db = b * radial + self.p1 * (r2 + 2.0 * b * b) + 2.0 * self.p2 * a * b
            a, b = a - (da - u), b - (db - v)
        return np.stack([a, b, np.ones_like(a)], axis=-1)


def stands(count: int = 9, height: float = 300.0, shake: float = 6.0, seed: int = 5) -> Array:
    """Return camera positions [mm] above the sheet, a 3 x 3 grid of a shaking hand."""
    rng = np.random.default_rng(seed)
    places = [(45.0 * c, -45.0 * r, height) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    return (np.array(places) + shake * rng.standard_normal((9, 3)))[:count]


def looking(position: Array, seed: int) -> Array:
    """Return the axes (rows: right, down, ahead) of a camera that looks at about the middle."""
    rng = np.random.default_rng([seed, 1])
    ahead = np.array([*(6.0 * rng.standard_normal(2)), 0.0]) - position
    ahead /= np.linalg.norm(ahead)
    up = np.array([0.1 * rng.standard_normal(), 1.0, 0.0])
    right = np.cross(ahead, up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(ahead, right), ahead])


def page_picture(pdf: Path, dots: float) -> Array:
    """Return a page as a PDF reader draws it, grey in [0, 1] as printed, ``dots`` an inch."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[0].render(scale=dots / 72.0, grayscale=True).to_numpy()
    return np.asarray(picture[..., 0] if picture.ndim == 3 else picture, np.float32) / 255.0


def reflectance_of_page(page: Array) -> Array:
    """Turn drawn values into reflectance: black ink, white paper, and the one grey between."""
    drawn = 1.055 * GREY ** (1 / 2.4) - 0.055
    return np.interp(page, [0.0, drawn, 1.0], [BLACK, GREY, PAPER]).astype(np.float32)


def exif_of(seconds: float, stop: float, speed: int, focal_35: int, orientation: int = 1) -> Any:
    """Return a camera's notes as Pillow stores them."""
    from PIL import Image
    from PIL.TiffImagePlugin import IFDRational

    exif = Image.Exif()
    exif[0x0112] = orientation
    inner = exif.get_ifd(0x8769)
    inner[0x829A], inner[0x829D] = IFDRational(round(seconds * 1e6), 10**6), IFDRational(stop)
    inner[0x8827], inner[0xA405] = speed, focal_35
    return exif


@dataclasses.dataclass(frozen=True)
class Scene:
    """A page over a sample.

    Attributes:
        page: Reflectance of the page, row 0 at the top.
        size: Its width and height [mm]; its middle is the origin.
        window: Width and height of the window cut into it [mm].
        sample: Called with x, y [mm] and the cosine at the surface: reflected radiance x pi / E.
        rise: Height of the page above the sample [mm].
        power: Radiant intensity of the flash at the camera [radiance x mm^2].
    """

    page: Array
    size: tuple[float, float]
    window: tuple[float, float]
    sample: Callable[[Array, Array, Array], Array]
    rise: float = 0.0
    power: float = 4.5e5

    def radiance(self, position: Array, rays: Array) -> Array:
        """Return linear RGB along rays (n, 3) in the sheet's axes, z = 0 the page's upper side."""
        k = -position[2] / rays[:, 2]
        at = position[:2] + k[:, None] * rays[:, :2]
        inside = (np.abs(at) < 0.5 * np.array(self.window)).all(axis=1)
        k = np.where(inside, -(position[2] + self.rise) / rays[:, 2], k)
        point = position + k[:, None] * rays
        toward = position - point
        far2 = (toward**2).sum(axis=1)
        cosine = toward[:, 2] / np.sqrt(far2)
        lit = self.power * cosine / far2 / np.pi
        paper = self._page(point)
        colour = np.repeat(paper[:, None], 3, axis=1)
        if inside.any():
            x, y = point[inside, 0], point[inside, 1]
            colour[inside] = self.sample(x, y, cosine[inside])
        return colour * lit[:, None]

    def _page(self, point: Array) -> Array:
        """Return the page's reflectance by bilinear look-up; a dark table around it."""
        h, w = self.page.shape
        x = (point[:, 0] / self.size[0] + 0.5) * w - 0.5
        y = (0.5 - point[:, 1] / self.size[1]) * h - 0.5
        off = (x < 0) | (y < 0) | (x > w - 1.001) | (y > h - 1.001)
        x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
        i, j = x.astype(int), y.astype(int)
        a, b = x - i, y - j
        p = self.page
        value = (p[j, i] * (1 - a) + p[j, i + 1] * a) * (1 - b)
        value = value + (p[j + 1, i] * (1 - a) + p[j + 1, i + 1] * a) * b
        return np.where(off, 0.05, value)


def photograph(
    scene: Scene, lens: TrueLens, position: Array, axes: Array, *, fine: int = 3
) -> Array:
    """Return linear RGB, shape (h, w, 3): the mean of ``fine`` x ``fine`` rays a pixel."""
    rows, columns = np.mgrid[: lens.height, : lens.width].astype(np.float64)
    total = np.zeros((lens.height, lens.width, 3))
    for n in range(fine * fine):
        dy, dx = ((k + 0.5) / fine - 0.5 for k in divmod(n, fine))
        rays = lens.rays((columns + dx).ravel(), (rows + dy).ravel()) @ axes
        total += scene.radiance(position, rays).reshape(total.shape)
    return total / fine**2


def develop(
    linear: Array, seed: int, *, blur: float = 0.0, vignette: float = 0.0, quality: int = 0,
    exif: Any = None,
) -> bytes:
    """Return a photograph's file: defocus, vignetting, noise, sRGB; a JPEG, or PNG at quality 0."""
    import cv2
    from PIL import Image

    rng = np.random.default_rng([seed, 2])
    if blur:
        linear = cv2.GaussianBlur(linear, (0, 0), blur)
    h, w = linear.shape[:2]
    y, x = np.mgrid[:h, :w] - 0.5 * np.array([h, w]).reshape(2, 1, 1)
    r2 = (x * x + y * y) / (0.25 * (h * h + w * w))
    linear = linear * (1.0 - vignette * r2)[..., None]
    noisy = linear + rng.standard_normal(linear.shape) * np.sqrt(linear / 8000.0 + 1e-6)
    light = np.clip(noisy, 0.0, 1.0)
    stored = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    picture = Image.fromarray(np.rint(255.0 * stored).astype(np.uint8))
    data = io.BytesIO()
    options: dict[str, Any] = {"exif": exif} if exif is not None else {}
    if quality:
        picture.save(data, "JPEG", quality=quality, **options)
    else:
        picture.save(data, "PNG", compress_level=1, **options)
    return data.getvalue()
