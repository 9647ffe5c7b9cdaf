"""Finds tasks of the harness and runs them on a model."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from mmoe.export.evaluation.results import TaskResult, read_results
from mmoe.runtime_bindings.python.errors import MmoeError, OptionError

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from mmoe.export.evaluation.harness_model import HarnessModel

# The harness's own, so that examples and shuffled choices are those of published figures.
_SEED, _OTHER_SEED = 0, 1234
_BOOTSTRAP_SAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What to evaluate.

    Attributes:
        tasks: Names of tasks, groups and tags, with ``*`` for any letters; or YAML files.
        include_path: Folder of further tasks, in YAML.
        num_fewshot: Examples in front of every question; None for what each task says.
        limit: Items of every task at most; None for all.
        apply_chat_template: Whether questions become turns of a conversation.
        run_generated_code: Whether tasks may run the programs that the model writes.
    """

    tasks: tuple[str, ...]
    include_path: Path | None = None
    num_fewshot: int | None = None
    limit: int | None = None
    apply_chat_template: bool = False
    run_generated_code: bool = False

    def __post_init__(self) -> None:
        if not self.tasks:
            raise OptionError("name at least one task")
        if self.num_fewshot is not None and self.num_fewshot < 0:
            raise OptionError(f"num_fewshot must not be negative, not {self.num_fewshot}")
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"limit must be at least 1, not {self.limit}")


class Tasks:
    """Tasks with their data sets, for any number of models."""

    def __init__(self, options: EvaluationOptions) -> None:
        """Loads definitions and data sets; the latter come from the hub or its local cache unless a task has its own.

        Raises:
            OptionError: There is no such task or folder, or a task needs what is not there: images, or leave to run
                programs.
            MmoeError: A definition or a data set cannot be had.
        """
        self._options = options
        if options.include_path is not None and not options.include_path.is_dir():
            raise OptionError(f"{options.include_path}: is no folder of tasks")
        manager, names = _found(options)
        try:
            self._loaded = manager.load(names)
        except Exception as error:
            # Definitions are programs of strangers and data sets come over the network: anything can go wrong in them.
            raise MmoeError(
                f"{', '.join(names)}: cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        for name, task in self._tasks.items():
            _require_runnable(name, task, options)
            _set_examples(task, options.num_fewshot)

    @property
    def _tasks(self) -> dict[str, Task]:
        found: dict[str, Task] = self._loaded["tasks"]
        return found

    def run(self, model: HarnessModel) -> tuple[TaskResult, ...]:
        """Runs every task.

        Raises:
            MmoeError: The model cannot do what a task asks for.
        """
        random.seed(_SEED)
        np.random.seed(_OTHER_SEED)
        for task in self._tasks.values():
            task.set_fewshot_seed(seed=_OTHER_SEED)
        found: Any = evaluate(
            lm=model,
            task_dict=self._loaded,
            limit=self._options.limit,
            bootstrap_iters=_BOOTSTRAP_SAMPLES,
            apply_chat_template=self._options.apply_chat_template,
            fewshot_as_multiturn=self._options.apply_chat_template,
            confirm_run_unsafe_code=self._options.run_generated_code,
        )
        return read_results(found, {name: task.OUTPUT_TYPE for name, task in self._tasks.items()})


def _found(options: EvaluationOptions) -> tuple[TaskManager, list[str]]:
    """Where tasks are, and their names; the harness's own, which take seconds, are read only if they are needed."""
    for include_defaults in (False, True):
        manager = TaskManager(include_path=options.include_path, include_defaults=include_defaults)
        names: list[str] = []
        for wanted in options.tasks:
            matches = [wanted] if Path(wanted).suffix == ".yaml" else manager.match_tasks([wanted])
            if not matches and include_defaults:
                raise OptionError(f"{wanted}: is no task, group or tag of the harness, nor of --include-path")
            names += [each for each in matches or [""] if each not in names]
        # A group of one's own may have tasks of the harness in it.
        single = set(manager.all_subtasks)
        if all(each in single or Path(each).suffix == ".yaml" for each in names):
            break
    return manager, names


def _require_runnable(name: str, task: Task, options: EvaluationOptions) -> None:
    if getattr(task, "MULTIMODAL", False):
        raise OptionError(f"{name}: asks about images or sounds, which these models do not take")
    if getattr(task, "UNSAFE_CODE", False) and not options.run_generated_code:
        raise OptionError(
            f"{name}: runs the programs that the model writes; allow it with --run-generated-code, in a place where "
            "they can do no harm"
        )


def _set_examples(task: Task, count: int | None) -> None:
    # A task that says 0 means it: its question has a form of its own.
    if count is not None and task.get_config("num_fewshot") != 0:
        task.set_config(key="num_fewshot", value=count)
