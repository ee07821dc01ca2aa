/** The words of questions that are ours, in the reader's language: our server says what they are (`natter`). */

import type { AskedNote, StructuredInputItem, StructuredQuestion } from "../protocol/types";
import type { TextKey } from "./locales/en";

type Text = (key: TextKey, values?: Record<string, string>) => string;

/** The answers to an approval and to a consent, as the server takes them. */
export const DECLINE = "Decline";
const DECISIONS: Readonly<Record<string, TextKey>> = {
  Approve: "approve",
  "Approve always in this conversation": "approveAlways",
  [DECLINE]: "decline",
  Done: "connectDone",
};
const CONFIRMATIONS: Readonly<Record<string, TextKey>> = { Yes: "yes", No: "no" };

/** What our server says of an item that waits for a decision; null for any other form. */
export function askedOf({ natter }: StructuredInputItem): AskedNote | null {
  return natter?.kind === "approval" || natter?.kind === "consent" ? natter : null;
}

/** What an approval or a consent asks. */
export function decisionTitle(asked: AskedNote, text: Text): string {
  if (asked.kind === "consent") return text("connectAsk", { name: asked.label });
  return text("allowCall", { name: asked.server ? `${asked.tool} (${asked.server})` : asked.tool });
}

/** An answer as people read it. */
export function answerText(item: StructuredInputItem, question: StructuredQuestion, value: string, text: Text): string {
  const isDecision = askedOf(item) !== null && question === item.inputs[0];
  const known = isDecision ? DECISIONS[value] : question.natter?.type === "confirm" ? CONFIRMATIONS[value] : undefined;
  return known ? text(known) : value;
}

/** What stands above an answer. */
export function questionText(item: StructuredInputItem, question: StructuredQuestion, text: Text): string {
  const asked = askedOf(item);
  if (asked === null) return question.question;
  if (question !== item.inputs[0]) return text("declineReason");
  const { details } = partsOf(question);
  const title = decisionTitle(asked, text);
  return asked.kind === "approval" && details ? `${title}\n\n${details}` : title;
}

/** ChatKit's questions are one text; what stands behind a blank line are its details, such as a tool's arguments. */
export function partsOf({ question }: StructuredQuestion): { title: string; details: string } {
  const [title = "", ...more] = question.split("\n\n");
  return { title, details: more.join("\n\n") };
}
