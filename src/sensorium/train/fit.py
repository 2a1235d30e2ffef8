"""The state of one fit and what can be done to it: begin, vary, step, validate, keep, finish.

``loop.train`` drives it. Every random draw is derived from (seed, purpose, step); see core.seed.
"""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DistributedDataParallelKwargs,
    broadcast_object_list,
    gather_object,
)
from torch import Tensor, nn

from sensorium.core.batch import Batch
from sensorium.core.errors import ArtifactError
from sensorium.core.faults import Ledger
from sensorium.core.seed import derive, generator
from sensorium.data.loader import Loader
from sensorium.evaluate import collect, validation
from sensorium.model import Model
from sensorium.preprocess import Shelf, augmented
from sensorium.tasks.listener import listeners_of
from sensorium.train.checkpoint import (
    Progress,
    load_checkpoint,
    newest,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
)
from sensorium.train.doubt import is_best, standard_error
from sensorium.train.ema import Average
from sensorium.train.failures import check_finite
from sensorium.train.hiding import hidden
from sensorium.train.log import Log
from sensorium.train.mix import mixed_loss
from sensorium.train.optimisers import make_optimiser, rate_at, set_rate, trainable
from sensorium.train.passes import passes
from sensorium.train.plan import Plan
from sensorium.train.run import Run
from sensorium.train.trial import fitting, settle
from sensorium.train.weights import learned, take_back

MORE = 1.5
"""A fit whose schedule has ended goes on where there is time for so many times its epochs."""


