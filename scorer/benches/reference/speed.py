"""Processor time of the reference: METRICS x (5 runs + candidate) x SAMPLES, replay calibration included.

Prints seconds. Threads are held at one: BLAS must not use what the other side of the comparison has not."""
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np  # noqa: E402

import judge  # noqa: E402
from speed_series import run  # noqa: E402

metrics, samples = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(7)
all_runs = [[run(rng, samples) for _ in range(6)] for _ in range(metrics)]
tag = [judge.Metric(f"m{i}", "gauge", "up", r[:5], r[5], by=1.0) for i, r in enumerate(all_runs)]
gates = min(30, metrics)
began = time.process_time()
judge.judge(tag[:gates], tag[gates:], judge.Policy(programme=samples), samples)
print(time.process_time() - began)
