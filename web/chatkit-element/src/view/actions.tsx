import type { AssistantMessageItem } from "../protocol/types";
import { spokenText } from "../markdown/spoken";
import { plainText } from "./assistant-message";
import { IconButton } from "./button";
import { useLocale, useView } from "./context";
import { CopyButton } from "./copy-button";
import { ReadAloudButton } from "./read-aloud";

export interface ActionFlags {
  rating: "positive" | "negative" | null;
}

export function AnswerActions({ item, rating }: ActionFlags & { item: AssistantMessageItem }) {
  const { chat, options, locale, readsAloud } = useView();
  const { text } = locale;
  const rate = (kind: "positive" | "negative") => () => void chat.sendFeedback(item.id, kind);
  return (
    <div class="actions" part="actions">
      <CopyButton label={text("copyMessage")} text={() => plainText(item)} />
      {readsAloud && <ReadAloudButton text={() => spokenText(plainText(item))} />}
      {options.canRate && (
        <>
          <IconButton icon="lucide:thumbs-up" label={text("goodAnswer")} isPressed={rating === "positive"} onClick={rate("positive")} />
          <IconButton icon="lucide:thumbs-down" label={text("badAnswer")} isPressed={rating === "negative"} onClick={rate("negative")} />
        </>
      )}
      {options.canRetry && (
        <IconButton icon="reload" class="when-idle" label={text("retry")} onClick={() => void chat.retry(item.id)} />
      )}
      <ItemTime createdAt={item.created_at} />
    </div>
  );
}

/** Shown when the message is pointed at or focused; the whole date is its tooltip. */
export function ItemTime({ createdAt }: { createdAt: string }) {
  const { time, dateTime } = useLocale();
  const label = time(createdAt);
  if (!label) return null;
  return (
    <time class="time" dateTime={createdAt} title={dateTime(createdAt)}>
      {label}
    </time>
  );
}
