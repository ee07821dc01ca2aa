import { expect, test } from "vitest";
import { SequenceGate } from "../src/chat/sequence-gate";

test("an event passes once, whichever stream brings it first", () => {
  const gate = new SequenceGate();
  gate.restart("10");
  expect(gate.passesFromAnswer("12")).toBe(true);
  expect(gate.passesFromConversation("11")).toBe(true); // of another run, and later: it must not be lost
  expect(gate.passesFromConversation("12")).toBe(false);
  expect(gate.passesFromAnswer("11")).toBe(false);
  expect(gate.passesFromConversation("13")).toBe(true);
  expect(gate.passesFromAnswer("13")).toBe(false);
});

test("the position is where the conversation's stream stands, not the answer", () => {
  const gate = new SequenceGate();
  expect(gate.position).toBeNull();
  gate.restart("0");
  expect(gate.position).toBe("0");
  gate.passesFromAnswer("5");
  expect(gate.position).toBe("0");
  gate.passesFromConversation("4");
  expect(gate.position).toBe("4");
});

test("frames without a number always pass", () => {
  const gate = new SequenceGate();
  expect(gate.passesFromConversation(null)).toBe(true);
  expect(gate.passesFromAnswer("abc")).toBe(true);
});

test("the mark behind stored items is no place in the stream", () => {
  const gate = new SequenceGate();
  gate.restart("7");
  expect(gate.passesFromConversation("9007199254740991")).toBe(true);
  expect(gate.position).toBe("7");
  expect(gate.passesFromConversation("8")).toBe(true);
});
