"""Evidence of every metric, method mettle-1: first half of the reference of the judge (judge.py)."""
from dataclasses import dataclass, field, replace
from functools import lru_cache
import numpy as np
from scipy import special, stats

METHOD = "mettle-1"
CLIP = 8.0               # a sample counts at most 8 scales: one spike cannot decide a mean
WIDE = 40.0              # clip of the drift feature: a leak of many scales must keep its slope
SCALE_MARGINS = 4.0      # scale >= 4 margins, so the level clip is at least 32 margins
TIE = 1e-9               # scales: ranks must not hang on rounding
RHO_CAP = .97            # above this the series has no usable spectrum; the run becomes one observation
AGGREGATIONS = (1, 4, 8, 16, 64)   # the largest variance over these block lengths finds slow components
MIN_BLOCKS = 30          # ... each with at least 30 blocks
SEGMENT, SHORTEST = 30, 16         # samples a segment needs to inform the variance; 16 if there is no better one
BRIDGE = 3               # up to 3 lost samples do not cut a segment
MIN_NEFF = 8.0           # fewer effective baseline samples: the run is one observation
SHAPE_N, SHAPE_NEFF = 120, 25.0    # samples and effective samples that tail and dispersion need
DRIFT_N = 30             # samples that drift needs
FEW, FEW_SHARE = 20.0, .1          # fewer events a run: counts; a gauge off its mode less often than this: run is observation
DESIGN = 4.0             # declared design effect of sparse counts: failures come in bursts
KIND_SIZE = 8            # metrics a kind needs to estimate its own between-run variance
FLAT_SD = .1             # unseen between-run sd of a flat signal, in margins
PEAK_HEAVY = .25         # log excursions that spread wider have heavy tails: Gumbel instead of t
PEAK_SD, PEAK_DF, PEAK_FLOOR = .3, 4.0, .2  # prior of the log excursion of a block
DENSE_SIZE = 8           # metrics a family needs for the dense channel (a mean over fewer is no mean)
REPLAY_DF, DENSE_SD, DENSE_FLOOR = 4.0, .3, .2   # prior of the replayed channel values
SHAPE = ("tail", "dispersion")
FEATURES = ("location", "level", "tail", "dispersion", "drift")
CHANNELS = ("shift", "peak", "dense")
DEFAULT_SD, DEFAULT_REL = .25, .05 # margin of undeclared metrics: both must be exceeded
KPI, POINTS = 85.0, 15.0           # a metric exactly at its margin scores 85
TIGHT = 6.0              # a margin below 6 standard errors is too tight to pass reliably


@dataclass(frozen=True)
class Metric:
    """gauge, rate: runs are (n,) values.  share, latency_share, count: runs are (n, 2) events and total.
    NaN = absent (gap, fault window).  A share with worse="down" counts good events, with worse="up" bad ones."""
    name: str
    kind: str
    worse: str                       # up | down | either
    baselines: list
    candidate: np.ndarray
    by: float | None = None          # margin in own unit (relative: share of the baseline median)
    rise: float | None = None        # margin of the rise over the programme
    relative: bool = False
    aligned: bool = True             # sample i of every run is the same phase offset


@dataclass(frozen=True)
class Policy:
    programme: int                   # samples of the declared programme
    first_look: int = 80
    alpha: float = .01               # total false-fail rate of the tag
    alpha_pass: float = .05
    kpi: float = KPI
    extensions: int = 0              # 0 or 1, declared before the start
    coverage: float = .8
    weights: dict = field(default_factory=lambda: {"gate": (.5, .1, .1), "watch": (.2, .05, .05)})


# ---------------------------------------------------------------- inputs
@dataclass(frozen=True)
class Series:
    """A metric cut to a look and turned so that worse is up."""
    kind: str; either: bool; aligned: bool
    runs: list; cand: np.ndarray; at: list      # values and phase offsets (baselines..., candidate)
    events: list | None                         # (bad, total) per run, candidate last
    margin: float; rise: float; rise_declared: bool; coverage: float

    @property
    def layout(self): return self.aligned, tuple(a.tobytes() for a in self.at)


def scale_of(pooled):
    """Robust sd: MAD, or the sd where more than half of the samples are equal."""
    mad = np.median(np.abs(pooled - np.median(pooled))) * 1.4826
    return float(mad if mad > 0 else pooled.std())


