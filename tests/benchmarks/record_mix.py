"""Count what a mix is made of, once, on this machine: data/costs/RULES.md, M1 to M3.

    python3 tests/benchmarks/record_mix.py virtdocs/data/measured [MIX ...]

Needs gcc, make and strace. Page faults and context switches are those of all children in a
run without a tracer; system calls and new processes are those of a second run, from the
same start, under ``strace -f -c``. The run before both fills the caches and is not counted.
"""

from __future__ import annotations

import datetime
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

FILES, FUNCTIONS, JOBS = 20, 10, 8
LOOP = 200
NEW_PROCESS = ("fork", "vfork", "clone", "clone3")
NAMES = ("fork", "page_fault", "syscall", "context_switch")
HELLO = '#include <unistd.h>\nint main(void) { return write(1, "x", 1) != 1; }\n'
LOOPS = r"""
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    for (int left = atoi(argv[2]); left > 0; left--) {
        pid_t child = fork();
        if (child == 0) {
            if (!strcmp(argv[1], "exec")) execl("./hello", "hello", (char *)0);
            if (!strcmp(argv[1], "sh")) execl("/bin/sh", "sh", "-c", "./hello", (char *)0);
            _exit(strcmp(argv[1], "fork") != 0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status) return 1;
    }
    return argc != 3;
}
"""
Counts = dict[str, float]


def sources(folder: Path) -> None:
    """Twenty small C files and what makes one program of them."""
    rule = "%.o: %.c\n\tgcc -O2 -c $< -o $@\n"
    objects = " ".join(f"part{n}.o" for n in range(FILES))
    (folder / "Makefile").write_text(f"program: {objects}\n\tgcc -o $@ $^\n{rule}")
    for number in range(FILES):
        text = "".join(f"#include <{name}.h>\n" for name in ("stdio", "stdlib", "string"))
        for part in range(FUNCTIONS):
            text += (
                f"long work{number}_{part}(const long *from, long count)\n{{\n"
                f"    long sum = {part};\n    for (long i = 0; i < count; i++)\n"
                f"        sum += from[i] * (i + {number});\n    return sum;\n}}\n"
            )
        if number == 0:
            text += 'int main(void)\n{\n    printf("%d\\n", 0);\n    return 0;\n}\n'
        (folder / f"part{number}.c").write_text(text)


def loops(folder: Path) -> None:
    """The programs of the mixes that are counted per operation."""
    for name, text in (("hello", HELLO), ("loops", LOOPS)):
        (folder / f"{name}.c").write_text(text)
        subprocess.run(["gcc", "-O2", "-o", name, f"{name}.c"], cwd=folder, check=True)


def counted(command: list[str], folder: Path, start: Callable[[], None]) -> Counts:
    """All four counts of a command, each time from the same start."""
    start()
    _run(command, folder)
    start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    start()
    _run(["strace", "-f", "-c", "-o", "calls.txt", *command], folder)
    calls = _calls((folder / "calls.txt").read_text())

    def more(*names: str) -> float:
        return sum(getattr(after, name) - getattr(before, name) for name in names)

    return {
        "fork": sum(calls.get(name, 0) for name in NEW_PROCESS),
        "page_fault": more("ru_minflt", "ru_majflt"),
        "syscall": sum(calls.values()),
        "context_switch": more("ru_nvcsw", "ru_nivcsw"),
    }


def _run(command: list[str], folder: Path) -> None:
    env = {**os.environ, "LC_ALL": "C"}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=env)


def _calls(table: str) -> Mapping[str, int]:
    """Calls by name, from the table of ``strace -c``; its errors column may be empty."""
    rows = [line.split() for line in table.splitlines()]
    rows = [row for row in rows if len(row) > 4 and row[3].isdigit() and row[-1] != "total"]
    return {row[-1]: int(row[3]) for row in rows}


def kernel_build(folder: Path) -> Counts:
    """One make of all files."""
    sources(folder)

    def clean() -> None:
        for path in (*folder.glob("*.o"), folder / "program"):
            path.unlink(missing_ok=True)

    return counted(["make", f"-j{JOBS}"], folder, clean)


def per_operation(kind: str) -> Callable[[Path], Counts]:
    """One operation of a loop: (c(2N) - c(N)) / N."""

    def record(folder: Path) -> Counts:
        loops(folder)
        once, twice = (
            counted(["./loops", kind, str(n)], folder, lambda: None) for n in (LOOP, 2 * LOOP)
        )
        return {name: (twice[name] - once[name]) / LOOP for name in NAMES}

    return record


MIXES: Mapping[str, Callable[[Path], Counts]] = {
    "kernel_build": kernel_build,
    **{f"lmbench.{kind}": per_operation(kind) for kind in ("fork", "exec", "sh")},
}


def recording(mix: str, counts: Counts) -> str:
    """The file of a mix: where it was counted, and what."""

    def version(tool: str) -> str:
        found = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
        return found.stdout.splitlines()[0]

    lines = [
        f"# Written by tests/benchmarks/record_mix.py: {mix}.",
        f"date = {datetime.date.today().isoformat()}",
        f'kernel = "{platform.system()} {platform.release().partition("-")[0]}"',
        f'compiler = "{version("gcc")}"',
        f'make = "{version("make")}"',
        f'libc = "{" ".join(platform.libc_ver())}"',
        f"cpus = {os.cpu_count()}",
        "",
        "[counts]",
        *(f"{name} = {counts[name]:.10g}" for name in NAMES),
    ]
    return "\n".join(lines) + "\n"


def main(target: str, *names: str) -> None:
    """Record the mixes of these names, or all of them; one that is there stays (M1)."""
    for mix in names or MIXES:
        path = Path(target) / f"{mix}.toml"
        if path.exists():
            print(f"{path} is there already")
            continue
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(recording(mix, MIXES[mix](Path(folder))))
        print(path.read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])
