"""The workloads: which files make an image, which parameters it takes, which builds exist.

Names follow kvm-unit-tests' ``vmexit`` where they match. One kernel serves them
all; ``native`` is its plain build, ``pv32`` and ``pv64`` are its ports to a PV
hypervisor, ``pvhvm``, ``pvh`` and ``enlightened`` take some of its offers; all are
chosen by ``.if`` in the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.guest.assembler import assemble_files
from virtdocs.guest.program import Program
from virtdocs.machine.firmware import (
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    TSS_ADDRESS,
    USER_CS,
    USER_SS,
)

KERNEL: Final = (
    "kernel/layout.s",
    "kernel/boot.s",
    "kernel/entry.s",
    "kernel/time.s",
    "kernel/memory.s",
    "kernel/paging.s",
    "kernel/space.s",
    "kernel/process.s",
    "kernel/fork.s",
    "kernel/calls.s",
    "kernel/xen.s",
    "kernel/enlightenments.s",
)
PROGRAMS: Final = (*KERNEL, "kernel/main.s", "kernel/user.s")


@dataclass(frozen=True, slots=True)
class Param:
    """An integer parameter; it becomes the constant of its name in capitals."""

    default: int
    minimum: int
    maximum: int
    unit: str = ""
    step: int = 1
    names: tuple[tuple[str, int], ...] = ()  # words that stand for a number

    @property
    def type(self) -> str:
        """An integer."""
        return "int"

    def constant(self, value: str | int) -> int:
        """What the image sees: the value itself."""
        return int(value)

    def checked(self, name: str, value: str | int) -> int:
        """The value as a number; BadValue when it is none or out of range."""
        number = number_of(name, value, dict(self.names))
        if not self.minimum <= number <= self.maximum:
            raise BadValue("", f"{name}={number} is not between {self.minimum} and {self.maximum}")
        if number % self.step:
            raise BadValue("", f"{name}={number} is no multiple of {self.step}")
        return number


def number_of(name: str, value: str | int, names: Mapping[str, int], where: str = "") -> int:
    """An integer, or what one of the ``names`` stands for; BadValue says which there are."""
    if str(value) in names:
        return names[str(value)]
    try:
        return int(value)
    except ValueError:
        known = "".join(f" and not {one}" for one in names)
        raise BadValue(where, f"{name}={value!r} is no integer{known}") from None


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter with named values; the constant is the value's place in the list."""

    choices: tuple[str, ...]
    unit: str = ""

    @property
    def default(self) -> str:
        """The first one."""
        return self.choices[0]

    @property
    def minimum(self) -> str:
        """The first one: a range of names, for the lists that print ranges."""
        return self.choices[0]

    @property
    def maximum(self) -> str:
        """The last one."""
        return self.choices[-1]

    @property
    def type(self) -> str:
        """The names."""
        return "|".join(self.choices)

    def constant(self, value: str | int) -> int:
        """What the image sees."""
        return self.choices.index(str(value))

    def checked(self, name: str, value: str | int) -> str:
        """The name itself; UnknownName for any other."""
        if value not in self.choices:
            raise UnknownName("", f"value of {name}", str(value), self.choices)
        return str(value)


@dataclass(frozen=True, slots=True)
class Build:
    """A port of the kernel: its constants, and how deep its page tables may be."""

    name: str
    pv: bool
    constants: Mapping[str, int]
    levels: tuple[int, ...]


NATIVE_LEVELS: Final = (2, 3, 4, 5)


def _build(
    name: str,
    *on: str,
    selectors: tuple[int, int] = (KERNEL_CS, KERNEL_SS),
    levels: tuple[int, ...] = NATIVE_LEVELS,
) -> Build:
    """``on``: the switches of the kernel's text (kernel/layout.s) that are 1 in this build."""
    switches = ("PV", "PV32", "PV64", "XEN", "XEN_HVM", "PVH", "ENLIGHTENED")
    constants = {switch: int(switch in on) for switch in switches}
    constants |= {"KERNEL_CS": selectors[0], "KERNEL_SS": selectors[1], "TSS_ADDRESS": TSS_ADDRESS}
    return Build(name, "PV" in on, MappingProxyType(constants), levels)


_RING1: Final = (RING1_CS | 1, RING1_SS | 1)
_RING3: Final = (USER_CS, USER_SS)
BUILDS: Final[Mapping[str, Build]] = MappingProxyType(
    {
        one.name: one
        for one in (
            _build("native"),
            _build("pv32", "XEN", "PV", "PV32", selectors=_RING1, levels=(2,)),
            _build("pv64", "XEN", "PV", "PV64", selectors=_RING3, levels=(4,)),
            # With hardware's CPU and MMU, and Xen's interrupts and time.
            _build("pvhvm", "XEN", "XEN_HVM"),
            _build("pvh", "XEN", "XEN_HVM", "PVH"),
            # The native kernel that looks for a hypervisor when it starts.
            _build("enlightened", "ENLIGHTENED"),
        )
    }
)
ALL_BUILDS: Final = tuple(BUILDS)

