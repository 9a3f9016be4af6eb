"""Mammoth (aimagelab/mammoth): what its `train_single_epoch` takes, over all tasks."""

import json
import sys
import time
import types


def main(checkout: str, work: dict) -> None:
    sys.path.insert(0, checkout)
    sys.argv = ["main.py", "--dataset", "seq-mnist", "--base_path", work["data"]]
    sys.argv += ["--num_workers", "0", "--non_verbose", "1", "--seed", "0", "--lr", str(work["lr"])]
    sys.argv += ["--batch_size", str(work["batch_size"]), "--mlp_hidden_size", str(work["hidden"])]
    sys.argv += ["--fitting_mode", "iters", "--n_iters", str(work["iterations"])]
    if work["memory"]:
        sys.argv += ["--model", "er", "--buffer_size", str(work["memory"]), "--minibatch_size", str(work["batch_size"])]
    else:
        sys.argv += ["--model", "sgd"]

    # It imports all its data sets, and the class of one of them asks the network for weights; this one needs none.
    absent = types.ModuleType("open_clip")
    absent.create_model_and_transforms = lambda *_, **__: (None, None, None)
    sys.modules["open_clip"] = absent
    import main as mammoth
    import torch
    from utils import training

    torch.set_num_threads(1)
    seconds = steps = 0
    train = training.train_single_epoch

    def timed(model: object, *arguments: object, **named: object) -> None:
        nonlocal seconds, steps
        start, before = time.perf_counter(), model.task_iteration
        train(model, *arguments, **named)
        seconds += time.perf_counter() - start
        steps += model.task_iteration - before

    training.train_single_epoch = timed
    mammoth.main()
    print()
    print(json.dumps({"seconds": seconds, "steps": steps}))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
