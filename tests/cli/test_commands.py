"""The command line as users call it, and every input that it must refuse in one line."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix
from tests.interrupts import interrupted

import steepest as st

TABLE = "age,colour,height\n2,red,86\n4,blue,103\n6,red,116\n8,red,128\n10,blue,141\n12,red,151\n,red,110\n5,blue,\n"


class TestMinimize:
    def test_a_formula_from_a_named_start(self, run):
        code, out, _ = run("minimize", "x**2 + y**2", "--start", "y=4,x=3", "--learning-rate", 0.1, "--iterations", 50)
        assert code == 0
        assert "from x = 3, y = 4" in out
        assert f"{25 * 0.8**100:.10g}" in out
        assert "completed" in out

    @pytest.mark.parametrize("start", [("--start", "-1,2"), ("--start=-1,2",), ("--start", "x=-1,y=2")])
    def test_a_start_may_begin_with_a_minus(self, run, start):
        code, out, _ = run("minimize", "(x+1)**2 + (y-2)**2 + 1", *start)
        assert code == 0
        assert "from x = -1, y = 2" in out

    @pytest.mark.parametrize("formula", ["cos(x) + x**2/9", "where(x < 0, -x, sqrt(x + 1)) + exp(x)", "log(x + 9)*x"])
    def test_formulas_with_functions_are_traced(self, run, formula):
        assert "(traced)" in run("minimize", formula, "--start", "2")[1]

    def test_a_formula_may_begin_with_a_minus(self, run):
        code, out, _ = run("minimize", "-x**2 + 2*x", "--start", "5", "--maximize")
        assert code == 0
        assert "maximum  1\n" in out

    def test_bounds_restarts_and_a_random_start(self, run):
        code, out, _ = run("minimize", "x**2 + y**2", "--start", "9,9", "--bounds", "x=1:,y=-3:20")
        assert code == 0
        assert "minimum  1\n" in out
        words = ("minimize", "cos(3*x) + x**2/9", "--start", "random", "--bounds=-9:9", "--restarts", 20, "--seed", 4)
        code, out, _ = run(*words)
        assert code == 0
        assert "minimum  -0.88109047" in out
        assert "starts  21" in out
        assert run(*words)[1] == out

    def test_variables_that_are_fixed(self, run):
        formula = "(x-1)**2 + 100*(y-x**2)**2"
        for start in ("x=1.2", "1.2,5"):
            code, out, _ = run(
                "minimize", formula, "--start", start, "--fix", "y=2", "--bounds", "x=:1.3", "--out", "kept"
            )
            assert code == 0
            assert "minimum  9.7\n" in out
            assert "x is at its upper bound 1.3, where the function still falls outward" in out
            assert "fixed  y = 2" in out
        assert "fixed  y = 2" in run("show", "kept")[1]

    def test_variables_held_to_sets(self, run):
        formula = "(x-3)**2 + (y-4)**2 + (z-2)**2"
        for start in ("x=0,y=0,z=1", "random"):
            words = ("minimize", formula, "--start", start, "--within", "x,y=ball:1", "--within", "z=simplex")
            code, out, _ = run(*words, "--out", "kept", "--overwrite")
            assert code == 0
            assert "minimum  17\n" in out
            assert "within  (x, y) in Ball(1), z in Simplex()" in out
        assert "within  (x, y) in Ball(1), z in Simplex()" in run("show", "kept")[1]

    def test_pictures_and_a_folder(self, run):
        code, out, _ = run("minimize", "x**2+y**2", "--start", "9,9", "--plot", "p.png", "--out", "kept")
        assert code == 0
        assert Path("p.png").read_bytes()[:4] == b"\x89PNG"
        kept = run("show", "kept", "--plot", "again.svg")
        assert kept[0] == 0
        assert kept[1].splitlines()[1:-1] == out.splitlines()[1:-2]
        assert "<svg" in Path("again.svg").read_text()

    def test_an_animation_of_a_run_and_of_a_saved_run(self, run):
        words = ("x**2+y**2", "--start", "9,9", "--learning-rate", 0.1, "--iterations", 5)
        code, out, _ = run("minimize", *words, "--animate", "p.gif", "--out", "kept")
        assert code == 0
        assert "animation: p.gif" in out
        assert Path("p.gif").read_bytes()[:6] == b"GIF89a"
        assert "animation: again.gif" in run("show", "kept", "--animate", "again.gif")[1]
        # A saved run lacks its function, and so the contour lines.
        assert Path("again.gif").read_bytes() != Path("p.gif").read_bytes()

    def test_an_end_that_is_no_success_says_how(self, run):
        code, out, _ = run("minimize", "-x**2", "--start", "1")
        assert code == 1
        assert "unbounded" in out

    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["x**2", "--start", "1", "--learnin-rate", "1"], "did you mean --learning-rate?"),
            (["x**2", "--start", "1", "--step", "amrijo"], "did you mean"),
            (["x**2", "--start", "1", "--direction", "nestrov"], "did you mean"),
            (["x**2", "--start", "1", "--step", "armijo", "--learning-rate", "1"], "give one of them"),
            (["x**2"], "add --start x=1"),
            (["x**2+y", "--start", "1"], "write x=1,y=1"),
            (["x**2", "--start", "1,2"], "write x=1"),
            (["x**2", "--start", "nan"], "nan"),
            (["x**2", "--start", "inf"], "inf"),
            (["x**2", "--start", "z=1"], "z"),
            (["log(x)", "--start", "-1"], "start"),
            (["__import__('os').system('ls')", "--start", "1"], "__import__"),
            (["x.y", "--start", "1"], "'.' at column 2"),
            (["x**", "--start", "1"], "'**' at column 2: the formula ends too early"),
            (["9**9**9**9*x", "--start", "1"], "the function is inf at the start"),
            (["(" * 500 + "x" + ")" * 500, "--start", "1"], "deep"),
            (["x**2", "--start", "1", "--iterations", "-4"], "-4"),
            (["x**2", "--start", "1", "--iterations", "many"], "many"),
            (["x**2", "--start", "1", "--plot", "p.gif"], ".png"),
            (["x**2", "--start", "1", "--plot", "no/p.png"], "there is no folder no"),
            (["x**2", "--start", "1", "--animate", "p.png"], ".gif, .html, .mp4, .webm"),
            (["x**2", "--start", "1", "--animate", "no/p.gif"], "there is no folder no"),
            (["x**2", "--start", "1", "--out", "/dev/null/x"], "/dev/null"),
            (["x**2", "--start", "1", "--bounds", "y=1:2"], "'y' is not a variable"),
            (["x**2", "--start", "1", "--bounds", "1,2"], "has 2 of 1 pairs"),
            (["x**2", "--start", "1", "--bounds", "3"], "no colon"),
            (["x**2", "--start", "1", "--bounds", "2:0"], "low must not exceed high"),
            (["x**2", "--start", "1", "--bounds", "2:3"], "outside its bounds"),
            (["x**2", "--start", "random"], "add --bounds x=-5:5"),
            (["x**2", "--start", "1", "--bounds", "0:3", "--step", "wolfe"], "step='armijo'"),
            (["x*y", "--start", "x=1", "--fix", "z=2"], "--fix z: the formula has no such variable"),
            (["x*y", "--start", "x=1", "--fix", "x=2,y=1"], "--fix holds every variable"),
            (["x*y", "--start", "x=1", "--fix", "y=q"], "q for y is not a finite number"),
            (["x*y", "--start", "x=1", "--fix", "y"], "write a name and a value for each"),
            (["x*y", "--start", "x=1", "--fix", "y=1,y=2"], "y is given twice"),
            (["x*y", "--fix", "y=2"], "add --start x=1"),
            (["x*y", "--start", "1,1", "--within", "y,x=ball:1"], "side by side, in the order x, y"),
            (["x*y", "--start", "1,1", "--within", "x,z=ball:1"], "there is no variable z"),
            (["x*y", "--start", "1,1", "--within", "x,y=ball"], "give the radius, such as x,y=ball:2"),
            (["x*y", "--start", "1,1", "--within", "x,y=cube:2"], "write variables and a set"),
            (["x*y", "--start", "1,1", "--within", "x,y=ball:q"], "q for ball is not a finite number"),
            (["x*y", "--start", "1,1", "--within", "x,y=ball:-1"], "give a positive number"),
            (
                ["x*y", "--start", "1,1", "--within", "x,y=ball:1"],
                "x, y of the start lie outside Ball(1): take the nearest point inside, 0.707107, 0.707107",
            ),
            (["x*y", "--start", "1,1", "--within", "x,y=ball:"], "--within x,y=ball:: give the radius"),
            (["x*y", "--start", "1,1", "--within", "x,,y=ball:1"], "a variable on each side of a comma"),
            (["x*y", "--start", "1,1", "--within", "=ball:1"], "a variable on each side of a comma"),
            (
                ["x*y", "--start", "0,0", "--within", "x,y=ball:1", "--bounds", "x=0:1,y=0:1"],
                "x is held by both --bounds and --within",
            ),
            (["x*y", "--start", "1,1", "--within", "x=ball:1", "--within", "x=ball:2"], "x is already in a set"),
            (["x*y", "--start", "1,1", "--within", "x=ball:1", "--fix", "y=1"], "give one of them"),
            (["x*y", "--start", "random", "--within", "x=ball:1"], "add --bounds x=-5:5,y=-5:5"),
            (["x*y", "--start", "x=1", "--fix", "y=2", "--bounds", "y=0:1"], "y is fixed at 2, outside its bounds"),
            (["x**2", "--start", "1", "--restarts", "-1"], "-1"),
            (["x**2", "--start", "1", "--seed", "x"], "x"),
        ],
    )
    def test_refusals(self, refused, words, line):
        assert line in refused("minimize", *words)


class TestFit:
    @pytest.fixture(autouse=True)
    def table(self, tmp_path):
        (tmp_path / "t.csv").write_text(TABLE)

    def test_a_table_from_file_to_predictions(self, run):
        code, out, _ = run("fit", "t.csv", "--target", "height", "--out", "kept/here", "--held-out", 0)
        assert code == 0
        for words in (
            "read 8 rows and 3 columns from t.csv",
            "7 rows with a value (1 without one dropped)",
            "age: 1 missing value filled with the mean, 7",
            "colour: 1 column against the baseline colour=red, the most frequent",
            "converged",
            "saved in: kept/here",
        ):
            assert words in out
        X = np.array([[2, 0], [4, 1], [6, 0], [8, 0], [10, 1], [12, 0], [7, 0]])
        known = LinearRegression().fit(X, [86, 103, 116, 128, 141, 151, 110])
        fitted = st.load("kept/here")
        np.testing.assert_allclose(list(fitted.coefficients.values()), known.coef_, rtol=1e-2)
        assert run("show", "kept/here")[1] in out

        code, out, _ = run("predict", "kept/here", "t.csv", "--out", "new.csv")
        assert code == 0
        assert "wrote 8 predictions of height to new.csv" in out
        Path("one.csv").write_text("age,colour\n5,red\n")
        assert "wrote 1 prediction of height" in run("predict", "kept/here", "one.csv", "--out", "1.csv")[1]
        with Path("new.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["row"] for row in rows] == [str(k) for k in range(1, 9)]
        np.testing.assert_array_equal([float(row["predicted"]) for row in rows], fitted.predict("t.csv"))
        np.testing.assert_allclose([float(row["predicted"]) for row in rows[:7]], known.predict(X), atol=0.2)

    def test_the_logarithm_of_a_target_and_the_last_rows(self, run, refused):
        lines = [f"{1990 + k},{50 * 1.1**k:.3f}" for k in range(20)]
        Path("growth.csv").write_text("\n".join(["year,value", *lines]))
        message = refused("fit", "growth.csv", "--target", "value", "--out", "kept", "--split", "yaer")
        assert message == "steepest: split='yaer' is no column: did you mean 'year'?\n"
        options = ("--target", "value", "--out", "kept", "--split", "year", "--log-target")
        code, out, _ = run("fit", "growth.csv", *options)
        assert code == 0
        assert "4 rows held out (those with year from 2006 on), 16 to learn from" in out
        assert "value: fitted as its logarithm" in out
        # In units of the target, which grows by exactly a tenth.
        Path("new.csv").write_text("year\n2010\n")
        run("predict", "kept", "new.csv", "--out", "told.csv")
        (row,) = csv.DictReader(Path("told.csv").read_text().splitlines())
        assert float(row["predicted"]) == pytest.approx(50 * 1.1**20, rel=1e-4)

    def test_predictions_go_to_the_screen(self, run):
        run("fit", "t.csv", "--target", "height", "--out", "kept")
        command = [sys.executable, "-c", "from steepest.cli import main; main()", "predict", "kept", "t.csv"]
        out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        assert len(list(csv.DictReader(out.splitlines()))) == 8

    def test_two_values_make_a_classification(self, run):
        Path("c.csv").write_text("n,won\n" + "".join(f"{n},{'yes' if n % 7 > 3 else 'no'}\n" for n in range(200)))
        code, out, _ = run("fit", "c.csv", "--target", "won", "--out", "kept")
        assert code == 0
        assert "two values, 'no' and 'yes' ('yes' is the positive class)" in out
        assert "held-out rows are classified correctly; always guessing " in out
        assert "probability of yes" in run("predict", "kept", "c.csv", "--out", "p.csv")[1] + Path("p.csv").read_text()

    def test_several_classes(self, run):
        bunch = load_iris(as_frame=True)
        names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
        frame = bunch.data.set_axis(names, axis=1).assign(species=[str(bunch.target_names[k]) for k in bunch.target])
        frame.to_csv("iris.csv", index=False)
        code, out, _ = run("fit", "iris.csv", "--target", "species", "--out", "kept", "--alpha", 0.01)
        assert code == 0
        assert "the target has 3 classes, 'setosa', 'versicolor', 'virginica'" in out
        assert "a linear model with the softmax, penalty L2(0.01)" in out
        assert sum(line.strip().startswith("petal_width ") for line in out.splitlines()) == 1
        assert ": 33.3 %), log loss" in out
        with Path("kept/predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        seen = frame.drop(index=[int(row["row"]) - 1 for row in rows])
        known = LogisticRegression(C=1 / (0.01 * 120), tol=1e-8, max_iter=10_000)
        known.fit(seen[names].to_numpy(), seen["species"])
        truth, told = [row["species"] for row in rows], [row["predicted"] for row in rows]
        for label, counts in zip(known.classes_, confusion_matrix(truth, told), strict=True):
            assert [label, *map(str, counts)] in [line.split() for line in out.splitlines()]
        assert run("show", "kept")[1] in out
        run("predict", "kept", "iris.csv", "--out", "p.csv")
        with Path("p.csv").open() as file:
            found = [
                [float(row[f"probability of {label}"]) for label in known.classes_] for row in csv.DictReader(file)
            ]
        np.testing.assert_allclose(found, known.predict_proba(frame[names].to_numpy()), atol=0.01)

    def test_how_numbers_are_written(self, run):
        x = [k * 1.125 for k in range(1, 41)]
        lines = [f'"{value:.3f}";{2 * value:.3f}'.replace(".", ",") for value in x]
        Path("c.csv").write_text("\n".join(["x;y", *lines, "-999;7,5"]))
        words = ["--decimal", ",", "--na=-999", "--missing", "drop", "--held-out", 0]
        code, out, _ = run("fit", "c.csv", "--target", "y", "--out", "kept", *words)
        assert code == 0
        assert "1 row with missing values dropped (x 1)" in out
        assert st.load("kept").coefficients["x"] == pytest.approx(2)
        Path("new.csv").write_text("x\n2.000\n")
        _, out, _ = run("predict", "kept", "new.csv", "--out", "p.csv")
        assert Path("p.csv").read_text().splitlines()[1].split(",")[1].startswith("4000")

    def test_a_learning_rate_and_batches(self, run):
        options = ["--learning-rate", 0.005, "--epochs", 400, "--batch-size", 2, "--features", "age", "--held-out", 0]
        code, out, _ = run("fit", "t.csv", "--target", "height", "--out", "kept", *options)
        assert code == 0
        assert "completed" in out
        assert len(st.load("kept").trace) == 401

    def test_a_learning_rate_too_large_says_so(self, run):
        code, out, _ = run("fit", "t.csv", "--target", "height", "--out", "kept", "--learning-rate", 3, "--epochs", 500)
        assert code == 1
        assert "diverged" in out

    @pytest.mark.parametrize(
        ("content", "words", "line"),
        [
            (None, [], "there is no file u.csv"),
            ("age,height\n", [], "no rows"),
            ("", [], "empty"),
            ("age,heigth\n1,2\n", [], "did you mean 'heigth'?"),
            ("age,height\n1,5\n2,5\n", [], "always 5"),
            ("age,age,height\n1,2,3\n", [], "more than one column named 'age'"),
            ("age,height\n" + "".join(f"{k},text{k}\n" for k in range(5000)), [], "5,000 different texts"),
            ("age,height\n1,2\n1,2,3\n", [], "line 3 of u.csv has 3 fields"),
            (b"age,height\n1,\x81\n", [], "and it is not Windows-1252 either: give"),
            (TABLE, ["--features", "agee"], "did you mean 'age'?"),
            (TABLE, ["--drop", "none"], "there is no column 'none'"),
            (TABLE, ["--missing", "zero"], "missing='zero'"),
            (TABLE, ["--missing", "error"], "values are missing (age 1)"),
            (TABLE, ["--task", "classification"], "a different one in each row"),
            (TABLE, ["--held-out", "2"], "held_out=2.0"),
            (TABLE, ["--decimal", "x"], "decimal='x': give '.' or ','"),
            (TABLE, ["--targt", "height"], "did you mean --target?"),
            (TABLE, ["--ridge", "-1"], "-1"),
            (TABLE, ["--ridge", "1", "--alpha", "1"], "--ridge means --penalty l2 --alpha"),
            (TABLE, ["--penalty", "l1"], "add --alpha"),
            (TABLE, ["--penalty", "elastic-net", "--alpha", "1"], "did you mean elasticnet?"),
            (TABLE, ["--penalty", "none", "--alpha", "1"], "leave one of them out"),
            (TABLE, ["--alpha", "1", "--l1-ratio", "0.5"], "--l1-ratio is for --penalty elasticnet"),
            (TABLE, ["--loss", "hubr:20"], "did you mean huber?"),
            (TABLE, ["--loss", "quantile:ninety"], "'ninety' is not a number"),
            (TABLE, ["--loss", "quantile:90"], "between 0 and 1"),
            (TABLE, ["--loss", "squared:2"], "takes no number"),
            (TABLE, ["--loss", "log-loss"], "a different one in each row"),
            (TABLE, ["--model", "svn"], "did you mean 'svm'?"),
            (TABLE, ["--kernel", "rbf"], "is for model='svm'"),
            (TABLE, ["--encoding", "cp125"], "encoding='cp125' is no encoding"),
            ("город,height\n1,2\n".encode("cp1251"), [], "give encoding='cp1251', which reads 'город'"),
            (TABLE, ["--sheet", "a"], "sheet='a' is for workbooks"),
            (TABLE, ["--kinds", "age"], "--kinds age: give kinds by column"),
            (TABLE, ["--kinds", "age=label"], "give 'number', 'date' or 'text'"),
            (TABLE, ["--kinds", "age=date"], "is no date, as kinds= says"),
            ("day,height\n1/2/2020,1\n1/13/2020,2\n", ["--day-first"], "has the month first, and day_first=True"),
            ("day,height\n1/2/2020,1\n13/1/2020,2\n", ["--month-first"], "has the day first, and day_first=False"),
            (TABLE, ["--day-first", "--month-first"], "--day-first and --month-first contradict each other"),
            (TABLE, ["--batch-size", "0"], "batch_size=0"),
            (TABLE, ["--direction", "adma"], "did you mean"),
            (TABLE, ["--seed", "-1"], "seed"),
        ],
    )
    def test_refusals(self, refused, content, words, line):
        if content is not None:
            Path("u.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        assert line in refused("fit", "u.csv", "--target", "height", "--out", "kept", *words)

    def test_options_that_are_missing(self, refused):
        assert "--target" in refused("fit", "t.csv", "--out", "kept")
        assert "--out" in refused("fit", "t.csv", "--target", "height")

    @pytest.mark.parametrize("option", ["--out", "--plot"])
    def test_an_empty_path_is_refused(self, refused, option):
        commands = [["minimize", "x**2", "--start", "1"], ["show", "kept"], ["predict", "kept", "t.csv"]]
        commands = commands[:2] if option == "--plot" else [commands[0], commands[2], ["fit", "t.csv", "--target", "y"]]
        for command in commands:
            assert f"{option} is empty" in refused(*command, option, "")

    def test_a_long_word_is_cut(self, refused):
        for words in (["fit", "x" * 100_001, "--target", "y", "--out", "kept"], ["minimize", "x" * 100_001 + "("]):
            assert len(refused(*words)) < 1000

    def test_notes_on_rows_go_to_the_screen_beside_the_predictions(self, run):
        Path("gap.csv").write_text("a,b,y\n1,u,1\n2,v,3\n3,u,5\n4,v,7\n")
        run("fit", "gap.csv", "--target", "y", "--out", "kept", "--held-out", 0)
        Path("new.csv").write_text("a,b\n1,u\n,w\n")
        code, out, err = run("predict", "kept", "new.csv")
        assert code == 0
        assert len(out.splitlines()) == 3
        assert "a: 1 missing value filled" in err
        assert "warning: b: 1 row with values that the training rows lack, such as w: treated as the baseline" in err
        # The warning does not go where the other notes go.
        code, out, err = run("predict", "kept", "new.csv", "--out", "p.csv")
        assert err.splitlines() == ["warning: " + line.removeprefix("warning: ") for line in err.splitlines()]
        assert "a: 1 missing value filled" in out
        assert "training rows lack" not in out

    def test_one_held_out_row_has_no_r2(self, run):
        rows = "\n".join(f"{k},{2 * k + k % 3}" for k in range(10))
        Path("ten.csv").write_text(f"a,y\n{rows}\n")
        _, out, _ = run("fit", "ten.csv", "--target", "y", "--out", "kept", "--held-out", 0.1)
        assert "no R² (one row has none)" in out

    def test_a_file_is_not_suggested_in_its_own_place(self, refused):
        Path("gone.csv").symlink_to("nowhere.csv")
        assert "link to a file that does not exist" in refused("fit", "gone.csv", "--target", "y", "--out", "kept")

    def test_a_semicolon_separated_file(self, run):
        Path("s.csv").write_text(TABLE.replace(",", ";"))
        code, out, _ = run("fit", "s.csv", "--target", "height", "--out", "kept")
        assert code == 0
        assert "the columns are separated by semicolons" in out

    def test_folders_that_cannot_be_written(self, refused):
        assert "is a file, not a folder" in refused("fit", "t.csv", "--target", "height", "--out", "t.csv")
        # No file can be created in /proc, not even by the superuser.
        assert "can't be written" in refused("fit", "t.csv", "--target", "height", "--out", "/proc/kept")

    @pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can write anywhere")
    def test_a_folder_without_permission(self, refused):
        Path("shut").mkdir(mode=0o500)
        assert "can't be written" in refused("fit", "t.csv", "--target", "height", "--out", "shut/kept")

    def test_a_folder_with_other_files_is_kept(self, run, refused):
        Path("kept").mkdir()
        Path("kept/predictions.csv").write_text("mine")
        words = ("fit", "t.csv", "--target", "height", "--out", "kept")
        assert "predictions.csv" in refused(*words)
        assert "predictions.csv" in refused("minimize", "x**2", "--start", 1, "--out", "kept")
        assert Path("kept/predictions.csv").read_text() == "mine"
        assert run(*words, "--overwrite")[0] == 0
        assert Path("kept/predictions.csv").read_text() != "mine"
        # The fit is replaced by a run without being asked.
        assert run("minimize", "x**2", "--start", 1, "--out", "kept")[0] == 0
        assert len(list(Path("kept").iterdir())) == 2

    def test_predict_and_show_refuse_what_they_cannot_use(self, run, refused):
        run("fit", "t.csv", "--target", "height", "--out", "kept")
        run("minimize", "x**2", "--start", "1", "--out", "function")
        Path("o.csv").write_text("colour\nred\n")
        assert "did you mean" in refused("predict", "kept", "tt.csv")
        assert "no column 'age'" in refused("predict", "kept", "o.csv")
        assert "predicts nothing" in refused("predict", "function", "t.csv")
        assert "no run is saved in nowhere" in refused("predict", "nowhere", "t.csv")
        assert "no run is saved in nowhere" in refused("show", "nowhere")
        assert "there is no folder" in refused("predict", "kept", "t.csv", "--out", "no/p.csv")
        Path("kept/run.json").write_text("{")
        assert "can't be loaded" in refused("show", "kept")


def test_commands_that_are_none(refused):
    assert "did you mean minimize?" in refused("minimise", "x")
    assert "there are" in refused("train", "x")


@pytest.mark.parametrize(
    ("by", "ends"), [(signal.SIGINT, 1), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.nightly)]
)
def test_an_interrupted_fit_keeps_the_best_so_far(tmp_path, by, ends):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5_000, 3))
    np.savetxt(tmp_path / "t.csv", np.c_[X, X.sum(axis=1)], delimiter=",", header="a,b,c,y", comments="", fmt="%.4f")
    options = ["--learning-rate", "1e-9", "--epochs", "1000000000"]
    code, out, err = interrupted_fit(
        tmp_path,
        "callback",
        options,
        """
        printed = []
        def spy(*words, real=tabular.fit.fit_given, **options):
            return real(*words, **(options | {"callback": callback}))
        def callback(_):
            printed or print("going", flush=True)
            printed.append(1)
        tabular.fit.fit_given = spy
    """,
        by,
    )
    assert code == ends, err
    assert "interrupted" in out
    kept = st.load(tmp_path / "kept")
    assert kept.outcome == "interrupted"
    assert kept.trace.epoch[-1] > 0
    assert not list((tmp_path / "kept").glob(".writing*"))


@pytest.mark.parametrize(
    ("when", "by", "ends"),
    [
        ("fit.fit_given", signal.SIGINT, 130),
        ("result.write_record", signal.SIGTERM, 143),
        pytest.param("prepare.read_table", signal.SIGTERM, 143, marks=pytest.mark.nightly),
    ],
)
def test_a_fit_interrupted_before_there_is_a_result_leaves_nothing(tmp_path, when, by, ends):
    (tmp_path / "t.csv").write_text(TABLE)
    code, _, err = interrupted_fit(
        tmp_path,
        when,
        [],
        f"""
        def wait(*_, **__):
            print("going", flush=True)
            time.sleep(60)
        tabular.{when} = wait
    """,
        by,
    )
    assert (code, err.strip()) == (ends, "steepest: interrupted; nothing was written")
    assert not list(tmp_path.glob("kept/*"))


@pytest.mark.parametrize("package", ["click", "numpy", "jax"])
def test_an_interrupt_while_packages_are_loaded_shows_no_traceback(package):
    script = f"""
        import sys, time
        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == "{package}":
                    print("going", flush=True)
                    time.sleep(60)
        sys.meta_path.insert(0, Slow())
        from steepest.cli import main
        main(["minimize", "x**2", "--start", "1"])
    """
    code, _, err = interrupted(textwrap.dedent(script))
    assert (code, err.strip()) == (130, "steepest: interrupted; nothing was written")


def interrupted_fit(folder, when, options, patch, by):
    """Run a fit in a child process that prints when it has begun, and interrupt it then."""
    modules = "sys, time, steepest.tabular.fit, steepest.tabular.result, steepest.cli as cli"
    script = f"import {modules}\nfrom steepest import tabular\n" + textwrap.dedent(patch)
    words = ["fit", "t.csv", "--target", "y" if when == "callback" else "height", "--out", "kept", *options]
    return interrupted(script + "\ncli.main()", *words, folder=folder, by=by)
