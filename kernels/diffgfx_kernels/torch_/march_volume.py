"""March rays through smoke: optical depth to the light plane by plane, then light along the rays.

Smoke is known at cell centres and interpolated linearly; beyond the box lie cells without any, so
that it fades over half a cell outside. What a sample scatters is interpolated as the product of
density and transmittance to the light.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward", "light_depths", "render"]

OTHERS = ((2, 1), (2, 0), (1, 0))
"""The two axes across each, in the order of a tensor's dimensions: z, y, x."""

LEAST_SLOPE = 1e-20
"""Stands in for the zero of a ray that runs along a side of the box."""


def _shifted(plane: Tensor, offsets: Tensor) -> Tensor:
    """Read a plane at places moved by so many cells, linearly, with zero around it."""
    whole = offsets.detach().floor()
    part = offsets - whole
    wide = pad(plane, (2, 2, 2, 2))
    rows, columns = plane.shape
    total = torch.zeros_like(plane)
    for i in range(2):
        for j in range(2):
            top, left = 2 + int(whole[0]) + i, 2 + int(whole[1]) + j
            weight = (part[0] if i else 1 - part[0]) * (part[1] if j else 1 - part[1])
            total = total + weight * wide[top : top + rows, left : left + columns]
    return total


def light_depths(density: Tensor, direction: Tensor, cell: float) -> Tensor:
    """Return the optical depth from each cell centre to the light, shape (D, H, W).

    The planes across the largest component of the direction are swept, the one nearest to the
    light first; each reads the one before where its rays meet it.
    """
    axis = int(direction.abs().argmax())
    main = direction[axis].abs()
    offsets = direction[list(OTHERS[axis])] / main
    length = cell * direction.square().sum().sqrt() / main
    planes = density.movedim(2 - axis, 0)
    planes = planes.flip(0) if direction[axis] > 0 else planes
    ahead = torch.zeros_like(planes[0])
    depths = []
    for plane in planes:
        ahead = _shifted(ahead, offsets) + length * plane
        depths.append(ahead - 0.5 * length * plane)
    swept = torch.stack(depths)
    swept = swept.flip(0) if direction[axis] > 0 else swept
    return swept.movedim(0, 2 - axis)


def _rays(
    camera: Tensor, cells: tuple[int, int, int], cell: float, step: float, pixels: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first sample, the way from one to the next, (B, h, w, 3), and their number.

    In cells, counted from the centre of the first cell outside the box.
    """
    width, height = pixels
    s = (2 * torch.arange(width, device=camera.device) + 1 - width).to(camera) / width
    t = (height - 1 - 2 * torch.arange(height, device=camera.device)).to(camera) / height
    right, up = s[None, :, None], t[:, None, None]
    rows = camera[:, :, None, None, :]
    start = (rows[:, 0] + right * rows[:, 1] + up * rows[:, 2]) / cell + 0.5
    along = rows[:, 3] + right * rows[:, 4] + up * rows[:, 5]
    along = along / along.square().sum(dim=-1, keepdim=True).sqrt()
    slope = torch.where(along.abs() < LEAST_SLOPE, LEAST_SLOPE, along)
    box = torch.tensor([cells[2] + 1, cells[1] + 1, cells[0] + 1]).to(camera)
    ends = torch.stack([-start / slope, (box - start) / slope])
    near = ends.amin(dim=0).amax(dim=-1, keepdim=True).clamp_min(0.0)
    far = ends.amax(dim=0).amin(dim=-1, keepdim=True)
    count = ((far - near) / step - 0.5).ceil().clamp_min(0.0)
    return start + along * (near + 0.5 * step), along * step, count[..., 0]


def _sampled(padded: Tensor, place: Tensor) -> Tensor:
    """Read (B, D, H, W, C) linearly at places (B, h, w, 3); return (B, C, h, w)."""
    last = torch.tensor([padded.shape[3], padded.shape[2], padded.shape[1]]).to(place) - 2
    whole = torch.minimum(place.floor().clamp_min(0.0), last)
    part = (place - whole)[..., None, :]
    corner = torch.cartesian_prod(*[torch.arange(2, device=place.device)] * 3)
    weight = torch.where(corner == 1, part, 1 - part)
    x, y, z = (whole.long()[..., None, :] + corner).unbind(dim=-1)
    item = torch.arange(padded.shape[0], device=place.device)[:, None, None, None]
    shares = weight[..., 0] * weight[..., 1] * weight[..., 2]
    total: Tensor = (shares[..., None] * padded[item, z, y, x]).sum(dim=-2)
    return total.movedim(-1, 1)


def _absorbed(thickness: Tensor) -> tuple[Tensor, Tensor]:
    """Return exp(-x) and (1 - exp(-x)) / x, the mean transmittance within a step."""
    thin = thickness.abs() < 1e-9
    safe = torch.where(thin, 1.0, thickness)
    mean = torch.where(thin, 1.0 - 0.5 * thickness, -torch.expm1(-safe) / safe)
    return (-thickness).exp(), mean


def render(
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: tuple[int, int],
) -> Tensor:
    """Return the image, differentiable in density and light, shape (B, 4, h, w)."""
    batch, _, *cells = density.shape
    rows = light.expand(batch, -1)
    depths = torch.stack([light_depths(density[b, 0], rows[b, :3], cell) for b in range(batch)])[
        :, None
    ]
    pair = pad(torch.cat([density, density * (-depths).exp()], dim=1), (1, 1, 1, 1, 1, 1))
    pair = pair.movedim(1, -1)
    eyes = camera.expand(batch, -1, -1)
    place, way, count = _rays(eyes, (cells[0], cells[1], cells[2]), cell, step, pixels)
    clear = torch.ones_like(place[:, None, :, :, 0])
    seen = torch.zeros_like(clear).repeat(1, 2, 1, 1)  # opacity, light
    for k in range(int(count.max())):
        inside = (count > k)[:, None]
        sample = torch.where(inside, _sampled(pair, place + k * way), 0.0)
        left, mean = _absorbed(sample[:, :1] * (step * cell))
        seen = seen + clear * mean * (step * cell) * sample
        clear = clear * left
    radiance, ambient, albedo = (rows[:, i : i + 3, None, None] for i in (3, 6, 9))
    colour = albedo * (ambient * seen[:, :1] + radiance * seen[:, 1:])
    return torch.cat([colour, seen[:, :1]], dim=1)


def forward(
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: tuple[int, int],
) -> Tensor:
    """Return premultiplied linear RGB and opacity, shape (B, 4, h, w), row 0 at the top.

    Args:
        density: Extinction [1/m], shape (B, 1, D, H, W).
        light: Direction toward it 3, radiance 3, ambient 3, albedo 3; shape (B or 1, 12).
        camera: Rows as in `ops`, shape (B or 1, 6, 3).
        cell: Side of a cell [m].
        step: Between samples [cells].
        pixels: Width and height of the image.
    """
    if density.shape[0] == 0:
        return density.new_empty((0, 4, pixels[1], pixels[0]))
    return render(density, light, camera, cell, step, pixels)


def backward(
    g_image: Tensor,
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Return the gradients to density and light."""
    if density.shape[0] == 0:
        return torch.zeros_like(density), torch.zeros_like(light)

    def image(smoke: Tensor, lamp: Tensor) -> Tensor:
        return render(smoke, lamp, camera, cell, step, pixels)

    g_density, g_light = pull(image, (density, light), g_image)[1]
    return g_density, g_light
