/** A note behind a turn: that it failed or was stopped, and arrows to its other answers. */

import type { UserContent } from "../protocol/types";
import { canContinueTurn, canRetryTurn, hasAnswer, type StoredTurn } from "../state/stored-turn";
import { TEXT_BY_CODE } from "../text/failure-text";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";
import { memo } from "./memo";
import { sendContent } from "./send";

export const TurnNote = memo(({ turn }: { turn: StoredTurn }) => {
  const { locale } = useView();
  const { text } = locale;
  const isFailed = turn.status === "failed";
  const code = turn.error_code ?? "";
  const known = TEXT_BY_CODE[code];
  return (
    <div class="turn-note">
      {turn.answer_versions.length > 1 && <Versions runs={turn.answer_versions} runId={turn.run_id} label={text("answerVersions")} />}
      {(isFailed || turn.status === "cancelled") && (
        <div class={`notice ${isFailed ? "danger" : "info"}`} part="turn-note" role="status">
          <Icon name={isFailed ? "lucide:circle-x" : "lucide:square"} />
          <div class="notice-text">
            <p>
              {isFailed ? text(known ?? "errorRunFailed") : text("stopped")} {isFailed && !known && <small class="error-code">{code}</small>}
            </p>
          </div>
          <TurnActions turn={turn} />
        </div>
      )}
    </div>
  );
});

function TurnActions({ turn }: { turn: StoredTurn }) {
  const { chat, options, locale } = useView();
  const { text } = locale;
  const goOn = () => {
    // An answer that was stopped before its first word cannot be continued: the message is answered again.
    if (!hasAnswer(chat.store.state.conversation.thread.items, turn)) return void chat.retryTurn(turn);
    const content: UserContent[] = [{ type: "input_text", text: text("continue") }];
    void sendContent(chat, options, content);
  };
  return (
    <>
      {canRetryTurn(turn) && (
        <button type="button" class="text-button when-idle" onClick={() => void chat.retryTurn(turn)}>
          {text("tryAgain")}
        </button>
      )}
      {canContinueTurn(turn) && (
        <button type="button" class="text-button when-idle" onClick={goOn}>
          {text("continue")}
        </button>
      )}
    </>
  );
}

/** ‹ 2/3 ›: goes between the versions of a message or of an answer. Left and right, as one reads. */
export function Versions({ runs, runId, label }: { runs: readonly string[]; runId: string; label: string }) {
  const { chat, locale } = useView();
  const at = runs.indexOf(runId);
  const go = (to: number) => () => void chat.switchBranch(runs[to] as string);
  return (
    <div class="versions" part="versions" role="group" aria-label={label}>
      <IconButton icon="lucide:chevron-left" class="when-idle" label={locale.text("previousVersion")} isDisabled={at <= 0} onClick={go(at - 1)} />
      <span dir="ltr" aria-live="polite">
        {at + 1}/{runs.length}
      </span>
      <IconButton icon="lucide:chevron-right" class="when-idle" label={locale.text("nextVersion")} isDisabled={at >= runs.length - 1} onClick={go(at + 1)} />
    </div>
  );
}
