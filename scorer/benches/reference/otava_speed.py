"""Processor time of Apache Otava's change points, default options: METRICS series of 5 runs + candidate of SAMPLES.

Prints seconds."""
import sys
import time

import numpy as np
from otava.analysis import compute_change_points

from speed_series import run

metrics, samples = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(7)
series = [[float(v) for _ in range(6) for v in run(rng, samples)] for _ in range(metrics)]
began = time.process_time()
for one in series:
    # A list: an array is not cut into windows by 0.8.0.
    compute_change_points(one, window_len=50, max_pvalue=.001, min_magnitude=0.0)
print(time.process_time() - began)
