"""What a request is refused with, in the shape that OpenAI's clients read."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse


class ApiError(Exception):
    """A request cannot be answered.

    Attributes:
        status: Of HTTP.
        message: One sentence.
        param: The member of the request that is at fault; None for all of it.
        code: A word for programs; None where the status says enough.
        headers: Of the response, besides the usual ones.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.message = _encodable(message)
        self.param = None if param is None else _encodable(param)
        self.headers = dict(headers or {})

    def content(self) -> dict[str, object]:
        """The body of the response."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {"message": self.message, "type": kind, "param": self.param, "code": self.code},
        }

    def response(self) -> JSONResponse:
        """The response."""
        return JSONResponse(self.content(), status_code=self.status, headers=self.headers)


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON may name and UTF-8 has no bytes for."""
    return text.encode("utf-8", "backslashreplace").decode()


def refuse(param: str, message: str) -> ApiError:
    """A member of a request has a value that cannot be."""
    return ApiError(400, f"{param}: {message}", param=param, code="invalid_value")


def no_such_model(asked: str | None, model_id: str) -> ApiError:
    """A request is for another model than the server's."""
    message = f"model: {asked!r} is not here; this server has {model_id!r}"
    return ApiError(404, message, param="model", code="model_not_found")
