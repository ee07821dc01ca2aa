import type { Source } from "../protocol/types";
import { safeLink } from "../markdown/links";
import { Icon } from "./icon";
import { useLocale } from "./context";
import { EntityView } from "./entity";

/** Each source once, in the order in which they are named. */
export function uniqueSources(sources: readonly Source[]): Source[] {
  return [...new Map(sources.map((source) => [keyOf(source), source])).values()];
}

/** Which of the unique sources one is, from 1. */
export function numberOf(source: Source, unique: readonly Source[]): number {
  return unique.findIndex((one) => keyOf(one) === keyOf(source)) + 1;
}

/** The sources of an answer or a search, each address once. */
export function Sources({ sources }: { sources: readonly Source[] }) {
  const { text } = useLocale();
  const unique = uniqueSources(sources);
  return (
    <ul class="sources" aria-label={text("sources")}>
      {unique.map((source) => (
        <li key={keyOf(source)}>
          <SourceView source={source} />
        </li>
      ))}
    </ul>
  );
}

function keyOf(source: Source): string {
  if (source.type === "url") return source.url;
  return source.type === "file" ? source.filename : source.id;
}

function SourceView({ source }: { source: Source }) {
  if (source.type === "url") {
    const href = safeLink(source.url, document.baseURI);
    const label = source.title || source.attribution || source.url;
    if (href === null) return <span class="source">{label}</span>;
    return (
      <a class="source" href={href} target="_blank" rel="noopener noreferrer" title={source.description ?? href}>
        <Icon name="globe" />
        <span dir="auto">{label}</span>
      </a>
    );
  }
  if (source.type === "entity") {
    const { id, title, interactive, data } = source;
    const entity = { id, title, icon: source.icon ?? undefined, interactive: interactive ?? false, data: data ?? {} };
    return <EntityView entity={entity} class="source" label={source.inline_label ?? title} icon={source.icon ?? "cube"} />;
  }
  return (
    <span class="source" title={source.description ?? undefined}>
      <Icon name="document" />
      <span dir="auto">{source.title || source.filename}</span>
    </span>
  );
}
