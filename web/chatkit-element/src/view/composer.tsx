import type { Ref } from "preact";
import { useImperativeHandle, useLayoutEffect, useRef } from "preact/hooks";
import type { AttachmentRules } from "../options/attachments";
import type { Entity } from "../protocol/types";
import type { ComposerState, ConversationState } from "../state/app-state";
import { AttachButton, pasteFiles } from "./attach-button";
import { IconButton } from "./button";
import { ComposerAttachments } from "./composer-attachments";
import { useView } from "./context";
import { DictateButton, DictationBar, DictationError, useDictation } from "./dictation";
import { Icon } from "./icon";
import { Menu } from "./menu";
import { memo } from "./memo";
import { MENTION_LIST_ID, mentionId, MentionList, useMentions } from "./mention-list";
import { canSend, rulesOf, selectedModel, sendComposer } from "./send";

export interface ComposerHandle {
  focus: () => void;
}

interface ComposerProps {
  composer: ComposerState;
  turn: ConversationState["turn"];
  allowCancel: boolean;
  status: ConversationState["thread"]["status"];
  handle: Ref<ComposerHandle>;
}

const HEIGHT_MAX_PIXELS = 220;

export const Composer = memo(({ composer, turn, allowCancel, status, handle }: ComposerProps) => {
  const view = useView();
  const { chat, options, locale } = view;
  const { text } = locale;
  const rules = rulesOf(view, composer.modelId);
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(handle, () => ({ focus: () => field.current?.focus() }), []);
  useLayoutEffect(() => fitHeight(field.current), [composer.text]);
  const mentions = useMentions((entity, { start, end }) => mention(entity, start, end));
  /** In the field itself, at once: what is typed next goes behind it. */
  const mention = (entity: Entity | null, start: number, end: number) => {
    const input = field.current;
    if (!input) return;
    input.setRangeText(entity ? `@${entity.title} ` : "", start, end, "end");
    if (!entity) return chat.setComposer({ text: input.value });
    const known = chat.store.state.composer.mentions.filter(({ id }) => id !== entity.id);
    chat.setComposer({ text: input.value, mentions: [...known, entity] });
  };
  /** Where the cursor is, behind a space. */
  const insert = (words: string): HTMLTextAreaElement | null => {
    const input = field.current;
    if (!input) return null;
    input.focus();
    const { value, selectionStart: at } = input;
    input.setRangeText(at === 0 || /\s$/.test(value.slice(0, at)) ? words : ` ${words}`, at, input.selectionEnd, "end");
    chat.setComposer({ text: input.value });
    return input;
  };
  const beginMention = () => {
    const input = insert("@");
    if (input) mentions.onEdit(input);
  };
  const dictation = useDictation((words) => void insert(words), chat.store.state.conversation.key);
  if (status.type !== "active") return <ThreadEnded status={status} />;

  const tool = options.tools.find((candidate) => candidate.id === composer.toolId);
  const isSendable = canSend(composer, rules);
  const canStop = turn !== null && !turn.isStopping && allowCancel && chat.canStop;
  const send = () => void sendComposer(view);
  const onKeyDown = (event: KeyboardEvent) => {
    if (mentions.onKeyDown(event)) return;
    // keyCode 229: Safari ends the composition before it reports the Enter that ended it.
    if (event.key === "ArrowUp" && composer.text === "" && !event.isComposing && chat.startEdit(null)) return event.preventDefault();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229 || isTouch()) return;
    event.preventDefault();
    send();
  };
  return (
    <form class="composer" part="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {composer.editedId !== null && <Editing />}
      <Quote quote={composer.quote} />
      <ComposerAttachments attachments={composer.attachments} refusals={composer.refusals} rules={rules} />
      <DictationError dictation={dictation} />
      <textarea
        ref={field}
        part="composer-input"
        rows={1}
        dir="auto"
        // As it is now: what is found may be drawn between a key and the frame that draws it.
        value={chat.store.state.composer.text}
        aria-label={text("composer")}
        placeholder={tool?.placeholderOverride ?? options.placeholder ?? text("placeholder")}
        aria-autocomplete={mentions.isOffered ? "list" : undefined}
        aria-controls={mentions.found.length > 0 ? MENTION_LIST_ID : undefined}
        aria-activedescendant={mentions.found.length > 0 ? mentionId(mentions.active) : undefined}
        onInput={(event) => {
          chat.setComposer({ text: event.currentTarget.value });
          mentions.onEdit(event.currentTarget);
        }}
        onKeyDown={onKeyDown}
        onPaste={(event) => pasteFiles(event, chat, rules)}
        onBlur={mentions.close}
      />
      <MentionList mentions={mentions} />
      <div class="composer-bar">
        {dictation.phase !== "idle" ? (
          <DictationBar dictation={dictation} />
        ) : (
          <>
            <Inserting rules={rules} toolId={composer.toolId} modelId={composer.modelId} onMention={beginMention} />
            <span class="spacer" />
            <DictateButton dictation={dictation} />
            {canStop && <IconButton class="stop" part="stop-button" icon="lucide:square" label={text("stop")} onClick={() => chat.stop()} />}
            {(!canStop || isSendable) && (
              <button type="submit" class="icon-button send" part="send-button" aria-label={text("send")} title={text("send")} disabled={!isSendable}>
                <Icon name="lucide:arrow-up" />
              </button>
            )}
          </>
        )}
      </div>
    </form>
  );
});

