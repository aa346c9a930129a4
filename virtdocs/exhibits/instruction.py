"""Exhibits of one privileged instruction, step by step."""

from __future__ import annotations

from virtdocs.exhibits.chosen import TECHNIQUES_SHOWN, chosen
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.single_step import INSTRUCTIONS, one_instruction
from virtdocs.experiments.source_document import step_counts
from virtdocs.experiments.techniques import TECHNIQUES, Technique
from virtdocs.guest.workloads import BUILDS
from virtdocs.views import flow
from virtdocs.views.model import ViewBundle

TECHNIQUE = Parameter("hw_nested", tuple(TECHNIQUES))
INSTRUCTION = Parameter("cli", tuple(INSTRUCTIONS))


def privileged_flow(technique: str, instruction: str) -> ViewBundle:
    """What happens when the guest kernel executes one instruction."""
    return flow.flow(one_instruction(technique, instruction))


def privileged_steps(instruction: str, techniques: str) -> ViewBundle:
    """The same under every technique, beside the step counts that the source prints."""
    paths = {name: one_instruction(name, instruction) for name in chosen(techniques)}
    sides = {name: side(preset) for name, preset in TECHNIQUES.items()}
    return flow.steps_table(paths, step_counts(), sides)


def side(preset: Technique) -> str:
    """Which of the source's two flows a technique belongs to; "" for bare hardware."""
    if preset.cpu == "native":
        return ""
    return "para" if BUILDS[preset.build].pv else "full"


EXHIBITS = (
    Exhibit(
        "privileged_flow", privileged_flow, (("technique", TECHNIQUE), ("instruction", INSTRUCTION))
    ),
    Exhibit(
        "privileged_steps",
        privileged_steps,
        (("instruction", INSTRUCTION), ("techniques", TECHNIQUES_SHOWN)),
    ),
)