# 1 ms at one instruction a nanosecond: a tick rate that kernels use (Linux: HZ from 100 to 1000).
TICK: Final = Param(1_000_000, 2_000, 1 << 31, "instructions")
OPS: Final = Param(1, 1, 1 << 31, "ops")


@dataclass(frozen=True, slots=True)
class Workload:
    """What a guest does.

    ``ops`` is the default N; counts are linear in N where N is a multiple of
    ``ops_step`` (with default parameters). A second CPU starts at label ``start_ap``.
    """

    name: str
    about: str  # one line for `virtdocs list`; the site's labels are in the catalogue
    images: tuple[str, ...]
    ops: int
    ops_step: int = 1
    params: Mapping[str, Param | Choice] = field(default_factory=lambda: _params())
    builds: tuple[str, ...] = ALL_BUILDS
    cpus: int = 1
    device: str = ""  # the kind of device that it uses; its driver joins the images
    fixed: Mapping[str, int] = field(
        default_factory=dict
    )  # constants that tell it from its siblings

    def constants(self, checked: Mapping[str, str | int]) -> dict[str, int]:
        """What the parameters are for image and device."""
        given = {name: self.params[name].constant(value) for name, value in checked.items()}
        return {**given, **self.fixed}

    def checked_params(
        self, given: Mapping[str, str | int], also: Iterable[str] = ()
    ) -> dict[str, str | int]:
        """All parameters with their values; UnknownName or BadValue for a wrong one.

        ``also``: names that are known elsewhere, for the hint.
        """
        for name in given:
            if name not in self.params:
                raise UnknownName(self.name, "parameter", name, (*self.params, "ops", *also))
        return {
            name: param.checked(name, given.get(name, param.default))
            for name, param in self.params.items()
        }


def _workloads(*entries: Workload) -> Mapping[str, Workload]:
    return MappingProxyType({entry.name: entry for entry in entries})


def _params(**params: Param | Choice) -> Mapping[str, Param | Choice]:
    return MappingProxyType({"tick": TICK, **params})


# Devices: how many bytes a request has, how many requests there are at a time, how the device
# interrupts, and how long it takes.
LATENCY: Final = Param(2_000, 0, 1 << 31, "instructions")
VECTORS: Final = Choice(("msix", "intx"))
BACKEND: Final = Choice(("userspace", "vhost"))


def _disk(name: str, operation: int, about: str) -> Workload:
    return Workload(
        name,
        about,
        (*KERNEL, "disk.s", "kernel/user.s"),
        ops=32,
        ops_step=32,
        params=_params(
            size=Param(4_096, 512, 65_536, "bytes", 512),
            depth=Param(1, 1, 32, "requests"),
            vectors=VECTORS,
            backend=BACKEND,
            latency=LATENCY,
        ),
        builds=ALL_BUILDS,
        device="disk",
        fixed={"operation": operation},
    )


def _net(name: str, about: str, fixed: Mapping[str, int], **params: Param | Choice) -> Workload:
    return Workload(
        name,
        about,
        (*KERNEL, "net.s", "kernel/user.s"),
        ops=32,
        ops_step=32,
        params=_params(
            size=Param(64, 64, 1_512, "bytes", 8),
            vectors=VECTORS,
            backend=BACKEND,
            latency=LATENCY,
            throttle=Param(0, 0, 1 << 24, "instructions", 256),
            **params,
        ),
        builds=ALL_BUILDS,
        device="net",
        fixed=fixed,
    )