def prepare(m, look):
    """Orient, cut every run to the candidate's offsets (< look), drop absent samples, fix the margin in own unit."""
    cand = np.asarray(m.candidate, float)[:look]
    runs = [np.asarray(r, float)[:look] if m.aligned else np.asarray(r, float) for r in m.baselines]
    events = None
    if cand.ndim == 2:
        events = [np.stack([r[:, 1] - r[:, 0] if m.worse == "down" else r[:, 0], r[:, 1]]) for r in runs + [cand]]
        values = [e[0] / np.where(e[1] > 0, e[1], np.nan) for e in events]
    else:
        values = [-r if m.worse == "down" else r for r in runs + [cand]]
    coverage = float(np.isfinite(values[-1]).sum() / look)
    if m.aligned:
        n = min(len(v) for v in values)
        ok = np.all([np.isfinite(v[:n]) for v in values], axis=0); keep = [np.flatnonzero(ok)] * len(values)
    else:
        keep = [np.flatnonzero(np.isfinite(v)) for v in values]
    values = [v[k] for v, k in zip(values, keep)]
    events = [e[:, k] for e, k in zip(events, keep)] if events else None
    pooled = np.concatenate(values[:-1]); med = abs(float(np.median(pooled))) if len(pooled) else 0.0
    if m.by is None: margin = max(DEFAULT_SD * scale_of(pooled), DEFAULT_REL * med) if len(pooled) else 0.0
    else: margin = m.by * med if m.relative else m.by
    rise = margin if m.rise is None else (m.rise * med if m.relative else m.rise)
    return Series(m.kind, m.worse == "either", m.aligned, values[:-1], values[-1], keep, events, float(margin), float(rise),
                  m.rise is not None, coverage)


def replayed(s, k):
    """Baseline run k plays the candidate against the other runs; the margin stays."""
    order = [i for i in range(len(s.runs)) if i != k]; n = min(len(s.cand), len(s.runs[k])); o = (len(s.runs[k]) - n) // 2
    cut = slice(o, o + n)
    return replace(s, runs=[s.runs[i] for i in order], cand=s.runs[k][cut], at=[s.at[i] for i in order] + [s.at[k][cut]],
                   events=[s.events[i] for i in order] + [s.events[k][:, cut]] if s.events else None)


# ---------------------------------------------------------------- long-run variance
def segments(at):
    """Slices of a run between gaps of more than BRIDGE samples that are long enough to inform the variance."""
    if len(at) == 0: return []
    edge = np.flatnonzero(np.diff(at) > BRIDGE + 1) + 1
    parts = [slice(a, b) for a, b in zip([0, *edge], [*edge, len(at)])]
    good = [p for p in parts if p.stop - p.start >= SEGMENT]
    return good or [p for p in [max(parts, key=lambda p: p.stop - p.start)] if p.stop - p.start >= SHORTEST]


@lru_cache(maxsize=512)
def cosines(n, nu):
    return np.sqrt(2 / n) * np.cos(np.pi * np.outer(np.arange(n) + .5, np.arange(1, nu + 1)) / n)


def detrend(z):
    t = np.arange(z.shape[-1]) - (z.shape[-1] - 1) / 2
    return z - z.mean(-1, keepdims=True) - ((z @ t) / (t @ t))[..., None] * t


def prewhitened(z):
    """AR(1)-prewhitened equal-weighted-cosine variance of a centred series (last axis): Omega, df, n_eff."""
    n = z.shape[-1]; s = (z * z).sum(-1); live = s > 1e-24 * n
    r = (z[..., 1:] * z[..., :-1]).sum(-1) / np.where(live, s, 1)
    r = np.clip(r + (2 + 4 * r) / n, 0, RHO_CAP)                 # bias of the lag-1 correlation after detrending
    e = z[..., 1:] - r[..., None] * z[..., :-1]; e = e - e.mean(-1, keepdims=True)
    nu = max(2, min(max(4, int(round(.41 * n ** (2 / 3)))), n - 2))
    om = ((e @ cosines(n - 1, nu)) ** 2).mean(-1) / (1 - r) ** 2; neff = n * (1 - r) / (1 + r)
    return np.where(live, om, 0.0), np.where(live, 1 / (1 / nu + 2 / neff), 1.0), np.where(live, neff, float(n))


