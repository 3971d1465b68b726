"""`python -m vae_course doctor`: is this machine ready? `python -m vae_course data`: which data sets are here?

The other modules are imported only when they are used, so that a missing package gets a sentence and no traceback.
"""

from __future__ import annotations

import argparse
import difflib
import sys

from vae_course import console


def examine(as_question: bool = False) -> int:
    """Print what the doctor found. Returns 1 where the lessons cannot run."""
    from vae_course import doctor

    report = doctor.examine()
    if as_question:
        print(doctor.as_question(report))
    else:
        print(report, "this machine is ready" if report.ready else "not ready: do what stands behind FIX", sep="\n\n")
    return 0 if report.ready else 1


def show_data() -> int:
    """Every data set: where it is, how much there is to fetch, what it is and where it comes from."""
    from vae_course import doctor
    from vae_course.data.sets import SETS

    print(f"{'name':<16} {'where':<19} {'to fetch':>8}  what, and from where")
    for name, kind in SETS.items():
        state = doctor.state(name)
        size = f"{kind.megabytes:.0f} MB" if state == "to be downloaded" else "–"
        print(f"{name:<16} {state:<19} {size:>8}  {kind.what}; {kind.source}")
    print(f"{'toy':<16} {'embedded':<19} {'–':>8}  points whose density is known exactly: vae_course.data.toy")
    print("\nfetch one by its name: python -m vae_course data mnist")
    print("your own pictures: load('a/folder'), load('a/file.npz') or load(array)")
    return 0


def fetch_data(names: list[str]) -> int:
    """Fetch and verify the files of these data sets. Returns 1 where one cannot be had."""
    from vae_course.data.files import DataError, fetch
    from vae_course.data.sets import SETS

    failed = False
    for name in names:
        if name not in SETS:
            near = difflib.get_close_matches(name.lower(), SETS, n=1, cutoff=0.4)
            meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(SETS)}"
            print(f"there is no data set called {name!r}: {meant}")
            failed = True
            continue
        try:
            paths = [fetch(file) for file in SETS[name].files()]
        except DataError as error:
            print(f"{name}: {error}")
            failed = True
        else:
            print(f"{name}: {'here and verified' if paths else 'embedded, needs no file'}")
    return int(failed)


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m vae_course", description="The helper package of the VAE course.")
    commands = parser.add_subparsers(dest="command", required=True)
    well = commands.add_parser("doctor", help="is this machine ready, and if not, what is there to do?")
    well.add_argument("--report", action="store_true", help="print one block to paste into a question")
    data = commands.add_parser("data", help="which data sets are here? With names: fetch those")
    data.add_argument("names", nargs="*", metavar="NAME")
    console.replace_unknown_characters()
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "doctor":
            return examine(chosen.report)
        return fetch_data(chosen.names) if chosen.names else show_data()
    except ImportError as error:
        print(f"a package of the course cannot be imported ({error}): run `make setup` in the folder of the course")
        return 1


if __name__ == "__main__":
    sys.exit(main())
