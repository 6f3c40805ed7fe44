/** What went wrong, as a person wants to hear it. */

import { ApiError, ConnectionError, TimeoutError } from "@flambeau/client";

export type Failure = {
  title: string;
  message: string;
  /** The field at fault, as the server names it. */
  param: string | null;
  requestId: string | null;
  /** Seconds to wait before trying again. */
  wait: number | null;
  signedOut: boolean;
};

const TITLES: Record<number, string> = {
  400: "The server could not read the request",
  401: "You are signed out",
  403: "Your key does not allow this",
  404: "The server does not know this model",
  408: "Sending took too long",
  413: "This is too large",
  415: "The server does not take this kind of file",
  422: "Something in the input is not right",
  429: "Too many requests",
  500: "The model failed",
  503: "The server is busy",
  504: "The model took too long",
};

export function failureOf(error: unknown): Failure {
  const plain = { param: null, requestId: null, wait: null, signedOut: false };
  if (error instanceof ApiError) {
    return {
      title: TITLES[error.status] ?? `The server answered with error ${error.status}`,
      message: sentence(error.message),
      param: error.param,
      requestId: error.requestId,
      wait: error.retryAfter === null ? null : Math.ceil(error.retryAfter / 1000),
      signedOut: error.status === 401,
    };
  }
  if (error instanceof ConnectionError) {
    return {
      ...plain,
      title: "The server cannot be reached",
      message: "Check that it runs and that this device is connected, then try again.",
    };
  }
  if (error instanceof TimeoutError) {
    return { ...plain, title: "No answer came", message: sentence(error.message) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { ...plain, title: "This did not work", message: sentence(message) };
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const upper = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(upper) || upper === "" ? upper : `${upper}.`;
}
