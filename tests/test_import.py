"""What an import of the package costs its users: nothing heavy before it is needed."""

import subprocess
import sys


def test_heavy_libraries_load_on_first_use():
    heavy = ["jax", "optax", "matplotlib", "scipy", "pyarrow", "rich", "click"]
    script = f"import sys, steepest; print(*[name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
