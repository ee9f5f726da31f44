"""An eventlet program with faults (early.py). Prints READY PID."""
import os
import warnings

warnings.simplefilter("ignore")
import early
import eventlet

eventlet.monkey_patch(**({"thread": False, "time": True} if "part" in os.environ.get("GREEN", "") else {}))
eventlet.sleep(0.01)
print("READY", os.getpid(), flush=True)
eventlet.sleep(1000)