/** What goes with the words: files, a tool, a model, something that is mentioned. */
type InsertingProps = Pick<ComposerState, "toolId" | "modelId"> & { rules: AttachmentRules | null; onMention: () => void };

function Inserting({ rules, toolId, modelId, onMention }: InsertingProps) {
  const { options, locale } = useView();
  return (
    <>
      {rules && <AttachButton rules={rules} />}
      <ToolControls toolId={toolId} />
      <ModelControl modelId={modelId} />
      {options.hasMentionButton && <IconButton icon="lucide:at-sign" label={locale.text("mention")} onClick={onMention} />}
    </>
  );
}

/** On a touch keyboard Enter makes a line, as in every other app there. */
export function isTouch(): boolean {
  return typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches;
}

function fitHeight(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, HEIGHT_MAX_PIXELS)}px`;
}

function ThreadEnded({ status }: { status: Exclude<ConversationState["thread"]["status"], { type: "active" }> }) {
  const { locale } = useView();
  return (
    <p class="thread-ended" part="thread-ended" role="status">
      <Icon name="lucide:lock" />
      <span dir="auto">{status.reason || locale.text(status.type === "locked" ? "threadLocked" : "threadClosed")}</span>
    </p>
  );
}

function Editing() {
  const { chat, locale } = useView();
  return (
    <div class="composer-quote" part="composer-edit">
      <span role="status">{locale.text("editing")}</span>
      <IconButton icon="close" label={locale.text("cancelEdit")} onClick={() => chat.cancelEdit()} />
    </div>
  );
}

function Quote({ quote }: { quote: string | null }) {
  const { chat, locale } = useView();
  if (quote === null) return null;
  return (
    <div class="composer-quote" part="composer-quote">
      <blockquote dir="auto" aria-label={locale.text("quoted")}>{quote}</blockquote>
      <IconButton icon="close" label={locale.text("removeQuote")} onClick={() => chat.setComposer({ quote: null })} />
    </div>
  );
}

function ToolControls({ toolId }: { toolId: string | null }) {
  const { chat, options, locale } = useView();
  const { text } = locale;
  const select = (id: string) => chat.setComposer({ toolId: id === toolId ? null : id });
  const selected = options.tools.find((tool) => tool.id === toolId);
  const unpinned = options.tools.filter((tool) => !tool.pinned);
  return (
    <>
      {unpinned.length > 0 && (
        <Menu label={text("chooseTool")} icon="plus" choices={unpinned} selectedId={toolId} onSelect={select} />
      )}
      {options.tools
        .filter((tool) => tool.pinned)
        .map((tool) => (
          <button key={tool.id} type="button" class="chip" aria-pressed={tool.id === toolId} onClick={() => select(tool.id)}>
            <Icon name={tool.icon} /> {tool.shortLabel ?? tool.label}
          </button>
        ))}
      {selected && !selected.pinned && (
        <button type="button" class="chip selected" aria-label={text("removeTool", { name: selected.label })} onClick={() => select(selected.id)}>
          <Icon name={selected.icon} /> {selected.shortLabel ?? selected.label} <Icon name="close" />
        </button>
      )}
    </>
  );
}

function ModelControl({ modelId }: { modelId: string | null }) {
  const { chat, options, locale } = useView();
  const selected = selectedModel(options.models, modelId);
  if (!selected) return null;
  const choices = options.models.map(({ id, label, description, disabled }) => ({ id, label, description, isDisabled: disabled }));
  return (
    <Menu
      label={locale.text("chooseModel")}
      icon="lucide:cpu"
      caption={selected.label}
      choices={choices}
      selectedId={selected.id}
      onSelect={(id) => chat.setComposer({ modelId: id })}
    />
  );
}
