"""A result that shall fit a type: what is asked for, and what again. Imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native
from ._errors import InvalidRequestError, TaskError
from ._parse import Mismatch, NoJson, read
from ._schema import check_type, schema_text

if TYPE_CHECKING:
    from ._agi.models import TaskResult


class Wanted:
    """The `output` of one call, and the results that did not fit it."""

    def __init__(self, output: Any, repairs: int, describe: bool) -> None:
        if not isinstance(repairs, int) or isinstance(repairs, bool) or repairs < 0:
            raise InvalidRequestError(
                f"`repairs` is {repairs!r}. Pass how often the agent may be asked again: 0, 1, ..."
            )
        if not isinstance(describe, bool):
            raise InvalidRequestError(f"`describe_output` is {describe!r}. Pass True or False.")
        if output is None:
            raise InvalidRequestError(
                "`repairs` needs `output`: the type that the result shall fit."
            )
        self._output = output
        self._repairs = repairs
        self._schema: str | None = None
        self._refused: list[TaskResult[Any]] = []
        self._error = TaskError()
        try:
            check_type(output)
        except Exception as error:
            raise InvalidRequestError(
                f"`output` cannot be made of JSON: {_sentence(error)}"
            ) from error
        if not describe:
            return
        try:
            self._schema = schema_text(output)
        except Exception as error:
            raise InvalidRequestError(
                f"`output` has no JSON schema: {_sentence(error)} Pass a type that has one, or "
                "describe the result in the task, with `describe_output=False`."
            ) from error

    def ask(self, message: str) -> str:
        """The task in the words that also ask for this type."""
        return message if self._schema is None else _native.ask_for(message, self._schema)

    def judge(self, result: TaskResult[Any]) -> str | None:
        """Fills in `output`; else gives what is to be sent to the same session.

        Raises:
            TaskError: The result does not fit, and there are no more repairs.
        """
        result.refused = list(self._refused)
        try:
            result.output = read(result.data, self._output)
        except Exception as misfit:
            self._error = self._refusal(misfit, result)
            # What is no matter of the result would be the same again.
            mends = isinstance(misfit, (Mismatch, ValueError, AssertionError))
            if len(self._refused) == self._repairs or not mends:
                raise self._error from (
                    misfit.__cause__ if isinstance(misfit, Mismatch) else misfit
                )
            self._refused.append(result)
            return _native.ask_again(_problem(misfit), self._schema)
        return None

    def asks(self, task: Any) -> Any:
        """A task of `run_tasks` in those words."""
        if isinstance(task, str):
            return self.ask(task)
        return {**task, "message": self.ask(task["message"])}

    def misfit(self, result: TaskResult[Any]) -> TaskError | None:
        """The same where nobody is asked again."""
        try:
            self.judge(result)
        except TaskError as misfit:
            return misfit
        return None

    def lost(self, failure: BaseException) -> None:
        """A repair failed: its error leads to the result that did not fit."""
        first, seen = failure, {id(failure)}
        # What somebody raised from something else leads there by that.
        while first.__cause__ is not None and id(first.__cause__) not in seen:
            first = first.__cause__
            seen.add(id(first))
        if first.__cause__ is None and first is not self._error:
            first.__cause__ = self._error

    def late(self) -> TaskError:
        """No time is left for a repair."""
        return self._error

    def _refusal(self, misfit: Exception, result: TaskResult[Any]) -> TaskError:
        error = TaskError(_native.does_not_fit(_problem(misfit), len(self._refused)))
        error.reason = "no_json" if isinstance(misfit, NoJson) else "unexpected_shape"
        error.session_id = result.session_id
        error.result = result
        return error


def _problem(misfit: Exception) -> str | None:
    if isinstance(misfit, NoJson):
        return None
    return "\n".join(_lines(misfit))


def _lines(error: Exception) -> list[str]:
    lines = (str(error) or type(error).__name__).splitlines()
    # pydantic's links are for people.
    return [line for line in lines if not line.lstrip().startswith("For further information")]


def _sentence(error: Exception) -> str:
    """What an error of another package says, in one line with a full stop."""
    text = " ".join(line.strip() for line in _lines(error)).strip()
    return text if text.endswith(".") else f"{text}."