@dataclass
class Fit:
    """One fit under way; see ``loop.train`` for the order of things."""

    model: Model
    wrapped: nn.Module
    plan: Plan
    accelerator: Accelerator
    optimiser: torch.optim.Optimizer
    train: Shelf
    valid: Shelf | None
    folder: Path | None
    ledger: Ledger
    log: Log
    progress: Progress
    average: Average | None
    best: dict[str, Tensor]
    saved: float

    @classmethod
    def begin(
        cls,
        model: Model,
        train: Shelf,
        valid: Shelf | None,
        plan: Plan,
        folder: Path | None,
        ledger: Ledger,
    ) -> "Fit":
        """Put the pieces together, settle what must be measured, or pick up a checkpoint."""
        accelerator = Accelerator(
            mixed_precision="no",
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        model.to(accelerator.device)
        model.task.study(train.texts)
        optimiser = make_optimiser(model, plan)
        wrapped = accelerator.prepare_model(model)
        average = Average(model, plan.ema) if plan.ema else None
        fit = cls(
            model, wrapped, plan, accelerator, optimiser, train, valid, folder, ledger,
            Log(folder if accelerator.is_main_process else None, tensorboard=plan.tensorboard),
            Progress(), average, {}, time.monotonic(),
        )  # fmt: skip
        last = newest(folder) if folder else None
        if last:
            fit._restore(last)
        else:
            batches = [batch for _, batch in zip(range(4), fit._loader(0, 0), strict=False)]
            rows = -(-len(train) // accelerator.num_processes)
            fit.progress.settled = fit._agreed(settle(model, plan, batches, rows))
            fit.save()
        return fit

    def _agreed(self, settled: dict[str, Any]) -> dict[str, Any]:
        """Let all processes go by what the first one measured."""
        shared: list[Any] = [settled]
        broadcast_object_list(shared)
        return dict(shared[0])

    @property
    def epochs(self) -> int:
        """How many epochs will be made."""
        return int(self.progress.settled["epochs"])

    @cached_property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self._loader(0, 0))

    @property
    def steps(self) -> int:
        """How many batches the whole fit has."""
        return self.epochs * self.steps_per_epoch

    @property
    def _updates(self) -> int:
        """How many steps the optimiser made; the last of an epoch may be of fewer batches."""
        each = -(-self.steps_per_epoch // self.plan.accumulate)
        return self.progress.epoch * each + self.progress.step // self.plan.accumulate

    def _loader(self, epoch: int, start: int) -> Loader[Batch]:
        return Loader(
            partial(self.train.batch, turn=epoch),
            rows=len(self.train),
            rows_per_step=self.plan.rows_per_step,
            lengths=self.train.lengths,
            seed=self.plan.seed,
            epoch=epoch,
            start=start,
            shard=(self.accelerator.process_index, self.accelerator.num_processes),
        )

    def batches(self) -> Iterator[Batch]:
        """Give what is left of the epoch under way."""
        for batch in self._loader(self.progress.epoch, self.progress.step):
            yield batch.to(self.accelerator.device)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from one batch; returns its named losses."""
        plan, progress = self.plan, self.progress
        process = self.accelerator.process_index
        torch.manual_seed(derive(plan.seed, "step", progress.total, process))
        batch = self._varied(batch, generator(plan.seed, "vary", progress.total, process))
        last = progress.step + 1 == self.steps_per_epoch
        update = last or (progress.step + 1) % plan.accumulate == 0
        with self.accelerator.no_sync(self.wrapped) if not update else nullcontext():
            bf16 = progress.settled["precision"] == "bf16"
            autocast = torch.autocast(batch_device(batch).type, torch.bfloat16, enabled=bf16)
            if 0 < plan.rows_per_pass < len(batch):
                no_sync = partial(self.accelerator.no_sync, self.wrapped)
                losses = passes(
                    self.wrapped, self.model, batch, plan, autocast, self._backward, no_sync
                )
                check_finite(self.model, losses, batch, self.folder)
            else:
                with autocast:
                    losses = mixed_loss(self.wrapped, self.model, batch, plan, progress.total)
                check_finite(self.model, losses, batch, self.folder)
                self._backward(torch.stack(list(losses.values())).sum())
        if update:
            self._update()
        if progress.epoch == 0:
            self._note_short()
        progress.step += 1
        progress.total += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def _note_short(self) -> None:
        """Note the rows, of all processes, that cannot be heard; a checkpoint holds them too."""
        for target, part in listeners_of(self.model.task).items():
            known = self.progress.short.get(target, ())
            found = gather_object(sorted(part.short, key=str))
            self.progress.short[target] = list(dict.fromkeys([*known, *found]))
            part.short.clear()

    def _backward(self, loss: Tensor) -> None:
        first = self.progress.step - self.progress.step % self.plan.accumulate
        together = min(self.plan.accumulate, self.steps_per_epoch - first)
        self.accelerator.backward(loss / together)

    def _varied(self, batch: Batch, draws: torch.Generator) -> Batch:
        if self.plan.augment:
            kinds = {name: field.kind for name, field in self.model.schema.inputs.items()}
            batch = augmented(batch, kinds, self.plan.augment, draws)
        return hidden(batch, self.model.names, self.plan.modality_dropout, draws)

    def _update(self) -> None:
        set_rate(self.optimiser, rate_at(self.progress.total, self.steps, self.plan))
        if self.plan.clip:
            weights = [weight for _, weight in trainable(self.model)]
            self.accelerator.clip_grad_norm_(weights, self.plan.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.average:
            self.average.update()

    def validate(self) -> dict[str, Any]:
        """Score the validation rows, with the averaged weights where there are any."""
        if self.valid is None or len(self.valid) == 0:
            return {}
        if self.model.task.columns:
            with self.average.applied() if self.average else nullcontext():
                return validation(self.model, self.valid, self.plan.seed)
        with self.average.applied() if self.average else nullcontext():
            outcome = collect(self.model, self.valid, rows_per_step=2 * self.plan.rows_per_step)
        scores: dict[str, dict[str, float]] = {}
        values, doubts, errors = [], [], []
        for target, head in self.model.task.heads.items():
            truth, decided = outcome.truth[target], outcome.decided[target]
            known = head.known(truth)
            if not known.any():
                continue
            found = head.metrics(truth[known], decided[known])
            scores[target] = {name: float(number) for name, number in found.items()}
            value = scores[target][head.primary]
            if math.isnan(value):
                continue  # such as the average precision where no row has a tag
            values.append(-value if head.lower_is_better else value)
            doubts.append(standard_error(head, truth[known], decided[known], self.plan.seed))
            errors.append(float(head.errors(truth[known], decided[known]).mean()))
        if not values:
            return {"valid": scores, "score": None}
        return {
            "valid": scores,
            "score": sum(values) / len(values),
            "standard_error": sum(doubt**2 for doubt in doubts) ** 0.5 / len(doubts),
            "error": sum(errors) / len(errors),
        }

    def end_epoch(self, record: dict[str, Any]) -> None:
        """Note an epoch's record, keep the weights if they are the best, and move on."""
        progress = self.progress
        progress.history.append(record)
        score = record.get("score")
        if score is not None:
            progress.best = score if progress.best is None else max(progress.best, score)
            if is_best(progress.history, progress.best_epoch):
                progress.best_epoch = progress.epoch
                if self.plan.keep == "best":
                    source = self.average.state if self.average else learned(self.model)
                    self.best = {name: weight.detach().clone() for name, weight in source.items()}
        progress.epoch += 1
        progress.step = 0
        progress.running = {}
        # After epochs 1, 2, 4, 8, ... and the last: a machine that was slow for a while is not
        # believed for the whole fit.
        due = progress.epoch.bit_count() == 1 or progress.epoch >= self.epochs
        reckoned = self.plan.minutes is not None and due
        if reckoned:
            self._settle_again()
        progress.done = self._stalled() or progress.epoch >= self.epochs
        self.log.write(progress.history)
        if progress.done or self.due or reckoned:  # what was measured is not measured again
            self.save()

    def _settle_again(self) -> None:
        """Let the epochs made, rather than the trial, say how many fit into the minutes."""
        progress = self.progress
        before = progress.history[-2]["seconds"] if len(progress.history) > 1 else 0.0
        epochs = fitting(self.plan, progress.epoch, progress.seconds, progress.seconds - before)
        if progress.epoch >= self.epochs and epochs < MORE * self.epochs:
            return  # too few to raise the rate once more
        progress.settled = self._agreed({**progress.settled, "epochs": epochs})

    def _stalled(self) -> bool:
        best, history = self.progress.best, self.progress.history
        if not self.plan.patience or best is None:
            return False
        first = next(number for number, r in enumerate(history) if r.get("score") == best)
        return len(history) - 1 - first >= self.plan.patience

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is older than the plan allows."""
        return time.monotonic() - self.saved >= self.plan.checkpoint_seconds

    def save(self) -> None:
        """Write a checkpoint: one sealed folder with all state."""
        self.saved = time.monotonic()
        if self.folder is None or not self.accelerator.is_main_process:
            return
        tensors = {
            "weights": learned(self.model),
            "optimiser": optimiser_tensors(self.optimiser),
            "average": self.average.state if self.average else {},
            "best": self.best,
        }
        save_checkpoint(self.folder, self.progress, {k: v for k, v in tensors.items() if v})

    def _restore(self, checkpoint: Path) -> None:
        self.progress, tensors = load_checkpoint(checkpoint)
        take_back(self.model, tensors["weights"])
        restore_optimiser(self.optimiser, tensors.get("optimiser", {}))
        if self.average:
            if "average" not in tensors:
                msg = f"{checkpoint} holds no average of the weights: resume with ema = 0"
                raise ArtifactError(msg)
            self.average.restore(tensors["average"], self._updates)
        self.best = tensors.get("best", {})

    def finish(self) -> Run:
        """Take the kept weights, choose thresholds on the validation rows, and give the run."""
        kept = self.best or (self.average.state if self.average else None)
        if kept:
            take_back(self.model, kept)
        self._choose_thresholds()
        self.model.eval()
        folder = self.folder
        if folder and self.accelerator.is_main_process:
            self.model.save(folder / "model", replace=True)
            self.ledger.write(folder / "ledger.jsonl")
        self.accelerator.wait_for_everyone()
        self.log.close()
        p = self.progress
        return Run(self.model, p.history, p.settled, self.ledger, p.seconds, folder)

    def _choose_thresholds(self) -> None:
        heads = [(t, h) for t, h in self.model.task.heads.items() if h.learns_threshold]
        if not heads or self.valid is None or len(self.valid) == 0:
            return
        outcome = collect(self.model, self.valid, rows_per_step=2 * self.plan.rows_per_step)
        for target, head in heads:
            known = head.known(outcome.truth[target])
            if known.any():
                head.fit_thresholds(outcome.truth[target][known], outcome.decided[target][known])


def batch_device(batch: Batch) -> torch.device:
    """Tell where a batch is."""
    return next(iter(batch.columns.values())).present.device
