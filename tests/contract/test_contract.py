"""The laws that every op keeps, on every backend and in both dtypes; see `case.Case`."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from diffgfx.errors import BackendError
from diffgfx.testing import assert_close, assert_gradients
from diffgfx_kernels import OPS, available
from tests.contract.case import Case, Wrong
from tests.contract.digest import digests
from tests.contract.run import CASES, RUNS, Arguments, Run

ROUNDING = {torch.float32: (1e-3, 1e-4), torch.float64: (1e-8, 1e-11)}
"""Relative tolerance, and absolute as a share of the largest entry: highlights are stiff."""

WRONG = [(case, wrong) for case in CASES for wrong in case.wrong]


def _params(runs: tuple[Run, ...] | list[Run]) -> list[object]:
    return [
        pytest.param(
            run,
            id=str(run),
            marks=[pytest.mark.cuda] * (run.device == "cuda") + [pytest.mark.slow] * run.case.slow,
        )
        for run in runs
    ]


def _first_of_each_op() -> list[Run]:
    first = {(run.case.op, run.backend, run.device): run for run in reversed(RUNS)}
    return list(first.values())


def test_the_laws_are_tried_on_cuda() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: the laws are tried on the CPU only")
    assert "cuda" in {run.device for run in RUNS}


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    if chosen.reason_to_skip is not None:
        pytest.skip(chosen.reason_to_skip)
    return chosen


every_run = pytest.mark.parametrize("run", _params(RUNS), indirect=True)
every_fast_run = pytest.mark.parametrize(
    "run", _params([run for run in RUNS if run.backend != "torch"]), indirect=True
)
every_op = pytest.mark.parametrize("run", _params(_first_of_each_op()), indirect=True)
torch_warns_of_itself = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
"""Where torch, at its first use of some parts, imports others that it calls deprecated itself.

