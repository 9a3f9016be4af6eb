"""GMvandeVen/continual-learning: what its `train_cl` takes over all tasks, without the tests in between."""

import json
import sys
import time


def main(checkout: str, work: dict) -> None:
    sys.path.insert(0, checkout)
    folders = ["--data-dir", work["data"], "--model-dir", "models", "--plot-dir", "plots", "--results-dir", "results"]
    sys.argv = ["main.py", *folders, "--experiment", "splitMNIST", "--scenario", "class", "--no-gpus", "--no-save"]
    sys.argv += ["--optimizer", "sgd", "--lr", str(work["lr"]), "--batch", str(work["batch_size"])]
    sys.argv += ["--fc-units", str(work["hidden"]), "--iters", str(work["iterations"]), "--seed", "0"]
    if work["memory"]:
        sys.argv += ["--replay", "buffer", "--budget", str(work["memory"] // 10)]

    import main as framework
    import torch

    torch.set_num_threads(1)
    train, seconds = framework.train_cl, 0.0

    def timed(*arguments: object, **named: object) -> None:
        nonlocal seconds
        named |= {"eval_cbs": [None], "context_cbs": [None], "sample_cbs": [None]}
        start = time.perf_counter()
        train(*arguments, **named)
        seconds += time.perf_counter() - start

    framework.train_cl = timed
    framework.run(framework.handle_inputs())
    print()
    print(json.dumps({"seconds": seconds, "steps": 5 * work["iterations"]}))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
