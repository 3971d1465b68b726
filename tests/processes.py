"""Real processes for tests: forked from one that has only torch loaded, so they start fast and share nothing."""

import multiprocessing
import os
import sys
import traceback

PATIENCE = 600  # seconds; a wait ends as soon as there is what it waits for, so that a long one costs nothing

if sys.platform == "win32":
    CONTEXT = multiprocessing.get_context("spawn")
else:
    CONTEXT = multiprocessing.get_context("forkserver")
    CONTEXT.set_forkserver_preload(["torch", "sklearn.datasets", "tqdm.auto"])


def start(function, *arguments):
    """function(*arguments) in a new process; it is still running when this returns."""
    process = CONTEXT.Process(target=_quietly, args=(function, arguments), daemon=True)
    process.start()
    return process


def _quietly(function, arguments):
    os.environ["TQDM_DISABLE"] = "1"
    import torch

    torch.set_num_threads(1)
    function(*arguments)


def together(function, processes, folder, *arguments):
    """[function(rank, *arguments) for each rank], as processes of one gloo group; fails where one of them does."""
    queue = CONTEXT.Queue()
    running = [start(_one_of, function, rank, processes, str(folder), queue, arguments) for rank in range(processes)]
    answers = dict(queue.get(timeout=PATIENCE) for _ in range(processes))
    for process in running:
        process.join(PATIENCE)
    failed = [answer for answer in answers.values() if isinstance(answer, str)]
    if failed:
        raise AssertionError("\n".join(failed))
    return [answers[rank] for rank in range(processes)]


def _one_of(function, rank, processes, folder, queue, arguments):
    from torch import distributed

    try:
        distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=processes)
        queue.put((rank, function(rank, *arguments)))
        distributed.destroy_process_group()
    except BaseException:
        queue.put((rank, traceback.format_exc()))