def long_run(z):
    """Largest prewhitened estimate over the aggregations with enough blocks."""
    z = detrend(z); best = None
    for L in AGGREGATIONS:
        m = z.shape[-1] // L
        if m < MIN_BLOCKS and best is not None: break
        b = z if L == 1 else z[..., :m * L].reshape(*z.shape[:-1], m, L).mean(-1)
        om, df, ne = prewhitened(b - b.mean(-1, keepdims=True)); new = (om * L, df, ne)
        best = new if best is None else tuple(np.where(new[0] > best[0], a, c) for a, c in zip(new, best))
    return best


def run_variance(f, at):
    """Omega, df, n_eff of one run: per segment, pooled by length.  Zeros when no segment is long enough."""
    parts = segments(at)
    if not parts: return (np.zeros(f.shape[:-1]),) * 3
    got = [long_run(f[..., p]) for p in parts]; w = np.array([p.stop - p.start for p in parts], float)
    om = sum(wi * g[0] for wi, g in zip(w, got)) / w.sum()
    return om, sum(g[1] for g in got), sum(g[2] for g in got) * f.shape[-1] / w.sum()


def run_variances(fs, at):
    """run_variance of several runs, in one pass where they share their offsets."""
    if all(np.array_equal(a, at[0]) for a in at): return run_variance(np.stack(fs), at[0])
    return [np.stack(v) for v in zip(*[run_variance(f, a) for f, a in zip(fs, at)])]


# ---------------------------------------------------------------- features
def midscore(S, Z, tol):
    """Normal score of the mid-rank of Z among the sorted baseline samples S (rows are metrics); within tol is a tie."""
    u = np.stack([np.searchsorted(s, z - e, "left") + np.searchsorted(s, z + e, "right") for s, z, e in zip(S, Z, tol)]) / (2 * S.shape[1])
    edge = .5 / (S.shape[1] + 1)
    return special.ndtri(np.clip(u, edge, 1 - edge))


class Reference:
    """What the pooled baseline fixes: sorted samples, median, scale, tail cut."""
    def __init__(self, runs, margin):
        self.S = np.sort(np.concatenate(runs, 1), 1); self.med = np.median(self.S, 1)
        mad = np.median(np.abs(self.S - self.med[:, None]), 1) * 1.4826
        sd = np.where(mad > 0, mad, self.S.std(1)); self.sd = np.where(sd > 0, sd, 1.0); self.scale = np.maximum(sd, SCALE_MARGINS * margin)
        self.scale = np.where(self.scale > 0, self.scale, 1.0)
        own = np.concatenate([r - np.median(r, 1, keepdims=True) for r in runs], 1) / self.scale[:, None]
        self.cut = np.maximum(np.quantile(own, .95, axis=1), margin / self.scale)      # a tail must be material
        self.tol = TIE * self.scale; self.location_margin = (midscore(self.S, self.S + margin[:, None], self.tol) - midscore(self.S, self.S, self.tol)).mean(1)

    def features(self, Z):
        z = (Z - self.med[:, None]) / self.scale[:, None]; own = z - np.median(z, 1, keepdims=True)
        return {"location": midscore(self.S, Z, self.tol), "level": np.clip(z, -CLIP, CLIP), "tail": (own > self.cut[:, None] + TIE).astype(float),
                "dispersion": np.minimum(np.abs(own), CLIP), "drift": np.clip(own, -WIDE, WIDE)}


def slope(f, at):
    """Total rise over the window by least squares, and the factor that turns Omega into its variance."""
    t = at - at.mean(); span = at[-1] - at[0] + 1.0; q = t @ t
    return (f @ t) / q * span, span * span / q


