"""The trade model once more, slow and obvious, sharing no code with the package."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, root


class Twin:
    """One counterfactual on one world, in levels where the package works in logs; all arrays (S, N, N)."""

    def __init__(
        self,
        X,
        theta,
        B=None,
        tariff=None,
        tau=None,
        to_exporter=0.0,
        owner=None,
        factors="mobile",
        deficits="world_share",
        numeraire="world",
        eta=1.0,
    ):
        self.X, self.theta = X, np.asarray(theta)
        self.B = np.ones_like(X) if B is None else B
        self.t = np.zeros_like(X) if tariff is None else tariff
        self.tau = np.ones_like(X) if tau is None else tau
        self.to_exporter, self.owner = to_exporter, owner
        self.factors, self.deficits, self.numeraire = factors, deficits, numeraire
        self.eta = eta
        self.Y = X.sum(2)
        self.E = X.sum((0, 1))
        self.D = self.E - self.Y.sum(0)
        self.alpha = X.sum(1) / self.E
        self.lam = X / X.sum(1)[:, None]

    def spending(self, phi):
        """Expenditure shares (S, N) and the price level (N,) at these Φ, as a textbook has them."""
        price = phi ** (-1 / self.theta[:, None])
        if self.eta == 1:
            return self.alpha, np.prod(price**self.alpha, 0)
        level = (self.alpha * price ** (1 - self.eta)).sum(0) ** (1 / (1 - self.eta))
        return self.alpha * (price / level) ** (1 - self.eta), level

    def income(self, p):
        """What each sector of each region earns when prices are p (S, N)."""
        th = self.theta[:, None]
        u = (p**-th)[:, :, None]
        weight = self.lam * self.B * (self.tau * (1 + self.t)) ** -th[:, None] * u
        phi = weight.sum(1)
        share = weight / phi[:, None]
        alpha, level = self.spending(phi)
        factor = (p * self.Y).sum(0)
        if self.deficits == "balanced":
            before = factor
        elif self.deficits == "proportional":
            before = factor * self.E / self.Y.sum(0)
        else:
            unit = factor.sum() / self.Y.sum()
            if self.deficits == "nominal" and self.numeraire == "prices":
                unit = (self.E * level).sum() / self.E.sum()
            elif self.deficits == "nominal" and self.numeraire != "world":
                unit = factor[self.numeraire] / self.Y.sum(0)[self.numeraire]
            before = factor + self.D * unit
        # Every unit spent by d on (s, o): t/(1+t) of it is revenue of d, and of the rest (τ−1)/τ is rent.
        before_tax = share * alpha[:, None] / (1 + self.t)
        rent = before_tax * (1 - 1 / self.tau)
        N = len(self.E)
        spread = np.diag((share * alpha[:, None] * self.t / (1 + self.t)).sum((0, 1)))
        spread += self.to_exporter * rent.sum(0)
        rest = (1 - self.to_exporter) * rent.sum((0, 1))
        if self.owner is None:
            spread += np.diag(rest)
        else:
            spread[self.owner] += rest
        spending = np.linalg.solve(np.eye(N) - spread, before)
        paid = before_tax / self.tau * spending
        self.out = {
            "E": spending,
            "phi": phi,
            "level": level,
            "alpha": alpha,
            "value": share * alpha[:, None] / (1 + self.t) * spending,
            "quantity": paid / p[:, :, None],
        }
        return paid.sum(2)

    def gap(self, p):
        income = self.income(p)
        if self.factors == "mobile":
            return np.tile(np.log(income.sum(0) / (p[0] * self.Y.sum(0))), (len(p), 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.Y > 0, np.log(income / (p * self.Y)), 0.0)

    def normalised(self, p):
        return p * self.Y.sum() / (p * self.Y).sum()

    def by_iteration(self, sweeps=20_000):
        """Raise prices where there is excess demand, gently, until there is none."""
        p = np.ones_like(self.Y)
        speed = 1 / (1 + self.theta.max())
        for _ in range(sweeps):
            gap = self.gap(p)
            gap = gap - (gap * self.Y).sum() / self.Y.sum()
            if np.abs(gap).max() < 1e-13:
                break
            p = self.normalised(p * np.exp(speed * gap))
        return self.finish(p)

    def by_root(self, start=None):
        """Hand the excess demands to scipy, with world output as numeraire in place of one of them."""
        S, N = self.Y.shape
        shape = (1, N) if self.factors == "mobile" else (S, N)

        def excess(x):
            p = np.broadcast_to(np.exp(x.reshape(shape)), (S, N))
            gap = self.gap(p)[: shape[0]].ravel()
            gap = gap - (self.gap(p) * self.Y).sum() / self.Y.sum()
            return gap + np.log((p * self.Y).sum() / self.Y.sum())

        x = np.zeros(shape).ravel() if start is None else np.log(start[: shape[0]]).ravel()
        found = root(excess, x, tol=1e-13)
        assert np.abs(excess(found.x)).max() < 1e-9
        return self.finish(np.broadcast_to(np.exp(found.x.reshape(shape)), (S, N)))

    def finish(self, p):
        self.gap(p)
        self.p = p
        index = self.out["level"]
        spending = self.out["E"]
        if self.deficits != "proportional":
            scale = 1.0
        else:
            # Spending in proportion to income, exactly.
            scale = ((p * self.Y).sum(0) * self.E / self.Y.sum(0))[0] / spending[0]
        self.welfare = scale * spending / self.E / index
        return self


def under_cap(X, theta, B, member, limit, **kwargs):
    """One cap, by bisection on its shadow price around the whole equilibrium."""

    def solved(log_tau):
        tau = np.where(member > 0, np.exp(log_tau), 1.0)
        return Twin(X, theta, B, tau=tau, **kwargs).by_root()

    def excess(log_tau):
        twin = solved(log_tau)
        return np.log((member * twin.out["quantity"]).sum() / (member * X).sum() / limit)

    if excess(0.0) <= 0:
        return solved(0.0), 0.0
    log_tau = brentq(excess, 0.0, 6.0, xtol=1e-13)
    return solved(log_tau), log_tau