On a machine with a GPU ``torch._dynamo.reset`` is such a use.
"""
every_dtype = pytest.mark.parametrize("dtype", list(ROUNDING), ids=["float32", "float64"])


def _assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        rtol, share = ROUNDING[wanted.dtype]
        largest = float(wanted.abs().max()) if wanted.numel() else 0.0
        assert_close(found[name], wanted, name=name, rtol=rtol, atol=share * largest)


def _assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        assert torch.equal(found[name], wanted), name


def _tensors(arguments: Arguments) -> dict[str, Tensor]:
    return {name: value for name, value in arguments.items() if isinstance(value, Tensor)}


@every_dtype
@every_fast_run
def test_equals_the_reference(run: Run, dtype: torch.dtype) -> None:
    arguments = run.arguments(dtype)
    found = run.everything(arguments)
    assert all(bool(value.abs().max() > 0) for value in found.values())
    _assert_same(found, run.everything(arguments, backend="torch"))


@pytest.mark.parametrize(
    "run",
    _params([run for run in _first_of_each_op() if run.backend != "torch"]),
    indirect=True,
)
def test_many_tiles_equal_the_reference(run: Run) -> None:
    arguments = run.arguments(torch.float64, **run.case.large)
    _assert_same(run.everything(arguments), run.everything(arguments, backend="torch"))


@every_run
def test_gradcheck(run: Run) -> None:
    followed, leaves = run.tracked(run.arguments(torch.float64, batch=1))

    def call(*values: Tensor) -> Tensor:
        named = dict(zip(run.case.differentiable, values, strict=True))
        return run.forward(followed | named)

    case = run.case
    assert_gradients(call, leaves, step=case.step, rtol=case.rtol, atol=case.atol)


@every_run
def test_one_gradient_alone_is_the_one_among_all(run: Run) -> None:
    arguments = run.arguments(torch.float64)
    everything = run.everything(arguments)
    for name in run.case.differentiable:
        alone = run.everything(arguments, (name,))
        _assert_same(alone, {key: everything[key] for key in ("value", name)})


@every_dtype
@every_run
def test_without_gradients_the_value_is_the_same(run: Run, dtype: torch.dtype) -> None:
    arguments = run.arguments(dtype)
    value = run.forward(arguments)
    assert not value.requires_grad
    followed, _ = run.tracked(arguments)
    with torch.no_grad():
        assert torch.equal(run.forward(followed), value)
    _assert_same({"value": value}, {"value": run.forward(followed).detach()})


@every_dtype
@every_run
def test_batch_equals_loop(run: Run, dtype: torch.dtype) -> None:
    arguments = run.arguments(dtype, batch=3)
    batch = run.everything(arguments)
    for item in (slice(0, 1), slice(1, 2), slice(2, 3)):
        one = arguments | {name: value[item] for name, value in _tensors(arguments).items()}
        expected = {name: value[item] for name, value in batch.items()}
        _assert_same(run.everything(one, items=item), expected)


@every_run
def test_a_batch_of_one_is_shared(run: Run) -> None:
    arguments = run.arguments(torch.float64, batch=3)
    for name in run.case.shared:
        arguments[name] = arguments[name][:1]
    shared = run.everything(arguments)
    for name in run.case.shared:
        arguments[name] = arguments[name].repeat(3, *[1] * (arguments[name].ndim - 1))
    apart = run.everything(arguments)
    for name in set(run.case.shared) & apart.keys():
        apart[name] = apart[name].sum(dim=0, keepdim=True)
    _assert_same(shared, apart)


@every_dtype
@every_run
def test_strides_do_not_matter(run: Run, dtype: torch.dtype) -> None:
    arguments = run.arguments(dtype)
    strided = dict(arguments)
    for name, value in _tensors(arguments).items():
        wide = torch.full((*value.shape, 2), float("nan"), dtype=dtype, device=run.device)
        wide[..., 1] = value
        strided[name] = wide[..., 1]
        assert not strided[name].is_contiguous()
    _assert_equal(run.everything(strided), run.everything(arguments))


@every_run
def test_an_upstream_gradient_may_be_strided(run: Run) -> None:
    followed, leaves = run.tracked(run.arguments(torch.float64))
    value = run.forward(followed)
    found = torch.autograd.grad(value.sum(), leaves, retain_graph=True)  # an expanded one
    whole = torch.autograd.grad(value, leaves, torch.ones_like(value))
    for one, other in zip(found, whole, strict=True):
        assert torch.equal(one, other)


@every_dtype
@every_run
def test_empty_inputs_give_empty_results(run: Run, dtype: torch.dtype) -> None:
    shape = run.forward(run.arguments(dtype)).shape
    nothing = run.arguments(dtype, batch=0)
    assert run.everything(nothing)["value"].shape == (0, *shape[1:])
    one = run.arguments(dtype, batch=1)
    for name in run.case.shared:  # one shared argument is enough, and all are fine
        nothing[name] = one[name]
        assert run.everything(nothing)["value"].shape == (0, *shape[1:])
    for size in run.case.empty:
        arguments = run.arguments(dtype, **{size: 0})
        found = run.everything(arguments)
        assert found["value"].shape == run.forward(arguments, backend="torch").shape
        for name, value in found.items():
            assert name == "value" or value.shape == arguments[name].shape
            assert bool((value == 0).all()), f"{size} = 0: {name}"


@every_dtype
@every_run
def test_inputs_stay_untouched(run: Run, dtype: torch.dtype) -> None:
    followed, leaves = run.tracked(run.arguments(dtype))
    before = {name: value.detach().clone() for name, value in _tensors(followed).items()}
    versions = {name: value._version for name, value in _tensors(followed).items()}
    value = run.forward(followed)
    torch.autograd.grad(value.sum(), leaves)
    for name, tensor in _tensors(followed).items():
        assert torch.equal(tensor.detach(), before[name]), name
        assert tensor._version == versions[name], name
        assert tensor.grad is None, name


@every_dtype
@every_run
def test_runs_and_backward_calls_agree_to_the_bit(run: Run, dtype: torch.dtype) -> None:
    arguments = run.arguments(dtype)
    _assert_equal(run.everything(arguments), run.everything(arguments))
    followed, leaves = run.tracked(arguments)
    total = run.forward(followed).sum()
    first = torch.autograd.grad(total, leaves, retain_graph=True)
    second = torch.autograd.grad(total, leaves)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("case", "wrong"), WRONG, ids=[f"{c.name}-{w.argument}-{i}" for i, (c, w) in enumerate(WRONG)]
)
def test_wrong_arguments_are_named(case: Case, wrong: Wrong) -> None:
    arguments = case.build(torch.float64, "cpu", 2, 0)
    arguments[wrong.argument] = wrong.change(arguments[wrong.argument])
    with pytest.raises(wrong.error) as caught:
        case.call(**arguments)
    message = str(caught.value)
    assert message.startswith(wrong.argument)
    assert wrong.text in message
    assert "\n" not in message


@every_op
def test_a_second_derivative_raises(run: Run) -> None:
    followed, leaves = run.tracked(run.arguments(torch.float64))
    first = torch.autograd.grad(run.forward(followed).sum(), leaves, create_graph=True)
    for gradient in first:
        with pytest.raises(RuntimeError, match=f"{run.case.op}.*no autograd formula"):
            torch.autograd.grad(gradient.sum(), leaves, retain_graph=True)


@torch_warns_of_itself
@every_op
def test_forward_mode_raises(run: Run) -> None:
    arguments = run.arguments(torch.float64)
    for name in run.case.differentiable:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(arguments[name], torch.ones_like(arguments[name]))
            with pytest.raises(BackendError, match=f"{run.case.op} has no forward-mode"):
                run.forward(arguments | {name: dual})


class _Recorder(TorchFunctionMode):
    """Keeps the calls of registered ops as they are made, before autograd sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[object, tuple[object, ...]]] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if str(func).startswith("diffgfx."):
            self.calls.append((func, args))
        return func(*args, **(kwargs or {}))


