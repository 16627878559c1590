"""Reference ("oracle") of the release judge, method mettle-1.

It says, for one release candidate and K baseline runs of the same programme: how much worse is each metric, in its own
unit; is that shown to be below the declared margin (pass), shown to be above it (fail), or neither (insufficient).

Order of steps: orient -> cut to the look -> scale -> features -> long-run variance -> between-run variance -> p per
feature -> p per metric -> channels -> replay calibration -> p of the tag -> verdict.  Everything works on arrays whose
first axis is the metric, so metrics of one layout are judged in one pass.  No randomness.
"""
import numpy as np
from scipy import special

from evidence import *  # noqa: F403


# ---------------------------------------------------------------- the tag
def simes(p):
    p = np.sort(p); return float(np.min(p * len(p) / np.arange(1, len(p) + 1)))


def z_of(p): return float(-special.ndtri(np.clip(p, 1e-15, 1 - 1e-6)))


def channels(ev, families):
    """shift, peak (Simes over metrics) and dense (mean clipped z) of every family, as z values."""
    c = []
    for ix in families:
        dense = np.clip(-special.ndtri(np.clip(ev["shift"][ix], 1e-9, 1 - 1e-9)), 0, 5).mean() if len(ix) >= DENSE_SIZE else -np.inf
        c += [z_of(simes(ev["shift"][ix])), z_of(simes(ev["peak"][ix])), float(dense)]
    return np.array(c, float)


def calibrate(c, rep):
    """p of every channel, deflated by its replayed values (below 0 counts as 0); dense has no null of its own."""
    K = len(rep); df = K - 1 + REPLAY_DF; rep = np.maximum(rep, 0); p = []
    for j, r in enumerate(rep.T):
        if not np.isfinite(c[j]): p.append(1.0); continue
        ss = ((r - r.mean()) ** 2).sum()
        if j % 3 == 2:
            sd = max(np.sqrt((REPLAY_DF * DENSE_SD ** 2 + ss) / df), DENSE_FLOOR); p.append(float(t_sf((c[j] - r.mean()) / sd / np.sqrt(1 + 1 / K), df)))
        else:
            mu = max(0.0, (K - 1) / df * r.mean()); lam = np.sqrt(max(1.0, (REPLAY_DF + ss) / df)); p.append(float(special.ndtr(-(c[j] - mu) / lam)))
    return np.array(p)


def tag_evidence(series, n_gate, policy):
    """Tag p = min over channels of p / weight, weights normalised over the families present."""
    M, K = len(series), len(series[0].runs); ev = evidence(series)
    families, w = zip(*[(ix, policy.weights[k]) for k, ix in (("gate", np.arange(n_gate)), ("watch", np.arange(n_gate, M))) if len(ix)])
    c = channels(ev, families); rep = np.zeros((0, len(c)))
    w = np.where(np.isfinite(c), np.concatenate(w), 0.0); w /= w.sum()
    if K >= 3:
        for k in (range(K) if K <= 6 else np.linspace(0, K - 1, 6).astype(int)):
            rep = np.vstack([rep, channels(evidence([replayed(s, k) for s in series], ev), families)])
        p = calibrate(c, rep)
    else:
        p = special.ndtr(-c); p[2::3] = 1.0
    return ev, c, rep, p, float(min(1.0, (p[w > 0] / w[w > 0]).min()))


def looks(programme, first, extensions=0):
    """[(samples, share of alpha)]: doubling looks, 1/((l+1)(l+2)); the last declared end takes what is left, 1/L."""
    at = []; m = first
    while m < programme: at.append(m); m *= 2
    at += [programme] + [int(np.ceil(1.5 * programme))] * extensions
    return [(m, 1 / ((l + 1) * (l + 2)) if l < len(at) - 1 else 1 / len(at)) for l, m in enumerate(at)]


def points(d, margin):
    return float(np.clip(100 - POINTS * max(0.0, d) / margin, 0, 100)) if margin > 0 else (100.0 if d <= 0 else 0.0)