def contrast(name, fb, fx, at, aligned):
    """One feature: estimate, within-run variance, and what the between-run step needs (arrays over metrics)."""
    K, n = len(fb), fx.shape[1]; paired = aligned and K >= 2
    g, c = ([f - sum(fb) / K for f in fb], K / (K - 1)) if paired else (fb, 1.0)       # pairing removes the common profile
    centred = fx - sum(fb) / K if paired else fx
    om_k, df_k, ne_k = run_variances([*g, centred], at)                                # the candidate's own (last) is for pass only
    marginal = c * np.mean([f.var(1) for f in g], axis=0)
    om = np.minimum(c * om_k[:-1].mean(0), marginal * n)                               # a mean varies no more than a sample
    df, ne = df_k[:-1].sum(0) / c, ne_k[:-1].sum(0) / c
    if name == "drift":
        st = [slope(f, a) for f, a in zip([*fb, fx], at)]; span = at[-1][-1] - at[-1][0] + 1.0
        per = [span / (a[-1] - a[0] + 1.0) for a in at]                                # rise over the candidate's window
        stat = [s * p for (s, _), p in zip(st, per)]; f = [q * p * p for (_, q), p in zip(st, per)]
    else:
        stat = [v.mean(1) for v in (*fb, fx)]; f = [1 / v.shape[1] for v in (*fb, fx)]
    runs = np.stack(stat[:-1], 1)
    own = np.minimum(om_k[-1] * (K / (K + 1) if paired else 1.0), fx.var(1) * n)
    return dict(est=stat[-1] - runs.mean(1), var=om * (f[-1] + sum(f[:-1]) / K ** 2), df=df, neff=ne, runs=runs,
                run_var=om * np.mean(f[:-1]), size=marginal * np.mean(f[:-1]) * n, one=om * f[-1], excess=np.maximum(own - om, 0) * f[-1])


def between_runs(runs, within, size, kinds):
    """tau^2 of a run mean and its df: empirical Bayes within a kind of signal, relative to the marginal variance."""
    M, K = runs.shape; d1 = K - 1; tau, df = np.zeros(M), np.full(M, float(d1)); seen = runs.var(1, ddof=1)
    live, kinds = size > 0, np.array(kinds)
    for kind in sorted(set(kinds)):
        own = (kinds == kind) & live
        if not own.any(): continue
        i = own if own.sum() >= KIND_SIZE else live; m = i.sum()      # a small kind borrows from all metrics
        t0 = max(0.0, float(np.median((seen[i] / (stats.chi2.ppf(.5, d1) / d1) - within[i]) / size[i])))
        base = within[i] + t0 * size[i]; e = np.log(np.maximum(seen[i] / base, 1e-6)) - special.digamma(d1 / 2) + np.log(d1 / 2)
        d0 = 0.0
        if m >= 3:
            spread = e.var(ddof=1) - special.polygamma(1, d1 / 2)
            d0 = min(2 * trigamma_inverse(spread) if spread > 0 else np.inf, 2.0 * d1, m - 1.0)   # run effects are shared: borrow at most 2(K-1)
        prior = within[own] + t0 * size[own]
        tau[own] = np.maximum((d0 * prior + d1 * seen[own]) / (d0 + d1) - within[own], 0); df[own] = d1 + d0
    return tau, df


def trigamma_inverse(y):
    x = .5 + 1 / y
    for _ in range(50):
        tri = special.polygamma(1, x); step = tri * (1 - tri / y) / special.polygamma(2, x); x += step
        if -step / x < 1e-10: break
    return float(x)


def cauchy(P, use):
    """Cauchy combination over the features that have evidence (columns); large p truncated."""
    t = np.where(use, np.tan((.5 - np.clip(P, 1e-15, .95)) * np.pi), 0.0).sum(1) / np.maximum(use.sum(1), 1)
    return np.where(use.any(1), np.clip(.5 - np.arctan(t) / np.pi, 0, 1), 1.0)


def t_sf(t, df): return special.stdtr(df, -t)


# ---------------------------------------------------------------- one metric (many at once)
def few_events(s):
    """Counts instead of moments: fewer than FEW bad events a baseline run."""
    return s.events is not None and np.mean([e[0].sum() for e in s.events[:-1]]) < FEW


def nearly_flat(s):
    """A gauge that almost never leaves its mode inside a run, or never moves inside any run."""
    off = [np.sum(r != np.median(r)) for r in s.runs]
    return s.events is None and np.mean(off) < FEW and np.mean(off) <= FEW_SHARE * np.mean([len(r) for r in s.runs])


