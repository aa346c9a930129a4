"""Register names and bit positions, as in the Intel SDM (vol. 1 §3.4, vol. 3A §2)."""

from __future__ import annotations

from typing import Final

WORD_MASK: Final = (1 << 64) - 1
SIGN_BIT: Final = 1 << 63

GPR_NAMES: Final = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
R8, R9, R10, R11 = range(8, 12)

SEGMENT_NAMES: Final = ("es", "cs", "ss", "ds", "fs", "gs")
ES, CS, SS, DS, FS, GS = range(6)

# Control registers that exist; the rest of the encoding space is #UD (SDM vol. 2, MOV CR).
CONTROL_NAMES: Final = {0: "cr0", 2: "cr2", 3: "cr3", 4: "cr4", 8: "cr8"}

# RFLAGS (SDM vol. 1 §3.4.3). PF and AF are not modelled: no instruction here reads them.
CF: Final = 1 << 0
FLAGS_ONE: Final = 1 << 1  # always reads as one
ZF: Final = 1 << 6
SF: Final = 1 << 7
IF: Final = 1 << 9
OF: Final = 1 << 11
IOPL: Final = 3 << 12
IOPL_SHIFT: Final = 12
ARITHMETIC_FLAGS: Final = CF | ZF | SF | OF
SYSTEM_FLAGS: Final = IF | IOPL
FLAGS_MASK: Final = ARITHMETIC_FLAGS | SYSTEM_FLAGS | FLAGS_ONE

# CR0, CR4, EFER.
CR0_PE: Final = 1 << 0
CR0_MP: Final = 1 << 1
CR0_EM: Final = 1 << 2
CR0_TS: Final = 1 << 3
CR0_WP: Final = 1 << 16
CR0_PG: Final = 1 << 31
CR0_MASK: Final = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_PG
CR4_TSD: Final = 1 << 2
CR4_PGE: Final = 1 << 7
CR4_UMIP: Final = 1 << 11
CR4_VMXE: Final = 1 << 13
CR4_MASK: Final = CR4_TSD | CR4_PGE | CR4_UMIP | CR4_VMXE
EFER_SCE: Final = 1 << 0
EFER_LME: Final = 1 << 8
EFER_NXE: Final = 1 << 11
EFER_SVME: Final = 1 << 12
EFER_LMSLE: Final = 1 << 13  # long mode segment limit enable: AMD64 APM vol. 2 §4.12.2
EFER_MASK: Final = EFER_SCE | EFER_LME | EFER_NXE | EFER_SVME | EFER_LMSLE
EFER_AMD_ONLY: Final = EFER_SVME | EFER_LMSLE

# MSR numbers (SDM vol. 4, table 2-2; x2APIC: vol. 3A §10.12).
MSR_TSC: Final = 0x10
MSR_TSC_DEADLINE: Final = 0x6E0
MSR_X2APIC_ID: Final = 0x802
MSR_X2APIC_TPR: Final = 0x808
MSR_X2APIC_EOI: Final = 0x80B
MSR_X2APIC_ICR: Final = 0x830
MSR_X2APIC_LVT_TIMER: Final = 0x832
MSR_X2APIC_INITIAL_COUNT: Final = 0x838
MSR_X2APIC_CURRENT_COUNT: Final = 0x839
MSR_EFER: Final = 0xC000_0080
MSR_STAR: Final = 0xC000_0081
MSR_LSTAR: Final = 0xC000_0082
MSR_FMASK: Final = 0xC000_0084
MSR_FS_BASE: Final = 0xC000_0100
MSR_GS_BASE: Final = 0xC000_0101
MSR_KERNEL_GS_BASE: Final = 0xC000_0102

# Exception vectors (SDM vol. 3A table 6-1).
DE, DB, NMI, BP, OFV, BR, UD, NM, DF = range(9)
TS, NP, SSF, GP, PF = range(10, 15)
VECTOR_NAMES: Final = {
    DE: "de", DB: "db", NMI: "nmi", BP: "bp", OFV: "of", BR: "br", UD: "ud", NM: "nm",
    DF: "df", TS: "ts", NP: "np", SSF: "ss", GP: "gp", PF: "pf",
}  # fmt: skip
HAS_ERROR_CODE: Final = frozenset({DF, TS, NP, SSF, GP, PF})