def _leaf(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_leaf(part) for part in value]
    if not isinstance(value, Tensor):
        return value
    return value.detach().clone().requires_grad_(value.requires_grad)


@torch_warns_of_itself
@every_op
def test_opcheck(run: Run) -> None:
    followed, _ = run.tracked(run.arguments(torch.float64))
    with _Recorder() as recorder:
        run.forward(followed)
    assert recorder.calls
    for op, arguments in recorder.calls:
        torch.library.opcheck(op, tuple(_leaf(value) for value in arguments))


@pytest.mark.skipif(torch.__version__ < "2.10", reason="torch.compile before 2.10 stops at checks")
@torch_warns_of_itself
@every_op
def test_compile_composes(run: Run) -> None:
    name = run.case.differentiable[0]
    arguments = run.arguments(torch.float64)

    def job(value: Tensor) -> Tensor:
        changed = {**arguments, name: value.square() * value.sign()}
        return (2.0 * run.forward(changed)).sin().sum()

    value = arguments[name].detach().requires_grad_()
    eager = torch.autograd.grad(job(value), value)[0]
    torch._dynamo.reset()
    compiled = torch.compile(job, backend="aot_eager", fullgraph=True)
    assert_close(torch.autograd.grad(compiled(value), value)[0], eager)


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    if available()[OPS[0]]["taichi"] is not None:
        pytest.skip("taichi is not installed")
    threads = "1" if (os.cpu_count() or 1) > 1 else "3"
    child = subprocess.run(
        [sys.executable, "-m", "tests.contract.digest"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TI_CPU_MAX_NUM_THREADS": threads,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert dict(line.split() for line in child.stdout.splitlines()) == digests()


@pytest.mark.slow
def test_no_kernel_reads_beyond_its_tensors() -> None:
    if available()[OPS[0]]["taichi"] is not None:
        pytest.skip("taichi is not installed")
    child = subprocess.run(
        [sys.executable, "-m", "tests.contract.bounded"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert child.returncode == 0, child.stdout + child.stderr


def test_every_op_has_cases_and_runs_everywhere() -> None:
    assert {case.op for case in CASES} == set(OPS)
    assert len({case.name for case in CASES}) == len(CASES)
    wheel = sys.version_info < (3, 14) and platform.machine() in ("x86_64", "AMD64", "arm64")
    expected = {"torch", "taichi"} if wheel else {"torch"}
    for op in OPS:
        ran = {r.backend for r in RUNS if r.case.op == op and r.reason_to_skip is None}
        assert ran >= expected, f"{op} ran on {ran}: {available()[op]}"


def test_what_a_missing_backend_needs_is_said() -> None:
    for op, reasons in available().items():
        for backend, reason in reasons.items():
            assert reason is None or len(reason) > 20, f"{op} {backend}"
        assert "nvdiffrast" in str(reasons["nvdiffrast"])
