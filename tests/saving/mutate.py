"""Random mutations of saved folders of every kind; `python -m tests.saving.mutate 20000` runs many."""

import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse

import steepest as st
from steepest.saving.record import RECORD, digest_of, includes
from steepest.trace import dumps

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=40)
LABELS = np.digitize(Y, [-1, 1])
TABLE = {"a": X[:, 0], "b": X[:, 1], "c": np.where(X[:, 2] > 0, "u", "v"), "y": Y}

KINDS = {
    "run": lambda: st.minimize(lambda x, y: (x - 1) ** 2 + y**4, (3.0, 2.0)),
    "restarts": lambda: st.minimize(lambda x, y: (x - 1) ** 2 + y**2, (3.0, 2.0), restarts=2, rng=0),
    "dense": lambda: st.fit(st.models.Logistic(), X, Y > 0, epochs=2),
    "batches": lambda: st.fit(st.models.Linear(), X, Y, batch_size=10, direction="adam", step=0.1, epochs=2, rng=0),
    "sparse": lambda: st.fit(st.models.Linear(), scipy.sparse.csr_array(X * (X > 0)), Y, penalty=st.penalties.L1(0.1)),
    "svm": lambda: st.fit(st.models.SVM("rbf", components=5), X, Y > 0, rng=0),
    "softmax": lambda: st.fit(st.models.Multinomial(3), X, LABELS),
    "stream": lambda: st.fit(st.models.Linear(), iter([(X[:20], Y[:20]), (X[20:], Y[20:])])),
    "function": lambda: st.fit(lambda x, a, b: a * x + b, X[:, 0], Y),
    "network": lambda: st.fit(st.models.Network(hidden=(3,), members=2), X, Y, epochs=2, rng=0),
    "tree": lambda: st.fit(st.models.Tree(2, leaves="linear", restarts=2), X, Y, epochs=2, rng=0),
    "tree of a table": lambda: st.fit_table(TABLE, "c", model=st.models.Tree(2, restarts=2), epochs=2, rng=0),
    "table": lambda: st.fit_table(TABLE, "y", rng=0),
    "labels": lambda: st.fit_table(TABLE, "c", model="svm", rng=0),
}


def mutated(folder, place, random):
    """Copy a folder, damage one file of the copy, and return the copy."""
    copy = Path(tempfile.mkdtemp(dir=place)) / "run"
    shutil.copytree(folder, copy)
    paths = sorted(copy.iterdir())
    path = paths[random.integers(len(paths))]
    content = bytearray(path.read_bytes())
    size = len(content)
    match random.integers(8):
        case 0:
            content[random.integers(size)] ^= 1 << random.integers(8)
        case 1:
            del content[random.integers(size) :]
        case 2:
            first = random.integers(size)
            content[first : first + random.integers(1, 64)] = random.bytes(random.integers(64))
        case 3:
            content += random.bytes(random.integers(1, 64))
        case 4:
            path.unlink()
            return copy
        case 5:
            content = bytearray(paths[random.integers(len(paths))].read_bytes())
        case _:
            forged(copy, random)
            return copy
    path.write_bytes(content)
    return copy


def forged(folder, random):
    """Change an entry of the record at random, and give the record the digest of what it then says."""
    body = json.loads((folder / RECORD).read_text())
    del body["sha256"]
    place, key = body["record"], None
    while isinstance(place, dict | list) and place and (key is None or random.random() < 0.8):
        parent = place
        key = list(place)[random.integers(len(place))] if isinstance(place, dict) else int(random.integers(len(place)))
        place = parent[key]
    others = [None, True, 0, -1, 10**30, 0.5, float("nan"), "", "text", [], [1], {}, {"array": 1.0}, {"kind": "L2"}]
    if random.random() < 0.2:
        del parent[key]
    else:
        parent[key] = others[random.integers(len(others))]
    (folder / RECORD).write_text(dumps({"sha256": digest_of(dumps(body).encode()), **body}))


def loaded_or_refused(original, copy):
    """Return whether a damaged folder was refused; AssertionError if it was loaded as something that it is not."""
    was, now = ((folder / RECORD).read_bytes() if (folder / RECORD).exists() else b"" for folder in (original, copy))
    try:
        found = st.load(copy)
    except (ValueError, FileNotFoundError) as error:
        _check_line(error)
        shutil.rmtree(copy.parent)
        return True
    if was == now:
        assert found == st.load(original), "a silent change"
    else:
        # A record that is forged as a whole is a record of something else: what is loaded is what it says.
        assert includes(found._saved()[0], json.loads(now)["record"]), "a silent change"
    str(found)
    if isinstance(found, st.TableFit):
        predicts(found, TABLE)
    elif getattr(found, "model", None):
        predicts(found, X)
    shutil.rmtree(copy.parent)
    return False


def predicts(fit, rows):
    """Let a fit predict rows, or refuse them in one line."""
    try:
        fit.predict(rows)
    except ValueError as error:
        _check_line(error)


def _check_line(error):
    assert "\n" not in str(error), error


def main(times):
    """Mutate folders of every kind; print how many were refused and loaded."""
    random, found = np.random.default_rng(1), Counter()
    with tempfile.TemporaryDirectory() as place:
        folders = {name: make().save(Path(place) / name) for name, make in KINDS.items()}
        for k in range(times):
            name = list(KINDS)[k % len(KINDS)]
            refused = loaded_or_refused(folders[name], mutated(folders[name], place, random))
            found[name, "refused" if refused else "loaded"] += 1
    for (name, how), count in sorted(found.items()):
        sys.stdout.write(f"{name:>10} {how} {count:,}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
