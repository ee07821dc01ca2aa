import { expect, test } from "vitest";
import type { ThreadItem } from "../src/protocol/types";
import { canContinueTurn, canRetryTurn, hasAnswer, type StoredTurn, turnAtEnd } from "../src/state/stored-turn";

const base = { thread_id: "t", created_at: "2026-01-01T00:00:00" };
const question = (id: string): ThreadItem => ({ ...base, id, type: "user_message", content: [{ type: "input_text", text: id }] });
const answer = (id: string, text: string): ThreadItem => ({ ...base, id, type: "assistant_message", content: [{ type: "output_text", text, annotations: [] }] });
const told = (message_id: string, more: Partial<StoredTurn> = {}): StoredTurn => ({
  run_id: `run_of_${message_id}`, message_id, status: "cancelled", error_code: null, message_versions: [], answer_versions: [], ...more,
});

const items = [question("q"), answer("a", "one"), question("r"), answer("b", " ")];

test("a turn is told of where its items end", () => {
  expect(turnAtEnd(items, [told("r")])).toEqual(told("r"));
  expect(turnAtEnd(items, [told("q")])).toBeNull(); // another turn has begun since
  expect(turnAtEnd(items.slice(0, 2), [told("q")])).toEqual(told("q"));
  expect(turnAtEnd([answer("c", "x")], [told("q")], told("q"))).toEqual(told("q")); // begun before these items
});

test("an answer without a word is none", () => {
  expect(hasAnswer(items, told("q"))).toBe(true);
  expect(hasAnswer(items, told("r"))).toBe(false);
});

test("a turn is retried where that may help, and continued where there is more", () => {
  expect(canRetryTurn(told("q", { status: "failed", error_code: "model_timeout" }))).toBe(true);
  expect(canRetryTurn(told("q", { status: "failed", error_code: "model_context_exceeded" }))).toBe(false);
  expect([canRetryTurn(told("q")), canContinueTurn(told("q"))]).toEqual([false, true]);
  expect(canContinueTurn(told("q", { status: "failed", error_code: "model_answer_cut_off" }))).toBe(true);
});
