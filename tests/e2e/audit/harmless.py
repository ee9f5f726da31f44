"""Modules that hold an original, made before patching: one for each MODULE:NAME of the arguments. Prints READY PID."""
import os
import sys
import threading
import time
import types

for word in sys.argv[1:]:
    name, attribute = word.split(":")
    module = types.ModuleType(name)
    module.__file__ = f"/srv/app/{name}.py"
    setattr(module, attribute, time.sleep)
    module.Holder = type("Holder", (), {"__module__": name})
    module.holder = module.Holder()
    setattr(module.holder, attribute, threading.Lock())
    sys.modules[name] = module

import gevent
from gevent import monkey

monkey.patch_all()
gevent.sleep(0.01)
print("READY", os.getpid(), flush=True)
gevent.sleep(1000)