def evidence(series, forced=None):
    """Arrays over metrics: p of every feature, p_shift, p_peak, effect, se, se_pass ... forced: flags of the candidate's branch."""
    M, K = len(series), len(series[0].runs); margin, rise = (np.array([getattr(s, a) for s in series]) for a in ("margin", "rise"))
    either = np.array([s.either for s in series]); kinds = [s.kind for s in series]
    alive = np.array([len(s.cand) >= 3 and min(len(r) for r in s.runs) >= 3 for s in series])
    counts = forced["counts"] if forced else np.array([a and few_events(s) for a, s in zip(alive, series)])
    flat = forced["flat"] if forced else np.array([a and nearly_flat(s) for a, s in zip(alive, series)])
    col = lambda v=0.0: {f: np.full(M, v) for f in FEATURES}
    C = {k: col() for k in ("est", "var", "df", "neff", "size", "run_var", "one", "excess")}; R = {f: np.zeros((M, K)) for f in FEATURES}
    scale, loc_m, peak = np.ones(M), np.zeros(M), np.ones(M); n = np.array([len(s.cand) for s in series])
    layouts = {}
    for i, s in enumerate(series):
        if alive[i] and not counts[i]: layouts.setdefault(s.layout, []).append(i)
    for ix in layouts.values():
        s0 = series[ix[0]]; fb_raw = [np.stack([series[i].runs[k] for i in ix]) for k in range(K)]; x = np.stack([series[i].cand for i in ix])
        ref = Reference(fb_raw, margin[ix]); fb = [ref.features(r) for r in fb_raw]; fx = ref.features(x)
        scale[ix], loc_m[ix] = ref.scale, ref.location_margin; peak[ix] = peak_p(ref, fb_raw, x, either[ix], np.minimum(margin, rise)[ix])
        for f in FEATURES:
            if (f in SHAPE and x.shape[1] < SHAPE_N) or (f == "drift" and x.shape[1] < DRIFT_N): continue
            got = contrast(f, [q[f] for q in fb], fx[f], s0.at, s0.aligned); R[f][ix] = got.pop("runs")
            for key, v in got.items(): C[key][f][ix] = v
    short = forced["short"] if forced else C["neff"]["location"] < MIN_NEFF
    one_obs = alive & ~counts & (short | flat); P = np.ones((M, len(FEATURES))); use = np.zeros((M, len(FEATURES)), bool); out = {}
    for j, f in enumerate(FEATURES):
        est, var, df = C["est"][f], C["var"][f].copy(), np.maximum(C["df"][f], 1.0)
        m = {"location": loc_m, "level": margin / scale, "drift": rise / scale, "dispersion": margin / scale}.get(f, np.zeros(M))
        tau = np.zeros(M)
        if K >= 2:
            tau, d0 = between_runs(R[f], C["run_var"][f], np.where(alive & ~counts & ~flat, C["size"][f], 0.0), kinds); t2 = tau * (1 + 1 / K)
            df = np.where(t2 > 0, np.minimum((var + t2) ** 2 / (var ** 2 / df + t2 ** 2 / d0 + 1e-300), d0), df); var = var + t2
            seen = np.maximum(R[f].var(1, ddof=1), (FLAT_SD * m) ** 2) * (1 + 1 / K)
            var, df = np.where(one_obs, np.maximum(var, seen), var), np.where(one_obs, K - 1.0, df)
        ok = alive & ~counts & (var > 1e-20) & (~one_obs | (K >= 2))
        if f in SHAPE: ok &= (n >= SHAPE_N) & (C["neff"]["location"] / np.maximum(K, 1) >= SHAPE_NEFF) & ~one_obs
        if f == "drift": ok &= n >= DRIFT_N
        se = np.sqrt(np.maximum(var, 1e-300)); two = either & (f not in SHAPE)
        P[:, j] = np.where(ok, np.where(two, np.minimum(1, 2 * t_sf((np.abs(est) - m) / se, df)), t_sf((est - m) / se, df)), 1.0); use[:, j] = ok
        if f == "level":                                    # nothing varies and nothing is declared: exact permutation of runs
            still = alive & ~counts & (var <= 1e-20) & flat; P[still, j] = np.where(np.where(either, est != 0, est > 0)[still], 1 / (K + 1), 1.0); use[still, j] = True
        share = np.array([share_excess(s, K) for s in series]) if f == "level" else 0.0
        extra = np.maximum(C["excess"][f], share * (C["one"][f] + tau))              # pass: the largest of three variances
        out[f] = dict(est=est * scale, se=np.where(ok, np.sqrt(var), np.nan) * scale, df=np.where(ok, df, np.nan), tau=np.sqrt(tau) * scale,
                      se_pass=np.where(ok, np.sqrt(var + extra), np.nan) * scale)
    shift = cauchy(P, use); tallies = [None] * M
    for i in np.flatnonzero(counts & alive):
        tallies[i] = tally(series[i]); shift[i] = tallies[i]["p_fail"]
    return dict(P=P, use=use, shift=shift, peak=np.where(one_obs | counts | ~alive, 1.0, peak), features=out, tallies=tallies, neff=C["neff"]["location"] / np.maximum(K, 1),
                counts=counts, flat=flat, short=short, one_obs=one_obs, alive=alive)