def metric_report(m, s, ev, i, K, a_pass, kpi):
    """Effect, limits, score and flags of one metric."""
    level, drift, tal = {k: v[i] for k, v in ev["features"]["level"].items()}, {k: v[i] for k, v in ev["features"]["drift"].items()}, ev["tallies"][i]
    n = len(s.cand); flags = [f for f, on in (("counts", ev["counts"][i]), ("run_is_observation", ev["one_obs"][i])) if on]
    out = dict(name=m.name, margin=s.margin, rise_margin=s.rise, n=n, n_eff=float(ev["neff"][i]), p=dict(zip(FEATURES, (float(v) if u else None for v, u in zip(ev["P"][i], ev["use"][i])))),
               p_fail=float(ev["shift"][i]), p_peak=float(ev["peak"][i]), p_pass=1.0, n_star=None, effect=None, se=None, df=None, score=0.0, score_low=0.0, score_high=100.0)
    parts = []                                              # (d, lower, upper, margin, p_pass)
    if tal:
        lo, hi = garwood(tal["xe"], tal["ne"], a_pass); parts.append((tal["est"], lo - tal["rate"], hi - tal["rate"], s.margin, tal["p_pass"])); out.update(effect=float(tal["est"]), design=tal["design"])
    else:
        for q, mg, on in ((level, s.margin, True), (drift, s.rise, s.rise_declared)):
            if not on: continue
            d = abs(q["est"]) if s.either else q["est"]; t = special.stdtrit(q["df"], 1 - a_pass) if np.isfinite(q["df"]) else np.inf; e = q["se_pass"]
            known = np.isfinite(e); parts.append((d, d - t * e if known else -np.inf, d + t * e if known else np.inf, mg, float(special.stdtr(q["df"], (d - mg) / e)) if known else 1.0))
        if np.isfinite(level["se"]):
            e, t, room = level["se_pass"], special.stdtrit(level["df"], 1 - a_pass), s.margin * (100 - kpi) / POINTS - parts[0][0]
            t2 = level["tau"] ** 2 * (1 + 1 / K); den = room ** 2 - t * t * t2
            out.update(effect=float(level["est"]), se=float(level["se"]), se_pass=float(e), df=float(level["df"]), tau=float(level["tau"]))
            if room > 0 and den > 0 and not ev["one_obs"][i]: out["n_star"] = float(n * t * t * max(e * e - t2, 0) / den)
            if s.margin < TIGHT * e: flags.append("margin_too_tight")
        elif ev["alive"][i]: out["effect"] = float(level["est"])
    if not ev["alive"][i] or any(np.isinf(p[2]) for p in parts): flags.append("no_evidence")
    if ev["alive"][i]:
        out.update(p_pass=max(p[4] for p in parts), score=min(points(p[0], p[3]) for p in parts), score_low=min(points(p[2], p[3]) for p in parts), score_high=min(points(p[1], p[3]) for p in parts))
    return dict(out, flags=flags)


def judge(gate, watch, policy, look, hard_rules=()):
    """Everything known at `look` samples.  hard_rules: names of declared rules found broken."""
    metrics = [*gate, *watch]; series = [prepare(m, look) for m in metrics]; K = len(metrics[0].baselines)
    ev, c, rep, p, tag_p = tag_evidence(series, len(gate), policy)
    plan = dict(looks(policy.programme, policy.first_look, policy.extensions)); level = policy.alpha * plan.get(look, 0.0)
    done = look >= policy.programme; a_pass = policy.alpha_pass / (2 if look <= policy.programme else 6)
    out = [metric_report(m, s, ev, i, K, a_pass, policy.kpi) for i, (m, s) in enumerate(zip(metrics, series))]
    for r, s in zip(out, series):
        if s.coverage < policy.coverage: r["flags"].append("coverage" if s.coverage > 0 else "signal_vanished")
    g = out[:len(gate)]; low = min((r["score_low"] for r in g), default=0.0)
    fail = bool(hard_rules) or (K >= 3 and tag_p <= level)
    whole = not any({"coverage", "signal_vanished", "no_evidence"} & set(r["flags"]) for r in g)
    passed = not fail and done and whole and K >= 1 and bool(gate) and low >= policy.kpi
    stars = [r["n_star"] for r in g if r["score_low"] < policy.kpi]
    return dict(method=METHOD, look=look, level=level, metrics=out, channels=[float(v) for v in c], replays=rep.tolist(), channel_p=[float(v) for v in p], tag_p=tag_p,
                fail=fail, warn=bool(K < 3 and tag_p <= level), score=min((r["score"] for r in g), default=0.0), score_low=low, score_high=min((r["score_high"] for r in g), default=100.0),
                n_star=None if not stars or None in stars else float(max(stars)), verdict="fail" if fail else "pass" if passed else "insufficient")
