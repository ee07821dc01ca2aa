import { textOf } from "../protocol/text";
import type { OutgoingMessage } from "../state/app-state";
import { useView } from "./context";
import { memo } from "./memo";
import { MessageAttachments } from "./message-attachments";
import { failureText } from "../text/failure-text";
import type { TextKey } from "../text/locales/en";

/** A message that is not delivered yet: whether it waits, is being sent or failed, and what can be done about it. */
export const OutgoingView = memo(({ message, isOnline }: { message: OutgoingMessage; isOnline: boolean }) => {
  const { chat, locale, focusComposer } = useView();
  const { text } = locale;
  const { status, key } = message;
  const words = textOf(message.input.content);
  const edit = () => {
    chat.discard(key, true);
    focusComposer();
  };
  const isStuck = status === "failed" || status === "restored";
  return (
    <article class={`message user outgoing ${status}`} part="message user-message" data-status={status}>
      <span class="visually-hidden">{text("you")}</span>
      {message.input.quoted_text && <blockquote class="quote" dir="auto">{message.input.quoted_text}</blockquote>}
      <MessageAttachments attachments={message.attachments} />
      {(words.trim() !== "" || message.attachments.length === 0) && <div class="bubble" part="bubble" dir="auto">{words}</div>}
      {status !== "accepted" && (
        <div class="delivery" role={isStuck ? "alert" : "status"}>
          <span>
            {text(labelOf(status, isOnline))}
            {message.error && `: ${failureText(locale, message.error)}`}
          </span>
          {isStuck && (
            <button type="button" class="text-button" onClick={() => void chat.resend(key)}>
              {status === "failed" ? text("tryAgain") : text("sendNow")}
            </button>
          )}
          {(isStuck || status === "queued") && (
            <>
              <button type="button" class="text-button" onClick={edit}>
                {text("edit")}
              </button>
              <button type="button" class="text-button" onClick={() => chat.discard(key, false)}>
                {text("discard")}
              </button>
            </>
          )}
        </div>
      )}
    </article>
  );
});

function labelOf(status: OutgoingMessage["status"], isOnline: boolean): TextKey {
  switch (status) {
    case "queued":
      return isOnline ? "queued" : "queuedOffline";
    case "failed":
      return "notSent";
    case "restored":
      return "notConfirmed";
    default:
      return "sending";
  }
}