WORKLOADS: Final = _workloads(
    Workload("cpu", "arithmetic in user mode", (*PROGRAMS, "cpu.s"), ops=20_000),
    Workload(
        "memory",
        "demand paging: page faults, page-table writes, address-space switches",
        (*PROGRAMS, "memory.s"),
        ops=256,
        ops_step=64,
        params=_params(pages=Param(32, 1, 120, "pages")),
    ),
    Workload(
        "syscall",
        "a system call that does next to nothing",
        (*PROGRAMS, "syscall.s"),
        ops=1_000,
    ),
    Workload(
        "rings",
        "kernel and application read their own privilege level from CS",
        (*KERNEL, "rings.s", "kernel/user.s", "rings_user.s"),
        ops=1,
        params=_params(),
    ),
    Workload(
        "popf_wait",
        "a kernel restores the interrupt flag with popf and waits for a tick",
        (*KERNEL, "popf_wait.s"),
        ops=4,
    ),
    Workload(
        "page_fault",
        "a page fault answered with a cleared page",
        (*PROGRAMS, "page_fault.s"),
        ops=256,
        ops_step=64,
        params=_params(pages=Param(64, 1, 120, "pages")),
    ),
    Workload(
        "pte_churn",
        "a page loses the right to be written and gets it back",
        (*PROGRAMS, "pte_churn.s"),
        ops=1_024,
        ops_step=64,
        params=_params(pages=Param(64, 1, 120, "pages")),
    ),
    Workload(
        "tlb_miss",
        "more pages than the TLB holds",
        (*PROGRAMS, "tlb_miss.s"),
        ops=16_384,
        ops_step=256,
        params=_params(pages=Param(256, 1, 1_024, "pages")),
    ),
    Workload(
        "context_switch",
        "two programs take turns",
        (*PROGRAMS, "context_switch.s"),
        ops=500,
        ops_step=2,
    ),
    Workload(
        "fork",
        "a child with copied-on-write pages, from its birth to its end",
        (*PROGRAMS, "fork.s"),
        ops=40,
        ops_step=8,
        params=_params(pages=Param(8, 1, 120, "pages")),
    ),
    Workload(
        "ipi",
        "two processors interrupt each other",
        (*KERNEL, "ipi.s"),
        ops=200,
        cpus=2,
    ),
    Workload(
        "timer_tick",
        "a program sleeps from tick to tick",
        (*PROGRAMS, "timer_tick.s"),
        ops=100,
    ),
    Workload("read_time", "a kernel asks what time it is", (*KERNEL, "read_time.s"), ops=1_000),
    Workload("cpuid", "ask the processor who it is", (*PROGRAMS, "cpuid.s"), ops=1_000),
    Workload("vmcall", "call the hypervisor for nothing", (*KERNEL, "vmcall.s"), ops=500),
    _disk("disk_read", 0, "a request reads from a disk"),
    _disk("disk_write", 1, "a request writes to a disk"),
    _disk("disk_flush", 2, "a disk makes durable what was written"),
    _net("net_tx", "a packet leaves, and nobody answers", {"replies": 0}),
    _net("net_pingpong", "a packet there, and one back", {"replies": 1}),
    _net(
        "net_burst",
        "a packet there, and several back",
        {},
        replies=Param(8, 1, 16, "packets"),
        gap=Param(20, 0, 1 << 20, "instructions"),
    ),
    Workload(
        "console_line",
        "a line of 64 bytes on the console, waited for until it is out",
        (*KERNEL, "console.s", "kernel/user.s"),
        ops=32,
        params=_params(vectors=VECTORS, latency=Param(0, 0, 1 << 20, "instructions")),
        builds=ALL_BUILDS,
        device="console",
    ),
    Workload(
        "balloon",
        "the kernel gives pages to the host and takes them back, as the host asks",
        (*KERNEL, "balloon.s", "kernel/user.s"),
        ops=512,
        ops_step=512,
        params=_params(
            pages=Param(256, 1, 1_024, "pages"),
            vectors=VECTORS,
            latency=LATENCY,
            must_tell=Choice(("no", "yes")),
            commands=Choice(("batched", "basic")),
        ),
        builds=ALL_BUILDS,
        device="balloon",
    ),
    Workload("red_pill", "what a guest can notice", (*KERNEL, "red_pill.s"), ops=1),
)


def workload(name: str) -> Workload:
    """The workload of that name; UnknownName with the nearest otherwise."""
    if name not in WORKLOADS:
        raise UnknownName("", "workload", name, WORKLOADS)
    return WORKLOADS[name]


def source(image: str) -> str:
    """The text of one file of an image."""
    return (files("virtdocs.guest") / "images" / image).read_text(encoding="utf-8")


def build(
    name: str,
    port: str = "native",
    params: Mapping[str, str | int] = MappingProxyType({}),
    ops: int | None = None,
    levels: int = 4,
    drivers: tuple[str, ...] = (),
) -> Program:
    """The image of a workload for one port, N and page-table depth, with a device's driver."""
    found = workload(name)
    if port not in BUILDS:
        raise UnknownName(name, "build", port, BUILDS)
    if port not in found.builds:
        raise BadValue(name, f"there is no {port} build of this workload")
    if levels not in BUILDS[port].levels:
        raise BadValue(name, f"the {port} build does not run with {levels} levels")
    if bool(drivers) != bool(found.device):
        raise BadValue(name, "a device's driver and a workload that uses one belong together")
    values = found.checked_params(params)
    count = OPS.checked("ops", found.ops if ops is None else ops)
    constants = {
        **BUILDS[port].constants,
        **{key.upper(): value for key, value in found.constants(values).items()},
        "OPS": count,
        "LEVELS": levels,
    }
    images = (*found.images[: len(KERNEL)], *drivers, *found.images[len(KERNEL) :])
    return _assembled(images, f"{name}.{port}", tuple(sorted(constants.items())))


@lru_cache(maxsize=128)
def _assembled(
    images: tuple[str, ...], name: str, constants: tuple[tuple[str, int], ...]
) -> Program:
    """A program is the same for every technique: assembled once."""
    texts = [(image, source(image)) for image in images]
    return assemble_files(texts, name, constants=dict(constants))
