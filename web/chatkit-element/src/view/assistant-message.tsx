import { withMarks } from "../markdown/marks";
import type { AssistantContent, AssistantMessageItem, Source } from "../protocol/types";
import { useLocale } from "./context";
import { Markdown } from "./markdown";
import { useRevealed } from "./reveal";
import { numberOf, Sources, uniqueSources } from "./sources";

/** The same for all answers without sources, so that their paragraphs are not drawn again. */
const NO_SOURCES: readonly Source[] = [];

interface AssistantMessageProps {
  item: AssistantMessageItem;
  isStreaming: boolean;
  allowedImageDomains: readonly string[];
}

export function AssistantMessage({ item, isStreaming, allowedImageDomains }: AssistantMessageProps) {
  const { text } = useLocale();
  const named = item.content.flatMap((part) => (part.annotations ?? []).map((annotation) => annotation.source));
  const sources = named.length > 0 ? uniqueSources(named) : NO_SOURCES;
  return (
    <div class="answer">
      <span class="visually-hidden">{text("assistant")}</span>
      {item.content.map((part, index) => (
        <Part key={index} part={part} sources={sources} isStreaming={isStreaming} allowedImageDomains={allowedImageDomains} />
      ))}
      {sources.length > 0 && <Sources sources={sources} />}
    </div>
  );
}

interface PartProps extends Omit<AssistantMessageProps, "item"> {
  part: AssistantContent;
  sources: readonly Source[];
}

function Part({ part, sources, isStreaming, allowedImageDomains }: PartProps) {
  const revealed = useRevealed(part.text, isStreaming);
  // While it grows, its last words are not all there: the marks come with the whole text.
  const marks = isStreaming || revealed !== part.text ? [] : (part.annotations ?? []).flatMap(({ index, source }) => (index == null ? [] : [{ index, number: numberOf(source, sources) }]));
  return <Markdown text={withMarks(revealed, marks)} isStreaming={isStreaming} allowedImageDomains={allowedImageDomains} sources={sources} />;
}

export function plainText(item: AssistantMessageItem): string {
  return item.content.map((part) => part.text).join("\n\n");
}
