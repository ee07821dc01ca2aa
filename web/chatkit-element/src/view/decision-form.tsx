/** A decision that an answer waits for, in place of the composer: may a tool be called, may a server be connected. */

import { useState } from "preact/hooks";
import { safeLink } from "../markdown/links";
import type { AskedNote, StructuredInputItem } from "../protocol/types";
import { answerText, DECLINE, decisionTitle, partsOf } from "../text/asked";
import { useView } from "./context";
import { useAnswering } from "./answering";

interface DecisionProps {
  item: StructuredInputItem;
  asked: AskedNote;
  isTurnActive: boolean;
}

export function DecisionForm({ item, asked, isTurnActive }: DecisionProps) {
  const { text } = useView().locale;
  const answer = useAnswering(item.id);
  const [reason, setReason] = useState("");
  const [decision, why] = item.inputs;
  if (!decision) return null;
  const decide = (value: string) => {
    const reasons = value === DECLINE && reason.trim() ? [reason.trim()] : [];
    const given = { [decision.id]: { values: [value], skipped: false } };
    answer("answered", why ? { ...given, [why.id]: { values: reasons, skipped: reasons.length === 0 } } : given);
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    if (reason.trim() && !isTurnActive) decide(DECLINE); // Enter in the field of the reason
  };
  const { details } = partsOf(decision);
  const url = asked.kind === "consent" ? safeLink(asked.url, document.baseURI) : null;
  const values = (decision.options ?? []).map(({ value }) => value);
  return (
    <form class="structured" part="structured-input" aria-label={text("questions")} onSubmit={onSubmit}>
      <fieldset>
        <legend dir="auto">
          {decisionTitle(asked, text)}
          {asked.kind === "approval" && details && <span class="question-details">{details}</span>}
        </legend>
        {url && (
          <a class="decision-link" href={url} target="_blank" rel="noreferrer noopener">
            {text("connectOpen")}
          </a>
        )}
        {why && (
          <input
            type="text"
            class="other"
            dir="auto"
            value={reason}
            aria-label={text("declineReason")}
            placeholder={text("declineReason")}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        )}
      </fieldset>
      <div class="structured-bar">
        {[...values].reverse().map((value) => (
          <button
            key={value}
            type="button"
            class={value === values[0] ? "primary" : "text-button"}
            disabled={isTurnActive}
            onClick={() => decide(value)}
          >
            {answerText(item, decision, value, text)}
          </button>
        ))}
      </div>
    </form>
  );
}
