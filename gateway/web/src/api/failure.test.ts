import { expect, test } from "vitest";
import { asFailure, Failure, failureOf } from "./failure";

const PROBLEM = {
  type: "urn:limner:problem:quota-exceeded",
  title: "Too many uploads",
  status: 429,
  detail: "Wait.",
  instance: "urn:limner:request:1",
  request_id: "1",
};

test("a problem keeps its kind, its words, its wait and its request", () => {
  const failure = failureOf(PROBLEM, new Response(null, { status: 429, headers: { "Retry-After": "7" } }));
  expect(failure).toMatchObject({ kind: "quota-exceeded", detail: "Wait.", retryAfter: 7, requestId: "1" });
  expect(failureOf(PROBLEM, new Response(null, { status: 429 })).retryAfter).toBeNull();
});

test("an answer of something in between is told from one of the server's", () => {
  expect(failureOf("<html>", new Response(null, { status: 502 })).kind).toBe("unexpected-answer");
  expect(failureOf("<html>", new Response(null, { status: 413 })).kind).toBe("file-too-large");
});

test("no answer is a failure of the network", () => {
  expect(failureOf(new TypeError("x"), undefined).kind).toBe("network");
  expect(asFailure(new TypeError("x")).kind).toBe("network");
  expect(asFailure(new Failure("gone")).kind).toBe("gone");
});
