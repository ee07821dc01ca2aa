import type { AssistantMessageItem } from "../protocol/types";
import { useLocale } from "./context";
import { Markdown } from "./markdown";
import { useRevealed } from "./reveal";
import { Sources } from "./sources";

interface AssistantMessageProps {
  item: AssistantMessageItem;
  isStreaming: boolean;
  allowedImageDomains: readonly string[];
}

export function AssistantMessage({ item, isStreaming, allowedImageDomains }: AssistantMessageProps) {
  const { text } = useLocale();
  const sources = item.content.flatMap((part) => (part.annotations ?? []).map((annotation) => annotation.source));
  return (
    <div class="answer">
      <span class="visually-hidden">{text("assistant")}</span>
      {item.content.map((part, index) => (
        <Part key={index} text={part.text} isStreaming={isStreaming} allowedImageDomains={allowedImageDomains} />
      ))}
      {sources.length > 0 && <Sources sources={sources} />}
    </div>
  );
}

function Part({ text, isStreaming, allowedImageDomains }: Omit<AssistantMessageProps, "item"> & { text: string }) {
  return <Markdown text={useRevealed(text, isStreaming)} isStreaming={isStreaming} allowedImageDomains={allowedImageDomains} />;
}

export function plainText(item: AssistantMessageItem): string {
  return item.content.map((part) => part.text).join("\n\n");
}
