/** Everything that this client throws by itself; an abort throws the signal's own reason. */
export class FlambeauError extends Error {
  override readonly name: string = "FlambeauError";

  constructor(message: string, cause?: unknown) {
    super(message);
    // Defined here, as the second argument of Error is newer than some run times.
    if (cause !== undefined) Object.defineProperty(this, "cause", { value: cause });
  }
}

/** The server could not be reached, or the connection broke before the answer was complete. */
export class ConnectionError extends FlambeauError {
  override readonly name = "ConnectionError";
}

/** No answer, or no further part of a stream, came within `timeout` milliseconds. */
export class TimeoutError extends FlambeauError {
  override readonly name = "TimeoutError";
}

/** What the server says about a refused request. */
export interface ErrorDetails {
  readonly status: number;
  readonly message: string;
  /** The kind of error, such as `invalid_input`. */
  readonly type: string;
  /** The field at fault, as a path: `input[3]`, `messages[0].content`. */
  readonly param: string | null;
  readonly code: string | null;
  /** Names this request in the server's log. */
  readonly requestId: string | null;
  /** Milliseconds after which the server wants to be asked again. */
  readonly retryAfter: number | null;
}

/** The server answered with an error. */
export class ApiError extends FlambeauError implements ErrorDetails {
  override readonly name: string = "ApiError";
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfter: number | null;

  constructor(details: ErrorDetails) {
    super(details.message);
    this.status = details.status;
    this.type = details.type;
    this.param = details.param;
    this.code = details.code;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
  }
}

/** 400: the request is no HTTP, JSON or form that can be read. */
export class BadRequestError extends ApiError {
  override readonly name = "BadRequestError";
}

/** 401: no key came, or a wrong one. */
export class UnauthorizedError extends ApiError {
  override readonly name = "UnauthorizedError";
}

/** 403: the key is right, and may not do this. */
export class ForbiddenError extends ApiError {
  override readonly name = "ForbiddenError";
}

/** 404: there is no such route, model or version. */
export class NotFoundError extends ApiError {
  override readonly name = "NotFoundError";
}

/** 408: the request did not arrive in time. */
export class RequestTimeoutError extends ApiError {
  override readonly name = "RequestTimeoutError";
}

/** 413: the body, a picture or a text exceeds the server's limit. */
export class TooLargeError extends ApiError {
  override readonly name = "TooLargeError";
}

/** 415: the content type is none that the route takes. */
export class UnsupportedMediaTypeError extends ApiError {
  override readonly name = "UnsupportedMediaTypeError";
}

/** 422: a field's value is wrong; `param` names the field. */
export class InvalidInputError extends ApiError {
  override readonly name = "InvalidInputError";
}

/** 429: this key has used up what it may; `retryAfter` says when to come back. */
export class RateLimitError extends ApiError {
  override readonly name = "RateLimitError";
}

/** 500: the model or the server failed; the server's log has more under `requestId`. */
export class ServerError extends ApiError {
  override readonly name = "ServerError";
}

/** 503: the queue is full or the server stops; `retryAfter` says when to come back. */
export class UnavailableError extends ApiError {
  override readonly name = "UnavailableError";
}

/** 504: the answer was not ready within the server's own limit. */
export class DeadlineExceededError extends ApiError {
  override readonly name = "DeadlineExceededError";
}

const ERROR_CLASSES: Readonly<Record<number, typeof ApiError>> = {
  400: BadRequestError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  408: RequestTimeoutError,
  413: TooLargeError,
  415: UnsupportedMediaTypeError,
  422: InvalidInputError,
  429: RateLimitError,
  500: ServerError,
  503: UnavailableError,
  504: DeadlineExceededError,
};

/** Errors inside a stream carry no status of their own. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  request_timeout: 408,
  too_large: 413,
  unsupported_media_type: 415,
  invalid_input: 422,
  rate_limited: 429,
  unavailable: 503,
  deadline_exceeded: 504,
};

/** Build the error of an answer's JSON; `status` is absent inside a stream. */
export function errorFrom(body: unknown, status?: number, headers?: Headers): ApiError {
  const outer = isRecord(body) ? body["error"] : undefined;
  const error = isRecord(outer) ? outer : {};
  const type = textOf(error["type"]);
  const known = status ?? (type === null ? undefined : STATUS_OF_TYPE[type]) ?? 500;
  const details: ErrorDetails = {
    status: known,
    message: textOf(error["message"]) ?? `the server answered with status ${known}`,
    type: type ?? "unknown",
    param: textOf(error["param"]),
    code: textOf(error["code"]),
    requestId: textOf(error["request_id"]) ?? headers?.get("x-request-id") ?? null,
    retryAfter: retryAfterOf(headers?.get("retry-after") ?? null),
  };
  return new (ERROR_CLASSES[known] ?? ApiError)(details);
}

/** Milliseconds that a `Retry-After` header asks for: it holds seconds or a date. */
export function retryAfterOf(header: string | null, now = Date.now()): number | null {
  const value = header?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
