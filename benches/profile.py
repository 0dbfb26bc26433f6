#!/usr/bin/env python3
"""Where the time of a row of the benchmarks goes: our side alone, and of it what is timed alone.

usage: benches/profile.py instructions|time ROW [option of bench ...]

instructions: how many an operation takes, by function, counted by callgrind.
time: what each thread does, from perf: runs, waits for a processor, or sleeps in a system call; and how
      often each is called. An operation is what the row counts. Needs perf, and the right to trace.
LINES in the environment says how many lines of a table are printed (16).

ROW is a part of the name of one row; further options, such as --quick, go to bench. Build it first, as
`make bench` does: with --all-features it would have what only tests use, and other bounds.
cargo build --release --locked -p hsm-benches
Counts of instructions go by one at a time: who turns callgrind on does so in every program under it.
"""

import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release", "bench")
# Lines that are printed of each table.
LINES = int(os.environ.get("LINES", "16"))


def main(arguments):
    ways = {"instructions": instructions, "time": time}
    if len(arguments) < 2 or arguments[0] not in ways:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="hsm-profile-") as directory:
        ways[arguments[0]](directory, arguments[1:])


def bench(directory, profiler, begin, end, arguments):
    """Runs one round under a profiler that `begin` turns on and `end` off; returns how many operations it was."""
    hook, work = os.path.join(directory, "hook"), os.path.join(directory, "work")
    with open(hook, "w") as script:
        script.write(f'#!/bin/sh\nset -e\nif [ "$1" = begin ]; then\n{begin}\nelse\n{end}\necho "$2" >>{work}\nfi\n')
    os.chmod(hook, 0o755)
    row, *options = arguments
    command = [BENCH, "--rounds", "1", "--row", row, "--around", hook]
    command += ["--results", os.path.join(directory, "results.json"), *options]
    done = subprocess.run(profiler + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(profiler[:2])} ... bench failed:\n{done.stderr}")
    with open(work) as file:
        operations = [float(line) for line in file]
    if len(operations) != 1:
        sys.exit(f"{len(operations)} rows have {row!r} in their name; profile one at a time")
    print(f"{row}: {operations[0]:,.0f} operations")
    return operations[0]


def instructions(directory, arguments):
    out = os.path.join(directory, "callgrind.out")
    profiler = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--instr-atstart=no"]
    # The hook itself, and what it starts, is no part of the row.
    hook = os.path.join(directory, "hook")
    profiler += [f"--trace-children-skip={hook}", "--dump-instr=no", f"--callgrind-out-file={out}.%p"]
    control = "callgrind_control -i {} >/dev/null"
    operations = bench(directory, profiler, control.format("on"), control.format("off"), arguments)
    counts = collections.Counter()
    for file in glob.glob(out + ".*"):
        annotated = ["callgrind_annotate", "--threshold=99", "--show-percs=no", file]
        for line in subprocess.run(annotated, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            found = re.match(r"\s*([\d,]+)\s+(.*)", line)
            if found:
                name = re.sub(r"^[^:]*:", "", found[2].split(" [")[0])
                counts["TOTAL" if "PROGRAM TOTALS" in found[2] else name] += int(found[1].replace(",", ""))
    total = counts.pop("TOTAL")
    print(f"{total / operations:12,.0f}  instructions an operation, of which")
    for name, count in counts.most_common(LINES):
        print(f"{count / operations:12,.0f}  {count / total:5.1%}  {name[:100]}")


class Thread:
    """What one thread does, as its events tell."""

    def __init__(self):
        self.call = None  # The system call that it is in.
        self.since = None  # When it went on, or stopped.
        self.state = None  # "runs", "waits for a processor", or the call it sleeps in.


def time(directory, arguments):
    data, control, answer = (os.path.join(directory, name) for name in ("perf.data", "control", "answer"))
    os.mkfifo(control)
    os.mkfifo(answer)
    profiler = ["perf", "record", "--quiet", "--delay=-1", f"--control=fifo:{control},{answer}", "--switch-events"]
    profiler += ["-m", "8M", "-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit", "-o", data, "--"]
    tell = f"echo {{}} >{control}; head -n 1 {answer} >/dev/null"
    operations = bench(directory, profiler, tell.format("enable"), tell.format("disable"), arguments)
    spent, calls, threads, lost = collections.Counter(), collections.Counter(), {}, 0
    # Switches are told all the time, system calls only while our side runs: what is counted lies between two of these.
    began, since_call = False, collections.Counter()
    script = ["perf", "script", "-i", data, "--ns", "--show-switch-events", "--show-lost-events"]
    script += ["-F", "tid,time,event,trace"]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as events:
        for line in events.stdout:
            found = re.match(r"\s*(\d+)\s+(\d+)\.(\d+):\s*(.*)", line)
            if not found:
                lost += "LOST" in line
                continue
            thread, now_ns = threads.setdefault(found[1], Thread()), int(found[2]) * 10**9 + int(found[3])
            is_call = "sys_" in found[4]
            if is_call and not began:
                began = True
                since_call.clear()
                for other in threads.values():
                    other.since = other.since and now_ns
            note(thread, now_ns, found[4], since_call, calls)
            if is_call:
                spent.update(since_call)
                since_call.clear()
    if lost:
        print(f"perf lost events {lost} times: the figures are too low")
    names = syscall_names()

    def name(call):
        return names.get(call, f"call {call}") if isinstance(call, int) else call

    print(f"{'us/op':>12}  of all threads together")
    for what, spent_ns in spent.most_common(LINES):
        print(f"{spent_ns / 1000 / operations:12.2f}  {'' if isinstance(what, str) else 'sleeps in '}{name(what)}")
    print(f"{'calls/op':>12}")
    for call, count in calls.most_common(LINES):
        print(f"{count / operations:12.3f}  {name(call)}")


def note(thread, now_ns, event, spent, calls):
    """Takes one event of a thread."""
    state = thread.state
    if "sys_enter" in event:
        thread.call = int(re.search(r"NR (\d+)", event)[1])
        calls[thread.call] += 1
        state = state or "runs"
    elif "sys_exit" in event:
        thread.call = None
        state = state or "runs"
    elif "SWITCH" in event:
        if " IN" in event:
            state = "runs"
        elif "preempt" in event:
            state = "waits for a processor"
        else:
            state = "sleeps in something unknown" if thread.call is None else thread.call
    if state != thread.state:
        if thread.since is not None:
            spent[thread.state] += now_ns - thread.since
        thread.state, thread.since = state, now_ns


def syscall_names():
    """The numbers of system calls of this machine, from the kernel's header by way of the compiler."""
    done = subprocess.run(
        ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], stdout=subprocess.PIPE, text=True
    )
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", done.stdout)}


if __name__ == "__main__":
    main(sys.argv[1:])
