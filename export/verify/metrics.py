"""How far logits are from reference logits, accumulated in blocks so that a large vocabulary fits in memory.

All sums are in float64. N = tokens compared, V = vocab_size.
"""

import math

import numpy as np
import numpy.typing as npt

from mmoe.export.artifact.verification.measurements import LogitMetrics
from mmoe.export.verify.sampling_error import TokenFigures

# Rows converted to float64 at a time: 16 x 128256 x 8 bytes = 16 MB for each intermediate.
_BLOCK_ROWS = 16

NO_TARGET = -1


class LogitComparison:
    """Accumulates `LogitMetrics` over any number of calls."""

    def __init__(self) -> None:
        self._signals: list[npt.NDArray[np.float64]] = []
        self._noises: list[npt.NDArray[np.float64]] = []
        self._signal_centred = self._noise_centred = 0.0
        self._cosines: list[npt.NDArray[np.float64]] = []
        self._divergences: list[npt.NDArray[np.float64]] = []
        self._agreements = 0
        self._log_likelihoods: list[npt.NDArray[np.float64]] = []
        self._log_likelihoods_test: list[npt.NDArray[np.float64]] = []
        self._max_abs_diff = 0.0
        self._lowest, self._highest = math.inf, -math.inf

    def add(
        self,
        reference: npt.NDArray[np.floating],
        test: npt.NDArray[np.floating],
        targets: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Adds tokens.

        Args:
            reference: logits ``[N, V]``, float32 or float64.
            test: logits ``[N, V]`` of the same tokens.
            targets: int64 ``[N]``, the token that follows each one, `NO_TARGET` where none is known.

        Raises:
            ValueError: the shapes differ.
        """
        if reference.ndim != 2 or reference.shape != test.shape:
            raise ValueError(f"logits must be two equal [N, V], not {reference.shape} and {test.shape}")
        if targets is None:
            targets = np.full(len(reference), NO_TARGET)
        if targets.shape != reference.shape[:1]:
            raise ValueError(f"{len(reference)} rows of logits, but targets of shape {targets.shape}")
        for start in range(0, len(reference), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            # NaN and infinities go through on purpose: they end in the result, where no gate passes them.
            with np.errstate(invalid="ignore", over="ignore"):
                self._add_block(
                    reference[rows].astype(np.float64), test[rows].astype(np.float64), targets[rows]
                )

    def result(self) -> LogitMetrics:
        """The metrics over everything added so far.

        Raises:
            ValueError: nothing was added.
        """
        if not self._cosines:
            raise ValueError("no logits were compared")
        cosines, divergences = np.concatenate(self._cosines), np.concatenate(self._divergences)
        reference = _perplexity(np.concatenate(self._log_likelihoods))
        test = _perplexity(np.concatenate(self._log_likelihoods_test))
        signal, noise = float(np.concatenate(self._signals).sum()), float(np.concatenate(self._noises).sum())
        with np.errstate(invalid="ignore"):
            cosine_p1, kl_p999 = np.percentile(cosines, 1), np.percentile(divergences, 99.9)
        return LogitMetrics(
            tokens=len(cosines),
            sqnr_db=_decibels(signal, noise),
            sqnr_centred_db=_decibels(self._signal_centred, self._noise_centred),
            cosine_mean=float(cosines.mean()),
            cosine_p1=float(cosine_p1),
            cosine_worst=float(cosines.min()),
            cosine_worst_token=int(cosines.argmin()),
            kl_mean=float(divergences.mean()),
            kl_p999=float(kl_p999),
            kl_worst=float(divergences.max()),
            top1_agreement=self._agreements / len(cosines),
            perplexity_reference=reference,
            perplexity_test=test,
            perplexity_ratio=test / reference,
            max_abs_diff=self._max_abs_diff,
            max_abs_diff_relative=_ratio(self._max_abs_diff, self._highest - self._lowest),
        )

    def token_figures(self) -> TokenFigures:
        """The figures of every token added so far, from which the error of sampling follows."""
        return TokenFigures(
            signal=np.concatenate(self._signals),
            noise=np.concatenate(self._noises),
            cosines=np.concatenate(self._cosines),
            divergences=np.concatenate(self._divergences),
            likelihood_changes=np.concatenate(self._log_likelihoods)
            - np.concatenate(self._log_likelihoods_test),
        )

    def _add_block(
        self,
        reference: npt.NDArray[np.float64],
        test: npt.NDArray[np.float64],
        targets: npt.NDArray[np.int64],
    ) -> None:
        error = test - reference
        self._signals.append(np.square(reference).sum(axis=1))
        self._noises.append(np.square(error).sum(axis=1))
        self._signal_centred += float(np.square(reference - reference.mean(axis=1, keepdims=True)).sum())
        self._noise_centred += float(np.square(error - error.mean(axis=1, keepdims=True)).sum())
        # np.maximum hands NaN on, which max() may not.
        self._max_abs_diff = float(np.maximum(self._max_abs_diff, np.abs(error).max()))
        self._lowest = min(self._lowest, float(reference.min()))
        self._highest = max(self._highest, float(reference.max()))
        self._cosines.append(_cosines(reference, test))
        self._agreements += int((reference.argmax(axis=1) == test.argmax(axis=1)).sum())
        log_p, log_q = _log_softmax(reference), _log_softmax(test)
        self._divergences.append(_kl(log_p, log_q))
        known = np.flatnonzero(targets != NO_TARGET)
        self._log_likelihoods.append(log_p[known, targets[known]])
        self._log_likelihoods_test.append(log_q[known, targets[known]])


def compare_logits(
    reference: npt.NDArray[np.floating],
    test: npt.NDArray[np.floating],
    targets: npt.NDArray[np.int64] | None = None,
) -> LogitMetrics:
    """`LogitMetrics` of one pair of ``[N, V]`` arrays; arguments and errors as for `LogitComparison.add`."""
    comparison = LogitComparison()
    comparison.add(reference, test, targets)
    return comparison.result()


def _cosines(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Row-wise cosine; two zero vectors are alike (1), a zero and another are not (0)."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    alike = np.where((a == b).all(axis=1), 1.0, 0.0)
    return np.where(norms == 0, alike, np.einsum("nv,nv->n", a, b) / np.where(norms == 0, 1.0, norms))


def _log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_softmax


def _kl(log_p: npt.NDArray[np.float64], log_q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Row-wise KL(p || q) in nats; a token with p = 0 contributes nothing, whatever q is."""
    p = np.exp(log_p)
    # Rounding can leave a divergence of equal distributions a hair below zero.
    divergences: npt.NDArray[np.float64] = np.maximum(
        np.where(p == 0, 0.0, p * (log_p - log_q)).sum(axis=1), 0.0
    )
    return divergences


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.float64(signal) / noise))


def _perplexity(log_likelihoods: npt.NDArray[np.float64]) -> float:
    if not len(log_likelihoods):
        return math.nan
    with np.errstate(over="ignore"):
        return float(np.exp(-log_likelihoods.mean()))


def _ratio(value: float, scale: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 0.0 if value == 0 else float(np.float64(value) / scale)
