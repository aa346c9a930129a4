"""One colour per technique and party side, for light and for dark pages.

A renderer writes ``var(--vd-bt, #hex)``: pages set the variable for both schemes, a
downloaded figure falls back to the light colour. Hues keep apart for colour-blind
readers (checked pairwise by a test) and no meaning hangs on colour alone.
"""

from __future__ import annotations

from virtdocs.errors import UnknownName

# By name, on light and on dark pages.
COLOURS: dict[str, tuple[str, str]] = {
    "native": ("#5b6470", "#a9b4c0"),
    "trap_emulate": ("#a8323e", "#f08a92"),
    "bt": ("#a85a00", "#f0a14a"),
    "hw_shadow": ("#5a6d00", "#b9cc52"),
    "hw_nested": ("#00786c", "#3fc9b6"),
    "xen_pv32": ("#2a5fc4", "#86aefc"),
    "xen_pv64": ("#5b47c0", "#a99bff"),
    "xen_hvm": ("#0b6f9c", "#5cc0ea"),
    "xen_pvhvm": ("#1d7a43", "#63cf8c"),
    "xen_pvh": ("#7d3fa3", "#cf97ee"),
    "kvm_virtio": ("#00707f", "#4cc6d6"),
    "kvm_emulated": ("#7a5c2e", "#d3b07a"),
    "esxi": ("#3b7a1e", "#8fd06a"),
    "hyperv": ("#0a66b8", "#6db6f7"),
    "workstation": ("#94611a", "#e0b062"),
    "qemu_tcg": ("#8a3b74", "#e58fcb"),
    "passthrough": ("#495a8a", "#a3b3e6"),
}
ACCENT = ("#3f4fb5", "#9fa8ff")
PAPER = ("#ffffff", "#1f2129")


def variable(name: str) -> str:
    """The CSS value of a technique's colour, or of ``accent`` for an exhibit without one."""
    if not name:
        return f"var(--vd-accent, {ACCENT[0]})"
    if name not in COLOURS:
        raise UnknownName("virtdocs/render/palette.py", "technique", name, COLOURS)
    return f"var(--vd-{name}, {COLOURS[name][0]})"


def css() -> str:
    """The variables of all techniques for both schemes."""
    light, dark = (_block(index) for index in (0, 1))
    return f':root {{\n{light}}}\n[data-md-color-scheme="slate"] {{\n{dark}}}\n'


def _block(index: int) -> str:
    named = {**COLOURS, "accent": ACCENT, "paper": PAPER}
    return "".join(f"  --vd-{name}: {pair[index]};\n" for name, pair in named.items())
