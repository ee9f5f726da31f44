"""A small shop on gevent, with eleven planted faults and as many things that only look like faults.

A comment `# fault NAME` marks the line that blocks the loop, `# decoy NAME` one that does not; cases_faults.py has
the list of what greenwatch must say of each. A module that patching comes too late for says so in its head.
"""
