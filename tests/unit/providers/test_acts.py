"""Operations of many threads begin at once in a process that has loaded nothing yet."""

import subprocess
import sys

PROGRAM = """
import threading
from providers import process

start = threading.Barrier(64)
failed = []


def operate():
    start.wait()
    try:
        process.load_acts()
        from metal.cluster.consul import observe_member
        from metal.cluster.docker import observe_engine
        from metal.cluster.stackengine import observe_manager_node
        from metal.cluster.swarm import observe_node
        from metal.chassis.power import read_power
    except BaseException as error:
        failed.append(repr(error))


threads = [threading.Thread(target=operate, daemon=True) for _ in range(64)]
[thread.start() for thread in threads]
[thread.join(60) for thread in threads]
assert not failed, failed[:3]
assert not any(thread.is_alive() for thread in threads)
"""


def test_a_first_wave_of_operations_loads_what_it_needs_without_a_deadlock():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
