"""One op, called one way on one backend and device, with its gradients."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffgfx_kernels import BACKENDS, OPS, available
from tests.contract.case import Case

__all__ = ["CASES", "RUNS", "Run"]

Arguments = dict[str, Any]
ALL = slice(None)


@dataclass(frozen=True)
class Run:
    """A case on a backend and a device."""

    case: Case
    backend: str
    device: str

    def __str__(self) -> str:
        return f"{self.case.name}-{self.backend}-{self.device}"

    @property
    def reason_to_skip(self) -> str | None:
        """Why the backend does not serve the device here."""
        return available(self.device)[self.case.op][self.backend]

    def arguments(
        self, dtype: torch.dtype, batch: int = 2, seed: int = 0, **sizes: int
    ) -> Arguments:
        """Return valid arguments."""
        return self.case.build(dtype, self.device, batch, seed, **sizes)

    def forward(self, arguments: Arguments, backend: str = "") -> Tensor:
        """Call the op."""
        return self.case.call(**arguments, backend=backend or self.backend)

    def tracked(
        self, arguments: Arguments, names: tuple[str, ...] = ()
    ) -> tuple[Arguments, list[Tensor]]:
        """Return arguments of which the named (default: all that can) require a gradient."""
        leaves = {
            name: arguments[name].detach().requires_grad_()
            for name in names or self.case.differentiable
        }
        return arguments | leaves, list(leaves.values())

    def everything(
        self,
        arguments: Arguments,
        names: tuple[str, ...] = (),
        backend: str = "",
        items: slice = ALL,
    ) -> dict[str, Tensor]:
        """Return the value and, by name, the gradients of a fixed random weighting of it.

        Args:
            arguments: What to call the op with.
            names: To take gradients to; by default all that have one.
            backend: By default the run's own.
            items: Whose weights to use, of a batch of at most four.
        """
        followed, leaves = self.tracked(arguments, names)
        value = self.forward(followed, backend)
        draw = torch.Generator().manual_seed(7)
        weight = torch.randn((4, *value.shape[1:]), generator=draw, dtype=torch.float64)
        found = torch.autograd.grad(value, leaves, weight[items][: len(value)].to(value))
        return {
            "value": value.detach(),
            **dict(zip(names or self.case.differentiable, found, strict=True)),
        }


def _has_kernel(op: str, backend: str) -> bool:
    return importlib.util.find_spec(f"diffgfx_kernels.{backend}_.{op}") is not None


CASES: tuple[Case, ...] = tuple(
    case for op in OPS for case in importlib.import_module(f"tests.contract.cases.{op}").CASES
)
RUNS = tuple(
    Run(case, backend, device)
    for device in ("cpu", "cuda")[: 1 + torch.cuda.is_available()]
    for case in CASES
    for backend in BACKENDS
    if backend != "nvdiffrast" and _has_kernel(case.op, backend)
)
