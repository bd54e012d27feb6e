"""python -m lab.machine DIRECTORY: run the machine there, started by its BMC's chassis program."""

import sys
from pathlib import Path

from lab.machine.mainboard import Mainboard

Mainboard(Path(sys.argv[1])).run()
