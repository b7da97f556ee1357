"""The pages whose examples need a library that the tests may lack."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("flax") else ["flax.md"]