def share_excess(s, K):
    """Relative growth of a share's variance if it stood at its margin."""
    if s.events is None or s.kind == "count" or not s.runs: return 0.0
    p0 = float(np.clip(np.mean([r.mean() for r in s.runs if len(r)] or [.5]), 1e-6, .5)); p1 = min(p0 + s.margin, .5)
    return max(0.0, p1 * (1 - p1) / (p0 * (1 - p0)) - 1)


def peak_p(ref, runs, x, either, margin):
    """Largest 3-sample excursion (towards worse) per quarter-length block against the baseline's (either way), Bonferroni."""
    n = x.shape[1]; L = min(n, max(8, n // 4)); K = len(runs)
    def excursion(Z, both):
        q = Z.shape[1] // L; z = (Z[:, :q * L] - ref.med[:, None]) / ref.sd[:, None]; z = z.reshape(len(Z), q, L)
        a = (z[..., 2:] + z[..., 1:-1] + z[..., :-2]) / 3
        return np.maximum(np.where(both[:, None, None], np.abs(a), a).max(-1), 0)
    b = np.concatenate([excursion(r, np.ones(len(x), bool)) for r in runs], 1); a = excursion(x, either); B = b.shape[1]
    if B < 4: return np.ones(len(x))
    a, b = np.log1p(np.maximum(a - (margin / ref.sd)[:, None], 0)), np.log1p(b)   # only what exceeds the margin counts
    mu = b.mean(1); s2 = np.maximum(PEAK_FLOOR ** 2, (PEAK_DF * PEAK_SD ** 2 + ((b - mu[:, None]) ** 2).sum(1)) / (PEAK_DF + B - 1))
    z = (a.max(1) - mu) / np.sqrt(s2 * (1 + 1 / B)); p = t_sf(z, B - 1 + PEAK_DF)
    gumbel = -np.expm1(-np.exp(-z * np.pi / np.sqrt(6) - np.euler_gamma))              # heavy tails: block maxima are Gumbel
    return np.minimum(1, a.shape[1] * np.where(s2 > PEAK_HEAVY ** 2, np.maximum(p, gumbel), p))


# ---------------------------------------------------------------- counts (exact parts)
def garwood(x, exposure, a):
    """Exact one-sided lower and upper limits of a Poisson rate."""
    return (special.gammaincinv(x, a) if x > 0 else 0.0) / exposure, special.gammaincinv(x + 1, 1 - a) / exposure


def two_rates(x, tx, y, ty, ratio=1.0):
    """P(at least x | rate_x <= ratio * rate_y): conditional binomial, exact."""
    q = ratio * tx / (ratio * tx + ty)
    return 1.0 if x <= 0 else float(special.betainc(x, y + 1, q))


def design_effect(bad):
    """Over-dispersion (variance / mean) of counts per block, largest over block lengths with at least 6 blocks."""
    d = 1.0
    for L in (1, 2, 5, 10):
        m = len(bad) // L
        if m < 6: break
        s = bad[:m * L].reshape(m, L).sum(1)
        if s.mean() > 0: d = max(d, s.var(ddof=1) / s.mean())
    return float(d)


def tally(s):
    """Sparse events: Poisson tails on counts divided by the design effect."""
    *base, cand = s.events; x, N = cand.sum(1); y, NB = sum(b.sum(1) for b in base)
    d = max(DESIGN, design_effect(cand[0]), float(np.mean([design_effect(b[0]) for b in base])))
    xe, ne, rate = x / d, N / d, y / NB
    above = float(special.gammainc(xe, ne * (s.margin + (y + .5) / NB))) if x > 0 else 1.0
    return dict(est=x / N - rate, design=d, rate=rate, xe=xe, ne=ne, p_fail=max(above, two_rates(xe, ne, y / d - .5, NB / d)) if x > 0 else 1.0,
                p_pass=float(special.gammaincc(xe + 1, ne * (s.margin + rate))))
