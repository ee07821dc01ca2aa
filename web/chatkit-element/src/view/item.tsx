/** One item of the thread. An item of an unknown type is drawn as a note. */

import { textOf } from "../protocol/text";
import type { GeneratedImageItem, ThreadItem, UserContent, WireAttachment } from "../protocol/types";
import { entityOfTag } from "../state/mentions";
import { answerText, askedOf, questionText } from "../text/asked";
import type { StoredTurn } from "../state/stored-turn";
import { AnswerActions, type ActionFlags, ItemTime } from "./actions";
import { AssistantMessage } from "./assistant-message";
import { IconButton } from "./button";
import { useLocale, useView } from "./context";
import { CopyButton } from "./copy-button";
import { Icon } from "./icon";
import { EntityView } from "./entity";
import { GeneratedImage } from "./generated-image";
import { memo } from "./memo";
import { MessageAttachments } from "./message-attachments";
import { Versions } from "./turn-note";
import { WidgetView } from "./widgets/widget";
import { TaskView, WorkflowView } from "./workflow";

interface ItemProps extends ActionFlags {
  item: ThreadItem;
  isTurnActive: boolean;
  isWaiting: boolean;
  isStreaming: boolean;
  allowedImageDomains: readonly string[];
  /** A message of the user that has several versions. */
  versions: StoredTurn | null;
}

export const ItemView = memo((props: ItemProps) => {
  const { item } = props;
  switch (item.type) {
    case "user_message":
      return <UserMessage itemId={item.id} content={item.content} quote={item.quoted_text ?? null} attachments={item.attachments ?? []} createdAt={item.created_at} versions={props.versions} />;
    case "assistant_message":
      return (
        <article class="message assistant" part="message assistant-message" data-item={item.id}>
          <AssistantMessage item={item} isStreaming={props.isStreaming} allowedImageDomains={props.allowedImageDomains} />
          {!props.isStreaming && <AnswerActions {...props} item={item} />}
        </article>
      );
    case "workflow":
      return <WorkflowView workflow={item.workflow} isTurnActive={props.isTurnActive} isWaiting={props.isWaiting} />;
    case "task":
      return <TaskView task={item.task} isTurnActive={props.isTurnActive} isWaiting={props.isWaiting} />;
    case "structured_input":
      return <AnsweredQuestions item={item} />;
    case "generated_image":
      return <ImageView image={item.image ?? null} allowedImageDomains={props.allowedImageDomains} />;
    case "widget":
      return (
        <WidgetView
          item={item}
          isStreaming={props.isStreaming}
          allowedImageDomains={props.allowedImageDomains}
          fallback={<UnsupportedNote type="widget" copyText={item.copy_text ?? null} />}
        />
      );
    case "client_tool_call":
    case "end_of_turn":
      return null;
    default:
      return <UnsupportedNote type={String((item as { type?: unknown }).type)} copyText={null} />;
  }
});

interface UserMessageProps {
  versions?: StoredTurn | null;
  content: readonly UserContent[];
  quote: string | null;
  attachments: readonly WireAttachment[];
  createdAt: string;
  /** Absent for a message that the server has not shown yet. */
  itemId?: string;
}

export const UserMessage = memo(({ itemId, content, quote, attachments, createdAt, versions }: UserMessageProps) => {
  const { chat, locale, focusComposer } = useView();
  const { text } = locale;
  const hasWords = attachments.length === 0 || content.some((part) => part.text.trim() !== "");
  const edit = () => {
    if (itemId !== undefined && chat.startEdit(itemId)) focusComposer();
  };
  return (
    <article class="message user" part="message user-message" data-item={itemId}>
      <span class="visually-hidden">{text("you")}</span>
      {quote && <blockquote class="quote" dir="auto">{quote}</blockquote>}
      <MessageAttachments attachments={attachments} />
      {hasWords && <div class="bubble" part="bubble" dir="auto">
        {content.map((part, index) =>
          part.type === "input_tag" ? (
            <EntityView key={index} entity={entityOfTag(part)} class="tag" label={part.text} />
          ) : (
            part.text
          ),
        )}
      </div>}
      <div class="actions">
        <ItemTime createdAt={createdAt} />
        {itemId !== undefined && chat.canEdit && <IconButton icon="lucide:pencil" class="when-idle" label={text("editMessage")} onClick={edit} />}
        <CopyButton label={text("copyMessage")} text={() => textOf(content)} />
        {versions && <Versions runs={versions.message_versions} runId={versions.run_id} label={text("messageVersions")} />}
      </div>
    </article>
  );
});

function AnsweredQuestions({ item }: { item: Extract<ThreadItem, { type: "structured_input" }> }) {
  const { text } = useLocale();
  if (item.status === "pending") return null; // the form is shown where the composer is otherwise
  return (
    <dl class="answers">
      {item.inputs.filter((input, at) => at === 0 || askedOf(item) === null || input.answer?.values.length).map((input) => (
        <div key={input.id}>
          <dt dir="auto">{questionText(item, input, text)}</dt>
          <dd dir="auto">{input.answer?.values.length ? input.answer.values.map((value) => answerText(item, input, value, text)).join(", ") : text("skipped")}</dd>
        </div>
      ))}
    </dl>
  );
}

function ImageView({ image, allowedImageDomains }: { image: GeneratedImageItem["image"]; allowedImageDomains: readonly string[] }) {
  const { text } = useLocale();
  if (!image) return <p class="note">{text("loading")}</p>;
  const fallback = <UnsupportedNote type="generated_image" copyText={image.url} />;
  return <GeneratedImage image={image} allowedImageDomains={allowedImageDomains} fallback={fallback} />;
}

function UnsupportedNote({ type, copyText }: { type: string; copyText: string | null }) {
  const { text } = useLocale();
  return (
    <div class="note" part="note">
      <Icon name="info" />
      <span>
        {text("unsupported", { type })}
        {copyText && <span class="note-text" dir="auto">{copyText}</span>}
      </span>
    </div>
  );
}
